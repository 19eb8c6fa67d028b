import Annotations
import Base
import Evaluation
import Journal
import Loading
import Recipes
import Torch
import Training

/// `pupil val`: COCO's numbers for a results file or a detector, mIoU for masks or a segmenter, top-1 and top-5 for a
/// classifier.
enum ValVerb {
    static let schema = Schema(
        verb: "val",
        summary: "COCO AP of detections or a detector, mIoU of masks or a segmenter, top-1 of a classifier.",
        keys: [
            Key(
                "gt", .path, group: "data",
                help: "The ground truth. \(CommonKeys.forms) Of a classifier: a folder of class folders."),
            Key(
                "part", .string, default: "val", group: "data", help: "Which part of --gt, where it has several."),
            CommonKeys.classes, CommonKeys.vocPixels,
            CommonKeys.detections("Detections to score."), CommonKeys.detectionLines, CommonKeys.detectionClasses,
            Key("weights", .path, group: "data", help: "Or a trained model, or the folder of its run."),
            Key(
                "images", .path, group: "data",
                help:
                    "The pictures of --gt. Default: where its form has them. Needed where boxes are fractions of them."),
        ] + ValMasks.keys + ValClasses.keys + ValSettings.keys + CommonKeys.suppression + [
            Key(
                "out", .path, group: "run", affectsResult: false,
                help:
                    "With --weights: write predictions and metrics.json into this folder, a new one or one of the same settings."
            ),
            CommonKeys.precision, CommonKeys.json, CommonKeys.dryRun, CommonKeys.unusedSeed, CommonKeys.device,
            CommonKeys.threads, CommonKeys.workers,
        ])

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        let settings = try schema.parse(arguments).withWeightsFile()
        if let answer = try ValClasses.run(settings) { return answer }
        if let answer = try ValMasks.run(settings) { return answer }
        guard settings.value("gt") != nil else {
            throw .usage("give --gt (labelled boxes) or --gt-masks (a folder of masks)")
        }
        guard (settings.value("dt") == nil) != (settings.value("weights") == nil) else {
            throw .usage("give either --dt (detections) or --weights (a detector)")
        }
        let asked = try ValSettings(settings)
        let suppression = try settings.suppression()
        if let path = asked.details?.path { try OutputFile.requireNew(path, key: "details") }
        if settings.value("out") != nil {
            if settings.optionalString("weights") == nil {
                throw .usage(
                    "--out goes with --weights; the numbers of --dt are printed, its curves written by --details")
            }
            try RunFolder.requireFit(settings)
        }
        if settings.bool("dry-run") {
            settings.printPlan()
            return .done
        }
        let truth: TruthSet
        let detections: [[ScoredBox]]
        var write: ((JSON) throws(Failure) -> Void)?
        // Before the work, lest it end in an error when it is done.
        let lock = try settings.optionalString("out").map { _ throws(Failure) in try RunFolder.claim(settings) }
        defer { withExtendedLifetime(lock) {} }
        if let dt = settings.optionalString("dt") {
            if suppression != nil { throw .usage("--nms goes with --weights; detections are scored as they are") }
            (truth, detections) = try read(dt, settings)
            for doubt in truth.doubts(about: detections) { Console.standardError.line("warning: \(dt): \(doubt)") }
        } else {
            let device = try settings.useMachine()
            let set = try settings.checkedSet(settings.string("gt"), images: "images", part: settings.string("part"))
            let detector = try Detector(weights: settings.string("weights"), device: device)
            let own = Dataset(root: "", classes: detector.classes, examples: [])
            try set.requireSameClasses(as: own, naming: settings.string("gt"), settings.string("weights"))
            var options = Detector.InferenceOptions(precision: Settings.precision(settings.string("precision"), device))
            options.workers = settings.workers(device)
            options.suppression = suppression
            let found = try detector.detections(set, options) {
                for line in $0.lines(fate: "") { Console.standardError.line(line) }
            }
            truth = TruthSet(set)
            detections = found.map { $0.map { ScoredBox($0) } }
            if let out = settings.optionalString("out") {
                write = { json throws(Failure) in
                    try COCOResults.write(found, of: set, to: Files.join(out, "predictions.json"))
                    try Files.write(json.pretty, to: Files.join(out, "metrics.json"))
                }
            }
        }
        let report = try asked.report(truth, detections)
        try write?(report.json)
        print(settings.bool("json") ? report.json.canonical : Console.harmless(report.text))
        return .done
    }

    /// Labels and detections as they are written: pycocotools neither clips ground truth nor minds boxes without an area.
    /// COCO's two forms are read in double precision, as it reads them.
    private static func read(_ dt: String, _ settings: Settings) throws(Failure) -> (TruthSet, [[ScoredBox]]) {
        let gt = settings.string("gt")
        if settings.value("classes") == nil, try Detections.areResults(dt),
            let file = try DatasetFormat.cocoFile(at: gt)
        {
            let truth = try TruthSet.coco(file)
            return (truth, try COCOResults.scored(dt, truth))
        }
        let set = try settings.readSet(
            gt, images: "images", part: settings.string("part"), clip: false, emptyBoxes: .keep)
        if !set.hasWrittenIDs, try Detections.areResults(dt) {
            Console.standardError.line(
                "warning: \(gt) gives its pictures no ids, so they are counted as they come; \(dt) fits only where the same set "
                    + "was counted so (a results file of other ids scores 0)")
        }
        let detections = try Detections.read(
            dt, set, lines: settings.detectionLines, classes: try settings.detectionClasses())
        return (TruthSet(set), detections.map { $0.map { ScoredBox($0) } })
    }
}
