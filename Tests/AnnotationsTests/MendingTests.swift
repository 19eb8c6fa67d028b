import Base
import Geometry
import Testing

@testable import Annotations

/// What is left of sets, read from files with faults, once they are mended.
@Suite struct MendingTests {
    /// Reads files as a set and mends it, as if every picture were there.
    private func mend(
        _ files: [String: TestFile], _ path: String, part: String? = nil, limit: Int = 10_000
    ) throws -> (set: Dataset, changes: [String]) {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try scratch.write(files)
        var findings = Findings(limit: limit)
        let set = try Dataset.read(Files.join(scratch.path, path), part: part, into: &findings)
        let mended = try set.mended(set.lookAtPictures(.headers), after: findings)
        return (mended.set, mended.changes.map(scratch.relative))
    }

    /// A picture whose only label was left out goes as well, in every form: left in, it would teach that nothing is on it.
    @Test(arguments: ["yolo pixels", "yolo class", "voc reversed", "voc difficult", "cvat reversed", "cvat ellipse"])
    func picturesThatLostAllLabelsGo(_ what: String) throws {
        func voc(_ object: String) -> TestFile { .text("<annotation><object>\(object)</object></annotation>") }
        func cvat(_ shape: String) -> TestFile {
            .text(
                GoodSets.cvatText.replacing(
                    "</annotations>",
                    with: "<image name=\"b.jpg\" width=\"100\" height=\"50\">\(shape)</image></annotations>"
                ))
        }
        var files: [String: TestFile]
        let path: String
        switch what {
        case "yolo pixels", "yolo class":
            files = GoodSets.yolo
            files["labels/train/sub/b.txt"] = what == "yolo class" ? "7 0.5 0.5 0.2 0.2\n" : "0 50 25 20 20\n"
            path = "data.yaml"
        case "voc reversed", "voc difficult":
            files = GoodSets.voc
            let box = what == "voc reversed" ? (9, 5) : (5, 9)
            files["Annotations/b.xml"] = voc(
                "<name>cat</name><difficult>\(what == "voc reversed" ? "0" : "x")</difficult><bndbox><xmin>\(box.0)</xmin>"
                    + "<ymin>1</ymin><xmax>\(box.1)</xmax><ymax>9</ymax></bndbox>")
            files["ImageSets/Main/train.txt"] = "a\nb\n"
            path = "ImageSets/Main/train.txt"
        default:
            files = GoodSets.cvat
            files["images/b.jpg"] = .picture(100, 50)
            files["annotations.xml"] = cvat(
                what == "cvat ellipse"
                    ? "<ellipse label=\"cat\" cx=\"9\" cy=\"9\" rx=\"3\" ry=\"3\"/>"
                    : "<box label=\"cat\" xtl=\"9\" ytl=\"1\" xbr=\"5\" ybr=\"9\"/>")
            path = "annotations.xml"
        }
        let (set, changes) = try mend(files, path, part: path == "data.yaml" ? "train" : nil)
        #expect(set.examples.count == 1 && set.examples[0].fileName.hasSuffix("a.jpg"), "\(changes)")
        #expect(changes.contains { $0.hasPrefix("left out the picture ") && $0.hasSuffix(": all its labels were") })
    }

    /// A picture on which nothing is stays background though its size is written wrong.
    @Test func aWrongSizeMakesNoPictureBereft() throws {
        var files = GoodSets.cvat
        files["images/b.jpg"] = .picture(100, 50)
        files["annotations.xml"] = .text(
            GoodSets.cvatText.replacing("</annotations>", with: "<image name=\"b.jpg\"></image></annotations>"))
        #expect(try mend(files, "annotations.xml").set.examples.map(\.fileName) == ["a.jpg", "b.jpg"])
        var voc = GoodSets.voc
        voc["Annotations/b.xml"] = "<annotation><size><width>20.0</width><height>20</height></size></annotation>"
        let set = try mend(voc, "ImageSets/Main/val.txt").set
        #expect(set.examples.map(\.fileName) == ["b.png"] && set.examples[0].size?.width == 20)
    }

    /// What is beyond the findings that are listed is mended as well, and counted once.
    @Test func theLimitOfAListIsNoneOfMending() throws {
        var images: [String] = [], labels: [String] = [], files: [String: TestFile] = [:]
        for i in 1...6 {
            files["\(i).jpg"] = .picture(20, 20)
            images.append("{\"id\":\(i),\"file_name\":\"\(i).jpg\",\"width\":20,\"height\":20}")
            labels.append(
                "{\"id\":\(i),\"image_id\":\(i),\"category_id\":1,\"bbox\":[1,1,\(i == 1 ? 5 : 0),5]}")
        }
        files["a.json"] = .text(
            "{\"images\":[\(images.joined(separator: ","))],\"annotations\":[\(labels.joined(separator: ","))],"
                + "\"categories\":[{\"id\":1,\"name\":\"cat\"}]}")
        let (set, changes) = try mend(files, "a.json", limit: 2)
        #expect(set.examples.map(\.fileName) == ["1.jpg"])
        // Five boxes, of which two are named; five pictures, whose notes are no changes.
        #expect(changes.contains("and 3 more of these kinds"), "\(changes)")
    }

