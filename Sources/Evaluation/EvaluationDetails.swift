import Annotations
import Base

/// All that an evaluation can say beside its numbers, as data: curves, kinds of errors, the confusion matrix, and every
/// picture with what became of its detections and labels.
public struct EvaluationDetails: Sendable {
    /// What was scored against.
    public let truth: TruthSet
    /// At which IoU and above which score errors were judged.
    public let analysis: DetectionAnalysis
    /// `[K]`, at the analysis's IoU, of all scores.
    public let curves: [PrecisionCurve]
    /// In the order of `truth.images`.
    public let images: [JudgedImage]
    /// Counts of outcomes.
    public let errors: ErrorSummary
    /// Which class is taken for which.
    public let confusion: ConfusionMatrix

    /// The details of detections, `[truth.images]`.
    /// - Precondition: one list an image; labels are of the set's classes, no score is NaN.
    public init(
        _ truth: TruthSet, _ detections: [[ScoredBox]], _ analysis: DetectionAnalysis = .init(),
        threads: Int = availableProcessors()
    ) {
        self.truth = truth
        self.analysis = analysis
        let settings = EvaluationSettings(
            iouThresholds: [analysis.iou], maxDetections: [analysis.maxDetections], areas: [])
        curves = COCOEvaluator(truth, detections, settings, threads: threads)
            .precisionCurves(threshold: 0, threads: threads)
        images = parallelMap(truth.images.count, threads: threads) {
            analysis.judge(truth.images[$0], detections[$0])
        }
        errors = ErrorSummary(images, classes: truth.classes.count)
        confusion = ConfusionMatrix(images, classes: truth.classes.count, iou: analysis.iou)
    }

    /// One object; docs/evaluation.md says what its members mean.
    public var json: JSON {
        let names = truth.classes.names
        func byClass(_ values: [JSON]) -> JSON {
            .object(Dictionary(zip(names, values), uniquingKeysWith: { first, _ in first }))
        }
        return [
            "iou": .double(analysis.iou), "near_iou": .double(analysis.nearIoU),
            "score_floor": .number(analysis.scoreFloor), "max_detections": .int(analysis.maxDetections),
            "classes": .array(names.map { .string($0) }),
            "curves": byClass(curves.map(\.json)),
            "errors": ["all": errors.all.json, "per_class": byClass(errors.perClass.map(\.json))],
            "confusion": confusion.json,
            "images": .array(images.map { json($0) }),
        ]
    }

    private func json(_ image: JudgedImage) -> JSON {
        func bbox(_ frame: Frame) -> JSON {
            .array([.double(frame.x), .double(frame.y), .double(frame.width), .double(frame.height)])
        }
        let detections = image.detections.map { detection -> JSON in
            [
                "category_id": .int(truth.classes.ids[detection.box.label]), "score": .double(detection.box.score),
                "bbox": bbox(detection.box.frame), "outcome": .string(detection.outcome.rawValue),
                "annotation_id": detection.truth.map { .int(image.labels[$0].box.id) } ?? .null,
                "overlap": .double(detection.overlap),
            ]
        }
        let labels = image.labels.map { label -> JSON in
            [
                "id": .int(label.box.id), "category_id": .int(truth.classes.ids[label.box.label]),
                "bbox": bbox(label.box.frame), "outcome": .string(label.outcome.rawValue),
                "detection": label.detection.map { .int($0) } ?? .null,
            ]
        }
        return [
            "id": .int(image.id), "file_name": .string(image.fileName), "mistakes": .int(image.mistakes),
            "detections": .array(detections), "labels": .array(labels),
        ]
    }
}
