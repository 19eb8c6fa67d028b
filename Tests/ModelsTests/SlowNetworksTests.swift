import Base
import Testing
import Torch

/// The slow references by themselves: they ask for just the tensors whose number was published, and give the shapes that
/// the levels have.
@Suite(.serialized) struct SlowNetworksTests {
    /// Tensors by formula, made when asked for.
    private final class Weights {
        private(set) var made: [String: Tensor] = [:]
        private let shape: (String) -> [Int]

        init(shape: @escaping (String) -> [Int]) { self.shape = shape }

        func callAsFunction(_ name: String) -> Tensor {
            if let tensor = made[name] { return tensor }
            let shape = shape(name)
            let fanIn = Double(shape.dropFirst().reduce(1, *))
            let n = made.count + 1
            let values = (0..<shape.reduce(1, *)).map { i in
                shape.count == 4
                    ? Float((24 / fanIn).squareRoot() * mixedU(n, i))
                    : name.hasSuffix("weight") || name.hasSuffix("var")
                        ? Float(1 + 0.4 * mixedU(n, i)) : Float(0.2 * mixedU(n, i))
            }
            let tensor = Tensor(values, shape: shape)
            made[name] = tensor
            return tensor
        }

        var parameters: Int { made.filter { !$0.key.contains(".running_") }.reduce(0) { $0 + $1.value.count } }
    }

    private func picture(_ shape: [Int]) -> Tensor {
        Tensor((0..<shape.reduce(1, *)).map { Float(2 * mixedU(0, $0)) }, shape: shape)
    }

    /// A name's shape in a SpineNet.
    private func spineNetShape(_ name: String, _ numbers: SlowSpineNetNumbers) -> [Int] {
        let levels = [2, 4, 3, 4, 6, 4, 5, 7, 5, 5, 4, 3, 5, 7, 6]
        let residual: Set = [1, 4, 6, 7]
        let parents = [
            [0, 1], [0, 1], [2, 3], [2, 4], [3, 5], [3, 5], [6, 7], [6, 8], [8, 9], [8, 10], [5, 10], [4, 10], [7, 12],
            [5, 14], [12, 14],
        ]
        func width(_ level: Int) -> Int { Int(Double(level == 2 ? 64 : level == 3 ? 128 : 256) * numbers.scale) }
        func channels(_ id: Int) -> Int { id < 2 ? 4 * width(2) : out(id - 2) }
        func out(_ i: Int) -> Int { width(levels[i]) * (residual.contains(i) ? 1 : 4) }
        let parts = name.split(separator: ".").map(String.init)
        func number(_ k: Int) -> Int { Int(parts[k]) ?? -1 }
        // Channels in, inside and out, by the layer's name.
        let layers: [String: (Int, Int, Int)]  // in, out, kernel
        switch parts[0] {
        case "conv1", "bn1": layers = ["conv1": (3, 64, 7)]
        case "endpoint":
            let i = ["p3": 11, "p4": 10, "p5": 12, "p6": 14, "p7": 13][parts[1]] ?? 0
            layers = ["conv": (out(i), numbers.endpointChannels, 1)]
        case "resample":
            let parent = parents[number(1)][number(2)]
            let base = channels(parent) / (parent > 1 && residual.contains(parent - 2) ? 1 : 4)
            let middle = Int(Double(base) * numbers.alpha)
            layers = [
                "conv1": (channels(parent), middle, 1), "conv2": (middle, middle, 3),
                "conv3": (middle, out(number(1)), 1),
            ]
        default:
            let isStem = parts[0] == "stem"
            let isResidual = !isStem && residual.contains(number(1))
            let w = isStem ? width(2) : width(levels[number(1)])
            let total = isResidual ? w : 4 * w
            let inputs = isStem && number(1) == 0 && number(2) == 0 ? 64 : total
            layers =
                isResidual
                ? ["conv1": (w, w, 3), "conv2": (w, w, 3)]
                : ["conv1": (inputs, w, 1), "conv2": (w, w, 3), "conv3": (w, total, 1), "downsample": (64, total, 1)]
        }
        let last = parts[parts.count - 1]
        var layer = parts[parts.count - 2]
        var isNorm = layer.hasPrefix("bn")
        if parts.contains("downsample") { (isNorm, layer) = (layer == "1", "downsample") }
        layer = layer == "bn" ? "conv" : layer.replacing("bn", with: "conv")
        guard let (inputs, outputs, kernel) = layers[layer] else { preconditionFailure("no layer \(name)") }
        return isNorm || last != "weight" ? [outputs] : [outputs, inputs, kernel, kernel]
    }

    @Test(arguments: [("49S", 9_089_215), ("49", 21_831_488), ("96", 36_262_976)])
    func spineNetHasThePublishedParameters(name: String, parameters: Int) {
        let numbers = SlowSpineNetNumbers.of(name)
        let weights = Weights { spineNetShape($0, numbers) }
        let levels = withoutGradients {
            slowSpineNet(picture([1, 3, 64, 64]), weights: weights.callAsFunction, numbers)
        }
        #expect(weights.parameters == parameters)
        #expect(levels.map(\.shape) == [8, 4, 2, 1, 1].map { [1, numbers.endpointChannels, $0, $0] })
        #expect(levels.allSatisfy { $0.isFinite().all().item == 1 && $0.variance().item > 1e-3 })
    }

