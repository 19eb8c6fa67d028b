import Base
import Geometry
import Imaging

/// How training pictures are varied: a value that can be compared, printed and hashed. What happens to one picture is a
/// `Plan` drawn from it.
///
/// The paper's policies of rising strength are S1 to S4 (§3.1, Table 1), the same for detection and segmentation.
public struct Policy: Hashable, Sendable {
    /// Operators that act on the picture in its own size, before all else.
    public enum Operators: Hashable, Sendable {
        /// None.
        case none
        /// A sub-policy of a fixed set.
        case auto(AutoAugment)
        /// Drawn one by one.
        case random(RandAugment)
    }

    /// What tables call it.
    public var name: String
    /// What acts on the picture first.
    public var operators: Operators
    /// The probability of a left-right flip, 0...1.
    public var flip: Double
    /// The range of the scale, as a factor on the target size; 1 fits the picture into the target exactly.
    public var jitter: ClosedRange<Double>
    /// How plans are carried out.
    public var rendering: Rendering
    /// A part of another picture, with its mask, over each: of segmentation alone. No policy of the paper has it.
    public var cutMix: CutMix?

    /// A policy of its own name.
    /// - Precondition: `flip` is a probability and `jitter` is positive.
    public init(
        name: String, operators: Operators = .none, flip: Double, jitter: ClosedRange<Double>,
        rendering: Rendering = .fused
    ) {
        precondition((0...1).contains(flip), "a flip's probability is 0...1, not \(flip)")
        precondition(jitter.lowerBound > 0, "a scale is positive, not \(jitter)")
        self.name = name
        self.operators = operators
        self.flip = flip
        self.jitter = jitter
        self.rendering = rendering
    }

    /// The picture as it is, fitted into the target.
    public static let none = Policy(name: "none", flip: 0, jitter: 1...1)
    /// Augment-S1: flip with probability 0.5, scale 0.8...1.2.
    public static let s1 = Policy(name: "S1", flip: 0.5, jitter: 0.8...1.2)
    /// Augment-S2: AutoAugment, then S1.
    public static let s2 = Policy(name: "S2", operators: .auto(.v0), flip: 0.5, jitter: 0.8...1.2)
    /// Augment-S3: AutoAugment, flip, scale 0.5...2.
    public static let s3 = Policy(name: "S3", operators: .auto(.v0), flip: 0.5, jitter: 0.5...2)
    /// Augment-S4: RandAugment, flip, scale 0.5...2. The paper's magnitude is 10, and 15 for ResNet-101.
    public static let s4 = Policy(name: "S4", operators: .random(.detection), flip: 0.5, jitter: 0.5...2)

    /// All that `named` knows.
    public static let all = [none, s1, s2, s3, s4]

    /// The policy of that name; case does not count.
    /// - Throws: `Failure.usage` with the nearest name.
    public static func named(_ name: String) throws(Failure) -> Policy {
        if let found = all.first(where: { $0.name.lowercased() == name.lowercased() }) { return found }
        let names = all.map(\.name)
        throw .usage(
            "there is no augmentation policy \"\(name)\"; expected \(names.dropLast().joined(separator: ", ")) or "
                + "\(names.last ?? "")" + didYouMean(name, names))
    }

    /// The greatest size to which any plan of this policy brings a picture of that size: what decoding must leave of it,
    /// whichever plan is drawn. In `reference` rendering it is the picture's own, since operators count its pixels.
    public func largest(for source: Size, target: Size) -> Size {
        if case .reference = rendering { return source }
        return Plan.fit(source, target: target, scale: jitter.upperBound)
    }

    /// How much of the shrinking is left to rendering when training pictures are decoded (`ImageFile.decode`): half a
    /// level of 255 is given away for a third of the time of large photographs. Evaluation leaves it 2.
    public static let decodingMargin = 1.25

    /// What decoding for training depends on besides picture and canvas, in words.
    public var decoding: String {
        if case .reference = rendering { return "whole" }
        return "\(jitter.upperBound)"
    }

    /// What happens to one picture of the (upright) size `source` on its way to the canvas `target`, in the order and
    /// with the rounding of the paper's code (TPU `retinanet_parser.py` and `input_utils.py`): operators; flip; a box
    /// `round(u * target)` with u from `jitter`, into which the picture is fitted with its aspect kept, its new sides
    /// rounded; an offset `int(uniform * excess)` per axis for what is larger than the target; what is smaller is padded
    /// at the right and at the bottom.
    ///
    /// The first four numbers of `random` are flip, scale, x and y, whatever the operators, so that policies can be
    /// compared picture by picture. Halves are rounded to even, as TensorFlow does.
    ///
    /// - Parameter boxes: of the picture, for operators that act on boxes.
    public func plan(for source: Size, boxes: [Box] = [], target: Size, random: inout Random) -> Plan {
        let flipped = random.uniform() < flip
        let scale = random.uniform(jitter.lowerBound, jitter.upperBound)
        let resized = Plan.fit(source, target: target, scale: scale)
        let x = Int(random.uniform() * Double(max(0, resized.width - target.width)))
        let y = Int(random.uniform() * Double(max(0, resized.height - target.height)))
        let operations = operators.draw(size: source, boxes: boxes, &random)
        return Plan(
            source: source, target: target, operations: operations, flipped: flipped, resized: resized, offsetX: x,
            offsetY: y, rendering: rendering)
    }
}

