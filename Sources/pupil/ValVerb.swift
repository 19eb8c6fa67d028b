import Annotations
import Base
import Evaluation
import Journal
import Recipes
import Torch
import Training

/// `pupil val`: COCO's numbers for a results file or a detector.
enum ValVerb {
    static let schema = Schema(
        verb: "val", summary: "COCO AP of detections (--dt) or of a detector (--weights).",
        keys: [
            Key("gt", .path, required: true, group: "data", help: "The ground truth. \(CommonKeys.forms)"),
            Key(
                "part", .string, default: "val", group: "data", help: "Which part of --gt, where it has several."),
            CommonKeys.classes,
            CommonKeys.detections("Detections to score."), CommonKeys.detectionLines, CommonKeys.detectionClasses,
            Key("weights", .path, group: "data", help: "Or a detector's weights."),
            Key(
                "images", .path, group: "data",
                help:
                    "The pictures of --gt. Default: where its form has them. Needed where boxes are fractions of them."),
            Key(
                "out", .path, group: "run", affectsResult: false,
                help: "With --weights: write predictions.json and metrics.json into this folder."),
            CommonKeys.precision, CommonKeys.json, CommonKeys.device, CommonKeys.threads, CommonKeys.workers,
        ])

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        let settings = try schema.parse(arguments)
        guard (settings.value("dt") == nil) != (settings.value("weights") == nil) else {
            throw .usage("val needs either --dt (detections) or --weights (a detector)")
        }
        let metrics: DetectionMetrics
        if let dt = settings.optionalString("dt") {
            // As written: pycocotools neither clips ground truth nor minds boxes without an area.
            let truth = try settings.readSet(
                settings.string("gt"), images: "images", part: settings.string("part"), clip: false, emptyBoxes: .keep)
            let detections = try Detections.read(
                dt, truth, lines: settings.detectionLines, classes: try settings.detectionClasses())
            metrics = COCOEvaluator().evaluate(truth, detections)
        } else {
            let device = try settings.useMachine()
            let truth = try settings.readSet(settings.string("gt"), images: "images", part: settings.string("part"))
            try truth.verifyFiles()
            let detector = try Detector(weights: settings.string("weights"), device: device)
            let own = Dataset(root: "", classes: detector.classes, examples: [])
            try truth.requireSameClasses(as: own, naming: settings.string("gt"), settings.string("weights"))
            var options = Detector.InferenceOptions(precision: Settings.precision(settings.string("precision"), device))
            options.workers = settings.int("workers")
            let detections = try detector.detections(truth, options)
            metrics = COCOEvaluator().evaluate(truth, detections)
            if let out = settings.optionalString("out") {
                try Files.makeFolder(out)
                try COCOResults.write(detections, of: truth, to: Files.join(out, "predictions.json"))
                try Files.write(metrics.json.pretty, to: Files.join(out, "metrics.json"))
            }
        }
        print(settings.bool("json") ? metrics.json.canonical : metrics.table)
        return .done
    }
}
