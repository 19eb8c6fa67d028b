import Annotations
import Base
import Evaluation
import Journal
import Recipes

/// What `pupil val` is asked of detections, however they came about.
struct ValSettings {
    static let keys: [Key] = [
        Key(
            "metric", .choice(["coco", "voc", "voc07"]), default: "coco", group: "evaluation",
            help: "coco; or VOC's AP at one IoU: voc by every point of the curve, voc07 by eleven."),
        Key(
            "iou", .list(of: .number(Double.leastNonzeroMagnitude...1)), group: "evaluation",
            help: "IoU thresholds. Default: COCO's 0.5, 0.55, ... 0.95; 0.5 with VOC's metrics."),
        Key(
            "max-detections", .list(of: .positiveInteger), group: "evaluation",
            help: "Detections of an image and class that count: rising; AP takes the last. Default: 1 10 100."),
        Key(
            "areas", .list(of: .string), group: "evaluation",
            help: "NAME:FROM:TO in square pixels. Default: small:0:1024 medium:1024:9216 large:9216:1e10."),
        Key(
            "min-score", .number(-Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude), group: "evaluation",
            help: "Detections with a smaller score are left out. Default: none is."),
        Key(
            "details", .path, group: "evaluation", affectsResult: false,
            help:
                "Write curves, kinds of errors, confusion matrix and each picture's outcome into this JSON file (docs/evaluation.md)."
        ),
        Key(
            "details-score", .number(-Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude), default: 0.25,
            group: "evaluation", affectsResult: false,
            help: "The least score of a detection whose outcome is looked at in --details."),
    ]

    private let metric: String
    private let evaluation: EvaluationSettings
    let details: (path: String, score: Double)?

    init(_ settings: Settings) throws(Failure) {
        metric = settings.string("metric")
        if metric != "coco" {
            for key in ["max-detections", "areas"] where settings.isGiven(key) {
                throw .usage("--\(key) goes with --metric coco")
            }
        }
        var evaluation = EvaluationSettings(scoreFloor: settings.optionalDouble("min-score") ?? -.infinity)
        if metric != "coco" { evaluation.iouThresholds = [0.5] }
        func rising<T: Comparable>(_ key: String, _ values: [T]) throws(Failure) -> [T] {
            guard !values.isEmpty, values.count <= 64, zip(values, values.dropFirst()).allSatisfy({ $0 < $1 }) else {
                throw .usage("--\(key): expected 1 to 64 rising numbers, not \(values)")
            }
            return values
        }
        if settings.isGiven("iou") { evaluation.iouThresholds = try rising("iou", settings.doubles("iou")) }
        if metric != "coco", evaluation.iouThresholds.count != 1 {
            throw .usage("--iou: --metric \(metric) has one IoU, not \(evaluation.iouThresholds.count)")
        }
        if settings.isGiven("max-detections") {
            evaluation.maxDetections = try rising("max-detections", settings.ints("max-detections"))
        }
        if settings.isGiven("areas") { evaluation.areas = try Self.areas(settings.strings("areas")) }
        self.evaluation = evaluation
        details = settings.optionalString("details").map { ($0, settings.double("details-score")) }
    }

    private static func areas(_ words: [String]) throws(Failure) -> [EvaluationSettings.AreaRange] {
        var areas: [EvaluationSettings.AreaRange] = []
        for word in words {
            let parts = word.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 3, !parts[0].isEmpty, let low = Double(parts[1]), let high = Double(parts[2]),
                low >= 0, low <= high
            else { throw .usage("--areas: \(word) is not NAME:FROM:TO with FROM <= TO in square pixels") }
            if areas.contains(where: { $0.name == parts[0] }) { throw .usage("--areas: \(parts[0]) is named twice") }
            areas.append(.init(String(parts[0]), low...high))
        }
        guard areas.count <= 31 else { throw .usage("--areas: at most 31, not \(areas.count)") }
        return areas
    }

    /// The numbers of detections, `[truth.images]`; writes the details where they are asked for.
    func report(_ truth: TruthSet, _ detections: [[ScoredBox]]) throws(Failure) -> (json: JSON, text: String) {
        if let details {
            let analysis = DetectionAnalysis(scoreFloor: details.score)
            try Files.write(EvaluationDetails(truth, detections, analysis).json.canonical + "\n", to: details.path)
        }
        if metric == "coco" {
            let metrics = COCOEvaluator.evaluate(truth, detections, evaluation)
            return (metrics.json, metrics.table)
        }
        let evaluator = VOCEvaluator(iou: evaluation.iouThresholds[0], points: metric == "voc" ? .every : .eleven)
        let kept = detections.map { $0.filter { $0.score >= evaluation.scoreFloor } }
        let perClass = evaluator.averagePrecisions(truth, kept)
        let mean = VOCEvaluator.mean(perClass)
        let members = zip(truth.classes.names, perClass).map { ($0, JSON.number($1)) }
        var table = TextTable(["class", "AP"])
        for (name, value) in zip(truth.classes.names, perClass) + [("mean", mean)] {
            table.add([name, value.isNaN ? "-" : TextTable.fixed(value * 100, 1)])
        }
        let json: JSON = [
            "mAP": .number(mean), "iou": .double(evaluator.iou),
            "per_class": .object(Dictionary(members, uniquingKeysWith: { first, _ in first })),
        ]
        return (json, table.text)
    }
}
