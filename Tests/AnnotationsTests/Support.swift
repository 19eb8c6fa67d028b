import Base
import Glibc

@testable import Annotations

/// A folder of its own for a test, removed by `remove`.
struct Scratch {
    let path: String

    init() throws {
        var template = Array("/tmp/pupil-test-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw Failure.environment("no folder for a test") }
        path = String(cString: made)
    }

    func file(_ name: String, _ text: String = "x") throws -> String {
        let full = Files.join(path, name)
        try Files.makeFolder(Files.folder(full))
        try Files.write(text, to: full)
        return full
    }

    func remove() { try? Files.remove(path) }
}

/// The message of the failure that a body ends with, or "" where it does not fail.
func message(_ body: () throws -> Void) -> String {
    do {
        try body()
        return ""
    } catch {
        return "\(error)"
    }
}
