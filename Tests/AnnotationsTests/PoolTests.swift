import Base
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
