import Geometry
import Layers

/// RetinaNet as a value: every choice that papers and codebases make differently has a name here.
///
/// `.paper` is what Zoph et al. 2020 describe (docs/paper.md 3) with K channels for K classes; `.tpu`
/// turns on the quirks of the code they used.
public struct RetinaNetSpec: Hashable, Sendable {
    /// Which backbone; ResNets now.
    public var backbone: ResNetSpec
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

    /// After each level of the pyramid.
    public var fpnNorm: Norm
    /// In the heads each level has its own; the convolutions are shared.
    public var headNorm: Norm
    /// P6 from the backbone's C5 instead of P5.
    public var p6FromC5 = false
    /// An extra channel 0 that no object has (the TPU code's 91 for COCO's 90 ids).
    public var backgroundChannel = false

    /// Channels of the classification output an anchor.
    public var classChannels: Int { classes + (backgroundChannel ? 1 : 0) }

    /// The paper's, quirks off.
    public static func paper(
        backbone: ResNetSpec, classes: Int, channels: Int = 256, norm: Norm = .paper
    ) -> RetinaNetSpec {
        RetinaNetSpec(
            backbone: backbone, classes: classes, channels: channels, headConvolutions: 4, fpnNorm: norm, headNorm: norm
        )
    }

    /// The paper's with all quirks of the code it was made with.
    public static func tpu(backbone: ResNetSpec, classes: Int) -> RetinaNetSpec {
        var spec = paper(backbone: backbone, classes: classes)
        spec.backgroundChannel = true
        spec.loss.dropsExactCoordinates = true
        spec.decoding.sizesPlusOne = true
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

    /// The paper's anchors.
    public init() {}

    /// Anchors a cell.
    public var perCell: Int { octaves * ratios.count }
}

/// Which anchors learn which object.
public struct MatcherSpec: Hashable, Sendable {
    /// At or above this IoU an anchor is a positive of its best object.
    public var positive: Float = 0.5
    /// Below this one it is a negative; between the two it does not count.
    public var negative: Float = 0.5
    /// Every object takes its best anchor, whatever the IoU.
    public var forceMatch = true
    /// An anchor with this share of its area inside an ignored region is not a negative.
    public var ignoreOverlap: Float = 0.5

    /// The paper's matching.
    public init() {}
}

/// The two losses: focal over classes, Huber over box codes, both over (positives + 1).
public struct DetectionLossSpec: Hashable, Sendable {
    /// The focal loss's weight of positives; negatives have 1 - alpha.
    public var alpha = 0.25
    /// How fast the weight of what is already right falls.
    public var gamma = 1.5
    /// Where Huber's loss turns from square to straight, in units of the box code.
    public var huberDelta = 0.1
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
    /// What overlapping boxes do to each other: the paper's is hard, within a class, at IoU 0.5; Soft-NMS
    /// (`.tensorFlow(sigma: 0.3)`) in its SpineNet rows.
    public var suppression = Suppression()
    /// At most so many a class survive suppression (of all classes together where it is agnostic).
    public var perClass = 100
    /// At most so many, of all classes, are given.
    public var perImage = 100
    /// Anchor sizes with + 1 and results with - 1, as the TPU code does.
    public var sizesPlusOne = false

    /// The paper's decoding.
    public init() {}
}
