import Base
import Geometry

/// What is done with boxes that have no width or no height.
public enum EmptyBoxes: Sendable {
    /// An error that counts them and names the first ones.
    case reject
    /// They are left out and counted in the notes.
    case drop
    /// They stay, as labels that nothing can match: what pycocotools does.
    case keep
}

extension Dataset {
    /// The pictures and labels of a COCO annotation file.
    ///
    /// - Boxes come in as x, y, width, height and go out as xyxy. Parts outside the picture are cut off (and counted in
    ///   `notes`) where the file states the picture's size; `clip: false` keeps boxes as written, as pycocotools does.
    /// - Classes are the `categories` by rising id, with or without gaps; labels are 0..<K.
    /// - `iscrowd` makes a label a crowd with treatment `.ignore`. A key `ignore` is not read: pycocotools overwrites
    ///   it with `iscrowd`. Our own key `treatment` ("ignore") is, so that ignored pseudo-labels survive a round trip.
    /// - `area` is the file's, else the (clipped) box's. `score` becomes the label's provenance.
    /// - A quoted number is taken for an id, a name is not.
    ///
    /// - Parameters:
    ///   - path: the JSON file, of any size.
    ///   - images: the folder of pictures. Without it: `images` beside the file, `images` beside the file's folder, or
    ///     the file's folder, whichever holds the first picture.
    /// - Throws: `.invalidData` naming file, image and annotation: a missing key, a wrong type, an id that is used twice
    ///   or points nowhere, a box that is not finite, empty or outside its picture, boxes that are corners, a file name
    ///   that leaves the folder.
    public static func coco(
        _ path: String, images root: String? = nil, clip: Bool = true, emptyBoxes: EmptyBoxes = .reject
    ) throws(Failure) -> Dataset {
        var findings = Findings(limit: 1)
        let set = try coco(path, images: root, clip: clip, emptyBoxes: emptyBoxes, into: &findings)
        try findings.requireNoErrors()
        return set
    }

    /// As `coco` without `findings`, but an item with an error is left out and reported, or only its value that has it, and reading goes on.
    /// - Parameter findings: gets every fault of an item, boxes that are clipped and pictures without a label.
    /// - Throws: where the file cannot be read, is no JSON, lacks its lists or lists no image or category.
    public static func coco(
        _ path: String, images root: String? = nil, clip: Bool = true, emptyBoxes: EmptyBoxes = .reject,
        into findings: inout Findings
    ) throws(Failure) -> Dataset {
        let document = try COCODocument.read(path, as: .annotations)
        guard let first = document.firstPicture else { throw .data("\(path): lists no images") }
        if let root, !Files.isFolder(root) {
            throw .data(
                Files.exists(root) ? "\(root) is a file; a folder of images was expected" : "there is no folder \(root)"
            )
        }
        var joining = COCOJoining(path, document, clip: clip, emptyBoxes: emptyBoxes, findings)
        joining.readClasses()
        if joining.classes.count == 0, document.faults.allSatisfy({ $0.kind != .category }) {
            throw .data("\(path): lists no categories")
        }
        joining.readPictures()
        joining.reportFaults()
        joining.readLabels()
        findings = joining.findings
        var dataset = Dataset(
            root: root ?? pictureFolder(of: path, first: first), classes: joining.classes, examples: joining.examples)
        dataset.source = path
        dataset.hasWrittenIDs = true
        dataset.notes = joining.notes
        return dataset
    }

    /// The polygons or the run lengths of a label's mask, as its file has them; nil where it has none.
    /// - Throws: where the file is not what it was when the set was read.
    public func segmentation(of label: Annotation) throws(Failure) -> JSON? {
        guard let span = label.segmentation else { return nil }
        let bytes = try Files.read(source, span.offset, span.length)
        do throws(Failure) { return try JSON.parse(bytes, file: source) } catch {
            throw .data("\(source): annotation id \(label.id): the mask is not where it was when the file was read")
        }
    }

    /// Where pictures usually lie: DATA/images beside DATA/labels.json or beside DATA/annotations/labels.json.
    private static func pictureFolder(of path: String, first: String) -> String {
        let folder = Files.folder(path)
        let candidates = [Files.join(folder, "images"), Files.join(Files.folder(folder), "images"), folder]
        return candidates.first { Files.exists(Files.join($0, first)) }
            ?? candidates.first { Files.isFolder($0) } ?? folder
    }
}

/// "a, b, c, d, e, ..." of a longer list.
func firstFive(_ names: [String]) -> String {
    names.prefix(5).joined(separator: ", ") + (names.count > 5 ? ", ..." : "")
}
