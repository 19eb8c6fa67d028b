import Base
import Geometry
import Testing

@testable import Annotations

/// A set that is right but for one thing, and what is said about it.
struct Fault: Sendable, CustomTestStringConvertible {
    var good: [String: TestFile]
    var change: [String: TestFile]
    var path = ""
    var part: String? = "train"
    /// Nil where nothing at all can be read.
    var rule: Rule?
    /// Place and message, the test's folder taken out.
    var says: String

    var testDescription: String { says }

    static func yolo(_ labels: String, _ rule: Rule, _ says: String) -> Fault {
        Fault(
            good: GoodSets.yolo, change: ["labels/train/a.txt": .text("0 0.5 0.5 0.1 0.1\n" + labels)], rule: rule,
            says: "labels/train/a.txt:2: " + says)
    }

    static func data(_ yaml: String, _ rule: Rule? = nil, _ says: String) -> Fault {
        Fault(good: GoodSets.yolo, change: ["data.yaml": .text(yaml)], rule: rule, says: says)
    }

    static func list(_ text: String, _ rule: Rule?, _ says: String) -> Fault {
        Fault(
            good: GoodSets.yolo,
            change: ["data.yaml": "train: l.txt\nnames: [cat, dog]\n", "l.txt": .text("images/train/a.jpg\n" + text)],
            rule: rule, says: says)
    }

    static func voc(_ from: String, _ to: String, _ rule: Rule?, _ says: String) -> Fault {
        let text = GoodSets.vocText
        let changed =
            text.firstRange(of: from).map { text.replacingCharacters(in: $0, with: to) } ?? "the text lacks \(from)"
        return Fault(good: GoodSets.voc, change: ["Annotations/a.xml": .text(changed)], rule: rule, says: says)
    }

    static func rows(_ rows: String, _ rule: Rule?, _ says: String, header: String = GoodSets.openImagesHeader) -> Fault
    {
        Fault(
            good: GoodSets.openImages,
            change: ["train-annotations-bbox.csv": .text(header + rows)], path: "/train-annotations-bbox.csv",
            rule: rule,
            says: says)
    }

    static func cvat(_ from: String, _ to: String, _ rule: Rule?, _ says: String) -> Fault {
        Fault(
            good: GoodSets.cvat, change: ["annotations.xml": .text(GoodSets.cvatText.replacing(from, with: to))],
            rule: rule, says: says)
    }

    static func file(_ name: String, _ file: TestFile, _ says: String) -> Fault {
        Fault(good: [:], change: [name: file], path: "/" + name, says: says)
    }
}

extension String {
    fileprivate func replacingCharacters(in range: Range<String.Index>, with text: String) -> String {
        var copy = self
        copy.replaceSubrange(range, with: text)
        return copy
    }
}

@Suite struct FormatFaultsTests {
    private func said(_ fault: Fault) throws -> (rule: Rule?, text: String) {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try scratch.write(fault.good.merging(fault.change) { $1 })
        var findings = Findings()
        do {
            _ = try Dataset.read(scratch.path + fault.path, part: fault.part, into: &findings)
        } catch {
            #expect(error.code == .invalidData)
            return (nil, scratch.relative(error.message))
        }
        guard let worst = findings.list.first(where: { $0.rule.severity == .error }) ?? findings.list.first else {
            return (nil, "nothing")
        }
        if worst.rule.severity == .error {
            let thrown = message { _ = try Dataset.read(scratch.path + fault.path, part: fault.part) }
            #expect(thrown.hasPrefix("\(worst)"))
        }
        return (worst.rule, scratch.relative("\(worst)"))
    }

    @Test(arguments: yoloFaults + yoloSetFaults) func inYOLO(fault: Fault) throws {
        let (rule, text) = try said(fault)
        #expect(text == fault.says && rule == fault.rule, "\(rule?.rawValue ?? "thrown"): \(text)")
    }

    @Test(arguments: vocFaults + cvatFaults) func inXML(fault: Fault) throws {
        let (rule, text) = try said(fault)
        #expect(text == fault.says && rule == fault.rule, "\(rule?.rawValue ?? "thrown"): \(text)")
    }

    @Test(arguments: openImagesFaults) func inTables(fault: Fault) throws {
        let (rule, text) = try said(fault)
        #expect(text == fault.says && rule == fault.rule, "\(rule?.rawValue ?? "thrown"): \(text)")
    }

