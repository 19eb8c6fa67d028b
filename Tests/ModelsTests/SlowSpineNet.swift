import Torch

// SpineNet (Du et al. 2020) once more, straight from docs/paper.md: a list of nodes, walked without a thought of speed.
//
// Where the description leaves a choice:
// - Max-pooling pads as TensorFlow's SAME does (an odd rest goes behind) in `.tensorFlow`, in `.symmetric` by
//   (kernel - 1) / 2 on both sides, as torch's ResNet does in its stem. The two differ at even sizes.
// - The resampling's pool exists only where the level is two or more below: its stride is factor / 2, its kernel 3 up to
//   a factor of 4 and 5 beyond. Sizes are halved with rounding up, which the convolutions and pools do by themselves.
//   (The original pools by 2 wherever a width does not divide, and resizes to the nearest pixel; here the stride stays.)
// - Enlarging comes before the last 1x1 convolution, which the published multiply-adds want.
// - The sum of the parents is activated before the group; a part's last activation follows its own sum.

/// The numbers of a SpineNet; `of` has the five published ones.
struct SlowSpineNetNumbers {
    enum Pooling { case tensorFlow, symmetric }

    var endpointChannels: Int
    var scale: Double
    var alpha: Double
    var repeats: Int
    var activation: (Tensor) -> Tensor = { $0.silu() }
    var pooling = Pooling.tensorFlow
    var momentum = 0.003  // the weight of the new value
    var eps = 1e-4

    static func of(_ name: String) -> SlowSpineNetNumbers {
        switch name {
        case "49S": SlowSpineNetNumbers(endpointChannels: 128, scale: 0.65, alpha: 0.5, repeats: 1)
        case "49": SlowSpineNetNumbers(endpointChannels: 256, scale: 1, alpha: 0.5, repeats: 1)
        case "96": SlowSpineNetNumbers(endpointChannels: 256, scale: 1, alpha: 0.5, repeats: 2)
        case "143": SlowSpineNetNumbers(endpointChannels: 256, scale: 1, alpha: 1, repeats: 3)
        case "190": SlowSpineNetNumbers(endpointChannels: 512, scale: 1.3, alpha: 1, repeats: 4)
        default: preconditionFailure("there is no SpineNet-\(name)")
        }
    }
}

/// P3...P7 of pictures `[N, 3, H, W]`.
///
/// - Parameters:
///   - weights: the tensor of a name; running statistics move in training.
///   - training: whether norms use the batch's statistics. There is no stochastic depth.
func slowSpineNet(
    _ x: Tensor, weights: @escaping (String) -> Tensor, _ numbers: SlowSpineNetNumbers, training: Bool = false
) -> [Tensor] {
    SlowSpineNet(weights: weights, numbers: numbers, training: training)(x)
}

private struct SlowSpineNet {
    struct Node {
        var level: Int
        var isBottleneck: Bool
        var map: Tensor
        var used = false
    }

    // (level, bottleneck?, parents); the endpoints are the last five.
    static let table: [(Int, Bool, [Int])] = [
        (2, true, [0, 1]), (4, false, [0, 1]), (3, true, [2, 3]), (4, true, [2, 4]), (6, false, [3, 5]),
        (4, true, [3, 5]), (5, false, [6, 7]), (7, false, [6, 8]), (5, true, [8, 9]), (5, true, [8, 10]),
        (4, true, [5, 10]), (3, true, [4, 10]), (5, true, [7, 12]), (7, true, [5, 14]), (6, true, [12, 14]),
    ]

    let weights: (String) -> Tensor
    let numbers: SlowSpineNetNumbers
    let training: Bool

    func callAsFunction(_ x: Tensor) -> [Tensor] {
        let size = (x.size(2), x.size(3))
        var stem = numbers.activation(normed(x.convolved(by: weights("conv1.weight"), stride: 2, padding: 3), "bn1"))
        stem = pooled(stem, kernel: 3, stride: 2)
        var nodes: [Node] = []
        for i in 0..<2 {
            stem = group(stem, "stem.\(i)", isBottleneck: true)
            nodes.append(Node(level: 2, isBottleneck: true, map: stem))
        }
        for (i, (level, isBottleneck, parents)) in Self.table.enumerated() {
            let target = (side(size.0, level), side(size.1, level))
            var sum: Tensor?
            for (p, parent) in parents.enumerated() {
                nodes[parent].used = true
                let map = resampled(nodes[parent], level, target, "resample.\(i).\(p)")
                sum = sum.map { $0 + map } ?? map
            }
            guard var sum else { continue }
            if i >= Self.table.count - 5 {
                // What nobody has used so far and is of the same shape comes in as it is.
                for j in nodes.indices
                where !nodes[j].used && nodes[j].level == level && nodes[j].map.size(1) == sum.size(1) {
                    nodes[j].used = true
                    sum = sum + nodes[j].map
                }
            }
            let map = group(numbers.activation(sum), "blocks.\(i)", isBottleneck: isBottleneck)
            nodes.append(Node(level: level, isBottleneck: isBottleneck, map: map))
        }
        return (3...7).map { level in
            let node = nodes.suffix(5).first { $0.level == level }
            guard let node else { preconditionFailure("no endpoint at level \(level)") }
            return numbers.activation(
                normed(
                    node.map.convolved(by: weights("endpoint.p\(level).conv.weight")), "endpoint.p\(level).bn"))
        }
    }

