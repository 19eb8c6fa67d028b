import Annotations
import Base
import Glibc
import Imaging
import Testing

@testable import Loading

@Suite struct QuarantineTests {
    /// Links to nothing that were so before, links in a circle, pipes and folders are what they are the next time, too;
    /// a file that has gone is not.
    @Test func whatIsThePicturesOwn() throws {
        let scratch = try Scratch()
        let set = Dataset(root: scratch.path, classes: ClassTable(names: []), examples: [])
        func reason(_ name: String, isUnreachable: Bool = false) throws -> String {
            var example = Example(id: 1, fileName: name, size: nil)
            example.isUnreachable = isUnreachable
            let failure = try #require(throws: Failure.self) { try ImageFile.decode(set.path(of: example)) }
            return try Quarantine.reason(failure, of: example, in: set)
        }
        #expect(symlink("nothing.jpg", scratch.file("link.jpg")) == 0)
        #expect(symlink("circle.jpg", scratch.file("circle.jpg")) == 0)
        #expect(mkfifo(scratch.file("pipe.jpg"), 0o644) == 0)
        try Files.makeFolder(scratch.file("folder.jpg"))
        try Files.write("no picture", to: scratch.file("text.jpg"))
        #expect(try reason("link.jpg", isUnreachable: true).contains("there is no file"))
        for name in ["circle.jpg", "pipe.jpg", "folder.jpg", "text.jpg"] {
            #expect(try reason(name).contains(name))
        }
        for name in ["link.jpg", "gone.jpg", "gone/a.jpg"] {
            let failure = #expect(throws: Failure.self) { try reason(name) }
            #expect(failure?.code == .environment && failure?.message.contains("has gone") == true)
        }
    }

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