    @Test(arguments: unknownFiles) func inFilesOfNoForm(fault: Fault) throws {
        let (rule, text) = try said(fault)
        #expect(text == fault.says && rule == fault.rule, "\(rule?.rawValue ?? "thrown"): \(text)")
    }
}

private let yoloFaults: [Fault] = [
    .yolo("2 0.5 0.5 0.1 0.1", .annotationWithoutClass, "class 2 is none of the 2 classes 0...1"),
    .yolo("-1 0.5 0.5 0.1 0.1", .annotationWithoutClass, "class -1 is none of the 2 classes 0...1"),
    .yolo("cat 0.5 0.5 0.1 0.1", .itemMalformed, "\"cat\" is no class number"),
    .yolo("0.5 0.5 0.5 0.1 0.1", .itemMalformed, "\"0.5\" is no class number"),
    .yolo(
        "0 0.5 0.5 0.1", .itemMalformed,
        "has 4 columns; expected 5 (class cx cy w h), 6 (a score behind them) or a polygon (class x1 y1 x2 y2 x3 y3 ...)"
    ),
    .yolo(
        "0 0.5 0.5 0.1 0.1 0.2 0.3 0.4", .itemMalformed,
        "has 8 columns; expected 5 (class cx cy w h), 6 (a score behind them) or a polygon (class x1 y1 x2 y2 x3 y3 ...)"
    ),
    .yolo(
        "0,0.5,0.5,0.1,0.1", .itemMalformed,
        "has 1 columns; expected 5 (class cx cy w h), 6 (a score behind them) or a polygon (class x1 y1 x2 y2 x3 y3 ...)"
    ),
    .yolo("0 0.5 x 0.1 0.1", .itemMalformed, "\"x\" is not a number"),
    .yolo("0 0.5 0,5 0.1 0.1", .itemMalformed, "\"0,5\" is not a number"),
    .yolo("0 0.5 1e999 0.1 0.1", .boxNotFinite, "the box 0.5 1e999 0.1 0.1 is not finite"),
    .yolo("0 nan 0.5 0.1 0.1", .boxNotFinite, "the box nan 0.5 0.1 0.1 is not finite"),
    .yolo("0 0.5 0.5 inf 0.1", .boxNotFinite, "the box 0.5 0.5 inf 0.1 is not finite"),
    .yolo(
        "0 120 80 40 20", .boxNotRelative,
        "the box 120 80 40 20 looks like pixels; fractions of the picture's sides, 0...1, were expected"),
    .yolo("0 0.5 1.2 0.1 0.1", .boxNotRelative, "cy is 1.2; a fraction of the picture's side, 0...1, was expected"),
    .yolo("0 0.5 0.5 -0.1 0.1", .boxNotRelative, "w is -0.1; a fraction of the picture's side, 0...1, was expected"),
    .yolo(
        "0 0.1 0.1 0.2 0.2 0.3 1.5", .boxNotRelative, "y3 is 1.5; a fraction of the picture's side, 0...1, was expected"
    ),
    .yolo("0 0.5 0.5 0.1 0", .boxEmpty, "the box 0.5 0.5 0.1 0 has no width or no height"),
    .yolo(
        "0 -0.005 0.5 0.001 0.1", .boxOutside, "the box -0.005 0.5 0.001 0.1 lies outside its picture of 100x50 pixels"),
    .yolo(
        "0 0.9 0.5 0.4 0.1", .boxClipped, "the box 0.9 0.5 0.4 0.1 is cut at the edge of its picture of 100x50 pixels"),
    .yolo("0 0.5 0.5 0.1 0.1 87", .itemMalformed, "the score 87 is not in 0...1"),
    Fault(
        good: GoodSets.yolo,
        change: ["labels/train/a.txt": .bytes(Array("0 0.5 0.5 0.1 \u{E9}".utf8.dropLast()) + [0x31])],
        rule: .itemMalformed, says: "labels/train/a.txt:1: the line is not UTF-8 text"),
    Fault(
        good: GoodSets.yolo, change: ["labels/train/a.txt": .bytes([0xFF, 0xFE, 0x30, 0])], rule: .fileUnreadable,
        says: "labels/train/a.txt: is UTF-16 text; save it as UTF-8"),
    Fault(
        good: GoodSets.yolo, change: ["labels/train/old.txt": "0 0.5 0.5 0.1 0.1"], rule: .labelWithoutImage,
        says: "labels/train/old.txt: there is no picture of this name in images/train"),
    Fault(
        good: GoodSets.yolo, change: ["images/train/a.jpg": "<html>"], rule: .imageUnreadable,
        says:
            "data.yaml: image a.jpg: cannot read images/train/a.jpg: an HTML page, often what a failed download leaves; fetch the picture again"
    ),
]

