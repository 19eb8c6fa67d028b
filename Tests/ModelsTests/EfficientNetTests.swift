import Base
import Layers
import Models
import Testing
import Torch

@Suite(.serialized) struct EfficientNetTests {
    private func classifier(_ name: String) -> (ParameterStore, ClassificationNet) {
        let parts = name.split(separator: "_")
        let spec = EfficientNetSpec.named(
            String(parts[parts.count - 1]), padding: parts[0] == "tf" ? .same : .symmetric)
        let store = ParameterStore(seed: 0)
        return (store, ClassificationNet(store.root, ClassifierSpec(backbone: .efficientNet(spec), classes: 1000)))
    }

    private func expectOutputs(_ model: ClassificationNet, _ picture: Tensor, _ reference: JSON, _ what: String) throws
    {
        try withoutGradients {
            let (maps, pooled) = model.features(picture, .inference)
            for (level, map) in maps.enumerated() {
                let expected = try #require(reference["C\(level + 2)"])
                try expectAccount(map, expected, "\(what): C\(level + 2)", tolerance: 1e-4)
            }
            try expectAccount(pooled, try #require(reference["pooled"]), "\(what): pooled", tolerance: 1e-4)
            let logits = model(picture, .inference)
            try expectAccount(logits, try #require(reference["logits"]), "\(what): logits", tolerance: 1e-4)
        }
    }

    /// Names, features, logits of timm's networks; Tools/reference/efficientnet.py.
    @Test(arguments: ["tf_efficientnet_b0", "efficientnet_b0"]) func equalsTimm(name: String) throws {
        let reference = try #require(try fixture("efficientnet.json")[name])
        let (store, model) = classifier(name)
        try expectListing(store, reference)
        fillByFormula(store, gain: try reference.number("gain"), gateGain: try reference.number("gate_gain"))
        for (height, width) in [(64, 96), (75, 101)] {
            let picture = formulaPicture(count: 2, height: height, width: width)
            let expected = try #require(reference["\(height)x\(width)"])
            try expectOutputs(model, picture, expected, name)
        }
    }

    /// A pass with the batch's statistics: outputs, gradients of every kind of layer, running statistics moved once.
    @Test(arguments: ["tf_efficientnet_b0", "efficientnet_b0"]) func gradientsEqualTimms(name: String) throws {
        let reference = try #require(try fixture("efficientnet.json")[name])
        let training = try #require(reference["training"])
        let (store, model) = classifier(name)
        fillByFormula(store, gain: try reference.number("gain"), gateGain: try reference.number("gate_gain"))
        let picture = formulaPicture(count: 4, height: 96, width: 128)
        let (maps, pooled) = model.features(picture, .training)
        for (level, map) in maps.enumerated() {
            try expectAccount(
                map, try #require(training["C\(level + 2)"]), "\(name) training: C\(level + 2)", tolerance: 1e-4)
        }
        let logits = pooled.linear(try #require(store["classifier.weight"]), bias: store["classifier.bias"])
        try expectAccount(logits, try #require(training["logits"]), "\(name) training: logits", tolerance: 1e-4)
        scalar(maps + [logits]).backward()
        try expectGradients(store, training, name, elements: 1e-4, norms: 1e-4)
    }

    /// Counts of docs/paper.md 3.9, and the names and shapes of timm's.
    @Test(arguments: ["b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8", "l2"]) func listingsEqualTimms(
        name: String
    ) throws {
        let reference = try #require(try fixture("efficientnet.json")["tf_efficientnet_\(name)"])
        let store = ParameterStore(seed: 0, device: .meta)
        _ = ClassificationNet(store.root, ClassifierSpec(backbone: .efficientNet(.named(name)), classes: 1000))
        try expectListing(store, reference)
    }

    /// The largest, at 64 pixels: minutes and gigabytes.
    @Test(.enabled(if: testsAll), arguments: ["tf_efficientnet_b7", "tf_efficientnet_l2"])
    func largeOnesEqualTimms(name: String) throws {
        let reference = try #require(try fixture("efficientnet.json")[name])
        let (store, model) = classifier(name)
        fillByFormula(store, gain: try reference.number("gain"), gateGain: try reference.number("gate_gain"))
        let picture = formulaPicture(height: 64, width: 64)
        let expected = try #require(reference["64x64"])
        try expectOutputs(model, picture, expected, name)
    }

    @Test func channelsAreRoundedToEights() {
        // Two of docs/paper.md 3.5's rows, by hand: 32 * 1.1 = 35.2 -> 32 (within a tenth), 16 * 1.4 = 22.4 -> 24.
        let b2 = EfficientNetSpec.named("b2")
        #expect(b2.stem == 32 && b2.stages.map(\.channels) == [16, 24, 48, 88, 120, 208, 352] && b2.head == 1408)
        let b7 = EfficientNetSpec.named("b7")
        #expect(b7.stages.map(\.repeats) == [4, 7, 7, 10, 10, 13, 4] && b7.channels == [48, 80, 224, 640])
    }

    /// Some pictures lose branches, by a draw that depends on the place alone.
    @Test func stochasticDepthDrawsByPlace() {
        let store = ParameterStore(seed: 3)
        var spec = EfficientNetSpec.named("b0")
        spec.survival = 0.5
        let model = EfficientNet(store.root, spec)
        let picture = formulaPicture(count: 4, height: 32, width: 32)
        func c5(_ x: Tensor, _ mode: Mode) -> [Float] { withoutGradients { model(x, mode)[3].floats } }
        let plain = c5(picture, .training)
        let once = c5(picture, .training(Noise(seed: 1, step: 7)))
        #expect(once != plain)
        #expect(once == c5(picture, .training(Noise(seed: 1, step: 7))))
        #expect(once != c5(picture, .training(Noise(seed: 1, step: 8))))
        #expect(once != c5(picture, .training(Noise(seed: 2, step: 7))))
        #expect(c5(picture, .inference) == c5(picture, .inference))
    }
}
