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
    ///   - path: the JSON file.
    ///   - images: the folder of pictures. Without it: `images` beside the file, `images` beside the file's folder, or
    ///     the file's folder, whichever holds the first picture.
    /// - Throws: `.invalidData` naming file, image id and annotation id: a missing key, a wrong type, an id that is
    ///   used twice or points nowhere, a box that is not finite, empty or outside its picture, a file name that leaves
    ///   the folder.
    public static func coco(
        _ path: String, images root: String? = nil, clip: Bool = true, emptyBoxes: EmptyBoxes = .reject
    ) throws(Failure) -> Dataset {
        let document = try COCODocument.read(path)
        guard let first = document.pictures.first else { throw .data("\(path): lists no images") }
        if let root, !Files.isFolder(root) {
            throw .data(
                Files.exists(root) ? "\(root) is a file; a folder of images was expected" : "there is no folder \(root)"
            )
        }
        let classes = try classTable(document, path)
        let labelOfID = Dictionary(uniqueKeysWithValues: zip(classes.ids, classes.ids.indices))
        let (examples, placeOfID) = try examples(document, path)
        var dataset = Dataset(
            root: root ?? pictureFolder(of: path, first: first.fileName), classes: classes, examples: examples)
        dataset.source = path

        var ids: Set<Int> = []
        ids.reserveCapacity(document.labels.count)
        var empty: [String] = []
        var clipped = 0
        for label in document.labels {
            func named() -> String { "\(path): image id \(label.picture): annotation id \(label.id)" }
            guard let place = placeOfID[label.picture] else {
                throw .data("\(named()): no image has the id \(label.picture)")
            }
            guard let index = labelOfID[label.category] else {
                let known =
                    classes.count <= 20 ? " (known: \(classes.ids.map(String.init).joined(separator: ", ")))" : ""
                throw .data("\(named()): no category has the id \(label.category)\(known)")
            }
            guard ids.insert(label.id).inserted else { throw .data("\(named()): another annotation has this id") }
            let frame = label.frame
            guard [frame.x, frame.y, frame.width, frame.height].allSatisfy({ abs($0) < 1e9 }) else {
                throw .data("\(named()): the bbox is not finite or absurdly large")
            }
            let written = Box(x: frame.x, y: frame.y, width: frame.width, height: frame.height)
            if written.isEmpty, emptyBoxes != .keep {
                empty.append("image id \(label.picture) annotation id \(label.id)")
                continue
            }
            var box = written
            if clip, let size = dataset.examples[place].size {
                box = written.clipped(to: size)
                if box.isEmpty, emptyBoxes != .keep {
                    throw .data(
                        "\(named()): the bbox [\(frame.x), \(frame.y), \(frame.width), \(frame.height)] lies outside its "
                            + "picture of \(size.width)x\(size.height) pixels")
                }
                if box != written { clipped += 1 }
            }
            dataset.examples[place].annotations.append(
                Annotation(
                    id: label.id, box: box, label: index,
                    area: label.area ?? (box == written ? frame.width * frame.height : nil),
                    treatment: label.treatment, isCrowd: label.isCrowd,
                    provenance: label.score.map { Provenance(score: Float($0)) }))
        }
        if !empty.isEmpty {
            let some = "\(firstFive(empty)) (\(empty.count) in all)"
            if emptyBoxes == .reject {
                throw .data("\(path): boxes without width or height: \(some); repair or remove them")
            }
            dataset.notes.append("left out boxes without width or height: \(some)")
        }
        if clipped > 0 { dataset.notes.append("cut \(clipped) boxes at the edge of their pictures") }
        let background = dataset.examples.count { $0.annotations.isEmpty }
        if background > 0 {
            dataset.notes.append(
                "\(background) of \(dataset.examples.count) pictures have no label: they are background")
        }
        return dataset
    }

    static func classTable(_ document: COCODocument, _ path: String) throws(Failure) -> ClassTable {
        if document.categories.isEmpty { throw .data("\(path): lists no categories") }
        let categories = document.categories.sorted { $0.id < $1.id }
        for (a, b) in zip(categories, categories.dropFirst()) where a.id == b.id {
            throw .data("\(path): category id \(a.id): both \"\(a.name)\" and \"\(b.name)\" have it")
        }
        var idOfName: [String: Int] = [:]
        for category in categories {
            if let other = idOfName.updateValue(category.id, forKey: category.name) {
                throw .data("\(path): category ids \(other) and \(category.id) are both named \"\(category.name)\"")
            }
        }
        return ClassTable(names: categories.map(\.name), ids: categories.map(\.id))
    }

    static func examples(
        _ document: COCODocument, _ path: String
    ) throws(Failure) -> (examples: [Example], placeOfID: [Int: Int]) {
        var examples: [Example] = []
        examples.reserveCapacity(document.pictures.count)
        var placeOfID: [Int: Int] = [:]
        var idOfName: [String: Int] = [:]
        for picture in document.pictures {
            if placeOfID.updateValue(examples.count, forKey: picture.id) != nil {
                throw .data("\(path): image id \(picture.id): another image has this id")
            }
            if let other = idOfName.updateValue(picture.id, forKey: picture.fileName) {
                throw .data("\(path): image ids \(other) and \(picture.id) both name \(picture.fileName)")
            }
            examples.append(Example(id: picture.id, fileName: picture.fileName, size: picture.size))
        }
        return (examples, placeOfID)
    }

    /// Where pictures usually lie: DATA/images beside DATA/labels.json or beside DATA/annotations/labels.json.
    private static func pictureFolder(of path: String, first: String) -> String {
        let folder = Files.folder(path)
        let candidates = [Files.join(folder, "images"), Files.join(Files.folder(folder), "images"), folder]
        return candidates.first { Files.exists(Files.join($0, first)) }
            ?? candidates.first { Files.isFolder($0) } ?? folder
    }

    /// Holds the list of pictures against the folder.
    /// - Throws: `.invalidData` with the count and the first five that are not there.
    public func verifyFiles() throws(Failure) {
        let missing = examples.map(\.fileName).filter { !Files.exists(Files.join(root, $0)) }
        guard let first = missing.first else { return }
        var hint = ""
        let folder = Files.folder(Files.join(root, first))
        if let names = try? Files.list(folder) { hint = didYouMean(Files.name(first), names) }
        let listed = source.isEmpty ? "" : " that \(source) lists"
        throw .data(
            "\(missing.count) of the \(examples.count) pictures\(listed) are not in \(root): "
                + "\(firstFive(missing))\(hint)")
    }
}

/// "a, b, c, d, e, ..." of a longer list.
func firstFive(_ names: [String]) -> String {
    names.prefix(5).joined(separator: ", ") + (names.count > 5 ? ", ..." : "")
}
