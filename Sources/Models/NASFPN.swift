import Layers
import Torch

/// A NAS-FPN as a value (Ghiasi et al. 2019; docs/paper.md 3.7).
public struct NASFPNSpec: Hashable, Sendable {
    /// How a merging cell lets one map pass by the other.
    public enum Gate: String, Sendable {
        /// The coarser map, plus the finer times the sigmoid of the greatest value of the coarser in each channel: the
        /// TPU code's.
        case tpu
        /// The finer map, plus the coarser times the sigmoid of the mean of the finer: MMDetection's.
        case mmdet
    }

    /// How often the seven cells follow each other, with weights of their own: 7 in the paper's networks.
    public var repeats = 7
    /// Depthwise and pointwise convolutions, in the laterals, too.
    public var isSeparable = true
    /// Which gate merging cells have.
    public var gate = Gate.tpu
    /// After each convolution, without an activation.
    public var norm: Norm
    /// Before each cell's convolution.
    public var activation = Activation.relu

    /// The paper's, with its norm.
    public init(norm: Norm = .paper) { self.norm = norm }

    /// A cell: its level, whether it gates, its two inputs (0...4 are P3...P7, then the cells in turn), and whether it
    /// is the new map of its level.
    struct Cell {
        var level: Int
        var gates: Bool
        var inputs: (Int, Int)
        var isOutput: Bool
    }

    /// The architecture that was found.
    static let cells: [Cell] = [
        Cell(level: 4, gates: true, inputs: (1, 3), isOutput: false),
        Cell(level: 4, gates: false, inputs: (1, 5), isOutput: false),
        Cell(level: 3, gates: false, inputs: (0, 6), isOutput: true),
        Cell(level: 4, gates: false, inputs: (6, 7), isOutput: true),
        Cell(level: 5, gates: true, inputs: (7, 8), isOutput: true),
        Cell(level: 7, gates: true, inputs: (6, 9), isOutput: true),
        Cell(level: 6, gates: true, inputs: (9, 10), isOutput: true),
    ]
}

/// A pyramid P3...P7 from C3...C5, in which maps of all levels are merged again and again.
public final class NASFPN: Neck {
    private let laterals: [(conv: (Tensor) -> Tensor, norm: NormLayer)?]
    private let cells: [[(conv: (Tensor) -> Tensor, norm: NormLayer)]]
    private let spec: NASFPNSpec

    /// A pyramid of `width` channels, registered in `scope` as `lateral` and `cells`.
    public init(_ scope: Scope, from channels: [Int], to width: Int, _ spec: NASFPNSpec) {
        precondition(channels.count == 3, "a NAS-FPN takes C3, C4 and C5")
        self.spec = spec
        func layer(_ scope: Scope, _ from: Int, kernel: Int) -> (conv: (Tensor) -> Tensor, norm: NormLayer) {
            let norm = NormLayer(scope / "bn", spec.norm, width)
            if spec.isSeparable {
                let conv = SeparableConv2d(scope, from, width, kernel: kernel, bias: true)
                return ({ conv($0) }, norm)
            }
            let conv = Conv2d(scope / "conv", from, width, kernel: kernel, bias: true, initializer: .glorot)
            return ({ conv($0) }, norm)
        }
        laterals = channels.enumerated().map { i, c in
            c == width ? nil : layer(scope / "lateral" / "p\(i + 3)", c, kernel: 1)
        }
        cells = (0..<spec.repeats).map { r in
            NASFPNSpec.cells.indices.map { layer(scope / "cells" / r / $0, width, kernel: 3) }
        }
    }

    /// [P3, P4, P5, P6, P7] at strides 8...128.
    public func callAsFunction(_ features: [Tensor], _ mode: Mode) -> [Tensor] {
        var maps = features.enumerated().map { i, x in laterals[i].map { $0.norm($0.conv(x), mode) } ?? x }
        // Coarser levels are thinned out, without weights.
        for _ in 0..<2 { maps.append(maps[maps.count - 1].maxPooled(kernel: 2, stride: 2, padding: .same)) }
        let sizes = maps.map { (height: $0.size(2), width: $0.size(3)) }
        for layers in cells { maps = pass(maps, sizes, layers, mode) }
        return maps
    }

    private func pass(
        _ inputs: [Tensor], _ sizes: [(height: Int, width: Int)],
        _ layers: [(conv: (Tensor) -> Tensor, norm: NormLayer)],
        _ mode: Mode
    ) -> [Tensor] {
        var nodes = inputs
        var levels = Array(3...7)
        var uses = [Int](repeating: 0, count: nodes.count)
        for (cell, layer) in zip(NASFPNSpec.cells, layers) {
            func input(_ i: Int) -> Tensor {
                uses[i] += 1
                return resampled(nodes[i], from: levels[i], to: cell.level, sizes)
            }
            let (a, b) = (input(cell.inputs.0), input(cell.inputs.1))
            let firstIsCoarser = levels[cell.inputs.0] >= levels[cell.inputs.1]
            var merged = cell.gates ? gated(coarse: firstIsCoarser ? a : b, fine: firstIsCoarser ? b : a) : a + b
            if cell.isOutput {
                for j in nodes.indices where uses[j] == 0 && levels[j] == cell.level { merged = merged + input(j) }
            }
            nodes.append(layer.norm(layer.conv(spec.activation(merged)), mode))
            levels.append(cell.level)
            uses.append(0)
        }
        return (3...7).map { level in
            guard let i = levels.lastIndex(of: level) else { preconditionFailure("no cell gives P\(level)") }
            return nodes[i]
        }
    }

    private func gated(coarse: Tensor, fine: Tensor) -> Tensor {
        switch spec.gate {
        case .tpu: coarse + fine * coarse.max([2, 3], keep: true).sigmoid()
        case .mmdet: fine + coarse * fine.mean([2, 3], keep: true).sigmoid()
        }
    }

    private func resampled(
        _ x: Tensor, from level: Int, to target: Int, _ sizes: [(height: Int, width: Int)]
    ) -> Tensor {
        if level < target {
            let stride = 1 << (target - level)
            return x.maxPooled(kernel: stride, stride: stride, padding: .same)
        }
        if level > target {
            return x.upsampledNearest(height: sizes[target - 3].height, width: sizes[target - 3].width)
        }
        return x
    }
}
