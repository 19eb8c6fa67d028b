import Annotations
import Base
import Checkpoints
import Geometry
import Journal
import Loading
import Models
import Recipes
import Torch
import Training

/// `pupil embed`: features of pictures, for those who cluster, search or compare.
enum EmbedVerb {
    static let schema = Schema(
        verb: "embed", summary: "Write a network's features of pictures: pooled, or the map of a level.",
        keys: CommonKeys.network + [
            Key("images", .path, group: "data", help: "A picture, or a folder of any depth; or --input."),
            Key(
                "input", .path, group: "data",
                help: "A safetensors file with `images` [N, 3, H, W], normalised as the network wants them."),
            Key(
                "level", .string, default: "pooled", group: "output",
                help: "pooled, or a map of `pupil models`, such as c5 or p3."),
            Key("size", .integer(32...8192), group: "output", help: "Side of the pictures. Default: the model's own."),
            Key("batch", .positiveInteger, default: 8, group: "output", help: "Pictures in a pass."),
            Key(
                "precision", .choice(["fp32", "bf16"]), default: "fp32", group: "output",
                help: "Of convolutions; what is written is fp32."),
            Key(
                "out", .path, required: true, group: "run", affectsResult: false,
                help: "The safetensors file to write: `features` [N, ...], and the names of the files in its metadata."),
            CommonKeys.json, CommonKeys.device, CommonKeys.threads, CommonKeys.workers,
        ])

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        let settings = try schema.parse(arguments).withWeightsFile()
        try OutputFile.requireNew(settings.string("out"), key: "out")
        guard (settings.value("images") == nil) != (settings.value("input") == nil) else {
            throw .usage("embed takes either --images or --input")
        }
        if settings.value("input") != nil, settings.value("size") != nil {
            throw .usage("--size goes with --images; the tensors of --input have theirs")
        }
        let device = try settings.useMachine()
        let level = settings.string("level")
        let network = try settings.zooNetwork(device)
        try network.require(level: level)
        let precision = Settings.precision(settings.string("precision"), device)
        let batch = settings.int("batch")
        var features: [Tensor] = []
        var metadata = ["model": network.model.name, "level": level]
        switch (settings.optionalString("images"), settings.optionalString("input")) {
        case (nil, let input?):
            let file = try SafetensorsFile(input)
            let entry = try file.entry("images")
            guard entry.shape.count == 4, entry.shape[1] == 3, entry.shape.allSatisfy({ $0 > 0 }) else {
                throw .data("\(input): images has the shape \(entry.shape); [N, 3, H, W] is wanted")
            }
            guard ["F32", "F16", "BF16", "F64"].contains(entry.type.rawValue) else {
                throw .data(
                    "\(input): images are of type \(entry.type.rawValue); normalised pixels are floating-point numbers")
            }
            let images = TensorFile.tensor(entry, of: file).to(.float32)
            for first in stride(from: 0, to: entry.shape[0], by: batch) {
                let part = images.narrowed(0, start: first, length: min(batch, entry.shape[0] - first))
                features.append(try network.features(part, level: level, precision: precision))
            }
        case (let path?, nil):
            let set = try Dataset.pictures(path)
            let size = settings.optionalInt("size") ?? network.model.size
            Signals.install()
            let progress = ProgressLine(label: "embed", total: set.examples.count)
            var names: [JSON] = []
            var quarantine = Quarantine()
            try network.forEachBatch(
                set, canvas: Size(width: size, height: size), batch: batch, workers: settings.workers(device),
                level: level, precision: precision, quarantine: &quarantine
            ) { indices, part throws(Failure) in
                features.append(part)
                names += indices.map { .string(set.examples[$0].fileName) }
                progress.advance(to: names.count, items: indices.count)
                if let signal = Signals.interruption {
                    throw Failure(signal, "stopped by a signal; nothing was written")
                }
                return true
            }
            progress.finish()
            for line in quarantine.lines(fate: "left out") { Console.standardError.line(line) }
            metadata["files"] = JSON.array(names).canonical
        default: throw .usage("embed takes either --images or --input")
        }
        guard !features.isEmpty else { throw .data("there is no picture to embed") }
        let all = Tensor.concatenated(features, 0)
        let out = settings.string("out")
        try TensorFile.write([(name: "features", tensor: all)], metadata: metadata, to: out)
        let shape = all.shape.map(String.init).joined(separator: "x")
        if settings.bool("json") {
            print(
                JSON.object([
                    "out": .string(out), "shape": .array(all.shape.map { .int($0) }), "level": .string(level),
                    "model": .string(network.model.name),
                ]).canonical)
        } else {
            print("\(level) of \(network.model.name), \(shape): \(out)")
        }
        return .done
    }
}
