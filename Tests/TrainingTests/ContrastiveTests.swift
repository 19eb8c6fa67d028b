import Annotations
import Augmentation
import Base
import Checkpoints
import Geometry
import Layers
import Loading
import Models
import Testing
import Torch

@testable import Training

/// A contrasting objective without norms over the batch, so that passes and the whole batch are one function.
private final class Pairs: ContrastingObjective {
    let parameters = ParameterStore(seed: 3)
    private let kernel: Tensor
    private let count: Tensor
    private(set) var passes: [Int] = []
    let views = 2

    init() {
        kernel = parameters.root.parameter("kernel", [6, 3, 8, 8], .kernel, .normal(std: 0.1))
        count = parameters.root.statistic("count", [1], 0)
    }

    func embeddings(_ images: Tensor, precision: DType?, noise: Noise) -> Tensor {
        passes.append(noise.first)
        withoutGradients { count.add(Tensor.full([1], Double(images.size(0)))) }
        return images.convolved(by: kernel, stride: 8).tanh().mean([2, 3])
    }

    func loss(_ a: Tensor, _ b: Tensor) -> StreamLoss {
        let loss = ContrastiveLoss.ntXent(a, b, temperature: 0.2)
        return StreamLoss(total: loss, parts: [("ntxent", loss)], positives: a.size(0))
    }

    func losses(_ inputs: Inputs, groups: [Range<Int>], precision: DType?, noise: Noise) -> [StreamLoss] {
        let all = embeddings(inputs.images, precision: precision, noise: noise)
        let half = all.size(0) / 2
        return [loss(all.narrowed(0, start: 0, length: half), all.narrowed(0, start: half, length: half))]
    }
}

@Suite(.serialized) struct ContrastiveTests {
    private func plan(_ set: Dataset, images: Int, micro: Int?, steps: Int) -> TrainingPlan {
        var plan = TrainingPlan(
            streams: [Stream(name: "views", dataset: set, .views(.simCLR), images: images)], mix: .weighted([1]),
            steps: steps, micro: micro, optimizer: .sgd(momentum: 0.9, nesterov: false, decay: 0),
            schedule: Schedule(base: 0.05, warmupFrom: 0.05, warmupSteps: 0, steps: steps), clip: 0, precision: nil,
            seed: 5, canvas: Size(width: 32, height: 32))
        plan.logEvery = 1
        return plan
    }

    private func trained(
        _ objective: any Objective, _ plan: TrainingPlan, _ folder: String
    ) throws -> [String: [Float]] {
        try Trainer(objective, plan, folder: folder, identity: "test", label: "test").run()
        return Dictionary(uniqueKeysWithValues: objective.parameters.entries.map { ($0.name, $0.tensor.floats) })
    }

    /// A step of 8 pictures in passes of 2 has the gradient, the loss and the statistics of one pass of 8. What it would be
    /// with negatives of its own pass alone is another thing, so the test can fail.
    @Test func aStepInPassesIsTheStep() throws {
        let scratch = try Scratch()
        let set = try scratch.scenes(11, seed: 4, folder: "pool")
        let (whole, parts) = (Pairs(), Pairs())
        let a = try trained(whole, plan(set, images: 8, micro: nil, steps: 3), scratch.file("whole"))
        let b = try trained(parts, plan(set, images: 8, micro: 2, steps: 3), scratch.file("parts"))
        let (x, y) = (a["kernel"] ?? [], b["kernel"] ?? [])
        let begun = Pairs().parameters["kernel"]?.floats ?? []
        let moved = zip(x, begun).map { abs($0 - $1) }.max() ?? 0
        #expect(moved > 1e-3)
        #expect(zip(x, y).allSatisfy { abs($0 - $1) < 1e-3 * moved }, "moved by \(moved)")
        // Every canvas is counted once, although passes look at it twice.
        #expect(a["count"] == [48] && b["count"] == [48])
        #expect(whole.passes == [0, 0, 0])
        #expect(parts.passes == (0..<3).flatMap { _ in [0, 4, 8, 12, 0, 4, 8, 12] })
        let logs = try ["whole", "parts"].map { try timeless(scratch.file($0 + "/metrics.jsonl")) }
        for (one, other) in zip(logs[0], logs[1]) {
            let (l, m) = (one["loss"]?.double ?? .nan, other["loss"]?.double ?? 0)
            #expect(abs(l - m) < 1e-4 && one["views/positives"] == 8 && other["views/positives"] == 8)
        }
        // Each pass on its own: the same pictures, fewer negatives.
        final class Alone: Objective {
            let pairs = Pairs()
            var parameters: ParameterStore { pairs.parameters }
            let views = 2
            func losses(_ i: Inputs, groups: [Range<Int>], precision: DType?, noise: Noise) -> [StreamLoss] {
                pairs.losses(i, groups: groups, precision: precision, noise: noise)
            }
        }
        let c = try trained(Alone(), plan(set, images: 8, micro: 2, steps: 3), scratch.file("alone"))
        #expect(zip(x, c["kernel"] ?? []).contains { abs($0 - $1) > 0.05 * moved })
    }

    /// A real encoder, stopped and taken up again, ends with the same bytes; what it saves begins a detector's backbone.
    @Test(arguments: [nil, 2]) func anEncoderResumesAndIsAStart(_ micro: Int?) throws {
        let scratch = try Scratch()
        let set = try scratch.scenes(7, seed: 4, folder: "pool")
        func encoder() throws -> ContrastiveEncoder {
            try ContrastiveEncoder(
                name: "pico", classes: ClassTable(names: []), canvas: Size(width: 32, height: 32), seed: 1, device: .cpu
            )
        }
        let whole = try encoder()
        let plan = plan(set, images: 4, micro: micro, steps: 4)
        try Trainer(whole.objective, plan, folder: scratch.file("whole"), identity: "a", label: "").run()
        var cut = plan
        cut.evaluateEvery = 2
        cut.checkpointSteps = 2
        let first = try encoder()
        cut.evaluateEvery = 3  // after the state of step 2 is saved
        #expect(throws: Failure.self) {
            try Trainer(first.objective, cut, folder: scratch.file("parts"), identity: "a", label: "").run(
                evaluate: { _ throws(Failure) in throw Failure(.unexpected, "killed") })
        }
        let second = try encoder()
        try Trainer(second.objective, plan, folder: scratch.file("parts"), identity: "a", label: "").run()
        for (x, y) in zip(whole.parameters.entries, second.parameters.entries) {
            #expect(x.tensor.bytes() == y.tensor.bytes(), "\(x.name)")
        }
        try second.save(to: scratch.file("encoder.safetensors"))
        #expect(try TaskName(ofWeights: scratch.file("encoder.safetensors")) == .contrastive)
        let again = try ContrastiveEncoder(weights: scratch.file("encoder.safetensors"), device: .cpu)
        #expect(again.parameters["conv1.weight"]?.floats == second.parameters["conv1.weight"]?.floats)
        let detector = try Detector(
            name: "pico", classes: ClassTable(names: ["a"]), canvas: Size(width: 64, height: 64), seed: 9, device: .cpu)
        let match = try detector.parameters.load(try .open(scratch.file("encoder.safetensors")))
        #expect(match.pairs.count == second.parameters.entries.count { !$0.name.hasPrefix("projection.") })
        #expect(
            detector.parameters["backbone.body.layer4.0.conv2.weight"]?.floats
                == second.parameters["layer4.0.conv2.weight"]?.floats)
    }
}