private let yoloSetFaults: [Fault] = [
    .data(
        "train: images/train\nnames: [cat, dog]\nnc: 3\n", .classCountDiffers, "data.yaml:3: nc is 3 and names lists 2"),
    .data(
        "train: images/train\nnames: [cat, cat]\n", .classNameTwice,
        "data.yaml:2: classes 0 and 1 are both named \"cat\""),
    .data(
        "train: images/train\nnames: {0: cat, 2: dog}\n", nil,
        "data.yaml:2: \"2\" is no class number; 2 names are numbered 0...1"),
    .data(
        "train: images/train\nnames: {cat: 0, dog: 1}\n", nil,
        "data.yaml:2: \"cat\" is no class number; 2 names are numbered 0...1"),
    .data("train: images/train\nnames: cat\n", nil, "data.yaml:2: \"names\" must be a list or a mapping 0: name"),
    .data("train: images/train\nnames: []\n", nil, "data.yaml:2: \"names\" is empty"),
    .data("train: images/train\nnames: [[cat]]\n", nil, "data.yaml:2: a class name must be a word"),
    .data("train: images/train\nname: [cat, dog]\n", nil, "data.yaml has no \"names\"; it has \"name\""),
    .data("train: images/train\nnc: many\n", nil, "data.yaml:2: \"nc\" must be the number of classes"),
    .data("val: images/train\nnames: [cat, dog]\n", nil, "data.yaml has no part \"train\"; it has val"),
    .data("names: [cat, dog]\n", nil, "data.yaml has no part \"train\""),
    .data("train: images/tran\nnames: [cat, dog]\n", nil, "data.yaml: there is no folder or list images/tran"),
    .data(
        "train: imags\nnames: [cat, dog]\n", nil, "data.yaml: there is no folder or list imags; did you mean images?"),
    .data(
        "train: {a: b}\nnames: [cat, dog]\n", nil,
        "data.yaml:1: \"train\" must be a folder, a list of folders or a text file"),
    .data("train: [x\nnames: [cat, dog]\n", nil, "data.yaml:2:6: did not find expected ',' or ']'"),
    .data("train: labels\nnames: [cat, dog]\n", nil, "data.yaml: found no picture in labels"),
    .data("- train\n- names:\n", nil, "data.yaml:1: expected the keys train, val and names"),
    Fault(
        good: GoodSets.yolo, change: [:], part: nil,
        says: "data.yaml has the parts train, val; say which one is meant (--part)"),
    Fault(
        good: GoodSets.yolo, change: ["images/x/a.jpg": .picture(9, 9), "data.yaml": "train: images/x\nnames: [cat]"],
        says: "data.yaml: none of the 1 pictures has a file of labels; looked for labels/x/a.txt and so on"),
    .list(
        "images/train/none.jpg\n", .imageMissing,
        "l.txt:2: there is no picture images/train/none.jpg; say where the pictures are (images) if elsewhere"),
    .list(
        "../../outside.jpg\n", .imageNameOutside, "l.txt:2: \"../../outside.jpg\" leads out of the folder of the set"),
    .list("images/train/a.jpg\n", .imageNameTwice, "l.txt:2: the picture images/train/a.jpg is listed already"),
    Fault(
        good: [:], change: ["labels/a.txt": "0 0.5 0.5 1 1", "images/a.jpg": .picture(9, 9)],
        says: ". has labels but no data.yaml (train, val, names) or classes.txt that names the classes"),
    Fault(
        good: [:], change: ["labels/a.txt": "0 0.5 0.5 1 1", "classes.txt": "cat\ndog\ncat\n"],
        says: "classes.txt:3: the class \"cat\" stands in line 1 already"),
    Fault(
        good: [:], change: ["obj.data": "train = t.txt\nnames = n.txt\n"],
        says: "obj.data: the file of class names is not there (names = n.txt)"),
    Fault(
        good: [:], change: ["obj.data": "train t.txt\n"],
        says: "obj.data:1: \"train t.txt\" is no setting, expected name = value"),
]

