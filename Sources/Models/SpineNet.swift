import Layers
import Torch

/// A SpineNet as a value (Du et al. 2020; docs/paper.md 3.6): blocks of permuted scales, each fed by two earlier ones.
public struct SpineNetSpec: Hashable, Sendable {
    /// Blocks of a group.
    public var repeats: Int
    /// Widths over those of SpineNet-49.
    public var scale: Double
    /// The width between two scales, over that of the block it comes from.
    public var resampling: Double
    /// Channels of P3...P7.
    public var endpoints: Int
    /// After each convolution.
    public var norm: Norm
    /// After each norm but a branch's last, and after each sum.
    public var activation = Activation.silu
    /// The probability that the branch of the last block stays; it falls from 1 in equal steps.
    public var survival = 1.0
    /// Of max-pools; convolutions are symmetric.
    public var pooling = Padding.same

    /// `49s`, `49`, `96`, `143` or `190`. - Precondition: one of these.
    public static func named(_ name: String, norm: Norm = .paper) -> SpineNetSpec {
        let table: [String: SpineNetSpec] = [
            "49s": SpineNetSpec(repeats: 1, scale: 0.65, resampling: 0.5, endpoints: 128, norm: norm),
            "49": SpineNetSpec(repeats: 1, scale: 1, resampling: 0.5, endpoints: 256, norm: norm),
            "96": SpineNetSpec(repeats: 2, scale: 1, resampling: 0.5, endpoints: 256, norm: norm),
            "143": SpineNetSpec(repeats: 3, scale: 1, resampling: 1, endpoints: 256, norm: norm, survival: 0.84),
            "190": SpineNetSpec(repeats: 4, scale: 1.3, resampling: 1, endpoints: 512, norm: norm, survival: 0.8),
        ]
        guard let spec = table[name] else { preconditionFailure("there is no SpineNet-\(name)") }
        return spec
    }

    /// Channels of P3...P7.
    public var channels: [Int] { [Int](repeating: endpoints, count: 5) }

    /// A group of blocks: its level, its kind, the two groups that feed it (0 and 1 are the stem's), and whether the
    /// pyramid's map of its level is taken from it.
    struct Node {
        var level: Int
        var block: ResNetSpec.Block
        var parents: (Int, Int)
        var isOutput: Bool
    }

    /// The architecture that was found; nodes 2...16.
    static let nodes: [Node] = [
        Node(level: 2, block: .bottleneck, parents: (0, 1), isOutput: false),
        Node(level: 4, block: .basic, parents: (0, 1), isOutput: false),
        Node(level: 3, block: .bottleneck, parents: (2, 3), isOutput: false),
        Node(level: 4, block: .bottleneck, parents: (2, 4), isOutput: false),
        Node(level: 6, block: .basic, parents: (3, 5), isOutput: false),
        Node(level: 4, block: .bottleneck, parents: (3, 5), isOutput: false),
        Node(level: 5, block: .basic, parents: (6, 7), isOutput: false),
        Node(level: 7, block: .basic, parents: (6, 8), isOutput: false),
        Node(level: 5, block: .bottleneck, parents: (8, 9), isOutput: false),
        Node(level: 5, block: .bottleneck, parents: (8, 10), isOutput: false),
        Node(level: 4, block: .bottleneck, parents: (5, 10), isOutput: true),
        Node(level: 3, block: .bottleneck, parents: (4, 10), isOutput: true),
        Node(level: 5, block: .bottleneck, parents: (7, 12), isOutput: true),
        Node(level: 7, block: .bottleneck, parents: (5, 14), isOutput: true),
        Node(level: 6, block: .bottleneck, parents: (12, 14), isOutput: true),
    ]

    /// The width of a block at a level: 64 at level 2, 128 at level 3, 256 above, scaled.
    func width(_ level: Int) -> Int { Int(Double(min(16 << level, 256)) * scale) }
}

/// Features P3...P7 at strides 8...128 of `[N, 3, H, W]`.
public final class SpineNet: Backbone {
    private let conv1: Conv2d
    private let bn1: NormLayer
    private let stem: [[ResidualBlock]]
    private let groups: [Group]
    private let endpoints: [(conv: Conv2d, norm: NormLayer)]
    private let spec: SpineNetSpec

    /// What makes one node from those before it.
    private struct Group {
        let node: SpineNetSpec.Node
        let resampling: [Resampling]
        /// Unused nodes of its level and width, which an output takes up too.
        let leftovers: [Int]
        let blocks: [ResidualBlock]
    }

