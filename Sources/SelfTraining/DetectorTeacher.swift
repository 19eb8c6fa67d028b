import Annotations
import Base
import Evaluation
import Geometry
import Loading
import Models
import Torch
import Training

extension Detector: Teacher {
    /// AP in points, boxes a picture.
    public static let words = TaskWords(
        metric: "AP", second: ("AP50", "AP50"), density: "boxes a picture", densityScale: 1,
        densityKeys: ("kept_boxes_per_image", "human_boxes_per_image"))

    /// `store.jsonl`: every detection above the model's score floor.
    public func label(
        _ pool: Dataset, _ options: InferenceOptions, as id: String, poolID: String, into folder: String,
        each: (_ done: Int, _ batch: LabelledBatch) throws(Failure) -> Void
    ) throws(Failure) {
        let decoding = spec.decoding
        var decoded: [String: JSON] = [
            "size": .int(canvas.width), "iou": .double(Double(decoding.suppression.iou)),
            "per_class": .int(decoding.perClass), "per_image": .int(decoding.perImage),
            "precision": .string("\(options.precision ?? .float32)"), "batch": .int(options.batch),
        ]
        if let suppression = options.suppression {
            decoded["iou"] = nil
            decoded["suppression"] = .string(suppression.description)
        }
        let header = StoreHeader(
            teacher: id, pool: poolID, count: pool.examples.count, classes: classes, floor: decoding.scoreFloor,
            decoding: .object(decoded))
        let store = try PredictionStore.open(
            Files.join(folder, "store.jsonl"), header: header, names: pool.examples.map(\.fileName))
        var filling = StoreFilling(store, batch: options.batch)
        try forEachBatch(pool, options, from: filling.first) { results throws(Failure) in
            try filling.add(results, each: each) { result, quarantine throws(Failure) in
                quarantine.add([result], of: pool)
                let example = pool.examples[result.index]
                let outcome: PredictionRecord.Outcome =
                    result.refusal.map { .refused($0) } ?? .scored(size: result.size, detections: result.detections)
                let digest = result.refusal == nil ? try Files.digest(pool.path(of: example)).description : ""
                return PredictionRecord(fileName: example.fileName, sha256: digest, outcome: outcome)
            }
            return true
        }
    }

    /// `labels.json`: a COCO file.
    public static func choose(
        from scored: String, root: String, _ choice: LabelChoice, human: LabelDensity?, into folder: String
    ) throws(Failure) -> JSON {
        let labels = try select(scored, root, choice)
        let chosen = try self.chosen(labels, human)
        try labels.write(to: Files.join(folder, "labels.json"))
        return chosen.json
    }

    /// The boxes again: choosing them is quick.
    public static func chosen(
        in folder: String, from scored: String, root: String, _ choice: LabelChoice, human: LabelDensity?
    ) throws(Failure) -> ChosenLabels { try chosen(try select(scored, root, choice), human) }

    private static func select(
        _ scored: String, _ root: String, _ choice: LabelChoice
    ) throws(Failure) -> PseudoLabels {
        try PseudoLabels.select(
            store: Files.join(scored, "store.jsonl"), root: root, threshold: choice.threshold,
            keepEmpty: choice.keepEmpty)
    }

    private static func chosen(_ labels: PseudoLabels, _ human: LabelDensity?) throws(Failure) -> ChosenLabels {
        let s = labels.summary
        let density = LabelDensity(
            all: s.keptPerImage, perClass: s.keptPerClass.map { Double($0) / Double(max(1, s.images)) })
        return ChosenLabels(
            dataset: labels.dataset, density: density,
            sentence: "kept \(s.kept) boxes on \(s.imagesWithBoxes) of \(s.images) pictures",
            histogram: s.histogramText,
            warning: try human.flatMap { human throws(Failure) in try s.check(humanBoxesPerImage: human.all) },
            json: s.json)
    }

    /// Boxes that cover a box of their class by half, each of which counts once.
    public static func precision(of labels: Dataset, against truth: Dataset) throws(Failure) -> LabelPrecision {
        var (right, made) = (
            [Int](repeating: 0, count: truth.classes.count), [Int](repeating: 0, count: truth.classes.count)
        )
        let analysis = DetectionAnalysis(scoreFloor: 0)
        for (label, human) in labels.paired(with: truth) {
            let boxes = label.objects.map {
                ScoredBox(frame: Frame($0.box), label: $0.label, score: Double($0.provenance?.score ?? 1))
            }
            let image = TruthSet.Image(id: human.id, boxes: human.annotations.map { TrueBox($0) })
            for detection in analysis.judge(image, boxes).detections where detection.outcome != .ignored {
                made[detection.box.label] += 1
                if detection.outcome == .right { right[detection.box.label] += 1 }
            }
        }
        return LabelPrecision(right: right, made: made)
    }

    /// Objects a picture.
    public static func density(_ set: Dataset) -> LabelDensity {
        LabelDensity(
            all: set.objectsPerImage,
            perClass: set.objectsPerClass.map { Double($0) / Double(max(1, set.examples.count)) })
    }

    /// AP.
    public static func metric(of name: String, in metrics: JSON) -> Double? {
        metrics["per_class"]?[name]?["AP"]?.double
    }
}
