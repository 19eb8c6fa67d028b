import Torch

/// How a convolution treats the border; always with zeros.
public enum Padding: String, Hashable, Sendable {
    /// (kernel - 1) / 2 on all sides: torch's and the original ResNet's.
    case symmetric
    /// TensorFlow's "SAME": as much as ceil(size / stride) outputs need, the odd pixel at the bottom and the right. At
    /// stride 2 this lies half a pixel elsewhere than `symmetric`.
    case same

    /// Zeros around `[N, C, H, W]`.
    func border(_ x: Tensor, kernel: Int, stride: Int) -> Border {
        switch self {
        case .symmetric: Border((kernel - 1) / 2)
        case .same: .same(height: x.size(2), width: x.size(3), kernel: kernel, stride: stride)
        }
    }
}

extension Border {
    /// The pixels of a border that is the same on all sides; nil for others.
    fileprivate var uniform: Int? { top == bottom && left == right && top == left ? top : nil }
    fileprivate var pads: [Int] { [left, right, top, bottom] }
}

/// A convolution over `[N, in, H, W]` by kernels `[out, in / groups, k, k]`.
public final class Conv2d {
    /// `[out, in / groups, k, k]`
    public let weight: Tensor
    /// `[out]`, where there is one.
    public let bias: Tensor?
    let stride: Int
    let padding: Padding
    let groups: Int
    private let kernel: Int
    private let path: String

    /// Zeros around a map.
    func border(_ x: Tensor) -> Border { padding.border(x, kernel: kernel, stride: stride) }

    /// A convolution whose tensors are registered as `weight` and `bias` in `scope`.
    public init(
        _ scope: Scope, _ inChannels: Int, _ outChannels: Int, kernel: Int, stride: Int = 1,
        padding: Padding = .symmetric, groups: Int = 1, bias: Bool = false, biasValue: Float = 0,
        initializer: Initializer = .heFanOut
    ) {
        weight = scope.parameter("weight", [outChannels, inChannels / groups, kernel, kernel], .kernel, initializer)
        self.bias = bias ? scope.parameter("bias", [outChannels], .bias, .constant(biasValue)) : nil
        self.stride = stride
        self.padding = padding
        self.groups = groups
        self.kernel = kernel
        path = scope.path
    }

    /// `[N, out, H', W']`: H' = floor((H + 2 ((k - 1) / 2) - k) / stride) + 1, or ceil(H / stride) for `same`.
    public func callAsFunction(_ x: Tensor) -> Tensor {
        let border = border(x)
        let y: Tensor
        if groups == weight.size(0), groups > 1, weight.size(1) == 1, bias == nil {
            y = x.depthwiseConvolved(by: weight, stride: stride, padding: border)
        } else if let uniform = border.uniform {
            y = x.convolved(by: weight, bias: bias, stride: stride, padding: uniform, groups: groups)
        } else {
            y = x.padded(border.pads).convolved(by: weight, bias: bias, stride: stride, groups: groups)
        }
        Census.current?.note(
            path, groups > 1 ? "depthwise \(kernel)x\(kernel)\(step)" : "conv \(kernel)x\(kernel)\(step)", y,
            macs: y.count * weight.count / weight.size(0), parameters: weight.count + (bias?.count ?? 0))
        return y
    }

    private var step: String { stride == 1 ? "" : "/\(stride)" }
}

/// A depthwise convolution and a pointwise one, as TensorFlow's `SeparableConv2D`: one bias, at the end.
public final class SeparableConv2d {
    private let depthwise: Conv2d
    private let pointwise: Conv2d

    /// Convolutions registered in `scope` as `depthwise` and `pointwise`.
    public init(
        _ scope: Scope, _ inChannels: Int, _ outChannels: Int, kernel: Int, bias: Bool,
        initializer: Initializer = .glorot
    ) {
        depthwise = Conv2d(
            scope / "depthwise", inChannels, inChannels, kernel: kernel, groups: inChannels, initializer: initializer)
        pointwise = Conv2d(
            scope / "pointwise", inChannels, outChannels, kernel: 1, bias: bias, initializer: initializer)
    }

    /// `[N, out, H, W]`
    public func callAsFunction(_ x: Tensor) -> Tensor { pointwise(depthwise(x)) }
}

/// A matrix and a shift: `[..., in]` to `[..., out]`.
public final class Linear {
    /// `[out, in]`
    public let weight: Tensor
    /// `[out]`, where there is one.
    public let bias: Tensor?
    private let path: String

    /// A layer whose tensors are registered as `weight` and `bias` in `scope`.
    public init(
        _ scope: Scope, _ inFeatures: Int, _ outFeatures: Int, bias: Bool = true, initializer: Initializer = .linear
    ) {
        weight = scope.parameter("weight", [outFeatures, inFeatures], .kernel, initializer)
        self.bias = bias ? scope.parameter("bias", [outFeatures], .bias, .constant(0)) : nil
        path = scope.path
    }

    /// `[..., out]`
    public func callAsFunction(_ x: Tensor) -> Tensor {
        let y = x.linear(weight, bias: bias)
        Census.current?.note(
            path, "linear", y, macs: y.count * weight.size(1), parameters: weight.count + (bias?.count ?? 0))
        return y
    }
}

extension Tensor {
    /// The greatest element of each window of `kernel` pixels a side, with the border of a convolution.
    public func maxPooled(kernel: Int, stride: Int, padding: Padding) -> Tensor {
        let border = padding.border(self, kernel: kernel, stride: stride)
        if let uniform = border.uniform { return maxPooled(kernel: kernel, stride: stride, padding: uniform) }
        return padded(border.pads, -.infinity).maxPooled(kernel: kernel, stride: stride)
    }
}
