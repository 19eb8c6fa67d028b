import Annotations
import Base

/// Average precision as PASCAL VOC defines it (Everingham et al. 2010, section 4.2, and the devkit's `VOCevaldet`): one
/// IoU; labels that are ignored (`difficult`) neither count nor punish.
///
/// A detection is held against the label of its class that it overlaps most, found before or not; a second one on a
/// label is a mistake even where another label is near enough. In that the matching differs from COCO's.
public struct VOCEvaluator: Sendable, Hashable {
    /// How the curve becomes a number.
    public enum Points: String, Sendable, CaseIterable {
        /// The greatest precision at a recall of 0, 0.1, ... 1 or more, averaged: VOC until 2009.
        case eleven
        /// The area under the curve made falling: VOC from 2010 on.
        case every
    }

    /// What a box's edges are.
    public enum Pixels: String, Sendable, CaseIterable {
        /// Widths are differences of edges, as in COCO.
        case halfOpen
        /// The right and lower edge are the last pixels that belong to the box, so that widths are differences + 1: the
        /// devkit's, on edges as VOC's files have them.
        case inclusive
    }

    /// A detection at this overlap or more finds the label.
    public var iou: Double
    /// How the curve becomes a number.
    public var points: Points
    /// What a box's edges are.
    public var pixels: Pixels

    /// VOC's evaluation.
    public init(iou: Double = 0.5, points: Points = .every, pixels: Pixels = .halfOpen) {
        self.iou = iou
        self.points = points
        self.pixels = pixels
    }

    /// AP of each class, `[K]`, 0...1; NaN where the class has no label that counts.
    /// - Parameter detections: `[truth.images]`, in any order; equal scores by image and in the order given.
    /// - Precondition: one list an image; labels are of the set's classes.
    public func averagePrecisions(
        _ truth: TruthSet, _ detections: [[ScoredBox]], threads: Int = availableProcessors()
    ) -> [Double] {
        precondition(
            detections.count == truth.images.count,
            "\(detections.count) lists of detections for \(truth.images.count) images")
        var places = [[(score: Double, image: Int, place: Int)]](repeating: [], count: truth.classes.count)
        for (i, list) in detections.enumerated() {
            for (place, box) in list.enumerated() { places[box.label].append((box.score, i, place)) }
        }
        return parallelMap(truth.classes.count, threads: threads) { [places] label in
            average(truth, detections, places[label], label)
        }
    }

    /// The mean over classes that have labels; NaN where none has.
    public static func mean(_ perClass: [Double]) -> Double {
        let defined = perClass.filter { !$0.isNaN }
        return defined.isEmpty ? .nan : defined.reduce(0, +) / Double(defined.count)
    }

    private func average(
        _ truth: TruthSet, _ detections: [[ScoredBox]], _ places: [(score: Double, image: Int, place: Int)],
        _ label: Int
    ) -> Double {
        let labels = truth.images.map { image in image.boxes.filter { $0.label == label } }
        let positives = labels.reduce(0) { $0 + $1.count { !$0.isIgnored } }
        if positives == 0 { return .nan }
        let order = places.sorted {
            $0.score != $1.score ? $0.score > $1.score : ($0.image, $0.place) < ($1.image, $1.place)
        }
        var isFound = labels.map { [Bool](repeating: false, count: $0.count) }
        var (right, wrong) = (0, 0)
        var curve: [(precision: Double, recall: Double)] = []
        for (_, image, place) in order {
            let frame = detections[image][place].frame
            var (best, greatest) = (-1, 0.0)
            for (j, box) in labels[image].enumerated() {
                let overlap = overlap(frame, box.frame)
                if overlap > greatest { (best, greatest) = (j, overlap) }
            }
            if best >= 0 && greatest >= iou {
                if labels[image][best].isIgnored { continue }
                if isFound[image][best] { wrong += 1 } else { right += 1 }
                isFound[image][best] = true
            } else {
                wrong += 1
            }
            curve.append((Double(right) / Double(right + wrong), Double(right) / Double(positives)))
        }
        return summary(&curve)
    }

    private func summary(_ curve: inout [(precision: Double, recall: Double)]) -> Double {
        for i in curve.indices.dropLast().reversed() {
            curve[i].precision = max(curve[i].precision, curve[i + 1].precision)
        }
        switch points {
        case .eleven:
            // 3 * 0.1 is a little more than 3 / 10; so are the points of the evaluators in numpy, and a recall of 0.3 is
            // below them.
            return (0...10).reduce(0.0) { sum, i in
                sum + (curve.first { $0.recall >= Double(i) * 0.1 }?.precision ?? 0)
            } / 11
        case .every:
            var (area, recall) = (0.0, 0.0)
            for point in curve {
                area += (point.recall - recall) * point.precision
                recall = point.recall
            }
            return area
        }
    }

    private func overlap(_ a: Frame, _ b: Frame) -> Double {
        let one = pixels == .inclusive ? 1.0 : 0
        let w = min(a.x + a.width, b.x + b.width) - max(a.x, b.x) + one
        let h = min(a.y + a.height, b.y + b.height) - max(a.y, b.y) + one
        if w <= 0 || h <= 0 { return 0 }
        let shared = w * h
        return shared / ((a.width + one) * (a.height + one) + (b.width + one) * (b.height + one) - shared)
    }
}
