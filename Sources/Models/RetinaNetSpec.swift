import Geometry
import Glibc
import Layers

/// RetinaNet as a value: every choice that papers and codebases make differently has a name here.
///
/// `.paper` is what Zoph et al. 2020 describe (docs/paper.md 3) with K channels for K classes; `.tpu` turns on the quirks
/// of the code they used; `.torchvision` gives torchvision's numbers.
public struct RetinaNetSpec: Hashable, Sendable {
    /// Which backbone.
    public var backbone: BackboneSpec
    /// What makes a pyramid of its maps.
    public var neck: NeckSpec
    /// K.
    public var classes: Int
    /// Width of the pyramid and of both heads.
    public var channels: Int
    /// Hidden convolutions of each head.
    public var headConvolutions: Int

    /// Where anchors lie.
    public var anchors = AnchorSpec()
    /// What each anchor learns.
    public var matcher = MatcherSpec()
    /// What mistakes cost.
    public var loss = DetectionLossSpec()
    /// How outputs become boxes.
    public var decoding = DecodingSpec()

    /// In the heads each level has its own; the convolutions are shared.
    public var headNorm: Norm
    /// After each hidden convolution of the heads.
    public var headActivation = Activation.relu
    /// An extra channel 0 that no object has (the TPU code's 91 for COCO's 90 ids, torchvision's 91).
    public var backgroundChannel = false

    /// Channels of the classification output an anchor.
    public var classChannels: Int { classes + (backgroundChannel ? 1 : 0) }

    /// The paper's, quirks off: an FPN over ResNet or EfficientNet.
    public static func paper(
        backbone: BackboneSpec, classes: Int, channels: Int = 256, norm: Norm = .paper
    ) -> RetinaNetSpec {
        RetinaNetSpec(
            backbone: backbone, neck: .fpn(FPNSpec(norm: norm)), classes: classes, channels: channels,
            headConvolutions: 4, headNorm: norm)
    }

    /// The paper's largest: SpineNet, swish in the heads, Soft-NMS (docs/paper.md 3.3). SpineNet-49, 49S and 96 have
    /// smaller anchors, 190 heads of seven convolutions.
    public static func spineNet(_ name: String, classes: Int, norm: Norm = .paper) -> RetinaNetSpec {
        let body = SpineNetSpec.named(name, norm: norm)
        var spec = RetinaNetSpec(
            backbone: .spineNet(body), neck: .none, classes: classes, channels: body.endpoints,
            headConvolutions: name == "190" ? 7 : 4, headNorm: norm)
        spec.headActivation = .silu
        spec.anchors.scale = name == "143" || name == "190" ? 4 : 3
        spec.decoding.suppression.kind = .tensorFlow(sigma: 0.3)
        return spec
    }

    /// The paper's with all quirks of the code it was made with.
    public static func tpu(backbone: BackboneSpec, classes: Int) -> RetinaNetSpec {
        var spec = paper(backbone: backbone, classes: classes)
        if case .resNet(var body) = backbone {
            body.pooling = .same
            spec.backbone = .resNet(body)
        }
        spec.backgroundChannel = true
        spec.loss.dropsExactCoordinates = true
        spec.decoding.sizesPlusOne = true
        return spec
    }

    /// torchvision's `retinanet_resnet50_fpn` (its first version): frozen norms in the backbone and none above it, whole
    /// anchors on the cells' corners, an ignored band from 0.4 to 0.5, smooth losses a picture, 1,000 candidates a level.
    public static func torchvision(backbone: ResNetSpec = .resNet(50), classes: Int = 90) -> RetinaNetSpec {
        var backbone = backbone
        backbone.norm = .frozenBatch(eps: 0)
        var spec = paper(backbone: .resNet(backbone), classes: classes, norm: .none)
        spec.backgroundChannel = true
        spec.anchors.isWhole = true
        spec.anchors.sharesCanvas = true
        spec.anchors.offset = 0
        spec.anchors.ratios = [2, 1, 0.5]
        spec.anchors.ratiosOuter = true
        spec.matcher.negative = 0.4
        spec.matcher.force = .ownObject
        spec.loss.gamma = 2
        spec.loss.box = .l1
        spec.loss.boxWeight = 1
        spec.loss.normalizer = .picturePositives
        spec.decoding.candidatesPerClass = .max
        spec.decoding.candidatesPerLevel = 1000
        spec.decoding.keepsEmpty = true
        spec.decoding.perClass = 300
        spec.decoding.perImage = 300
        return spec
    }
}

/// Anchors: at each cell of level l, sizes `scale * 2^l * 2^(k / octaves)` for k in 0..<octaves and each ratio w/h, the
/// sizes outer, the ratios inner; centres at `(i + 1/2) 2^l`.
public struct AnchorSpec: Hashable, Sendable {
    /// Levels l, at strides 2^l.
    public var levels = 3...7
    /// The side of the smallest anchor in strides.
    public var scale = 4.0
    /// Sizes a level, 2^(1/octaves) apart.
    public var octaves = 3
    /// Widths over heights, each of the same area.
    public var ratios = [1.0, 2.0, 0.5]
    /// Where in a cell the centre lies, in strides: 1/2, or 0 as in torchvision.
    public var offset = 0.5
    /// In a cell all sizes of a ratio come together, as in torchvision, instead of all ratios of a size.
    public var ratiosOuter = false
    /// Sizes are cut to whole pixels and corners rounded to them (halves to even), as in torchvision.
    public var isWhole = false
    /// Cells share the canvas out, side / cells pixels each (rounded down), as in torchvision, instead of 2^l each; the
    /// same where a side is a multiple of 2^l.
    public var sharesCanvas = false

