import Base
import Glibc
import Testing

@testable import Journal

final class JournalFolder {
    let path = "/tmp/pupil-journal-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"

    init() { mkdir(path, 0o755) }
    deinit { try? Files.remove(path) }

    func file(_ name: String) -> String { Files.join(path, name) }

    /// Adds text to a file as a killed process would leave it.
    func tear(_ name: String, _ text: String) {
        let descriptor = open(file(name), O_WRONLY | O_APPEND)
        _ = text.withCString { write(descriptor, $0, strlen($0)) }
        close(descriptor)
    }
}

@Suite struct MetricsLogTests {
    let folder = JournalFolder()

    func run(_ steps: ClosedRange<Int>, resumingAt step: Int) throws {
        let log = try MetricsLog(path: folder.file("m.jsonl"), resumingAt: step)
        for step in steps { try log.append(step: step, ["loss": .double(1 / Double(step)), "lr": 0.5]) }
        try log.sync()
    }

    @Test func aLineIsAnObjectThatBeginsWithTheStep() throws {
        let log = try MetricsLog(path: folder.file("m.jsonl"))
        try log.append(step: 1, ["loss": .number(.nan), "a": "x"])
        try log.append(step: 2, [:])
        #expect(try Files.readText(folder.file("m.jsonl")) == "{\"step\":1,\"a\":\"x\",\"loss\":null}\n{\"step\":2}\n")
        #expect(try MetricsLog.read(folder.file("m.jsonl")) == [["step": 1, "a": "x", "loss": nil], ["step": 2]])
    }

    /// Stopped at any step, with or without a torn line, and resumed from any checkpoint: the file is the same.
    @Test(arguments: [0, 1, 4, 7], ["", "{\"ste", "{\"step\":9,\"loss\":0.1", "\u{E9}"])
    func aResumedLogEqualsAnUninterruptedOne(checkpoint: Int, torn: String) throws {
        try run(1...10, resumingAt: 0)
        let whole = try Files.read(folder.file("m.jsonl"))
        try run(1...7, resumingAt: 0)
        folder.tear("m.jsonl", torn)
        try run(checkpoint + 1...10, resumingAt: checkpoint)
        #expect(try Files.read(folder.file("m.jsonl")) == whole)
    }

    @Test func severalLinesOfOneStepStay() throws {
        let path = folder.file("m.jsonl")
        try Files.write("{\"step\":1}\n{\"step\":2}\n{\"step\":2,\"AP\":0.5}\n{\"step\":3}\n", to: path)
        _ = try MetricsLog(path: path, resumingAt: 2)
        #expect(try Files.readText(path) == "{\"step\":1}\n{\"step\":2}\n{\"step\":2,\"AP\":0.5}\n")
    }

    @Test func anotherFileIsRefusedWithItsLine() throws {
        let path = folder.file("m.jsonl")
        try Files.write("{\"step\":1}\nhello\n", to: path)
        #expect(throws: Failure.data("\(path):2: \"hello\" is no line of this log")) {
            try MetricsLog(path: path, resumingAt: 1)
        }
        #expect(throws: Failure.self) { try MetricsLog.read(path) }
    }
}

private func == (a: [JSON], b: [[String: JSON?]]) -> Bool { a == b.map { .object($0.mapValues { $0 ?? .null }) } }

@Suite struct ResultsTableTests {
    let folder = JournalFolder()

    @Test func rowsStandUnderAStableHeader() throws {
        let path = folder.file("r.csv")
        do {
            let table = try ResultsTable(path: path, columns: ["AP", "AP50", "a,\"b\""])
            try table.append(step: 10, ["AP": 0.25, "AP50": .number(.nan)])
            try table.append(step: 20, ["a,\"b\"": "x, y", "AP": 0.5, "AP50": .double(.infinity)])
        }
        let text = "step,AP,AP50,\"a,\"\"b\"\"\"\n10,0.25,,\n20,0.5,,\"x, y\"\n"
        #expect(try Files.readText(path) == text)
        folder.tear("r.csv", "30,0.")
        _ = try ResultsTable(path: path, columns: ["AP", "AP50", "a,\"b\""], resumingAt: 25)
        #expect(try Files.readText(path) == text)
        _ = try ResultsTable(path: path, columns: ["AP", "AP50", "a,\"b\""], resumingAt: 15)
        #expect(try Files.readText(path) == "step,AP,AP50,\"a,\"\"b\"\"\"\n10,0.25,,\n")
    }

    /// A comma or a quote before a mark that combines with it is one all the same.
    @Test func cellsAreQuotedByScalars() throws {
        let path = folder.file("r.csv")
        try ResultsTable(path: path, columns: ["a"]).append(step: 1, ["a": "x,\u{301}\"\u{301}\r\ny"])
        #expect(try Files.readText(path) == "step,a\n1,\"x,\u{301}\"\"\u{301}  y\"\n")
    }

    @Test func anotherHeaderIsRefused() throws {
        let path = folder.file("r.csv")
        _ = try ResultsTable(path: path, columns: ["AP"])
        let message = "\(path) has the columns step,AP; this run writes step,AP,AP50. Choose another folder"
        #expect(throws: Failure.data(message)) { try ResultsTable(path: path, columns: ["AP", "AP50"]) }
    }

    @Test func aTornHeaderIsWrittenAnew() throws {
        let path = folder.file("r.csv")
        try Files.write("step,A", to: path)
        _ = try ResultsTable(path: path, columns: ["AP"])
        #expect(try Files.readText(path) == "step,AP\n")
    }
}
