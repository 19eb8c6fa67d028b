import Base
import Glibc
import Testing

@testable import Checkpoints

/// A folder of this test's own, removed with it.
final class Scratch {
    let path: String

    init() {
        path = "/tmp/pupil-checkpoints-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
        mkdir(path, 0o755)
    }

    deinit { try? Files.remove(path) }

    func file(_ name: String, _ bytes: [UInt8]) throws -> String {
        // Without waiting for the disk: some tests write thousands.
        let path = Files.join(self.path, name)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        defer { close(descriptor) }
        let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        guard count == bytes.count else { throw Files.fault("write", path) }
        return path
    }
}

/// What Tools/reference/safetensors_fixture.py prints: a file of the Python package `safetensors`.
let pythonFixture = unhex(
    """
        08020000000000007b225f5f6d657461646174615f5f223a7b22666f726d6174223a227074227d2c227374657073223a
        7b226474797065223a22493634222c227368617065223a5b5d2c22646174615f6f666673657473223a5b302c385d7d2c
        22656d707479223a7b226474797065223a22463332222c227368617065223a5b302c345d2c22646174615f6f66667365
        7473223a5b382c385d7d2c22686561642e62696173223a7b226474797065223a22463332222c227368617065223a5b32
        5d2c22646174615f6f666673657473223a5b382c31365d7d2c22686561642e776569676874223a7b226474797065223a
        22463332222c227368617065223a5b322c335d2c22646174615f6f666673657473223a5b31362c34305d7d2c22627261
        696e223a7b226474797065223a2242463136222c227368617065223a5b325d2c22646174615f6f666673657473223a5b
        34302c34345d7d2c2268616c66223a7b226474797065223a22463136222c227368617065223a5b335d2c22646174615f
        6f666673657473223a5b34342c35305d7d2c22677261642fc3bc205c22715c22223a7b226474797065223a225538222c
        227368617065223a5b315d2c22646174615f6f666673657473223a5b35302c35315d7d2c226d61736b223a7b22647479
        7065223a22424f4f4c222c227368617065223a5b335d2c22646174615f6f666673657473223a5b35312c35345d7d7d20
        141a99be1c0000000000c0bf00002040000000000000803e0000003f0000403f0000803f0000a03f803f4940003c00c0
        003807010001
    """)

