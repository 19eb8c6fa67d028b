import Base
import Testing

@testable import Checkpoints

@Suite struct TorchFileTests {
    let scratch = Scratch()

    /// What torch.load found in the fixtures: [name, type, shape, bytes] of each tensor.
    private static let expected: [String: JSON] = {
        guard case .object(let files)? = try? Files.readJSON(fixture("expected.json")) else { return [:] }
        return files
    }()

    @Test func thereAreFixtures() { #expect(Self.expected.count >= 18) }

    @Test(arguments: expected.keys.sorted()) func equalsTorch(_ name: String) throws {
        let file = try WeightsFile.open(fixture(name), key: name == "teacher.pth" ? "teacher" : nil)
        #expect(file.form == (name.contains("legacy") ? .torchPickle : .torchZip))
        var expected = try #require(Self.expected[name]?.array)
        // What our rules take off and leave out.
        let prefix = name.hasPrefix("training") || name.hasPrefix("averaged") ? "module." : ""
        expected.removeAll { $0.array?[0].string == "n_averaged" }
        #expect(file.entries.map { prefix + $0.name } == expected.map { $0.array?[0].string })
        for (entry, item) in zip(file.entries, expected) {
            let item = try #require(item.array)
            #expect(entry.type.rawValue == item[1].string)
            #expect(JSON.array(entry.shape.map { .int($0) }) == item[2])
            let bytes = file.withBytes(of: entry) { Array($0) }
            #expect(bytes == unhex(try #require(item[3].string)), "\(entry.name)")
            #expect(bytes.count == entry.elementCount * entry.type.byteCount)
        }
    }

    @Test func viewsAreCopiedAndTiedTensorsShare() throws {
        for name in ["views.pth", "views-legacy.pth"] {
            let file = try WeightsFile.open(fixture(name))
            #expect(try file.entry("channels_last").strides == [12, 1, 6, 3])
            #expect(try file.entry("expanded").strides == [1, 0])
            #expect(try file.entry("offset").strides == nil)
            #expect(try file.entry("tied.a").range == file.entry("tied.b").range)
            #expect(try file.entry("tied.row").range.upperBound == file.entry("tied.a").range.upperBound)
        }
    }

    @Test func aTrainingCheckpointSaysWhatWasTaken() throws {
        let file = try WeightsFile.open(fixture("training.pth"))
        #expect(file.notes == ["took \"state_dict\"", "took the prefix \"module.\" off all names"])
        #expect(
            file.metadata == ["epoch": "1", "arch": "resnet50", "best": "0.75", "done": "false", "negative": "-5"])
        #expect(file["1.num_batches_tracked"]?.shape == [])
        let averaged = try WeightsFile.open(fixture("averaged.pth"))
        #expect(
            averaged.notes == [
                "took \"model_ema\"", "did not take \"model\"", "took the prefix \"module.\" off all names",
                "left out the counter \"n_averaged\"",
            ])
        #expect(
            try WeightsFile.open(fixture("averaged.pth"), key: "model").entries.map(\.name) == [
                "weight", "steps", "mask",
            ])
    }

    @Test func severalDictionariesNeedAKey() throws {
        let path = fixture("teacher.pth")
        #expect(
            throws: Failure.data(
                "\(path) holds several dictionaries of tensors; choose one by its key: \"student\", \"teacher\"")
        ) { try WeightsFile.open(path) }
        #expect(throws: Failure.data("\(path) has no \"teachr\"; did you mean teacher?")) {
            try WeightsFile.open(path, key: "teachr")
        }
        #expect(throws: Failure.data("\(path): \"epoch\" leads to an integer; a dictionary of tensors was expected")) {
            try WeightsFile.open(path, key: "epoch")
        }
        #expect(try WeightsFile.open(path, key: "student").notes == ["took \"student\""])
        let training = fixture("training.pth")
        #expect(
            throws: Failure.data(
                "\(training): \"optimizer.state\" holds no dictionary of tensors; "
                    + "it holds an integer, an integer, an integer, an integer")
        ) {
            try WeightsFile.open(training, key: "optimizer.state")
        }
    }

    /// Each refusal of a file that torch or numpy writes.
    @Test(arguments: [
        (
            "refused-model.pth",
            ": refused-model/data.pkl, byte 2: GLOBAL names torch.nn.modules.container.Sequential, which is not read: "
                + "tensors and plain containers were expected, as torch.save(model.state_dict(), path) writes"
        ),
        ("refused-complex.pth", ": tensor \"c\" is of ComplexFloatStorage, which is not read"),
        ("refused-conjugate.pth", ": tensor \"c\" has its conj or neg bit set"),
        ("refused-float8.pth", ": tensor \"f\" has an element type that is not read: torch.float8_e4m3fn"),
        ("refused-sparse.pth", ": tensor \"s\" is sparse"),
        ("refused-quantized.pth", ": tensor \"q\" is quantized"),
        ("refused-meta.pth", ": tensor \"m\" is on the meta device: it has no values"),
        (
            "refused-numpy.npz",
            " is a zip archive, but not one of torch.save: it has no data.pkl (it looks like an archive of numpy arrays)"
        ),
        (
            "refused-plain.pkl",
            ", byte 49: GLOBAL names torch.storage._load_from_bytes, which is not read: tensors and plain containers "
                + "were expected, as torch.save(model.state_dict(), path) writes"
        ),
        (
            "refused-class.pkl",
            ", byte 37: STACK_GLOBAL names __main__.Unlike, which is not read: tensors and plain containers were "
                + "expected, as torch.save(model.state_dict(), path) writes"
        ),
    ]) func refusalsAreNamed(_ name: String, _ message: String) {
        #expect(throws: Failure.data(fixture(name) + message)) { try WeightsFile.open(fixture(name)) }
    }

    /// The form is told by content.
    @Test func otherFilesAreGuessed() throws {
        let files: [([UInt8], String)] = [
            ([], " (it is empty)"), (Array("hello there".utf8), ""),
            ([0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a], " (it looks like HDF5)"),
            (Array("<!doctype html>".utf8), " (it looks like a web page)"),
            (
                Array("version https://git-lfs.github.com/spec/v1".utf8),
                " (it is a Git LFS pointer: fetch the file itself)"
            ),
            ([0x93] + Array("NUMPY".utf8) + [1, 0], " (it looks like a numpy array)"),
            ([0x1f, 0x8b, 8, 0], " (it is compressed by gzip: unpack it first)"),
            (
                [UInt8](repeating: 0, count: 257) + Array("ustar".utf8),
                " (it looks like a tar archive: unpack it first)"
            ),
            (
                Array("model_checkpoint_path: \"model.ckpt-1\"".utf8),
                " (it looks like part of a TensorFlow checkpoint)"
            ),
            (
                [UInt8](repeating: 0, count: 40) + [0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb],
                " (it looks like part of a TensorFlow checkpoint)"
            ),
        ]
        for (bytes, guess) in files {
            let path = try scratch.file("what.pth", bytes)
            #expect(throws: Failure.data("\(path) is neither a safetensors file nor one of PyTorch\(guess)")) {
                try WeightsFile.open(path)
            }
        }
        let path = try scratch.file("weights.pth", pythonFixture)  // safetensors by another name
        let file = try WeightsFile.open(path)
        #expect(file.form == .safetensors && file is SafetensorsFile && file.entries.count == 8)
        #expect(
            throws: Failure.data("\(path) is a safetensors file: it has one dictionary, and no \"model\" to choose")
        ) { try WeightsFile.open(path, key: "model") }
        // A header of 640 bytes: 80 02, as a pickle of protocol 2 begins.
        let header = #"{"__metadata__":{"a":""# + String(repeating: "x", count: 640 - 25) + #""}}"#
        #expect(header.utf8.count == 640)
        let bytes = little(UInt64(640)) + Array(header.utf8)
        #expect(try WeightsFile.open(try scratch.file("pickled", bytes)).form == .safetensors)
    }

    /// A file cut off anywhere is refused, with its name.
    @Test(arguments: ["protocol2.pth", "protocol4.pth", "protocol3-legacy.pth", "parameters-legacy.pth"])
    func everyCutIsRefused(_ name: String) throws {
        let whole = try Files.read(fixture(name))
        for count in 0..<whole.count {
            let failure = #expect(throws: Failure.self, "\(count)") { try read(Array(whole[..<count]), name).get() }
            #expect(failure?.code == .invalidData && failure?.message.hasPrefix("f") == true)
        }
        for count in stride(from: 0, to: whole.count, by: 151) {
            let path = try scratch.file("cut.pth", Array(whole[..<count]))
            let failure = #expect(throws: Failure.self, "\(count)") { try WeightsFile.open(path) }
            #expect(failure?.code == .invalidData && failure?.message.hasPrefix(path) == true)
        }
    }

    private func read(_ bytes: [UInt8], _ name: String) -> Result<WeightsContents, Failure> {
        bytes.withUnsafeBytes { buffer in
            Result { () throws(Failure) in
                name.contains("legacy")
                    ? try TorchFile.pickle(buffer, file: "f", key: nil)
                    : try TorchFile.zip(buffer, file: "f", key: nil)
            }
        }
    }

    /// Thousands of damaged files: each opens or is refused, and what opens lies inside the file.
    @Test(arguments: ["training.pth", "views-legacy.pth", "views.pth", "protocol1.pth"])
    func damagedFilesNeverCrash(_ name: String) throws {
        let whole = try Files.read(fixture(name))
        var random = Random(seed: 4, purpose: .test)
        var opened = 0
        for _ in 0..<5_000 {
            var bytes = whole
            for _ in 0...random.below(3) {
                let at = random.below(bytes.count)
                switch random.below(4) {
                case 0: bytes[at] = UInt8(random.below(256))
                case 1: bytes[at] ^= 1 << UInt8(random.below(8))
                case 2: bytes[at] = [0, 1, 2, 0x7f, 0x80, 0xff][random.below(6)]
                default: bytes.remove(at: at)
                }
            }
            guard case .success(let contents) = read(bytes, name) else { continue }
            opened += 1
            for entry in contents.entries { #expect(entry.range.upperBound <= bytes.count) }
        }
        #expect(opened > 50 && opened < 4_900, "the damage is too mild or too wild: \(opened) opened")
    }
}
