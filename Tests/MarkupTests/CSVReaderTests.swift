import Base
import Testing

@testable import Markup

@Suite struct CSVReaderTests {
    private func rows(_ text: String) throws -> [(line: Int, fields: [String])] {
        var reader = CSVReader(Array(text.utf8))
        var rows: [(line: Int, fields: [String])] = []
        while try reader.next() {
            rows.append((reader.line, (0..<reader.count).map { reader.text($0) ?? "?" }))
        }
        return rows
    }

    @Test func readsQuotesLineEndsAndMarks() throws {
        let found = try rows("\u{FEFF}a,b\r\n\"x, \"\"y\"\"\",\"two\nlines\"\n\n,\n\"\"\r\nlast")
        #expect(found.map(\.fields) == [["a", "b"], ["x, \"y\"", "two\nlines"], ["", ""], [""], ["last"]])
        #expect(found.map(\.line) == [1, 2, 5, 6, 7])
    }

    @Test func whatIsWrittenReadsBack() throws {
        var random = Random(seed: 4, purpose: .test)
        // Among them one that combines with what stands before it, and one that does with what follows.
        let scalars = Array("a,\"\n\r é;\u{301}\u{600}".unicodeScalars)
        for _ in 0..<500 {
            let fields = (0..<1 + random.below(4)).map { _ in
                var text = String.UnicodeScalarView()
                for _ in 0..<random.below(6) { text.append(scalars[random.below(scalars.count)]) }
                return String(text)
            }
            if fields == [""] { continue }  // an empty line is no row
            #expect(
                try rows(fields.map(\.asCSVField).joined(separator: ",") + "\n").map(\.fields) == [fields])
        }
    }

    @Test func goesOnBehindAFault() throws {
        var reader = CSVReader(Array("a\n\"b\"c,d\ne\n\"f".utf8))
        #expect(try reader.next() && reader.text(0) == "a")
        #expect(throws: MarkupFault(line: 2, "text follows the closing quote of field 1")) { try reader.next() }
        #expect(try reader.next() && reader.text(0) == "e" && reader.line == 3)
        #expect(throws: MarkupFault(line: 4, "the quote of field 1 is never closed")) { try reader.next() }
        #expect(try !reader.next())
    }

    @Test func aForgottenQuoteCostsItsOwnRow() throws {
        for (text, fault) in [
            ("a\n\"b,1\nc,2\nd,3\n", "the quote of field 1 is never closed"),
            ("a\n\"b,1\nc,2\nd,\"3\"\n", "text follows the closing quote of field 1"),
        ] {
            var reader = CSVReader(Array(text.utf8))
            #expect(try reader.next())
            #expect(throws: MarkupFault(line: 2, fault)) { try reader.next() }
            #expect(try reader.next() && reader.text(0) == "c" && reader.line == 3)
            #expect(try reader.next() && reader.text(1) == "3" && reader.line == 4)
            #expect(try !reader.next())
        }
    }
}
