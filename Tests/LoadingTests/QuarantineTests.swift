import Base
import Testing

@testable import Loading

@Suite struct QuarantineTests {
    private func sample() -> Quarantine {
        var wrong = Quarantine()
        wrong.refuse("b.jpg", "cannot read b.jpg: a TIFF")
        wrong.refuse("a.jpg", "rows missing")
        wrong.refuse("a.jpg", "said later")
        wrong.note("c.jpg", [])
        wrong.note("d.jpg", ["one", "two"])
        return wrong
    }

    @Test func listsAreSortedAndTheFirstReasonStays() throws {
        let wrong = sample()
        #expect(wrong.refused.map(\.path) == ["a.jpg", "b.jpg"] && wrong.refused[0].reason == "rows missing")
        #expect(wrong.damaged == [.init(path: "d.jpg", reason: "one; two")])
        #expect(
            wrong.json.canonical == #"{"damaged":[{"path":"d.jpg","reason":"one; two"}],"refused":["#
                + #"{"path":"a.jpg","reason":"rows missing"},{"path":"b.jpg","reason":"cannot read b.jpg: a TIFF"}]}"#)
        #expect(Quarantine(try JSON.parse(wrong.json.pretty)) == wrong)
        var sum = Quarantine()
        sum.refuse("a.jpg", "first")
        sum.add(wrong)
        #expect(sum.refused.map(\.reason) == ["first", "cannot read b.jpg: a TIFF"] && sum.damaged == wrong.damaged)
    }

    @Test func linesNameEachFileOnce() {
        #expect(
            sample().lines(fate: "left out") == [
                "2 picture(s) refused; left out:", "  a.jpg: rows missing", "  cannot read b.jpg: a TIFF",
                "1 picture(s) damaged, used with all rows there:", "  d.jpg: one; two",
            ])
        #expect(
            sample().lines(fate: "left out", limit: 1).prefix(3) == [
                "2 picture(s) refused; left out:", "  a.jpg: rows missing", "  and 1 more",
            ])
        #expect(Quarantine().lines(fate: "").isEmpty)
    }
}
