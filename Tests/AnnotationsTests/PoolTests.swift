import Base
import Geometry
import Glibc
import Testing

@testable import Annotations

@Suite struct PoolTests {
    @Test func findsPicturesOfAnyDepthAndCase() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        for name in ["z.JPG", "a/b/c.jpeg", "a/x.PnG", "a/notes.txt", "b.webp", ".hidden.jpg", "c.txt", "jpg", "Ä.jpg"]
        {
            _ = try scratch.file(name)
        }
        let pool = try Dataset.pool([scratch.path])
        #expect(pool.examples.map(\.fileName) == ["a/b/c.jpeg", "a/x.PnG", "b.webp", "z.JPG", "Ä.jpg"])
        #expect(pool.examples.map(\.id) == [1, 2, 3, 4, 5] && pool.root == scratch.path && pool.classes.count == 0)
        #expect(pool.examples.allSatisfy { $0.size == nil && $0.annotations.isEmpty })
        #expect(pool.notes == ["left out 3 files that are not JPEG, PNG or WebP (.txt 2, no extension 1)"])
        #expect(missing(pool).isEmpty)
    }

    @Test func severalFoldersShareARoot() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        for name in ["p/one/b.jpg", "p/two/a.jpg", "p/three/c.jpg"] { _ = try scratch.file(name) }
        let pool = try Dataset.pool([scratch.path + "/p/two", scratch.path + "/p/one/"])
        #expect(pool.examples.map(\.fileName) == ["one/b.jpg", "two/a.jpg"])
        #expect(missing(pool).isEmpty)
        let swapped = try Dataset.pool([scratch.path + "/p/one", scratch.path + "/p/two"])
        #expect(try swapped.identity == pool.identity)
        for folders in [["p", "p/one"], ["p/one", "p"], ["p/one", "p/one/"], ["p/one", "p/two/../one"]] {
            let said = message { _ = try Dataset.pool(folders.map { scratch.path + "/" + $0 }) }
            #expect(said.contains("twice"), "\(said)")
        }
    }

    /// Sets of different folders are one, with their labels or without; one set stays itself.
    @Test func setsAreJoined() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        for name in ["a/x.jpg", "b/x.jpg", "b/y.jpg"] { _ = try scratch.file(name) }
        func set(_ folder: String, _ names: [String]) -> Dataset {
            var set = Dataset(
                root: Files.join(scratch.path, folder), classes: ClassTable(names: ["cat"], ids: [7]),
                examples: names.enumerated().map { i, name in
                    Example(
                        id: 10 + i, fileName: name, size: nil,
                        annotations: [
                            Annotation(
                                id: i, box: Box(x1: 0, y1: 0, x2: 2, y2: 2), label: 0,
                                segmentation: FileSpan(offset: 1, length: 2))
                        ])
                })
            set.hasWrittenIDs = true
            return set
        }
        let (a, b) = (set("a", ["x.jpg"]), set("b", ["x.jpg", "y.jpg"]))
        let both = try Dataset.joined([a, b])
        #expect(
            both.examples.map { both.path(of: $0) }
                == ["a/x.jpg", "b/x.jpg", "b/y.jpg"].map {
                    Files.join(scratch.path, $0)
                })
        #expect(both.examples.map(\.fileName) == ["a/x.jpg", "b/x.jpg", "b/y.jpg"])
        #expect(both.examples.map(\.id) == [1, 2, 3] && both.classes == a.classes && both.hasWrittenIDs)
        #expect(both.examples.allSatisfy { $0.annotations.count == 1 && $0.annotations[0].segmentation == nil })
        #expect(try Dataset.joined([a]).identity == a.identity)
        let bare = try Dataset.joined([a.withoutLabels, try Dataset.pool([Files.join(scratch.path, "b")])])
        #expect(bare.examples.count == 3 && bare.classes == a.classes)
        #expect(bare.examples.allSatisfy { $0.annotations.isEmpty })
        var (painted, other) = (a, b)
        painted.maskCoding = try .ids(of: a.classes)
        other.maskCoding = .segments
        #expect(message { _ = try Dataset.joined([painted, other]) }.contains("do not name classes"))
        #expect(try Dataset.joined([painted, b.withoutLabels]).maskCoding == painted.maskCoding)
        #expect(painted.withoutLabels.maskCoding == nil)
    }

    /// Moved together, by a link or in truth, sets are the same ones; a picture that is not there stays one of theirs.
    @Test func joinedSetsDoNotKnowWhereTheyLie() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        for name in ["here/a/x.jpg", "here/deep/b/x.jpg", "other/c/z.jpg"] { _ = try scratch.file(name) }
        func joined(_ folders: [String]) throws -> Dataset {
            try Dataset.joined(try folders.map { try Dataset.pool([Files.join(scratch.path, $0)]) })
        }
        let set = try joined(["here/a", "here/deep/b/"])
        #expect(set.examples.map(\.fileName) == ["a/x.jpg", "deep/b/x.jpg"] && missing(set).isEmpty)
        let identity = try set.identity
        #expect(symlink("here", Files.join(scratch.path, "link")) == 0)
        #expect(try joined(["link/a", "here/deep/b"]).identity == identity)
        #expect(rename(Files.join(scratch.path, "here"), Files.join(scratch.path, "there")) == 0)
        #expect(try joined(["there/a", "there/deep/b"]).identity == identity)
        #expect(try joined(["there/a", "other/c"]).examples.map(\.fileName) == ["there/a/x.jpg", "other/c/z.jpg"])
        #expect(symlink("nothing", Files.join(scratch.path, "there/a/y.jpg")) == 0)
        let more = try joined(["there/a", "there/deep/b"])
        #expect(more.examples.map(\.fileName) == ["a/x.jpg", "a/y.jpg", "deep/b/x.jpg"] && missing(more).count == 1)
        #expect(more.examples.map(\.isUnreachable) == [false, true, false])
        // To the system two spellings of one letter are two folders.
        for name in ["nfc/\u{e9}/x.jpg", "nfc/e\u{301}/y.jpg"] { _ = try scratch.file(name) }
        let spelled = try joined(["nfc/\u{e9}", "nfc/e\u{301}"])
        #expect(missing(spelled).isEmpty && spelled.root.hasSuffix("/nfc"), "\(spelled.root)")
    }

    /// A folder of all pictures is a pool without those that are labelled, also by another way or a link.
    @Test func labelledPicturesAreNoPool() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        for name in ["all/a.jpg", "all/b.jpg", "all/deep/c.jpg"] { _ = try scratch.file(name, name) }
        #expect(symlink("all", Files.join(scratch.path, "link")) == 0)
        let labelled = Dataset(
            root: Files.join(scratch.path, "link/deep"), classes: ClassTable(names: ["cat"]),
            examples: ["../b.jpg", "c.jpg"].enumerated().map { Example(id: $0.offset, fileName: $0.element, size: nil) }
        )
        let pool = try Dataset.pool([Files.join(scratch.path, "all")])
        let left = pool.without([labelled])
        #expect(left.examples.map(\.fileName) == ["a.jpg"] && left.root == pool.root)
        #expect(try pool.without([]).identity == pool.identity)
        // A copy is the picture; what has its length alone is not.
        for (name, text) in [("all/a.jpg", "abcdef"), ("all/b.jpg", "abCdef"), ("all/deep/c.jpg", "abcde")] {
            try Files.write(text, to: Files.join(scratch.path, name))
        }
        for (name, text) in [("own/x.jpg", "abcdef"), ("own/y.jpg", "abcdeF"), ("own/z.jpg", "")] {
            try Files.makeFolder(Files.join(scratch.path, "own"))
            try Files.write(text, to: Files.join(scratch.path, name))
        }
        let copies = try Dataset.pool([Files.join(scratch.path, "own")])
        #expect(pool.without([copies]).examples.map(\.fileName) == ["b.jpg", "deep/c.jpg"])
    }

    /// "grün.jpg" of an old system, in Latin-1.
    @Test func namesThatAreNotUTF8AreCalledSo() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let bytes = Array((scratch.path + "/gr").utf8) + [0xFC] + Array("n.jpg".utf8) + [0]
        let descriptor = bytes.map { CChar(bitPattern: $0) }.withUnsafeBufferPointer {
            open($0.baseAddress!, O_WRONLY | O_CREAT, 0o644)
        }
        #expect(descriptor >= 0 && close(descriptor) == 0)
        let pool = try Dataset.pool([scratch.path])
        var findings = Findings()
        pool.check(pool.lookAtPictures(.headers), into: &findings)
        #expect(
            findings.list.map(\.message) == [
                "is not in \(scratch.path), but for one whose name is not UTF-8: rename it"
            ])
        #expect(
            message { _ = try Files.read(pool.path(of: pool.examples[0])) }.hasSuffix(
                "its name is not UTF-8; rename it"))
    }

    @Test func nothingFoundIsAnError() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        #expect(message { _ = try Dataset.pool([scratch.path]) }.contains("empty"))
        let file = try scratch.file("a.tiff")
        #expect(message { _ = try Dataset.pool([scratch.path]) }.contains(".tiff 1"))
        #expect(message { _ = try Dataset.pool([scratch.path + "/none"]) }.contains("no folder"))
        #expect(message { _ = try Dataset.pool([file]) }.contains("is a file"))
        #expect(!message { _ = try Dataset.pool([]) }.isEmpty)
    }
}
