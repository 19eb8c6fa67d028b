import Layers
import Torch

/// A classifier of whole pictures as a value: a backbone that gives C2...C5, pooling, one linear layer.
public struct ClassifierSpec: Hashable, Sendable {
    /// ResNet or EfficientNet.
    public var backbone: BackboneSpec
    /// K.
    public var classes: Int

    /// A classifier for K classes.
    public init(backbone: BackboneSpec, classes: Int) {
        self.backbone = backbone
        self.classes = classes
    }
}

/// Log-odds of classes, and the features before them. Names are torchvision's (ResNet, `fc`) and timm's (EfficientNet,
/// `conv_head`, `bn2`, `classifier`), all at the root of `scope`.
public final class Classifier {
    /// What it is.
    public let spec: ClassifierSpec
    private let body: any Backbone
    /// EfficientNet's 1x1 convolution before pooling.
    private let head: (conv: Conv2d, norm: NormLayer, activation: Activation)?
    private let dropout: Dropout
    private let last: Linear

    /// - Precondition: the backbone gives C2...C5.
    public init(_ scope: Scope, _ spec: ClassifierSpec) {
        self.spec = spec
        body = spec.backbone.make(scope)
        switch spec.backbone {
        case .resNet(let body):
            head = nil
            dropout = Dropout(rate: 0)
            last = Linear(scope / "fc", body.channels[3], spec.classes)
        case .efficientNet(let body):
            head = (
                Conv2d(scope / "conv_head", body.channels[3], body.head, kernel: 1),
                NormLayer(scope / "bn2", body.norm, body.head), body.activation
            )
            dropout = Dropout(rate: body.dropout)
            last = Linear(
                scope / "classifier", body.head, spec.classes,
                initializer: .uniform(bound: 1 / Float(spec.classes).squareRoot()))
        case .spineNet: preconditionFailure("SpineNet gives P3...P7 and has no classifier")
        }
    }

    /// `[N, K]` for normalised pictures `[N, 3, H, W]`.
    public func callAsFunction(_ images: Tensor, _ mode: Mode) -> Tensor {
        last(dropout(features(images, mode).pooled, mode))
    }

    /// C2...C5, and `[N, F]`: the mean over the last map (after EfficientNet's 1x1 convolution).
    public func features(_ images: Tensor, _ mode: Mode) -> (backbone: [Tensor], pooled: Tensor) {
        let levels = body(images, mode)
        var x = levels[3]
        if let head { x = head.norm(head.conv(x), mode, head.activation) }
        return (levels, x.globalMean().flattened(from: 1))
    }
}

/// What SimCLR trains on top of pooled features and throws away (Chen et al. 2020): linear layers with
/// batch norms, an activation after each but the last.
public final class ProjectionHead {
    private let layers: [(linear: Linear, norm: NormLayer)]

    /// Layers registered in `scope` as `layers.i.linear` and `layers.i.norm`: two in the paper's first version, three in
    /// its second.
    public init(
        _ scope: Scope, from features: Int, hidden: Int = 2048, to out: Int = 128, layers: Int = 3,
        norm: Norm = .batch(momentum: 0.9, eps: 1e-5)
    ) {
        self.layers = (0..<layers).map { i in
            let width = i == layers - 1 ? out : hidden
            let place = scope / "layers" / i
            return (
                Linear(place / "linear", i == 0 ? features : hidden, width, bias: false),
                NormLayer(place / "norm", norm, width)
            )
        }
    }

    /// `[N, F]` to `[N, out]`.
    public func callAsFunction(_ features: Tensor, _ mode: Mode) -> Tensor {
        var x = features
        for (i, layer) in layers.enumerated() {
            // A batch norm wants maps; these have one pixel.
            let y = layer.linear(x).unsqueezed(2).unsqueezed(3)
            x = layer.norm(y, mode, i < layers.count - 1 ? .relu : nil).flattened(from: 1)
        }
        return x
    }
}
