import Base
import CTorch

// Gradients.

extension Tensor {
    /// Whether operators on this tensor are recorded for `backward`. Setting it is for leaves: tensors that no recorded
    /// operator made.
    public var requiresGradient: Bool {
        get { withExtendedLifetime(self) { pupil_requires_grad(handle) } }
        set { Handle.run("requiresGradient", [self]) { pupil_set_requires_grad($0[0], newValue) } }
    }

    /// What `backward` has added up for this leaf; nil before the first.
    public var gradient: Tensor? {
        withExtendedLifetime(self) {
            if let gradient = pupil_grad(handle) { return Tensor(owning: gradient) }
            if Int(pupil_error_kind()) != PUPIL_ERROR_NONE { Handle.fault("gradient", [self]) }
            return nil
        }
    }

    /// Adds the derivative of this single number to the gradient of every leaf it was computed from.
    public func backward() { Handle.run("backward", [self]) { pupil_backward($0[0]) } }

    /// Forgets the gradients of all these leaves; the next `backward` begins anew.
    public static func clearGradients(_ list: [Tensor]) {
        Handle.with(list) { if pupil_zero_grad($0, Int32($0.count)) != 0 { Handle.fault("clearGradients", []) } }
    }
}

// MARK: - Optimiser steps, one call over all tensors

/// Fused updates; the algorithms' meaning stands in `Layers`.
public enum Fused {
    /// Momentum SGD: v = mu v + g + decay w; w -= lr v. `first` starts v at the gradient.
    public static func sgd(
        _ parameters: [Tensor], momentum: [Tensor], lr: Double, mu: Double, decay: Double, nesterov: Bool, first: Bool
    ) {
        precondition(parameters.count == momentum.count, "sgd: a momentum a parameter")
        Handle.with(parameters) { p in
            Handle.with(momentum) { m in
                if pupil_sgd(p, m, Int32(p.count), lr, mu, decay, nesterov, first) != 0 { Handle.fault("sgd", []) }
            }
        }
    }

    /// AdamW (Loshchilov and Hutter 2019); `steps` are fp32 scalars counted up here.
    public static func adamW(
        _ parameters: [Tensor], first: [Tensor], second: [Tensor], steps: [Tensor], lr: Double, beta1: Double,
        beta2: Double, decay: Double, eps: Double
    ) {
        precondition(
            parameters.count == first.count && first.count == second.count && second.count == steps.count,
            "adamW: two averages and a step a parameter")
        Handle.with(parameters) { p in
            Handle.with(first) { m in
                Handle.with(second) { v in
                    Handle.with(steps) { s in
                        if pupil_adamw(p, m, v, s, Int32(p.count), lr, beta1, beta2, decay, eps) != 0 {
                            Handle.fault("adamW", [])
                        }
                    }
                }
            }
        }
    }

    /// averages += weight * (values - averages), all tensors in one call.
    public static func average(_ averages: [Tensor], towards values: [Tensor], weight: Double) {
        precondition(averages.count == values.count, "average: a value an average")
        Handle.with(averages) { a in
            Handle.with(values) { b in
                if pupil_average(a, b, Int32(a.count), weight) != 0 { Handle.fault("average", []) }
            }
        }
    }

    /// The Euclidean norm of all gradients together, shape [], fp32.
    public static func gradientNorm(_ parameters: [Tensor]) -> Tensor {
        op("gradientNorm", parameters) { pupil_grad_norm($0, Int32($0.count)) }
    }

    /// Multiplies all gradients by a single number on their device.
    public static func scaleGradients(_ parameters: [Tensor], by factor: Tensor) {
        withExtendedLifetime(factor) {
            Handle.with(parameters) {
                if pupil_scale_grads($0, Int32($0.count), factor.handle) != 0 {
                    Handle.fault("scaleGradients", [factor])
                }
            }
        }
    }
}
