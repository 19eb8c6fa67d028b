import Base
import Geometry
import Imaging

/// How training pictures of classification are varied: a random crop that fills the canvas, a flip, then operators on the
/// canvas, in the order of the EfficientNet code (docs/pretraining.md). There is no place for boxes in it.
public struct CropPolicy: Hashable, Sendable {
    /// What tables call it.
    public var name: String
    /// The crop that fills the canvas.
    public var crop: RandomResizedCrop
    /// The probability of a left-right flip, 0...1.
    public var flip: Double
    /// What acts on the canvas after that.
    public var operators: Policy.Operators
    /// What of a picture evaluation sees.
    public var evaluation: EvaluationCrop

    /// A policy of its own name.
    /// - Precondition: `flip` is a probability.
    public init(
        name: String, crop: RandomResizedCrop = RandomResizedCrop(), flip: Double = 0.5,
        operators: Policy.Operators = .none, evaluation: EvaluationCrop = .share(0.875)
    ) {
        precondition((0...1).contains(flip), "a flip's probability is 0...1, not \(flip)")
        self.name = name
        self.crop = crop
        self.flip = flip
        self.operators = operators
        self.evaluation = evaluation
    }

    /// Crop and flip: the ResNet recipe.
    public static let plain = CropPolicy(name: "crop")
    /// And AutoAugment's ImageNet policy: the EfficientNet recipe.
    public static let autoAugment = CropPolicy(name: "autoaugment", operators: .auto(.imageNet))
    /// And RandAugment with two of 16 operators: Noisy Student's noise.
    public static let randAugment = CropPolicy(name: "randaugment", operators: .random(.classification))

    /// All that `named` knows.
    public static let all = [plain, autoAugment, randAugment]

    /// With the pixels of its operators in proportion on a canvas that is smaller than the 224 they were made for: moved by
    /// 100 pixels, a picture of 64 is gone.
    public func scaled(to side: Int) -> CropPolicy {
        var policy = self
        let share = min(1, Double(side) / 224)
        func scale(_ constants: inout OperatorConstants) {
            constants.cutout *= share
            constants.translate *= share
        }
        switch operators {
        case .none: break
        case .auto(var set):
            scale(&set.constants)
            policy.operators = .auto(set)
        case .random(var set):
            scale(&set.constants)
            policy.operators = .random(set)
        }
        return policy
    }

    /// What happens to one picture of the (upright) size `source`.
    public func plan(for source: Size, target: Size, random: inout Random) -> Plan {
        let window = crop.window(of: source, random: &random)
        let flipped = random.chance(flip)
        return Plan(
            source: source, target: target, flipped: flipped, window: window, resized: target,
            canvasOperations: operators.draw(size: target, boxes: [], &random))
    }
}

/// The square in the middle of a picture that evaluation sees.
public enum EvaluationCrop: Hashable, Sendable, CustomStringConvertible {
    /// A part of the shorter side, whatever the canvas: torchvision's and the TPU code's 0.875.
    case share(Double)
    /// side / (side + padding) of it: the EfficientNet code's 32 pixels, 0.875 at 224 and 0.949 at 600.
    case padding(Int)

    /// The plan that shows it on a canvas.
    public func plan(for source: Size, target: Size) -> Plan {
        let part: Double =
            switch self {
            case .share(let share): share
            case .padding(let pixels): Double(target.height) / Double(target.height + pixels)
            }
        let side = max(1, Int((part * Double(min(source.width, source.height))).rounded(.toNearestOrEven)))
        let window = PixelRect(
            x: (source.width - side + 1) / 2, y: (source.height - side + 1) / 2, width: side, height: side)
        return Plan(source: source, target: target, window: window, resized: target)
    }

    /// "0.875" or "32px".
    public var description: String {
        switch self {
        case .share(let share): "\(share)"
        case .padding(let pixels): "\(pixels)px"
        }
    }
}
