import Base
import Geometry
import Glibc
import Layers
import Torch

/// What the heads say about a batch.
public struct RetinaNetOutput {
    /// Class log-odds `[N, A, K]`, A all anchors in the order of `Anchors`, K `classChannels`.
    public let logits: Tensor
    /// Box codes `[N, A, 4]`: (dx, dy, dw, dh).
    public let codes: Tensor

    /// Outputs that did not come from `RetinaNet`'s own call.
    public init(logits: Tensor, codes: Tensor) {
        self.logits = logits
        self.codes = codes
    }
}

/// RetinaNet (Lin et al. 2017) in the form of its spec. Names of tensors are torchvision's where torchvision has them.
public final class RetinaNet {
    /// What it is.
    public let spec: RetinaNetSpec
    private let pyramid: Pyramid
    private let classHead: RetinaNetHead
    private let boxHead: RetinaNetHead

    /// A network registered in `scope` as `backbone.body`, `backbone.fpn` and `head`, with initial values drawn from
    /// the store's seed.
    public init(_ scope: Scope, _ spec: RetinaNetSpec) {
        precondition(spec.neck.levels == 3...7, "anchors lie on P3...P7")
        self.spec = spec
        pyramid = Pyramid(scope / "backbone", spec.backbone, spec.neck, width: spec.channels)
        let perCell = spec.anchors.perCell
        // -ln((1 - p) / p) with p = 0.01: at first every anchor is background with probability 0.99.
        classHead = RetinaNetHead(
            scope / "head" / "classification_head", "cls_logits", spec, outputs: spec.classChannels, perCell: perCell,
            bias: -4.59512)
        boxHead = RetinaNetHead(
            scope / "head" / "regression_head", "bbox_reg", spec, outputs: 4, perCell: perCell, bias: 0)
    }

    /// Both outputs for normalised pictures `[N, 3, H, W]`, channels-last.
    public func callAsFunction(_ images: Tensor, _ mode: Mode) -> RetinaNetOutput {
        self(maps: maps(images, mode), mode)
    }

    /// The backbone's maps.
    public func maps(_ images: Tensor, _ mode: Mode) -> [Tensor] { pyramid.maps(images, mode) }

    /// Both outputs for a backbone's maps.
    public func callAsFunction(maps: [Tensor], _ mode: Mode) -> RetinaNetOutput {
        let levels = pyramid.pyramid(of: maps, mode)
        return RetinaNetOutput(logits: classHead(levels, mode), codes: boxHead(levels, mode))
    }

    /// The backbone's maps and the pyramid's, for those who want features and no boxes.
    public func features(_ images: Tensor, _ mode: Mode) -> (backbone: [Tensor], pyramid: [Tensor]) {
        pyramid.levels(images, mode)
    }
}

/// One of the two subnets: hidden 3x3 convolutions shared by the levels, norms of each level's own, an activation, a prediction.
final class RetinaNetHead {
    private let hidden: [Conv2d]
    private let norms: [[NormLayer]]  // [layer][level]
    private let prediction: Conv2d
    private let outputs: Int
    private let activation: Activation

    init(_ scope: Scope, _ name: String, _ spec: RetinaNetSpec, outputs: Int, perCell: Int, bias: Float) {
        self.outputs = outputs
        activation = spec.headActivation
        // Without norms torchvision starts the hidden layers at N(0, 0.01) too.
        hidden = (0..<spec.headConvolutions).map {
            Conv2d(
                scope / "conv" / $0 / 0, spec.channels, spec.channels, kernel: 3, bias: true,
                initializer: .normal(std: 0.01))
        }
        norms =
            spec.headNorm == .none
            ? []
            : (0..<spec.headConvolutions).map { i in
                spec.anchors.levels.map { NormLayer(scope / "conv" / i / "p\($0)", spec.headNorm, spec.channels) }
            }
        // docs/paper.md 3.4: the class prediction's weights start at N(0, 1e-5); so do the boxes'.
        prediction = Conv2d(
            scope / name, spec.channels, perCell * outputs, kernel: 3, bias: true, biasValue: bias,
            initializer: .normal(std: 1e-5))
    }

    /// `[N, A, outputs]`
    func callAsFunction(_ levels: [Tensor], _ mode: Mode) -> Tensor {
        let parts = levels.enumerated().map { level, features in
            var x = features
            for (i, convolution) in hidden.enumerated() {
                x = convolution(x)
                x = norms.isEmpty ? activation(x) : norms[i][level](x, mode, activation)
            }
            x = prediction(x)  // [N, perCell * outputs, h, w]
            return x.permuted([0, 2, 3, 1]).reshaped([x.size(0), -1, outputs])  // [N, h * w * perCell, outputs]
        }
        return Tensor.concatenated(parts, 1)
    }
}
