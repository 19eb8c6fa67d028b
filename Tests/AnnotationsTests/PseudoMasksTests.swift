import Base
import Geometry
import Imaging
import Testing

@testable import Annotations

@Suite struct PseudoMasksTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func at(_ name: String) -> String { Files.join(scratch.path, name) }

    private let classes = ClassTable(names: ["a", "b"], ids: [0, 1])

    /// Two labelled pictures and a refused one.
    private func store(sure: [UInt8] = [127, 128, 255, 200]) throws -> String {
        let folder = at("store")
        for kind in ["masks", "confidence"] { try Files.makeFolder(Files.join(folder, kind)) }
        let names = ["x.jpg", "y.jpg", "z.jpg"]
        let store = try MaskStore.open(
            Files.join(folder, "store.jsonl"),
            header: StoreHeader(
                teacher: "t", pool: "p", count: 3, classes: classes, floor: 0, decoding: ["scales": [0.5, 1]]),
            names: names)
        for (name, values) in [("x", sure), ("z", [10, 20, 30, 40])] {
            try Files.write(
                LabelMap(width: 2, height: 2, labels: [0, 1, 1, 0]).png(), to: Files.join(folder, "masks/\(name).png"))
            try Files.write(
                LabelMap(width: 2, height: 2, labels: values).greyPNG(),
                to: Files.join(folder, "confidence/\(name).png"))
        }
        var histogram = [Int](repeating: 0, count: 20)
        histogram[9] = 4
        func labelled(_ name: String) -> MaskRecord {
            MaskRecord(
                fileName: name + ".jpg", sha256: "aa",
                outcome: .labelled(size: Size(width: 2, height: 2), mask: name + ".png", histogram: histogram))
        }
        try store.append([
            labelled("x"), MaskRecord(fileName: "y.jpg", sha256: "", outcome: .refused("a TIFF")), labelled("z"),
        ])
        return folder
    }

    /// 0.5 keeps 128 and more, so that 127/256 is not a half.
    @Test func unsurePixelsAreIgnored() throws {
        let labels = try PseudoMasks.select(
            store: try store(), root: "/pool", threshold: 0.5, into: at("labels"))
        #expect(labels.dataset.examples.map(\.fileName) == ["x.jpg"])
        #expect(try labels.dataset.labelMap(of: labels.dataset.examples[0]).labels == [255, 1, 1, 0])
        #expect(labels.summary.keptPerClass == [1, 2])
        let s = labels.summary
        #expect(s.images == 2 && s.refused == 1 && s.droppedImages == 1 && s.pixels == 8 && s.kept == 3)
        #expect(s.histogram[9] == 8 && s.histogramText.split(separator: "\n").count == 20)
        let json = try Files.readJSON(at("labels/labels.json"))
        #expect(
            json["dropped_images"]?.array?.compactMap { $0["reason"]?.string } == [
                "refused: a TIFF", "no pixel was kept",
            ])
        #expect(json["teacher"]?.string == "t" && json["images"]?.array?.first?["sha256"]?.string == "aa")
        // Read again, it is the same.
        let again = try PseudoMasks.read(at("labels"), root: "/pool")
        #expect(again.summary == s && again.dataset.examples.map(\.mask) == labels.dataset.examples.map(\.mask))
    }

    @Test func fewLabelsWarnAndNoneStop() throws {
        let labels = try PseudoMasks.select(
            store: try store(), root: "/pool", threshold: 0.5, into: at("labels"))
        // 3 of 8 pixels.
        #expect(try labels.summary.check(humanShare: 1) == nil)
        let few = try PseudoMasks.select(
            store: at("store"), root: "/pool", threshold: 0.99, into: at("few"))
        #expect(few.summary.kept == 1)
        #expect(try few.summary.check(humanShare: 1)?.contains("few pseudo-labels: 12.5 %") == true)
        #expect(throws: Failure.self) { try few.summary.check(humanShare: 3) }
        let none = PseudoMaskSummary(threshold: 0.5, classes: classes)
        let failure = #expect(throws: Failure.self) { try none.check(humanShare: 0) }
        #expect(failure?.code == .invalidData && failure?.message.contains("> 0.50") == true)
    }

    @Test func namesOfMasksFollowPictures() {
        #expect(maskNames(["a.jpg", "b/c.png", "/d/e.jpg"]) == ["a.png", "b/c.png", "d/e.png"])
        #expect(maskNames(["a.jpg", "a.png", "b.jpg"]) == ["a.jpg.png", "a.png.png", "b.png"])
        #expect(maskNames(["a.jpg", "a.png", "a.jpg.jpg"]) == ["a.jpg.png", "a.png.png", "a.jpg.jpg.png"])
    }
}
