import Base
import Geometry

/// How pictures come onto canvases, each kind of learning in its own way: what a loader asks for.
public enum Variation: Hashable, Sendable {
    /// Whole, the aspect kept, boxes and masks with it: detection and segmentation.
    case fitted(Policy)
    /// A crop of random size and shape: classification.
    case cropped(CropPolicy)
    /// Two crops of one picture, made to look different: contrastive learning.
    case views(ViewPolicy)

    /// Canvases that one picture fills.
    public var views: Int { if case .views = self { 2 } else { 1 } }

    /// Whether plans depend on the boxes of a picture.
    public var seesBoxes: Bool { if case .fitted(let policy) = self { policy.operators != .none } else { false } }

    /// What happens to one picture in training.
    ///
    /// - Parameters:
    ///   - view: which of the picture's canvases; all are drawn from the same numbers, one after the other.
    ///   - boxes: of the picture, for operators that act on boxes.
    public func plan(
        for source: Size, boxes: [Box] = [], target: Size, view: Int = 0, random: inout Random
    ) -> Plan {
        switch self {
        case .fitted(let policy): return policy.plan(for: source, boxes: boxes, target: target, random: &random)
        case .cropped(let policy): return policy.plan(for: source, target: target, random: &random)
        case .views(let policy):
            let plans = policy.plans(for: source, target: target, random: &random)
            return view == 0 ? plans.0 : plans.1
        }
    }

    /// What evaluation does: nothing random.
    public func evaluation(for source: Size, target: Size) -> Plan {
        switch self {
        case .fitted: .evaluation(for: source, target: target)
        case .cropped(let policy): policy.evaluation.plan(for: source, target: target)
        case .views: EvaluationCrop.share(0.875).plan(for: source, target: target)
        }
    }

    /// The greatest size to which training brings a picture of that size, whichever plan is drawn: what decoding must
    /// leave of it.
    public func largest(for source: Size, target: Size) -> Size {
        switch self {
        case .fitted(let policy): policy.largest(for: source, target: target)
        case .cropped(let policy): policy.crop.largest(for: source, target: target)
        case .views(let policy): policy.crop.largest(for: source, target: target)
        }
    }

    /// What decoding for training depends on besides picture and canvas, in words.
    public var decoding: String {
        switch self {
        case .fitted(let policy): policy.decoding
        case .cropped(let policy): policy.crop.decoding
        case .views(let policy): policy.crop.decoding
        }
    }

    /// All that plans depend on, for the identity of a run.
    public var json: JSON {
        switch self {
        case .fitted(let policy): return policy.json
        case .cropped(let policy):
            return [
                "crop": policy.crop.json, "flip": .double(policy.flip),
                "operators": Policy(name: "", operators: policy.operators, flip: 0, jitter: 1...1).json["operators"]
                    ?? .null,
            ]
        case .views(let policy):
            return [
                "crop": policy.crop.json, "flip": .double(policy.flip), "jitter": .double(policy.jitter),
                "strength": .double(policy.strength), "grey": .double(policy.grey), "blur": .double(policy.blur),
                "sigma": .array([.double(policy.sigma.lowerBound), .double(policy.sigma.upperBound)]),
            ]
        }
    }
}

extension RandomResizedCrop {
    /// The size of the whole picture where its smallest window fills the canvas.
    func largest(for source: Size, target: Size) -> Size {
        let area = Double(source.width * source.height) * area.lowerBound
        let width = max(1, (area * ratio.lowerBound).squareRoot())
        let height = max(1, (area / ratio.upperBound).squareRoot())
        return Size(
            width: Int((Double(source.width) * Double(target.width) / width).rounded(.up)),
            height: Int((Double(source.height) * Double(target.height) / height).rounded(.up)))
    }

    var decoding: String { "crop \(area.lowerBound) \(ratio)" }

    var json: JSON {
        [
            "area": .array([.double(area.lowerBound), .double(area.upperBound)]),
            "ratio": .array([.double(ratio.lowerBound), .double(ratio.upperBound)]),
        ]
    }
}
