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
        verb: "label", summary: "Label a folder of pictures with a trained detector, scores and provenance kept.",
        keys: [
            Key("weights", .path, required: true, group: "data", help: "A detector's weights."),
            Key("unlabelled", .list(of: .path), required: true, group: "data", help: "Folders of pictures, any depth."),
            Key("threshold", .fraction, default: 0.5, group: "labels", help: "Least score of a label."),
            Key(
                "keep-empty", .bool, default: false, group: "labels",
                help: "Keep pictures without a label as background."),
            CommonKeys.precision, CommonKeys.out("label"), CommonKeys.json, CommonKeys.dryRun,
            CommonKeys.unusedSeed,
        ] + CommonKeys.suppression + CommonKeys.machine)

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        let given = try schema.parse(arguments)
        let device = try given.useMachine()
        let settings = given.setting("precision", .string("\(Settings.precision(given.string("precision"), device))"))
        let suppression = try settings.suppression()
        let weights = settings.string("weights")
        let pool = try Dataset.pool(settings.strings("unlabelled"))
        let digest = try Files.digest(weights)
        if settings.bool("dry-run") {
            print(settings.yaml, terminator: "")
            print("\n\(pool.examples.count) pictures to label with \(weights)")
            return .done
        }
        Signals.install()
        let folder = try RunFolder(settings)
        let log = folder.log
        for note in pool.notes { log(note) }
        let stages = DetectorStages(
            store: StageStore(besideRun: folder.path), resources: try settings.resources(device), log: { log($0) })
        let scored = try stages.score(
            weights: weights, id: "file-" + digest.description, pool: pool,
            precision: settings.string("precision") == "bfloat16" ? .bfloat16 : .float32, suppression: suppression,
            label: "labelling")
        let (stage, labels) = try stages.choose(
            scored, root: pool.root, threshold: Float(settings.double("threshold")),
            keepEmpty: settings.bool("keep-empty"),
            humanBoxesPerImage: nil)
        try stages.store.link("\(stage.name)/labels.json", from: folder.path, as: "labels.json")
        try stages.store.link("\(scored.name)/store.jsonl", from: folder.path, as: "store.jsonl")
        let quarantine = scored.result["quarantine"] ?? .null
        let summary = JSON.object((labels.summary.json.object ?? [:]).merging(["quarantine": quarantine]) { $1 })
        try Files.write(summary.pretty, to: folder.file("summary.json"))
        if settings.bool("json") {
            print(summary.canonical)
        } else {
            print(
                "kept \(labels.summary.kept) boxes on \(labels.summary.imagesWithBoxes) of \(labels.summary.images) pictures, refused \(labels.summary.refused)"
            )
            print(labels.summary.histogramText)
            print(folder.file("labels.json"))
        }
        return .done
    }
}
