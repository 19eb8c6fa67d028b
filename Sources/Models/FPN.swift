import Base
import Layers
import Torch

/// A feature pyramid network as a value (Lin et al. 2017; docs/paper.md 3.4).
public struct FPNSpec: Hashable, Sendable {
    /// After every level, once all convolutions are done, without an activation (the TPU code's; torchvision: none).
    public var norm: Norm
    /// P6 from the backbone's C5 instead of P5.
    public var p6FromC5 = false

    /// A pyramid with that norm.
    public init(norm: Norm) { self.norm = norm }
}

/// A feature pyramid P3...P7 from C3...C5: lateral 1x1, nearest upsampling and addition, 3x3; P6 and P7 by strided 3x3,
/// P7 on the activated P6. Names are torchvision's.
public final class FPN: Neck {
    private let lateral: [Conv2d]
    private let smooth: [Conv2d]
    private let p6: Conv2d
    private let p7: Conv2d
    private let norms: [NormLayer]
    private let p6FromC5: Bool

    /// A pyramid of `width` channels, registered in `scope` as `inner_blocks`, `layer_blocks`, `extra_blocks`, `norms`.
    public init(_ scope: Scope, from channels: [Int], to width: Int, _ spec: FPNSpec) {
        precondition(channels.count == 3, "an FPN takes C3, C4 and C5")
        lateral = channels.enumerated().map { i, c in
            Conv2d(scope / "inner_blocks" / i / 0, c, width, kernel: 1, bias: true, initializer: .glorot)
        }
        smooth = (0..<3).map {
            Conv2d(scope / "layer_blocks" / $0 / 0, width, width, kernel: 3, bias: true, initializer: .glorot)
        }
        let p6In = spec.p6FromC5 ? channels[2] : width
        p6 = Conv2d(scope / "extra_blocks" / "p6", p6In, width, kernel: 3, stride: 2, bias: true, initializer: .glorot)
        p7 = Conv2d(scope / "extra_blocks" / "p7", width, width, kernel: 3, stride: 2, bias: true, initializer: .glorot)
        norms = spec.norm == .none ? [] : (3...7).map { NormLayer(scope / "norms" / "p\($0)", spec.norm, width) }
        p6FromC5 = spec.p6FromC5
    }

    /// [P3, P4, P5, P6, P7] at strides 8...128, each `[N, width, ceil(H / stride), ceil(W / stride)]`.
    public func callAsFunction(_ features: [Tensor], _ mode: Mode) -> [Tensor] {
        var top = lateral[2](features[2])
        var levels = [smooth[2](top)]
        for i in [1, 0] {
            let side = lateral[i](features[i])
            top = side + top.upsampledNearest(height: side.size(2), width: side.size(3))
            levels.insert(smooth[i](top), at: 0)
        }
        let six = p6(p6FromC5 ? features[2] : levels[2])
        levels += [six, p7(six.relu())]
        return norms.isEmpty ? levels : zip(norms, levels).map { $0($1, mode) }
    }
}
