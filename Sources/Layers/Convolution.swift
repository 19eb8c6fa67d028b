import Torch

/// A convolution over `[N, in, H, W]`, padded symmetrically; `padding` nil keeps the size at stride 1 ((kernel - 1) / 2).
public final class Conv2d {
    public let weight: Tensor  // [out, in / groups, k, k]
    public let bias: Tensor?  // [out]
    let stride: Int
    let padding: Int
    let groups: Int

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

    /// `[N, out, H', W']`
    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.convolved(by: weight, bias: bias, stride: stride, padding: padding, groups: groups)
    }
}

/// `[..., in]` to `[..., out]`.
public final class Linear {
    public let weight: Tensor  // [out, in]
    public let bias: Tensor?  // [out]

    public init(_ scope: Scope, _ inFeatures: Int, _ outFeatures: Int, bias: Bool = true, initializer: Initializer = .linear) {
        weight = scope.parameter("weight", [outFeatures, inFeatures], .kernel, initializer)
        self.bias = bias ? scope.parameter("bias", [outFeatures], .bias, .constant(0)) : nil
    }

    public func callAsFunction(_ x: Tensor) -> Tensor { x.linear(weight, bias: bias) }
}
