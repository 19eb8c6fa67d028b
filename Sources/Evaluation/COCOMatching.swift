import Annotations
import Geometry

/// The labels and detections of one class in one image.
struct MatchingCell: Sendable {
    /// Labels in the order of their file.
    var truth: [Annotation]
    /// Detections by falling score, equal scores in the order given, at most as many as count.
    var detections: [Detection]
}

/// What became of a cell's detections. Bit t of a mask belongs to threshold t.
struct MatchedCell: Sendable {
    /// `[A, D]`: the thresholds at which a detection found a label.
    var matched: [UInt64]
    /// `[A, D]`: the thresholds at which it does not count: it found an ignored label, or found none and is outside the
    /// range of area.
    var ignored: [UInt64]
    /// `[A]`: the labels that count.
    var positives: [Int]
}

extension MatchingCell {
    /// Matches as `COCOeval.evaluateImg` of pycocotools does: each detection, best first, takes the free label of
    /// greatest IoU (the last of equals) at or above the threshold; labels that count come before ignored ones; a crowd
    /// can be taken again and again. One deviation: a label whose id is 0 can be matched (pycocotools takes id 0 for
    /// "no match").
    func match(thresholds: [Double], areas: [ClosedRange<Double>]) -> MatchedCell {
        let (d, g) = (detections.count, truth.count)
        let overlaps = overlapTable()
        let detectionAreas = detections.map { Double($0.box.x2 - $0.box.x1) * Double($0.box.y2 - $0.box.y1) }
        var result = MatchedCell(
            matched: [UInt64](repeating: 0, count: areas.count * d),
            ignored: [UInt64](repeating: 0, count: areas.count * d), positives: [])
        var taken = [Bool](repeating: false, count: g)
        for (a, area) in areas.enumerated() {
            let ignored = truth.map { $0.treatment == .ignore || $0.isCrowd || !area.contains($0.area) }
            let order = truth.indices.filter { !ignored[$0] } + truth.indices.filter { ignored[$0] }
            result.positives.append(ignored.count { !$0 })
            for (t, threshold) in thresholds.enumerated() {
                let bit = UInt64(1) << UInt64(t)
                for i in 0..<g { taken[i] = false }
                for i in 0..<d {
                    var best = min(threshold, 1 - 1e-10)
                    var match = -1
                    for j in order {
                        if taken[j] && !truth[j].isCrowd { continue }
                        if match >= 0 && !ignored[match] && ignored[j] { break }
                        let overlap = overlaps[i * g + j]
                        if overlap < best { continue }
                        best = overlap
                        match = j
                    }
                    if match >= 0 {
                        taken[match] = true
                        result.matched[a * d + i] |= bit
                        if ignored[match] { result.ignored[a * d + i] |= bit }
                    } else if !area.contains(detectionAreas[i]) {
                        result.ignored[a * d + i] |= bit
                    }
                }
            }
        }
        return result
    }

    /// IoU of each detection with each label, `[D, G]`, in double precision; with a crowd, the share of the detection
    /// that lies inside it.
    private func overlapTable() -> [Double] {
        var table = [Double](repeating: 0, count: detections.count * truth.count)
        var at = 0
        for detection in detections {
            let a = detection.box
            let (ax1, ay1, ax2, ay2) = (Double(a.x1), Double(a.y1), Double(a.x2), Double(a.y2))
            let own = (ax2 - ax1) * (ay2 - ay1)
            for label in truth {
                let b = label.box
                let (bx1, by1, bx2, by2) = (Double(b.x1), Double(b.y1), Double(b.x2), Double(b.y2))
                let width = min(ax2, bx2) - max(ax1, bx1)
                let height = min(ay2, by2) - max(ay1, by1)
                if width > 0 && height > 0 {
                    let shared = width * height
                    table[at] = shared / (label.isCrowd ? own : own + (bx2 - bx1) * (by2 - by1) - shared)
                }
                at += 1
            }
        }
        return table
    }
}
