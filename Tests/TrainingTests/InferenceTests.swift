import Annotations
import Augmentation
import Base
import Evaluation
import Geometry
import Layers
import Loading
import Models
import Scenes
import Testing
import Torch

@testable import Training

@Suite(.serialized) struct InferenceTests {
    let scratch: Scratch
    /// Twice as wide as the canvas, and not of its shape: boxes have to be taken back by the right map.
    let scenes: Dataset
    /// The weights of a detector that has learnt the scenes by heart, made once for all tests.
    nonisolated(unsafe) private static var learnt: (scratch: Scratch, path: String)?

    init() throws {
        scratch = try Scratch()
        scenes = try scratch.scenes(2, seed: 3, folder: "scenes", size: Size(width: 128, height: 96)) {
            $0.objects = 1...2
            $0.sizes = 0.35...0.6
            $0.noise = 0
        }
    }

    private func learnt() throws -> Detector {
        if let learnt = Self.learnt { return try Detector(weights: learnt.path, device: .cpu) }
        let kept = try Scratch()
        let detector = try learn(scenes, steps: 50, folder: "run")
        try detector.save(to: kept.file("learnt.safetensors"))
        Self.learnt = (kept, kept.file("learnt.safetensors"))
        return detector
    }

    private func learn(
        _ set: Dataset, steps: Int, precision: DType? = nil, micro: Int? = nil, folder: String
    ) throws -> Detector {
        let detector = try Detector(
            name: "nano", classes: set.classes, canvas: Size(width: 64, height: 64), seed: 1, device: .cpu)
        var plan = TrainingPlan(
            streams: [Stream(name: "human", dataset: set, policy: .none, images: 2)], mix: .weighted([1]), steps: steps,
            micro: micro, optimizer: .adamW(beta1: 0.9, beta2: 0.999, eps: 1e-8, decay: 0),
            schedule: Schedule(base: 0.002, warmupFrom: 0.0002, warmupSteps: 5, steps: steps), clip: 10,
            precision: precision, seed: 1, canvas: Size(width: 64, height: 64))
        plan.logEvery = 5
        try Trainer(DetectionObjective(detector), plan, folder: scratch.file(folder), identity: "x", label: "learn")
            .run()
        return detector
    }

    /// The whole way: pixels, boxes, matching, losses, optimiser, decoding and the way back to the picture's own pixels.
    @Test func aDetectorLearnsScenesByHeart() throws {
        let before = try Detector(
            name: "nano", classes: scenes.classes, canvas: Size(width: 64, height: 64), seed: 1, device: .cpu)
        let untaught = COCOEvaluator.evaluate(scenes, try before.detections(scenes, .init()))
        let detector = try learnt()
        let found = try detector.detections(scenes, .init())
        let metrics = COCOEvaluator.evaluate(scenes, found)
        #expect(untaught.ap50 < 0.1 && metrics.ap50 > 0.9, "AP50 \(untaught.ap50) -> \(metrics.ap50)")
        for (example, list) in zip(scenes.examples, found) {
            for object in example.annotations {
                let best = try #require(list.filter { $0.label == object.label }.max { $0.score < $1.score })
                #expect(best.box.iou(object.box) > 0.6, "\(object.box) was seen as \(best.box)")
            }
            #expect(zip(list, list.dropFirst()).allSatisfy { $0.score >= $1.score })
            #expect(list.allSatisfy { !$0.box.isEmpty && $0.box.clipped(to: Size(width: 128, height: 96)) == $0.box })
        }
    }

    /// Soft suppression lowers scores and raises none; agnostic suppression leaves no two boxes that overlap.
    @Test func suppressionIsAnOption() throws {
        let detector = try learnt()
        var options = Detector.InferenceOptions()
        let hard = try detector.detections(scenes, options)
        options.suppression = Suppression(.tensorFlow(sigma: 0.3))
        let soft = try detector.detections(scenes, options)
        #expect(soft != hard)
        for (soft, hard) in zip(soft, hard) {
            #expect(soft.first == hard.first && soft.first != nil)
            for detection in soft {
                let same = hard.first { $0.box == detection.box && $0.label == detection.label }
                #expect(detection.score <= same?.score ?? 1)
            }
        }
        options.suppression = Suppression(iou: 0.3, isAgnostic: true)
        for list in try detector.detections(scenes, options) {
            for (i, box) in list.enumerated() {
                // Brought back to the picture's own pixels, boxes overlap as they did but for rounding.
                #expect(list[..<i].allSatisfy { $0.box.iou(box.box) < 0.301 })
            }
        }
    }