    /// A network registered in `scope` as `conv1`, `bn1`, `stem`, `resample`, `blocks` and `endpoint`.
    public init(_ scope: Scope, _ spec: SpineNetSpec) {
        self.spec = spec
        conv1 = Conv2d(scope / "conv1", 3, 64, kernel: 7, stride: 2)
        bn1 = NormLayer(scope / "bn1", spec.norm, 64)
        let width = spec.width(2)
        func group(
            _ scope: Scope, _ block: ResNetSpec.Block, _ inChannels: Int, _ width: Int, survival: Double,
            first: Int
        ) -> [ResidualBlock] {
            (0..<spec.repeats).map { i in
                ResidualBlock(
                    scope / i, block, inChannels: i == 0 ? inChannels : width * block.expansion, width: width,
                    stride: 1, norm: spec.norm, activation: spec.activation,
                    depth: StochasticDepth(survival: survival, layer: first + i))
            }
        }
        stem = (0..<2).map {
            group(
                scope / "stem" / $0, .bottleneck, $0 == 0 ? 64 : 4 * width, width, survival: 1,
                first: $0 * spec.repeats)
        }
        // Of all nodes so far: level, kind, channels, and whether anything is fed by it.
        var known = [(level: Int, block: ResNetSpec.Block, channels: Int, isUsed: Bool)](
            repeating: (2, .bottleneck, 4 * width, false), count: 2)
        var groups: [Group] = []
        for (i, node) in SpineNetSpec.nodes.enumerated() {
            let width = spec.width(node.level)
            let channels = width * node.block.expansion
            let parents = [node.parents.0, node.parents.1]
            let resampling = parents.enumerated().map { p, parent in
                known[parent].isUsed = true
                return Resampling(
                    scope / "resample" / i / p, spec, from: known[parent].level, known[parent].channels,
                    middle: Int(Double(known[parent].channels / known[parent].block.expansion) * spec.resampling),
                    to: node.level, channels)
            }
            let leftovers = known.indices.filter {
                node.isOutput && !known[$0].isUsed && known[$0].level == node.level && known[$0].channels == channels
            }
            for leftover in leftovers { known[leftover].isUsed = true }
            groups.append(
                Group(
                    node: node, resampling: resampling, leftovers: leftovers,
                    blocks: group(
                        scope / "blocks" / i, node.block, channels, width,
                        survival: 1 - (1 - spec.survival) * Double(i + 1) / Double(SpineNetSpec.nodes.count),
                        first: (i + 2) * spec.repeats)))
            known.append((node.level, node.block, channels, false))
        }
        self.groups = groups
        endpoints = (3...7).map { level in
            let node = groups.first { $0.node.isOutput && $0.node.level == level }?.node
            let inChannels = spec.width(level) * (node?.block.expansion ?? 1)
            return (
                Conv2d(scope / "endpoint" / "p\(level)" / "conv", inChannels, spec.endpoints, kernel: 1),
                NormLayer(scope / "endpoint" / "p\(level)" / "bn", spec.norm, spec.endpoints)
            )
        }
    }

    /// [P3, P4, P5, P6, P7]
    public func callAsFunction(_ x: Tensor, _ mode: Mode) -> [Tensor] {
        let (height, width) = (x.size(2), x.size(3))
        var x = bn1(conv1(x), mode, spec.activation).maxPooled(kernel: 3, stride: 2, padding: spec.pooling)
        var nodes: [Tensor] = []
        for group in stem {
            for block in group { x = block(x, mode) }
            nodes.append(x)
        }
        var outputs: [Int: Tensor] = [:]
        for group in groups {
            let stride = 1 << group.node.level
            let size = ((height + stride - 1) / stride, (width + stride - 1) / stride)
            var x =
                group.resampling[0](nodes[group.node.parents.0], size, mode)
                + group.resampling[1](nodes[group.node.parents.1], size, mode)
            for leftover in group.leftovers { x = x + nodes[leftover] }
            x = spec.activation(x)
            for block in group.blocks { x = block(x, mode) }
            nodes.append(x)
            if group.node.isOutput { outputs[group.node.level] = x }
        }
        return (3...7).map { level in
            guard let x = outputs[level] else { preconditionFailure("no node gives P\(level)") }
            let end = endpoints[level - 3]
            return end.norm(end.conv(x), mode, spec.activation)
        }
    }
}

/// From one scale and width to another: 1x1, a strided 3x3 and a max-pool down or nearest pixels up, 1x1.
private final class Resampling {
    private let squeeze: (conv: Conv2d, norm: NormLayer)
    private let down: (conv: Conv2d, norm: NormLayer)?
    private let expand: (conv: Conv2d, norm: NormLayer)
    private let steps: Int
    private let spec: SpineNetSpec

    init(
        _ scope: Scope, _ spec: SpineNetSpec, from level: Int, _ inChannels: Int, middle: Int, to target: Int,
        _ outChannels: Int
    ) {
        func layer(_ i: Int, _ from: Int, _ to: Int, kernel: Int = 1, stride: Int = 1) -> (Conv2d, NormLayer) {
            (
                Conv2d(scope / "conv\(i)", from, to, kernel: kernel, stride: stride),
                NormLayer(scope / "bn\(i)", spec.norm, to)
            )
        }
        squeeze = layer(1, inChannels, middle)
        down = target > level ? layer(2, middle, middle, kernel: 3, stride: 2) : nil
        expand = layer(3, middle, outChannels)
        steps = target - level
        self.spec = spec
    }

    func callAsFunction(_ x: Tensor, _ size: (height: Int, width: Int), _ mode: Mode) -> Tensor {
        var x = squeeze.norm(squeeze.conv(x), mode, spec.activation)
        if let down {
            x = down.norm(down.conv(x), mode, spec.activation)
            if steps > 1 {
                x = x.maxPooled(kernel: steps == 2 ? 3 : 5, stride: 1 << (steps - 1), padding: spec.pooling)
            }
        }
        if x.size(2) != size.height || x.size(3) != size.width {
            x = x.upsampledNearest(height: size.height, width: size.width)
        }
        return expand.norm(expand.conv(x), mode)
    }
}
