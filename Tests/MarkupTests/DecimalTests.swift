import Base
import Testing

@testable import Markup

@Suite struct DecimalTests {
    private func number(_ text: String, comma: Bool = false) -> Double? {
        decimalNumber(Array(text.utf8)[...], comma: comma)
    }

    /// The nearest double, as the standard library has it, over short, long and extreme spellings.
    @Test func isTheNearestDouble() {
        var random = Random(seed: 6, purpose: .test)
        for _ in 0..<100_000 {
            var text = random.below(2) == 0 ? "-" : ""
            for _ in 0..<random.below(20) { text += "\(random.below(10))" }
            text += ".\(random.below(1_000_000))"
            for _ in 0..<random.below(20) { text += "\(random.below(10))" }
            if random.below(3) == 0 { text += "e\(random.below(60) - 30)" }
            #expect(number(text) == Double(text), "\(text)")
        }
        for text in [
            "0", "-0", "1e308", "1e309", "4.9e-324", "1e-400", "0.1", "123456789012345678901234567890", "1e22", "1e23",
        ] {
            #expect(number(text)?.bitPattern == Double(text)?.bitPattern, "\(text)")
        }
    }

    @Test func whatIsNoNumberIsNil() {
        for text in ["", "-", ".", "e5", "1e", "1e+", "1.2.3", "0x10", "1_0", " 1", "1 ", "1,5", "--1", "nanx", "é"] {
            #expect(number(text) == nil, "\(text)")
        }
        #expect(number("1,5", comma: true) == 1.5 && number("0,3580246914", comma: true) == 0.3580246914)
        #expect(number("1,234,5", comma: true) == nil)
        #expect(number("NaN")?.isNaN == true && number("-Inf") == -.infinity && number("infinity") == .infinity)
        #expect(number("+.5") == 0.5 && number("5.") == 5)
    }

    @Test func wordsOfLinesHaveTheirNumbers() {
        let found = wordsOfLines(Array("\u{FEFF}a  b\r\n\n\tc\u{1}d\n".utf8))
        #expect(found.map(\.line) == [1, 3])
        #expect(
            found.map { $0.words.map { String(decoding: $0, as: UTF8.self) } } == [["a", "b"], ["c", "\u{1}", "d"]])
    }
}
