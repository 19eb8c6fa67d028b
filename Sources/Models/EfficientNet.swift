import Glibc
import Layers
import Torch

/// An EfficientNet as a value (Tan and Le 2019; docs/paper.md 3.5).
public struct EfficientNetSpec: Hashable, Sendable {
    /// A row of inverted bottlenecks of one width.
    public struct Stage: Hashable, Sendable {
        /// Of the depthwise convolution.
        public var kernel: Int
        /// Of the first block.
        public var stride: Int
        /// How much wider a block is inside.
        public var expansion: Int
        /// Channels after each block.
        public var channels: Int
        /// Blocks.
        public var repeats: Int
    }

    /// Channels after the first convolution.
    public var stem: Int
    /// The seven stages.
    public var stages: [Stage]
    /// Channels of the 1x1 convolution before a classifier.
    public var head: Int
    /// Before the classifier's last layer.
    public var dropout: Double
    /// The probability that the branch of an imaginary block after the last stays; it falls from 1 in equal steps.
    public var survival = 0.8
    /// After each convolution.
    public var norm: Norm
    /// TensorFlow's, as the published weights want it, or torch's.
    public var padding: Padding
    /// After each norm but a block's last.
    public var activation = Activation.silu

    /// B0 (width 1.0, depth 1.0) scaled.
    ///
    /// - Parameters:
    ///   - padding: `.same` and eps 1e-3 are TensorFlow's (timm's `tf_efficientnet_*`), `.symmetric` and eps 1e-5 those
    ///     of the networks that were trained in torch (timm's `efficientnet_*`).
    public static func scaled(
        width: Double, depth: Double, dropout: Double, padding: Padding = .same
    ) -> EfficientNetSpec {
        // (kernel, stride, expansion, channels, repeats) of B0
        let base = [
            (3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3),
            (5, 2, 6, 192, 4), (3, 1, 6, 320, 1),
        ]
        return EfficientNetSpec(
            stem: rounded(32, width),
            stages: base.map {
                Stage(
                    kernel: $0.0, stride: $0.1, expansion: $0.2, channels: rounded($0.3, width),
                    repeats: Int(ceil(Double($0.4) * depth)))
            },
            head: rounded(1280, width), dropout: dropout,
            norm: .batch(momentum: 0.99, eps: padding == .same ? 1e-3 : 1e-5), padding: padding)
    }

    /// `b0`...`b8` or `l2` (docs/paper.md 3.5). - Precondition: one of these.
    public static func named(_ name: String, padding: Padding = .same) -> EfficientNetSpec {
        guard let row = table[name] else { preconditionFailure("there is no EfficientNet-\(name)") }
        return scaled(width: row.width, depth: row.depth, dropout: row.dropout, padding: padding)
    }

    /// Width, depth, the picture size it was made for, dropout.
    static let table: [String: (width: Double, depth: Double, size: Int, dropout: Double)] = [
        "b0": (1.0, 1.0, 224, 0.2), "b1": (1.0, 1.1, 240, 0.2), "b2": (1.1, 1.2, 260, 0.3),
        "b3": (1.2, 1.4, 300, 0.3), "b4": (1.4, 1.8, 380, 0.4), "b5": (1.6, 2.2, 456, 0.4),
        "b6": (1.8, 2.6, 528, 0.5), "b7": (2.0, 3.1, 600, 0.5), "b8": (2.2, 3.6, 672, 0.5),
        "l2": (4.3, 5.3, 800, 0.5),
    ]

    /// The multiple of 8 nearest to channels * width, not more than a tenth below it.
    static func rounded(_ channels: Int, _ width: Double) -> Int {
        let wanted = Double(channels) * width
        let near = max(8, Int(wanted + 4) / 8 * 8)
        return Double(near) < 0.9 * wanted ? near + 8 : near
    }

    /// Channels of C2...C5: after the last block before each block of stride 2, and after the last of all.
    public var channels: [Int] { [1, 2, 4, 6].map { stages[$0].channels } }
}

/// Features C2...C5 at strides 4, 8, 16, 32 of `[N, 3, H, W]`. Names are timm's.
public final class EfficientNet: Backbone {
    private let stem: Conv2d
    private let stemNorm: NormLayer
    private let stages: [[InvertedBottleneck]]
    private let activation: Activation

    /// A network without its classifier, registered in `scope` as `conv_stem`, `bn1`, `blocks`.
    public init(_ scope: Scope, _ spec: EfficientNetSpec) {
        activation = spec.activation
        stem = Conv2d(scope / "conv_stem", 3, spec.stem, kernel: 3, stride: 2, padding: spec.padding)
        stemNorm = NormLayer(scope / "bn1", spec.norm, spec.stem)
        let count = spec.stages.reduce(0) { $0 + $1.repeats }
        var (number, channels) = (0, spec.stem)
        stages = spec.stages.enumerated().map { s, stage in
            (0..<stage.repeats).map { i in
                let block = InvertedBottleneck(
                    scope / "blocks" / s / i, spec, stage, inChannels: channels, stride: i == 0 ? stage.stride : 1,
                    depth: StochasticDepth(
                        survival: 1 - (1 - spec.survival) * Double(number) / Double(count), layer: number))
                (number, channels) = (number + 1, stage.channels)
                return block
            }
        }
    }

    /// [C2, C3, C4, C5]
    public func callAsFunction(_ x: Tensor, _ mode: Mode) -> [Tensor] {
        var x = stemNorm(stem(x), mode, activation)
        var taps: [Tensor] = []
        for (s, stage) in stages.enumerated() {
            for block in stage { x = block(x, mode) }
            if [1, 2, 4, 6].contains(s) { taps.append(x) }
        }
        return taps
    }
}

/// Widen by 1x1, convolve depthwise, gate, narrow by 1x1; plus the input where shapes allow. The first stage does not
/// widen.
final class InvertedBottleneck {
    private let widen: Conv2d?
    private let middle: DepthwiseBlock
    private let narrow: Conv2d
    private let narrowNorm: NormLayer
    private let isResidual: Bool
    private let depth: StochasticDepth

    init(
        _ scope: Scope, _ spec: EfficientNetSpec, _ stage: EfficientNetSpec.Stage, inChannels: Int, stride: Int,
        depth: StochasticDepth
    ) {
        let inner = inChannels * stage.expansion
        let widens = stage.expansion != 1
        widen = widens ? Conv2d(scope / "conv_pw", inChannels, inner, kernel: 1) : nil
        let widenNorm = widens ? NormLayer(scope / "bn1", spec.norm, inner) : nil
        let depthwise = Conv2d(
            scope / "conv_dw", inner, inner, kernel: stage.kernel, stride: stride, padding: spec.padding, groups: inner,
            initializer: .normal(std: Float((2 / Double(stage.kernel * stage.kernel)).squareRoot())))
        // A quarter of what comes in, not of what it is widened to.
        middle = DepthwiseBlock(
            before: widenNorm, depthwise, after: NormLayer(scope / (widens ? "bn2" : "bn1"), spec.norm, inner),
            gate: SqueezeExcite(scope / "se", inner, squeezed: max(1, inChannels / 4)), activation: spec.activation)
        narrow = Conv2d(scope / (widens ? "conv_pwl" : "conv_pw"), inner, stage.channels, kernel: 1)
        narrowNorm = NormLayer(scope / (widens ? "bn3" : "bn2"), spec.norm, stage.channels)
        isResidual = stride == 1 && inChannels == stage.channels
        self.depth = depth
    }

    func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
        let y = narrowNorm(narrow(middle(widen?(x) ?? x, mode)), mode)
        return isResidual ? depth(y, mode) + x : y
    }
}
