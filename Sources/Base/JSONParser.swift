import Glibc

extension JSON {
    /// The one JSON document in `bytes` (RFC 8259): no comments, no trailing commas, no NaN, at most 128 levels deep.
    /// A UTF-8 byte order mark is skipped.
    ///
    /// - Parameter file: named in the error, with the line and column of the fault.
    /// - Throws: a `Failure` with `.invalidData`.
    public static func parse(_ bytes: [UInt8], file: String) throws(Failure) -> JSON {
        try bytes.withUnsafeBufferPointer { buffer throws(Failure) in
            var parser = JSONParser(bytes: buffer, file: file)
            return try parser.document()
        }
    }

    /// As `parse` of bytes, for a string.
    public static func parse(_ text: String, file: String = "text") throws(Failure) -> JSON {
        try parse(Array(text.utf8), file: file)
    }

    /// The value in `bytes`, which are a part of a larger document.
    /// - Parameter depth: how many levels stand around it there.
    /// - Throws: a `Failure` with `.invalidData`; its line and column count from the beginning of the part.
    public static func parse(
        part bytes: UnsafeBufferPointer<UInt8>, depth: Int, file: String
    ) throws(Failure) -> JSON {
        var parser = JSONParser(bytes: bytes, file: file)
        return try parser.whole(depth: depth)
    }

    /// Goes through a file of any size without keeping what it says.
    ///
    /// - Throws: as `Files.read` and `parse`, with line and column of the first fault.
    public static func check(_ path: String) throws(Failure) {
        let descriptor = try Files.opened(path)
        defer { close(descriptor) }
        let size = try Files.stamp(path).size
        guard size > 0, let start = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
            _ = try parse(try Files.read(path), file: path)  // empty, a pipe, a folder: `read` says what it is
            return
        }
        defer { munmap(start, size) }
        madvise(start, size, MADV_SEQUENTIAL)
        let bytes = UnsafeRawBufferPointer(start: start, count: size).assumingMemoryBound(to: UInt8.self)
        var parser = JSONParser(bytes: bytes, file: path, keeps: false)
        _ = try parser.document()
    }
}

private struct JSONParser {
    let bytes: UnsafeBufferPointer<UInt8>
    let file: String
    /// Whether values are kept; without it, only the text is checked.
    let keeps: Bool
    var at = 0

    init(bytes: UnsafeBufferPointer<UInt8>, file: String, keeps: Bool = true) {
        self.bytes = bytes
        self.file = file
        self.keeps = keeps
    }

    mutating func document() throws(Failure) -> JSON {
        if bytes.count >= 2, (bytes[0] == 0xFF && bytes[1] == 0xFE) || (bytes[0] == 0xFE && bytes[1] == 0xFF) {
            throw fault("is UTF-16; JSON must be UTF-8")
        }
        // JSON begins with an ASCII character, so a zero beside it tells the encoding without a byte order mark.
        if bytes.count >= 2, (bytes[0] == 0) != (bytes[1] == 0) { throw fault("is UTF-16; JSON must be UTF-8") }
        if bytes.count >= 4, bytes[0] == 0, bytes[1] == 0, bytes[2] != 0 || bytes[3] != 0 {
            throw fault("is UTF-32; JSON must be UTF-8")
        }
        if bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF { at = 3 }
        return try whole(depth: 0)
    }

    /// The value, and nothing behind it.
    mutating func whole(depth: Int) throws(Failure) -> JSON {
        let value = try self.value(depth: depth)
        skipSpace()
        if at != bytes.count { throw fault("has text after the end of the document") }
        return value
    }

    private func fault(_ what: String) -> Failure {
        var line = 1
        var column = 1
        for i in 0..<min(at, bytes.count) {
            if bytes[i] == UInt8(ascii: "\n") {
                line += 1
                column = 1
            } else {
                column += 1
            }
        }
        return .data("\(file):\(line):\(column): \(what)")
    }

    private mutating func skipSpace() {
        while at < bytes.count, bytes[at] == 0x20 || bytes[at] == 0x0A || bytes[at] == 0x0D || bytes[at] == 0x09 {
            at += 1
        }
    }

    private mutating func value(depth: Int) throws(Failure) -> JSON {
        if depth > 128 { throw fault("is nested deeper than 128 levels") }
        skipSpace()
        guard at < bytes.count else { throw fault("ends where a value was expected") }
        if bytes[at] == UInt8(ascii: "N") || bytes[at] == UInt8(ascii: "I") || bytes[at] == UInt8(ascii: "-"),
            let word = pythonNumber()
        {
            throw fault("has \(word), which is no JSON (Python's json writes it for a number that is not finite)")
        }
        switch bytes[at] {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw fault("has \(shown(bytes[at])) where a value was expected")
        }
    }

    /// A byte as a reader of the message may know it: 'x', or its number where it is no character.
    private func shown(_ byte: UInt8) -> String {
        if byte > 0x20, byte < 0x7F { return "'\(Character(UnicodeScalar(byte)))'" }
        let digits = String(byte, radix: 16)
        return "the byte 0x" + (digits.count == 1 ? "0" : "") + digits
    }

    /// NaN, Infinity or -Infinity at `at`, which Python's json writes.
    private func pythonNumber() -> StaticString? {
        let words: [StaticString] = ["NaN", "Infinity", "-Infinity"]
        return words.first { begins(with: $0) }
    }

    private func begins(with word: StaticString) -> Bool {
        let length = word.utf8CodeUnitCount
        return at + length <= bytes.count && (0..<length).allSatisfy { bytes[at + $0] == word.utf8Start[$0] }
    }

    private mutating func word(_ word: StaticString, _ value: JSON) throws(Failure) -> JSON {
        guard begins(with: word) else { throw fault("has a word that is not JSON; expected \(word)") }
        at += word.utf8CodeUnitCount
        return value
    }

