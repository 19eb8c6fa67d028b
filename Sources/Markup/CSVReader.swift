import Base

/// Rows of a comma-separated file (RFC 4180): quoted fields with commas, line ends and doubled quotes in them, line
/// ends of either kind, a byte-order mark. Empty lines are passed over. One row is held at a time.
public struct CSVReader {
    private let bytes: [UInt8]
    private var at = 0
    private var nextLine = 1
    private var fields: [(range: Range<Int>, hasQuotes: Bool)] = []
    /// Where the current row begins, from 1.
    public private(set) var line = 0

    /// A reader before the first row.
    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { at = 3 }
    }

    /// Fields of the current row.
    public var count: Int { fields.count }

    /// Goes to the next row; false where there is none.
    /// - Throws: a fault where a quote is not closed or text follows a closed one. The reader then stands behind the line
    ///   in which the field begins and can go on: a forgotten quote does not cost the rows below it.
    public mutating func next() throws(MarkupFault) -> Bool {
        fields.removeAll(keepingCapacity: true)
        while at < bytes.count, bytes[at] == 0x0A || bytes[at] == 0x0D {
            if bytes[at] == 0x0A { nextLine += 1 }
            at += 1
        }
        line = nextLine
        guard at < bytes.count else { return false }
        while true {
            if at < bytes.count, bytes[at] == 0x22 { try quotedField() } else { plainField() }
            guard at < bytes.count, bytes[at] == 0x2C else { break }
            at += 1
        }
        return true
    }

    private mutating func plainField() {
        let start = at
        while at < bytes.count, bytes[at] != 0x2C, bytes[at] != 0x0A, bytes[at] != 0x0D { at += 1 }
        fields.append((start..<at, false))
    }

    private mutating func quotedField() throws(MarkupFault) {
        let start = at + 1
        let firstLine = nextLine
        var firstEnd: Int?
        var hasQuotes = false
        at = start
        while at < bytes.count {
            if bytes[at] == 0x0A {
                nextLine += 1
                firstEnd = firstEnd ?? at
            }
            if bytes[at] == 0x22 {
                if at + 1 < bytes.count, bytes[at + 1] == 0x22 {
                    hasQuotes = true
                    at += 1
                } else {
                    break
                }
            }
            at += 1
        }
        func goBack() {
            at = firstEnd ?? at
            nextLine = firstLine
        }
        guard at < bytes.count else {
            goBack()
            throw MarkupFault(line: firstLine, "the quote of field \(fields.count + 1) is never closed")
        }
        fields.append((start..<at, hasQuotes))
        at += 1
        if at < bytes.count, bytes[at] != 0x2C, bytes[at] != 0x0A, bytes[at] != 0x0D {
            if firstEnd != nil { goBack() }
            while at < bytes.count, bytes[at] != 0x0A { at += 1 }
            throw MarkupFault(line: firstLine, "text follows the closing quote of field \(fields.count)")
        }
    }

    /// The text of a field; nil where it is not UTF-8. - Precondition: `i < count`.
    public func text(_ i: Int) -> String? {
        let field = bytes[fields[i].range]
        guard fields[i].hasQuotes else { return String(validating: field, as: UTF8.self) }
        // Quotes within come in pairs. By bytes: before a mark that combines with it a quote is no `Character`.
        var isFirst = false
        let plain = field.filter { byte in
            isFirst = byte == 0x22 && !isFirst
            return !isFirst
        }
        return String(validating: plain, as: UTF8.self)
    }

    /// Whether nothing is in a field. - Precondition: `i < count`.
    public func isEmpty(_ i: Int) -> Bool { fields[i].range.isEmpty }

    /// The number in a field, with point or comma; nil where it is none. - Precondition: `i < count`.
    public func number(_ i: Int) -> Double? { decimalNumber(bytes[fields[i].range], comma: true) }
}
