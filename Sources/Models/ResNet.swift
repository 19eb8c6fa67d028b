import Base
import Layers
import Torch

/// A residual network as a value (He et al. 2016; "v1.5": the stride sits on the 3x3 convolution).
public struct ResNetSpec: Hashable, Sendable {
    /// What a stage is made of.
    public enum Block: String, Sendable {
        /// Two 3x3 convolutions (ResNet-18, -34).
        case basic
        /// 1x1, 3x3, 1x1 with four times the width at the end (ResNet-50, -101).
        case bottleneck

        var expansion: Int { self == .basic ? 1 : 4 }
    }

    /// The number in its name.
    public var depth: Int
    /// The kind of block in all stages.
    public var block: Block
    /// Blocks of the four stages.
    public var repeats: [Int]
    /// Channels of the first stage; doubled from stage to stage.
    public var width: Int
    /// After each convolution.
    public var norm: Norm
    /// After each norm but a branch's last, and after each sum.
    public var activation: Activation
    /// Of the max-pool after the first convolution; `.same` is TensorFlow's (the TPU code, SimCLR).
    public var pooling = Padding.symmetric
    /// Where the scale of a branch's last norm begins; SimCLR's 0 makes each block the identity at first.
    public var lastScale: Float = 1

    /// ResNet-10, 18, 34, 50 or 101; 10 is 18 with one block a stage. - Precondition: one of these depths.
    public static func resNet(_ depth: Int, width: Int = 64, norm: Norm = .paper) -> ResNetSpec {
        let table: [Int: (Block, [Int])] = [
            10: (.basic, [1, 1, 1, 1]), 18: (.basic, [2, 2, 2, 2]), 34: (.basic, [3, 4, 6, 3]),
            50: (.bottleneck, [3, 4, 6, 3]), 101: (.bottleneck, [3, 4, 23, 3]),
        ]
        guard let (block, repeats) = table[depth] else {
            preconditionFailure("there is no ResNet-\(depth); 10, 18, 34, 50 and 101")
        }
        return ResNetSpec(
            depth: depth, block: block, repeats: repeats, width: width, norm: norm, activation: .relu)
    }

    /// Channels of C2...C5.
    public var channels: [Int] { (0..<4).map { width << $0 * block.expansion } }
}

/// Features C2...C5 at strides 4, 8, 16, 32 of `[N, 3, H, W]`. Names are torchvision's.
public final class ResNet: Backbone {
    private let conv1: Conv2d
    private let bn1: NormLayer
    private let stages: [[ResidualBlock]]
    private let activation: Activation
    private let pooling: Padding

    /// A network without its classifier, registered in `scope` as `conv1`, `bn1`, `layer1`...`layer4`.
    public init(_ scope: Scope, _ spec: ResNetSpec) {
        activation = spec.activation
        pooling = spec.pooling
        conv1 = Conv2d(scope / "conv1", 3, spec.width, kernel: 7, stride: 2)
        bn1 = NormLayer(scope / "bn1", spec.norm, spec.width)
        var inChannels = spec.width
        var stages: [[ResidualBlock]] = []
        for (i, repeats) in spec.repeats.enumerated() {
            let width = spec.width << i
            stages.append(
                (0..<repeats).map { j in
                    let block = ResidualBlock(
                        scope / "layer\(i + 1)" / j, spec.block, inChannels: inChannels, width: width,
                        stride: i > 0 && j == 0 ? 2 : 1, norm: spec.norm, activation: spec.activation,
                        lastScale: spec.lastScale)
                    inChannels = width * spec.block.expansion
                    return block
                })
        }
        self.stages = stages
    }

    /// [C2, C3, C4, C5]
    public func callAsFunction(_ x: Tensor, _ mode: Mode) -> [Tensor] {
        var x = bn1(conv1(x), mode, activation).maxPooled(kernel: 3, stride: 2, padding: pooling)
        return stages.map { stage in
            for block in stage { x = block(x, mode) }
            return x
        }
    }
}

/// One residual block: the branch plus the input (projected where shapes differ), then the activation.
final class ResidualBlock {
    private let convolutions: [Conv2d]
    private let norms: [NormLayer]
    private let projection: (conv: Conv2d, norm: NormLayer)?
    private let activation: Activation
    private let depth: StochasticDepth?

    init(
        _ scope: Scope, _ block: ResNetSpec.Block, inChannels: Int, width: Int, stride: Int, norm: Norm,
        activation: Activation, lastScale: Float = 1, depth: StochasticDepth? = nil
    ) {
        let out = width * block.expansion
        // (in, out, kernel, stride) of the branch's convolutions
        let branch: [(Int, Int, Int, Int)] =
            switch block {
            case .basic: [(inChannels, width, 3, stride), (width, out, 3, 1)]
            case .bottleneck: [(inChannels, width, 1, 1), (width, width, 3, stride), (width, out, 1, 1)]
            }
        convolutions = branch.enumerated().map { i, c in
            Conv2d(scope / "conv\(i + 1)", c.0, c.1, kernel: c.2, stride: c.3)
        }
        norms = branch.enumerated().map { i, c in
            NormLayer(scope / "bn\(i + 1)", norm, c.1, initialScale: i == branch.count - 1 ? lastScale : 1)
        }
        projection =
            stride != 1 || inChannels != out
            ? (
                Conv2d(scope / "downsample" / 0, inChannels, out, kernel: 1, stride: stride),
                NormLayer(scope / "downsample" / 1, norm, out)
            ) : nil
        self.activation = activation
        self.depth = depth
    }

    func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
        var y = x
        for (i, convolution) in convolutions.enumerated() {
            y = norms[i](convolution(y), mode, i < convolutions.count - 1 ? activation : nil)
        }
        if let depth { y = depth(y, mode) }
        let shortcut = projection.map { $0.norm($0.conv(x), mode) } ?? x
        return activation(y + shortcut)
    }
}
