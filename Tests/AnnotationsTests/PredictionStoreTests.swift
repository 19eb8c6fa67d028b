import Base
import Geometry
import Testing

@testable import Annotations

@Suite struct PredictionStoreTests {
    private let names = (0..<12).map { "sub \"dir\"/pic\($0).jpg" }

    private var header: PredictionStore.Header {
        .init(
            teacher: "abc", pool: "def", count: 12, classes: ClassTable(names: ["a", "b"], ids: [3, 8]), floor: 0.05,
            decoding: ["nms": 0.5, "size": 256.0, "limits": ["top": 100]])
    }

    private func record(_ i: Int) -> PredictionRecord {
        if i == 5 { return .init(fileName: names[i], sha256: "", outcome: .refused("rows missing:\nédge")) }
        var random = Random(seed: 8, purpose: .test, index: i)
        let detections = (0..<i).map { _ in
            Detection(
                box: Box(
                    x1: Float(random.uniform(0, 99)), y1: Float(random.uniform(0, 99)),
                    x2: Float(random.uniform(99, 200)),
                    y2: Float(random.uniform(99, 200))), label: random.below(2), score: Float(random.uniform()))
        }
        return .init(
            fileName: names[i], sha256: Digest(of: names[i]).description,
            outcome: .scored(size: Size(width: 200, height: 200 + i), detections: detections))
    }

    private func open(_ path: String, _ header: PredictionStore.Header? = nil) throws -> PredictionStore {
        try PredictionStore.open(path, header: header ?? self.header, names: names)
    }

    /// Writes the whole store, in chunks of five, where it left off.
    private func finish(_ path: String) throws {
        let store = try open(path)
        while !store.isComplete {
            let next = store.completed..<min(12, store.completed + 5)
            try store.append(next.map(record))
        }
    }

    @Test func recordsComeBackAsTheyWere() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let path = scratch.path + "/store.jsonl"
        try finish(path)
        let (header, records) = try PredictionStore.read(path)
        #expect(header.differences(from: self.header).isEmpty)
        #expect(header.classes == self.header.classes && header.floor == self.header.floor)
        #expect(records == (0..<12).map(record))
        #expect(try open(path).isComplete)
        #expect(try Files.readText(path).split(separator: "\n").count == 13)
    }

    /// A kill leaves any beginning of the file (or one whose end was never written, zeros). From each of them the store
    /// goes on to the same bytes.
    @Test func anyTornTailIsCutOffAndFilledAgain() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let path = scratch.path + "/store.jsonl"
        try finish(path)
        let whole = try Files.read(path)
        let ends = whole.indices.filter { whole[$0] == UInt8(ascii: "\n") }
        var lengths = Array(stride(from: 0, through: whole.count, by: 37))
        for end in ends { lengths += [end - 1, end, end + 1] }
        for length in lengths {
            for zeros in [0, 100] {
                try Files.write(whole.prefix(length) + [UInt8](repeating: 0, count: zeros), to: path)
                // Only a file that is torn inside its header has none to complain about.
                if zeros > 0 && length <= ends[0] { continue }
                do {
                    let store = try open(path)
                    let complete = max(0, ends.count { $0 < length } - 1)
                    #expect(store.completed == complete, "\(length)")
                    #expect(store.droppedBytes == length + zeros - (length > ends[0] ? ends[complete] + 1 : 0))
                }
                try finish(path)
                #expect(try Files.read(path) == whole, "\(length)")
            }
        }
    }

    /// A finished store has a record of every picture; of one that grows those count that are whole.
    @Test func aBadLineIsNamed() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let path = scratch.path + "/store.jsonl"
        try finish(path)
        let whole = try Files.read(path)
        var lines = try Files.readText(path).split(separator: "\n").map { String($0) }
        func read(_ isFinished: Bool = true) -> String {
            message { _ = try PredictionStore.read(path, isFinished: isFinished) }
        }
        lines[6] = String(lines[6].dropLast(3))
        try Files.write(lines.joined(separator: "\n") + "\n", to: path)
        #expect(read().contains("\(path):7: is no record") && read(false).isEmpty, "\(read())")
        #expect(try PredictionStore.read(path, isFinished: false).records.count == 5)
        do {
            let store = try open(path)
            #expect(store.completed == 5 && store.droppedBytes > 0)  // what is behind it is seen anew
        }
        // The last line: of a store that grows it may be torn, of a finished one not.
        for left in [whole.dropLast(1), whole.dropLast(9), whole.dropLast(9) + [UInt8(ascii: "\n")]] {
            try Files.write(left, to: path)
            #expect(read().contains("\(path):13: ") && read(false).isEmpty, "\(read())")
            #expect(try PredictionStore.read(path, isFinished: false).records.count == 11)
        }
        try Files.write(whole + Array(record(11).line.utf8) + [UInt8(ascii: "\n")], to: path)
        #expect(read().contains("\(path):14: a record too many"), "\(read())")
        try finish(path)
        #expect(try Files.read(path) == whole)
        let reader = try PredictionStore.reader(path)
        while let next = try reader.next() { #expect(next == record(reader.count - 1)) }
        #expect(reader.count == 12)
    }

    /// Without a new `open`, a store that is being written reads as far as it is whole.
    @Test func aStoreCanBeReadWhileItGrows() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let path = scratch.path + "/store.jsonl"
        let store = try open(path)
        #expect(try PredictionStore.read(path, isFinished: false).records.isEmpty && !store.isComplete)
        try store.append([record(0), record(1)])
        #expect(try PredictionStore.read(path, isFinished: false).records.count == 2 && store.completed == 2)
        #expect(message { _ = try open(path) }.contains("another process"))
    }

    @Test func anotherHeaderIsRefusedByItsKeys() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let path = scratch.path + "/store.jsonl"
        try finish(path)
        var other = header
        other.teacher = "xyz"
        other.decoding = ["nms": 0.6, "size": 256, "limits": ["top": 100, "per_level": 1000]]
        other.floor = 0.1
        let said = message { _ = try open(path, other) }
        for word in [
            "teacher: \"abc\" instead of \"xyz\"", "decoding.nms: 0.5 instead of 0.6", "floor: 0.05 instead of 0.1",
            "decoding.limits.per_level: nothing instead of 1000", path,
        ] { #expect(said.contains(word), "\(said)") }
        #expect(!said.contains("size") && !said.contains("pool"))
        #expect(try open(path).isComplete)  // and nothing was changed
        var renamed = names
        renamed[3] = "z.jpg"
        #expect(
            message { _ = try PredictionStore.open(path, header: header, names: renamed) }.contains("record 4 is of"))
    }

    @Test func otherFilesAreNotOverwritten() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        for text in ["my notes", "my notes\nmore\n", "{\"format\":1}\n", "{\"format\":2}\n"] {
            let path = try scratch.file("notes.txt", text)
            #expect(message { _ = try open(path) }.contains("store"))
            #expect(try Files.readText(path) == text)
            #expect(!message { _ = try PredictionStore.read(path) }.isEmpty)
        }
        #expect(message { _ = try PredictionStore.read(scratch.path + "/none") }.contains("no file"))
    }
}
