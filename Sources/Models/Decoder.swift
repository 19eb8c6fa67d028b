import Base
import Geometry
import Glibc

/// A decoded box on the canvas.
public struct CanvasDetection: Hashable, Sendable {
    /// xyxy pixels of the canvas, clipped to what was shown.
    public var box: Box
    /// 0..<K.
    public var label: Int
    /// Probability, 0...1.
    public var score: Float
}

extension DecodingSpec {
    /// The detections of one image, best first: scores above the floor, the best `candidatesPerClass` of each class,
    /// boxes clipped to the picture, suppression within each class, the best `perImage` of all (docs/paper.md 3.3; the
    /// clipping before suppression is the TPU code's, and torchvision's).
    ///
    /// - Parameters:
    ///   - logits: `[A, K']` row-major.
    ///   - codes: `[A, 4]` row-major.
    ///   - classes: K; the first `channelOffset` channels are left out.
    ///   - visible: the part of the canvas, from its upper left corner, that shows the picture; nil: all of it.
    public func callAsFunction(
        logits: UnsafeBufferPointer<Float>, codes: UnsafeBufferPointer<Float>, anchors: Anchors, classes: Int,
        channelOffset: Int, visible: Size? = nil
    ) -> [CanvasDetection] {
        let channels = classes + channelOffset
        precondition(
            logits.count == anchors.count * channels && codes.count == anchors.count * 4,
            "\(logits.count) logits and \(codes.count) codes for \(anchors.count) anchors and \(channels) channels")
        // Comparing log-odds spares a sigmoid for nearly every anchor.
        let floor = scoreFloor <= 0 ? -Float.infinity : log(scoreFloor / (1 - scoreFloor))
        var candidates = [[(anchor: Int32, logit: Float)]](repeating: [], count: classes)
        for i in 0..<anchors.count {
            let row = i * channels + channelOffset
            for k in 0..<classes where logits[row + k] > floor { candidates[k].append((Int32(i), logits[row + k])) }
        }
        var kept: [CanvasDetection] = []
        for k in 0..<classes where !candidates[k].isEmpty {
            // The first anchor wins among equals, so that the order is total and the result the same everywhere.
            let sorted = candidates[k].sorted { $0.logit != $1.logit ? $0.logit > $1.logit : $0.anchor < $1.anchor }
            var chosen: [CanvasDetection] = []
            for (anchor, logit) in sorted.prefix(candidatesPerClass) {
                let c = Int(anchor) * 4
                let box = BoxCode.decode(
                    codes[c], codes[c + 1], codes[c + 2], codes[c + 3], anchor: anchors[Int(anchor)],
                    sizesPlusOne: sizesPlusOne
                ).clipped(to: visible ?? anchors.canvas)
                if box.isEmpty || chosen.contains(where: { $0.box.iou(box) > iou }) { continue }
                chosen.append(CanvasDetection(box: box, label: k, score: 1 / (1 + exp(-logit))))
                if chosen.count == perClass { break }
            }
            kept += chosen
        }
        kept.sort {
            $0.score != $1.score
                ? $0.score > $1.score : ($0.label, $0.box.x1, $0.box.y1) < ($1.label, $1.box.x1, $1.box.y1)
        }
        return Array(kept.prefix(perImage))
    }
}
