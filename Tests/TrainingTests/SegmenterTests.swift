import Annotations
import Augmentation
import Base
import Geometry
import Glibc
import Imaging
import Layers
import Loading
import Models
import Scenes
import Testing
import Torch

@testable import Training

@Suite(.serialized) struct SegmenterTests {
    let scratch: Scratch
    private static let canvas = Size(width: 64, height: 64)

    init() throws { scratch = try Scratch() }

    private func segmenter(_ classes: Int = 7, seed: UInt64 = 1, canvas: Size = Self.canvas) throws -> Segmenter {
        try Segmenter(
            name: "seg-nano", classes: ClassTable(names: (0..<classes).map { "c\($0)" }, ids: Array(0..<classes)),
            canvas: canvas, seed: seed, device: .cpu)
    }

    /// One that has opinions: with its first weights log-odds are all but equal, and rounding decides.
    private func opinionated() throws -> Segmenter {
        let segmenter = try segmenter()
        var random = Random(seed: 6, purpose: .test)
        let input = Tensor((0..<3 * 64 * 64).map { _ in Float(random.uniform(-1, 1)) }, shape: [1, 3, 64, 64])
        try withoutGradients {
            let spread = Double(segmenter.model(input, .inference).variance().sqrt().item)
            let last = try #require(segmenter.parameters.entries.first { $0.name == "head.classifier.weight" })
            last.tensor.multiply(by: 2 / spread)
        }
        return segmenter
    }

    /// Drawn pictures of a size with their masks.
    private func scenes(_ count: Int, width: Int = 64, height: Int = 64) throws -> Dataset {
        let folder = scratch.file("set-\(width)")
        for name in ["images", "masks"] { try Files.makeFolder(Files.join(folder, name)) }
        let style = SceneStyle(size: Size(width: width, height: height), objects: 1...3)
        for i in 0..<count {
            let scene = Scenes.draw(index: i, seed: 8, style: style)
            try Files.write(scene.image.png(), to: Files.join(folder, "images/\(i).png"))
            try Files.write(scene.mask.png(), to: Files.join(folder, "masks/\(i).png"))
        }
        return try Dataset.masked(
            images: Files.join(folder, "images"), masks: Files.join(folder, "masks"), list: nil,
            classes: MaskClasses(names: (0..<7).map { "c\($0)" }))
    }

    // MARK: The loss

    /// Softmax cross-entropy pixel by pixel in double precision; ignored pixels do not count, each stream has its own mean.
    @Test(arguments: [4, 1]) func lossIsTheMeanOverLabelledPixels(stride: Int) throws {
        let segmenter = try segmenter(3)
        let objective = SegmentationObjective(segmenter)
        var random = Random(seed: 2, purpose: .test)
        let images = Tensor((0..<3 * 3 * 64 * 64).map { _ in Float(random.uniform(-1, 1)) }, shape: [3, 3, 64, 64])
            .channelsLast()
        let side = 64 / stride
        let labels = (0..<3 * side * side).map { i -> UInt8 in
            // The last picture is ignored wholly.
            i >= 2 * side * side || random.chance(0.2) ? 255 : UInt8(random.below(3))
        }
        let masks = Tensor(labels, shape: [3, side, side])
        let items = (0..<3).map { _ in Item(blank: Self.canvas) }
        let losses = objective.losses(
            Inputs(images: images, masks: masks, items: items), groups: [0..<2, 2..<3], precision: nil,
            noise: Noise(seed: 0, step: 0))
        var logits = withoutGradients { segmenter.model(images, .training(Noise(seed: 0, step: 0))) }
        if stride == 1 { logits = logits.upsampledBilinear(height: 64, width: 64) }
        let z = logits.contiguous().floats
        var sum = 0.0
        var count = 0
        for n in 0..<2 {
            for p in 0..<side * side where labels[n * side * side + p] != 255 {
                let values = (0..<3).map { Double(z[(n * 3 + $0) * side * side + p]) }
                let total = values.reduce(0) { $0 + exp($1) }
                sum -= values[Int(labels[n * side * side + p])] - log(total)
                count += 1
            }
        }
        #expect(losses[0].positives == count && losses[1].positives == 0)
        #expect(abs(Double(losses[0].total.item) - sum / Double(count)) < 1e-4)
        #expect(losses[1].total.item == 0)
        // A stream without a labelled pixel has no gradient to give.
        losses[1].total.backward()
        let gradients = segmenter.parameters.entries.compactMap { $0.tensor.gradient }
        #expect(!gradients.isEmpty && gradients.allSatisfy { $0.abs().max().item == 0 })
    }