    /// A picture's result depends on its place in the batch, not on its company; the workers and the batch to begin with
    /// change nothing; what cannot be read is skipped and its neighbours stay.
    @Test func aResultDependsOnThePictureAndItsPlace() throws {
        let detector = try learnt()
        let pool = try scratch.scenes(5, seed: 8, folder: "pool", size: Size(width: 80, height: 100))
        let other = try scratch.scenes(5, seed: 9, folder: "other", size: Size(width: 100, height: 60))
        var options = Detector.InferenceOptions()
        options.batch = 2
        options.scoreFloor = 0.01
        let reference = try detector.detections(pool, options)
        #expect(reference.allSatisfy { !$0.isEmpty })

        var mixed = other
        mixed.root = scratch.path
        for i in 0..<5 {
            mixed.examples[i] = i % 2 == 0 ? pool.examples[i] : other.examples[i]
            mixed.examples[i].fileName = (i % 2 == 0 ? "pool/" : "other/") + mixed.examples[i].fileName
        }
        let among = try detector.detections(mixed, options)
        for i in [0, 2, 4] { #expect(among[i] == reference[i]) }
        for i in [1, 3] { #expect(among[i] != reference[i]) }

        options.workers = 4
        #expect(try detector.detections(pool, options) == reference)
        var tail: [PictureResult] = []
        try detector.forEachBatch(pool, options, from: 1) {
            tail += $0; return true
        }
        #expect(tail.map(\.index) == [2, 3, 4] && tail.map(\.detections) == Array(reference[2...]))
        #expect(tail.allSatisfy { $0.size == Size(width: 80, height: 100) && $0.refusal == nil })
        var seen = 0
        try detector.forEachBatch(pool, options) { _ in
            seen += 1; return seen < 2
        }
        #expect(seen == 2)
        try detector.forEachBatch(pool, options, from: 9) { _ in
            Issue.record("a batch after the last"); return true
        }

        try Files.write("no picture", to: pool.path(of: pool.examples[3]))
        let failure = try #require(throws: Failure.self) { try detector.detections(pool, options) }
        #expect(failure.code == .invalidData && failure.message.contains("3.png"))
        options.skipsRefused = true
        var results: [PictureResult] = []
        try detector.forEachBatch(pool, options) {
            results += $0; return true
        }
        #expect(results.map(\.index) == [0, 1, 2, 3, 4])
        #expect(results[3].refusal != nil && results[3].detections.isEmpty && results[3].size.width == 0)
        for i in [0, 1, 2, 4] { #expect(results[i].detections == reference[i]) }
    }

    @Test func theFloorDropsWhatLiesBelow() throws {
        let detector = try learnt()
        var options = Detector.InferenceOptions()
        options.scoreFloor = 0.02
        let all = try detector.detections(scenes, options).flatMap { $0 }
        options.scoreFloor = nil
        let usual = try detector.detections(scenes, options).flatMap { $0 }
        #expect(all.count > usual.count)
        #expect(usual.allSatisfy { $0.score > detector.spec.decoding.scoreFloor } && all.allSatisfy { $0.score > 0.02 })
    }

    /// bf16 computes much the same, and what it computes is the same twice.
    @Test func bfloat16TrainsToo() throws {
        let one = try learn(scenes, steps: 2, precision: .bfloat16, folder: "one")
        let two = try learn(scenes, steps: 2, precision: .bfloat16, folder: "two")
        let full = try learn(scenes, steps: 2, folder: "full")
        for ((a, b), c) in zip(zip(one.parameters.entries, two.parameters.entries), full.parameters.entries) {
            #expect(a.tensor.bytes() == b.tensor.bytes() && a.tensor.dtype == .float32, "\(a.name)")
            #expect(a.name.hasSuffix("num_batches_tracked") || a.tensor.shape == c.tensor.shape)
        }
        let losses = try ["one", "full"].map { folder in
            try #require(try timeless(scratch.file("\(folder)/metrics.jsonl")).last?["loss"]?.double)
        }
        #expect(abs(losses[0] - losses[1]) < 0.1 * losses[1], "\(losses)")
    }

    /// What the losses mean in passes: each pass has its own number of positives (+ 1) below its sums, and the passes are
    /// averaged, as replicas are in the paper's code. So two passes of one picture are not one pass of two.
    @Test func theNormaliserIsThePasss() throws {
        let detector = try Detector(
            name: "nano", classes: scenes.classes, canvas: Size(width: 64, height: 64), seed: 1, device: .cpu)
        var plan = TrainingPlan(
            streams: [Stream(name: "human", dataset: scenes, policy: .none, images: 2)], mix: .weighted([1]), steps: 1,
            micro: 1, optimizer: .sgd(momentum: 0.9, nesterov: false, decay: 0),
            schedule: Schedule(base: 0, warmupFrom: 0, warmupSteps: 0, steps: 1), clip: 0, precision: nil, seed: 1,
            canvas: Size(width: 64, height: 64))
        plan.logEvery = 1
        let spy = Spy(detector)
        try Trainer(spy, plan, folder: scratch.file("micro"), identity: "x", label: "micro").run()
        let line = try #require(try timeless(scratch.file("micro/metrics.jsonl")).first)
        #expect(spy.losses.count == 2)
        #expect(abs((line["loss"]?.double ?? 0) - (spy.losses[0] + spy.losses[1]) / 2) < 1e-5)
        #expect(line["human/positives"]?.int == spy.positives.reduce(0, +))
    }
}

/// Notes what an objective says.
private final class Spy: Objective {
    let inner: DetectionObjective
    var losses: [Double] = []
    var positives: [Int] = []

    init(_ detector: Detector) { inner = DetectionObjective(detector) }

    var parameters: ParameterStore { inner.parameters }

    func losses(
        _ inputs: Inputs, groups: [Range<Int>], precision: DType?, noise: Noise
    ) -> [StreamLoss] {
        let said = inner.losses(inputs, groups: groups, precision: precision, noise: noise)
        losses += said.map(\.total.item)
        positives += said.map(\.positives)
        return said
    }
}