private let vocFaults: [Fault] = [
    .voc(
        "</annotation>", "", .fileUnreadable,
        "Annotations/a.xml:21: the text ends before its last element is closed (column 1)"),
    .voc("<name>cat</name>", "<name>cat</nam>", .fileUnreadable, "Annotations/a.xml:7: mismatched tag (column 16)"),
    .voc(
        "<folder>", "<folder>\u{1}", .fileUnreadable, "Annotations/a.xml:3: not well-formed (invalid token) (column 11)"
    ),
    .voc(
        "<annotation>", "<!DOCTYPE a [<!ENTITY b \"bb\">]>\n<annotation>", .fileUnreadable,
        "Annotations/a.xml:2: a document type declaration (<!DOCTYPE ...>) is not read (column 13)"),
    .voc(
        "<xmin>41</xmin>", "<xmin>41</xmin", .fileUnreadable,
        "Annotations/a.xml:11: not well-formed (invalid token) (column 7)"),
    .voc("<xmin>41</xmin>", "", .itemMalformed, "Annotations/a.xml:9: the <bndbox> of the cat has no <xmin>"),
    .voc("<xmin>41</xmin>", "<xmin></xmin>", .itemMalformed, "Annotations/a.xml:10: <xmin> is \"\", not a number"),
    .voc("<xmin>41</xmin>", "<xmin>4l</xmin>", .itemMalformed, "Annotations/a.xml:10: <xmin> is \"4l\", not a number"),
    .voc(
        "<xmin>41</xmin>", "<xmin>nan</xmin>", .boxNotFinite,
        "Annotations/a.xml:9: the box nan 16 60 35 is not finite or absurdly large"),
    .voc(
        "<xmin>41</xmin>", "<xmin>1e12</xmin>", .boxNotFinite,
        "Annotations/a.xml:9: the box 1000000000000 16 60 35 is not finite or absurdly large"),
    .voc(
        "<xmin>41</xmin>", "<xmin>61</xmin>", .boxReversed,
        "Annotations/a.xml:9: the box 61 16 60 35 has xmin beyond xmax; corners were expected, smaller first"),
    .voc(
        "<ymin>16</ymin>", "<ymin>36</ymin>", .boxReversed,
        "Annotations/a.xml:9: the box 41 36 60 35 has ymin beyond ymax; corners were expected, smaller first"),
    .voc(
        "<xmax>60</xmax>", "<xmax>160</xmax>", .boxClipped,
        "Annotations/a.xml:6: the box 41 16 160 35 is cut at the edge of its picture of 100x50 pixels"),
    .voc(
        "<xmin>41</xmin>\n      <ymin>16</ymin>\n      <xmax>60</xmax>",
        "<xmin>141</xmin><ymin>16</ymin><xmax>160</xmax>", .boxOutside,
        "Annotations/a.xml:6: the box 141 16 160 35 lies outside its picture of 100x50 pixels"),
    .voc("<name>cat</name>", "", .itemMalformed, "Annotations/a.xml:6: an <object> has no <name>"),
    .voc(
        "<difficult>0</difficult>", "<difficult>Unspecified</difficult>", .itemMalformed,
        "Annotations/a.xml:8: <difficult> is \"Unspecified\", not 0 or 1"),
    .voc(
        "<score>0.75</score>", "<score>75%</score>", .itemMalformed,
        "Annotations/a.xml:19: <score> is \"75%\", not a number in 0...1"),
    .voc(
        "<width>100</width>", "<width>50</width>", .imageSizeDiffers,
        "Annotations/a.xml:5: the <size> is 50x50 and the picture JPEGImages/a.jpg is 100x50"),
    .voc(
        "<width>100</width><height>50</height>", "<width>50</width><height>100</height>", .imageSizeDiffers,
        "Annotations/a.xml:5: the <size> is 50x100 and the picture JPEGImages/a.jpg is 100x50; were width and height exchanged?"
    ),
    .voc(
        "<width>100</width>", "<width>wide</width>", .valueMalformed,
        "Annotations/a.xml:5: the <size> is \"wide\" x \"50\", no number of pixels"),
    .voc("<width>100</width>", "", .valueMalformed, "Annotations/a.xml:5: <size> has no <width> or no <height>"),
    Fault(
        good: GoodSets.voc, change: ["Annotations/a.xml": "<annotation><object><name>cat</name></object></annotation>"],
        rule: .itemMalformed, says: "Annotations/a.xml:1: the cat has no <bndbox>"),
    Fault(
        good: GoodSets.voc, change: ["Annotations/a.xml": "<annotatoin/>"], rule: .fileUnreadable,
        says: "Annotations/a.xml:1: the root is <annotatoin>, not <annotation>"),
    Fault(
        good: GoodSets.voc, change: ["Annotations/a.xml": ""], rule: .fileUnreadable,
        says: "Annotations/a.xml:1: the file is empty"),
    Fault(
        good: GoodSets.voc, change: ["Annotations/a.xml": .text(String(repeating: "<a>", count: 70))],
        rule: .fileUnreadable, says: "Annotations/a.xml:1: the elements are nested too deeply (column 196)"),
    Fault(
        good: GoodSets.voc, change: ["JPEGImages/a.jpg": "GIF89a"], rule: .imageUnreadable,
        says:
            "Annotations/a.xml:5: cannot read JPEGImages/a.jpg: a GIF; only JPEG, PNG and WebP are read; convert it first"
    ),
    Fault(
        good: GoodSets.voc, change: ["ImageSets/Main/train.txt": "a\nzz\n"], rule: .fileUnreadable,
        says: "ImageSets/Main/train.txt:2: there is no annotation file Annotations/zz.xml"),
    Fault(
        good: GoodSets.voc, change: ["ImageSets/Main/train.txt": "a\n../../x\n"], rule: .imageNameOutside,
        says: "ImageSets/Main/train.txt:2: \"../../x\" leads out of the folder of the set"),
    Fault(
        good: GoodSets.voc, change: ["ImageSets/Main/train.txt": "\n"],
        says: "ImageSets/Main/train.txt: lists no picture"),
    Fault(
        good: GoodSets.voc, change: [:], path: "/ImageSets/Main/cat_train.txt",
        says:
            "ImageSets/Main/cat_train.txt:1: \"a  1\" is of a list for one class; give the list of all pictures, such as train.txt"
    ),
    Fault(
        good: GoodSets.voc, change: [:], part: nil,
        says: "ImageSets/Main has the parts train, val; say which one is meant (--part)"),
    Fault(
        good: GoodSets.voc, change: [:], part: "trai",
        says: "ImageSets/Main has no list trai.txt; it has train, val; did you mean train?"),
    Fault(
        good: [:],
        change: ["a.xml": "<annotation><filename>../up.jpg</filename></annotation>", "b.xml": "<annotation/>"],
        rule: .imageNameOutside, says: "a.xml:1: <filename> \"../up.jpg\" leads out of the folder of pictures"),
]