    /// The paper's anchors.
    public init() {}

    /// Anchors a cell.
    public var perCell: Int { octaves * ratios.count }

    /// The cells of a level on a side of so many pixels, and their distance. Strided convolutions with symmetric padding
    /// round up.
    func cells(_ side: Int, _ level: Int) -> (count: Int, stride: Int) {
        let count = (side + (1 << level) - 1) >> level
        return (count, sharesCanvas ? side / count : 1 << level)
    }

    /// The anchors of a cell of a level, as offsets of their edges from its centre.
    func shapes(_ level: Int) -> [(x1: Double, y1: Double, x2: Double, y2: Double)] {
        let sizes = (0..<octaves).map { k -> Double in
            let size = scale * Double(1 << level) * exp2(Double(k) / Double(octaves))
            return isWhole ? size.rounded(.down) : size
        }
        func shape(_ size: Double, _ ratio: Double) -> (x1: Double, y1: Double, x2: Double, y2: Double) {
            var (w, h) = (size * ratio.squareRoot() / 2, size / ratio.squareRoot() / 2)
            if isWhole { (w, h) = (w.rounded(.toNearestOrEven), h.rounded(.toNearestOrEven)) }
            return (-w, -h, w, h)
        }
        return ratiosOuter
            ? ratios.flatMap { ratio in sizes.map { shape($0, ratio) } }
            : sizes.flatMap { size in ratios.map { shape(size, $0) } }
    }
}

/// Which anchors learn which object.
public struct MatcherSpec: Hashable, Sendable {
    /// What becomes of the best anchors of objects.
    public enum Force: String, Sendable {
        /// Nothing: an object may be left without an anchor.
        case none
        /// Every object takes its best anchor, whatever the IoU (the paper's).
        case object
        /// Every anchor that is an object's best, one of several equal ones too, becomes a positive of *its own* best
        /// object, which may be another (torchvision's).
        case ownObject
    }

    /// At or above this IoU an anchor is a positive of its best object.
    public var positive: Float = 0.5
    /// Below this one it is a negative; between the two it does not count.
    public var negative: Float = 0.5
    /// What an object's best anchor learns where its IoU is below `positive`.
    public var force = Force.object
    /// An anchor with this share of its area inside an ignored region is not a negative.
    public var ignoreOverlap: Float = 0.5

    /// The paper's matching.
    public init() {}
}

/// The two losses: focal over classes, Huber over box codes, both over (positives + 1).
public struct DetectionLossSpec: Hashable, Sendable {
    /// What a wrong coordinate of the box code costs.
    public enum BoxLoss: Hashable, Sendable {
        /// Square up to delta, straight beyond, over the four coordinates.
        case huber(delta: Double)
        /// The absolute difference, summed over the four coordinates (torchvision's).
        case l1
    }

    /// What the sums are divided by.
    public enum Normalizer: String, Sendable {
        /// The positives of all pictures of a pass, plus one.
        case batchPositives
        /// The positives of each picture, at least one; then the mean over pictures (torchvision's).
        case picturePositives
    }

    /// The focal loss's weight of positives; negatives have 1 - alpha.
    public var alpha = 0.25
    /// How fast the weight of what is already right falls.
    public var gamma = 1.5
    /// Of box codes.
    public var box = BoxLoss.huber(delta: 0.1)
    /// What both are divided by.
    public var normalizer = Normalizer.batchPositives
    /// The weight of boxes beside classes.
    public var boxWeight = 50.0
    /// Leaves out a coordinate whose exact target is 0, as the TPU code does.
    public var dropsExactCoordinates = false

    /// The paper's losses.
    public init() {}
}

/// From outputs to boxes.
public struct DecodingSpec: Hashable, Sendable {
    /// Scores at or below it are dropped.
    public var scoreFloor: Float = 0.05
    /// The best so many a class, over all levels, go into suppression.
    public var candidatesPerClass = 5000
    /// The best so many (anchor, class) of each level go into suppression: torchvision's 1,000. The paper has no such limit.
    public var candidatesPerLevel = Int.max
    /// What overlapping boxes do to each other: the paper's is hard, within a class, at IoU 0.5; Soft-NMS
    /// (`.tensorFlow(sigma: 0.3)`) in its SpineNet rows.
    public var suppression = Suppression()
    /// At most so many a class survive suppression (of all classes together where it is agnostic).
    public var perClass = 100
    /// At most so many, of all classes, are given.
    public var perImage = 100
    /// Anchor sizes with + 1 and results with - 1, as the TPU code does.
    public var sizesPlusOne = false
    /// Boxes of which clipping leaves no width or height are detections, too, as in torchvision.
    public var keepsEmpty = false

    /// The paper's decoding.
    public init() {}
}
