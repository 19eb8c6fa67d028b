import Base
import Testing

@testable import Checkpoints

func bytes<T>(_ values: [T]) -> [UInt8] { values.withUnsafeBytes { Array($0) } }

@Suite struct SafetensorsWriterTests {
    let scratch = Scratch()

    /// The tensors of Tools/reference/safetensors_fixture.py, those of one width in the Python package's order.
    let sources = [
        TensorSource(name: "empty", type: .f32, shape: [0, 4], bytes: []),
        TensorSource(name: "head.bias", type: .f32, shape: [2], bytes: bytes([-1.5, 2.5] as [Float])),
        TensorSource(
            name: "head.weight", type: .f32, shape: [2, 3], bytes: bytes((0..<6).map { Float($0) / 4 } as [Float])),
        TensorSource(name: "brain", type: .bf16, shape: [2], bytes: [0x80, 0x3f, 0x49, 0x40]),
        TensorSource(name: "half", type: .f16, shape: [3], bytes: [0x00, 0x3c, 0x00, 0xc0, 0x00, 0x38]),
        TensorSource(name: "grad/ü \"q\"", type: .u8, shape: [1], bytes: [7]),
        TensorSource(name: "mask", type: .bool, shape: [3], bytes: [1, 0, 1]),
        TensorSource(name: "steps", type: .i64, shape: [], bytes: bytes([123_456_789_012] as [Int64])),
    ]

    @Test func theBytesAreThoseOfThePythonPackage() throws {
        let path = Files.join(scratch.path, "a.safetensors")
        try SafetensorsWriter.write(to: path, metadata: ["format": "pt"], tensors: sources)
        #expect(try Files.read(path) == pythonFixture)
        #expect(try Files.list(scratch.path) == ["a.safetensors"])  // no temporary file is left
    }

    @Test func whatIsWrittenReadsBack() throws {
        let path = Files.join(scratch.path, "b.safetensors")
        let metadata = ["step": "12", "a \"quoted\" key": "line\nline", "é": ""]
        var random = Random(seed: 3, purpose: .test)
        var tensors: [TensorSource] = []
        var contents: [String: [UInt8]] = [:]
        for i in 0..<200 {
            let type = ElementType.allCases[random.below(ElementType.allCases.count)]
            let shape = (0..<random.below(4)).map { _ in random.below(5) }
            let count = shape.reduce(type.byteCount, *)
            let values = (0..<count).map { _ in UInt8(random.below(256)) }
            contents["t\(i)"] = values
            tensors.append(TensorSource(name: "t\(i)", type: type, shape: shape, bytes: values))
        }
        try SafetensorsWriter.write(to: path, metadata: metadata, tensors: tensors)
        let file = try SafetensorsFile(path)
        #expect(file.metadata == metadata)
        #expect(file.entries.count == 200)
        for tensor in tensors {
            let entry = try file.entry(tensor.name)
            #expect(entry.type == tensor.type && entry.shape == tensor.shape)
            #expect(file.withBytes(of: entry) { Array($0) } == contents[tensor.name])
            let aligned = file.withBytes(of: entry) { UInt(bitPattern: $0.baseAddress) % UInt(entry.type.byteCount) }
            #expect(aligned == 0)
        }
    }

    @Test func theHeaderIsAMultipleOfEightAndTheOrderIsTheCallers() throws {
        for length in 1...9 {
            let name = String(repeating: "n", count: length)
            let source = TensorSource(name: name, type: .u8, shape: [1], bytes: [1])
            #expect(SafetensorsWriter.header(metadata: [:], tensors: [source]).count % 8 == 0)
        }
        let path = Files.join(scratch.path, "c.safetensors")
        let names = ["z", "a", "m"]
        try SafetensorsWriter.write(
            to: path, tensors: names.map { TensorSource(name: $0, type: .u8, shape: [1], bytes: [1]) })
        #expect(try SafetensorsFile(path).entries.map(\.name) == names)
    }

    @Test func aFolderThatIsNotThereIsNamedAndAnOldFileSurvives() throws {
        let path = "\(scratch.path)/no/a.safetensors"
        let failure = #expect(throws: Failure.self) { try SafetensorsWriter.write(to: path, tensors: []) }
        #expect(failure?.message.contains(path) == true)
    }

    @Test func aSourceOfTheWrongSizeTraps() async {
        await #expect(processExitsWith: .failure) {
            let source = TensorSource(name: "w", type: .f32, shape: [2], bytes: [1, 2, 3])
            try SafetensorsWriter.write(to: "/tmp/pupil-never-written.safetensors", tensors: [source])
        }
    }
}