private let cvatFaults: [Fault] = [
    .cvat("xtl=\"40.00\"", "", .itemMalformed, "annotations.xml:5: image a.jpg: a <box> has no xtl"),
    .cvat(
        "xtl=\"40.00\"", "xtl=\"left\"", .itemMalformed, "annotations.xml:5: image a.jpg: xtl is \"left\", not a number"
    ),
    .cvat(
        "xtl=\"40.00\"", "xtl=\"70\"", .boxReversed,
        "annotations.xml:5: image a.jpg: the box 70 15 60 35 has its corners the wrong way round"),
    .cvat(
        "z_order=\"0\"", "rotation=\"30.0\"", .itemMalformed,
        "annotations.xml:5: image a.jpg: a <box> is turned by 30 degrees; upright boxes are read only"),
    .cvat(
        "label=\"cat\"", "label=\"cow\"", .annotationWithoutClass,
        "annotations.xml:5: image a.jpg: a <box>: no label of the task is named \"cow\""),
    .cvat(
        "points=\"0,0;50,0;50,50\"", "points=\"0,0;50,0\"", .itemMalformed,
        "annotations.xml:6: image a.jpg: a <polygon> needs three points x,y;x,y;x,y or more"),
    .cvat(
        "name=\"a.jpg\"", "name=\"../a.jpg\"", .imageNameOutside,
        "annotations.xml:4: the name \"../a.jpg\" leads out of the folder of pictures"),
    .cvat(
        "width=\"100\"", "width=\"-1\"", .valueMalformed,
        "annotations.xml:4: the <image> a.jpg has no width or no height in pixels"),
    .cvat(
        "<label><name>dog</name></label>", "<label><name>cat</name></label>", nil,
        "annotations.xml:3: the label \"cat\" is there twice"),
    .cvat(
        "<image id=\"0\"", "<track id=\"0\"/><image", nil,
        "annotations.xml:4: has <track>s, the labels of a film; export \"CVAT for images\" instead"),
    .cvat("</annotations>", "", nil, "annotations.xml:9:1: the text ends before its last element is closed"),
]

