/// A JSON value. Numbers keep whether they were written as integers, so that ids survive a round trip.
///
/// For documents of a few MB: settings, metrics, stores. Large annotation files have their own reader (`Annotations`).
public enum JSON: Hashable, Sendable {
    case null
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    /// The member `key`, or nil where there is none or this is no object.
    public subscript(_ key: String) -> JSON? {
        if case .object(let members) = self { members[key] } else { nil }
    }

    /// The text of a string; nil for every other kind of value.
    public var string: String? { if case .string(let s) = self { s } else { nil } }
    /// The truth of a boolean; nil for every other kind of value, 0 and 1 included.
    public var bool: Bool? { if case .bool(let b) = self { b } else { nil } }
    /// A number that is a whole one, however it was written (`2.0` is 2); nil for all else.
    public var int: Int? {
        switch self {
        case .int(let i): i
        case .double(let d): Int(exactly: d)
        default: nil
        }
    }
    /// Any number; nil for all else. Integers above 2^53 are rounded.
    public var double: Double? {
        switch self {
        case .int(let i): Double(i)
        case .double(let d): d
        default: nil
        }
    }
    /// The items of an array; nil for every other kind of value.
    public var array: [JSON]? { if case .array(let a) = self { a } else { nil } }
    /// The members of an object; nil for every other kind of value.
    public var object: [String: JSON]? { if case .object(let o) = self { o } else { nil } }

    /// A finite number, or `null`: JSON has no NaN, and an undefined metric is `null`.
    public static func number(_ value: Double) -> JSON { value.isFinite ? .double(value) : .null }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// A string, from a literal.
    public init(stringLiteral value: String) { self = .string(value) }
    /// A whole number, from a literal.
    public init(integerLiteral value: Int) { self = .int(value) }
    /// A number, from a literal; `null` where it is not finite.
    public init(floatLiteral value: Double) { self = .number(value) }
    /// True or false, from a literal.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// An array, from a literal.
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }
    /// An object, from a literal; of two members with one key the later wins.
    public init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(Dictionary(elements, uniquingKeysWith: { $1 }))
    }
}

// MARK: - Writing

extension JSON {
    /// The canonical text: keys sorted by their UTF-8, no spaces, shortest numbers that read back equal.
    /// Equal values give equal text, so its digest names a stage.
    public var canonical: String { text(indent: nil) }

    /// The text for people: sorted keys, two spaces a level.
    public var pretty: String { text(indent: 0) + "\n" }

    private func text(indent: Int?) -> String {
        var out = ""
        write(to: &out, indent: indent)
        return out
    }

    private func write(to out: inout String, indent: Int?) {
        switch self {
        case .null: out += "null"
        case .bool(let b): out += b ? "true" : "false"
        case .int(let i): out += String(i)
        case .double(let d):
            if !d.isFinite {
                out += "null"
            } else if d == d.rounded(), abs(d) < 1e15 {
                out += String(Int(d))  // 2.0 and 2 are one value to every reader, so they are one text
            } else {
                out += "\(d)"
            }
        case .string(let s): Self.quote(s, to: &out)
        case .array(let items):
            let flat = indent == nil || items.allSatisfy { $0.array == nil && $0.object == nil }
            Self.list(items, "[", "]", to: &out, indent: flat ? nil : indent, space: indent != nil) {
                $0.write(to: &$1, indent: $2)
            }
        case .object(let members):
            let keys = members.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            Self.list(keys, "{", "}", to: &out, indent: indent, space: indent != nil) { key, out, inner in
                Self.quote(key, to: &out)
                out += indent == nil ? ":" : ": "
                members[key]?.write(to: &out, indent: inner)
            }
        }
    }

    private static func list<T>(
        _ items: [T], _ open: String, _ close: String, to out: inout String, indent: Int?, space: Bool,
        _ write: (T, inout String, Int?) -> Void
    ) {
        out += open
        for (i, item) in items.enumerated() {
            if i > 0 { out += space && indent == nil ? ", " : "," }
            if let indent { out += "\n" + String(repeating: "  ", count: indent + 1) }
            write(item, &out, indent.map { $0 + 1 })
        }
        if let indent, !items.isEmpty { out += "\n" + String(repeating: "  ", count: indent) }
        out += close
    }

    private static func quote(_ s: String, to out: inout String) {
        out += "\""
        for scalar in s.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\t": out += "\\t"
            case "\r": out += "\\r"
            case _ where scalar.value < 0x20:
                let hex = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: out.unicodeScalars.append(scalar)
            }
        }
        out += "\""
    }
}
