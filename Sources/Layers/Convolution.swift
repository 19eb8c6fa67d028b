import Torch

/// A convolution over `[N, in, H, W]` by kernels `[out, in / groups, k, k]`, padded with zeros on all sides alike.
public final class Conv2d {
    /// `[out, in / groups, k, k]`
    public let weight: Tensor
    /// `[out]`, where there is one.
    public let bias: Tensor?
    let stride: Int
    let padding: Int
    let groups: Int

    /// A convolution whose tensors are registered as `weight` and `bias` in `scope`; `padding` nil is (kernel - 1) / 2,
    /// which keeps the size at stride 1.
    public init(
        _ scope: Scope, _ inChannels: Int, _ outChannels: Int, kernel: Int, stride: Int = 1, padding: Int? = nil,
        groups: Int = 1, bias: Bool = false, biasValue: Float = 0, initializer: Initializer = .heFanOut
    ) {
        weight = scope.parameter("weight", [outChannels, inChannels / groups, kernel, kernel], .kernel, initializer)
        self.bias = bias ? scope.parameter("bias", [outChannels], .bias, .constant(biasValue)) : nil
        self.stride = stride
        self.padding = padding ?? (kernel - 1) / 2
        self.groups = groups
    }

    /// `[N, out, H', W']` with H' = floor((H + 2 padding - kernel) / stride) + 1.
    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.convolved(by: weight, bias: bias, stride: stride, padding: padding, groups: groups)
    }
}

/// A matrix and a shift: `[..., in]` to `[..., out]`.
public final class Linear {
    /// `[out, in]`
    public let weight: Tensor
    /// `[out]`, where there is one.
    public let bias: Tensor?

    /// A layer whose tensors are registered as `weight` and `bias` in `scope`.
    public init(
        _ scope: Scope, _ inFeatures: Int, _ outFeatures: Int, bias: Bool = true, initializer: Initializer = .linear
    ) {
        weight = scope.parameter("weight", [outFeatures, inFeatures], .kernel, initializer)
        self.bias = bias ? scope.parameter("bias", [outFeatures], .bias, .constant(0)) : nil
    }

    /// `[..., out]`
    public func callAsFunction(_ x: Tensor) -> Tensor { x.linear(weight, bias: bias) }
}