func unhex(_ text: String) -> [UInt8] {
    let digits = text.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

func file(header: String, data: Int) -> [UInt8] {
    let text = Array(header.utf8)
    return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text
        + [UInt8](repeating: 7, count: data)
}

func messageOf(_ bytes: [UInt8]) -> String {
    do throws(Failure) {
        _ = try bytes.withUnsafeBytes { buffer in
            Result { () throws(Failure) in try SafetensorsHeader(buffer, file: "a.safetensors") }
        }.get()
        return "no failure"
    } catch {
        #expect(error.code == .invalidData)
        return error.message
    }
}

@Suite struct SafetensorsFileTests {
    let scratch = Scratch()

    @Test func readsAFileOfThePythonPackage() throws {
        let file = try SafetensorsFile(try scratch.file("python.safetensors", pythonFixture))
        #expect(file.metadata == ["format": "pt"])
        #expect(
            file.entries.map(\.name) == [
                "steps", "empty", "head.bias", "head.weight", "brain", "half", "grad/ü \"q\"", "mask",
            ])
        let weight = try file.entry("head.weight")
        #expect(weight.type == .f32 && weight.shape == [2, 3] && weight.elementCount == 6)
        let values = file.withBytes(of: weight) { Array($0.bindMemory(to: Float.self)) }
        #expect(values == [0, 0.25, 0.5, 0.75, 1, 1.25])
        let steps = try file.entry("steps")
        #expect(steps.shape.isEmpty && steps.elementCount == 1)
        #expect(file.withBytes(of: steps) { $0.loadUnaligned(as: Int64.self) } == 123_456_789_012)
        let brain = try file.entry("brain")
        #expect(file.withBytes(of: brain) { Array($0) } == [0x80, 0x3f, 0x49, 0x40])
        #expect(file["empty"]?.range.isEmpty == true)
        #expect(file["nothing"] == nil)
    }

    @Test func aMissingTensorNamesTheNearest() throws {
        let file = try SafetensorsFile(try scratch.file("python.safetensors", pythonFixture))
        #expect(throws: Failure.data("\(file.path) has no tensor \"head.wieght\"; did you mean head.weight?")) {
            try file.entry("head.wieght")
        }
    }

    @Test func aFileThatIsNotThereAndAFolderAreNamed() throws {
        #expect(throws: Failure.data("there is no file \(scratch.path)/no")) {
            try SafetensorsFile(scratch.path + "/no")
        }
        #expect(throws: Failure.data("\(scratch.path) is not a plain file")) { try SafetensorsFile(scratch.path) }
        let empty = try scratch.file("empty", [])
        #expect(throws: Failure.data("\(empty) holds 0 bytes; a safetensors file has at least 8")) {
            try SafetensorsFile(empty)
        }
    }

    /// Each fault of the header is found and named; `part` is a piece of the message.
    @Test(arguments: [
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 8, "no failure"),
        (#"{}"#, 0, "no failure"),
        (#"{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#, 0, "no failure"),
        (#"{"a":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}}"#, 8, "tensor \"a\" has the dtype \"F33\""),
        (#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, 8, "has 8 bytes; shape [3] of F32 takes 12"),
        (#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,8]}}"#, 8, "has -1 in its shape"),
        (#"{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}"#, 8, "in its shape"),
        (
            #"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}"#, 0,
            "more bytes than can be counted"
        ),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 7, "takes bytes 0 to 8; the file has 0 to 7"),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, 8, "takes bytes 8 to 0"),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}"#, 8, "takes bytes -8 to 0"),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}"#, 8, "no data_offsets of two integers"),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 9, "1 bytes after tensor \"a\""),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}}"#, 9, "1 bytes before tensor \"a\""),
        (
            #"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#,
            3, "tensor \"b\" overlaps tensor \"a\""
        ),
        (#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2],"x":1}}"#, 2, "unknown member \"x\""),
        (#"{"a":{"dtype":"U8","data_offsets":[0,2]}}"#, 2, "has no shape"),
        (#"{"a":{"shape":[2],"data_offsets":[0,2]}}"#, 2, "has no dtype"),
        (#"{"a":3}"#, 0, "not described by a JSON object"),
        (#"{"__metadata__":{"a":1}}"#, 0, "__metadata__ entry \"a\" is 1"),
        (#"{"__metadata__":[]}"#, 0, "__metadata__ is not a JSON object"),
        (#"{"a":{},"a":{}}"#, 0, "names \"a\" twice"),
        (#"[]"#, 0, "does not begin with '{'"),
        (#"{"a""#, 0, "a.safetensors (header):1:5"),
    ]) func headerFaultsAreNamed(header: String, data: Int, part: String) {
        let message = messageOf(file(header: header, data: data))
        #expect(message.contains(part), "\(message)")
        #expect(message == "no failure" || message.hasPrefix("a.safetensors"))
    }

    @Test func lengthsAreChecked() {
        let whole = file(header: "{}", data: 0)
        #expect(messageOf(whole) == "no failure")
        #expect(messageOf(Array(whole.dropLast())).contains("is cut off: its header ends at byte 10, the file at 9"))
        #expect(messageOf([1, 2, 3]).contains("holds 3 bytes"))
        let giant = [UInt8](repeating: 0xff, count: 16)
        #expect(messageOf(giant).contains("100000000 are allowed"))
        #expect(messageOf(Array("PK\u{3}\u{4} and more of it".utf8)).contains("zip archive, as torch.save writes"))
    }

    /// Thousands of damaged files: each loads or throws, and what loads lies inside the file.
    @Test func damagedFilesNeverCrash() throws {
        var random = Random(seed: 1, purpose: .test)
        var loaded = 0
        for _ in 0..<20_000 {
            var bytes = pythonFixture
            for _ in 0...random.below(4) {
                switch random.below(5) {
                case 0: bytes[random.below(bytes.count)] = UInt8(random.below(256))
                case 1: bytes[random.below(bytes.count)] ^= 1 << UInt8(random.below(8))
                case 2: bytes.removeLast(random.below(bytes.count - 8))
                case 3: bytes.insert(UInt8(random.below(256)), at: random.below(bytes.count))
                default:  // a digit elsewhere: keeps the JSON valid, so that the later checks are reached
                    let digits = bytes.indices.filter { (0x30...0x39).contains(bytes[$0]) }
                    if !digits.isEmpty { bytes[digits[random.below(digits.count)]] = UInt8(0x30 + random.below(10)) }
                }
                if bytes.count < 16 { break }
            }
            let outcome = bytes.withUnsafeBytes { buffer in
                Result { () throws(Failure) in try SafetensorsHeader(buffer, file: "f") }
            }
            if case .success(let header) = outcome {
                loaded += 1
                for entry in header.entries {
                    #expect(entry.range.lowerBound >= 8 && entry.range.upperBound <= bytes.count)
                }
            }
        }
        #expect(loaded > 100 && loaded < 19_000, "the mutations are too mild or too wild: \(loaded) loaded")
    }

    @Test func damagedFilesOnDiskNeverCrash() throws {
        var random = Random(seed: 2, purpose: .test)
        for i in 0..<200 {
            var bytes = pythonFixture
            bytes[random.below(bytes.count)] = UInt8(random.below(256))
            if i % 3 == 0 { bytes.removeLast(random.below(bytes.count)) }
            let path = try scratch.file("damaged", bytes)
            guard let file = try? SafetensorsFile(path) else { continue }
            for entry in file.entries {
                let sum = file.withBytes(of: entry) { $0.reduce(0) { $0 &+ Int($1) } }
                #expect(sum >= 0)
            }
        }
    }
}
