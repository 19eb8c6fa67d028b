import Base
import Geometry

/// How training pictures are varied: a value that can be compared, named and hashed. What happens to one picture is a
/// `Plan` drawn from it.
///
/// The paper's policies of rising strength are S1 to S4 (§3.1, Table 1); S1, flip and a mild scale jitter, is here.
public struct Policy: Hashable, Sendable {
    /// What recipes and tables call it.
    public var name: String
    /// The probability of a left-right flip, 0...1.
    public var flip: Double
    /// The range of the scale, as a factor on the target size; 1 fits the picture into the target exactly.
    public var jitter: ClosedRange<Double>

    /// A policy of its own name.
    /// - Precondition: `flip` is a probability and `jitter` is positive.
    public init(name: String, flip: Double, jitter: ClosedRange<Double>) {
        precondition((0...1).contains(flip), "a flip's probability is 0...1, not \(flip)")
        precondition(jitter.lowerBound > 0, "a scale is positive, not \(jitter)")
        self.name = name
        self.flip = flip
        self.jitter = jitter
    }

    /// The picture as it is, fitted into the target.
    public static let none = Policy(name: "none", flip: 0, jitter: 1...1)
    /// Augment-S1: flip with probability 0.5, scale 0.8...1.2.
    public static let s1 = Policy(name: "S1", flip: 0.5, jitter: 0.8...1.2)

    /// The names that `named` knows.
    public static let names = ["none", "S1"]

    /// The policy of that name; case does not count.
    /// - Throws: `Failure.usage` with the nearest name.
    public static func named(_ name: String) throws(Failure) -> Policy {
        switch name.lowercased() {
        case "none": return .none
        case "s1": return .s1
        case "s2", "s3", "s4":
            throw .usage(
                "the augmentation policy \(name.uppercased()) is not there yet: it needs the learned colour and shape "
                    + "operations; \(names.joined(separator: " and ")) are there")
        default:
            throw .usage(
                "there is no augmentation policy \"\(name)\"; expected \(names.joined(separator: " or "))"
                    + didYouMean(name, names))
        }
    }

    /// The greatest size to which any plan of this policy brings a picture of that size: what decoding must leave of it,
    /// whichever plan is drawn.
    public func largest(for source: Size, target: Size) -> Size {
        Plan.fit(source, target: target, scale: jitter.upperBound)
    }

    /// What happens to one picture of the (upright) size `source` on its way to the canvas `target`, in the order and
    /// with the rounding of the paper's code (TPU `retinanet_parser.py` and `input_utils.py`): flip; a box `round(u *
    /// target)` with u from `jitter`, into which the picture is fitted with its aspect kept, its new sides rounded; an
    /// offset `int(uniform * excess)` per axis for what is larger than the target; what is smaller is padded at the
    /// right and at the bottom.
    ///
    /// Always takes four numbers from `random` (flip, scale, x, y), so policies can be compared picture by picture.
    /// Halves are rounded to even, as TensorFlow does.
    public func plan(for source: Size, target: Size, random: inout Random) -> Plan {
        let flipped = random.uniform() < flip
        let scale = random.uniform(jitter.lowerBound, jitter.upperBound)
        let resized = Plan.fit(source, target: target, scale: scale)
        let x = Int(random.uniform() * Double(max(0, resized.width - target.width)))
        let y = Int(random.uniform() * Double(max(0, resized.height - target.height)))
        return Plan(source: source, target: target, resized: resized, offsetX: x, offsetY: y, flipped: flipped)
    }
}