    private mutating func object(depth: Int) throws(Failure) -> JSON {
        var members: [String: JSON] = [:]
        at += 1
        skipSpace()
        if at < bytes.count, bytes[at] == UInt8(ascii: "}") {
            at += 1
            return .object(members)
        }
        while true {
            skipSpace()
            guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else { throw fault("expected a member's name") }
            let start = at
            let key = try string()
            if members[key] != nil {
                at = start
                throw fault("names \"\(key)\" twice in one object")
            }
            skipSpace()
            guard at < bytes.count, bytes[at] == UInt8(ascii: ":") else { throw fault("expected ':' after \"\(key)\"") }
            at += 1
            let value = try self.value(depth: depth + 1)
            members[key] = keeps ? value : .null
            if try !more(UInt8(ascii: "}")) { return .object(members) }
        }
    }

    private mutating func array(depth: Int) throws(Failure) -> JSON {
        var items: [JSON] = []
        at += 1
        skipSpace()
        if at < bytes.count, bytes[at] == UInt8(ascii: "]") {
            at += 1
            return .array(items)
        }
        while true {
            let item = try value(depth: depth + 1)
            if keeps { items.append(item) }
            if try !more(UInt8(ascii: "]")) { return .array(items) }
        }
    }

    private mutating func more(_ close: UInt8) throws(Failure) -> Bool {
        skipSpace()
        guard at < bytes.count else { throw fault("is cut off: expected ',' or '\(Character(UnicodeScalar(close)))'") }
        if bytes[at] == UInt8(ascii: ",") {
            at += 1
            return true
        }
        guard bytes[at] == close else { throw fault("expected ',' or '\(Character(UnicodeScalar(close)))'") }
        at += 1
        return false
    }

    private mutating func number() throws(Failure) -> JSON {
        let start = at
        var isInteger = true
        if bytes[at] == UInt8(ascii: "-") { at += 1 }
        func isDigit(_ i: Int) -> Bool { i < bytes.count && bytes[i] >= 0x30 && bytes[i] <= 0x39 }
        guard isDigit(at) else { throw fault("has a number without digits") }
        if bytes[at] == 0x30, isDigit(at + 1) { throw fault("has a number that begins with 0") }
        while isDigit(at) { at += 1 }
        if at < bytes.count, bytes[at] == UInt8(ascii: ".") {
            isInteger = false
            at += 1
            guard isDigit(at) else { throw fault("has a number without digits after the point") }
            while isDigit(at) { at += 1 }
        }
        if at < bytes.count, bytes[at] | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            at += 1
            if at < bytes.count, bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-") { at += 1 }
            guard isDigit(at) else { throw fault("has a number without digits in its exponent") }
            while isDigit(at) { at += 1 }
        }
        // Only an exponent, or hundreds of digits, can make a number that no double holds.
        if !keeps, at - start < 300, !bytes[start..<at].contains(where: { $0 | 0x20 == UInt8(ascii: "e") }) {
            return .null
        }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        if isInteger, let i = Int(text) { return .int(i) }
        guard let d = Double(text), d.isFinite else { throw fault("has a number that no double holds: \(text)") }
        return .double(d)
    }

    private mutating func string() throws(Failure) -> String {
        at += 1
        let start = at
        while at < bytes.count, bytes[at] != UInt8(ascii: "\""), bytes[at] != UInt8(ascii: "\\"), bytes[at] >= 0x20 {
            at += 1
        }
        if at < bytes.count, bytes[at] == UInt8(ascii: "\"") {  // the common case: no escapes
            let text = try utf8(bytes[start..<at])
            at += 1
            return text
        }
        var out = Array(bytes[start..<at])
        while at < bytes.count {
            let byte = bytes[at]
            if byte == UInt8(ascii: "\"") {
                at += 1
                return try utf8(out)
            }
            if byte < 0x20 { throw fault("has a control character inside a string") }
            at += 1
            if byte != UInt8(ascii: "\\") {
                out.append(byte)
                continue
            }
            guard at < bytes.count else { break }
            let escape = bytes[at]
            at += 1
            switch escape {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(escape)
            case UInt8(ascii: "b"): out.append(8)
            case UInt8(ascii: "f"): out.append(12)
            case UInt8(ascii: "n"): out.append(10)
            case UInt8(ascii: "r"): out.append(13)
            case UInt8(ascii: "t"): out.append(9)
            case UInt8(ascii: "u"): out.append(contentsOf: try unicodeEscape())
            default: throw fault("has an unknown escape in a string")
            }
        }
        throw fault("is cut off inside a string")
    }

    private func utf8(_ bytes: some Collection<UInt8>) throws(Failure) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw fault("has bytes that are not UTF-8") }
        return text
    }

    private mutating func hex4() throws(Failure) -> UInt16 {
        guard at + 4 <= bytes.count,
            let value = UInt16(String(decoding: bytes[at..<at + 4], as: UTF8.self), radix: 16)
        else { throw fault("has a \\u escape without four hexadecimal digits") }
        at += 4
        return value
    }

    private mutating func unicodeEscape() throws(Failure) -> [UInt8] {
        let first = try hex4()
        var units = [first]
        if UTF16.isLeadSurrogate(first) {
            guard at + 1 < bytes.count, bytes[at] == UInt8(ascii: "\\"), bytes[at + 1] == UInt8(ascii: "u") else {
                throw fault("has half of a surrogate pair")
            }
            at += 2
            units.append(try hex4())
        }
        guard let text = String(validating: units, as: UTF16.self) else { throw fault("has half of a surrogate pair") }
        return Array(text.utf8)
    }
}
