import Annotations
import Augmentation
import Base
import Geometry
import Glibc
import Layers
import Loading
import Models
import Testing
import Torch

@testable import Training

@Suite(.serialized) struct ClassificationTests {
    /// Value and gradient against sums in Double: -sum t log softmax, the mean over pictures, with hard and soft targets
    /// and smoothing of the hard ones.
    @Test(arguments: [0.0, 0.1], [false, true])
    func theLossIsTheFormula(_ smoothing: Double, _ isSoft: Bool) throws {
        let (count, classes) = (3, 5)
        let values = (0..<count * classes).map { Float(2 * sin(1.3 * Double($0))) }
        let soft = SoftClass(labels: [4, 1, 0], weights: [153, 51, 25], cut: 0.1)
        let targets: [PictureClass] = [.hard(2), isSoft ? .soft(soft) : .hard(4), .hard(0)]
        let items = targets.map { target in
            var item = Item(blank: Size(width: 32, height: 32))
            item.target = target
            return item
        }
        let logits = Tensor(values, shape: [count, classes])
        logits.requiresGradient = true
        let loss = classificationLoss(logits, items[...], LossOptions(smoothing: smoothing))
        loss.total.backward()
        let gradient = try #require(logits.gradient).floats
        var total = 0.0
        for i in 0..<count {
            var t = [Double](repeating: 0, count: classes)
            switch targets[i] {
            case .hard(let label):
                t[label] = 1
                t = t.map { (1 - smoothing) * $0 + smoothing / Double(classes) }
            case .soft: for (label, weight) in [(4, 153.0), (1, 51), (0, 25)] { t[label] = weight / 229 }
            }
            let row = values[i * classes..<(i + 1) * classes].map(Double.init)
            let sum = row.reduce(0) { $0 + exp($1) }
            for k in 0..<classes {
                total -= t[k] * (row[k] - log(sum)) / Double(count)
                #expect(abs(Double(gradient[i * classes + k]) - (exp(row[k]) / sum - t[k]) / Double(count)) < 1e-6)
            }
        }
        #expect(abs(loss.total.item - total) < 1e-5 && loss.positives == count)
    }

    private func joint(_ scratch: Scratch) throws -> (boxes: Dataset, classes: Dataset) {
        let boxes = try scratch.scenes(5, seed: 1, folder: "boxes")
        var classes = try scratch.scenes(6, seed: 2, folder: "classes")
        classes.classes = ClassTable(names: ["a", "b", "c"])
        for i in classes.examples.indices {
            classes.examples[i].annotations = []
            classes.examples[i].target = .hard(i % 3)
        }
        return (boxes, classes)
    }

    /// With pictures and statistics that do not meet (frozen norms), the joint losses are those of each task alone, and the
    /// classifier is not in the file.
    @Test func jointLossesAreThoseOfEachTask() throws {
        let scratch = try Scratch()
        let size = Size(width: 64, height: 64)
        func detector() throws -> Detector {
            try Detector(
                name: "pico", classes: ClassTable(names: ["x", "y"]), canvas: size,
                changes: NetworkChanges(freezesNorms: true), seed: 4, device: .cpu)
        }
        let (alone, together) = (try detector(), try detector())
        let objective = try together.jointObjective(LossOptions(smoothing: 0.1), classes: 3)
        let images = Tensor(
            (0..<4 * 3 * 64 * 64).map { Float(sin(0.01 * Double($0))) }, shape: [4, 3, 64, 64]
        ).channelsLast()
        var items = [Item](repeating: Item(blank: size), count: 4)
        items[0].annotations = [Annotation(id: 1, box: Box(x1: 5, y1: 8, x2: 40, y2: 33), label: 1)]
        items[2].target = .hard(1)
        items[3].target = .hard(2)
        let noise = Noise(seed: 0, step: 0)
        let losses = objective.losses(
            Inputs(images: images, items: items), groups: [0..<2, 2..<4], precision: nil, noise: noise)
        let own = alone.objective.losses(
            Inputs(images: images.narrowed(0, start: 0, length: 2), items: Array(items[..<2])), groups: [0..<2],
            precision: nil, noise: noise)
        #expect(losses.count == 2)
        #expect(abs(losses[0].total.item - own[0].total.item) < 1e-5 && losses[0].positives == own[0].positives)
        // Zero logits are not to be had, so the classes' loss is computed from the head's own weights.
        let c5 = alone.model.maps(images.narrowed(0, start: 2, length: 2), .inference)[3]
        let pooled = c5.globalMean().flattened(from: 1)
        let weight = try #require(together.parameters["joint.fc.weight"])
        let bias = try #require(together.parameters["joint.fc.bias"])
        let logits = pooled.matmul(weight.transposed(0, 1)) + bias
        let wanted = logits.crossEntropy(Tensor([1, 2] as [Int64]), smoothing: 0.1).item
        #expect(abs(losses[1].total.item - wanted) < 1e-5)
        // The classes move the backbone.
        losses[1].total.backward()
        let moved = try #require(together.parameters["backbone.body.conv1.weight"]?.gradient).floats
        #expect(moved.contains { $0 != 0 })
        try together.save(to: scratch.file("a.safetensors"))
        #expect(try Detector(weights: scratch.file("a.safetensors"), device: .cpu).name == "pico")
    }

