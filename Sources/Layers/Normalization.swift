import Torch

/// A kind of normalisation as a value; models make their layers from it.
public enum Norm: Hashable, Sendable {
    /// The input as it is, no parameters.
    case none
    /// `momentum` is the weight of the *old* running value, as in the paper (0.997); torch's is one minus it.
    case batch(momentum: Double, eps: Double)
    /// A batch norm whose four vectors never change (torchvision's RetinaNet over pre-trained backbones).
    case frozenBatch(eps: Double)
    /// Over groups of channels of one picture: no statistics to learn.
    case group(groups: Int, eps: Double)

    /// What is added to variances; nil without a norm.
    var eps: Double? {
        switch self {
        case .none: nil
        case .batch(_, let eps), .frozenBatch(let eps), .group(_, let eps): eps
        }
    }

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
    private let path: String

    /// A norm over `channels`; scale and shift begin at `initialScale` and 0, statistics at mean 0 and variance 1.
    public init(_ scope: Scope, _ norm: Norm, _ channels: Int, initialScale: Float = 1) {
        var norm = norm
        if case .batch(_, let eps) = norm, scope.freezesNorms { norm = .frozenBatch(eps: eps) }
        self.norm = norm
        path = scope.path
        if norm == .none {
            (weight, bias, mean, variance) = (nil, nil, nil, nil)
            return
        }
        if case .frozenBatch = norm {
            weight = scope.statistic("weight", [channels], initialScale)
            bias = scope.statistic("bias", [channels], 0)
        } else {
            weight = scope.parameter("weight", [channels], .bias, .constant(initialScale))
            bias = scope.parameter("bias", [channels], .bias, .constant(0))
        }
        if case .group = norm {
            (mean, variance) = (nil, nil)
        } else {
            mean = scope.statistic("running_mean", [channels], 0)
            variance = scope.statistic("running_var", [channels], 1, eps: norm.eps)
        }
    }

    /// `[N, C, H, W]` to the same, and the activation of it, where one is given.
    public func callAsFunction(_ x: Tensor, _ mode: Mode, _ activation: Activation? = nil) -> Tensor {
        let y = normalized(x, mode, activation)
        if let weight {
            Census.current?.note(path, "norm", y, parameters: weight.requiresGradient ? 2 * weight.count : 0)
        }
        return y
    }

    /// What a fused operator reads; nil for norms that are not over the batch.
    var fused: BatchNormTensors? {
        guard case .batch(let momentum, let eps) = norm, let weight, let bias, let mean, let variance else {
            return nil
        }
        return BatchNormTensors(
            weight: weight, bias: bias, mean: mean, variance: variance, momentum: 1 - momentum, eps: eps)
    }

    private func normalized(_ x: Tensor, _ mode: Mode, _ activation: Activation?) -> Tensor {
        guard let weight, let bias else { return activation?(x) ?? x }
        switch norm {
        case .none: return activation?(x) ?? x
        case .group(let groups, let eps):
            let y = x.groupNormalized(groups: groups, weight: weight, bias: bias, eps: eps)
            return activation?(y) ?? y
        case .batch(let momentum, let eps):
            guard let mean, let variance else { return x }
            return x.batchNormalized(
                weight: weight, bias: bias, mean: mean, variance: variance, training: mode.isTraining,
                momentum: 1 - momentum, eps: eps, activation: activation?.fused ?? .none)
        case .frozenBatch(let eps):
            guard let mean, let variance else { return x }
            return x.batchNormalized(
                weight: weight, bias: bias, mean: mean, variance: variance, training: false, momentum: 0, eps: eps,
                activation: activation?.fused ?? .none)
        }
    }
}

/// An activation as a value.
public enum Activation: String, Hashable, Sendable {
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

extension Activation {
    /// The same in a fused operator.
    var fused: FusedActivation {
        switch self {
        case .relu: .relu
        case .silu: .silu
        }
    }
}
