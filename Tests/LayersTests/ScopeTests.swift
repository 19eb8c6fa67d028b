import Layers
import Testing
import Torch

@Suite struct ScopeTests {
    @Test func namesAreDecidedByTheScope() {
        let store = ParameterStore(seed: 1)
        let body = store.root / "backbone" / "body"
        _ = Conv2d(body / "layer1" / 0 / "conv1", 4, 6, kernel: 3)
        _ = Conv2d(body / "layer10" / 0 / "conv1", 4, 6, kernel: 1, groups: 2, bias: true)
        _ = NormLayer(body / "bn1", .quick, 6)
        _ = NormLayer(body / "none", .none, 6)
        _ = Linear(store.root / "fc", 6, 2)
        #expect(
            store.entries.map { "\($0.name) \($0.tensor.shape) \($0.role)" } == [
                "backbone.body.layer1.0.conv1.weight [6, 4, 3, 3] kernel",
                "backbone.body.layer10.0.conv1.weight [6, 2, 1, 1] kernel",
                "backbone.body.layer10.0.conv1.bias [6] bias",
                "backbone.body.bn1.weight [6] bias", "backbone.body.bn1.bias [6] bias",
                "backbone.body.bn1.running_mean [6] statistic", "backbone.body.bn1.running_var [6] statistic",
                "fc.weight [2, 6] kernel", "fc.bias [2] bias",
            ])
        #expect(store.parameterCount == 216 + 12 + 6 + 6 + 6 + 12 + 2)
        #expect(store["backbone.body.bn1.running_var"]?.floats == [1, 1, 1, 1, 1, 1])
        #expect(store["backbone.body.bn1.weight"]?.floats == [1, 1, 1, 1, 1, 1])
        #expect(store["backbone.body.bn1"] == nil)
        #expect(store.entries.allSatisfy { $0.tensor.requiresGradient == ($0.role != .statistic) })
        #expect(store.trained.count == 7)
        #expect(store["backbone.body.layer1.0.conv1.weight"]?.isChannelsLast == true)
    }

    @Test func aNameTwiceTraps() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let store = ParameterStore(seed: 1)
            _ = Conv2d(store.root / "conv1", 1, 1, kernel: 1)
            _ = Conv2d(store.root / "conv1", 1, 1, kernel: 1)
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("two tensors are named conv1.weight"))
    }
}
