import Annotations
import Base
import Evaluation
import Journal
import Loading
import Recipes
import Torch
import Training

/// `pupil val`: COCO's numbers for a results file or a detector.
enum ValVerb {
    static let schema = Schema(
        verb: "val", summary: "COCO AP of a results file (--dt) or of a detector (--weights).",
        keys: [
            Key("gt", .path, required: true, group: "data", help: "COCO annotations."),
            Key("dt", .path, group: "data", help: "COCO results to score."),
            Key("weights", .path, group: "data", help: "Or a detector's weights."),
            Key(
                "images", .path, group: "data",
                help: "With --weights: the pictures. Default: `images` beside the file or its folder."),
            Key(
                "out", .path, group: "run", affectsResult: false,
                help: "With --weights: write predictions.json and metrics.json into this folder."),
            CommonKeys.precision, CommonKeys.json, CommonKeys.device, CommonKeys.threads, CommonKeys.workers,
        ])

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        let settings = try schema.parse(arguments)
        guard (settings.value("dt") == nil) != (settings.value("weights") == nil) else {
            throw .usage("val needs either --dt (a results file) or --weights (a detector)")
        }
        let metrics: DetectionMetrics
        if let dt = settings.optionalString("dt") {
            // As written: pycocotools neither clips ground truth nor minds boxes without an area.
            let truth = try Dataset.coco(
                settings.string("gt"), images: settings.optionalString("images"), clip: false, emptyBoxes: .keep)
            metrics = COCOEvaluator().evaluate(truth, try COCOResults.read(dt, truth))
        } else {
            let device = try settings.useMachine()
            let truth = try Dataset.coco(settings.string("gt"), images: settings.optionalString("images"))
            try truth.verifyFiles()
            let detector = try Detector(weights: settings.string("weights"), device: device)
            let own = Dataset(root: "", classes: detector.classes, examples: [])
            try truth.requireSameClasses(as: own, naming: settings.string("gt"), settings.string("weights"))
            var options = Detector.InferenceOptions(precision: Settings.precision(settings.string("precision"), device))
            options.workers = settings.int("workers")
            let detections = try detector.detections(truth, options) {
                for line in $0.lines(fate: "") { Console.standardError.line(line) }
            }
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
