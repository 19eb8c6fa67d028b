import Base
import CYAML

/// A node of a YAML document with its place, so that a fault found later can still be pointed at.
public struct YAMLNode: Sendable {
    /// What the node holds.
    public enum Content: Sendable {
        /// A scalar: its text and whether it stood without quotes.
        case scalar(String, plain: Bool)
        /// A list.
        case list([YAMLNode])
        /// A mapping in the order of the file; names are distinct.
        case mapping([(name: YAMLName, value: YAMLNode)])
    }

    /// What the node holds.
    public let content: Content
    /// From 1.
    public let line: Int
    /// From 1.
    public let column: Int
}

/// The name of a mapping's entry with its place.
public struct YAMLName: Sendable {
    /// The name.
    public let text: String
    /// From 1.
    public let line: Int
    /// From 1.
    public let column: Int
}

/// Reading YAML as the YAML 1.2 core schema has it: `yes` and `on` are text, `0o17` is 15. No aliases, anchors or
/// tags: settings are plain data, and a few of those can stand for gigabytes.
public enum YAML {
    private static let deepest = 64
    private static let longest = 4 << 20

    /// The document of a file.
    /// - Parameter code: how the program ends over a fault: a recipe's is the user's word, a data file's is data.
    /// - Throws: a `Failure` of that code, with file, line and column.
    public static func parse(
        _ text: String, file: String, code: ExitCode = .usage
    ) throws(Failure) -> YAMLNode {
        var bytes = Array(text.utf8)
        guard bytes.count <= longest else {
            throw Failure(code, "\(file) has \(bytes.count) bytes; a YAML file has at most 4 MB here")
        }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
        var outcome: Result<YAMLNode, Failure>?
        bytes.withUnsafeBufferPointer { buffer in
            guard let parser = pupil_yaml_new(buffer.baseAddress, buffer.count) else { return }
            defer { pupil_yaml_free(parser) }
            outcome = Result { () throws(Failure) in
                var reader = YAMLReader(parser: parser, file: file, code: code, deepest: deepest)
                return try reader.document()
            }
        }
        guard let outcome else { fatalError("no memory for a YAML parser") }
        return try outcome.get()
    }

    /// What a plain scalar means in the core schema; nil where it is text. Infinities and NaN are text too: no
    /// setting takes one.
    public static func resolve(_ text: String) -> JSON? {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        default: return number(text)
        }
    }

    /// An integer or decimal number as the core schema spells them, or nil.
    static func number(_ text: String) -> JSON? {
        if text.hasPrefix("0x"), let i = unsigned(text.dropFirst(2), radix: 16) { return .int(i) }
        if text.hasPrefix("0o"), let i = unsigned(text.dropFirst(2), radix: 8) { return .int(i) }
        var rest = text.utf8[...]
        func isDigit(_ c: UInt8) -> Bool { c >= 0x30 && c <= 0x39 }
        if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") { rest.removeFirst() }
        let whole = rest.prefix(while: isDigit).count
        rest.removeFirst(whole)
        var fraction = 0
        var isInteger = true
        if rest.first == UInt8(ascii: ".") {
            isInteger = false
            rest.removeFirst()
            fraction = rest.prefix(while: isDigit).count
            rest.removeFirst(fraction)
        }
        guard whole + fraction > 0 else { return nil }
        if let e = rest.first, e | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            rest.removeFirst()
            if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") { rest.removeFirst() }
            let exponent = rest.prefix(while: isDigit).count
            guard exponent > 0 else { return nil }
            rest.removeFirst(exponent)
        }
        guard rest.isEmpty else { return nil }
        if isInteger, let i = Int(text) { return .int(i) }
        guard let d = Double(text), d.isFinite else { return nil }
        return .double(d)
    }

    private static func unsigned(_ digits: Substring, radix: Int) -> Int? {
        guard let first = digits.first, first != "-", first != "+" else { return nil }
        return Int(digits, radix: radix)
    }
}

extension YAMLNode {
    /// The node as JSON.
    public var json: JSON {
        switch content {
        case .scalar(let text, let plain): (plain ? YAML.resolve(text) : nil) ?? .string(text)
        case .list(let items): .array(items.map(\.json))
        case .mapping(let members):
            .object(Dictionary(members.map { ($0.name.text, $0.value.json) }, uniquingKeysWith: { $1 }))
        }
    }
}

private struct YAMLReader {
    let parser: OpaquePointer
    let file: String
    let code: ExitCode
    let deepest: Int
    var event = pupil_yaml_event()

    init(parser: OpaquePointer, file: String, code: ExitCode, deepest: Int) {
        self.parser = parser
        self.file = file
        self.code = code
        self.deepest = deepest
    }

    private var kind: pupil_yaml_kind { pupil_yaml_kind(UInt32(event.kind)) }

    private var text: String {
        String(decoding: UnsafeRawBufferPointer(start: event.text, count: event.length), as: UTF8.self)
    }

    private func fault(_ what: String) -> Failure { Failure(code, "\(file):\(event.line):\(event.column): \(what)") }

    private mutating func next() throws(Failure) {
        pupil_yaml_next(parser, &event)
        if kind == PUPIL_YAML_ERROR { throw fault(text) }
        if kind == PUPIL_YAML_ALIAS { throw fault("*\(text) is an alias; they are not read, write the value out") }
        if event.anchor { throw fault("anchors are not read, write the values out") }
        if event.tag != nil { throw fault("tags are not read") }
    }

    mutating func document() throws(Failure) -> YAMLNode {
        try next()
        if kind == PUPIL_YAML_STREAM_END { return YAMLNode(content: .mapping([]), line: 1, column: 1) }
        try next()
        let root = try node(depth: 0)
        try next()
        guard kind == PUPIL_YAML_STREAM_END else { throw fault("a second document begins here; one is expected") }
        return root
    }

    /// The node that begins with the current event.
    private mutating func node(depth: Int) throws(Failure) -> YAMLNode {
        if depth > deepest { throw fault("more than \(deepest) levels") }
        let (line, column) = (event.line, event.column)
        let content: YAMLNode.Content
        switch kind {
        case PUPIL_YAML_LIST:
            var items: [YAMLNode] = []
            try next()
            while kind != PUPIL_YAML_LIST_END {
                items.append(try node(depth: depth + 1))
                try next()
            }
            content = .list(items)
        case PUPIL_YAML_MAPPING:
            var members: [(name: YAMLName, value: YAMLNode)] = []
            var seen: [String: Int] = [:]
            try next()
            while kind != PUPIL_YAML_MAPPING_END {
                guard kind == PUPIL_YAML_SCALAR else { throw fault("a key must be a word") }
                let name = YAMLName(text: text, line: event.line, column: event.column)
                if let before = seen.updateValue(name.line, forKey: name.text) {
                    throw fault("the key \"\(name.text)\" stands in line \(before) already")
                }
                try next()
                members.append((name, try node(depth: depth + 1)))
                try next()
            }
            content = .mapping(members)
        default: content = .scalar(text, plain: event.plain)
        }
        return YAMLNode(content: content, line: line, column: column)
    }
}
