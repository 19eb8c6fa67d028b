import Base
import Geometry
import Testing

@testable import Annotations

@Suite struct PseudoLabelsTests {
    private func box(_ i: Int) -> Box { Box(x1: Float(i), y1: 1.5, x2: Float(i) + 20.25, y2: 30) }

    private func scored(_ name: String, _ found: [(label: Int, score: Float)]) -> PredictionRecord {
        .init(
            fileName: name, sha256: Digest(of: name).description,
            outcome: .scored(
                size: Size(width: 100, height: 50),
                detections: found.enumerated().map { Detection(box: box($0), label: $1.label, score: $1.score) }))
    }

    private var records: [PredictionRecord] {
        [
            scored("a.jpg", [(0, 0.9), (1, 0.5), (0, 0.49)]), scored("b.jpg", [(1, 0.2)]), scored("c.jpg", []),
            .init(fileName: "d.jpg", sha256: "", outcome: .refused("12-bit JPEG")),
            scored("e.jpg", [(1, 1), (1, 0.75)]),
        ]
    }

    private func header(_ count: Int = 5) -> PredictionStore.Header {
        .init(
            teacher: "t0", pool: "p0", count: count, classes: ClassTable(names: ["a", "b"], ids: [3, 8]), floor: 0.05,
            decoding: ["nms": 0.5])
    }

    /// The labels of a store with these records, which are written as a file where one is asked for.
    private func select(
        _ threshold: Float = 0.5, keepEmpty: Bool = false, of some: [PredictionRecord]? = nil,
        writtenTo file: String? = nil
    ) throws -> PseudoLabels {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let (path, records) = (scratch.path + "/store.jsonl", some ?? self.records)
        try PredictionStore.open(path, header: header(records.count), names: records.map(\.fileName)).append(records)
        let labels = try PseudoLabels.select(store: path, root: "/pool", threshold: threshold, keepEmpty: keepEmpty)
        if let file { try labels.write(to: file) }
        return labels
    }

    @Test func hardLabelsAtOrAboveTheThreshold() throws {
        let labels = try select()
        let set = labels.dataset
        #expect(set.examples.map(\.fileName) == ["a.jpg", "e.jpg"] && set.examples.map(\.id) == [1, 5])
        #expect(set.root == "/pool" && set.classes == header().classes)
        #expect(set.examples[0].annotations.map(\.label) == [0, 1])
        #expect(set.examples.flatMap(\.annotations).map(\.id) == [1, 2, 3, 4])
        #expect(set.examples.flatMap(\.annotations).map(\.provenance?.score) == [0.9, 0.5, 1, 0.75])
        #expect(set.examples.flatMap(\.annotations).allSatisfy { $0.treatment == .object })
        let s = labels.summary
        #expect(s.images == 4 && s.refused == 1 && s.imagesWithBoxes == 2 && s.droppedImages == 2)
        #expect(s.keptPerClass == [1, 3] && s.kept == 4 && s.keptPerImage == 1)
        #expect(s.histogram[18] == 1 && s.histogram[19] == 1 && s.histogram[9] == 1 && s.histogram[4] == 1)
        #expect(s.histogram.reduce(0, +) == 6)
        #expect(s.json["kept_per_class"] == ["a": 1, "b": 3])
    }

    @Test func aThresholdThatTheStoreCannotAnswerIsRefused() {
        for threshold in [0.04, 1.01, Float.nan] {
            #expect(message { _ = try select(threshold) }.contains("0.05"))
        }
    }

    @Test func emptyPicturesCanStayAsBackground() throws {
        let labels = try select(keepEmpty: true)
        #expect(labels.dataset.examples.map(\.fileName) == ["a.jpg", "b.jpg", "c.jpg", "e.jpg"])
        #expect(labels.summary.droppedImages == 0 && labels.summary.imagesWithBoxes == 2)
    }

