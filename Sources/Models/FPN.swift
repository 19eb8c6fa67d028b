import Base
import Layers
import Torch

/// A feature pyramid network as a value (Lin et al. 2017; docs/paper.md 3.4).
public struct FPNSpec: Hashable, Sendable {
    /// What it gives: from C2 or C3 on, at most to P7. Boxes are sought at 3...7, pixels named at 2...5.
    public var levels = 3...7
    /// After every level, once all convolutions are done, without an activation (the TPU code's; torchvision: none).
    public var norm: Norm
    /// P6 from the backbone's C5 instead of P5.
    public var p6FromC5 = false

    /// A pyramid P3...P7 with that norm.
    public init(norm: Norm) { self.norm = norm }
}

/// A feature pyramid from a backbone's maps up to C5: lateral 1x1, nearest upsampling and addition, 3x3; P6 and P7,
/// where they are wanted, by strided 3x3, P7 on the activated P6. Names are torchvision's.
public final class FPN: Neck {
    private let lateral: [Conv2d]
    private let smooth: [Conv2d]
    private let extra: [Conv2d]
    private let norms: [NormLayer]
    private let p6FromC5: Bool

    /// A pyramid of `width` channels, registered in `scope` as `inner_blocks`, `layer_blocks`, `extra_blocks`, `norms`.
    /// - Parameter channels: of the backbone's maps from the lowest level up to C5.
    public init(_ scope: Scope, from channels: [Int], to width: Int, _ spec: FPNSpec) {
        precondition(
            spec.levels.upperBound >= 5 && channels.count == 6 - spec.levels.lowerBound,
            "an FPN of P\(spec.levels.lowerBound)... takes the maps from C\(spec.levels.lowerBound) to C5")
        lateral = channels.enumerated().map { i, c in
            Conv2d(scope / "inner_blocks" / i / 0, c, width, kernel: 1, bias: true, initializer: .glorot)
        }
        smooth = channels.indices.map {
            Conv2d(scope / "layer_blocks" / $0 / 0, width, width, kernel: 3, bias: true, initializer: .glorot)
        }
        extra = spec.levels.filter { $0 > 5 }.map {
            let from = $0 == 6 && spec.p6FromC5 ? channels[channels.count - 1] : width
            return Conv2d(
                scope / "extra_blocks" / "p\($0)", from, width, kernel: 3, stride: 2, bias: true, initializer: .glorot)
        }
        norms = spec.norm == .none ? [] : spec.levels.map { NormLayer(scope / "norms" / "p\($0)", spec.norm, width) }
        p6FromC5 = spec.p6FromC5
    }

    /// The levels of the spec, the finest first, each `[N, width, ceil(H / 2^level), ceil(W / 2^level)]`.
    public func callAsFunction(_ features: [Tensor], _ mode: Mode) -> [Tensor] {
        let last = features.count - 1
        var top = lateral[last](features[last])
        var levels = [smooth[last](top)]
        for i in (0..<last).reversed() {
            let side = lateral[i](features[i])
            top = side + top.upsampledNearest(height: side.size(2), width: side.size(3))
            levels.insert(smooth[i](top), at: 0)
        }
        for (i, conv) in extra.enumerated() {
            levels.append(conv(i > 0 ? levels[last + i].relu() : p6FromC5 ? features[last] : levels[last]))
        }
        return norms.isEmpty ? levels : zip(norms, levels).map { $0($1, mode) }
    }
}
