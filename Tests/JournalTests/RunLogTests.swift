import Base
import Glibc
import Testing

@testable import Journal

@Suite struct RunLogTests {
    let folder = JournalFolder()

    @Test func linesHaveTimesInTheFileAndNoneOnTheScreen() throws {
        let recorder = Recorder()
        for _ in 0..<2 {
            let log = try RunLog(path: folder.file("train.log"), console: recorder.console(terminal: false))
            log("one\ntwo\n")
        }
        let lines = try Files.readText(folder.file("train.log")).split(separator: "\n")
        #expect(lines.count == 4)
        for (line, end) in zip(lines, ["one", "two", "one", "two"]) {
            #expect(line.wholeMatch(of: /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (one|two)/) != nil && line.hasSuffix(end))
        }
        #expect(recorder.texts == ["one\n", "two\n", "one\n", "two\n"])
    }

    /// What was said before there was a log is kept in it, and not said again.
    @Test func whatWasSaidBeforeIsKept() throws {
        let recorder = Recorder()
        let console = recorder.console(terminal: false)
        console.line("warning: early")
        let log = try RunLog(path: folder.file("train.log"), console: console)
        for line in console.lines { log.keep(line) }
        #expect(try Files.readText(folder.file("train.log")).hasSuffix(" warning: early\n"))
        #expect(recorder.texts == ["warning: early\n"])
    }
}

@Suite struct FileLockTests {
    let folder = JournalFolder()

    @Test func aFolderBelongsToOneProcess() throws {
        var lock: FileLock? = try FileLock(folder: folder.path)
        let expected = Failure.environment(
            "the folder \(folder.path) is in use by another process (\(getpid())); "
                + "wait for it or choose another folder")
        #expect(throws: expected) { try FileLock(folder: folder.path) }
        withExtendedLifetime(lock) {}
        lock = nil
        #expect(throws: Never.self) { try FileLock(folder: folder.path) }
    }

    @Test func aFolderThatIsNotThereIsNamed() {
        let failure = #expect(throws: Failure.self) { try FileLock(folder: "/nowhere/x") }
        #expect(failure?.message.contains("/nowhere/x/.lock") == true)
    }
}
