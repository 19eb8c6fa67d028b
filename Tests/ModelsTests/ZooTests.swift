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
            _ = RetinaNet(store.root, try Zoo.detector(name, classes: 3))
            let expected = body + above(channels, width: width, classes: 3, norms: true, hidden: hidden)
            #expect(store.parameterCount == expected, "\(name)")
        }
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

    /// The tables of docs/paper.md 3.9, in millions and in billions of multiply-adds at the model's size. The paper's
    /// own figures for work are a little larger (60, 229, 524, 1885), since they count more than convolutions.
    @Test(arguments: [
        ("efficientnet-b0", 5.29, 0.39), ("efficientnet-b1", 7.79, 0.69), ("efficientnet-b2", 9.11, 0.99),
        ("efficientnet-b3", 12.23, 1.83), ("efficientnet-b4", 19.34, 4.39), ("efficientnet-b5", 30.39, 10.27),
        ("efficientnet-b6", 43.04, 19.07), ("efficientnet-b7", 66.35, 37.75), ("efficientnet-l2", 480.31, 475.70),
        ("retinanet-spinenet49-640", 28.54, 85.28), ("retinanet-spinenet96-1024", 42.97, 265.02),
        ("retinanet-spinenet143-1280", 66.96, 523.34), ("retinanet-spinenet190-1280", 163.64, 1881.66),
        ("nasfpn-b7-512", 67.53, 59.35), ("nasfpn-l2-512", 472.88, 226.01), ("retinanet-b7-640", 72.05, 103.78),
        ("retinanet-r50-640", 34.09, 96.88), ("resnet-50", 25.56, 4.09),
    ])
    func countsOfTheTables(name: String, millions: Double, billions: Double) throws {
        let model = try Zoo.model(name)
        let store = ParameterStore(seed: 0, device: .meta)
        let network = Network(store.root, model.spec(model.classes))
        #expect(abs(Double(store.parameterCount) / 1e6 - millions) <= 0.0051)
        let picture = Tensor.empty([1, 3, model.size, model.size], device: .meta)
        let census = Census.of { _ = network.forward(picture, .inference) }
        #expect(abs(Double(census.macs) / 1e9 - billions) <= 0.0051)
        // Layers that several levels share are met several times.
        #expect(census.rows.reduce(0) { $0 + $1.parameters } >= store.parameterCount)
    }

    /// Each can be made, and gives what it says.
    @Test func everyModelHasItsLevels() throws {
        for model in Zoo.models {
            let store = ParameterStore(seed: 0, device: .meta)
            let network = Network(store.root, model.spec(4))
            let picture = Tensor.empty([2, 3, 128, 192], device: .meta)
            let features = withoutGradients { network.features(picture, .inference) }
            for (name, map) in features where name != "pooled" {
                let stride = 1 << (Int(String(name.dropFirst())) ?? 0)
                #expect(map.shape[0] == 2 && map.shape[2] == 128 / stride, "\(model.name) \(name)")
                #expect(map.shape[3] == (192 + stride - 1) / stride, "\(model.name) \(name)")
            }
            #expect(features["pooled"]?.rank == 2, "\(model.name)")
        }
        #expect(Set(Zoo.models.map(\.name)).count == Zoo.models.count)
    }

    /// The shapes of a pass without elements are those of a pass with them.
    @Test(arguments: ["pico", "nano-b0", "seg-nano"]) func shapesWithoutElements(name: String) throws {
        let model = try Zoo.model(name)
        let shapes = [Device.cpu, .meta].map { device in
            let network = Network(ParameterStore(seed: 0, device: device).root, model.spec(3))
            let picture = Tensor.zeros([1, 3, 96, 160], device: device)
            return withoutGradients { network.forward(picture, .inference).map(\.shape) }
        }
        #expect(shapes[0] == shapes[1])
    }

    @Test func anUnknownNameIsMetWithTheNearest() {
        let failure = #expect(throws: Failure.self) { _ = try Zoo.model("nanno") }
        #expect(failure?.code == .usage)
        #expect(failure?.message.contains("did you mean nano") == true)
    }
}
