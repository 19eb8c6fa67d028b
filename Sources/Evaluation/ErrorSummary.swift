import Annotations
import Base

/// Counts of what became of detections and labels, of each class and of all.
public struct ErrorSummary: Sendable {
    /// The counts of one class; an error belongs to the class that the detection claims.
    public struct Counts: Sendable, Hashable {
        /// Detections by outcome.
        public var detections: [DetectionOutcome: Int] = [:]
        /// Labels by outcome.
        public var labels: [LabelOutcome: Int] = [:]

        /// `{"detections": {OUTCOME: N}, "labels": {OUTCOME: N}}`, every outcome named.
        public var json: JSON {
            func counts<T: RawRepresentable<String> & CaseIterable & Hashable>(_ counts: [T: Int]) -> JSON {
                .object(Dictionary(uniqueKeysWithValues: T.allCases.map { ($0.rawValue, .int(counts[$0] ?? 0)) }))
            }
            return ["detections": counts(detections), "labels": counts(labels)]
        }
    }

    /// In the order of the class table.
    public private(set) var perClass: [Counts]

    /// The counts of judged pictures.
    public init(_ images: [JudgedImage], classes: Int) {
        perClass = [Counts](repeating: Counts(), count: classes)
        for image in images {
            for detection in image.detections {
                perClass[detection.box.label].detections[detection.outcome, default: 0] += 1
            }
            for label in image.labels { perClass[label.box.label].labels[label.outcome, default: 0] += 1 }
        }
    }

    /// Of all classes.
    public var all: Counts {
        perClass.reduce(into: Counts()) {
            $0.detections.merge($1.detections) { $0 + $1 }
            $0.labels.merge($1.labels) { $0 + $1 }
        }
    }
}

/// Which class is taken for which, at one IoU and above some score. A last row and a last column stand for background.
public struct ConfusionMatrix: Sendable, Hashable {
    /// K + 1 a side.
    public let side: Int
    /// `[K + 1, K + 1]`: rows are labels, columns are detections. Each label that counts is in its row once: where it was
    /// found, else at the detection of another class that lies on it, else in the last column. Each detection is in its
    /// column once, in the last row where no label is left for it; those on ignored labels are left out.
    public private(set) var counts: [Int]

    /// The matrix of judged pictures.
    /// - Parameter iou: from this IoU on a detection can be taken for a label of another class.
    public init(_ images: [JudgedImage], classes: Int, iou: Double = 0.5) {
        side = classes + 1
        counts = [Int](repeating: 0, count: side * side)
        for image in images { add(image, iou) }
    }

    /// Labels of class `label` at which a detection of class `detection` stands; K is background.
    public subscript(label: Int, detection: Int) -> Int { counts[label * side + detection] }

    private mutating func add(_ image: JudgedImage, _ iou: Double) {
        let background = side - 1
        var isLeft = image.labels.map { $0.outcome == .missed || $0.outcome == .mistaken }
        for detection in image.detections where detection.outcome != .ignored {
            if detection.outcome == .right {
                counts[detection.box.label * side + detection.box.label] += 1
                continue
            }
            // Right ones come first, whatever their score; of the others the best takes the label that it covers most.
            var (found, greatest): (Int?, Double) = (nil, iou)
            for (j, label) in image.labels.enumerated() where isLeft[j] && label.box.label != detection.box.label {
                let overlap = detection.box.frame.overlap(with: label.box.frame)
                if overlap >= greatest { (found, greatest) = (j, overlap) }
            }
            let row = found.map { image.labels[$0].box.label } ?? background
            if let found { isLeft[found] = false }
            counts[row * side + detection.box.label] += 1
        }
        for (j, label) in image.labels.enumerated() where isLeft[j] { counts[label.box.label * side + background] += 1 }
    }

    /// `[[...], ...]`, a row a label's class.
    public var json: JSON {
        .array((0..<side).map { row in .array(counts[row * side..<(row + 1) * side].map { .int($0) }) })
    }
}
