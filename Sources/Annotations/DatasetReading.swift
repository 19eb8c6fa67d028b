import Base
import Geometry

extension Dataset {
    /// The pictures and labels of a set in any form that is known, told by content: COCO, YOLO, PASCAL VOC, Open
    /// Images, CVAT. docs/formats.md says what each means here.
    ///
    /// - Parameters:
    ///   - path: the file, or the folder that holds the set.
    ///   - images: the folder of pictures, where it is not where the form has it.
    ///   - part: which part of a set that has several (`train` of a `data.yaml`, a list of `ImageSets/Main`). A set
    ///     without parts is read whole; one whose parts have other names is an error that names them.
    ///   - classes: the names of the classes in order. Without them: the file's own list; for forms that have none, the
    ///     20 of VOC in their order where all names are among them, else the names that occur, sorted.
    ///   - vocPixels: from where a PASCAL VOC set counts pixels; of no meaning for other forms.
    ///   - clip: whether boxes are cut at the edge of their pictures.
    ///   - emptyBoxes: what becomes of boxes without width or height.
    ///   - findings: what is wrong with items, which are left out.
    /// - Returns: what could be read; with faults in all its items, a set without a picture.
    /// - Throws: `.invalidData` where there is nothing to go through item by item.
    public static func read(
        _ path: String, images: String? = nil, part: String? = nil, classes: [String]? = nil,
        vocPixels: VOCPixels = .one, clip: Bool = true, emptyBoxes: EmptyBoxes = .reject,
        into findings: inout Findings
    ) throws(Failure) -> Dataset {
        if let images, !Files.isFolder(images) {
            throw .data(
                Files.exists(images)
                    ? "\(images) is a file; a folder of pictures was expected" : "there is no folder \(images)")
        }
        let rules = BoxRules(clip: clip, emptyBoxes: emptyBoxes)
        var set: Dataset
        let layout = try SetLayout.of(path)
        let errors = findings.count(.error)
        switch layout {
        case .coco(let file):
            set = try coco(file, images: images, clip: clip, emptyBoxes: emptyBoxes, into: &findings)
        case .yolo(let file):
            set = try YOLOReader(try YOLOSource.dataFile(file, part: part), images, rules).read(&findings)
        case .darknet(let file):
            set = try YOLOReader(try YOLOSource.darknet(file, part: part), images, rules).read(&findings)
        case .yoloFolder(let folder):
            set = try YOLOReader(try YOLOSource.folder(folder), images, rules).read(&findings)
        case .voc(let folder):
            let source = try VOCFolder.open(folder, part: part)
            set = try VOCReader(source, images, classes, rules, vocPixels).read(&findings)
        case .vocList(let file):
            set = try VOCReader(try VOCFolder(list: file), images, classes, rules, vocPixels).read(&findings)
        case .vocFile(let file):
            set = try VOCReader(VOCFolder(file: file), images, classes, rules, vocPixels).read(&findings)
        case .openImages(let file): set = try OpenImagesReader(file, images, classes, rules).read(&findings)
        case .cvat(let file): set = try CVATReader(file, images, rules).read(&findings)
        }
        // A COCO set keeps the file's name where a folder was given: its masks are read from there later.
        if layout.format != .coco { set.source = path }
        if let classes, set.classes.names != classes {
            set = try set.relabelled(by: ClassTable(names: classes), naming: path)
        }
        if set.examples.isEmpty, findings.count(.error) == errors { throw .data("\(path): no picture is in it") }
        return set
    }

    /// What of a set is found by walking through a folder: what is written into it becomes a part of the set.
    public enum Walked: Sendable { case pictures, annotations }

    /// The folders through which the readers of a set walk, for whichever of its parts.
    /// - Throws: where there is no set.
    public static func foldersWalked(
        by path: String, images: String? = nil
    ) throws(Failure) -> [(folder: String, for: Walked)] {
        func pictures(_ open: (String?) throws(Failure) -> YOLOSource) -> [(folder: String, for: Walked)] {
            if let images { return [(images, .pictures)] }
            // A part that is not there is none; the others are looked for all the same.
            let parts = [nil, "train", "val", "test"].compactMap { part in try? open(part) }
            let folders = parts.flatMap { source in source.locations.compactMap(source.resolve) }
            return Set(folders.filter(Files.isFolder)).sorted().map { ($0, .pictures) }
        }
        switch try SetLayout.of(path) {
        case .yolo(let file): return pictures { part throws(Failure) in try YOLOSource.dataFile(file, part: part) }
        case .darknet(let file): return pictures { part throws(Failure) in try YOLOSource.darknet(file, part: part) }
        case .yoloFolder(let folder): return pictures { _ throws(Failure) in try YOLOSource.folder(folder) }
        case .voc(let folder): return [(VOCFolder.annotations(in: folder), .annotations)]
        case .vocList(let file): return [(VOCFolder.annotations(ofList: file), .annotations)]
        case .coco, .vocFile, .openImages, .cvat: return []
        }
    }

    /// As the other form, where the first fault of an item is an error.
    /// - Throws: `.invalidData` also where an item has a fault; it names the first and counts the others.
    public static func read(
        _ path: String, images: String? = nil, part: String? = nil, classes: [String]? = nil,
        vocPixels: VOCPixels = .one, clip: Bool = true, emptyBoxes: EmptyBoxes = .reject
    ) throws(Failure) -> Dataset {
        var findings = Findings(limit: 1)
        let set = try read(
            path, images: images, part: part, classes: classes, vocPixels: vocPixels, clip: clip,
            emptyBoxes: emptyBoxes, into: &findings)
        try findings.requireNoErrors()
        return set
    }

    /// A list of class names, one a line, as `classes.txt` and `obj.names` have them.
    /// - Throws: `.invalidData` where there is none, or a name stands twice.
    public static func classNames(_ path: String) throws(Failure) -> [String] {
        let names = textLines(try Files.readText(path))
        if names.isEmpty { throw .data("\(path): lists no class") }
        var lineOf: [String: Int] = [:]
        for (line, name) in names {
            if let before = lineOf.updateValue(line, forKey: name) {
                throw .data("\(path):\(line): the class \"\(name)\" stands in line \(before) already")
            }
        }
        return names.map(\.text)
    }
}

/// The lines of a text without spaces at their ends and without empty ones, each with its number from 1.
func textLines(_ text: String) -> [(line: Int, text: String)] {
    let body = text.hasPrefix("\u{FEFF}") ? text.dropFirst() : text[...]
    return body.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated().compactMap {
        var line = $1
        while line.last?.isWhitespace == true { line.removeLast() }
        while line.first?.isWhitespace == true { line.removeFirst() }
        return line.isEmpty ? nil : ($0 + 1, String(line))
    }
}
