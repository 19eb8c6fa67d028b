import Torch

/// Squeeze and excitation (Hu et al. 2018): a gate a channel from the means of all channels, by way of few.
public final class SqueezeExcite {
    private let reduce: Conv2d
    private let expand: Conv2d

    /// 1x1 convolutions with biases, registered in `scope` as `conv_reduce` and `conv_expand` (timm's names).
    public init(_ scope: Scope, _ channels: Int, squeezed: Int) {
        reduce = Conv2d(scope / "conv_reduce", channels, squeezed, kernel: 1, bias: true)
        expand = Conv2d(scope / "conv_expand", squeezed, channels, kernel: 1, bias: true)
    }

    /// x times sigmoid(expand(silu(reduce(mean of x)))).
    public func callAsFunction(_ x: Tensor) -> Tensor { x.gated(by: expand(reduce(x.globalMean()).silu())) }

    var fused: ExcitationTensors? {
        guard let reduceBias = reduce.bias, let expandBias = expand.bias else { return nil }
        return ExcitationTensors(
            reduceWeight: reduce.weight, reduceBias: reduceBias, expandWeight: expand.weight, expandBias: expandBias)
    }
}

/// The middle of a mobile block: a norm and an activation where the block widens, a depthwise convolution, a norm and an
/// activation, a gate. One operator where there is one for it: memory is what this part of a network waits for.
public final class DepthwiseBlock {
    private let before: NormLayer?
    private let convolution: Conv2d
    private let after: NormLayer
    private let gate: SqueezeExcite
    private let activation: Activation

    /// Layers that are registered already.
    public init(
        before: NormLayer?, _ convolution: Conv2d, after: NormLayer, gate: SqueezeExcite, activation: Activation
    ) {
        (self.before, self.convolution, self.after) = (before, convolution, after)
        (self.gate, self.activation) = (gate, activation)
    }

    /// `[N, C, H', W']`
    public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
        // A census wants the parts.
        let first = before?.fused
        if activation == .silu, x.device != .meta, before == nil || first != nil, let after = after.fused,
            let excitation = gate.fused
        {
            return x.depthwiseBlock(
                before: first, by: convolution.weight, stride: convolution.stride, padding: convolution.border(x),
                after: after, excitation: excitation, training: mode.isTraining)
        }
        let y = before.map { $0(x, mode, activation) } ?? x
        return gate(after(convolution(y), mode, activation))
    }
}
