import Annotations
import Base
import Checkpoints
import Geometry
import Layers
import Models
import Testing
import Torch

@testable import Training

@Suite(.serialized) struct DetectorTests {
    let scratch: Scratch
    let classes = ClassTable(names: ["cat", "naïve \"dog\"", "third"], ids: [3, 7, 90])

    init() throws { scratch = try Scratch() }

    private func detector(_ name: String = "nano", seed: UInt64 = 1, classes: ClassTable? = nil) throws -> Detector {
        try Detector(
            name: name, classes: classes ?? self.classes, canvas: Size(width: 96, height: 64), seed: seed, device: .cpu)
    }

    @Test func whatIsSavedComesBack() throws {
        let path = scratch.file("weights.safetensors")
        let one = try detector()
        try one.save(to: path, note: ["stage": "train-123"])
        let two = try Detector(weights: path, device: .cpu)
        #expect(two.name == "nano" && two.classes == classes && two.canvas == Size(width: 96, height: 64))
        #expect(two.spec == one.spec && two.anchors.count == one.anchors.count)
        #expect(one.parameters.entries.map(\.name) == two.parameters.entries.map(\.name))
        for (a, b) in zip(one.parameters.entries, two.parameters.entries) {
            #expect(a.tensor.bytes() == b.tensor.bytes(), "\(a.name)")
        }
        try two.save(to: scratch.file("again.safetensors"), note: ["stage": "train-123"])
        #expect(try Files.read(path) == Files.read(scratch.file("again.safetensors")))
        // What other tools read of it.
        let file = try SafetensorsFile(path)
        #expect(file.metadata["format"] == "pt")
        let about = try JSON.parse(file.metadata["pupil"] ?? "", file: path)
        #expect(about["class_ids"]?.array?.compactMap(\.int) == [3, 7, 90] && about["stage"]?.string == "train-123")
    }

    @Test func seedsDecideTheWeights() throws {
        func first(_ seed: UInt64) throws -> [UInt8] { try detector(seed: seed).parameters.entries[0].tensor.bytes() }
        #expect(try first(1) == first(1))
        #expect(try first(1) != first(2))
    }

    @Test func weightsOfAnotherModelAreRefusedByName() throws {
        let path = scratch.file("nano.safetensors")
        try detector().save(to: path)
        let file = try SafetensorsFile(path)
        // Same depth of names but wider: a shape; another backbone: a missing or a foreign tensor.
        let small = try #require(throws: Failure.self) {
            try detector("small").parameters.loadAll(from: file, model: "small")
        }
        #expect(small.code == .invalidData && small.message.hasPrefix(path), "\(small.message)")
        let fewer = try #require(throws: Failure.self) {
            try detector(classes: ClassTable(names: ["a"])).parameters.loadAll(from: file, model: "nano")
        }
        #expect(fewer.message.contains("head.classification_head.cls_logits"), "\(fewer.message)")
        #expect(fewer.message.contains("[27, 64, 3, 3]") && fewer.message.contains("[9, 64, 3, 3]"), "\(fewer.message)")
    }

    @Test func tensorsTooManyOrTooFewAreNamed() throws {
        let one = try detector()
        let all = one.parameters.entries.map { (name: $0.name, tensor: $0.tensor) }
        let extra = scratch.file("extra.safetensors")
        try TensorFile.write(
            all + [(name: "backbone.body.conv1.weights", tensor: Tensor.zeros([1]))], metadata: [:], to: extra)
        let failure = try #require(throws: Failure.self) {
            try one.parameters.loadAll(from: try SafetensorsFile(extra), model: "nano")
        }
        #expect(failure.message.contains("backbone.body.conv1.weights belongs to another model than nano"))
        #expect(failure.message.contains("did you mean backbone.body.conv1.weight?"), "\(failure.message)")
        let fewer = scratch.file("fewer.safetensors")
        try TensorFile.write(Array(all.dropFirst()), metadata: [:], to: fewer)
        let missing = try #require(throws: Failure.self) {
            try one.parameters.loadAll(from: try SafetensorsFile(fewer), model: "nano")
        }
        #expect(missing.message.contains(all[0].name) && missing.message.contains(fewer), "\(missing.message)")
    }

    /// A start of as many other classes gives no class head, and one of the same classes gives it.
    @Test func headsOfOtherClassesStayApart() throws {
        func detector(_ names: [String], seed: UInt64) throws -> Detector {
            try Detector(
                name: "pico", classes: ClassTable(names: names), canvas: Size(width: 64, height: 64), seed: seed,
                device: .cpu)
        }
        let path = scratch.file("animals.safetensors")
        let animals = try detector(["cat", "dog"], seed: 1)
        try animals.save(to: path)
        let file = try WeightsFile.open(path)
        let head = "head.classification_head.cls_logits."
        for (names, isTaken) in [(["cat", "dog"], true), (["dog", "cat"], false), (["car", "bus"], false)] {
            let other = try detector(names, seed: 2)
            let match = try other.begin(from: file)
            #expect(match.kept == (isTaken ? [] : [head + "weight", head + "bias"]) && match.dropped == match.kept)
            func isSame(_ name: String) -> Bool {
                other.parameters[name]?.floats == animals.parameters[name]?.floats
            }
            #expect(isSame(head + "weight") == isTaken && isSame("head.regression_head.bbox_reg.weight"))
            #expect(isSame("backbone.body.conv1.weight"))
        }
    }

    @Test func whatIsNoDetectorSaysSo() throws {
        func message(_ metadata: [String: String]) throws -> String {
            let path = scratch.file("odd.safetensors")
            try TensorFile.write([(name: "x", tensor: Tensor.zeros([1]))], metadata: metadata, to: path)
            let failure = try #require(throws: Failure.self) { try Detector(weights: path, device: .cpu) }
            #expect(failure.code == .invalidData && failure.message.contains(path), "\(failure.message)")
            return failure.message
        }
        #expect(try message([:]).contains("no trained model of ours"))
        #expect(try message(["pupil": "{"]).contains("metadata"))
        #expect(try message(["pupil": "{}"]).contains("format none"))
        #expect(
            try message(["pupil": #"{"format":1,"model":"nano"}"#]).contains("format 1; this program reads format 2"))
        #expect(try message(["pupil": #"{"format":2}"#]).contains("lacks model, width"))
        let good = #"{"format":2,"model":"nano","width":64,"height":64,"classes":["a"],"class_ids":[1]}"#
        #expect(try message(["pupil": good.replacing("nano", with: "nanoo")]).contains("did you mean nano?"))
        #expect(try message(["pupil": good.replacing(":64", with: ":65")]).contains("multiple of 32"))
        #expect(try message(["pupil": good.replacing("[1]", with: "[1,2]")]).contains("class_ids"))
        let failure = try #require(throws: Failure.self) { try Detector(weights: scratch.file("none"), device: .cpu) }
        #expect(failure.code == .invalidData && failure.message.contains(scratch.file("none")))
    }

    @Test func wrongNamesAndSizesAreUsage() throws {
        for (name, size, words) in [
            ("nanoo", 64, "did you mean nano?"), ("nano", 100, "100"), ("nano", 0, "multiple of 32"),
        ] {
            let failure = try #require(throws: Failure.self) {
                try Detector(
                    name: name, classes: classes, canvas: Size(width: size, height: size), seed: 0, device: .cpu)
            }
            #expect(failure.code == .usage && failure.message.contains(words), "\(failure.message)")
        }
    }
}
