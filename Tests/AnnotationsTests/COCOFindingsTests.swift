import Base
import Geometry
import Testing

@testable import Annotations

/// Reading on behind a fault.
@Suite struct COCOFindingsTests {
    private func read(
        _ text: String, emptyBoxes: EmptyBoxes = .reject
    ) throws -> (set: Dataset, findings: Findings, lines: [String]) {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let path = try scratch.file("labels.json", text)
        var findings = Findings()
        let set = try Dataset.coco(path, emptyBoxes: emptyBoxes, into: &findings)
        return (set, findings, findings.list.map { "\($0.rule.rawValue) \($0)".replacing(path, with: "F") })
    }

    /// One picture under two spellings is seen to be one.
    @Test func namesHaveOneSpelling() throws {
        let names = ["a.jpg", "./a.jpg", "x//b.jpg", "x/./b.jpg", "c", "c/."]
        let images = names.enumerated().map { "{\"id\":\($0),\"file_name\":\"\($1)\"}" }.joined(separator: ",")
        let (set, findings, _) = try read(
            "{\"images\":[\(images)],\"annotations\":[],\"categories\":[{\"id\":1,\"name\":\"x\"}]}")
        #expect(findings.counts == [.imageNameTwice: 3, .imageWithoutLabel: 3])
        #expect(set.examples.map(\.fileName) == ["a.jpg", "x/b.jpg", "c"])
    }

