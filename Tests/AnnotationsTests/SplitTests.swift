import Base
import Geometry
import Testing

@testable import Annotations

@Suite struct SplitTests {
    private func set(_ count: Int) -> Dataset {
        let box = Box(x1: 0, y1: 0, x2: 5, y2: 5)
        return Dataset(
            root: ".", classes: ClassTable(names: ["common", "rare"]),
            examples: (0..<count).map {
                Example(
                    id: $0, fileName: "p\($0).jpg", size: nil,
                    annotations: [Annotation(id: $0, box: box, label: $0 == 7 ? 1 : 0)])
            })
    }

    @Test(arguments: [
        ("10%", 205, 20), ("25%", 205, 51), ("1%", 50, 1), ("100%", 7, 7), ("40", 205, 40), ("29%", 100, 29),
    ])
    func sharesOfAWhole(text: String, total: Int, expected: Int) throws {
        let share = try LabelShare.parse(text)
        #expect(try share.pictures(of: total) == expected)
        #expect(share.description == text)
    }

    @Test(arguments: ["0.1", "0", "-3", "0%", "101%", "ten", "10 %x", "nan%", ""])
    func otherWordsAreRefused(text: String) {
        let said = message { _ = try LabelShare.parse(text) }
        #expect(said.contains("\"\(text)\""))
        if text == "0.1" { #expect(said.contains("did you mean 10%?")) }
    }

    @Test func splitsOfASeedAreNested() throws {
        let whole = set(200)
        var smaller: [String] = []
        for percent in [1.0, 5, 10, 33.3, 100] {
            let split = try Split(of: whole, .percent(percent), seed: 3)
            #expect(Array(split.labelled.prefix(smaller.count)) == smaller)
            #expect(Set(split.labelled).count == split.labelled.count)
            smaller = split.labelled
        }
        #expect(smaller.count == 200)
        let other = try Split(of: whole, .percent(10), seed: 4)
        #expect(try other.labelled != Split(of: whole, .percent(10), seed: 3).labelled)
        // The order of the file is of no account.
        var turned = whole
        turned.examples.reverse()
        #expect(try Split(of: turned, .percent(10), seed: 4) == other)
        #expect(message { _ = try Split(of: whole, .count(201), seed: 0) }.contains("only 200"))
    }

    /// Fixed once: a change here changes everybody's splits.
    @Test func theDrawIsPinned() throws {
        let split = try Split(of: set(10), .count(4), seed: 0)
        #expect(split.labelled == ["p8.jpg", "p3.jpg", "p6.jpg", "p7.jpg"])
    }

    @Test func theRestHasNoLabels() throws {
        let whole = set(20)
        let split = try Split(of: whole, .percent(25), seed: 1)
        let (labelled, rest) = try whole.split(split)
        #expect(labelled.examples.count == 5 && rest.examples.count == 15)
        #expect(Set(labelled.examples.map(\.fileName)) == Set(split.labelled))
        #expect(labelled.examples.allSatisfy { !$0.annotations.isEmpty })
        #expect(rest.examples.allSatisfy { $0.annotations.isEmpty })
        #expect(labelled.examples.map(\.id) == labelled.examples.map(\.id).sorted())
        let shows = split.labelled.contains("p7.jpg")
        #expect(labelled.notes.isEmpty == shows && labelled.classesWithoutObject == (shows ? [] : ["rare"]))
        let (all, none) = try whole.split(try Split(of: whole, .percent(100), seed: 1))
        #expect(all.examples.count == 20 && none.examples.isEmpty)
    }

    @Test func filesHoldTheirHash() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let split = try Split(of: set(30), .percent(12.5), seed: 2)
        let path = try split.write(into: scratch.path)
        #expect(path == scratch.path + "/2@12.5.json")
        #expect(try Split.read(path) == split && split.fraction == 0.1)
        #expect(try Split(of: set(30), .count(4), seed: 2).name == "2@4images")
        let text = try Files.readText(path)
        #expect(text.contains(split.digest.description))
        try Files.write(text.replacingFirst("\(split.labelled[0])", by: "other.jpg"), to: path)
        #expect(message { _ = try Split.read(path) }.contains("was changed"))
        try Files.write("{\"seed\": 3}", to: path)
        #expect(message { _ = try Split.read(path) }.contains("labelled"))
    }

    @Test func aListOfNamesIsASplitToo() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let split = try Split.read(try scratch.file("mine.txt", "p3.jpg\r\n  p1.jpg \n\n"))
        #expect(split.labelled == ["p3.jpg", "p1.jpg"] && split.fraction == nil)
        #expect(try set(5).split(split).labelled.examples.map(\.id) == [1, 3])
        let wrong = try Split.read(try scratch.file("wrong.txt", "p3.jpg\np11.jp\n"))
        let said = message { _ = try set(12).split(wrong) }
        #expect(said.contains("1 pictures") && said.contains("did you mean p11.jpg?"))
        let twice = try Split.read(try scratch.file("twice.txt", "p3.jpg\np3.jpg\n"))
        #expect(message { _ = try set(5).split(twice) }.contains("twice"))
        #expect(message { _ = try Split.read(try scratch.file("empty.txt", "\n")) }.contains("no file names"))
    }

    /// A fifth, but fifty at least and half at most; another seed, another part; nothing in both.
    @Test func aPartIsHeldOut() throws {
        func set(_ count: Int) -> Dataset {
            Dataset(
                root: "", classes: ClassTable(names: ["a"]),
                examples: (0..<count).map { Example(id: $0, fileName: "\($0)", size: nil) })
        }
        let (rest, slice) = try set(400).heldOut(0.2, seed: 1)
        let held = try #require(slice)
        #expect(rest.examples.count == 320 && held.examples.count == 80)
        #expect(Set(rest.examples.map(\.id)).isDisjoint(with: held.examples.map(\.id)))
        #expect(held.examples.map(\.id) == held.examples.map(\.id).sorted())
        #expect(try set(400).heldOut(0.2, seed: 2).slice?.examples.map(\.id) != held.examples.map(\.id))
        #expect(try set(100).heldOut(0.1, seed: 1).slice?.examples.count == 50)
        #expect(try set(99).heldOut(0, seed: 1).slice == nil && set(99).heldOut(0, seed: 1).rest.examples.count == 99)
        let failure = #expect(throws: Failure.self) { _ = try set(99).heldOut(0.1, seed: 1) }
        #expect(failure?.code == .usage)
    }
}
