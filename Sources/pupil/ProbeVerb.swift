import Annotations
import Augmentation
import Base
import Evaluation
import Geometry
import Journal
import Loading
import Models
import Recipes
import Torch
import Training

/// `pupil probe`: what frozen features are worth, by nearest neighbours and by a linear classifier.
enum ProbeVerb {
    static let schema = Schema(
        verb: "probe",
        summary: "Measure frozen features by nearest neighbours and a linear classifier on pictures with classes.",
        keys: CommonKeys.network.map { key in
            key.name == "weights"
                ? Key(
                    "weights", .string, required: true, group: "model",
                    help: "A run's folder, a file (docs/checkpoints.md), or random, to compare with.") : key
        } + [
            Key(
                "images", .path, required: true, group: "data",
                help: "A folder of class folders to learn from; or one with train and val, which have class folders."),
            Key("val", .path, group: "data", help: "Such a folder to measure on. Default: the part val of --images."),
            Key("class-names", .path, group: "data", help: "Names of the classes, as for pretrain supervised."),
            Key(
                "method", .choice(["both", "knn", "linear"]), default: "both", group: "probe",
                help: "Nearest neighbours, a linear classifier, or both."),
            Key("neighbours", .integer(1...10_000), default: 20, group: "probe", help: "Of knn: how many vote."),
            Key(
                "level", .string, default: "pooled", group: "probe",
                help: "pooled, or the mean of a map of `pupil models`, such as c5 or p3."),
            Key(
                "size", .integer(32...4096), group: "probe",
                help:
                    "Side of the pictures. Default: that of its training, where the weights say it, else the model's own; at "
                    + "most 224."),
            PretrainKeys.evaluationCrop("probe"),
            Key("batch", .positiveInteger, default: 16, group: "probe", help: "Pictures in a pass."),
            Key(
                "precision", .choice(["fp32", "bf16"]), default: "fp32", group: "probe", help: "Of convolutions."),
            Key(
                "seed", .count, default: 0, group: "probe",
                help: "Of random weights, and of what is held back to choose the linear classifier's decay."),
            CommonKeys.json, CommonKeys.device, CommonKeys.threads, CommonKeys.workers,
        ])

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        let settings = try schema.parse(arguments)
        let device = try settings.useMachine()
        let word = settings.string("weights")
        let network: ZooNetwork
        if word == "random" {
            guard let name = settings.optionalString("model") else {
                throw .usage("--weights random needs --model, to know of which network")
            }
            network = try ZooNetwork(random: name, seed: UInt64(settings.int("seed")), device: device)
        } else {
            let path = try Settings.weights(of: word, named: "weights")
            network = try settings.setting("weights", .string(path)).zooNetwork(device)
        }
        try network.require(level: settings.string("level"))
        let (train, val) = try settings.classFolders()
        guard let val else { throw .usage("probe needs pictures to measure on: --val, or a part val of --images") }
        Signals.install()
        let size = settings.optionalInt("size") ?? min(224, network.learnedSize ?? network.model.size)
        let known = try features(train, network, size, settings, device, label: "train")
        let asked = try features(val, network, size, settings, device, label: "val")
        let names = train.classes.names
        let probe = FeatureProbe(features: known.features, labels: known.labels, classes: names.count)
        func metrics(_ ranked: [[Int]]) -> ClassificationMetrics {
            ClassificationMetrics(
                zip(asked.labels, ranked).map { ClassifiedPicture(label: $0, ranked: Array($1.prefix(5))) },
                names: names)
        }
        var result: [String: JSON] = [
            "model": .string(network.model.name), "weights": .string(word), "images": .int(known.labels.count),
            "measured_on": .int(asked.labels.count), "size": .int(size), "level": .string(settings.string("level")),
            "neighbours": .int(settings.int("neighbours")),
        ]
        var table = TextTable(["", "top-1", "top-5", "mean class accuracy"])
        func add(_ name: String, _ m: ClassificationMetrics, _ more: [String: JSON] = [:]) {
            result[name] = .object((m.json.object ?? [:]).merging(more) { $1 })
            table.add([name] + [m.top1, m.top5, m.meanClassAccuracy].map { TextTable.points($0) })
        }
        let method = settings.string("method")
        if method != "linear" {
            add("knn", metrics(probe.nearestNeighbours(asked.features, k: settings.int("neighbours"))))
        }
        if method != "knn" {
            let (ranked, decay) = probe.linear(asked.features, seed: UInt64(settings.int("seed")))
            add("linear", metrics(ranked), ["decay": .double(decay)])
        }
        print(
            settings.bool("json")
                ? JSON.object(result).canonical + "\n"
                : table.text + "\n\(settings.string("level")) of \(network.model.name) at \(size) px\n", terminator: "")
        return .done
    }

    private static func features(
        _ set: Dataset, _ network: ZooNetwork, _ size: Int, _ settings: Settings, _ device: Device, label: String
    ) throws(Failure) -> (features: Tensor, labels: [Int]) {
        var parts: [Tensor] = []
        var labels: [Int] = []
        var quarantine = Quarantine()
        let progress = ProgressLine(label: label, total: set.examples.count)
        try network.forEachBatch(
            set, .cropped(CropPolicy(name: "probe", evaluation: try settings.evaluationCrop())),
            canvas: Size(width: size, height: size), batch: settings.int("batch"), workers: settings.workers(device),
            level: settings.string("level"), precision: Settings.precision(settings.string("precision"), device),
            quarantine: &quarantine
        ) { indices, part throws(Failure) in
            parts.append(part.rank == 4 ? part.globalMean().flattened(from: 1) : part)
            labels += indices.compactMap { set.examples[$0].target?.label }
            progress.advance(to: labels.count, items: indices.count)
            if let signal = Signals.interruption { throw Failure(signal, "stopped by a signal") }
            return true
        }
        progress.finish()
        for line in quarantine.lines(fate: "left out") { Console.standardError.line(line) }
        guard !parts.isEmpty else { throw .data("\(set.source): no picture can be read") }
        return (Tensor.concatenated(parts, 0), labels)
    }
}