    func side(_ size: Int, _ level: Int) -> Int { (size + (1 << level) - 1) >> level }

    func normed(_ x: Tensor, _ name: String) -> Tensor {
        x.batchNormalized(
            weight: weights("\(name).weight"), bias: weights("\(name).bias"), mean: weights("\(name).running_mean"),
            variance: weights("\(name).running_var"), training: training, momentum: numbers.momentum, eps: numbers.eps)
    }

    func pooled(_ x: Tensor, kernel: Int, stride: Int) -> Tensor {
        switch numbers.pooling {
        case .symmetric: x.maxPooled(kernel: kernel, stride: stride, padding: (kernel - 1) / 2)
        case .tensorFlow: samePooled(x, kernel: kernel, stride: stride)
        }
    }

    /// `repeats` parts one after the other.
    func group(_ x: Tensor, _ name: String, isBottleneck: Bool) -> Tensor {
        var x = x
        for j in 0..<numbers.repeats { x = part(x, "\(name).\(j)", isBottleneck: isBottleneck) }
        return x
    }

    func part(_ x: Tensor, _ name: String, isBottleneck: Bool) -> Tensor {
        // Kernels of the convolutions; the padding keeps the size.
        let kernels = isBottleneck ? [1, 3, 1] : [3, 3]
        var y = x
        for (k, kernel) in kernels.enumerated() {
            let weight = weights("\(name).conv\(k + 1).weight")
            precondition(weight.size(2) == kernel, "\(name).conv\(k + 1)")
            y = normed(y.convolved(by: weight, padding: kernel / 2), "\(name).bn\(k + 1)")
            if k < kernels.count - 1 { y = numbers.activation(y) }
        }
        let projects = x.size(1) != y.size(1)
        let shortcut =
            projects ? normed(x.convolved(by: weights("\(name).downsample.0.weight")), "\(name).downsample.1") : x
        return numbers.activation(y + shortcut)
    }

    /// A parent in the shape that a block of `level` needs.
    func resampled(_ parent: Node, _ level: Int, _ target: (Int, Int), _ name: String) -> Tensor {
        let channels = parent.map.size(1)
        let middle = Int(Double(parent.isBottleneck ? channels / 4 : channels) * numbers.alpha)
        var x = parent.map.convolved(by: weights("\(name).conv1.weight"))
        precondition(x.size(1) == middle, "\(name): \(x.size(1)) channels, not \(middle)")
        x = numbers.activation(normed(x, "\(name).bn1"))
        if level > parent.level {
            x = x.convolved(by: weights("\(name).conv2.weight"), stride: 2, padding: 1)
            x = numbers.activation(normed(x, "\(name).bn2"))
            let factor = 1 << (level - parent.level)
            if factor > 2 { x = pooled(x, kernel: factor <= 4 ? 3 : 5, stride: factor / 2) }
        }
        if x.size(2) != target.0 || x.size(3) != target.1 {
            x = x.upsampledNearest(height: target.0, width: target.1)
        }
        return normed(x.convolved(by: weights("\(name).conv3.weight")), "\(name).bn3")
    }
}

/// Max-pooling with TensorFlow's SAME: ceil(size / stride) cells, half of the padding in front, an odd rest behind.
func samePooled(_ x: Tensor, kernel: Int, stride: Int) -> Tensor {
    func pads(_ size: Int) -> [Int] {
        let cells = (size + stride - 1) / stride
        let whole = max(0, (cells - 1) * stride + kernel - size)
        return [whole / 2, whole - whole / 2]
    }
    return x.padded(pads(x.size(3)) + pads(x.size(2)), -Double.infinity).maxPooled(kernel: kernel, stride: stride)
}
