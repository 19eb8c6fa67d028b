import Base
import Markup

extension Schema {
    private static let width = 100
    /// Where the explanations begin; a longer flag has its explanation on the next line.
    private static let column = 30

    /// The keys by heading, in the order in which headings first appear.
    var groups: [(name: String, keys: [Key])] {
        var groups: [(name: String, keys: [Key])] = []
        for key in keys {
            let name = key.group.isEmpty ? "Settings" : key.group
            if let i = groups.firstIndex(where: { $0.name == name }) {
                groups[i].keys.append(key)
            } else {
                groups.append((name, [key]))
            }
        }
        return groups
    }

    /// The text of `pupil VERB --help`: usage, then the settings by group with defaults, at most 100 columns.
    public var helpText: String {
        var out = "pupil \(verb): \(summary)\n\n"
        var usage = ["usage: pupil \(verb)"]
        for name in positional {
            guard let key = key(name) else { continue }
            var word = Key.shown(name).uppercased()
            if case .list = key.kind { word += "..." }
            usage.append(key.required ? word : "[\(word)]")
        }
        for key in keys where key.required && !positional.contains(key.name) {
            usage.append("\(key.flag) \(key.kind.placeholder)")
        }
        usage.append("[--key value | --key=value | key=value]...")
        out += Self.wrap(usage, indent: 4, first: 0) + "\n"
        for group in groups {
            out += "\n\(group.name)\n"
            for key in group.keys { out += Self.entry(Self.flag(of: key), Self.explanation(of: key)) }
        }
        out += "\nAlways\n"
        out += Self.entry(
            "--recipe PATH", "Settings from a YAML file, such as a run's args.yaml; the command line overrides them.")
        out += Self.entry("-h, --help", "This text.")
        return out
    }

    private static func flag(of key: Key) -> String {
        if key.kind == .bool { return "--[no-]" + key.flag.dropFirst(2) }
        return "\(key.flag) \(key.kind.placeholder)"
    }

    private static func explanation(of key: Key) -> String {
        var text = key.help
        if case .choice(let words) = key.kind, key.kind.placeholder == "NAME" {
            text += " One of \(words.joined(separator: ", "))."
        }
        if case .list(.choice(let words)) = key.kind, key.kind.placeholder == "NAME..." {
            text += " Of \(words.joined(separator: ", "))."
        }
        if key.required { text += " (required)" }
        if let value = key.defaultValue, value != .array([]) { text += " (default \(YAML.flow(value)))" }
        return text
    }

    private static func entry(_ flag: String, _ explanation: String) -> String {
        let words = explanation.split(separator: " ").map(String.init)
        let left = "  " + flag
        if left.count + 2 > column {
            return left + "\n" + String(repeating: " ", count: column) + wrap(words, indent: column, first: column)
                + "\n"
        }
        return left + String(repeating: " ", count: column - left.count) + wrap(words, indent: column, first: column)
            + "\n"
    }

    /// The words in lines of at most 100 columns. The first line begins at column `first`, the others at `indent`.
    private static func wrap(_ words: [String], indent: Int, first: Int) -> String {
        var out = ""
        var at = first
        for (i, word) in words.enumerated() {
            if i > 0 {
                if at + 1 + word.count > width {
                    out += "\n" + String(repeating: " ", count: indent)
                    at = indent
                } else {
                    out += " "
                    at += 1
                }
            }
            out += word
            at += word.count
        }
        return out
    }
}
