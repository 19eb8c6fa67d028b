import Layers
import Torch

/// The paper's segmentation network as a value (docs/paper.md 3.8): a pyramid, its levels summed at stride 4, a few
/// convolutions, a class for each pixel.
public struct SegmentationSpec: Hashable, Sendable {
    /// Which backbone; the paper's are EfficientNet-B7 and -L2.
    public var backbone: BackboneSpec
    /// What makes a pyramid of its maps: NAS-FPN in the paper.
    public var neck: NeckSpec
    /// K, the background among them.
    public var classes: Int
    /// Width of the pyramid and of the head.
    public var channels = 256
    /// 3x3 convolutions of the head, ordinary ones.
    public var headConvolutions = 3
    /// After each of them.
    public var headNorm: Norm
    /// After each norm of the head.
    public var headActivation = Activation.relu
    /// How its kernels begin. The classifier's matter most: from 0.01 it takes AdamW a hundred steps to say anything.
    public var headStart = Initializer.normal(std: 0.01)

    /// The paper's, with the norm of the published configuration (momentum 0.997, eps 1e-3).
    public static func paper(
        backbone: BackboneSpec, classes: Int, channels: Int = 256, norm: Norm = .batch(momentum: 0.997, eps: 1e-3)
    ) -> SegmentationSpec {
        SegmentationSpec(
            backbone: backbone, neck: .nasFPN(NASFPNSpec(norm: norm)), classes: classes, channels: channels,
            headNorm: norm)
    }
}

/// Class log-odds of each pixel at stride 4.
public final class SegmentationNet {
    /// What it is.
    public let spec: SegmentationSpec
    private let pyramid: Pyramid
    private let head: SegmentationHead

    /// A network registered in `scope` as `backbone.body`, `backbone.fpn` and `head`.
    public init(_ scope: Scope, _ spec: SegmentationSpec) {
        self.spec = spec
        pyramid = Pyramid(scope / "backbone", spec.backbone, spec.neck, width: spec.channels)
        head = SegmentationHead(scope / "head", spec)
    }

    /// `[N, K, ceil(H / 4), ceil(W / 4)]` for normalised pictures `[N, 3, H, W]`.
    public func callAsFunction(_ images: Tensor, _ mode: Mode) -> Tensor {
        self(maps: maps(images, mode), height: (images.size(2) + 3) / 4, width: (images.size(3) + 3) / 4, mode)
    }

    /// The backbone's maps.
    public func maps(_ images: Tensor, _ mode: Mode) -> [Tensor] { pyramid.maps(images, mode) }

    /// The output of that size for a backbone's maps.
    public func callAsFunction(maps: [Tensor], height: Int, width: Int, _ mode: Mode) -> Tensor {
        head(pyramid.pyramid(of: maps, mode), height: height, width: width, mode)
    }

    /// The backbone's maps and the pyramid's.
    public func features(_ images: Tensor, _ mode: Mode) -> (backbone: [Tensor], pyramid: [Tensor]) {
        pyramid.levels(images, mode)
    }
}

/// All levels brought to stride 4 (bilinear, half-pixel centres) and summed, 3x3 convolutions, a 1x1 classifier.
final class SegmentationHead {
    private let hidden: [(conv: Conv2d, norm: NormLayer)]
    private let classifier: Conv2d
    private let activation: Activation

    init(_ scope: Scope, _ spec: SegmentationSpec) {
        hidden = (0..<spec.headConvolutions).map {
            (
                Conv2d(
                    scope / "conv" / $0 / 0, spec.channels, spec.channels, kernel: 3, bias: true,
                    initializer: spec.headStart),
                NormLayer(scope / "conv" / $0 / 1, spec.headNorm, spec.channels)
            )
        }
        classifier = Conv2d(
            scope / "classifier", spec.channels, spec.classes, kernel: 1, bias: true, initializer: spec.headStart)
        activation = spec.headActivation
    }

    func callAsFunction(_ levels: [Tensor], height: Int, width: Int, _ mode: Mode) -> Tensor {
        var x = levels[0].upsampledBilinear(height: height, width: width)
        for level in levels.dropFirst() { x = x + level.upsampledBilinear(height: height, width: width) }
        for layer in hidden { x = layer.norm(layer.conv(x), mode, activation) }
        return classifier(x)
    }
}
