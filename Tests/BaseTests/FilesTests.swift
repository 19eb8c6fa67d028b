import Glibc
import Testing

@testable import Base

@Suite struct FilesTests {
    private func withFolder(_ body: (String) throws -> Void) throws {
        var template = Array("/tmp/pupil-files-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure.environment("no folder for a test") }
        let root = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { try? Files.remove(root) }
        try body(root)
    }

    private func fill(_ folder: String) throws(Failure) { try Files.write("new", to: folder + "/x") }

    /// A slash is one before a mark that combines with it, and behind one that combines with what follows.
    @Test func pathsAreBytes() {
        #expect(Files.parts("/a//b/") == ["a", "b"])
        #expect(Files.parts("../\u{301}x\u{600}/y") == ["..", "\u{301}x\u{600}", "y"])
        #expect(Files.isAbsolute("/\u{301}x") && !Files.isAbsolute("x") && !Files.isAbsolute(""))
        #expect(Files.name("a/\u{301}x") == "\u{301}x" && Files.folder("a/\u{301}x") == "a")
        #expect(Files.join("a", "/\u{301}x") == "/\u{301}x" && Files.join("a\u{600}/", "b") == "a\u{600}/b")
        #expect(Files.name("/") == "/" && Files.folder("/x") == "/" && Files.folder("x") == ".")
    }

    /// Another one that writes the same file at the same time, in this process or in one of the same number elsewhere,
    /// writes into a file of its own.
    @Test func writersOfOneFileDoNotMeet() throws {
        try withFolder { root in
            var names: [String] = []
            try Files.writeAtomically(to: root + "/a") { descriptor throws(Failure) in
                try Files.write("inner", to: root + "/a")
                try Files.writeUnsynced(Array("another".utf8), to: root + "/a")
                names = try Files.list(root)
                _ = "outer".withCString { write(descriptor, $0, 5) }
            }
            #expect(names.count == 2 && names.first == "a" && Files.isUnfinished(names[1]))
            #expect(try Files.readText(root + "/a") == "outer")
            #expect(try Files.list(root) == ["a"])
        }
    }

    @Test func aFolderIsThereWholeOrNotAtAll() throws {
        func fail(_ folder: String) throws(Failure) {
            try fill(folder)
            throw .data("no")
        }
        try withFolder { root in
            #expect(throws: Failure.data("no")) { try Files.makeWhole(root + "/set", fail) }
            #expect(try Files.list(root) == [])
            try Files.makeWhole(root + "/set/", fill)
            #expect(try Files.list(root) == ["set"])
            #expect(try Files.list(root + "/set") == ["x"])
            #expect(!Files.exists(root + "/set/.making"))
            // What has something in it is not replaced.
            #expect(throws: Failure.self) { try Files.makeWhole(root + "/set", fill) }
            #expect(try Files.list(root) == ["set"])
        }
    }

    /// What a killed process left is removed; what one is at, on whichever machine, is not, nor what others made.
    @Test func unfinishedFoldersAreToldByTheirLocks() throws {
        try withFolder { root in
            let partial = root + "/set.partial"
            try Files.makeFolder(partial + "/old")
            try Files.write("", to: partial + "/.making")
            let descriptor = open(partial + "/.making", O_RDWR)
            let isHeld = flock(descriptor, LOCK_EX) == 0
            #expect(isHeld)
            let taken = Failure.environment(
                "another process is making \(partial); wait for it or choose another name")
            #expect(throws: taken) { try Files.makeWhole(root + "/set", fill) }
            #expect(try Files.list(root) == ["set.partial"])
            #expect(try Files.list(partial) == ["old"])
            close(descriptor)
            try Files.makeWhole(root + "/set", fill)
            #expect(try Files.list(root) == ["set"])
            #expect(try Files.list(root + "/set") == ["x"])

            let own = root + "/own.partial"
            try Files.makeFolder(own)
            try Files.write("mine", to: own + "/.hidden")
            let foreign = Failure.usage(
                "\(own) is there and is no unfinished folder of ours; move it or choose another name")
            #expect(throws: foreign) { try Files.makeWhole(root + "/own", fill) }
            #expect(try Files.readText(own + "/.hidden") == "mine")
        }
    }
}
