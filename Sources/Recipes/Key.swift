import Base
import Markup

/// One setting of a verb: its name, what it may be, and what it is when nobody says.
///
/// `train-images` and `train_images` are one name; the first is how it is shown as a flag, the second how it is
/// stored and written. Dots make a path: `optimizer.lr` is `lr` under `optimizer` in a recipe.
public struct Key: Sendable {
    /// What a setting's value may be.
    public indirect enum Kind: Sendable, Equatable {
        /// Any text.
        case string
        /// A path; a leading `~/` is the user's home. Relative ones start from the working directory, also in recipes.
        case path
        /// An integer in a range.
        case integer(ClosedRange<Int>)
        /// A finite number in a range.
        case number(ClosedRange<Double>)
        /// `--name`, `--no-name`, or `name=true|false`.
        case bool
        /// One of a few words.
        case choice([String])
        /// Several values of one kind: the flag repeats or takes several words; `name=[]` is none.
        case list(of: Kind)

        /// An integer of 1 or more; small enough that two of them can be multiplied.
        public static let positiveInteger = Kind.integer(1...1_000_000_000)
        /// An integer of 0 or more; small enough to be a number of JSON, and to be counted on from.
        public static let count = Kind.integer(0...1 << 53)
        /// A number above 0.
        public static let positiveNumber = Kind.number(Double.leastNonzeroMagnitude...Double.greatestFiniteMagnitude)
        /// A number of 0 or more.
        public static let nonNegativeNumber = Kind.number(0...Double.greatestFiniteMagnitude)
        /// A number from 0 to 1.
        public static let fraction = Kind.number(0...1)
    }

    /// The stored name: dots and underscores.
    public let name: String
    /// What the value may be.
    public let kind: Kind
    /// The value when nobody says; nil where there is none, so that the setting is absent or resolved later.
    public let defaultValue: JSON?
    /// Whether the user must say it.
    public let required: Bool
    /// One or two sentences for `--help`.
    public let help: String
    /// The heading it stands under in `--help` and `args.yaml`.
    public let group: String
    /// Whether results depend on it, so that it is part of a stage's identity and of what a resumed run must share.
    public let affectsResult: Bool

    /// A setting.
    /// - Precondition: the default, if any, is of the kind; a required key has none.
    public init(
        _ name: String, _ kind: Kind, default defaultValue: JSON? = nil, required: Bool = false, group: String = "",
        affectsResult: Bool = true, help: String
    ) {
        self.name = Self.stored(name)
        self.kind = kind
        self.required = required
        self.help = help
        self.group = group
        self.affectsResult = affectsResult
        precondition(!(required && defaultValue != nil), "the key \(name) is required and has a default")
        if let defaultValue {
            guard let value = kind.normalised(defaultValue) else {
                preconditionFailure(
                    "the key \(name) has the default \(defaultValue.canonical), not \(kind.expectation)")
            }
            self.defaultValue = value
        } else {
            self.defaultValue = nil
        }
    }

    /// How the key is written on the command line: `--train-images`.
    public var flag: String { "--" + Self.shown(name) }

    static func stored(_ name: String) -> String { String(name.map { $0 == "-" ? "_" : $0 }) }
    static func shown(_ name: String) -> String { String(name.map { $0 == "_" ? "-" : $0 }) }
}

extension Key.Kind {
    /// What is expected, for a message: "an integer from 1 to 9".
    var expectation: String {
        switch self {
        case .string: "text"
        case .path: "a path"
        case .bool: "true or false"
        case .choice(let words): "one of " + words.joined(separator: ", ")
        case .list(let kind): "a list of values, each \(kind.expectation)"
        case .integer(let range):
            switch (range.lowerBound, range.upperBound) {
            case (.min, .max): "an integer"
            case (let low, .max): "an integer of \(low) or more"
            case (.min, let high): "an integer of \(high) or less"
            case (let low, let high): "an integer from \(low) to \(high)"
            }
        case .number(let range):
            switch (range.lowerBound, range.upperBound) {
            case (-Double.greatestFiniteMagnitude, Double.greatestFiniteMagnitude): "a number"
            case (Double.leastNonzeroMagnitude, Double.greatestFiniteMagnitude): "a number above 0"
            case (let low, Double.greatestFiniteMagnitude): "a number of \(Self.short(low)) or more"
            case (Double.leastNonzeroMagnitude, let high): "a number above 0 and up to \(Self.short(high))"
            case (-Double.greatestFiniteMagnitude, let high): "a number of \(Self.short(high)) or less"
            case (let low, let high): "a number from \(Self.short(low)) to \(Self.short(high))"
            }
        }
    }

    /// What stands for the value in `--help`.
    var placeholder: String {
        switch self {
        case .string: "TEXT"
        case .path: "PATH"
        case .integer: "N"
        case .number: "X"
        case .bool: ""
        case .choice(let words): words.joined(separator: "|").count <= 24 ? words.joined(separator: "|") : "NAME"
        case .list(let kind): kind.placeholder + "..."
        }
    }

    private static func short(_ number: Double) -> String { JSON.double(number).canonical }

    /// The value in the kind's own form (a whole number becomes a double where numbers are asked for), or nil where
    /// it is not of the kind.
    func normalised(_ value: JSON) -> JSON? {
        switch self {
        case .string, .path: value.string.map { .string($0) }
        case .bool: value.bool.map { .bool($0) }
        case .integer(let range): value.int.flatMap { range.contains($0) ? .int($0) : nil }
        case .number(let range): value.double.flatMap { range.contains($0) && $0.isFinite ? .double($0) : nil }
        case .choice(let words): value.string.flatMap { words.contains($0) ? .string($0) : nil }
        case .list(let kind): Self.list(value, of: kind)
        }
    }

    private static func list(_ value: JSON, of kind: Key.Kind) -> JSON? {
        guard let items = value.array else { return nil }
        let values = items.compactMap { kind.normalised($0) }
        return values.count == items.count ? .array(values) : nil
    }

    /// Whether two values mean the same: what is there may be named by several paths.
    func isSame(_ a: JSON?, _ b: JSON?) -> Bool {
        if a?.canonical == b?.canonical { return true }
        guard let a, let b else { return false }
        switch self {
        case .path:
            func place(_ path: String) -> String { (try? Files.absolute(path)) ?? Files.normalised(path) }
            guard let a = a.string, let b = b.string else { return false }
            return place(a) == place(b)
        case .string:
            // A word, or a path where one is there (--init).
            guard let a = a.string, let b = b.string, let place = try? Files.absolute(a) else { return false }
            return place == (try? Files.absolute(b))
        case .list(let kind):
            guard let a = a.array, let b = b.array, a.count == b.count else { return false }
            return zip(a, b).allSatisfy { kind.isSame($0, $1) }
        default: return false
        }
    }

    /// The value that a word of the command line or a scalar of a recipe stands for, or nil where it is not of the
    /// kind. Words are read by kind, so a class may be called `no` and a label share may be `10`.
    func read(_ word: String) -> JSON? {
        switch self {
        case .string: .string(word)
        case .path: word.isEmpty ? nil : .string(Self.expandHome(word))
        case .bool, .integer, .number: YAML.resolve(word).flatMap { normalised($0) }
        case .choice: normalised(.string(word))
        case .list(let kind): kind.read(word).map { .array([$0]) }
        }
    }
}
