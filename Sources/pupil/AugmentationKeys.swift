import Annotations
import Augmentation
import Base
import Geometry
import Journal
import Recipes

/// The settings that make an augmentation policy: a name and what is changed of it.
enum AugmentationKeys {
    /// What of a named policy can be changed; the same words in every verb.
    static let changes: [Key] = [
        Key(
            "augment-operators", .string, group: "augmentation",
            help: "Instead of the policy's: \(Policy.Operators.names.joined(separator: ", ")), or a list such as "
                + "Rotate,ShearX,Identity, of which RandAugment draws (docs/augmentation.md)."),
        Key(
            "augment-draws", .integer(0...16), group: "augmentation",
            help: "Operators that RandAugment draws a picture (N)."),
        Key(
            "augment-magnitude", .number(0...60), group: "augmentation",
            help: "RandAugment's magnitude (M), 10 as a rule; the paper has 15 for ResNet-101."),
        Key(
            "augment-cutout", .number(0...100_000), group: "augmentation",
            help: "Half the side of Cutout's square at magnitude 10, in pixels of the picture."),
        Key(
            "augment-translate", .number(0...100_000), group: "augmentation",
            help: "Pixels of the picture that TranslateX and Y move it at magnitude 10."),
        Key(
            "augment-cutout-in-boxes", .number(0...100_000), group: "augmentation",
            help: "As --augment-cutout, of Cutout_Only_BBoxes."),
        Key(
            "augment-translate-in-boxes", .number(0...100_000), group: "augmentation",
            help: "As --augment-translate, of TranslateX_Only_BBoxes and TranslateY_Only_BBoxes."),
        Key(
            "augment-box-cutout", .fraction, group: "augmentation",
            help: "The greatest part of a box's side that BBox_Cutout covers."),
        Key(
            "augment-jitter", .string, group: "augmentation",
            help: "The range of the scale, as a factor on the size, such as 0.5-2."),
        Key("augment-flip", .fraction, group: "augmentation", help: "The probability of a left-right flip."),
        Key(
            "augment-cutmix", .fraction, group: "augmentation",
            help: "Segmentation: the probability that a part of another picture, with its labels, lies over a picture."),
        Key(
            "augment-rendering", .choice(Rendering.all.map(\.description)), default: "fused", group: "augmentation",
            help: "fused samples a picture once; reference does as the original code, operator after operator."),
    ]

    /// Of them those of classification, whose operators act on the canvas.
    static let canvasChanges = changes.filter {
        [
            "augment_operators", "augment_draws", "augment_magnitude", "augment_cutout", "augment_translate",
        ].contains($0.name)
    }

    /// A policy's name.
    static func policy(_ key: String, default name: String?) -> Key {
        let names = Policy.all.map(\.name)
        return Key(
            key, .choice(names), default: name.map { .string($0) }, group: "augmentation",
            help: "The augmentation policy: S1 flip and scale, S2 + AutoAugment, S3 + wide scale, S4 RandAugment."
        )
    }
}

extension Settings {
    /// The policy of that name with what these settings change of it.
    ///
    /// - Parameter skipsUnfit: leaves out changes that have nothing to act on.
    /// - Throws: `Failure.usage` where a change has nothing to act on, unless such are left out.
    func policy(_ name: String, skipsUnfit: Bool = false) throws(Failure) -> Policy {
        var policy = try Policy.named(name)
        policy.operators = try changed(policy.operators, of: policy.name, skipsUnfit: skipsUnfit)
        if let text = optionalString("augment-jitter") { policy.jitter = try Self.range(text) }
        if let flip = optionalDouble("augment-flip") { policy.flip = flip }
        if let probability = optionalDouble("augment-cutmix") { policy.cutMix = CutMix(probability: probability) }
        policy.rendering = Rendering.named(string("augment-rendering")) ?? .fused
        return policy
    }

    /// A policy's operators with what these settings change of them.
    /// - Throws: as `policy`.
    func changed(
        _ operators: Policy.Operators, of policy: String, skipsUnfit: Bool
    ) throws(Failure) -> Policy.Operators {
        var operators = operators
        // A study's grid has policies without operators beside those that have some.
        let skipsUnfit = skipsUnfit || schema.verb == "study"
        operators = try given(for: operators)
        for key in ["augment-draws", "augment-magnitude"] + Self.constants.map(\.key) where schema.key(key) != nil {
            guard let value = optionalDouble(key) else { continue }
            let constant = Self.constants.first { $0.key == key }
            if let users = constant?.users, operators.all.isDisjoint(with: users), operators != .none {
                if skipsUnfit { continue }
                throw .usage(
                    "--\(key) is of \(users.map(\.rawValue).joined(separator: ", ")), and \(policy) has none of these")
            }
            switch operators {
            case .none:
                if skipsUnfit { continue }
                throw .usage("--\(key) goes with operators, and \(policy) has none")
            case .auto(var set):
                guard let place = constant?.place else {
                    if skipsUnfit { continue }
                    throw .usage("--\(key) goes with RandAugment; \(set.name) has its own for each step")
                }
                set.constants[keyPath: place] = value
                operators = .auto(set)
            case .random(var set):
                if key == "augment-draws" { set.draws = Int(value) }
                if key == "augment-magnitude" { set.magnitude = value }
                if let place = constant?.place { set.constants[keyPath: place] = value }
                operators = .random(set)
            }
        }
        return operators
    }

