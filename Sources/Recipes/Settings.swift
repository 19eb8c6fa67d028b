import Base
import Markup

/// The settings of one run of a verb: each key's value as said, by default, or absent.
///
/// Names may be given in either spelling. Asking for a name that the schema has not, or for a value of another kind,
/// is a fault of the program and traps.
public struct Settings: Sendable {
    /// What the settings belong to.
    public let schema: Schema
    private let given: Set<String>
    private var values: [String: JSON]

    init(schema: Schema, given: [String: JSON]) {
        self.schema = schema
        self.given = Set(given.keys)
        values = given
        for key in schema.keys where values[key.name] == nil { values[key.name] = key.defaultValue }
    }

    private func key(_ name: String) -> Key {
        guard let key = schema.key(name) else {
            preconditionFailure("pupil \(schema.verb) has no setting \(name)\(schema.suggestion(for: name))")
        }
        return key
    }

    /// Whether the user said it, on the command line or in a recipe.
    public func isGiven(_ name: String) -> Bool { given.contains(key(name).name) }

    /// Whether the user said it and said something else than the default, which a recipe spells out.
    public func departs(_ name: String) -> Bool {
        isGiven(name) && value(name)?.canonical != key(name).defaultValue?.canonical
    }

    /// The value, or nil where the setting is absent.
    public func value(_ name: String) -> JSON? { values[key(name).name] }

    /// Every setting by its name; null where it is absent.
    public var json: JSON {
        .object(
            Dictionary(schema.keys.map { ($0.name, values[$0.name] ?? .null) }, uniquingKeysWith: { first, _ in first })
        )
    }

    /// The settings with a value that was found out later (a batch size by a probe, a number type by the device).
    /// - Precondition: the value is of the key's kind.
    public func setting(_ name: String, _ value: JSON) -> Settings {
        let key = self.key(name)
        guard let value = key.kind.normalised(value) else {
            preconditionFailure("the setting \(name) cannot be \(value.canonical): expected \(key.kind.expectation)")
        }
        var copy = self
        copy.values[key.name] = value
        return copy
    }

    /// The settings of another verb with keys in common: what was said here of those, and `values`; the rest by default.
    /// - Precondition: `values` are the other verb's, and of its kinds.
    public func passed(to schema: Schema, _ values: [String: JSON]) -> Settings {
        var passed: [String: JSON] = [:]
        for key in schema.keys {
            if given.contains(key.name), self.schema.key(key.name)?.kind == key.kind {
                passed[key.name] = self.values[key.name]
            }
        }
        var settings = Settings(schema: schema, given: passed)
        for (name, value) in values { settings = settings.setting(name, value) }
        return settings
    }

    private func require<T>(_ value: T?, _ name: String) -> T {
        guard let value else { preconditionFailure("the setting \(name) is absent; ask for the optional one") }
        return value
    }

    private func typed<T>(_ name: String, _ type: String, _ convert: (JSON) -> T?) -> T? {
        guard let value = value(name) else { return nil }
        guard let converted = convert(value) else {
            preconditionFailure("the setting \(name) is \(value.canonical), not \(type)")
        }
        return converted
    }

    /// The text, path or choice, or nil where absent.
    public func optionalString(_ name: String) -> String? { typed(name, "text") { $0.string } }
    /// The integer, or nil where absent.
    public func optionalInt(_ name: String) -> Int? { typed(name, "an integer") { $0.int } }
    /// The number, or nil where absent.
    public func optionalDouble(_ name: String) -> Double? { typed(name, "a number") { $0.double } }
    /// The flag, or nil where absent.
    public func optionalBool(_ name: String) -> Bool? { typed(name, "true or false") { $0.bool } }

    /// The text, path or choice. - Precondition: present.
    public func string(_ name: String) -> String { require(optionalString(name), name) }
    /// The integer. - Precondition: present.
    public func int(_ name: String) -> Int { require(optionalInt(name), name) }
    /// The number. - Precondition: present.
    public func double(_ name: String) -> Double { require(optionalDouble(name), name) }
    /// The flag. - Precondition: present.
    public func bool(_ name: String) -> Bool { require(optionalBool(name), name) }

    /// The list's texts; empty where absent.
    public func strings(_ name: String) -> [String] { list(name, "texts") { $0.string } }
    /// The list's integers; empty where absent.
    public func ints(_ name: String) -> [Int] { list(name, "integers") { $0.int } }
    /// The list's numbers; empty where absent.
    public func doubles(_ name: String) -> [Double] { list(name, "numbers") { $0.double } }

    private func list<T>(_ name: String, _ type: String, _ convert: (JSON) -> T?) -> [T] {
        typed(name, "a list of \(type)") { value in
            guard let items = value.array else { return nil }
            let converted = items.compactMap(convert)
            return converted.count == items.count ? converted : nil
        } ?? []
    }

    /// The present settings that affect the result, by stored name: the part that goes into a stage's identity.
    /// Absent ones are left out, so that a new optional setting does not rename the stages of before.
    public var identity: JSON {
        .object(
            Dictionary(
                uniqueKeysWithValues: schema.keys.filter(\.affectsResult).compactMap { key in
                    values[key.name].map { (key.name, $0) }
                }))
    }

    /// The text of `args.yaml`: every setting with its value, by group, readable back by `--recipe`.
    public var yaml: String {
        var out =
            "# pupil \(schema.verb): the settings of this run. Run them again: pupil \(schema.verb) --recipe FILE\n"
        for group in schema.groups {
            out += "\n# \(group.name)\n"
            for key in group.keys {
                out += "\(YAML.scalar(key.name)): \(YAML.flow(values[key.name] ?? .null))\n"
            }
        }
        return out
    }

    /// A setting that two runs have differently.
    public struct Difference: Sendable, Equatable, CustomStringConvertible {
        /// The stored name.
        public let name: String
        /// The first run's value; nil where absent.
        public let old: JSON?
        /// The second run's value; nil where absent.
        public let new: JSON?

        /// `--steps: 100 before, 200 now`
        public var description: String {
            func text(_ value: JSON?) -> String { value.map { YAML.flow($0) } ?? "absent" }
            return "--\(Key.shown(name)): \(text(old)) before, \(text(new)) now"
        }
    }

    /// The settings in which two runs differ, in the schema's order; by default only those that affect the result,
    /// which is what a resumed run must share with the one it resumes.
    public static func differences(
        _ old: Settings, _ new: Settings, onlyAffectingResult: Bool = true
    ) -> [Difference] {
        let own = Set(new.schema.keys.map(\.name))
        return (new.schema.keys + old.schema.keys.filter { !own.contains($0.name) })
            .filter { $0.affectsResult || !onlyAffectingResult }
            .compactMap { key in
                let (before, now) = (old.values[key.name], new.values[key.name])
                if key.kind.isSame(before, now) { return nil }
                return Difference(name: key.name, old: before, new: now)
            }
    }
}
