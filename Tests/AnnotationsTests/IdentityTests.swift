import Base
import Geometry
import Glibc
import Testing

@testable import Annotations

@Suite struct IdentityTests {
    /// A pool in a folder of its own whose files have fixed times.
    private func pool(_ scratch: Scratch, _ name: String) throws -> Dataset {
        for (file, text) in [("a.jpg", "x"), ("b/c.png", "yy")] {
            let path = try scratch.file(name + "/" + file, text)
            let times = [timespec(tv_sec: 1_000_000, tv_nsec: 5), timespec(tv_sec: 1_000_000, tv_nsec: 5)]
            utimensat(AT_FDCWD, path, times, 0)
        }
        return try Dataset.pool([scratch.path + "/" + name])
    }

    @Test func aMovedPoolIsTheSameAndAChangedOneIsNot() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let one = try pool(scratch, "one").identity
        #expect(try pool(scratch, "two").identity == one)
        _ = try scratch.file("two/b/c.png", "yy")  // the time changes
        #expect(try Dataset.pool([scratch.path + "/two"]).identity != one)
        _ = try pool(scratch, "three")
        _ = try scratch.file("three/d.jpg")
        #expect(try Dataset.pool([scratch.path + "/three"]).identity != one)
        var missing = try pool(scratch, "one")
        missing.examples.append(Example(id: 9, fileName: "gone.jpg", size: nil))
        // What is not there counts, and is no error: a pool may hold a link to nothing.
        let gone = try missing.identity
        #expect(gone != one)
        _ = try scratch.file("one/gone.jpg")
        #expect(try missing.identity != gone)
    }

    @Test func everyPartOfALabelCounts() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        var set = try pool(scratch, "one")
        set.classes = ClassTable(names: ["a", "b"])
        set.examples[0].annotations = [Annotation(id: 1, box: Box(x1: 0, y1: 0, x2: 9, y2: 9), label: 0)]
        let changes: [(inout Dataset) -> Void] = [
            { _ in },
            { $0.examples[0].annotations[0].box.y2 = 8.5 }, { $0.examples[0].annotations[0].label = 1 },
            { $0.examples[0].annotations[0].area = 80 }, { $0.examples[0].annotations[0].treatment = .ignore },
            { $0.examples[0].annotations[0].isCrowd = true }, { $0.classes.names[0] = "c" },
            { $0.classes.ids = [1, 3] },
            { $0.examples[0].annotations[0].provenance = Provenance(score: 0.5) }, { $0.examples[0].annotations = [] },
            { $0.examples.removeLast() }, { $0.examples.reverse() },
            { $0.examples[0].target = .hard(0) }, { $0.examples[0].target = .hard(1) },
            { $0.examples[0].target = .soft(SoftClass(labels: [0], weights: [255], cut: 0)) },
            { $0.examples[0].target = .soft(SoftClass(labels: [0], weights: [254], cut: 0)) },
            { $0.examples[0].target = .soft(SoftClass(labels: [0, 1], weights: [254, 1], cut: 0)) },
            { $0.examples[1].target = .hard(0) },
        ]
        var seen: Set<Digest> = []
        for change in changes {
            var other = set
            change(&other)
            seen.insert(try other.identity)
        }
        #expect(seen.count == changes.count)
        var noted = set
        noted.notes = ["something"]
        #expect(try noted.identity == set.identity)
    }
}
