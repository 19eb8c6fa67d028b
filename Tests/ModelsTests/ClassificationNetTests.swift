import Base
import Layers
import Models
import Testing
import Torch

@Suite(.serialized) struct ClassificationNetTests {
    /// Names, shapes and logits of torchvision's and timm's ResNets; Tools/reference/timm_resnet.py.
    @Test(arguments: [18, 50]) func equalsTorchvision(depth: Int) throws {
        let reference = try #require(try fixture("classifiers.json")["resnet\(depth)"])
        let store = ParameterStore(seed: 0)
        let model = ClassificationNet(
            store.root, ClassifierSpec(backbone: .resNet(depth, norm: .quick), classes: 1000))
        try expectListing(store, reference)
        fillByFormula(store)
        let picture = formulaPicture(count: 2, height: 64, width: 64)
        let (pooled, logits) = withoutGradients {
            (model.features(picture, .inference).pooled, model(picture, .inference))
        }
        try expectAccount(pooled, try #require(reference["pooled"]), "pooled", tolerance: 1e-4)
        try expectAccount(logits, try #require(reference["logits"]), "logits", tolerance: 1e-4)
    }

    /// Two linear layers with norms, by the operators they stand for.
    @Test func projectionHeadIsItsDefinition() throws {
        let store = ParameterStore(seed: 4)
        let head = ProjectionHead(store.root, from: 6, hidden: 8, to: 3, layers: 2)
        #expect(
            store.entries.filter { $0.role != .statistic }.map(\.name) == [
                "layers.0.linear.weight", "layers.0.norm.weight", "layers.0.norm.bias", "layers.1.linear.weight",
                "layers.1.norm.weight", "layers.1.norm.bias",
            ])
        let x = Tensor((0..<5 * 6).map { Float(u(1, $0)) }, shape: [5, 6])
        func normed(_ y: Tensor) -> Tensor {
            (y - y.mean([0], keep: true)) * (y.variance([0], keep: true) + 1e-5).rsqrt()
        }
        let hidden = normed(x.linear(try #require(store["layers.0.linear.weight"]))).relu()
        let expected = normed(hidden.linear(try #require(store["layers.1.linear.weight"])))
        let out = head(x, .training)
        #expect(out.shape == [5, 3])
        #expect((out - expected).abs().max().item < 1e-5)
    }

    /// The features are what the last layer sees.
    @Test func logitsComeOfPooledFeatures() throws {
        let store = ParameterStore(seed: 5)
        let model = ClassificationNet(
            store.root, ClassifierSpec(backbone: .resNet(18, width: 8, norm: .quick), classes: 7))
        let picture = formulaPicture(count: 2, height: 64, width: 64)
        let (maps, pooled) = withoutGradients { model.features(picture, .inference) }
        #expect(pooled.shape == [2, 64] && (pooled - maps[3].mean([2, 3])).abs().max().item < 1e-6)
        let logits = withoutGradients { model(picture, .inference) }
        let expected = pooled.linear(try #require(store["fc.weight"]), bias: store["fc.bias"])
        #expect(logits.shape == [2, 7] && (logits - expected).abs().max().item < 1e-6)
    }
}
