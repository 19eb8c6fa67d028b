import Base
import Layers
import Models
import Testing
import Torch

@Suite(.serialized) struct ResNetTests {
    /// Names, shapes and features of torchvision's networks; Tools/reference/resnet.py.
    @Test(arguments: [18, 34, 50, 101]) func equalsTorchvision(depth: Int) throws {
        let reference = try #require(try fixture("resnet.json")["resnet\(depth)"])
        let store = ParameterStore(seed: 0)
        let spec = ResNetSpec.resNet(depth, norm: .quick)  // torchvision's eps
        let model = ResNet(store.root, spec)
        let sorted = store.entries.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        let listing = sorted.map { "\($0.name) \($0.tensor.shape.map(String.init).joined(separator: "x"))" }
        #expect(listing.count == reference["tensors"]?.int)
        #expect(store.parameterCount == reference["parameters"]?.int)
        if let expected = reference["listing"]?.array?.compactMap(\.string) {
            #expect(Set(listing).symmetricDifference(expected).isEmpty)
        }
        #expect(Digest(of: listing.map { $0 + "\n" }.joined()).description == reference["listing_sha256"]?.string)
        fillByFormula(store)
        let features = withoutGradients { model(formulaPicture(height: 64, width: 64), .inference) }
        #expect(features.map { $0.size(1) } == spec.channels)
        for (level, feature) in features.enumerated() {
            try expectAccount(
                feature, try #require(reference["C\(level + 2)"]), "C\(level + 2) of ResNet-\(depth)", tolerance: 2e-5)
        }
    }

    @Test func widthScalesEveryStage() {
        let store = ParameterStore(seed: 0)
        let model = ResNet(store.root, .resNet(18, width: 8, norm: .quick))
        let features = withoutGradients { model(Tensor.zeros([2, 3, 96, 160]), .inference) }
        #expect(features.map(\.shape) == [[2, 8, 24, 40], [2, 16, 12, 20], [2, 32, 6, 10], [2, 64, 3, 5]])
    }

    @Test func anotherDepthTraps() async {
        await #expect(processExitsWith: .failure) { _ = ResNetSpec.resNet(42) }
    }
}
