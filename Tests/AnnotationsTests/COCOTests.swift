import Base
import Geometry
import Testing

@testable import Annotations

@Suite struct COCOTests {
    /// Two pictures, classes with a gap and out of order, a crowd, a box over the edge, a quoted id.
    private let good = """
        {"info": {"x": [1, {"y": null}]}, "licenses": [],
         "images": [{"id": 7, "file_name": "b.jpg", "width": 100, "height": 80, "license": 1},
                    {"id": "3", "file_name": "sub/a.png", "width": 64, "height": 48}],
         "annotations": [
           {"id": 11, "image_id": 7, "category_id": 9, "bbox": [10, 20.5, 30, 40], "area": 600.5, "iscrowd": 0,
            "segmentation": [[1, 2, 3, 4, 5, 6]]},
           {"id": 0, "image_id": 7, "category_id": 2, "bbox": [-1.5, 70, 20, 12], "ignore": 1},
           {"id": 12, "image_id": 7, "category_id": 2, "bbox": [0, 0, 100, 80], "iscrowd": 1, "ignore": 0}],
         "categories": [{"id": 9, "name": "cat", "supercategory": "animal"}, {"id": 2, "name": "dog"}]}
        """

    private func load(_ text: String, clip: Bool = true, emptyBoxes: EmptyBoxes = .reject) throws -> Dataset {
        let scratch = try Scratch()
        defer { scratch.remove() }
        return try Dataset.coco(try scratch.file("labels.json", text), clip: clip, emptyBoxes: emptyBoxes)
    }

