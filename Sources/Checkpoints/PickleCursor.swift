import Base

/// The bytes of a pickle, read from front to back.
struct PickleCursor {
    private let bytes: UnsafeRawBufferPointer
    private let file: String
    private(set) var at: Int
    /// Where the operation began that is being read; what messages say.
    private var operationStart: Int

    init(_ bytes: UnsafeRawBufferPointer, at: Int, file: String) {
        self.bytes = bytes
        self.at = at
        self.file = file
        operationStart = at
    }

    /// How many bytes follow.
    var left: Int { bytes.count - at }

    /// A failure of the operation that is being read.
    func fault(_ text: String) -> Failure { .data("\(file), byte \(operationStart): \(text)") }

    /// The next operation's.
    mutating func opcode() throws(Failure) -> PickleOpcode {
        operationStart = at
        guard left > 0 else { throw fault("the pickle is cut off: it does not end with STOP") }
        let byte = bytes[at]
        at += 1
        guard let opcode = PickleOpcode(rawValue: byte) else {
            throw fault("0x\(String(byte, radix: 16)) is no opcode of a pickle")
        }
        return opcode
    }

    /// Where the next `count` bytes lie, which are skipped.
    mutating func takeRange(_ count: Int) throws(Failure) -> Range<Int> {
        guard count <= left else { throw fault("the pickle is cut off: \(count) bytes were expected, \(left) follow") }
        defer { at += count }
        return at..<at + count
    }

    mutating func integer<N: FixedWidthInteger>(_ type: N.Type) throws(Failure) -> N {
        let range = try takeRange(MemoryLayout<N>.size)
        return N(littleEndian: bytes.loadUnaligned(fromByteOffset: range.lowerBound, as: N.self))
    }

    /// A length; one that no file has becomes one that is refused.
    mutating func length<N: FixedWidthInteger>(_ type: N.Type) throws(Failure) -> Int {
        Int(clamping: try integer(type))
    }

    /// The bytes before the next line feed, which is skipped.
    mutating func line(_ opcode: PickleOpcode) throws(Failure) -> String {
        guard let end = bytes[at..<min(at + 1024, bytes.count)].firstIndex(of: UInt8(ascii: "\n")) else {
            throw fault("the pickle is cut off: a line of \(opcode.name) does not end")
        }
        defer { at = end + 1 }
        return String(decoding: bytes[at..<end], as: UTF8.self)
    }

    /// INT and LONG of protocol 1: decimal text, where 00 and 01 are truth values.
    mutating func number(_ opcode: PickleOpcode) throws(Failure) -> PickleValue {
        let text = try line(opcode)
        if opcode == .int, text == "00" || text == "01" { return .bool(text == "01") }
        guard let value = Int(opcode == .long && text.hasSuffix("L") ? String(text.dropLast()) : text) else {
            throw fault("\(opcode.name) of \"\(text.prefix(40))\"")
        }
        return .int(value)
    }

    /// LONG1 and LONG4: two's complement.
    func long(_ range: Range<Int>) -> PickleValue {
        guard range.count <= 8 else { return .long(range) }
        var value: UInt64 = range.isEmpty || bytes[range.upperBound - 1] < 0x80 ? 0 : .max
        for byte in bytes[range].reversed() { value = value << 8 | UInt64(byte) }
        return .int(Int(truncatingIfNeeded: value))
    }

    /// The text of a value: of bytes too, which Python 2 wrote for it; nil for another value and for a longer text.
    func text(_ value: PickleValue, atMost limit: Int) -> String? {
        switch value {
        case .text(let range) where range.count <= limit: String(decoding: bytes[range], as: UTF8.self)
        case .bytes(let range) where range.count <= limit: String(validating: bytes[range], as: UTF8.self)
        default: nil
        }
    }
}
