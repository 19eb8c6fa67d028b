import Base
import Geometry
import Testing

@testable import Annotations

/// What each form means, by hand-worked sets.
@Suite struct FormatsTests {
    private func inFolder(_ files: [String: TestFile], _ body: (Scratch) throws -> Void) throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try scratch.write(files)
        try body(scratch)
    }

    private let cat = Box(x1: 40, y1: 15, x2: 60, y2: 35)
    private let dog = Box(x1: 0, y1: 0, x2: 50, y2: 50)

    @Test(arguments: ["", "/data.yaml"]) func yolo(path: String) throws {
        try inFolder(GoodSets.yolo) { scratch in
            let set = try Dataset.read(scratch.path + path, part: "train")
            #expect(set.classes == ClassTable(names: ["cat", "dog"]))
            #expect(set.root == scratch.path)
            #expect(set.examples.map(\.fileName) == ["images/train/a.jpg", "images/train/sub/b.png"])
            #expect(set.examples.allSatisfy { $0.size == Size(width: 100, height: 50) })
            #expect(
                set.examples[0].annotations == [
                    Annotation(id: 1, box: cat, label: 0),
                    Annotation(id: 2, box: dog, label: 1, provenance: Provenance(score: 0.75)),
                ])
            #expect(
                set.examples[1].annotations == [Annotation(id: 3, box: Box(x1: 0, y1: 0, x2: 20, y2: 20), label: 1)])
            #expect(set.notes == [])
        }
    }

    @Test func yoloPicturesWithoutLabelsAreBackground() throws {
        var files = GoodSets.yolo
        files["labels/train/sub/b.txt"] = nil
        files["images/train/d.jpg"] = .picture(10, 10)
        files["labels/train/d.txt"] = ""
        try inFolder(files) { scratch in
            let set = try Dataset.read(scratch.path, part: "train")
            #expect(set.examples.count == 3)
            #expect(
                set.notes == [
                    "1 pictures have no file of labels, which means that nothing is on them",
                    "2 of 3 pictures have no label: they are background",
                ])
        }
    }

    /// A list of pictures, names as a list, `path` that leads nowhere from here, Roboflow's `../train/images`.
    @Test(arguments: [
        ("train: lists/t.txt\nnames: [cat, dog]\nnc: 2", ["images/train/sub/b.png", "images/train/a.jpg"]),
        ("path: nowhere\ntrain: ../images/train\nnames: [cat, dog]", ["images/train/a.jpg", "images/train/sub/b.png"]),
        ("train: [images/train/sub, images/val]\nnames: [cat, dog]", ["images/train/sub/b.png", "images/val/c.jpg"]),
        ("train: images/train/sub\nnc: 2", ["images/train/sub/b.png"]),
    ])
    func yoloPlaces(yaml: String, names: [String]) throws {
        var files = GoodSets.yolo
        files["data.yaml"] = .text(yaml)
        files["lists/t.txt"] = "../images/train/sub/b.png\n\nimages/train/a.jpg\n"
        try inFolder(files) { scratch in
            let set = try Dataset.read(scratch.path)
            #expect(set.examples.map(\.fileName) == names)
            #expect(set.root == scratch.path && !set.examples[0].annotations.isEmpty)
        }
    }

    @Test func yoloPolygonsBecomeTheirBoxes() throws {
        var files = GoodSets.yolo
        files["labels/train/a.txt"] = "0 0.4 0.3 0.6 0.3 0.5 0.7\n"
        try inFolder(files) { scratch in
            let set = try Dataset.read(scratch.path, part: "train")
            #expect(set.examples[0].annotations.map(\.box) == [cat])
            #expect(set.notes == ["1 labels are polygons; their boxes were taken"])
        }
    }

    @Test func yoloAsDarknetAndCVATWriteIt() throws {
        try inFolder([
            "obj.data": "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\nbackup = backup/\n",
            "obj.names": "cat\ndog\n", "train.txt": "data/obj_train_data/a.jpg\n",
            "obj_train_data/a.txt": "0 0.5 0.5 0.2 0.4\n", "elsewhere/a.jpg": .picture(100, 50),
        ]) { scratch in
            let set = try Dataset.read(scratch.path, images: scratch.path + "/elsewhere")
            #expect(set.examples.map(\.fileName) == ["a.jpg"] && set.examples[0].annotations.map(\.box) == [cat])
        }
        try inFolder([
            "classes.txt": "cat\ndog\n", "images/a.jpg": .picture(100, 50), "labels/a.txt": "1 0.25 0.5 0.5 1\n",
        ]) { scratch in
            let set = try Dataset.read(scratch.path)
            #expect(set.examples.map(\.fileName) == ["images/a.jpg"] && set.examples[0].annotations.map(\.box) == [dog])
        }
    }

    @Test(arguments: ["", "/ImageSets/Main/train.txt"]) func voc(path: String) throws {
        try inFolder(GoodSets.voc) { scratch in
            let set = try Dataset.read(scratch.path + path, part: "train")
            #expect(set.classes.names == vocClasses && set.examples.map(\.fileName) == ["a.jpg"])
            let (catLabel, dogLabel) = (7, 11)
            #expect(
                set.examples[0].annotations == [
                    Annotation(id: 1, box: cat, label: catLabel),
                    Annotation(
                        id: 2, box: Box(x1: 0.5, y1: 0, x2: 50.5, y2: 50), label: dogLabel, treatment: .ignore,
                        provenance: Provenance(score: 0.75)),
                ])
            let val = try Dataset.read(scratch.path, part: "val")
            #expect(val.classes == set.classes && val.examples.map(\.fileName) == ["b.png"])
            #expect(val.examples[0].size == Size(width: 20, height: 20))
        }
    }

    /// All parts of a folder have one table, also where a part lacks a class.
    @Test func vocClassesAreThoseOfTheWholeFolder() throws {
        var files = GoodSets.voc
        files["Annotations/a.xml"] = .text(GoodSets.vocText.replacing("<name>dog</name>", with: "<name>yak</name>"))
        try inFolder(files) { scratch in
            #expect(try Dataset.read(scratch.path, part: "train").classes.names == ["cat", "yak"])
            #expect(try Dataset.read(scratch.path, part: "val").classes.names == ["cat", "yak"])
            let asked = try Dataset.read(scratch.path, part: "train", classes: ["yak", "emu", "cat"])
            #expect(asked.examples[0].annotations.map(\.label) == [2, 0])
        }
    }

    /// Edges from 0, as many tools write them in this form; nothing tells but a corner at 0.
    @Test func vocFromZero() throws {
        func read(_ xmin: Int, _ pixels: VOCPixels, _ body: (Dataset, Findings) -> Void) throws {
            var files = GoodSets.voc
            files["Annotations/a.xml"] = .text(
                GoodSets.vocText.replacing("<xmin>41</xmin>", with: "<xmin>\(xmin)</xmin>"))
            try inFolder(files) { scratch in
                var findings = Findings()
                let set = try Dataset.read(scratch.path, part: "train", vocPixels: pixels, into: &findings)
                body(set, findings)
            }
        }
        let dog = Box(x1: 1.5, y1: 1, x2: 50.5, y2: 50)
        func asks(_ set: Dataset) -> Bool { set.notes.contains { $0.contains("say --voc-pixels zero") } }
        try read(41, .one) { set, _ in
            #expect(set.examples[0].annotations.map(\.box).first == cat && !asks(set))
        }
        try read(0, .one) { set, findings in
            #expect(set.examples[0].annotations.map(\.box).first == Box(x1: 0, y1: 15, x2: 60, y2: 35))
            #expect(findings.list.map(\.rule).contains(.boxClipped) && asks(set))
        }
        try read(0, .zero) { set, findings in
            #expect(set.examples[0].annotations.map(\.box) == [Box(x1: 0, y1: 16, x2: 60, y2: 35), dog])
            #expect(findings.list.isEmpty && !asks(set))
        }
        try read(60, .one) { set, findings in
            #expect(set.examples[0].annotations.count == 2 && findings.list.isEmpty)
        }
        try read(60, .zero) { _, findings in #expect(findings.list.map(\.rule) == [.boxEmpty]) }
        try read(61, .zero) { _, findings in #expect(findings.list.map(\.rule) == [.boxReversed]) }
    }

    /// Whatever stands beside what XML has to spell. What it cannot spell is refused, also of classes without a box.
    @Test func vocNamesAreXML() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        func write(_ names: [String], to out: String) throws {
            var example = Example(id: 1, fileName: "a\u{600}&.jpg", size: Size(width: 100, height: 50))
            example.annotations = [Annotation(id: 1, box: cat, label: 0)]
            let set = Dataset(root: scratch.path, classes: ClassTable(names: names), examples: [example])
            _ = try Conversion.write([Conversion.Part("train", set)], as: .voc, to: Files.join(scratch.path, out))
        }
        let name = "\u{600}<\u{301}b>\u{301} &\u{301}\" '"
        try write([name, "plain"], to: "out")
        let back = try Dataset.read(scratch.path + "/out")
        #expect(back.examples[0].annotations.map(\.label) == [0] && back.examples[0].fileName == "a\u{600}&.jpg")
        #expect(Array(back.classes.names[0].unicodeScalars) == Array(name.unicodeScalars))
        for names in [["a\u{FFFF}"], ["cat", "a\u{7}"]] {
            #expect(message { try write(names, to: "none") }.contains("XML has no way to write the name"))
        }
        #expect(try Files.list(scratch.path) == ["out"])
    }

    /// A slash before a mark that combines with it leads as far as any other does.
    @Test func namesStayInside() {
        #expect(nameInside("../\u{301}x.jpg") == nil && nameInside("/\u{301}x.jpg") == nil)
        #expect(nameInside("a/./\u{301}/../b.jpg") == "a/b.jpg")
        #expect(Files.normalised("a/../\u{301}b") == "\u{301}b" && stem("a/\u{301}b.jpg") == "a/\u{301}b")
        #expect(!isInside("../\u{301}x", ".") && isInside("a/\u{301}x", "a") && !isInside("ab/x", "a"))
    }

    @Test func openImages() throws {
        try inFolder(GoodSets.openImages) { scratch in
            let set = try Dataset.read(scratch.path + "/train-annotations-bbox.csv")
            #expect(set.classes.names == ["cat", "dog, big"] && set.root == scratch.path + "/train")
            #expect(set.examples.map(\.fileName) == ["a.jpg", "b.png"])
            #expect(
                set.examples.map(\.annotations) == [
                    [
                        Annotation(id: 1, box: cat, label: 0),
                        Annotation(id: 2, box: dog, label: 1, provenance: Provenance(score: 0.75)),
                    ],
                    [
                        Annotation(
                            id: 3, box: Box(x1: 0, y1: 0, x2: 20, y2: 20), label: 1, treatment: .ignore, isCrowd: true)
                    ],
                ])
            #expect(set.notes == ["left out 1 rows with Confidence 0: verified to be absent"])
        }
    }

    /// A byte-order mark, CRLF, decimal commas, names with endings, rows of pictures that nobody fetched.
    @Test func openImagesAsOthersWriteIt() throws {
        try inFolder([
            "boxes.csv": .text(
                "\u{FEFF}ImageID,LabelName,XMin,XMax,YMin,YMax\r\n\"a.jpg\",cat,\"0,4\",\"0,6\",\"0,3\",\"0,7\"\r\n"
                    + "zz,cat,0,1,0,1\r\n"),
            "images/a.jpg": .picture(100, 50),
        ]) { scratch in
            let set = try Dataset.read(scratch.path)
            #expect(set.examples.map(\.fileName) == ["a.jpg"] && set.examples[0].annotations.map(\.box) == [cat])
            #expect(
                set.notes.map(scratch.relative) == ["left out 1 rows of 1 pictures that are not in images: zz"])
        }
    }

    @Test func cvat() throws {
        try inFolder(GoodSets.cvat) { scratch in
            let set = try Dataset.read(scratch.path)
            #expect(set.classes.names == ["cat", "dog"])
            #expect(set.examples[0].annotations.map(\.box) == [cat, dog])
            #expect(
                set.notes == [
                    "1 labels are polygons; their boxes were taken",
                    "left out 1 <polyline>: neither boxes nor polygons",
                ])
            #expect(missing(set).isEmpty)
        }
    }

    // MARK: There and back

    private func randomSet(_ scratch: Scratch, pictures: Int) throws -> Dataset {
        var random = Random(seed: 5, purpose: .test)
        var examples: [Example] = []
        var id = 1
        for i in 0..<pictures {
            let size = Size(width: 17 + random.below(900), height: 5 + random.below(700))
            let name = i % 3 == 0 ? "sub \(i % 2)/p\(i).png" : "p & \(i).jpg"
            try scratch.write([name: .picture(size.width, size.height)], in: "pictures")
            var example = Example(id: i + 1, fileName: name, size: size)
            for _ in 0..<random.below(40) {
                func side(_ length: Int) -> (Float, Float) {
                    let whole = random.below(2) == 0
                    var a = Float(random.uniform(0, Double(length)))
                    var b = Float(random.uniform(0, Double(length)))
                    if whole { (a, b) = (a.rounded(.down), b.rounded(.down)) }
                    if random.below(6) == 0 { a = 0 }
                    if random.below(6) == 0 { b = Float(length) }
                    if random.below(12) == 0 { a = Float(random.uniform(0, 1e-4)) }
                    if a == b { b = Float(length); a = 0 }
                    return (min(a, b), max(a, b))
                }
                let ((x1, x2), (y1, y2)) = (side(size.width), side(size.height))
                let score: Float? = random.below(2) == 0 ? Float(random.uniform(0, 1)) : nil
                example.annotations.append(
                    Annotation(
                        id: id, box: Box(x1: x1, y1: y1, x2: x2, y2: y2), label: random.below(3),
                        provenance: score.map { Provenance(score: $0) }))
                id += 1
            }
            examples.append(example)
        }
        var set = Dataset(
            root: scratch.path + "/pictures", classes: ClassTable(names: ["traffic light", "7", "é & <b>, \"q\""]),
            examples: examples)
        set.source = "made up"
        return set
    }

    /// Boxes, labels and scores survive to the last bit; twice gives the same bytes.
    @Test(arguments: [DatasetFormat.coco, .yolo, .voc, .openImages]) func roundTripsAreExact(
        format: DatasetFormat
    ) throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let set = try randomSet(scratch, pictures: 60)
        let (out, again) = (scratch.path + "/out", scratch.path + "/again")
        let counts = try Conversion.write([Conversion.Part("train", set)], as: format, to: out)
        #expect(counts[0].pictures == 60 && counts[0].leftOut == 0 && counts[0].changed == 0)
        #expect(counts[0].labels == set.examples.reduce(0) { $0 + $1.annotations.count })
        let path =
            switch format {
            case .coco: out + "/annotations/instances_train.json"
            case .openImages: out + "/train-annotations-bbox.csv"
            default: out
            }
        let back = try Dataset.read(path)
        #expect(missing(back).isEmpty)
        #expect(back.classes.names == set.classes.names)
        let prefix = format == .yolo ? "images/train/" : ""
        #expect(Set(back.examples.map(\.fileName)) == Set(set.examples.map { prefix + $0.fileName }))
        let original = Dictionary(uniqueKeysWithValues: set.examples.map { (prefix + $0.fileName, $0) })
        for example in back.examples {
            let before = try #require(original[example.fileName])
            #expect(example.size == before.size)
            #expect(example.annotations.map(\.box) == before.annotations.map(\.box))
            #expect(example.annotations.map(\.label) == before.annotations.map(\.label))
            #expect(example.annotations.map(\.provenance) == before.annotations.map(\.provenance))
        }
        _ = try Conversion.write([Conversion.Part("train", set)], as: format, to: again)
        let names = try Files.walk(out)
        #expect(try names == Files.walk(again) && names.count > 60)
        for name in names {
            #expect(try Files.read(Files.join(out, name)) == Files.read(Files.join(again, name)))
        }
    }

    /// What a form has no word for is counted; people's labels can be kept apart from scores.
    @Test func regionsToBeIgnored() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try scratch.write(["p/a.jpg": .picture(100, 50)])
        var example = Example(id: 9, fileName: "a.jpg", size: nil)
        example.annotations = [
            Annotation(id: 1, box: cat, label: 0, provenance: Provenance(score: 0.5)),
            Annotation(id: 2, box: cat, label: 0, treatment: .ignore),
            Annotation(id: 3, box: dog, label: 0, treatment: .ignore, isCrowd: true),
        ]
        let set = Dataset(root: scratch.path + "/p", classes: ClassTable(names: ["cat"]), examples: [example])
        func write(_ format: DatasetFormat) throws -> Conversion.Count {
            try Conversion.write(
                [Conversion.Part("val", set)], as: format, to: scratch.path + "/" + format.rawValue, scores: false)[0]
        }
        let (yolo, voc, table) = (try write(.yolo), try write(.voc), try write(.openImages))
        #expect(yolo.labels == 1 && yolo.leftOut == 2 && yolo.scored == 0)
        #expect(voc.labels == 3 && voc.changed == 1 && table.labels == 3 && table.changed == 1)
        #expect(try Files.readText(scratch.path + "/yolo/labels/val/a.txt") == "0 0.5 0.5 0.2 0.4\n")
        let back = try Dataset.read(scratch.path + "/voc", classes: ["cat"])
        #expect(back.examples[0].annotations.map(\.treatment) == [.object, .ignore, .ignore])
    }

    @Test func nothingIsWrittenOverAndNothingIsLeftBehind() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try scratch.write(["p/a.jpg": .picture(10, 10), "p/a.png": .picture(10, 10), "there/x": "mine"])
        let two = Dataset(
            root: scratch.path + "/p", classes: ClassTable(names: ["cat"]),
            examples: [Example(id: 1, fileName: "a.jpg", size: nil), Example(id: 2, fileName: "a.png", size: nil)])
        var one = two
        one.examples.removeLast()
        one.examples[0].size = Size(width: 20, height: 10)
        func fault(_ set: Dataset, _ format: DatasetFormat, _ out: String) -> String {
            message {
                _ = try Conversion.write([Conversion.Part("val", set)], as: format, to: scratch.path + "/" + out)
            }
        }
        #expect(fault(one, .voc, "there").contains("there has files in it already; nothing is written over them"))
        #expect(fault(one, .voc, "p/a.jpg").contains("p/a.jpg is there already"))
        #expect(fault(two, .yolo, "new").contains("a.jpg and a.png would share one file of labels, a"))
        #expect(fault(one, .yolo, "new").contains("image a.jpg: is said to have 20x10 pixels and has 10x10"))
        #expect(try Files.list(scratch.path) == ["p", "there"])
        try Files.makeFolder(scratch.path + "/empty")
        #expect(fault(two, .coco, "empty/").isEmpty)
        #expect(try Files.list(scratch.path + "/empty") == ["annotations", "images"])
    }

    // MARK: Detections

    @Test func detectionsInEveryForm() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let truth = Dataset(
            root: "", classes: ClassTable(names: ["cat", "big dog"], ids: [5, 9]),
            examples: [
                Example(id: 3, fileName: "x/a.jpg", size: Size(width: 100, height: 50)),
                Example(id: 4, fileName: "b.jpg", size: nil),
            ])
        let expected = [[Detection(box: cat, label: 1, score: 0.5), Detection(box: dog, label: 0, score: 0.25)], []]
        let texts: [(DetectionLines, String)] = [
            (.xyxy, "big dog 0.5 40 15 60 35\n0 .25 0 0 50 50\n"),
            (.xywh, "1 0.5 40 15 20 20\ncat 0.25 0 0 50 50\n"),
            (.relative, "1 0.5 0.5 0.5 0.2 0.4\r\n0 0.25 0.25 0.5 0.5 1\r\n"),
            (.yolo, "1 0.5 0.5 0.2 0.4 0.5\n0 0.25 0.5 0.5 1 0.25\n"),
        ]
        for (lines, text) in texts {
            try scratch.write(["a.txt": .text(text)], in: lines.rawValue)
            let found = try Detections.read(scratch.path + "/" + lines.rawValue, truth, lines: lines)
            #expect(found == expected, "\(lines)")
        }
        // Its own folder decides between pictures of one name, and two files of one picture are not two halves of it.
        var twins = truth
        twins.examples = ["y/a.jpg", "a.jpg"].enumerated().map {
            Example(id: $0.offset + 1, fileName: $0.element, size: Size(width: 100, height: 50))
        }
        try scratch.write(["t/a.txt": "0 .25 0 0 50 50\n"])
        let one = try Detections.read(scratch.path + "/t", twins, lines: .xyxy)
        #expect(one.map(\.count) == [0, 1])
        try scratch.write(["u/1/a.txt": "0 .25 0 0 50 50\n", "u/2/a.txt": "0 .25 0 0 50 50\n"])
        #expect(
            message { _ = try Detections.read(scratch.path + "/u", truth, lines: .xyxy) }
                .contains("is of the picture x/a.jpg, as 1/a.txt is"))
        try scratch.write(["n/a.txt": "0 0.5 40 15 60 35\n1 0.25 0 0 50 50\n"])
        let renumbered = try Detections.read(
            scratch.path + "/n", truth, lines: .xyxy, classes: ["big dog", "cat"])
        #expect(renumbered == expected)
        try scratch.write([
            "dt.csv":
                "ImageID,LabelName,Score,XMin,XMax,YMin,YMax\na,big dog,0.5,0.4,0.6,0.3,0.7\na,cat,0.25,0,0.5,0,1\n"
        ])
        #expect(try Detections.read(scratch.path + "/dt.csv", truth) == expected)
        let results = scratch.path + "/r.json"
        try COCOResults.write(expected, of: truth, to: results)
        #expect(try Detections.read(results, truth) == expected)
        #expect(try truth.labelled(by: expected).scoredLabels() == expected)
        #expect(
            message { _ = try Detections.read(scratch.path + "/xyxy", truth) }.contains(
                "say which (dt-boxes): xyxy, xywh or relative"))
    }
}
