/// A fixed set of sub-policies, of which one is chosen for each picture; its steps then act one after the other, each with
/// its own probability (Cubuk et al. 2019; for detection Zoph et al. 2019).
public struct AutoAugment: Hashable, Sendable {
    /// An operator that acts with a probability.
    public struct Step: Hashable, Sendable {
        /// What acts.
        public var `operator`: Operator
        /// 0...1.
        public var probability: Double
        /// 0...10.
        public var magnitude: Double

        /// A step.
        public init(_ operator: Operator, _ probability: Double, _ magnitude: Double) {
            self.operator = `operator`
            self.probability = probability
            self.magnitude = magnitude
        }
    }

    /// What recipes call it.
    public var name: String
    /// One of these is chosen, all with the same probability.
    public var policies: [[Step]]
    /// The operators' constants.
    public var constants = OperatorConstants.autoAugment

    /// A set of sub-policies.
    /// - Precondition: there is one.
    public init(name: String, policies: [[Step]]) {
        precondition(!policies.isEmpty, "AutoAugment chooses from at least one sub-policy")
        self.name = name
        self.policies = policies
    }

    /// The sets that recipes know. The paper does not say which its S2 and S3 take; they take v0 here, the one of the
    /// AutoAugment paper for detection and the default of the released code.
    public static let all = [v0, v1, v2, v3, imageNet]

    // From paper.md 2.3 (TPU `autoaugment_utils.py`): operator, probability, magnitude.

    /// For detection, version 0: five sub-policies.
    public static let v0 = AutoAugment(name: "autoaugment-v0", policies: first)
    /// For detection, version 1: those of v0 and 15 more.
    public static let v1 = AutoAugment(name: "autoaugment-v1", policies: first + second)
    /// For detection, version 2.
    public static let v2 = AutoAugment(name: "autoaugment-v2", policies: third)
    /// For detection, version 3.
    public static let v3 = AutoAugment(name: "autoaugment-v3", policies: fourth)
    /// For classification: version 0 of the policy for ImageNet (paper.md 2.7).
    public static let imageNet = AutoAugment(name: "autoaugment-imagenet", policies: classification)

    private static let first: [[Step]] = [
        [.init(.translateX, 0.6, 4), .init(.equalize, 0.8, 10)],
        [.init(.translateYInBoxes, 0.2, 2), .init(.cutout, 0.8, 8)],
        [.init(.sharpness, 0.0, 8), .init(.shearX, 0.4, 0)],
        [.init(.shearY, 1.0, 2), .init(.translateYInBoxes, 0.6, 6)],
        [.init(.rotate, 0.6, 10), .init(.color, 1.0, 6)],
    ]

    private static let second: [[Step]] = [
        [.init(.color, 0.0, 0), .init(.shearXInBoxes, 0.8, 4)],
        [.init(.shearYInBoxes, 0.8, 2), .init(.flipInBoxes, 0.0, 10)],
        [.init(.equalize, 0.6, 10), .init(.translateX, 0.2, 2)],
        [.init(.color, 1.0, 10), .init(.translateYInBoxes, 0.4, 6)],
        [.init(.rotate, 0.8, 10), .init(.contrast, 0.0, 10)],
        [.init(.cutout, 0.2, 2), .init(.brightness, 0.8, 10)],
        [.init(.color, 1.0, 6), .init(.equalize, 1.0, 2)],
        [.init(.cutoutInBoxes, 0.4, 6), .init(.translateYInBoxes, 0.8, 2)],
        [.init(.color, 0.2, 8), .init(.rotate, 0.8, 10)],
        [.init(.sharpness, 0.4, 4), .init(.translateYInBoxes, 0.0, 4)],
        [.init(.sharpness, 1.0, 4), .init(.solarizeAdd, 0.4, 4)],
        [.init(.rotate, 1.0, 8), .init(.sharpness, 0.2, 8)],
        [.init(.shearY, 0.6, 10), .init(.equalizeInBoxes, 0.6, 8)],
        [.init(.shearX, 0.2, 6), .init(.translateYInBoxes, 0.2, 10)],
        [.init(.solarizeAdd, 0.6, 8), .init(.brightness, 0.8, 10)],
    ]

