import Base
import Geometry
import Glibc
import Imaging

@testable import Annotations

/// A folder of its own for a test, removed by `remove`.
struct Scratch {
    let path: String

    init() throws {
        var template = Array("/tmp/pupil-test-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw Failure.environment("no folder for a test") }
        path = String(cString: made)
    }

    func file(_ name: String, _ text: String = "x") throws -> String {
        let full = Files.join(path, name)
        try Files.makeFolder(Files.folder(full))
        try Files.write(text, to: full)
        return full
    }

    func remove() { try? Files.remove(path) }
}

/// The message of the failure that a body ends with, or "" where it does not fail.
func message(_ body: () throws -> Void) -> String {
    do {
        try body()
        return ""
    } catch {
        return "\(error)"
    }
}

/// A file of a test: text, bytes, or a picture of a size.
enum TestFile: ExpressibleByStringLiteral, Sendable {
    case text(String)
    case bytes([UInt8])
    case picture(Int, Int)

    init(stringLiteral value: String) { self = .text(value) }
}

extension Scratch {
    /// Writes files under a folder of their own.
    func write(_ files: [String: TestFile], in folder: String = "") throws {
        for (name, file) in files {
            let full = Files.join(Files.join(path, folder), name)
            try Files.makeFolder(Files.folder(full))
            switch file {
            case .text(let text): try Files.write(text, to: full)
            case .bytes(let bytes): try Files.write(bytes, to: full)
            case .picture(let width, let height):
                let pixels = [UInt8](repeating: 90, count: width * height * 3)
                let image = Image(width: width, height: height, pixels: pixels)
                try Files.write(full.hasSuffix(".png") ? image.png() : image.jpeg(), to: full)
            }
        }
    }

    /// A text with this folder's path taken out, so that messages can be compared.
    func relative(_ text: String) -> String { text.replacing(path + "/", with: "").replacing(path, with: ".") }
}

/// Small sets that are right, in each form, for tests that change one thing.
enum GoodSets {
    /// Two pictures of 100x50, one in a folder; three boxes; a label with a score.
    static let yolo: [String: TestFile] = [
        "data.yaml": "path: .\ntrain: images/train\nval: images/val\nnames:\n  0: cat\n  1: dog\n",
        "images/train/a.jpg": .picture(100, 50), "images/train/sub/b.png": .picture(100, 50),
        "images/val/c.jpg": .picture(20, 20),
        "labels/train/a.txt": "0 0.5 0.5 0.2 0.4\n1 0.25 0.5 0.5 1 0.75\n",
        "labels/train/sub/b.txt": "1 0.1 0.2 0.2 0.4\r\n",
    ]

    static let vocText = """
        <?xml version="1.0"?>
        <annotation>
          <folder>JPEGImages</folder>
          <filename>a.jpg</filename>
          <size><width>100</width><height>50</height><depth>3</depth></size>
          <object>
            <name>cat</name>
            <difficult>0</difficult>
            <bndbox>
              <xmin>41</xmin>
              <ymin>16</ymin>
              <xmax>60</xmax>
              <ymax>35</ymax>
            </bndbox>
            <part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part>
          </object>
          <object>
            <name>dog</name><truncated>1</truncated><difficult>1</difficult>
            <bndbox><ymax>50</ymax><xmax>50.5</xmax><ymin>1</ymin><xmin>1.5</xmin></bndbox><score>0.75</score>
          </object>
        </annotation>
        """
    static let voc: [String: TestFile] = [
        "Annotations/a.xml": .text(vocText), "Annotations/b.xml": "<annotation><filename>b.png</filename></annotation>",
        "JPEGImages/a.jpg": .picture(100, 50), "JPEGImages/b.png": .picture(20, 20),
        "ImageSets/Main/train.txt": "a\n", "ImageSets/Main/val.txt": "b\n", "ImageSets/Main/cat_train.txt": "a  1\n",
    ]

    static let openImagesHeader =
        "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside\n"
    static let openImages: [String: TestFile] = [
        "train-annotations-bbox.csv": .text(
            openImagesHeader
                + """
                a,xclick,/m/01,1,0.4,0.6,0.3,0.7,0,0,0,0,0
                a,pupil,/m/02,0.75,0,0.5,0,1,0,0,0,0,0
                b,xclick,/m/02,1,0,0.2,0,0.4,0,0,1,0,0
                b,xclick,/m/01,0,0,0.2,0,0.4,0,0,0,0,0

                """),
        "class-descriptions-boxable.csv": "/m/01,cat\n/m/02,\"dog, big\"\n", "train/a.jpg": .picture(100, 50),
        "train/b.png": .picture(100, 50),
    ]

    static let cvatText = """
        <?xml version="1.0" encoding="utf-8"?>
        <annotations><version>1.1</version>
        <meta><task><name>t</name><labels><label><name>cat</name></label><label><name>dog</name></label></labels></task></meta>
        <image id="0" name="a.jpg" width="100" height="50">
        <box label="cat" occluded="0" xtl="40.00" ytl="15.00" xbr="60.00" ybr="35.00" z_order="0"></box>
        <polygon label="dog" points="0,0;50,0;50,50"/>
        <tag label="dog"/><polyline label="dog" points="0,0;1,1"/>
        </image>
        </annotations>
        """
    static let cvat: [String: TestFile] = ["annotations.xml": .text(cvatText), "images/a.jpg": .picture(100, 50)]
}

/// What is said of a set's pictures that are not there.
func missing(_ set: Dataset) -> [Finding] {
    var findings = Findings()
    set.check(set.lookAtPictures(.headers), into: &findings)
    return findings.list.filter { $0.rule == .imageMissing }
}