    /// Stopped and taken up again, joint training ends with the same bytes, the classifier's among them.
    @Test func jointTrainingResumes() throws {
        let scratch = try Scratch()
        let (boxes, classes) = try joint(scratch)
        var plan = TrainingPlan(
            streams: [
                Stream(name: "human", dataset: boxes, policy: .s1, images: 2),
                Stream(name: "pseudo", dataset: boxes, policy: .s1, images: 2),
                Stream(name: "classes", dataset: classes, .cropped(.randAugment), images: 2),
            ], mix: .normalized(alpha: 1, decay: LossMix.paperDecay, plus: [0.2]), steps: 4,
            optimizer: .adamW(beta1: 0.9, beta2: 0.999, eps: 1e-8, decay: 0.05),
            schedule: Schedule(base: 1e-3, warmupFrom: 1e-5, warmupSteps: 1, steps: 4), clip: 10, precision: nil,
            seed: 3, canvas: Size(width: 64, height: 64))
        plan.logEvery = 1
        func run(_ folder: String, until kill: Bool) throws -> ParameterStore {
            let detector = try Detector(
                name: "pico", classes: boxes.classes, canvas: plan.canvas, seed: 1, device: .cpu)
            var own = plan
            if kill { (own.checkpointSteps, own.evaluateEvery) = (2, 3) }
            try Trainer(
                try detector.jointObjective(LossOptions(), classes: 3), own, folder: scratch.file(folder),
                identity: "a", label: ""
            ).run(evaluate: { _ throws(Failure) in
                if kill { throw Failure(.unexpected, "killed") }
                return nil
            })
            return detector.parameters
        }
        let whole = try run("whole", until: false)
        #expect(throws: Failure.self) { try run("parts", until: true) }
        let parts = try run("parts", until: false)
        #expect(whole.entries.contains { $0.name == "joint.fc.weight" })
        for (x, y) in zip(whole.entries, parts.entries) { #expect(x.tensor.bytes() == y.tensor.bytes(), "\(x.name)") }
        let log = try timeless(scratch.file("whole/metrics.jsonl"))
        #expect(log.allSatisfy { ($0["classes/ce"]?.double ?? 0) > 0 && $0["classes/positives"] == 2 })
    }

    /// What is frozen keeps its bytes, statistics too; what is not moves, and lower stages less under layer decay.
    @Test func frozenStagesAndLayerDecay() throws {
        let scratch = try Scratch()
        let set = try scratch.scenes(5, seed: 1, folder: "boxes")
        func run(_ changes: NetworkChanges, decay: Double, _ folder: String) throws -> [String: Float] {
            let detector = try Detector(
                name: "pico", classes: set.classes, canvas: Size(width: 64, height: 64), changes: changes, seed: 1,
                device: .cpu)
            let before = detector.parameters.entries.map { $0.tensor.floats }
            var plan = TrainingPlan(
                streams: [Stream(name: "human", dataset: set, policy: .s1, images: 2)], mix: .weighted([1]), steps: 2,
                optimizer: .adamW(beta1: 0.9, beta2: 0.999, eps: 1e-8, decay: 0),
                schedule: Schedule(base: 1e-3, warmupFrom: 1e-3, warmupSteps: 0, steps: 2), clip: 0, precision: nil,
                seed: 3, canvas: Size(width: 64, height: 64))
            let backbone = detector.backbone
            plan.rate = { backbone.rate(of: $0, decay: decay) }
            try Trainer(detector.objective, plan, folder: scratch.file(folder), identity: "a", label: "").run()
            return Dictionary(
                uniqueKeysWithValues: zip(detector.parameters.entries, before).map { entry, before in
                    (entry.name, zip(entry.tensor.floats, before).map { abs($0 - $1) }.max() ?? 0)
                })
        }
        let frozen = try run(NetworkChanges(frozenStages: 2), decay: 1, "frozen")
        for (name, moved) in frozen {
            let stage = BackboneSpec.resNet(10).stage(of: name)
            if let stage, stage <= 2 {
                #expect(moved == 0, "\(name)")
            } else if name.hasSuffix("conv1.weight") || name.contains("running_mean") {
                #expect(moved > 0, "\(name)")
            }
        }
        #expect(frozen.keys.contains("backbone.body.layer2.0.bn1.running_mean"))
        let norms = try run(NetworkChanges(freezesNorms: true), decay: 1, "norms")
        for (name, moved) in norms where name.contains("bn") { #expect(moved == 0, "\(name)") }
        // AdamW's first steps have the size of the rate, whatever the gradient.
        let decayed = try run(NetworkChanges(), decay: 0.5, "decayed")
        let whole = try run(NetworkChanges(), decay: 1, "whole")
        for (name, factor) in [("conv1", 1.0 / 32), ("layer2.0.conv1", 0.125), ("layer4.0.conv1", 0.5)] {
            let name = "backbone.body.\(name).weight"
            let ratio = Double(decayed[name] ?? 0) / Double(whole[name] ?? 1)
            #expect(abs(ratio / factor - 1) < 0.1, "\(name): \(ratio)")
        }
    }
}