    @Test(arguments: [SlowSpineNetNumbers.Pooling.tensorFlow, .symmetric])
    func spineNetOfAnySize(pooling: SlowSpineNetNumbers.Pooling) {
        var numbers = SlowSpineNetNumbers.of("49S")
        (numbers.scale, numbers.endpointChannels, numbers.pooling) = (0.125, 16, pooling)
        let weights = Weights { spineNetShape($0, numbers) }
        for (height, width) in [(256, 128), (200, 333), (97, 161)] {
            let levels = slowSpineNet(
                picture([2, 3, height, width]), weights: weights.callAsFunction, numbers, training: true)
            for (level, map) in zip(3...7, levels) {
                #expect(
                    map.shape == [2, 16, (height + (1 << level) - 1) >> level, (width + (1 << level) - 1) >> level])
            }
        }
    }

    private func nasFPNShape(_ name: String, _ channels: [Int], _ numbers: SlowNASFPNNumbers) -> [Int] {
        let parts = name.split(separator: ".").map(String.init)
        let isLateral = parts[0] == "lateral"
        let inputs = isLateral ? channels[(Int(parts[1].dropFirst()) ?? 3) - 3] : numbers.width
        let kernel = isLateral ? 1 : 3
        switch parts.suffix(2).joined(separator: ".") {
        case "depthwise.weight": return [inputs, 1, kernel, kernel]
        case "pointwise.weight": return [numbers.width, inputs, 1, 1]
        case "conv.weight": return [numbers.width, inputs, kernel, kernel]
        default: return [numbers.width]
        }
    }

    @Test(arguments: [([80, 224, 640], 3_606_704), ([176, 480, 1376], 3_886_320)])
    func nasFPNHasThePublishedParameters(channels: [Int], parameters: Int) {
        let numbers = SlowNASFPNNumbers()
        let weights = Weights { nasFPNShape($0, channels, numbers) }
        let features = zip(channels, [16, 8, 4]).map { picture([1, $0, $1, $1]) }
        let levels = withoutGradients { slowNASFPN(features, weights: weights.callAsFunction, numbers) }
        #expect(weights.parameters == parameters)
        #expect(levels.map(\.shape) == [16, 8, 4, 2, 1].map { [1, 256, $0, $0] })
        #expect(levels.allSatisfy { $0.isFinite().all().item == 1 })
    }

    @Test func theGatesDiffer() {
        var numbers = SlowNASFPNNumbers(width: 8, repeats: 2, isSeparable: false)
        let weights = Weights { nasFPNShape($0, [8, 12, 16], numbers) }
        let features = zip([8, 12, 16], [(13, 20), (7, 10), (4, 5)]).map { picture([2, $0, $1.0, $1.1]) }
        let tpu = slowNASFPN(features, weights: weights.callAsFunction, numbers)
        #expect(weights.made["lateral.p3.conv.weight"] == nil && weights.made["lateral.p4.conv.weight"] != nil)
        numbers.gate = .mmdet
        let mmdet = slowNASFPN(features, weights: weights.callAsFunction, numbers)
        #expect(tpu.map(\.shape) == [[2, 8, 13, 20], [2, 8, 7, 10], [2, 8, 4, 5], [2, 8, 2, 3], [2, 8, 1, 2]])
        for (a, b) in zip(tpu, mmdet) { #expect(a.shape == b.shape && (a - b).abs().max().item > 1e-3) }
    }

    @Test func segmentationHeadHasThePublishedParameters() {
        let weights = Weights { name in
            switch name {
            case "classifier.weight": [21, 256, 1, 1]
            case "classifier.bias": [21]
            default: name.hasSuffix("conv.weight") ? [256, 256, 3, 3] : [256]
            }
        }
        let levels = [8, 4, 2, 1, 1].map { picture([1, 256, $0, $0]) }
        let logits = withoutGradients {
            slowSegmentationHead(levels, size: (64, 64), weights: weights.callAsFunction)
        }
        #expect(logits.shape == [1, 21, 16, 16] && weights.parameters == 1_777_173)
    }

    /// SAME: 5 of kernel 3, stride 2 pads 1 and 1; 6 pads 0 and 1.
    @Test func samePoolingByHand() {
        func pooled(_ values: [Float]) -> [Float] {
            samePooled(Tensor(values, shape: [1, 1, 1, values.count]), kernel: 3, stride: 2).floats
        }
        #expect(pooled([5, 1, 2, 3, 4]) == [5, 3, 4])
        #expect(pooled([5, 1, 2, 6, 4, 7]) == [5, 6, 7])
        #expect(pooled([-5, -1, -2, -6, -4, -7]) == [-1, -2, -4])
    }
}
