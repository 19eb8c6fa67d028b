import Annotations
import Base
import Journal
import Recipes
import SelfTraining
import Torch
import Training

/// `pupil label`: pseudo-labels for a folder.
enum LabelVerb {
    static let schema = Schema(
        verb: "label", summary: "Label a folder of pictures with a trained model, scores and provenance kept.",
        keys: [
            Key("weights", .path, required: true, group: "data", help: "A trained model, or the folder of its run."),
            Key("unlabelled", .list(of: .path), required: true, group: "data", help: "Folders of pictures, any depth."),
            Key("threshold", .fraction, default: 0.5, group: "labels", help: "Least score of a label."),
            Key(
                "keep-empty", .bool, default: false, group: "labels",
                help: "Keep pictures without a label as background."),
            CommonKeys.precision, CommonKeys.out("label"), CommonKeys.json, CommonKeys.dryRun,
            CommonKeys.unusedSeed,
        ] + CommonKeys.suppression + TaskKeys.looking + CommonKeys.machine)

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        let given = try schema.parse(arguments).withWeightsFile()
        switch try TaskName(ofWeights: given.string("weights")) {
        case .detection:
            if let key = TaskKeys.looking.first(where: { given.departs($0.name) }) {
                throw .usage("\(key.flag) goes with a segmenter, and \(given.string("weights")) is a detector")
            }
            return try run(given, Detector.self) { settings, precision throws(Failure) in
                var options = Detector.InferenceOptions(precision: precision)
                options.suppression = try settings.suppression()
                return options
            }
        case .segmentation:
            for key in schema.keys
            where (CommonKeys.suppression.map(\.name) + Segmenter.foreignKeys).contains(key.name)
                && given.departs(key.name)
            {
                throw .usage("\(key.flag) goes with a detector, and \(given.string("weights")) is a segmenter")
            }
            return try run(given, Segmenter.self) { settings, precision throws(Failure) in
                try Segmenter.looking(settings, precision: precision)
            }
        case .classification, .contrastive:
            throw .usage(
                "\(given.string("weights")) is a backbone from pretrain; label takes a detector or a segmenter (`pupil "
                    + "pretrain noisy-student` labels pools by itself)")
        }
    }

    private static func run<Task: CommandTask>(
        _ given: Settings, _: Task.Type, _ looking: (Settings, DType) throws(Failure) -> Task.InferenceOptions
    ) throws(Failure) -> ExitCode {
        let device = try given.useMachine()
        let precision = Settings.precision(given.string("precision"), device)
        let settings = given.setting("precision", .string("\(precision)"))
        let options = try looking(settings, precision)
        if Task.task == .detection { try Detector.check(threshold: settings.double("threshold")) }
        let weights = settings.string("weights")
        try OutputFile.requireOutside(settings.string("out"), settings.strings("unlabelled"), key: "unlabelled")
        let pool = try Dataset.pool(settings.strings("unlabelled"))
        let digest = try Files.digest(weights)
        try RunFolder.requireFit(settings)
        if settings.bool("dry-run") {
            settings.printPlan("\(pool.examples.count) pictures to label with \(weights)")
            return .done
        }
        Signals.install()
        let folder = try RunFolder(settings)
        let log = folder.log
        for note in pool.notes { log(note) }
        let stages = Stages<Task>(
            store: StageStore(besideRun: folder.path), resources: try settings.resources(device), log: { log($0) })
        let scored = try stages.label(
            weights: weights, id: "file-" + digest.description, pool: pool, options, label: "labelling")
        let (stage, labels) = try stages.choose(
            scored, root: pool.root,
            LabelChoice(threshold: Float(settings.double("threshold")), keepEmpty: settings.bool("keep-empty")),
            human: nil)
        for name in ["labels.json", "masks"] where Files.exists(stage.file(name)) {
            try stages.store.link("\(stage.name)/\(name)", from: folder.path, as: name)
        }
        for name in ["store.jsonl", "confidence"] where Files.exists(scored.file(name)) {
            try stages.store.link("\(scored.name)/\(name)", from: folder.path, as: name)
        }
        if labels.dataset.examples.isEmpty {
            log("warning: nothing was kept: no score reaches \(settings.double("threshold")) (--threshold)")
        }
        let quarantine = scored.result["quarantine"] ?? .null
        // Names in labels.json are relative to that folder: of several, the one above all.
        let own: [String: JSON] = ["quarantine": quarantine, "images_folder": .string(pool.root)]
        let summary = JSON.object((labels.json.object ?? [:]).merging(own) { $1 })
        try Files.write(summary.pretty, to: folder.file("summary.json"))
        if settings.bool("json") {
            print(summary.canonical)
        } else {
            print("\(labels.sentence), refused \(summary["refused"]?.int ?? 0)")
            print(labels.histogram)
            print(folder.file(Task.task == .segmentation ? "masks" : "labels.json"))
        }
        return .done
    }
}