    /// A picture that is listed twice has the boxes of both.
    @Test func boxesOfOnePictureAreUnited() throws {
        var files = GoodSets.cvat
        let again = "<image name=\"a.jpg\" width=\"100\" height=\"50\">"
        let (old, new) = (
            "<box label=\"cat\" xtl=\"40\" ytl=\"15\" xbr=\"60\" ybr=\"35\"/>",
            "<box label=\"dog\" xtl=\"1\" ytl=\"2\" xbr=\"9\" ybr=\"8\"/>"
        )
        files["annotations.xml"] = .text(
            GoodSets.cvatText.replacing("</annotations>", with: again + old + new + "</image></annotations>"))
        let (set, changes) = try mend(files, "annotations.xml")
        #expect(set.examples.count == 1 && set.examples[0].annotations.count == 3)
        #expect(set.examples[0].annotations.last?.box == Box(x1: 1, y1: 2, x2: 9, y2: 8))
        #expect(Set(set.examples[0].annotations.map(\.id)).count == 3)
        #expect(changes.contains { $0.hasPrefix("made one picture of two: annotations.xml") }, "\(changes)")
        // In another size it may be another picture, whose boxes would lie wrong.
        files["annotations.xml"] = .text(
            GoodSets.cvatText.replacing(
                "</annotations>", with: again.replacing("100", with: "50") + new + "</image></annotations>"))
        #expect(message { _ = try mend(files, "annotations.xml") }.contains("once more, in another size"))
        // A list that names a picture twice says nothing new.
        var yolo = GoodSets.yolo
        yolo["data.yaml"] = "train: l.txt\nnames: [cat, dog]\n"
        yolo["l.txt"] = "images/train/a.jpg\nimages/train/a.jpg\n"
        #expect(try mend(yolo, "data.yaml", part: "train").set.examples.map(\.annotations.count) == [2])
        // Whose boxes they are that came by the name inside a file, nobody can tell.
        var voc = GoodSets.voc
        voc["Annotations/z.xml"] = .text(GoodSets.vocText)
        voc["ImageSets/Main/train.txt"] = "a\nz\n"
        #expect(
            message { _ = try mend(voc, "ImageSets/Main/train.txt") }.contains("nobody can tell whose boxes are whose"))
    }

    /// Of labels that say the same an object stays rather than a crowd, and the surer one.
    @Test func theBestOfEqualBoxesStays() throws {
        let text = """
            {"images":[{"id":1,"file_name":"a.jpg","width":40,"height":40}],"categories":[{"id":1,"name":"cat"}],
             "annotations":[
              {"id":1,"image_id":1,"category_id":1,"bbox":[1,1,9,9],"iscrowd":1},
              {"id":2,"image_id":1,"category_id":1,"bbox":[1,1,9,9]},
              {"id":3,"image_id":1,"category_id":1,"bbox":[20,1,9,9],"score":0.3},
              {"id":4,"image_id":1,"category_id":1,"bbox":[20,1,9,9],"score":0.9},
              {"id":5,"image_id":1,"category_id":1,"bbox":[30,20,20,10],"area":200},
              {"id":6,"image_id":1,"category_id":1,"bbox":[1,20,9,9],"area":800}]}
            """
        let (set, changes) = try mend(["a.json": .text(text), "a.jpg": .picture(40, 40)], "a.json")
        let kept = set.examples[0].annotations
        #expect(kept.map(\.id) == [2, 4, 5, 6] && kept[0].treatment == .object)
        // Half of one was cut off, and of its area; another could never hold its area.
        #expect(kept[2].area == 100 && kept[3].area == 81)
        #expect(changes.contains { $0.contains("its area was 800") }, "\(changes)")
    }

    /// VOC's files are told by what is in them, whatever their endings.
    @Test func filesOfVOCAreToldByContent() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try scratch.write([
            "upper/a.XML": .text(GoodSets.vocText), "upper/a.jpg": .picture(100, 50),
            "other/a.txt": .text(GoodSets.vocText), "other/a.jpg": .picture(100, 50),
            "page.json": "<!DOCTYPE html><html></html>",
        ])
        for path in ["upper", "upper/a.XML", "other/a.txt"] {
            #expect(try Dataset.read(Files.join(scratch.path, path)).examples[0].annotations.count == 2, "\(path)")
        }
        #expect(message { _ = try Dataset.read(Files.join(scratch.path, "page.json")) }.contains("is an HTML page"))
        // Two pictures of one name: <filename> says which, and without it nobody can tell.
        try scratch.write(["upper/a.png": .picture(20, 20)])
        #expect(try Dataset.read(Files.join(scratch.path, "upper")).examples[0].fileName == "a.jpg")
        for name in ["JPEGImages/a.jpg", "A.JPG"] {
            try scratch.write(["upper/a.XML": .text(GoodSets.vocText.replacing("a.jpg", with: name))])
            #expect(try Dataset.read(Files.join(scratch.path, "upper")).examples[0].fileName == "a.jpg")
        }
        try scratch.write(["upper/a.JPG": .picture(20, 20), "upper/a.XML": .text(GoodSets.vocText)])
        #expect(try Dataset.read(Files.join(scratch.path, "upper")).examples[0].fileName == "a.jpg")
        try scratch.write(["upper/a.XML": .text(GoodSets.vocText.replacing("a.jpg", with: "c.jpg"))])
        #expect(message { _ = try Dataset.read(Files.join(scratch.path, "upper")) }.contains("nobody can tell which"))
    }

    /// Tables divided by another sign, and files of another encoding, are called what they are.
    @Test func textsOfOtherKindsAreNamed() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let rows = "ImageID;LabelName;XMin;XMax;YMin;YMax\na;x;0;1;0;1\n"
        try scratch.write([
            "semicolons.csv": .text(rows), "tabs.csv": .text(rows.replacing(";", with: "\t")), "empty.json": "",
            "wide.json": .bytes([0xFF, 0xFE, 0x5B, 0, 0x5D, 0]),
            "wider.json": .bytes([0xFF, 0xFE, 0, 0, 0x5B, 0, 0, 0]),
        ])
        let set = Dataset(root: scratch.path, classes: ClassTable(names: ["x"]), examples: [])
        func said(_ name: String) -> [String] {
            let path = Files.join(scratch.path, name)
            return [message { _ = try Dataset.read(path) }, message { _ = try Detections.read(path, set) }]
        }
        for (name, what) in [
            ("semicolons.csv", "divided by \";\""), ("tabs.csv", "divided by tabs"), ("empty.json", "is empty"),
            ("wide.json", "is UTF-16 text"), ("wider.json", "is UTF-32 text"),
        ] {
            #expect(said(name).allSatisfy { $0.contains(what) }, "\(name): \(said(name))")
        }
    }

    // MARK: Conversion

    /// Wherever `images/` stands in a name, the labels that are written are those that are found.
    @Test func labelsAreFoundWhereTheyAreWritten() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        for names in [
            ["images/a.jpg", "images/b.jpg"], ["images/train/a.jpg", "images/train/b.jpg"],
            ["a.jpg", "x/images/b.jpg"],
            ["images/a.jpg", "b.jpg"], ["z/images/images/a.jpg", "z/images/images/b.jpg"],
        ] {
            let root = Files.join(scratch.path, "\(names.hashValue)")
            var set = Dataset(root: root, classes: ClassTable(names: ["cat"]), examples: [])
            for (i, name) in names.enumerated() {
                try scratch.write([name: .picture(40, 40)], in: Files.name(root))
                let size = Size(width: 40, height: 40)
                let label = Annotation(id: i + 1, box: Box(x1: 10, y1: 10, x2: 20, y2: 20), label: 0)
                set.examples.append(Example(id: i + 1, fileName: name, size: size, annotations: [label]))
            }
            var (from, last) = (set, Set<String>())
            // Once and again: a set that was written is written alike.
            for round in ["yolo", "images", "more"] {
                let out = root + "-" + (round == "images" ? "deep/images" : round)
                _ = try Conversion.write([Conversion.Part("train", from)], as: .yolo, to: out)
                from = try Dataset.read(out)
                #expect(from.examples.map(\.annotations.count) == [1, 1], "\(names) \(round)")
                #expect(missing(from).isEmpty)
                let files = Set(try Files.walk(out))
                #expect(last.isEmpty || last == files, "\(names) \(round)")
                last = files
            }
        }
    }

    /// What a reader would refuse is not written.
    @Test func whatNobodyCouldReadIsNotWritten() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try scratch.write(["a.jpg": .picture(40, 40)])
        var label = Annotation(id: 1, box: Box(x1: 1, y1: 1, x2: 9, y2: 9), label: 0)
        label.provenance = Provenance(score: 3)
        let example = Example(id: 1, fileName: "a.jpg", size: Size(width: 40, height: 40), annotations: [label])
        var set = Dataset(root: scratch.path, classes: ClassTable(names: ["cat"]), examples: [example])
        func said(_ format: DatasetFormat, scores: Bool = true) -> String {
            let out = scratch.path + "/\(format)-\(scores)-\(set.classes.names)"
            return message {
                _ = try Conversion.write([Conversion.Part("train", set)], as: format, to: out, scores: scores)
            }
        }
        for format in [DatasetFormat.yolo, .voc, .openImages] {
            #expect(said(format).contains("the score 3.0 is not in 0...1"), "\(said(format))")
            #expect(said(format, scores: false) == "")
        }
        #expect(said(.coco) == "")
        set.classes = ClassTable(names: [" cat"])
        #expect(said(.voc, scores: false).contains("has spaces at its ends"))
    }
}