    // MARK: Files

    @Test func savedAndReadAgain() throws {
        let one = try segmenter(seed: 5)
        let path = scratch.file("one.safetensors")
        try one.save(to: path)
        let two = try Segmenter(weights: path, device: .cpu)
        #expect(two.name == "seg-nano" && two.classes == one.classes && two.canvas == one.canvas)
        for (a, b) in zip(one.parameters.entries, two.parameters.entries) {
            #expect(a.name == b.name && a.tensor.bytes() == b.tensor.bytes())
        }
        #expect(try TaskName(ofWeights: path) == .segmentation)
        let failure = #expect(throws: Failure.self) { try Detector(weights: path, device: .cpu) }
        #expect(failure?.message.contains("is a model for segmentation, and one for detection was expected") == true)
        let boxes = #expect(throws: Failure.self) {
            try Segmenter(
                name: "nano", classes: one.classes, canvas: Self.canvas, seed: 0, device: .cpu)
        }
        #expect(boxes?.code == .usage && boxes?.message.contains("gives no classes to pixels") == true)
    }

    // MARK: Seeing

    private func masks(
        _ segmenter: Segmenter, _ set: Dataset, _ change: (inout Segmenter.InferenceOptions) -> Void = { _ in }
    ) throws -> [LabelMap] {
        var options = Segmenter.InferenceOptions()
        change(&options)
        var all: [LabelMap] = []
        try segmenter.forEachBatch(set, options) { results throws(Failure) in
            all += results.compactMap(\.labels)
            return true
        }
        return all
    }

    private func agreement(_ a: LabelMap, _ b: LabelMap) -> Double {
        Double(zip(a.labels, b.labels).count { $0 == $1 }) / Double(a.labels.count)
    }

    /// Against libtorch's own steps: the whole canvas brought to full size and to the picture's.
    @Test func onePassIsWhatLibtorchGives() throws {
        let segmenter = try opinionated()
        let set = try scenes(3)
        let seen = try masks(segmenter, set)
        for (i, example) in set.examples.enumerated() {
            let image = try ImageFile.decode(set.path(of: example)).image
            let plan = Plan.evaluation(for: image.size, target: Self.canvas)
            var pixels = [Float](repeating: 0, count: 64 * 64 * 3)
            pixels.withUnsafeMutableBufferPointer { plan.render(image, into: $0) }
            let input = Tensor(pixels, shape: [1, 64, 64, 3]).permuted([0, 3, 1, 2])
            let logits = withoutGradients { segmenter.model(input, .inference) }
                .upsampledBilinear(height: 64, width: 64)
            let wanted = logits.argmax(1).flattened().array(of: Int64.self).map { UInt8($0) }
            let reference = LabelMap(width: 64, height: 64, labels: wanted)
            #expect(agreement(seen[i], reference) > 0.999)
        }
    }

    /// A batch's company, the number of workers and the batch to begin with change nothing.
    @Test func aPictureIsSeenTheSameInAnyRun() throws {
        let segmenter = try opinionated()
        let set = try scenes(11)
        let all = try masks(segmenter, set)
        #expect(all.count == 11 && Set(all.map(\.labels)).count > 1)
        #expect(try masks(segmenter, set) { $0.workers = 3 } == all)
        var later: [LabelMap] = []
        try segmenter.forEachBatch(set, .init(), from: 1) { results throws(Failure) in
            later += results.compactMap(\.labels)
            return true
        }
        #expect(later == Array(all[8...]))
    }

    /// A mirrored picture gets the mirrored mask where each is also seen in the mirror.
    @Test func flipsAreMirrors() throws {
        let segmenter = try opinionated()
        let set = try scenes(4)
        var mirrored = set
        mirrored.root = scratch.file("mirrored")
        try Files.makeFolder(mirrored.root)
        for example in set.examples {
            var image = try ImageFile.decode(set.path(of: example)).image
            let pixels = image.pixels
            for y in 0..<64 {
                for x in 0..<64 {
                    for c in 0..<3 { image.pixels[(y * 64 + x) * 3 + c] = pixels[(y * 64 + 63 - x) * 3 + c] }
                }
            }
            try Files.write(image.png(), to: mirrored.path(of: example))
        }
        let change: (inout Segmenter.InferenceOptions) -> Void = {
            $0.flips = true; $0.scales = [1, 1.5]
        }
        let (a, b) = (try masks(segmenter, set, change), try masks(segmenter, mirrored, change))
        for (one, other) in zip(a, b) {
            var back = other
            for y in 0..<64 { for x in 0..<64 { back.labels[y * 64 + x] = other.labels[y * 64 + 63 - x] } }
            #expect(agreement(one, back) > 0.999)
        }
    }

    /// Windows: nothing changes where a picture fits; a large one is seen whole, and its places only by windows that
    /// hold them.
    @Test func windowsCoverLargePictures() throws {
        let segmenter = try opinionated()
        let small = try scenes(2)
        #expect(try masks(segmenter, small) { $0.slides = true } == masks(segmenter, small))
        let large = try scenes(2, width: 150, height: 100)
        let seen = try masks(segmenter, large) {
            $0.slides = true
            $0.scales = [150.0 / 64]
        }
        #expect(seen.map(\.size) == [Size(width: 150, height: 100), Size(width: 150, height: 100)])
        // A place that one window alone sees, far from its border, says what that window says by itself.
        let image = try ImageFile.decode(large.path(of: large.examples[0])).image
        let plan = Plan(source: image.size, target: Self.canvas, resized: Size(width: 150, height: 100))
        var pixels = [Float](repeating: 0, count: 64 * 64 * 3)
        pixels.withUnsafeMutableBufferPointer { plan.render(image, into: $0) }
        let input = Tensor(pixels, shape: [1, 64, 64, 3]).permuted([0, 3, 1, 2])
        let logits = withoutGradients { segmenter.model(input, .inference) }.upsampledBilinear(height: 64, width: 64)
        let wanted = logits.argmax(1).flattened().array(of: Int64.self)
        var same = 0
        for y in 0..<24 { for x in 0..<24 where Int64(seen[0].labels[y * 150 + x]) == wanted[y * 64 + x] { same += 1 } }
        #expect(Double(same) > 0.995 * 24 * 24)
    }

    @Test func refusedPicturesAreSkippedOrFail() throws {
        let segmenter = try opinionated()
        let set = try scenes(3)
        try Files.write("MM\0*", to: set.path(of: set.examples[1]))
        #expect(throws: Failure.self) { try masks(segmenter, set) }
        #expect(try masks(segmenter, set) { $0.skipsRefused = true }.count == 2)
    }

    // MARK: Learning

    /// A few steps on few pictures: the loss falls and mIoU rises; stopped and taken up again, the weights are the same.
    @Test func learnsAndResumesExactly() throws {
        let set = try scenes(6)
        func train(_ folder: String, stopAt: Int = 0) throws -> Segmenter {
            let model = try segmenter(seed: 3)
            var plan = TrainingPlan(
                streams: [Stream(name: "human", dataset: set, policy: .s4, images: 3)], mix: .weighted([1]), steps: 60,
                optimizer: .adamW(beta1: 0.9, beta2: 0.999, eps: 1e-8, decay: 0.01),
                schedule: Schedule(base: 2e-3, warmupFrom: 2e-5, warmupSteps: 3, steps: 60), clip: 10, precision: nil,
                seed: 3, canvas: Self.canvas)
            plan.maskStride = 4
            plan.checkpointSteps = 10
            plan.evaluateEvery = stopAt
            let trainer = try Trainer(
                SegmentationObjective(model), plan, folder: scratch.file(folder), identity: "x", label: "t")
            if stopAt == 0 {
                try trainer.run()
            } else {
                #expect(throws: Failure.self) {
                    try trainer.run(evaluate: { _ throws(Failure) in throw .data("stop") })
                }
            }
            return model
        }
        let before = try segmenter(seed: 3).score(set, .init(), into: nil)
        let trained = try train("a")
        let after = try trained.score(set, .init(), into: scratch.file("out"))
        #expect(after.value > before.value + 0.05, "\(before.value) to \(after.value)")
        #expect(after.json["mIoU"]?.double == after.value)
        #expect(try ImageFile.labels(scratch.file("out/masks/0.png")).size == Self.canvas)
        _ = try train("b", stopAt: 17)
        let resumed = try train("b")
        for (a, b) in zip(trained.parameters.entries, resumed.parameters.entries) {
            #expect(a.tensor.bytes() == b.tensor.bytes(), "\(a.name)")
        }
    }
}
