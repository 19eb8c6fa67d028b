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
    /// The detections of one image, best first: scores above the floor, the best `candidatesPerLevel`
    /// of each level and the best `candidatesPerClass` of each class,
    /// boxes clipped to the picture, suppression within each class (or of all together), the best `perImage` of all
    /// (docs/paper.md 3.3; the clipping before suppression is the TPU code's, and torchvision's).
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
        var groups = [[Candidate]](repeating: [], count: classes)
        var first = 0
        for grid in anchors.grids {
            let end = first + grid.rows * grid.columns * anchors.perCell
            var level: [Candidate] = []
            for i in first..<end {
                let row = i * channels + channelOffset
                for k in 0..<classes where logits[row + k] > floor {
                    level.append(Candidate(anchor: Int32(i), label: Int32(k), logit: logits[row + k]))
                }
            }
            if level.count > candidatesPerLevel {
                level.sort()
                level.removeLast(level.count - candidatesPerLevel)
            }
            for candidate in level { groups[Int(candidate.label)].append(candidate) }
            first = end
        }
        for k in 0..<classes {
            groups[k].sort()
            groups[k].removeLast(max(0, groups[k].count - candidatesPerClass))
        }
        if suppression.isAgnostic { groups = [groups.joined().sorted()] }
        func box(_ candidate: Candidate) -> Box {
            let c = Int(candidate.anchor) * 4
            return BoxCode.decode(
                codes[c], codes[c + 1], codes[c + 2], codes[c + 3], anchor: anchors[Int(candidate.anchor)],
                sizesPlusOne: sizesPlusOne
            ).clipped(to: visible ?? anchors.canvas)
        }
        var kept = groups.flatMap { suppression.kind == .hard ? hard($0, box) : soft($0, box) }
        kept.sort {
            $0.score != $1.score
                ? $0.score > $1.score : ($0.label, $0.box.x1, $0.box.y1) < ($1.label, $1.box.x1, $1.box.y1)
        }
        return Array(kept.prefix(perImage))
    }

    /// An output above the floor. The first anchor wins among equals, so that the order is total and the result the same
    /// everywhere.
    private struct Candidate: Comparable {
        var anchor: Int32
        var label: Int32
        var logit: Float

        var score: Float { 1 / (1 + exp(-logit)) }

        static func < (a: Candidate, b: Candidate) -> Bool {
            a.logit != b.logit ? a.logit > b.logit : (a.label, a.anchor) < (b.label, b.anchor)
        }
    }

    /// Of sorted candidates those that no better one suppresses. Boxes are made on the way: most are never needed.
    private func hard(_ candidates: [Candidate], _ box: (Candidate) -> Box) -> [CanvasDetection] {
        var chosen: [CanvasDetection] = []
        for candidate in candidates {
            if chosen.count == perClass { break }
            let box = box(candidate)
            if box.isEmpty && !keepsEmpty || chosen.contains(where: { $0.box.iou(box) > suppression.iou }) { continue }
            chosen.append(CanvasDetection(box: box, label: Int(candidate.label), score: candidate.score))
        }
        return chosen
    }

    /// Of sorted candidates the best, by turns, while the scores of those left fall.
    private func soft(_ candidates: [Candidate], _ box: (Candidate) -> Box) -> [CanvasDetection] {
        var left = candidates.map { CanvasDetection(box: box($0), label: Int($0.label), score: $0.score) }
        if !keepsEmpty { left.removeAll { $0.box.isEmpty } }
        var chosen: [CanvasDetection] = []
        while chosen.count < perClass {
            // Among equals the first, which is the one that was better before.
            guard var best = left.indices.first else { break }
            for i in left.indices where left[i].score > left[best].score { best = i }
            let winner = left.remove(at: best)
            chosen.append(winner)
            var count = 0
            for var rival in left {
                let overlap = winner.box.iou(rival.box)
                if overlap > 0 { rival.score *= suppression.weight(overlap) }
                if rival.score <= scoreFloor { continue }
                left[count] = rival
                count += 1
            }
            left.removeLast(left.count - count)
        }
        return chosen
    }
}