private let openImagesFaults: [Fault] = [
    .rows(
        "a,x,/m/01,1,40,60,30,70,0,0,0,0,0\n", .boxNotRelative,
        "train-annotations-bbox.csv:2: XMin is 40; a fraction of the picture's side, 0...1, was expected, not pixels"),
    .rows(
        "a,x,/m/01,1,0.4,1.2,0.3,0.7,0,0,0,0,0\n", .boxNotRelative,
        "train-annotations-bbox.csv:2: XMax is 1.2; a fraction of the picture's side, 0...1, was expected"),
    .rows(
        "a,x,/m/01,1,0.6,0.4,0.3,0.7,0,0,0,0,0\n", .boxReversed,
        "train-annotations-bbox.csv:2: XMin 0.6 is beyond XMax 0.4"),
    .rows(
        "a,x,/m/01,1,0.4,0.4,0.3,0.7,0,0,0,0,0\n", .boxEmpty,
        "train-annotations-bbox.csv:2: the box 0.4 0.3 0.4 0.7 has no width or no height"),
    .rows("a,x,/m/01,1,nan,0.4,0.3,0.7,0,0,0,0,0\n", .boxNotFinite, "train-annotations-bbox.csv:2: XMin is not finite"),
    .rows("a,x,/m/01,1,,0.4,0.3,0.7,0,0,0,0,0\n", .itemMalformed, "train-annotations-bbox.csv:2: XMin is empty"),
    .rows(
        "a,x,/m/01,1,x,0.4,0.3,0.7,0,0,0,0,0\n", .itemMalformed,
        "train-annotations-bbox.csv:2: XMin is \"x\", not a number"),
    .rows(
        "a,x,/m/03,1,0.1,0.4,0.3,0.7,0,0,0,0,0\n", .annotationWithoutClass,
        "train-annotations-bbox.csv:2: no class is named \"/m/03\"; class-descriptions-boxable.csv has the names of such codes"
    ),
    .rows(
        "a,x,/m/01,2,0.1,0.4,0.3,0.7,0,0,0,0,0\n", .itemMalformed,
        "train-annotations-bbox.csv:2: Confidence is \"2\", not a number in 0...1"),
    .rows(
        "a,x,/m/01,1,0.1,0.4,0.3,0.7,0,0,2,0,0\n", .itemMalformed,
        "train-annotations-bbox.csv:2: IsGroupOf is \"2\", not 0, 1 or -1"),
    .rows(
        "a,x,/m/01,1,0.1,0.4,0.3\n", .itemMalformed,
        "train-annotations-bbox.csv:2: has 7 fields; the first row names 13 columns"),
    .rows(",x,/m/01,1,0.1,0.4,0.3,0.7,0,0,0,0,0\n", .itemMalformed, "train-annotations-bbox.csv:2: ImageID is empty"),
    .rows("a,x,,1,0.1,0.4,0.3,0.7,0,0,0,0,0\n", .itemMalformed, "train-annotations-bbox.csv:2: LabelName is empty"),
    .rows(
        "../a,x,/m/01,1,0.1,0.4,0.3,0.7,0,0,0,0,0\n", .imageNameOutside,
        "train-annotations-bbox.csv:2: ImageID \"../a\" leads out of the folder of pictures"),
    .rows("a,x,\"/m/01,1,0.1\n", .itemMalformed, "train-annotations-bbox.csv:2: the quote of field 3 is never closed"),
    .rows(
        "a,x,\"/m/01\"x,1,0.1,0.4,0.3,0.7,0,0,0,0,0\n", .itemMalformed,
        "train-annotations-bbox.csv:2: text follows the closing quote of field 3"),
    .rows(
        "zz,x,/m/01,1,0.1,0.4,0.3,0.7,0,0,0,0,0\n", nil,
        "train-annotations-bbox.csv: none of its 1 pictures is in train: zz; say where they are (images)"),
    .rows(
        "a,/m/01,0.1,0.4,0.3,0.7\n", nil, "train-annotations-bbox.csv:1: has no column YMax",
        header: "ImageID,LabelName,XMin,XMax,YMin,YMx2\n"),
    .rows(
        "a,/m/01,0.1,0.4,0.3,0.7,1\n", .columnUnknown,
        "train-annotations-bbox.csv:1: the column \"IsGroup\" is not read; did you mean IsGroupOf?",
        header: "ImageID,LabelName,XMin,XMax,YMin,YMax,IsGroup\n"),
    .rows("", nil, "train-annotations-bbox.csv:1: the column XMin is there twice", header: "ImageID,XMin,XMin\n"),
    Fault(
        good: GoodSets.openImages, change: ["class-descriptions-boxable.csv": "/m/01,cat,x\n"],
        path: "/train-annotations-bbox.csv",
        says: "class-descriptions-boxable.csv:1: expected a code and a name: /m/011k07,Tortoise"),
    Fault(
        good: GoodSets.openImages, change: ["class-descriptions-boxable.csv": "/m/01,cat\n/m/02,cat\n"],
        path: "/train-annotations-bbox.csv", says: "class-descriptions-boxable.csv:2: the class \"cat\" is there twice"),
    Fault(
        good: GoodSets.openImages, change: ["train/a.jpg": "BM"], path: "/train-annotations-bbox.csv",
        rule: .imageUnreadable,
        says:
            "train-annotations-bbox.csv:2: image a: cannot read train/a.jpg: a BMP; only JPEG, PNG and WebP are read; convert it first"
    ),
]