    @Test func allFaultsAreSeenAndTheRestIsRead() throws {
        let (set, findings, lines) = try read(
            """
            {"images": [
              {"id": 1, "file_name": "a.jpg", "width": 100, "height": 100},
              {"id": 2, "file_name": "a.jpg"},
              {"id": 1, "file_name": "b.jpg"},
              {"id": 3, "file_name": "../c.jpg"},
              {"id": 4, "file_name": "d.jpg"},
              {"file_name": "e.jpg"}],
             "annotations": [
              {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 20, 20]},
              {"id": 2, "image_id": 2, "category_id": 1, "bbox": [10, 10, 20, 20]},
              {"id": 3, "image_id": 3, "category_id": 1, "bbox": [10, 10, 20, 20]},
              {"id": 4, "image_id": 5, "category_id": 1, "bbox": [10, 10, 20, 20]},
              {"id": 5, "image_id": 1, "category_id": 2, "bbox": [10, 10, 20, 20]},
              {"id": 6, "image_id": 1, "category_id": 7, "bbox": [10, 10, 20, 20]},
              {"id": 7, "image_id": 1, "category_id": 1, "bbox": [90, 10, 20, 20]},
              {"id": 8, "image_id": 1, "category_id": 1, "bbox": [10, 10, 0, 20]},
              {"id": 9, "image_id": 1, "category_id": 1},
              {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 20, 20]},
              {"id": 10, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}],
             "categories": [{"id": 1, "name": "x"}, {"id": 2}, {"id": 3, "name": "x"}]}
            """)
        #expect(
            lines == [
                "class-name-twice F: category id 3: category id 1 is named \"x\", too",
                "image-name-twice F: image a.jpg: image ids 1 and 2 both name it",
                "image-id-twice F: image b.jpg: has the id 1, as a.jpg has",
                "image-name-outside F: image ../c.jpg: \"file_name\" is \"../c.jpg\"; it must stay inside the folder of "
                    + "images (no leading / and no ..)",
                "item-malformed F: image e.jpg: has no \"id\"",
                "item-malformed F: image a.jpg: annotation id 9: has no \"bbox\"",
                "item-malformed F: category id 2: has no \"name\"",
                // What points to an item that is left out goes with it (`losses`).
                "annotation-without-image F: image id 5: annotation id 4: no image has the id 5",
                "annotation-without-class F: image a.jpg: annotation id 6: no category has the id 7 (known: 1)",
                "box-clipped F: image a.jpg: annotation id 7: the bbox [90, 10, 20, 20] is cut at the edge of its picture "
                    + "of 100x100 pixels",
                "box-empty F: image a.jpg: annotation id 8: the bbox [10, 10, 0, 20] has no width or height; repair or "
                    + "remove it",
                "annotation-id-twice F: image a.jpg: annotation id 1: another annotation has this id",
                "image-without-label F: image d.jpg: has no label: it is background",
            ])
        #expect(findings.count(.error) == 11 && findings.count(.note) == 2)
        #expect(set.examples.map(\.fileName) == ["a.jpg", "d.jpg"])
        // An id that comes twice costs no label, and a picture of one size or of none is one picture.
        #expect(set.examples[0].annotations.map(\.id) == [1, 2, 7, 1, 10])
        #expect(
            findings.losses.map { $0.replacing(findings.list[0].place.file, with: "F") } == [
                "F: category id 2: its 1 annotation", "F: image id 3: its 1 annotation",
            ])
        #expect(findings.bereft == ["a.jpg", "b.jpg", "../c.jpg", "e.jpg", "id 5"])
        #expect(
            findings.obstacles == [
                "image id 1 is that of a.jpg and of b.jpg: nobody can tell whose its annotations are"
            ])
        #expect(set.classes == ClassTable(names: ["x"], ids: [1]))
    }

    @Test func theThrowingFormCountsTheRest() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let path = try scratch.file(
            "f.json",
            """
            {"images": [{"id": 1, "file_name": "a"}], "categories": [{"id": 1, "name": "x"}],
             "annotations": [{"id": 1, "image_id": 2, "category_id": 1, "bbox": [1, 1, 1, 1]},
              {"id": 2, "image_id": 2, "category_id": 1, "bbox": [1, 1, 1, 1]}, {"id": 3}]}
            """)
        #expect(
            message { _ = try Dataset.coco(path) }
                == "\(path): annotation id 3: has no \"image_id\" (and 2 more; `pupil check --json` lists them)")
    }

    /// `count` boxes of pictures of 640x480; each is made from its centre and its size.
    private func boxes(_ count: Int, seed: UInt64, _ write: (Double, Double, Double, Double) -> [Double]) -> String {
        var random = Random(seed: seed, purpose: .test)
        let labels = (0..<count).map { i in
            let (w, h) = (random.uniform(5, 300), random.uniform(5, 300))
            let (x, y) = (random.uniform(0, 640 - w), random.uniform(0, 480 - h))
            let numbers = write(x, y, w, h).map { decimal(($0 * 100).rounded() / 100) }.joined(separator: ",")
            return "{\"id\": \(i), \"image_id\": \(i % 5), \"category_id\": 1, \"bbox\": [\(numbers)]}"
        }
        let images = (0..<5).map { "{\"id\": \($0), \"file_name\": \"\($0).jpg\", \"width\": 640, \"height\": 480}" }
        return "{\"images\": [\(images.joined(separator: ","))], \"annotations\": [\(labels.joined(separator: ","))], "
            + "\"categories\": [{\"id\": 1, \"name\": \"x\"}]}"
    }

    @Test(arguments: [3, 10, 1000])
    func cornersAreSeen(count: Int) throws {
        for seed in 0..<20 {
            let (_, findings, _) = try read(
                boxes(count, seed: UInt64(seed)) { x, y, w, h in [x, y, x + w, y + h] })
            // Among three boxes none may lie far enough to the right to tell.
            if count > 3 { #expect(findings.counts[.boxCorners] == 1, "seed \(seed)") }
            #expect(findings.counts[.boxCorners] == nil || findings.counts[.boxClipped] == nil)
        }
    }

    /// Boxes that stick out by little, or often, or that would do as corners: none of it is taken for corners.
    @Test(arguments: [1, 3, 10, 1000])
    func honestBoxesAreLeftAlone(count: Int) throws {
        let ways: [@Sendable (Double, Double, Double, Double) -> [Double]] = [
            { [$0, $1, $2, $3] },
            { [$0 - 6, $1 - 6, $2 + 12, $3 + 12] },  // outgrown by a few pixels
            { [$0 / 640, $1 / 480, $2 + 300, $3 + 150] },  // large ones in the corner, fit as corners
            { [max($0, 300), max($1, 200), $2 + 200, $3 + 200] },  // many stick out
        ]
        for seed in 0..<10 {
            for (i, way) in ways.enumerated() where !(i == 3 && count < 10) {
                let (_, findings, _) = try read(boxes(count, seed: UInt64(seed), way))
                #expect(findings.counts[.boxCorners] == nil, "way \(i), seed \(seed)")
            }
        }
    }

    @Test func resultsAreReadOn() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let path = try scratch.file(
            "f.json",
            """
            [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5},
             {"image_id": 2, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5},
             {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3], "score": 0.5},
             {"image_id": 1, "category_id": 1, "bbox": [5, 6, 7, 8], "score": 0.25}]
            """)
        let set = Dataset(
            root: "", classes: ClassTable(names: ["x"]), examples: [Example(id: 1, fileName: "a.jpg", size: nil)])
        var findings = Findings()
        let found = try COCOResults.read(path, set, into: &findings)
        #expect(found[0].map(\.score) == [0.5, 0.25])
        #expect(findings.counts == [.itemMalformed: 1, .annotationWithoutImage: 1])
        #expect(findings.list.map { "\($0.place)" }.contains("\(path): image a.jpg: detection 3 of the list"))
    }
}