extension Policy.Operators {
    /// What recipes call it.
    public var name: String {
        switch self {
        case .none: "none"
        case .auto(let set): set.name
        case .random(let set): set.name
        }
    }

    /// Those that can be drawn.
    public var all: Set<Operator> {
        switch self {
        case .none: []
        case .auto(let set): Set(set.policies.flatMap { $0.map(\.operator) })
        case .random(let set): Set(set.operators)
        }
    }

    /// How far one operator can move the picture, in its pixels; 0 where none does.
    public var reach: Double {
        func reach(_ constants: OperatorConstants, _ magnitude: Double) -> Double {
            constants.translate * magnitude / 10
        }
        let translations: Set<Operator> = [.translateX, .translateY]
        switch self {
        case .none: return 0
        case .auto(let set):
            return set.policies.joined()
                .filter { translations.contains($0.operator) && $0.probability > 0 }
                .map { reach(set.constants, $0.magnitude) }.max() ?? 0
        case .random(let set):
            let moves = set.draws > 0 && !translations.isDisjoint(with: set.operators)
            return moves ? reach(set.constants, set.magnitude) : 0
        }
    }

    /// The sets that `named` knows.
    public static let names = ["none"] + AutoAugment.all.map(\.name) + RandAugment.all.map(\.name)

    /// The set of that name, or nil.
    public static func named(_ name: String) -> Policy.Operators? {
        if name == "none" { return Policy.Operators.none }
        if let set = AutoAugment.all.first(where: { $0.name == name }) { return .auto(set) }
        return RandAugment.all.first { $0.name == name }.map { .random($0) }
    }

    func draw(size: Size, boxes: [Box], _ random: inout Random) -> [Operation] {
        var operations: [Operation] = []
        var boxes = boxes
        func act(_ step: AutoAugment.Step, _ constants: OperatorConstants) {
            let drawn = step.operator.draw(
                magnitude: step.magnitude, probability: step.probability, size: size, boxes: boxes, constants, &random)
            for operation in drawn {
                if let map = operation.map(in: size) {
                    boxes = boxes.map { map($0).clipped(to: size) }.filter { !$0.isEmpty }
                }
            }
            operations += drawn
        }
        switch self {
        case .none: break
        case .auto(let set):
            for step in set.policies[random.below(set.policies.count)] { act(step, set.constants) }
        case .random(let set):
            for _ in 0..<set.draws {
                let choice = random.below(set.operators.count + (set.drawsNothing ? 1 : 0))
                // Once drawn it acts for certain, as in the original.
                if choice < set.operators.count {
                    act(.init(set.operators[choice], 1, set.magnitude), set.constants)
                }
            }
        }
        return operations
    }
}

extension Policy {
    /// All that its plans depend on, for the identity of a run; the name does not belong to it.
    public var json: JSON {
        func constants(_ c: OperatorConstants) -> JSON {
            [
                "cutout": .double(c.cutout), "translate": .double(c.translate),
                "cutout_in_boxes": .double(c.cutoutInBoxes), "translate_in_boxes": .double(c.translateInBoxes),
                "box_cutout": .double(c.boxCutout),
            ]
        }
        let operators: JSON =
            switch self.operators {
            case .none: .null
            case .auto(let set):
                [
                    "policies": .array(
                        set.policies.map { steps in
                            .array(
                                steps.map {
                                    .array([
                                        .string($0.operator.rawValue), .double($0.probability), .double($0.magnitude),
                                    ])
                                })
                        }), "constants": constants(set.constants),
                ]
            case .random(let set):
                [
                    "draws": .int(set.draws), "magnitude": .double(set.magnitude),
                    "operators": .array(set.operators.map { .string($0.rawValue) }),
                    "draws_nothing": .bool(set.drawsNothing), "constants": constants(set.constants),
                ]
            }
        var keys: [String: JSON] = [
            "operators": operators, "flip": .double(flip),
            "jitter": .array([.double(jitter.lowerBound), .double(jitter.upperBound)]),
            "rendering": .string(rendering.description),
        ]
        if let cutMix {
            func range(_ r: ClosedRange<Double>) -> JSON { .array([.double(r.lowerBound), .double(r.upperBound)]) }
            keys["cutmix"] = [
                "probability": .double(cutMix.probability), "area": range(cutMix.area), "ratio": range(cutMix.ratio),
            ]
        }
        return .object(keys)
    }
}
