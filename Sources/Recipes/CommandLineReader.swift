import Base
import Markup

/// The words after a verb, sorted into values by key.
struct CommandLineReader {
    let schema: Schema
    let words: [String]
    /// What was said, by stored name.
    private(set) var values: [String: JSON] = [:]
    /// The file of `--recipe`.
    private(set) var recipe: String?
    private var at = 0
    private var barePosition = 0

    init(schema: Schema, words: [String]) {
        self.schema = schema
        self.words = words
    }

    mutating func read() throws(Failure) {
        // Help is asked for by whoever is lost, so it is given whatever else stands there.
        if words.prefix(while: { $0 != "--" }).contains(where: { $0 == "-h" || $0 == "--help" }) {
            throw Failure(.done, schema.helpText)
        }
        while at < words.count {
            let word = words[at]
            at += 1
            if word == "--" {
                while at < words.count {
                    at += 1
                    try bare(words[at - 1])
                }
            } else if word.hasPrefix("--") {
                try flag(word.dropFirst(2))
            } else if word.count == 2, word.hasPrefix("-"), word.last?.isLetter == true {
                throw .usage("\(word): there are no one-letter settings but -h; write --name")
            } else if let (name, value) = Self.assignment(word) {
                try assign(name, value)
            } else {
                try bare(word)
            }
        }
    }

    /// `name=value`, where the first part could be a key. A path such as `./a=b.jpg` is none.
    private static func assignment(_ word: String) -> (name: String, value: String)? {
        guard let equals = word.firstIndex(of: "="), let first = word.first, first.isASCII, first.isLetter else {
            return nil
        }
        let name = word[..<equals]
        guard name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "_-.".contains($0)) }) else { return nil }
        return (String(name), String(word[word.index(after: equals)...]))
    }

    private mutating func flag(_ text: Substring) throws(Failure) {
        if let equals = text.firstIndex(of: "=") {
            return try assign(String(text[..<equals]), String(text[text.index(after: equals)...]))
        }
        let name = String(text)
        if Key.stored(name) == "recipe" { return try assign(name, try nextWord(of: "--recipe", "a path")) }
        if let key = schema.key(name) {
            switch key.kind {
            case .bool:
                if at < words.count, let value = key.kind.read(words[at]) {
                    at += 1
                    try set(key, value)
                } else {
                    try set(key, true)
                }
            case .list(let kind): try list(key, of: kind)
            default: try assign(name, try nextWord(of: key.flag, key.kind.expectation))
            }
            return
        }
        if Key.stored(name).hasPrefix("no_"), let key = schema.key(String(name.dropFirst(3))), key.kind == .bool {
            return try set(key, false)
        }
        throw unknown(name, shown: "--\(name)")
    }

    private func unknown(_ name: String, shown: String) -> Failure {
        .usage("pupil \(schema.verb) has no setting \(shown)\(schema.suggestion(for: name))")
    }

    /// The word after a flag. One that begins with `--` is the next flag: a value of that form is given as `--key=--x`.
    private mutating func nextWord(of flag: String, _ expectation: String) throws(Failure) -> String {
        guard at < words.count, !words[at].hasPrefix("--") else {
            throw .usage("\(flag) has no value; expected \(expectation)")
        }
        at += 1
        return words[at - 1]
    }

    /// The words after a list's flag up to the next flag or setting.
    private mutating func list(_ key: Key, of kind: Key.Kind) throws(Failure) {
        var taken = 0
        while at < words.count, !words[at].hasPrefix("--"), !isSetting(words[at]) {
            try append(key, of: kind, words[at])
            at += 1
            taken += 1
        }
        if taken == 0 { throw .usage("\(key.flag) has no value; expected \(kind.expectation)") }
    }

    private func isSetting(_ word: String) -> Bool {
        guard let (name, _) = Self.assignment(word) else { return false }
        return schema.key(name) != nil || name == "recipe"
    }

    private mutating func assign(_ name: String, _ text: String) throws(Failure) {
        if Key.stored(name) == "recipe" {
            guard recipe == nil else { throw .usage("--recipe is given twice; one recipe is read") }
            recipe = Key.Kind.expandHome(text)
            return
        }
        guard let key = schema.key(name) else { throw unknown(name, shown: "\"\(name)\"") }
        if case .list(let kind) = key.kind { return try append(key, of: kind, text) }
        guard let value = key.kind.read(text) else { throw .wrongValue(key, text) }
        try set(key, value)
    }

    private mutating func append(_ key: Key, of kind: Key.Kind, _ text: String) throws(Failure) {
        var items = values[key.name]?.array ?? []
        if text == "[]" {
            values[key.name] = .array(items)
            return
        }
        for piece in pieces(text, of: kind) {
            guard let value = kind.read(piece) else { throw .wrongValue(key, piece) }
            items.append(value)
        }
        values[key.name] = .array(items)
    }

    /// Numbers and choices hold no comma, so `scales=1,2,3` is three; paths and text are taken whole.
    private func pieces(_ text: String, of kind: Key.Kind) -> [String] {
        switch kind {
        case .integer, .number, .bool, .choice:
            text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        default: [text]
        }
    }

    private mutating func set(_ key: Key, _ value: JSON) throws(Failure) {
        if let before = values.updateValue(value, forKey: key.name) {
            throw .usage(
                "\(key.flag) is given twice: \(YAML.flow(before)) and \(YAML.flow(value)); it takes one value")
        }
    }

    private mutating func bare(_ word: String) throws(Failure) {
        guard barePosition < schema.positional.count, let key = schema.key(schema.positional[barePosition]) else {
            let near = schema.keys.contains { $0.name == Key.stored(word) } ? "; did you mean --\(word)?" : ""
            throw .usage("pupil \(schema.verb) does not know what \"\(word)\" is for; settings are --key value\(near)")
        }
        if case .list(let kind) = key.kind { return try append(key, of: kind, word) }
        barePosition += 1
        guard let value = key.kind.read(word) else { throw .wrongValue(key, word) }
        try set(key, value)
    }
}