    @Test func theFileSaysWhereEachLabelIsFrom() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let path = scratch.path + "/labels.json"
        let labels = try select(writtenTo: path)
        let back = try Dataset.coco(path, images: scratch.path)
        #expect(back.examples.map(\.annotations) == labels.dataset.examples.map(\.annotations))
        #expect(back.examples.map(\.id) == [1, 5] && back.classes == header().classes)
        let json = try Files.readJSON(path)
        let about = json["info"]?["pupil"]
        #expect(about?["teacher"] == "t0" && about?["threshold"] == 0.5 && about?["summary"]?["refused"] == 1)
        #expect(json["images"]?.array?[1]["sha256"]?.string == Digest(of: "e.jpg").description)
        let left = try #require(json["not_kept"]?.array)
        #expect(left.map { $0["score"]?.double } == [0.49, 0.2])
        #expect(left[0]["reason"] == "score below the threshold" && left[0]["category_id"] == 3)
        let dropped = try #require(json["dropped_images"]?.array)
        #expect(dropped.map { $0["file_name"]?.string } == ["b.jpg", "c.jpg", "d.jpg"])
        #expect(dropped[2]["reason"] == "refused: 12-bit JPEG" && dropped[0]["reason"] == "no box was kept")
    }

    /// What is not kept is looked up in the store when the file is written, however much it is.
    @Test func theFileOfManyDetections() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let path = scratch.path + "/labels.json"
        let many = (0..<300).map { i in
            scored("\(i).jpg", (0..<50).map { (label: $0 % 2, score: $0 == 0 ? 0.5 : 0.25) })
        }
        let labels = try select(of: many, writtenTo: path)
        #expect(labels.summary.kept == 300 && labels.summary.histogram[5] == 300 * 49)
        let json = try Files.readJSON(path)
        let left = try #require(json["not_kept"]?.array)
        #expect(left.count == 300 * 49 && json["annotations"]?.array?.count == 300)
        #expect(left.last?["file_name"]?.string == "299.jpg" && json["dropped_images"]?.array?.isEmpty == true)
    }

    @Test func aStoreThatIsNotWholeGivesNoLabels() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let path = scratch.path + "/store.jsonl"
        let store = try PredictionStore.open(path, header: header(), names: records.map(\.fileName))
        try store.append(Array(records[..<4]))
        let said = message { _ = try PseudoLabels.select(store: path, root: "", threshold: 0.5) }
        #expect(said.contains("\(path):6: the store ends here, with 4 of 5"), "\(said)")
    }

    @Test func theThresholdOfAHumanDensity() throws {
        let summary = try select().summary
        #expect(summary.threshold(forBoxesPerImage: 1) == 0.5)
        #expect(summary.threshold(forBoxesPerImage: 1.25) == 0.49)
        #expect(summary.threshold(forBoxesPerImage: 0.25) == 1)
        #expect(summary.threshold(forBoxesPerImage: 2) == nil && summary.threshold(forBoxesPerImage: 0) == nil)
    }

    @Test func fewLabelsWarnAndTooFewFail() throws {
        let summary = try select().summary  // one box a picture
        #expect(try summary.check(humanBoxesPerImage: 3.3) == nil)
        let warning = try #require(try summary.check(humanBoxesPerImage: 3.4))
        #expect(warning.contains("4 boxes of 4 pictures") && warning.contains("3.40"))
        #expect(try summary.check(humanBoxesPerImage: 20) != nil)
        let said = message { _ = try summary.check(humanBoxesPerImage: 20.1) }
        #expect(said.contains("too few") && said.contains("> 0.50") && said.contains("#"))
        let none = try select(0.9, of: Array(records[1...3])).summary
        let why = message { _ = try none.check(humanBoxesPerImage: 0.5) }
        #expect(why.contains("no box of 2 pictures") && why.contains("highest score is 0.2"), "\(why)")
        #expect(why.contains("a threshold of 0.2 would keep"), "\(why)")
        let empty = try select(of: []).summary
        #expect(message { _ = try empty.check(humanBoxesPerImage: 1) }.contains("found nothing"))
        var broken = empty
        broken.refused = 3
        #expect(message { _ = try broken.check(humanBoxesPerImage: 1) }.contains("none of the 3 pictures of the pool"))
    }
}
