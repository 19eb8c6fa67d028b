import Base
import Checkpoints
import Layers
import Testing
import Torch

@testable import Models

@Suite(.serialized) struct WeightsTests {
    private let scratch = Scratch()
    private var folder: String { scratch.folder }

    /// A folder that goes with the test.
    private final class Scratch {
        let folder = "/tmp/pupil-weights-\(processID)"
        init() { try? Files.makeFolder(folder) }
        deinit { try? Files.remove(folder) }
    }

    private func detector(classes: Int = 3, seed: UInt64 = 1) -> ParameterStore {
        var spec = RetinaNetSpec.paper(
            backbone: .resNet(18, width: 4, norm: .quick), classes: classes, channels: 8, norm: .none)
        spec.headConvolutions = 2
        let store = ParameterStore(seed: seed)
        _ = RetinaNet(store.root, spec)
        return store
    }

    private func classifier(seed: UInt64 = 2) -> ParameterStore {
        let store = ParameterStore(seed: seed)
        _ = ClassificationNet(store.root, ClassifierSpec(backbone: .resNet(18, width: 4, norm: .quick), classes: 7))
        return store
    }

    private func file(_ name: String, _ tensors: [(name: String, tensor: Tensor)]) throws -> WeightsFile {
        let path = Files.join(folder, name)
        try TensorFile.write(tensors, metadata: [:], to: path)
        return try WeightsFile.open(path)
    }

    private func named(
        _ store: ParameterStore, _ rename: (String) -> String? = { $0 }
    ) -> [(name: String, tensor: Tensor)] {
        store.entries.compactMap { entry in rename(entry.name).map { ($0, entry.tensor) } }
    }

