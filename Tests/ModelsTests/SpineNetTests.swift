import Layers
import Models
import Testing
import Torch

@Suite(.serialized) struct SpineNetTests {
    private let norm = Norm.batch(momentum: 0.997, eps: 1e-4)

    private func expectSame(_ a: [Tensor], _ b: [Tensor], _ what: String) {
        #expect(a.count == b.count)
        for (level, (x, y)) in zip(a, b).enumerated() {
            #expect(x.shape == y.shape, "\(what): P\(level + 3)")
            let difference = (x - y).abs().max().item / y.abs().max().item
            #expect(difference <= 1e-4, "\(what): P\(level + 3) is \(difference) of the greatest apart")
        }
    }

    /// Against the slow walk over the same table, for sizes that divide and sizes that do not.
    @Test(arguments: [("49S", 64, 96), ("49", 128, 128), ("96", 64, 64), ("49", 72, 104)])
    func equalsTheSlowWalk(name: String, height: Int, width: Int) throws {
        let store = ParameterStore(seed: 3)
        let model = SpineNet(store.root, SpineNetSpec.named(name.lowercased(), norm: norm))
        fillByFormula(store, u: mixedU)
        func weight(_ name: String) -> Tensor {
            guard let tensor = store[name] else { preconditionFailure("no \(name)") }
            return tensor
        }
        let picture = formulaPicture(count: 2, height: height, width: width)
        let numbers = SlowSpineNetNumbers.of(name)
        withoutGradients {
            expectSame(
                model(picture, .inference), slowSpineNet(picture, weights: weight, numbers), "SpineNet-\(name)")
        }
        expectSameGradients(store, "SpineNet-\(name)") {
            model(picture, .inference)
        } theirs: {
            slowSpineNet(picture, weights: weight, numbers)
        }
    }

    /// Gradients, under running statistics: those of maps of a pixel or two would be chaos.
    private func expectSameGradients(
        _ store: ParameterStore, _ what: String, _ ours: () -> [Tensor], theirs: () -> [Tensor]
    ) {
        func gradients(_ outputs: [Tensor]) -> [Tensor] {
            Tensor.clearGradients(store.trained.map(\.tensor))
            scalar(outputs).backward()
            return store.trained.map { $0.tensor.gradient?.clone() ?? Tensor.zeros([1]) }
        }
        let (a, b) = (gradients(ours()), gradients(theirs()))
        let greatest = b.map { $0.abs().max().item }.max() ?? 0
        for (entry, (a, b)) in zip(store.trained, zip(a, b)) {
            let difference = (a - b).abs().max().item, most = b.abs().max().item
            // A shift before a norm has no gradient but rounding.
            #expect(
                difference <= (most < 1e-5 * greatest ? 1e-7 * greatest : 1e-4 * most),
                "\(what), \(entry.name): \(difference / most) of its greatest, which is \(most / greatest) of all")
        }
    }

    /// The largest, in minutes.
    @Test(.enabled(if: testsAll), arguments: ["143", "190"]) func largeOnesEqualTheSlowWalk(name: String) {
        let store = ParameterStore(seed: 3)
        let model = SpineNet(store.root, SpineNetSpec.named(name, norm: norm))
        fillByFormula(store, u: mixedU)
        let picture = formulaPicture(height: 128, width: 128)
        withoutGradients {
            let slow = slowSpineNet(
                picture, weights: { store[$0] ?? Tensor.zeros([1]) }, SlowSpineNetNumbers.of(name))
            expectSame(model(picture, .inference), slow, "SpineNet-\(name)")
        }
        expectSameGradients(store, "SpineNet-\(name)") {
            model(picture, .inference)
        } theirs: {
            slowSpineNet(picture, weights: { store[$0] ?? Tensor.zeros([1]) }, SlowSpineNetNumbers.of(name))
        }
    }

    /// The one output that takes up a leftover is the fifth level's, from the group before it.
    @Test func widthsFollowTheLevels() {
        let store = ParameterStore(seed: 0, device: .meta)
        _ = SpineNet(store.root, .named("190"))
        // 64 * 1.3 = 83, 256 * 1.3 = 332; four times as wide after a bottleneck.
        #expect(store["stem.0.0.conv3.weight"]?.shape == [332, 83, 1, 1])
        #expect(store["blocks.12.3.conv3.weight"]?.shape == [1328, 332, 1, 1])
        #expect(store["endpoint.p7.conv.weight"]?.shape == [512, 1328, 1, 1])
        #expect(store["blocks.0.4.conv1.weight"] == nil && store["stem.0.0.downsample.0.weight"] != nil)
        #expect(store["resample.4.0.conv2.weight"]?.shape == [332, 332, 3, 3])
    }
}
