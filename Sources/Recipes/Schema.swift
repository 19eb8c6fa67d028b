import Base

/// The settings a verb knows, and the one way they are read: flags, `key=value` words and recipes.
public struct Schema: Sendable {
    /// The verb, as typed.
    public let verb: String
    /// One sentence for `--help`.
    public let summary: String
    /// Names of the keys that bare words fill, in order; a list key among them must be the last and takes the rest.
    public let positional: [String]
    /// The settings in the order of `--help` and `args.yaml`.
    public let keys: [Key]
    private let positions: [String: Int]

    /// A verb's schema.
    /// - Precondition: names are distinct, none is `recipe` or `help`, and the positional ones are among them.
    public init(verb: String, summary: String, positional: [String] = [], keys: [Key]) {
        self.verb = verb
        self.summary = summary
        self.positional = positional.map(Key.stored)
        self.keys = keys
        var positions: [String: Int] = [:]
        for (i, key) in keys.enumerated() {
            precondition(key.name != "recipe" && key.name != "help", "the key \(key.name) belongs to the parser")
            precondition(positions.updateValue(i, forKey: key.name) == nil, "two keys are named \(key.name)")
        }
        self.positions = positions
        for (i, name) in self.positional.enumerated() {
            guard let at = positions[name] else { preconditionFailure("the positional \(name) is not a key") }
            if case .list = keys[at].kind {
                precondition(i == self.positional.count - 1, "the list \(name) must be the last positional")
            }
        }
    }

    /// The key of that name in either spelling, or nil.
    public func key(_ name: String) -> Key? { positions[Key.stored(name)].map { keys[$0] } }

    /// The settings that `arguments` (all words after the verb) stand for.
    ///
    /// `--key value`, `--key=value` and `key=value` are the same; `--recipe FILE.yaml` is read first and everything
    /// said on the command line overrides it. After `--`, words are positional.
    /// - Throws: `.usage` naming the key, the value and what was expected; a `Failure` of code `.done` whose message is
    ///   the help text where `-h` or `--help` stands among the words.
    public func parse(_ arguments: [String]) throws(Failure) -> Settings {
        var words = CommandLineReader(schema: self, words: arguments)
        try words.read()
        var values: [String: JSON] = [:]
        if let recipe = words.recipe { values = try RecipeReader(schema: self, file: recipe).read() }
        values.merge(words.values) { $1 }

        let missing = keys.filter { $0.required && values[$0.name] == nil }
        guard missing.isEmpty else {
            let flags = missing.map { "\($0.flag) \($0.kind.placeholder)" }
            throw .usage(
                "pupil \(verb) needs \(flags.joined(separator: ", ")); `pupil \(verb) --help` explains all settings")
        }
        return Settings(schema: self, given: values)
    }

    /// The end of a message about an unknown name: the one that has another name elsewhere, the dotted ones that end or
    /// begin with it, or the nearest.
    func suggestion(for name: String) -> String {
        let stored = Key.stored(name)
        if let (key, note) = OtherNames.meaning(of: stored, in: self) {
            return "; here it is \(key.flag)" + (note.isEmpty ? "" : " (\(note))")
        }
        let related = keys.filter { $0.name.hasSuffix("." + stored) || $0.name.hasPrefix(stored + ".") }
        if !related.isEmpty { return "; did you mean \(related.map(\.flag).joined(separator: ", "))?" }
        let near = nearestName(to: name, in: keys.map { Key.shown($0.name) } + ["recipe", "help"])
        return near.map { "; did you mean --\($0)?" } ?? "; `pupil \(verb) --help` lists all settings"
    }
}

extension Failure {
    /// The message for a value that a key cannot take. `place` is where it stands.
    static func wrongValue(_ key: Key, _ value: String, place: String = "") -> Failure {
        var hint = ""
        if case .choice(let words) = key.kind { hint = didYouMean(value, words) }
        if case .list(.choice(let words)) = key.kind { hint = didYouMean(value, words) }
        var expectation = key.kind.expectation
        if case .list(let kind) = key.kind { expectation = kind.expectation }
        return .usage("\(place)\(key.flag) is \"\(value)\"; expected \(expectation)\(hint)")
    }
}
