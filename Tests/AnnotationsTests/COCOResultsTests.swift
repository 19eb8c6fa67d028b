import Base
import Geometry
import Testing

@testable import Annotations

@Suite struct COCOResultsTests {
    private let truth: Dataset = {
        var set = Dataset(
            root: ".", classes: ClassTable(names: ["a", "b"], ids: [1, 5]),
            examples: [Example(id: 30, fileName: "x.jpg", size: nil), Example(id: 4, fileName: "y.jpg", size: nil)])
        set.source = "truth.json"
        return set
    }()

    private func read(_ text: String) throws -> [[Detection]] {
        let scratch = try Scratch()
        defer { scratch.remove() }
        return try COCOResults.read(try scratch.file("dt.json", text), truth)
    }

    @Test func alignsWithExamplesInTheOrderOfTheFile() throws {
        let found = try read(
            """
            [{"image_id": 4, "category_id": 5, "bbox": [1, 2, 3, 4.5], "score": 0.5, "extra": {}},
             {"image_id": "4", "category_id": 1, "bbox": [0, 0, 0, 0], "score": 0.5}]
            """)
        #expect(found[0].isEmpty)
        #expect(
            found[1] == [
                Detection(box: Box(x1: 1, y1: 2, x2: 4, y2: 6.5), label: 1, score: 0.5),
                Detection(box: Box(x1: 0, y1: 0, x2: 0, y2: 0), label: 0, score: 0.5),
            ])
        #expect(try read("[]") == [[], []])
    }

    @Test func anAnnotationFileIsNoResultsFile() {
        #expect(message { _ = try read("{\"annotations\": []}") }.contains("annotation file"))
    }

    @Test func whatIsWrittenIsReadBack() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        var random = Random(seed: 9, purpose: .test)
        let detections = (0..<2).map { _ in
            (0..<200).map { _ in
                let (x, y) = (Float(random.uniform(-5, 600)), Float(random.uniform(-5, 400)))
                return Detection(
                    box: Box(x1: x, y1: y, x2: x + Float(random.uniform(0, 90)), y2: y + Float(random.uniform(0, 90))),
                    label: random.below(2), score: Float(random.uniform()))
            }
        }
        let path = scratch.path + "/predictions.json"
        try COCOResults.write(detections, of: truth, to: path)
        #expect(try COCOResults.read(path, truth) == detections)
        try COCOResults.write([[], []], of: truth, to: path)
        #expect(try COCOResults.read(path, truth) == [[], []])
    }
}
