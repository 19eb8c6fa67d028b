import CTorch

// Layers of mobile networks as one operator each. Maps are `[N, C, H, W]`, float32 or bfloat16, channels-last in memory;
// what comes out is of the same dtype and layout. Parameters are float32, under autocast too, and so are their gradients.
// On the processor these are kernels of our own; on other devices libtorch's operators do the same.

/// The instructions that the fused layers use.
public enum FusedInstructions: Int32, Sendable, CaseIterable, Comparable {
    /// What every processor of this kind has.
    case baseline = 0
    /// 256-bit vectors and fused multiply-add.
    case avx2
    /// 512-bit vectors and bfloat16 rounding.
    case avx512

    /// Narrower comes first.
    public static func < (a: FusedInstructions, b: FusedInstructions) -> Bool { a.rawValue < b.rawValue }

    /// Those in use: the best this processor has, unless others were chosen. A choice beyond it is the best.
    public static var current: FusedInstructions {
        get { FusedInstructions(rawValue: pupil_fused_set()) ?? .baseline }
        set { pupil_choose_fused_set(newValue.rawValue) }
    }
}

/// How many rows and columns of zeros are put on the four sides of a map. TensorFlow's "SAME" is not symmetric.
public struct Border: Hashable, Sendable {
    /// Rows above.
    public var top: Int
    /// Rows below.
    public var bottom: Int
    /// Columns on the left.
    public var left: Int
    /// Columns on the right.
    public var right: Int

    /// The four sides, in pixels of the map.
    public init(top: Int, bottom: Int, left: Int, right: Int) {
        (self.top, self.bottom, self.left, self.right) = (top, bottom, left, right)
    }

    /// The same on all sides.
    public init(_ all: Int) { self.init(top: all, bottom: all, left: all, right: all) }

    /// TensorFlow's "SAME": as much as makes ceil(size / stride) outputs, the odd pixel below and on the right.
    public static func same(height: Int, width: Int, kernel: Int, stride: Int) -> Border {
        func total(_ size: Int) -> Int { max(((size + stride - 1) / stride - 1) * stride + kernel - size, 0) }
        let (rows, columns) = (total(height), total(width))
        return Border(top: rows / 2, bottom: rows - rows / 2, left: columns / 2, right: columns - columns / 2)
    }
}

/// What is done to each element after a normalisation, in the same pass.
public enum FusedActivation: Int32, Sendable, CaseIterable {
    /// Nothing.
    case none = 0
    /// max(x, 0).
    case relu
    /// x sigmoid(x), "swish".
    case silu
}

/// What a batch normalisation reads, each `[C]`; in training the running statistics move by `momentum`, the weight of
/// the new value.
public struct BatchNormTensors {
    /// Scale and shift.
    public let weight, bias: Tensor
    /// Running statistics.
    public let mean, variance: Tensor
    /// The weight of the new value in the running ones, and what is added to the variance.
    public let momentum, eps: Double

    /// The tensors as they are; nothing is copied.
    public init(weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, momentum: Double, eps: Double) {
        (self.weight, self.bias, self.mean, self.variance) = (weight, bias, mean, variance)
        (self.momentum, self.eps) = (momentum, eps)
    }

    var all: [Tensor] { [weight, bias, mean, variance] }
    /// Borrowed handles: for a call during which this value is kept alive.
    var operands: pupil_norm {
        pupil_norm(
            weight: weight.handle, bias: bias.handle, mean: mean.handle, variance: variance.handle, momentum: momentum,
            eps: eps)
    }
}

/// The two layers of squeeze and excitation: weights `[R, C, 1, 1]` and `[C, R, 1, 1]`, biases `[R]` and `[C]`.
public struct ExcitationTensors {
    /// After the mean.
    public let reduceWeight, reduceBias: Tensor
    /// Before the sigmoid.
    public let expandWeight, expandBias: Tensor

    /// The tensors as they are; nothing is copied.
    public init(reduceWeight: Tensor, reduceBias: Tensor, expandWeight: Tensor, expandBias: Tensor) {
        (self.reduceWeight, self.reduceBias) = (reduceWeight, reduceBias)
        (self.expandWeight, self.expandBias) = (expandWeight, expandBias)
    }

