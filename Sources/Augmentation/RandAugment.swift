/// Operators drawn anew for each picture, all with one magnitude (Cubuk et al. 2020).
public struct RandAugment: Hashable, Sendable {
    /// What recipes call it.
    public var name: String
    /// How many are drawn, one after the other, with replacement (N).
    public var draws: Int
    /// 0...10, and beyond (M).
    public var magnitude: Double
    /// What is drawn from, all with the same probability.
    public var operators: [Operator]
    /// Whether "nothing" is one of the things drawn.
    public var drawsNothing: Bool
    /// The operators' constants.
    public var constants: OperatorConstants

    /// A variant.
    /// - Precondition: there is an operator, and numbers are not negative.
    public init(
        name: String, draws: Int, magnitude: Double, operators: [Operator], drawsNothing: Bool = false,
        constants: OperatorConstants = .randAugment
    ) {
        precondition(!operators.isEmpty && draws >= 0 && magnitude >= 0, "RandAugment draws from at least one operator")
        self.name = name
        self.draws = draws
        self.magnitude = magnitude
        self.operators = operators
        self.drawsNothing = drawsNothing
        self.constants = constants
    }

    /// The 16 operators of the TPU code's classification.
    public static let sixteen: [Operator] = [
        .autoContrast, .equalize, .invert, .rotate, .posterize, .solarize, .color, .contrast, .brightness, .sharpness,
        .shearX, .shearY, .translateX, .translateY, .cutout, .solarizeAdd,
    ]

    // From paper.md 2.5.

    /// Of the model garden's `build_for_detection`: N 2, M 10, the 16 operators and nothing. Augment-S4 takes it, where
    /// the paper says neither N nor the operators.
    public static let detection = RandAugment(
        name: "randaugment", draws: 2, magnitude: 10, operators: sixteen, drawsNothing: true)
    /// Of the EfficientDet code: N 1, M 15, ten operators, cutout 100, translate 250.
    public static let efficientDet = RandAugment(
        name: "randaugment-efficientdet", draws: 1, magnitude: 15,
        operators: [
            .equalize, .solarize, .color, .cutout, .solarizeAdd, .translateX, .translateY, .shearX, .shearY, .rotate,
        ], constants: .autoAugment)
    /// Of the EfficientNet code for classification: N 2, M 10, the 16 operators.
    public static let classification = RandAugment(
        name: "randaugment-classification", draws: 2, magnitude: 10, operators: sixteen)
    /// Of the paper's section 3: 14 operators, of which one is the identity; for COCO N 1 and M 5 (ResNet-101).
    public static let paper = RandAugment(
        name: "randaugment-paper", draws: 1, magnitude: 5,
        operators: [
            .autoContrast, .equalize, .rotate, .solarize, .color, .posterize, .contrast, .brightness, .sharpness,
            .shearX, .shearY, .translateX, .translateY,
        ], drawsNothing: true)

    /// The variants that recipes know.
    public static let all = [detection, efficientDet, classification, paper]
}
