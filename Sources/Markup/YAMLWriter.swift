import Base

extension YAML {
    /// A scalar or a list of scalars on one line, in a form that readers of YAML 1.1 and 1.2 understand alike.
    public static func flow(_ value: JSON) -> String {
        switch value {
        case .null: "null"
        case .bool(let b): b ? "true" : "false"
        case .int(let i): String(i)
        case .double(let d): number(d)
        case .string(let s): scalar(s)
        case .array(let items): "[" + items.map(flow).joined(separator: ", ") + "]"
        case .object(let members):
            "{"
                + members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
                .map { scalar($0.key) + ": " + flow($0.value) }.joined(separator: ", ") + "}"
        }
    }

    /// A number with a point even before an exponent: YAML 1.1 readers take `1e-05` for text.
    static func number(_ value: Double) -> String {
        let text = "\(value)"
        guard let e = text.firstIndex(of: "e"), !text.contains(".") else { return text }
        return text[..<e] + ".0" + text[e...]
    }

    /// Text without quotes only where no reader could take it for anything else.
    public static func scalar(_ text: String) -> String {
        let reserved: Set<String> = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", ""]
        let safe = text.unicodeScalars.allSatisfy {
            ("a"..."z").contains($0) || ("A"..."Z").contains($0) || ("0"..."9").contains($0)
                || "_-./+".contains($0.description)
        }
        let first = text.unicodeScalars.first
        let begins = first.map { $0.properties.isAlphabetic || $0 == "/" || $0 == "_" } ?? false
        let relative = text.hasPrefix("./") || text.hasPrefix("../")
        if safe, begins || relative, !reserved.contains(text.lowercased()) { return text }
        return quoted(text)
    }

    private static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x22: out += "\\\""
            case 0x5C: out += "\\\\"
            case 0x0A: out += "\\n"
            case 0x09: out += "\\t"
            case 0x0D: out += "\\r"
            // what YAML does not count as printable, and what it takes for line ends or byte-order marks
            case 0..<0x20, 0x7F...0x9F, 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF:
                let hex = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}
