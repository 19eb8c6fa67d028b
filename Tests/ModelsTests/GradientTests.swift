import Base
import Checkpoints
import Glibc
import Layers
import Models
import Testing
import Torch

/// A folder with every element of the references' gradients, which Scripts/check-peers.sh makes.
private let wholeGradients = getenv("PUPIL_TEST_GRADIENTS").map { String(cString: $0) }

/// Gradients of the families beside torchvision's and timm's, under running statistics; Tools/reference/gradients.py.
@Suite(.serialized) struct GradientTests {
    static let small = ["resnet18", "resnet50", "tf_efficientnet_b0"]
    static let large = ["tf_efficientnet_b7", "tf_efficientnet_l2"]

    /// Parameters with the gradients of the reference's loss.
    private func backward(_ name: String, _ reference: JSON) throws -> ParameterStore {
        let store = ParameterStore(seed: 0)
        let outputs: [Tensor]
        if let depth = Int(name.replacing("resnet", with: "")) {
            let model = ResNet(store.root, .resNet(depth, norm: .quick))
            fillByFormula(store, u: mixedU)
            outputs = model(formulaPicture(count: 2, height: 64, width: 96, u: mixedU), .inference)
        } else {
            let spec = EfficientNetSpec.named(String(name.dropFirst("tf_efficientnet_".count)))
            let model = ClassificationNet(store.root, ClassifierSpec(backbone: .efficientNet(spec), classes: 1000))
            fillByFormula(
                store, gain: try reference.number("gain"), gateGain: try reference.number("gate_gain"))
            let isSmall = Self.small.contains(name)
            let picture = formulaPicture(count: isSmall ? 2 : 1, height: 64, width: isSmall ? 96 : 64)
            let (maps, pooled) = model.features(picture, .inference)
            outputs = maps + [pooled.linear(try #require(store["classifier.weight"]), bias: store["classifier.bias"])]
        }
        let loss = scalar(outputs)
        #expect(near(loss.item, try reference.number("loss"), 1e-5), "\(name): loss")
        loss.backward()
        return store
    }

    @Test(arguments: small + (testsAll ? large : [])) func accountsEqual(name: String) throws {
        let reference = try #require(try fixture("gradients.json")[name])
        try expectGradients(try backward(name, reference), reference, name, elements: 1e-4, norms: 1e-5)
    }

    /// Every element of every tensor; in `make test-all`, which has the peers installed.
    @Test(.enabled(if: wholeGradients != nil), arguments: small + large) func elementsEqual(name: String) throws {
        let store = try backward(name, try #require(try fixture("gradients.json")[name]))
        let file = try SafetensorsFile(Files.join(wholeGradients ?? "", "\(name).safetensors"))
        var worst = (share: 0.0, name: "")
        for entry in file.entries {
            let expected = TensorFile.tensor(entry, of: file)
            let gradient = try #require(store[entry.name]?.gradient)
            let share = (gradient - expected).abs().max().item / expected.abs().max().item
            #expect(gradient.shape == expected.shape && share <= 1e-4, "\(name), \(entry.name): \(share)")
            if share > worst.share { worst = (share, entry.name) }
        }
        print("\(name): \(file.entries.count) gradients, at most \(worst.share) of a tensor's greatest (\(worst.name))")
    }
}
