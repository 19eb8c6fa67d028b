import Base
import Layers
import Models
import Testing
import Torch

@Suite(.serialized) struct ZooTests {
    /// Parameters of pyramid and heads, written out: lateral 1x1 from C3...C5, three 3x3, P6, P7, norms of two vectors;
    /// two heads of 3x3 convolutions with norms of five levels and a prediction for nine anchors.
    private func above(_ c: [Int], width w: Int, classes k: Int, norms: Bool, hidden: Int = 4) -> Int {
        let three = 9 * w * w + w
        let pyramid = c.reduce(0) { $0 + $1 * w + w } + 5 * three + (norms ? 5 * 2 * w : 0)
        let head = hidden * (three + (norms ? 5 * 2 * w : 0))
        return pyramid + 2 * head + (9 * w + 1) * 9 * k + (9 * w + 1) * 36
    }

    @Test func parametersByHand() throws {
        // Backbones: torchvision's counts without the classifier (Tools/reference/resnet.py).
        let cases: [(name: String, body: Int, channels: [Int], width: Int, hidden: Int)] = [
            // By hand: the stem 4,704 + 64, then 18,560, 57,728, 230,144 and 919,040.
            ("pico", 1_230_240, [64, 128, 256], 64, 2),
            ("nano", 11_176_512, [128, 256, 512], 64, 4), ("small", 21_284_672, [128, 256, 512], 128, 4),
            ("base", 23_508_032, [512, 1024, 2048], 256, 4),
        ]
        for (name, body, channels, width, hidden) in cases {
            let store = ParameterStore(seed: 0)
            _ = RetinaNet(store.root, try Zoo.model(name).spec(3))
            let expected = body + above(channels, width: width, classes: 3, norms: true, hidden: hidden)
            #expect(store.parameterCount == expected, "\(name)")
        }
        #expect(Zoo.models.map(\.name) == ["pico", "nano", "small", "base", "large"])
        // paper.md 3.2: 34.1 million for ResNet-50 and FPN with 91 class channels.
        #expect((above([512, 1024, 2048], width: 256, classes: 91, norms: true) + 23_508_032) / 10_000 == 3409)
    }

    /// torchvision documents 34,014,999 parameters for retinanet_resnet50_fpn, whose norms are frozen and none of them.
    @Test func torchvisionsRetinaNetHasAsMany() {
        var spec = RetinaNetSpec.paper(backbone: .resNet(50, norm: .none), classes: 91, norm: .none)
        spec.backgroundChannel = false
        let store = ParameterStore(seed: 0)
        _ = RetinaNet(store.root, spec)
        #expect(store.parameterCount == 34_014_999)
    }

    @Test func anUnknownNameIsMetWithTheNearest() {
        let failure = #expect(throws: Failure.self) { _ = try Zoo.model("nanno") }
        #expect(failure?.code == .usage)
        #expect(failure?.message.contains("nano") == true && failure?.message.contains("large") == true)
    }
}