    var all: [Tensor] { [reduceWeight, reduceBias, expandWeight, expandBias] }
}

extension Tensor {
    /// Each channel of `[N, C, H, W]` convolved by its own kernel of `[C, 1, k, k]`, zeros around.
    public func depthwiseConvolved(by weight: Tensor, stride: Int = 1, padding: Border) -> Tensor {
        op("depthwiseConvolved", self, weight) {
            pupil_depthwise_conv2d(
                $0, $1, Int64(stride), Int64(padding.top), Int64(padding.bottom), Int64(padding.left),
                Int64(padding.right))
        }
    }

    /// Batch normalisation over N, H and W and the activation after it. In training the batch's own statistics are used
    /// and the running ones move by `momentum`, the weight of the new value. Of the size of the map only the input is
    /// kept for the backward pass.
    public func batchNormalized(
        weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, training: Bool, momentum: Double, eps: Double,
        activation: FusedActivation
    ) -> Tensor {
        withExtendedLifetime((self, weight, bias, mean, variance)) {
            Tensor(
                owning: pupil_batch_norm_act(
                    handle, weight.handle, bias.handle, mean.handle, variance.handle, training, momentum, eps,
                    activation.rawValue)
                    ?? Handle.made("batchNormalized", nil, [self, weight, bias, mean, variance]))
        }
    }

    /// What stands between a depthwise convolution and the projection after it: batch normalisation, silu, and squeeze
    /// and excitation, `z sigmoid(expand(silu(reduce(mean of z))))` for the activated map z. Of the size of the map only
    /// the input is kept for the backward pass.
    public func batchNormalizedExcited(
        _ norm: BatchNormTensors, _ excitation: ExcitationTensors, training: Bool
    )
        -> Tensor
    {
        let e = excitation
        return withExtendedLifetime((self, norm, e)) {
            Tensor(
                owning: pupil_batch_norm_excite(
                    handle, norm.weight.handle, norm.bias.handle, norm.mean.handle, norm.variance.handle,
                    e.reduceWeight.handle, e.reduceBias.handle, e.expandWeight.handle, e.expandBias.handle, training,
                    norm.momentum, norm.eps)
                    ?? Handle.made("batchNormalizedExcited", nil, [self] + norm.all + e.all))
        }
    }

    /// The middle of a mobile block (MBConv): batch normalisation and silu where there is a norm `before`, the depthwise
    /// convolution, and `batchNormalizedExcited`. Where neither training nor gradients are on, it is one pass from the
    /// input to the output and a second over the output, and nothing between them is stored; so networks should call
    /// this rather than the parts.
    public func depthwiseBlock(
        before: BatchNormTensors?, by weight: Tensor, stride: Int, padding: Border, after: BatchNormTensors,
        excitation e: ExcitationTensors, training: Bool
    ) -> Tensor {
        withExtendedLifetime((self, before, weight, after, e)) {
            let first = before.map(\.operands)
            let second = after.operands
            let made = withUnsafePointer(to: second) { second in
                func call(_ first: UnsafePointer<pupil_norm>?) -> OpaquePointer? {
                    pupil_depthwise_block(
                        handle, first, weight.handle, Int64(stride), Int64(padding.top), Int64(padding.bottom),
                        Int64(padding.left), Int64(padding.right), second, e.reduceWeight.handle, e.reduceBias.handle,
                        e.expandWeight.handle, e.expandBias.handle, training)
                }
                guard let first else { return call(nil) }
                return withUnsafePointer(to: first) { call($0) }
            }
            return Tensor(owning: made ?? Handle.made("depthwiseBlock", nil, [self, weight] + after.all + e.all))
        }
    }

    /// The mean over H and W: `[N, C, 1, 1]`, the "squeeze" of squeeze and excitation.
    public func globalMean() -> Tensor { op("globalMean", self) { pupil_global_mean($0) } }

    /// `[N, C, H, W]` times the sigmoid of the logits `[N, C, 1, 1]`: the "excitation".
    public func gated(by logits: Tensor) -> Tensor { op("gated", self, logits) { pupil_scale_by_gate($0, $1) } }
}
