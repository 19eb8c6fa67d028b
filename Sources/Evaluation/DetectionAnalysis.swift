import Annotations
import Base

/// What became of a detection, at one IoU and above some score (docs/evaluation.md). The first that applies.
public enum DetectionOutcome: String, CaseIterable, Sendable {
    /// It found a label of its class.
    case right
    /// It lies on an ignored label of its class: neither right nor wrong.
    case ignored
    /// It lies on a label of its class that a better one found.
    case duplicate
    /// It lies on a label of another class.
    case classError = "class"
    /// It is near a label of its class, and not near enough.
    case placeError = "place"
    /// It is near a label of another class only.
    case classAndPlace = "class_and_place"
    /// Nothing is there.
    case background
}

/// What became of a label.
public enum LabelOutcome: String, CaseIterable, Sendable {
    /// A detection of its class found it.
    case found
    /// No detection found it, but one with the wrong class or in the wrong place was meant for it.
    case mistaken
    /// No detection has to do with it.
    case missed
    /// It does not count.
    case ignored
}

/// A detection and what became of it.
public struct JudgedDetection: Sendable, Hashable {
    /// As given.
    public var box: ScoredBox
    /// What became of it.
    public var outcome: DetectionOutcome
    /// The label that the outcome is about, an index into the image's; nil for background.
    public var truth: Int?
    /// The IoU with that label (with a crowd: the share inside it); with background, the greatest of all.
    public var overlap: Double
}

/// A picture's detections and labels and what became of them.
public struct JudgedImage: Sendable {
    /// The image's id.
    public var id: Int
    /// As the annotation file names it.
    public var fileName: String
    /// Best first, without those below the floor and those beyond the most that count.
    public var detections: [JudgedDetection]
    /// The labels as given, each with what became of it and the detection (index into `detections`) that found it or was
    /// meant for it.
    public var labels: [(box: TrueBox, outcome: LabelOutcome, detection: Int?)]

    /// Wrong detections and labels not found.
    public var mistakes: Int {
        detections.count { $0.outcome != .right && $0.outcome != .ignored }
            + labels.count { $0.outcome == .mistaken || $0.outcome == .missed }
    }
}

/// Finds out what kind of mistake each detection is: on one image, by itself.
public struct DetectionAnalysis: Sendable {
    /// From this IoU on a label counts as found.
    public var iou: Double
    /// From this IoU on a detection has to do with a label.
    public var nearIoU: Double
    /// Detections with a smaller score are left out.
    public var scoreFloor: Double
    /// The best so many of a class count.
    public var maxDetections: Int

    /// TIDE's two IoUs, and a floor at which people look at detections.
    /// - Precondition: `0 < nearIoU <= iou <= 1`.
    public init(iou: Double = 0.5, nearIoU: Double = 0.1, scoreFloor: Double = 0.25, maxDetections: Int = 100) {
        precondition(nearIoU > 0 && nearIoU <= iou && iou <= 1, "0 < \(nearIoU) <= \(iou) <= 1 does not hold")
        self.iou = iou
        self.nearIoU = nearIoU
        self.scoreFloor = scoreFloor
        self.maxDetections = maxDetections
    }

    /// The picture's detections and labels, judged. Right are those that COCO's matching finds right at this IoU.
    public func judge(_ image: TruthSet.Image, _ scored: [ScoredBox]) -> JudgedImage {
        let truth = image.boxes
        let boxes = chosen(scored)
        let (d, g) = (boxes.count, truth.count)
        var overlaps: [Double] = []
        overlaps.reserveCapacity(d * g)
        for box in boxes {
            for label in truth { overlaps.append(box.frame.overlap(with: label.frame, isCrowd: label.isCrowd)) }
        }
        var finder = [Int?](repeating: nil, count: g)
        var judged: [JudgedDetection] = []
        for (i, box) in boxes.enumerated() {
            /// The wanted label of greatest overlap, from `least` on; the last of equals, as in COCO's matching.
            func best(_ least: Double, _ wanted: (Int) -> Bool) -> Int? {
                var (found, greatest): (Int?, Double) = (nil, least)
                for j in 0..<g where overlaps[i * g + j] >= greatest && wanted(j) {
                    (found, greatest) = (j, overlaps[i * g + j])
                }
                return found
            }
            func isOwn(_ j: Int) -> Bool { truth[j].label == box.label && !truth[j].isIgnored }
            func isOther(_ j: Int) -> Bool { truth[j].label != box.label && !truth[j].isIgnored }
            let outcome: (DetectionOutcome, Int?)
            if let j = best(min(iou, 1 - 1e-10), { isOwn($0) && finder[$0] == nil }) {
                finder[j] = i
                outcome = (.right, j)
            } else if let j = best(
                min(iou, 1 - 1e-10),
                {
                    truth[$0].label == box.label && truth[$0].isIgnored && (finder[$0] == nil || truth[$0].isCrowd)
                })
            {
                finder[j] = i
                outcome = (.ignored, j)
            } else if let j = best(iou, isOwn) {
                outcome = (.duplicate, j)
            } else if let j = best(iou, isOther) {
                outcome = (.classError, j)
            } else if let j = best(nearIoU, isOwn) {
                outcome = (.placeError, j)
            } else if let j = best(nearIoU, isOther) {
                outcome = (.classAndPlace, j)
            } else {
                outcome = (.background, nil)
            }
            let overlap = outcome.1.map { overlaps[i * g + $0] } ?? overlaps[i * g..<(i + 1) * g].max() ?? 0
            judged.append(JudgedDetection(box: box, outcome: outcome.0, truth: outcome.1, overlap: overlap))
        }
        return JudgedImage(
            id: image.id, fileName: image.fileName, detections: judged, labels: labels(truth, judged, finder))
    }

    /// Best first; equal scores in the order given.
    private func chosen(_ scored: [ScoredBox]) -> [ScoredBox] {
        var counts: [Int: Int] = [:]
        return scored.indices.filter { scored[$0].score >= scoreFloor }
            .sorted { scored[$0].score != scored[$1].score ? scored[$0].score > scored[$1].score : $0 < $1 }
            .map { scored[$0] }
            .filter {
                counts[$0.label, default: 0] += 1
                return counts[$0.label, default: 0] <= maxDetections
            }
    }

    private func labels(
        _ truth: [TrueBox], _ detections: [JudgedDetection], _ finder: [Int?]
    ) -> [(box: TrueBox, outcome: LabelOutcome, detection: Int?)] {
        truth.indices.map { j in
            if truth[j].isIgnored { return (truth[j], .ignored, finder[j]) }
            if let i = finder[j] { return (truth[j], .found, i) }
            let meant = detections.firstIndex {
                $0.truth == j && [.classError, .placeError, .classAndPlace].contains($0.outcome)
            }
            return (truth[j], meant == nil ? .missed : .mistaken, meant)
        }
    }
}