    @Test func aBackboneIsFoundUnderAnyPrefix() throws {
        let source = classifier()
        for prefix in ["", "backbone.", "encoder_q."] {
            let target = detector()
            let before = try #require(target["head.classification_head.cls_logits.weight"]).floats
            let match = try target.load(try file("backbone.safetensors", named(source) { prefix + $0 }))
            #expect(
                target["backbone.body.layer3.1.conv2.weight"]?.floats == source["layer3.1.conv2.weight"]?.floats)
            #expect(target["backbone.body.bn1.running_var"]?.floats == source["bn1.running_var"]?.floats)
            #expect(target["head.classification_head.cls_logits.weight"]?.floats == before)
            #expect(match.dropped == [prefix + "fc.weight", prefix + "fc.bias"])
            #expect(match.kept.allSatisfy { $0.hasPrefix("backbone.fpn.") || $0.hasPrefix("head.") })
            #expect(match.family == (prefix.isEmpty ? "resnet backbone" : "resnet backbone under \"\(prefix)\""))
        }
    }

    /// A prefix of all names is a wrapper's: the network is taken whole.
    @Test func aWrappersPrefixIsTakenOff() throws {
        let source = detector()
        let target = detector(seed: 5)
        let match = try target.load(try file("compiled.safetensors", named(source) { "_orig_mod." + $0 }))
        #expect(match.kept.isEmpty && match.dropped.isEmpty && match.family == "network")
        let bias = "head.classification_head.cls_logits.bias"
        #expect(target[bias]?.floats == source[bias]?.floats)
        let classes = classifier(seed: 6)
        try classes.load(try file("wrapped.safetensors", named(classifier()) { "_orig_mod." + $0 }))
        #expect(classes["fc.weight"]?.floats == classifier()["fc.weight"]?.floats)
    }

    /// Of two backbones nobody knows which is meant, but for those whose names say which one learned.
    @Test func severalBackbonesAreNotGuessed() throws {
        let (a, b) = (classifier(), classifier(seed: 3))
        func both(_ first: String, _ second: String) throws -> WeightsFile {
            try file("both.safetensors", named(a) { first + $0 } + named(b) { second + $0 })
        }
        let failure = #expect(throws: Failure.self) { try detector().load(try both("target.", "online.")) }
        #expect(
            failure?.message.contains("several backbones, under \"target.\", \"online.\"") == true,
            "\(failure?.message ?? "")")
        let target = detector()
        try target.load(try both("encoder_q.", "encoder_k."))
        #expect(target["backbone.body.conv1.weight"]?.floats == a["conv1.weight"]?.floats)
    }

    /// A network whose norms add another number computes the same: variances take up the difference.
    @Test func normsThatAddAnotherNumber() throws {
        func store(_ eps: Double, _ seed: UInt64) -> (ParameterStore, ResNet) {
            let store = ParameterStore(seed: seed)
            let norm = Norm.batch(momentum: 0.9, eps: eps)
            return (store, ResNet(store.root, .resNet(18, width: 4, norm: norm)))
        }
        let (source, theirs) = store(1e-2, 1)
        for entry in source.entries where entry.name.hasSuffix("running_var") { entry.tensor.fill(0.05) }
        let file = try file("eps.safetensors", named(source))
        let picture = formulaPicture(height: 64, width: 64)
        let wanted = withoutGradients { theirs(picture, .inference)[3] }
        for (eps, isEqual) in [(1e-2 as Double?, true), (nil, false)] {
            let (target, ours) = store(1e-4, 2)
            try target.load(file, eps: eps)
            let found = withoutGradients { ours(picture, .inference)[3] }
            let difference = (found - wanted).abs().max().item / wanted.abs().max().item
            #expect((difference < 1e-5) == isEqual, "\(difference)")
        }
        // Below 0 there is no variance.
        let (target, _) = store(0.2, 3)
        try target.load(file, eps: 1e-2)
        #expect(target["bn1.running_var"]?.floats == [0, 0, 0, 0])
    }

    @Test func aDetectorsBackboneGoesIntoAClassifier() throws {
        let source = detector()
        let target = classifier()
        let match = try target.load(try file("detector.safetensors", named(source)))
        #expect(target["layer1.0.conv1.weight"]?.floats == source["backbone.body.layer1.0.conv1.weight"]?.floats)
        #expect(match.kept == ["fc.weight", "fc.bias"])
        #expect(match.dropped.contains("head.regression_head.bbox_reg.bias"))
    }

    @Test func aHeadForOtherClassesIsDroppedAndSaid() throws {
        let source = detector(classes: 5)
        let target = detector(classes: 3, seed: 9)
        let match = try target.load(try file("five.safetensors", named(source)))
        let head = ["head.classification_head.cls_logits.weight", "head.classification_head.cls_logits.bias"]
        #expect(match.dropped == head && match.kept == head && match.summary.contains("cls_logits.weight"))
        #expect(
            target["head.regression_head.bbox_reg.weight"]?.floats
                == source["head.regression_head.bbox_reg.weight"]?.floats)
    }

    /// Each difference is listed by name, nothing is loaded, and a pattern allows it.
    @Test func differencesAreErrorsUnlessAllowed() throws {
        let source = detector()
        func expectFault(_ tensors: [(name: String, tensor: Tensor)], _ text: String, allow: [String]) throws {
            let file = try file("odd.safetensors", tensors)
            let target = detector(seed: 4)
            let before = try #require(target["backbone.body.conv1.weight"]).floats
            let failure = #expect(throws: Failure.self) { try target.load(file) }
            #expect(failure?.code == .invalidData)
            #expect(failure?.message.contains(text) == true, "\(failure?.message ?? "")")
            #expect(target["backbone.body.conv1.weight"]?.floats == before)
            try target.load(file, allow: allow)
            #expect(target["backbone.body.conv1.weight"]?.floats != before)
        }
        try expectFault(
            named(source) { $0.contains("fpn.inner_blocks.1") ? nil : $0 },
            "missing: backbone.fpn.inner_blocks.1.0.weight, backbone.fpn.inner_blocks.1.0.bias",
            allow: ["*inner_blocks.1*"])
        try expectFault(
            named(source) + [("backbone.body.layer5.0.conv1.weight", Tensor.zeros([2, 2]))],
            "unknown: backbone.body.layer5.0.conv1.weight", allow: ["backbone.body.layer5*"])
        try expectFault(
            named(source).map { ($0.name, $0.name == "backbone.body.bn1.bias" ? Tensor.zeros([5]) : $0.tensor) },
            "of another shape: backbone.body.bn1.bias [5], here [4]", allow: ["*.bn1.bias"])
        // By the name that the message shows, which is the file's.
        let bare = named(classifier()).map { ($0.name, $0.name == "bn1.bias" ? Tensor.zeros([5]) : $0.tensor) }
        let backbone = try file("bare.safetensors", bare)
        #expect(throws: Failure.self) { try detector().load(backbone) }
        try detector().load(backbone, allow: ["bn1.bias"])
        let failure = #expect(throws: Failure.self) {
            try detector().load(try file("alien.safetensors", [("a", Tensor.zeros([1]))]))
        }
        #expect(failure?.message.contains("no tensor has a name of this model") == true)
    }

    /// torchvision's files of before 2022, in which each activation of a head counted.
    @Test func oldHeadNames() throws {
        let source = detector()
        let old = named(source) { name in
            for head in ["head.classification_head.conv.", "head.regression_head.conv."] where name.hasPrefix(head) {
                let parts = name.dropFirst(head.count).split(separator: ".")
                return "\(head)\(2 * (Int(parts[0]) ?? 0)).\(parts[2])"
            }
            return name
        }
        #expect(old.contains { $0.name == "head.regression_head.conv.2.bias" })
        let target = detector(seed: 8)
        try target.load(try file("old.safetensors", old))
        for entry in source.entries { #expect(target[entry.name]?.floats == entry.tensor.floats) }
    }

    @Test func numbersOfOtherTypes() throws {
        let source = detector()
        let target = detector(seed: 5)
        try target.load(try file("half.safetensors", named(source).map { ($0.name, $0.tensor.to(.bfloat16)) }))
        for entry in source.entries {
            #expect(target[entry.name]?.floats == entry.tensor.to(.bfloat16).floats, "\(entry.name)")
        }
        let failure = #expect(throws: Failure.self) {
            try target.load(try file("bool.safetensors", named(source).map { ($0.name, $0.tensor.to(.bool)) }))
        }
        #expect(failure?.message.contains("truth values") == true)
    }

    /// A network that saw pixels as 0...1 or -1...1 gives the same features of the same picture, away from the border.
    @Test(arguments: [PixelScale.unit, .inception]) func pixelsOfOtherScales(pixels: PixelScale) throws {
        let spec = ResNetSpec.resNet(18, width: 4, norm: .quick)
        let theirs = ParameterStore(seed: 6)
        let theirModel = ResNet(theirs.root, spec)
        fillByFormula(theirs)
        let ours = ParameterStore(seed: 7)
        let ourModel = ResNet(ours.root, spec)
        try ours.load(try file("\(pixels).safetensors", named(theirs)), pixels: pixels)
        // A grey picture with a coloured, textured middle far from the border's reach into C2's centre.
        let raw = Tensor((0..<3 * 96 * 96).map { Float(0.5 + u(3, $0) * 0.9) }, shape: [1, 3, 96, 96])
        func seen(_ mean: [Float], _ deviation: [Float]) -> Tensor {
            ((raw - Tensor(mean, shape: [1, 3, 1, 1])) / Tensor(deviation, shape: [1, 3, 1, 1])).channelsLast()
        }
        let theirPicture = pixels == .unit ? raw.channelsLast() : seen([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])
        let ourPicture = seen([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
        let a = withoutGradients { theirModel(theirPicture, .inference)[0] }
        let b = withoutGradients { ourModel(ourPicture, .inference)[0] }
        func centre(_ x: Tensor) -> Tensor { x.narrowed(2, start: 8, length: 8).narrowed(3, start: 8, length: 8) }
        let difference = (centre(a) - centre(b)).abs().max().item / centre(a).abs().max().item
        #expect(difference < 1e-5)
    }

    /// Without a norm there is no place for the shift, and nothing is taken in silence.
    @Test func otherPixelsNeedANorm() throws {
        let spec = ResNetSpec.resNet(18, width: 4, norm: .group(groups: 2, eps: 1e-5))
        let source = ParameterStore(seed: 1)
        _ = ResNet(source.root, spec)
        let target = ParameterStore(seed: 2)
        _ = ResNet(target.root, spec)
        let before = try #require(target["conv1.weight"]).floats
        let failure = #expect(throws: Failure.self) {
            try target.load(try file("groups.safetensors", named(source)), pixels: .unit)
        }
        #expect(failure?.code == .usage && failure?.message.contains("followed by a batch norm") == true)
        #expect(target["conv1.weight"]?.floats == before)
    }

    @Test(arguments: [
        ("fc.weight", "fc.*", true), ("fc.weight", "*", true), ("fc.weight", "fc", false), ("afc.b", "*fc*", true),
        ("a.b.c", "a*c", true), ("ac", "a*c", true), ("a", "a*a", false), ("a.b.c", "a.*.c", true),
        ("abc", "*b*", true), ("abc", "*d*", false), ("abab", "*ab", true), ("abc", "abc", true),
    ])
    func patterns(name: String, pattern: String, fits: Bool) { #expect(matches(name, pattern: pattern) == fits) }
}
