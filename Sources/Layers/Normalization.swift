import Torch

/// Whether a pass learns (batch statistics, running ones move) or only computes.
public enum Mode: Sendable {
    /// Batch statistics are used and running ones move.
    case training
    /// Running statistics are used and nothing moves.
    case inference
}

/// A kind of normalisation as a value; models make their layers from it.
public enum Norm: Hashable, Sendable {
    /// The input as it is, no parameters.
    case none
    /// `momentum` is the weight of the *old* running value, as in the paper (0.997); torch's is one minus it.
    case batch(momentum: Double, eps: Double)
    /// Over groups of channels of one picture: no statistics to learn.
    case group(groups: Int, eps: Double)

    /// The paper's (docs/paper.md 2). Its running statistics need some 1,500 steps to forget their start.
    public static let paper = Norm.batch(momentum: 0.997, eps: 1e-4)
    /// For runs of hundreds of steps: torch's default numbers.
    public static let quick = Norm.batch(momentum: 0.9, eps: 1e-5)
}

/// The layer of a `Norm`, named as in torchvision (`weight`, `bias`, `running_mean`, `running_var`).
public final class NormLayer {
    private let norm: Norm
    private let weight: Tensor?
    private let bias: Tensor?
    private let mean: Tensor?
    private let variance: Tensor?

    /// A norm over `channels`; scale and shift begin at `initialScale` and 0, statistics at mean 0 and variance 1.
    public init(_ scope: Scope, _ norm: Norm, _ channels: Int, initialScale: Float = 1) {
        self.norm = norm
        if norm == .none {
            (weight, bias, mean, variance) = (nil, nil, nil, nil)
            return
        }
        weight = scope.parameter("weight", [channels], .bias, .constant(initialScale))
        bias = scope.parameter("bias", [channels], .bias, .constant(0))
        if case .batch = norm {
            mean = scope.statistic("running_mean", [channels], 0)
            variance = scope.statistic("running_var", [channels], 1)
        } else {
            (mean, variance) = (nil, nil)
        }
    }

    /// `[N, C, H, W]` to the same.
    public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
        guard let weight, let bias else { return x }
        switch norm {
        case .none: return x
        case .group(let groups, let eps): return x.groupNormalized(groups: groups, weight: weight, bias: bias, eps: eps)
        case .batch(let momentum, let eps):
            guard let mean, let variance else { return x }
            return x.batchNormalized(
                weight: weight, bias: bias, mean: mean, variance: variance, training: mode == .training,
                momentum: 1 - momentum, eps: eps)
        }
    }
}

/// An activation as a value.
public enum Activation: String, Sendable {
    /// max(x, 0).
    case relu
    /// x sigmoid(x), "swish".
    case silu

    /// The activation of each element.
    public func callAsFunction(_ x: Tensor) -> Tensor {
        switch self {
        case .relu: x.relu()
        case .silu: x.silu()
        }
    }
}
