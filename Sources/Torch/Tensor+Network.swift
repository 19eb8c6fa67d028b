import CTorch

// The operators of networks: pictures are `[N, C, H, W]`, channels-last in memory.

extension Tensor {
    /// A convolution of `[N, C, H, W]` by `[O, C / groups, h, w]`, padded with zeros on both sides.
    public func convolved(
        by weight: Tensor, bias: Tensor? = nil, stride: Int = 1, padding: Int = 0, dilation: Int = 1, groups: Int = 1
    ) -> Tensor {
        let pads = [Int64(padding), Int64(padding)]
        return withExtendedLifetime((self, weight, bias)) {
            Tensor(
                owning: pupil_conv2d(
                    handle, weight.handle, bias?.handle, Int64(stride), pads, Int64(dilation), Int64(groups))
                    ?? Handle.made("convolved", nil, [self, weight] + (bias.map { [$0] } ?? [])))
        }
    }

    /// `[..., in]` times the transpose of `[out, in]`, plus `[out]`.
    public func linear(_ weight: Tensor, bias: Tensor? = nil) -> Tensor {
        withExtendedLifetime((self, weight, bias)) {
            Tensor(
                owning: pupil_linear(handle, weight.handle, bias?.handle) ?? Handle.made("linear", nil, [self, weight]))
        }
    }

    /// Batch normalisation over N, H and W. In training the batch's own statistics are used and the running ones move
    /// by `momentum` (torch's: the weight of the new value; TensorFlow's 0.997 is 0.003 here).
    public func batchNormalized(
        weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, training: Bool, momentum: Double, eps: Double
    ) -> Tensor {
        withExtendedLifetime((self, weight, bias, mean, variance)) {
            Tensor(
                owning: pupil_batch_norm(
                    handle, weight.handle, bias.handle, mean.handle, variance.handle, training, momentum, eps)
                    ?? Handle.made("batchNormalized", nil, [self, weight]))
        }
    }

    /// Group normalisation (Wu and He 2018): C / groups channels and all of H and W of one picture have mean 0 and
    /// variance 1, then a scale and a shift a channel. No batch statistics, so training and inference are one thing.
    public func groupNormalized(groups: Int, weight: Tensor, bias: Tensor, eps: Double) -> Tensor {
        op("groupNormalized", self, weight, bias) { pupil_group_norm($0, Int64(groups), $1, $2, eps) }
    }

    /// The greatest element of each window; the border is -infinity.
    public func maxPooled(kernel: Int, stride: Int, padding: Int = 0) -> Tensor {
        op("maxPooled", self) { pupil_max_pool2d($0, Int64(kernel), Int64(stride), Int64(padding)) }
    }
    /// The mean of each window; the border counts as zeros.
    public func averagePooled(kernel: Int, stride: Int, padding: Int = 0) -> Tensor {
        op("averagePooled", self) { pupil_avg_pool2d($0, Int64(kernel), Int64(stride), Int64(padding)) }
    }
    /// `[N, C, height, width]`: each pixel is the source's at `floor(i * source / target)`.
    public func upsampledNearest(height: Int, width: Int) -> Tensor {
        op("upsampledNearest", self) { pupil_upsample_nearest($0, Int64(height), Int64(width)) }
    }
    /// Bilinear with half-pixel centres (`align_corners` false).
    public func upsampledBilinear(height: Int, width: Int) -> Tensor {
        op("upsampledBilinear", self) { pupil_upsample_bilinear($0, Int64(height), Int64(width)) }
    }
    /// Probabilities along one dimension: e^x over their sum.
    public func softmax(_ dim: Int) -> Tensor { op("softmax", self) { pupil_softmax($0, Int64(dim)) } }
    /// The logarithm of `softmax`, without overflow.
    public func logSoftmax(_ dim: Int) -> Tensor { op("logSoftmax", self) { pupil_log_softmax($0, Int64(dim)) } }

    /// Softmax cross-entropy of logits `[N, K, ...]` and classes `[N, ...]` (int64); `ignore` does not count.
    public func crossEntropy(_ target: Tensor, ignore: Int = -100, smoothing: Double = 0, mean: Bool = true) -> Tensor {
        op("crossEntropy", self, target) { pupil_cross_entropy($0, $1, Int64(ignore), smoothing, mean) }
    }

    /// The sum of the focal loss over all logits `[..., K]`, fp32, shape [].
    ///
    /// - Parameter target: int32 `[...]`: 0..<K a positive of that class, -1 a negative for all, -2 not counted.
    ///
    /// Source: Lin et al. 2017; one fused pass, processor only.
    public func focalLossSum(_ target: Tensor, alpha: Double, gamma: Double) -> Tensor {
        op("focalLossSum", self, target) { pupil_focal_loss_sum($0, $1, alpha, gamma) }
    }
}