    /// The set that is named instead of a policy's own, or that.
    private func given(for operators: Policy.Operators) throws(Failure) -> Policy.Operators {
        guard schema.key("augment-operators") != nil, let text = optionalString("augment-operators") else {
            return operators
        }
        return try Self.operators(text)
    }

    /// Says where a policy moves pictures as small as these by more than a third, and further than it does photographs of
    /// 640 x 480 pixels, for which the original code's constants were made.
    func warnOfSmallPictures(_ set: Dataset) throws(Failure) {
        let sides = set.examples.compactMap(\.size).map { min($0.width, $0.height) }.sorted()
        guard !sides.isEmpty, let value = value("augment") else { return }
        try warnOfSmallPictures(
            side: sides[sides.count / 2], value.array?.compactMap(\.string) ?? [value.string ?? "none"])
    }

    /// As above, of pictures of that shorter side and the policies of these names.
    func warnOfSmallPictures(side: Int, _ names: [String]) throws(Failure) {
        for name in names {
            let operators = try policy(name, skipsUnfit: true).operators
            let reach = operators.reach
            // What the set itself does to such a photograph is what it is meant to do.
            let meant = try given(for: Policy.named(name).operators).reach * Double(side) / 480
            if reach <= max(Double(side) / 3, meant) { continue }
            let constants: OperatorConstants
            switch operators {
            case .none: continue
            case .auto(let set): constants = set.constants
            case .random(let set): constants = set.constants
            }
            let keys = Self.constants.prefix(2).filter { !operators.all.isDisjoint(with: $0.users) }
            let advice = keys.reversed().map { key, place, _ in
                "--\(key) \(max(1, Int((constants[keyPath: place] * meant / reach).rounded())))"
            }
            Console.standardError.line(
                "warning: \(name) moves pictures by up to \(Int(reach)) pixels, and these are \(side) wide or high; "
                    + "\(advice.joined(separator: " ")) keep the proportions that it has on photographs of 640 x 480")
            return
        }
    }

    /// The constants of operators by their settings.
    private static var constants: [(key: String, place: WritableKeyPath<OperatorConstants, Double>, users: [Operator])]
    {
        [
            ("augment-cutout", \.cutout, [.cutout]),
            ("augment-translate", \.translate, [.translateX, .translateY]),
            ("augment-cutout-in-boxes", \.cutoutInBoxes, [.cutoutInBoxes]),
            ("augment-translate-in-boxes", \.translateInBoxes, [.translateXInBoxes, .translateYInBoxes]),
            ("augment-box-cutout", \.boxCutout, [.boxCutout]),
        ]
    }

    /// In a list, that a draw may do nothing.
    private static let identity = "identity"

    private static func operators(_ text: String) throws(Failure) -> Policy.Operators {
        if let known = Policy.Operators.named(text.lowercased()) { return known }
        let names = text.split(separator: ",").map { String($0.drop { $0 == " " }) }
        if names.count == 1, names[0].lowercased() == identity {
            throw .usage("--augment-operators: Identity alone does nothing; say none")
        }
        // One word that is no operator is more likely a set's name misspelt.
        if names.count == 1, (try? Operator.named(names[0])) == nil {
            let known = Policy.Operators.names + Operator.allCases.map(\.rawValue)
            throw .usage(
                "--augment-operators: there is no set and no operator \"\(text)\"" + didYouMean(text, known))
        }
        var operators: [Operator] = []
        for name in names where name.lowercased() != identity { operators.append(try Operator.named(name)) }
        guard !operators.isEmpty else { throw .usage("--augment-operators: a list of operators is empty") }
        var set = RandAugment.detection
        set.name = "randaugment-own"
        set.operators = operators
        set.drawsNothing = operators.count < names.count
        return .random(set)
    }

    private static func range(_ text: String) throws(Failure) -> ClosedRange<Double> {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { Double($0) }
        guard ends.count == 2, let low = ends[0], let high = ends[1], low >= 0.01, low <= high, high <= 20 else {
            throw .usage("--augment-jitter is a range within 0.01-20, such as 0.5-2, not \"\(text)\"")
        }
        return low...high
    }
}