private let unknownFiles: [Fault] = [
    .file("x.json", "", "x.json is empty"),
    .file("x.txt", " \n", "x.txt holds nothing but spaces"),
    .file("x.csv", .bytes([0xFF, 0xFE, 0x49, 0]), "x.csv is UTF-16 text; save it as UTF-8"),
    .file("x.dat", .bytes([1, 0, 2]), "x.dat is no text; expected annotations (COCO, YOLO, VOC, Open Images or CVAT)"),
    .file(
        "x.xml", "<?xml version=\"1.0\"?><!-- <annotation> --><svg/>",
        "x.xml is XML whose root is <svg>; expected <annotation> (VOC) or <annotations> (CVAT)"),
    .file("x.xml", "<html>", "x.xml is an HTML page, often what a failed download leaves; fetch the file again"),
    .file(
        "x.csv", "a.jpg,1,2,3,4\n",
        "x.csv is no annotation file that is known (COCO, YOLO, VOC, Open Images, CVAT); a table of Open Images begins with a row of column names, ImageID among them"
    ),
    .file(
        "a.txt", "0 0.5 0.5 0.1 0.1\n",
        "a.txt is no annotation file that is known (COCO, YOLO, VOC, Open Images, CVAT); for labels of one picture (YOLO) give the data.yaml of the set"
    ),
    .file(
        "l.txt", "images/a.jpg\n",
        "l.txt is no annotation file that is known (COCO, YOLO, VOC, Open Images, CVAT); for a list of pictures (YOLO) give the data.yaml that names the classes"
    ),
    Fault(
        good: GoodSets.yolo, change: [:], path: "/dat.yaml",
        says: "there is no file or folder dat.yaml; did you mean data.yaml?"),
    Fault(
        good: [:], change: ["readme.md": "x"],
        says:
            ". is no labelled set: expected data.yaml (YOLO), Annotations/*.xml (VOC) or a file of annotations (COCO, Open Images, CVAT) in it"
    ),
    Fault(
        good: [:], change: ["annotations/a.json": "{}", "annotations/b.json": "{}"],
        says: ". is a folder with several sets in it; give one of annotations/a.json, annotations/b.json"),
]
