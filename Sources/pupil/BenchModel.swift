import Base
import Geometry
import Glibc
import Layers
import Models
import Recipes
import Torch

/// `pupil bench train` and `pupil bench infer`: pictures a second of a network, without reading any.
enum BenchModel {
    private static func schema(_ verb: String, _ summary: String) -> Schema {
        Schema(
            verb: "bench \(verb)", summary: summary,
            keys: [
                Key("model", .string, required: true, group: "work", help: "A name of `pupil models`."),
                Key(
                    "size", .integer(32...8192), group: "work", help: "Side of the pictures. Default: the model's own."),
                Key("batch", .positiveInteger, default: 4, group: "work", help: "Pictures in a pass."),
                CommonKeys.precision,
                Key("rounds", .positiveInteger, default: 5, group: "work", help: "Timed passes; the median counts."),
                Key("warmup", .count, default: 2, group: "work", help: "Passes before them."),
                CommonKeys.device, CommonKeys.threads, CommonKeys.json,
            ])
    }

    static func train(_ arguments: [String]) throws(Failure) -> ExitCode {
        try run(
            schema("train", "Pictures a second of training: forward, backward, the optimiser's step."), arguments, true)
    }

    static func infer(_ arguments: [String]) throws(Failure) -> ExitCode {
        try run(schema("infer", "Pictures a second of a forward pass."), arguments, false)
    }

    private static func run(_ schema: Schema, _ arguments: [String], _ trains: Bool) throws(Failure) -> ExitCode {
        let settings = try schema.parse(arguments)
        let device = try settings.useMachine()
        let model = try Zoo.model(settings.string("model"))
        let size = settings.optionalInt("size") ?? model.size
        let batch = settings.int("batch")
        let precision = Settings.precision(settings.string("precision"), device)
        let store = ParameterStore(seed: 0, device: device)
        let spec = model.spec(model.classes)
        let network = Network(store.root, spec)
        let images = Tensor.empty([batch, 3, size, size], device: device, channelsLast: true)
        images.fill(0.5)
        let loss = BenchLoss(spec, batch: batch, size: size, device: device)
        let optimizer = Optimizer(.sgd(momentum: 0.9, nesterov: false, decay: 1e-4), store)
        var times: [Double] = []
        for round in 0..<settings.int("warmup") + settings.int("rounds") {
            let start = monotonicSeconds()
            try Torch.catching { () throws(Failure) in
                if trains {
                    let mode = Mode.training(Noise(seed: 0, step: round))
                    let output = withAutocast(precision, on: device) { network.forward(images, mode) }
                    loss(output).backward()
                    _ = optimizer.clipGradients(to: 10)
                    optimizer.step(lr: 1e-6)
                } else {
                    withoutGradients {
                        let output = withAutocast(precision, on: device) { network.forward(images, .inference) }
                        // Waits for the device.
                        _ =
                            output[0].narrowed(0, start: 0, length: 1).reshaped([-1]).narrowed(0, start: 0, length: 1)
                            .item
                    }
                }
                Torch.synchronize(device)
            }
            if round >= settings.int("warmup") { times.append(monotonicSeconds() - start) }
        }
        times.sort()
        let median = times[times.count / 2]
        let facts: [(String, JSON)] = [
            ("value", .double(Double(batch) / median)), ("unit", "images/s"), ("model", .string(model.name)),
            ("size", .int(size)), ("batch", .int(batch)), ("precision", .string("\(precision)")),
            ("threads", .int(Torch.threads)), ("milliseconds", .double(median * 1e3)),
            ("fastest_milliseconds", .double((times.first ?? 0) * 1e3)),
            ("peak_bytes", processMemory().map { .int($0.peak) } ?? .null),
        ]
        if settings.bool("json") {
            print(JSON.object(Dictionary(facts, uniquingKeysWith: { first, _ in first })).canonical)
        } else {
            for (name, value) in facts { print("\(name): \(value.string ?? value.canonical)") }
        }
        return .done
    }
}

/// A loss to time a network with: that of its kind, over targets that are always the same.
private struct BenchLoss {
    private let score: ([Tensor]) -> Tensor

    init(_ spec: NetworkSpec, batch: Int, size: Int, device: Device) {
        switch spec {
        case .detector(let spec):
            let anchors = Anchors(spec.anchors, canvas: Size(width: size, height: size))
            let side = Float(size)
            let boxes = (0..<8).map { i -> Target in
                let at = side * Float(i) / 10
                return Target(box: Box(x1: at, y1: at, x2: at + side / 5, y2: at + side / 4), label: i % spec.classes)
            }
            let targets = [AnchorTargets](repeating: spec.matcher(boxes, anchors), count: batch)
            score = { output in
                spec.loss(
                    RetinaNetOutput(logits: output[0], codes: output[1]), targets, images: 0..<batch,
                    channelOffset: spec.classChannels - spec.classes
                ).total
            }
        case .segmenter(let spec):
            let side = (size + 3) / 4
            let labels = Tensor(
                (0..<batch * side * side).map { Int64($0 % spec.classes) }, shape: [batch, side, side], device: device)
            score = { $0[0].to(.float32).crossEntropy(labels) }
        case .classifier(let spec):
            let labels = Tensor((0..<batch).map { Int64($0 % spec.classes) }, device: device)
            score = { $0[0].to(.float32).crossEntropy(labels) }
        }
    }

    func callAsFunction(_ output: [Tensor]) -> Tensor { score(output) }
}