    private static let third: [[Step]] = [
        [.init(.color, 0.0, 6), .init(.cutout, 0.6, 8), .init(.sharpness, 0.4, 8)],
        [.init(.rotate, 0.4, 8), .init(.sharpness, 0.4, 2), .init(.rotate, 0.8, 10)],
        [.init(.translateY, 1.0, 8), .init(.autoContrast, 0.8, 2)],
        [.init(.autoContrast, 0.4, 6), .init(.shearX, 0.8, 8), .init(.brightness, 0.0, 10)],
        [.init(.solarizeAdd, 0.2, 6), .init(.contrast, 0.0, 10), .init(.autoContrast, 0.6, 0)],
        [.init(.cutout, 0.2, 0), .init(.solarize, 0.8, 8), .init(.color, 1.0, 4)],
        [.init(.translateY, 0.0, 4), .init(.equalize, 0.6, 8), .init(.solarize, 0.0, 10)],
        [.init(.translateY, 0.2, 2), .init(.shearY, 0.8, 8), .init(.rotate, 0.8, 8)],
        [.init(.cutout, 0.8, 8), .init(.brightness, 0.8, 8), .init(.cutout, 0.2, 2)],
        [.init(.color, 0.8, 4), .init(.translateY, 1.0, 6), .init(.rotate, 0.6, 6)],
        [.init(.rotate, 0.6, 10), .init(.boxCutout, 1.0, 4), .init(.cutout, 0.2, 8)],
        [.init(.rotate, 0.0, 0), .init(.equalize, 0.6, 6), .init(.shearY, 0.6, 8)],
        [.init(.brightness, 0.8, 8), .init(.autoContrast, 0.4, 2), .init(.brightness, 0.2, 2)],
        [.init(.translateY, 0.4, 8), .init(.solarize, 0.4, 6), .init(.solarizeAdd, 0.2, 10)],
        [.init(.contrast, 1.0, 10), .init(.solarizeAdd, 0.2, 8), .init(.equalize, 0.2, 4)],
    ]

    private static let fourth: [[Step]] = [
        [.init(.posterize, 0.8, 2), .init(.translateX, 1.0, 8)],
        [.init(.boxCutout, 0.2, 10), .init(.sharpness, 1.0, 8)],
        [.init(.rotate, 0.6, 8), .init(.rotate, 0.8, 10)],
        [.init(.equalize, 0.8, 10), .init(.autoContrast, 0.2, 10)],
        [.init(.solarizeAdd, 0.2, 2), .init(.translateY, 0.2, 8)],
        [.init(.sharpness, 0.0, 2), .init(.color, 0.4, 8)],
        [.init(.equalize, 1.0, 8), .init(.translateY, 1.0, 8)],
        [.init(.posterize, 0.6, 2), .init(.rotate, 0.0, 10)],
        [.init(.autoContrast, 0.6, 0), .init(.rotate, 1.0, 6)],
        [.init(.equalize, 0.0, 4), .init(.cutout, 0.8, 10)],
        [.init(.brightness, 1.0, 2), .init(.translateY, 1.0, 6)],
        [.init(.contrast, 0.0, 2), .init(.shearY, 0.8, 0)],
        [.init(.autoContrast, 0.8, 10), .init(.contrast, 0.2, 10)],
        [.init(.rotate, 1.0, 10), .init(.cutout, 1.0, 10)],
        [.init(.solarizeAdd, 0.8, 6), .init(.equalize, 0.8, 8)],
    ]

    private static let classification: [[Step]] = [
        [.init(.equalize, 0.8, 1), .init(.shearY, 0.8, 4)],
        [.init(.color, 0.4, 9), .init(.equalize, 0.6, 3)],
        [.init(.color, 0.4, 1), .init(.rotate, 0.6, 8)],
        [.init(.solarize, 0.8, 3), .init(.equalize, 0.4, 7)],
        [.init(.solarize, 0.4, 2), .init(.solarize, 0.6, 2)],
        [.init(.color, 0.2, 0), .init(.equalize, 0.8, 8)],
        [.init(.equalize, 0.4, 8), .init(.solarizeAdd, 0.8, 3)],
        [.init(.shearX, 0.2, 9), .init(.rotate, 0.6, 8)],
        [.init(.color, 0.6, 1), .init(.equalize, 1.0, 2)],
        [.init(.invert, 0.4, 9), .init(.rotate, 0.6, 0)],
        [.init(.equalize, 1.0, 9), .init(.shearY, 0.6, 3)],
        [.init(.color, 0.4, 7), .init(.equalize, 0.6, 0)],
        [.init(.posterize, 0.4, 6), .init(.autoContrast, 0.4, 7)],
        [.init(.solarize, 0.6, 8), .init(.color, 0.6, 9)],
        [.init(.solarize, 0.2, 4), .init(.rotate, 0.8, 9)],
        [.init(.rotate, 1.0, 7), .init(.translateY, 0.8, 9)],
        [.init(.shearX, 0.0, 0), .init(.solarize, 0.8, 4)],
        [.init(.shearY, 0.8, 0), .init(.color, 0.6, 4)],
        [.init(.color, 1.0, 0), .init(.rotate, 0.6, 2)],
        [.init(.equalize, 0.8, 4), .init(.equalize, 0.0, 8)],
        [.init(.equalize, 1.0, 4), .init(.autoContrast, 0.6, 2)],
        [.init(.shearY, 0.4, 7), .init(.solarizeAdd, 0.6, 7)],
        [.init(.posterize, 0.8, 2), .init(.solarize, 0.6, 10)],
        [.init(.solarize, 0.6, 8), .init(.equalize, 0.6, 1)],
        [.init(.color, 0.8, 6), .init(.rotate, 0.4, 5)],
    ]
}
