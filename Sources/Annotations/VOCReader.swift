import Base
import Geometry
import Imaging
import Markup

/// The classes of the PASCAL VOC challenge in their usual order.
let vocClasses = [
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
]

/// From where the corners in a PASCAL VOC set are counted, which it does not say itself.
public enum VOCPixels: String, CaseIterable, Sendable {
    /// Pixels from 1, the last one in the box: as VOC does.
    case one
    /// Edges from 0, as in COCO: as many labelling tools do.
    case zero

    /// What `xmin` and `ymin` lie beyond the edges of their box.
    var offset: Double { self == .one ? 1 : 0 }
}

/// The class names of a form that lists none: the 20 of VOC where no other occurs, else those that occur, sorted.
func classNames(occurring names: Set<String>) -> [String] {
    names.isSubset(of: vocClasses) && !names.isEmpty
        ? vocClasses : names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
}

/// Reads a PASCAL VOC set: an XML file a picture (docs/formats.md).
struct VOCReader {
    private let folder: VOCFolder
    private let classes: [String]?
    private let rules: BoxRules
    private let pixels: VOCPixels
    private let pictures: PictureFolder

    /// - Throws: where `images` is no folder.
    init(
        _ folder: VOCFolder, _ images: String?, _ classes: [String]?, _ rules: BoxRules, _ pixels: VOCPixels
    ) throws(Failure) {
        self.folder = folder
        self.classes = classes
        self.rules = rules
        self.pixels = pixels
        pictures = try PictureFolder.find(images, usual: folder.pictures, beside: folder.annotations)
    }

    /// The set. A picture is the one that is called as its annotation file is, else the one that `<filename>` names;
    /// where neither is there, names and sizes are what the file says.
    func read(_ findings: inout Findings) throws(Failure) -> Dataset {
        findings.add(folder.findings)
        let (ids, pictures, pixels) = (folder.ids, self.pictures, self.pixels)
        let files = parallelMap(ids.count) { i in
            VOCFile(ids[i].file, id: ids[i].id, listed: ids[i].place, pictures, pixels)
        }
        let names: [String]
        if let classes {
            names = classes
        } else if let listed = try folder.classes {
            names = listed
        } else {
            names = classNames(occurring: try occurring(files))
        }
        let labelOfName = Dictionary(names.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        let rules = self.rules
        let read = files.map { $0.labels(labelOfName, rules) }
        let hasFolder = !pictures.names.isEmpty
        let unlisted = hasFolder ? 0 : files.count { $0.picture.isUsable }
        var notes = folder.notes
        if unlisted > 0 { notes.append("no pictures were found; names and sizes are those in the files") }
        let fromZero = files.count { $0.objects.contains { $0.corners[0] == 0 || $0.corners[1] == 0 } }
        if pixels == .one, fromZero > 0 {
            notes.append(
                "\(fromZero) of \(files.count) files have boxes that begin at 0, and VOC counts pixels from 1; if "
                    + "their tool counts from 0, say --voc-pixels zero")
        }
        return Dataset(
            root: pictures.root, classes: ClassTable(names: names), pictures: read, notes: notes, into: &findings)
    }

    /// The names in all files beside those read, so that all parts of a folder have one class table.
    private func occurring(_ files: [VOCFile]) throws(Failure) -> Set<String> {
        var names = Set(files.flatMap { $0.objects.map(\.name) })
        let read = Set(folder.ids.map(\.id))
        let annotations = folder.annotations
        guard folder.source != annotations, !folder.isSingleFile else { return names }
        let others = try Files.walk(annotations).filter { VOCFolder.isXML($0) && !read.contains(stem($0)) }
        for found in parallelMap(others.count, { VOCFile.classNames(Files.join(annotations, others[$0])) }) {
            names.formUnion(found)
        }
        return names
    }
}
