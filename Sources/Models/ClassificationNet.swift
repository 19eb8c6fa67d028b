import Layers
import Torch

/// A classifier of whole pictures as a value: a backbone that gives C2...C5, pooling, one linear layer.
public struct ClassifierSpec: Hashable, Sendable {
    /// ResNet or EfficientNet.
    public var backbone: BackboneSpec
    /// K.
    public var classes: Int
    /// Before the last layer; nil: an EfficientNet's own, none of a ResNet.
    public var dropout: Double?

    /// A classifier for K classes.
    public init(backbone: BackboneSpec, classes: Int, dropout: Double? = nil) {
        self.backbone = backbone
        self.classes = classes
        self.dropout = dropout
    }
}

/// Log-odds of classes, and the features before them. Names are torchvision's (ResNet, `fc`) and timm's (EfficientNet,
/// `conv_head`, `bn2`, `classifier`), all at the root of `scope`.
public final class ClassificationNet {
    /// What it is.
    public let spec: ClassifierSpec
    private let body: any Backbone
    private let head: ClassificationHead

    /// A network registered in `scope`. - Precondition: the backbone gives C2...C5.
    public init(_ scope: Scope, _ spec: ClassifierSpec) {
        self.spec = spec
        body = spec.backbone.make(scope)
        head = ClassificationHead(scope, spec)
    }

    /// `[N, K]` for normalised pictures `[N, 3, H, W]`.
    public func callAsFunction(_ images: Tensor, _ mode: Mode) -> Tensor {
        head.logits(features(images, mode).pooled, mode)
    }

    /// C2...C5, and `[N, F]`: the mean over the last map (after EfficientNet's 1x1 convolution).
    public func features(_ images: Tensor, _ mode: Mode) -> (backbone: [Tensor], pooled: Tensor) {
        let levels = body(images, mode)
        return (levels, head.pooled(levels, mode))
    }
}

/// The mean over a backbone's last map, before it EfficientNet's 1x1 convolution.
public final class GlobalPool {
    /// F.
    public let features: Int
    private let wide: (conv: Conv2d, norm: NormLayer, activation: Activation)?

    /// Registered in `scope`: nothing of a ResNet, `conv_head` and `bn2` of an EfficientNet.
    /// - Precondition: the backbone gives C2...C5.
    public init(_ scope: Scope, _ backbone: BackboneSpec) {
        switch backbone {
        case .resNet(let body):
            wide = nil
            features = body.channels[3]
        case .efficientNet(let body):
            wide = (
                Conv2d(scope / "conv_head", body.channels[3], body.head, kernel: 1),
                NormLayer(scope / "bn2", body.norm, body.head), body.activation
            )
            features = body.head
        case .spineNet: preconditionFailure("SpineNet gives P3...P7 and has no classifier")
        }
    }

    /// `[N, F]` of C2...C5.
    public func callAsFunction(_ levels: [Tensor], _ mode: Mode) -> Tensor {
        var x = levels[3]
        if let wide { x = wide.norm(wide.conv(x), mode, wide.activation) }
        return x.globalMean().flattened(from: 1)
    }
}

/// What a classifier has above its backbone: pooling, dropout and one linear layer.
public final class ClassificationHead {
    private let pool: GlobalPool
    private let dropout: Dropout
    private let last: Linear

    /// A head registered in `scope` as `fc`, or as `conv_head`, `bn2` and `classifier`.
    /// - Precondition: the backbone gives C2...C5.
    public init(_ scope: Scope, _ spec: ClassifierSpec) {
        pool = GlobalPool(scope, spec.backbone)
        if case .efficientNet(let body) = spec.backbone {
            dropout = Dropout(rate: spec.dropout ?? body.dropout)
            last = Linear(
                scope / "classifier", pool.features, spec.classes,
                initializer: .uniform(bound: 1 / Float(spec.classes).squareRoot()))
        } else {
            dropout = Dropout(rate: spec.dropout ?? 0)
            last = Linear(scope / "fc", pool.features, spec.classes)
        }
    }

    /// `[N, F]` of a backbone's C2...C5.
    public func pooled(_ levels: [Tensor], _ mode: Mode) -> Tensor { pool(levels, mode) }

    /// `[N, K]` of pooled features.
    public func logits(_ pooled: Tensor, _ mode: Mode) -> Tensor { last(dropout(pooled, mode)) }
}

/// Embeddings for contrastive learning: a backbone, pooling, a projection that is thrown away afterwards.
public final class ContrastiveNet {
    private let body: any Backbone
    private let pool: GlobalPool
    private let projection: ProjectionHead

    /// A network registered in `scope`: a classifier's names without its last layer, and `projection`.
    /// - Precondition: the backbone gives C2...C5.
    public init(_ scope: Scope, _ backbone: BackboneSpec) {
        body = backbone.make(scope)
        pool = GlobalPool(scope, backbone)
        projection = ProjectionHead(scope / "projection", from: pool.features)
    }

    /// `[N, 128]` for normalised pictures `[N, 3, H, W]`.
    public func callAsFunction(_ images: Tensor, _ mode: Mode) -> Tensor {
        projection(pool(body(images, mode), mode), mode)
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
