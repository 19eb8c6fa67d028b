/// The IoU of each box of `a` with each of `b`: `[a.count * b.count]`, row by row, 0...1.
///
/// The plain reference: one division a pair, in Float, as `Box.iou`. Both lists are boxes of one image.
public func iouMatrix(_ a: [Box], _ b: [Box]) -> [Float] {
    guard !a.isEmpty, !b.isEmpty else { return [] }
    return [Float](unsafeUninitializedCapacity: a.count * b.count) { out, count in
        b.withUnsafeBufferPointer { columns in
            var at = 0
            for row in a {
                for column in columns {
                    out[at] = row.iou(column)
                    at &+= 1
                }
            }
            count = at
        }
    }
}

/// The indices of the boxes that greedy non-maximum suppression keeps, best first.
///
/// Boxes are taken by falling score (equal scores: the earlier index first); a box is dropped where its IoU with a kept
/// box *of its own class* is greater than the threshold, as `torchvision.ops.batched_nms` does. The plain O(n^2)
/// reference, which never needs the offset trick that shifts classes apart and rounds the boxes.
///
/// - Parameters:
///   - boxes: `[N]`, xyxy in pixels of one image.
///   - scores: `[N]`; NaN is a caller's mistake.
///   - labels: `[N]`.
///   - iouThreshold: 0...1; a pair exactly at the threshold keeps both.
///   - limit: at most this many are kept.
/// - Precondition: the three lists are of one length.
public func nms(
    _ boxes: [Box], scores: [Float], labels: [Int], iouThreshold: Float, limit: Int = .max
) -> [Int] {
    precondition(
        boxes.count == scores.count && boxes.count == labels.count,
        "nms needs one score and one label a box: \(boxes.count) boxes, \(scores.count) scores, \(labels.count) labels")
    precondition(scores.allSatisfy { !$0.isNaN }, "nms was given a score that is NaN")
    // Ties are broken by index, so the order does not depend on the sort being stable.
    let order = scores.indices.sorted { scores[$0] != scores[$1] ? scores[$0] > scores[$1] : $0 < $1 }
    var kept: [Int] = []
    var keptOfClass: [Int: [Int]] = [:]
    for candidate in order {
        if kept.count >= limit { break }
        let box = boxes[candidate]
        let rivals = keptOfClass[labels[candidate], default: []]
        if rivals.contains(where: { boxes[$0].iou(box) > iouThreshold }) { continue }
        kept.append(candidate)
        keptOfClass[labels[candidate], default: []].append(candidate)
    }
    return kept
}