    @Test func readsWhatTheFileSays() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let set = try Dataset.coco(try scratch.file("labels.json", good))
        #expect(set.classes == ClassTable(names: ["dog", "cat"], ids: [2, 9]))
        #expect(set.examples.map(\.id) == [7, 3] && set.examples.map(\.fileName) == ["b.jpg", "sub/a.png"])
        #expect(set.examples[1].size == Size(width: 64, height: 48) && set.examples[1].annotations.isEmpty)
        let labels = set.examples[0].annotations
        #expect(
            labels == [
                Annotation(
                    id: 11, box: Box(x1: 10, y1: 20.5, x2: 40, y2: 60.5), label: 1, area: 600.5,
                    segmentation: labels[0].segmentation),
                // cut at the edge, its area with it; `ignore` is not read
                Annotation(id: 0, box: Box(x1: 0, y1: 70, x2: 18.5, y2: 80), label: 0, area: 185),
                Annotation(
                    id: 12, box: Box(x1: 0, y1: 0, x2: 100, y2: 80), label: 0, treatment: .ignore, isCrowd: true),
            ])
        #expect(try set.segmentation(of: labels[0]) == [[1, 2, 3, 4, 5, 6]])
        #expect(labels[1].segmentation == nil)
        #expect(
            set.notes == [
                "cut 1 boxes at the edge of their pictures", "1 of 2 pictures have no label: they are background",
            ])
        #expect(set.objectsPerImage == 1 && set.objectsPerClass == [1, 1] && set.classesWithoutObject.isEmpty)
        let asWritten = try load(good, clip: false)
        #expect(asWritten.examples[0].annotations[1].box == Box(x1: -1.5, y1: 70, x2: 18.5, y2: 82))
    }

    @Test func otherFilesAreRefusedByName() throws {
        #expect(message { _ = try load("[]") }.contains("results file"))
        #expect(
            message { _ = try load("{\"images\": [], \"annotations\": [], \"categories\": []}") }.contains("no images"))
        #expect(message { _ = try load("{\"images\": [") }.contains("labels.json:1:"))
        #expect(message { _ = try Dataset.coco("/nowhere/labels.json") }.contains("/nowhere/labels.json"))
        let scratch = try Scratch()
        defer { scratch.remove() }
        let path = try scratch.file("labels.json", good)
        #expect(message { _ = try Dataset.coco(path, images: scratch.path + "/none") }.contains("/none"))
        #expect(message { _ = try Dataset.coco(path, images: path) }.contains("is a file"))
    }

    @Test func emptyBoxesCanBeDropped() throws {
        let text = good.replacingFirst("[10, 20.5, 30, 40]", by: "[10, 20.5, 0, 40]")
        let set = try load(text, emptyBoxes: .drop)
        #expect(set.examples[0].annotations.map(\.id) == [0, 12])
        #expect(set.notes.first?.contains("annotation id 11") == true)
    }

    @Test func picturesAreFoundBesideTheFile() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let path = try scratch.file("data/annotations/labels.json", good)
        #expect(try Dataset.coco(path).root == scratch.path + "/data/annotations")
        _ = try scratch.file("data/annotations/b.jpg")
        #expect(try Dataset.coco(path).root == scratch.path + "/data/annotations")
        _ = try scratch.file("data/images/b.jpg")
        #expect(try Dataset.coco(path).root == scratch.path + "/data/images")
        _ = try scratch.file("data/annotations/images/b.jpg")
        #expect(try Dataset.coco(path).root == scratch.path + "/data/annotations/images")
        #expect(try Dataset.coco(path, images: scratch.path).root == scratch.path)
    }

    @Test func missingPicturesAreListed() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        _ = try scratch.file("images/b.jpeg")
        let path = try scratch.file("labels.json", good)
        let said = missing(try Dataset.coco(path)).map(\.description)
        #expect(said.count == 2)
        #expect(said[0].contains("labels.json: image b.jpg: ") && said[0].hasSuffix("did you mean b.jpeg?"), "\(said)")
        #expect(said[1].contains("image sub/a.png: "), "\(said)")
        _ = try scratch.file("images/b.jpg")
        _ = try scratch.file("images/sub/a.png")
        #expect(missing(try Dataset.coco(path)).isEmpty)
    }

    /// Any box of floats, scores, crowds and ignored labels come back bit by bit; and the text is the same again.
    @Test func whatIsWrittenIsReadBack() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        var random = Random(seed: 5, purpose: .test)
        var set = Dataset(
            root: ".", classes: ClassTable(names: ["ä \"q\"", "b\\c", "d"], ids: [1, 4, 90]), examples: [])
        for i in 0..<60 {
            var example = Example(
                id: i * 3, fileName: "pic \(i)é.jpg", size: i % 2 == 0 ? Size(width: 640, height: 480) : nil)
            for j in 0..<5 {
                let digits = [1.0, 4, 100, 1e9][j % 4]
                func number(_ high: Double) -> Float { Float((random.uniform(0, high) * digits).rounded() / digits) }
                let (x, y) = (number(300), number(200))
                let box = Box(x1: x, y1: y, x2: x + 1 + number(300), y2: y + 1 + number(200))
                let crowd = random.chance(0.2)
                example.annotations.append(
                    Annotation(
                        id: i * 5 + j, box: box, label: random.below(3), area: j == 0 ? 12.25 : nil,
                        treatment: crowd || random.chance(0.2) ? .ignore : .object, isCrowd: crowd,
                        provenance: j == 2 ? Provenance(score: Float(random.uniform())) : nil))
            }
            set.examples.append(example)
        }
        let path = scratch.path + "/out.json"
        try set.writeCOCO(to: path)
        let back = try Dataset.coco(path)
        #expect(back.classes == set.classes)
        #expect(back.examples.map(\.fileName) == set.examples.map(\.fileName))
        #expect(
            back.examples.map(\.size) == set.examples.map(\.size) && back.examples.map(\.id) == set.examples.map(\.id))
        #expect(back.examples.map(\.annotations) == set.examples.map(\.annotations))
        let text = try Files.readText(path)
        try back.writeCOCO(to: path)
        #expect(try Files.readText(path) == text)
        #expect(text.contains("\"treatment\":\"ignore\""))
    }
}

extension String {
    func replacingFirst(_ old: String, by new: String) -> String {
        guard let range = firstRange(of: old) else { return self }
        return String(self[..<range.lowerBound]) + new + String(self[range.upperBound...])
    }
}
