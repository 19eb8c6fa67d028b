import Base
import Geometry
import Markup

/// How lines of detections spell a box: `class score a b c d`, but for `yolo`, where the score is last.
public enum DetectionLines: String, CaseIterable, Sendable {
    /// Left, top, right, bottom in pixels.
    case xyxy
    /// Left, top, width, height in pixels.
    case xywh
    /// Centre and sides as fractions of the picture's.
    case relative
    /// `class cx cy width height score`, fractions: labels with scores as Ultralytics writes them.
    case yolo
}

/// Detections in any form that is known.
public enum Detections {
    /// The detections of a dataset's pictures, `[examples]`, each list in the order of its file.
    ///
    /// Read are: COCO results; a COCO annotation file with scores; a table in the form of Open Images with a column
    /// `Confidence` or `Score`; a folder with a text file a picture (docs/formats.md). Boxes are not clipped.
    ///
    /// - Parameters:
    ///   - path: the file or folder.
    ///   - dataset: whose pictures and classes are meant; relative boxes need the sizes of its pictures.
    ///   - lines: for text files, how they spell a box: content cannot tell.
    ///   - classes: for text files with class numbers, the names that they number, from 0; else the dataset's.
    ///   - findings: what is wrong with items, which are left out.
    /// - Throws: `.invalidData` where nothing can be read; `.usage` where `lines` is needed.
    public static func read(
        _ path: String, _ dataset: Dataset, lines: DetectionLines? = nil, classes: [String]? = nil,
        into findings: inout Findings
    ) throws(Failure) -> [[Detection]] {
        if Files.isFolder(path) {
            guard let lines else {
                throw .usage(
                    "\(path) is a folder of text files, whose numbers can mean several things; say which "
                        + "(dt-boxes): xyxy, xywh or relative behind class and score, or yolo with the score last")
            }
            return try DetectionTexts(path, dataset, lines, classes).read(&findings)
        }
        guard Files.exists(path) else {
            let names = (try? Files.list(Files.folder(path))) ?? []
            throw .data("there is no file or folder \(path)\(didYouMean(Files.name(path), names))")
        }
        let head = try beginning(of: path)
        if head.first == "[" { return try COCOResults.read(path, dataset, into: &findings) }
        if head.first == "{" { return try scored(path, dataset, &findings) }
        if head.prefix(while: { !$0.isNewline }).contains("ImageID") { return try table(path, dataset, &findings) }
        throw .data(
            "\(path) is no file of detections; expected COCO results, a table of Open Images or a folder of text files")
    }

    /// Whether a path is a file of COCO results, told by its first character.
    /// - Throws: where it cannot be read.
    public static func areResults(_ path: String) throws(Failure) -> Bool {
        if Files.isFolder(path) { return false }
        return try beginning(of: path).first == "["
    }

    private static func beginning(of path: String) throws(Failure) -> Substring {
        String(decoding: try SetLayout.textHead(path, count: 4096), as: UTF8.self).drop {
            $0.isWhitespace || $0 == "\u{FEFF}"
        }
    }

    /// As the other form, where the first fault is an error.
    /// - Throws: also where an item has a fault.
    public static func read(
        _ path: String, _ dataset: Dataset, lines: DetectionLines? = nil, classes: [String]? = nil
    ) throws(Failure) -> [[Detection]] {
        var findings = Findings(limit: 1)
        let detections = try read(path, dataset, lines: lines, classes: classes, into: &findings)
        try findings.requireNoErrors(isForCheck: false)
        return detections
    }

    /// A COCO annotation file whose labels have scores; pictures and classes are matched by name.
    private static func scored(
        _ path: String, _ dataset: Dataset, _ findings: inout Findings
    ) throws(Failure) -> [[Detection]] {
        let set = try Dataset.coco(path, images: nil, clip: false, emptyBoxes: .keep)
        let finder = ExampleFinder(dataset)
        let labels = set.classes.names.map { dataset.classes.index(ofName: $0) }
        var detections = [[Detection]](repeating: [], count: dataset.examples.count)
        for example in set.examples where !example.annotations.isEmpty {
            let place = Place(file: path, image: example.fileName)
            guard let index = finder.find(example.fileName) else {
                findings.add(.annotationWithoutImage, place, finder.missing(example.fileName))
                continue
            }
            for annotation in example.annotations {
                let item = Place(file: path, image: example.fileName, item: "annotation id \(annotation.id)")
                guard let score = annotation.provenance?.score else {
                    findings.add(.itemMalformed, item, "has no score, which a detection has")
                    continue
                }
                guard let label = labels[annotation.label] else {
                    let name = set.classes.names[annotation.label]
                    findings.add(.annotationWithoutClass, item, finder.unknownClass(name))
                    continue
                }
                detections[index].append(Detection(box: annotation.box, label: label, score: score))
            }
        }
        return detections
    }

    private static func table(
        _ path: String, _ dataset: Dataset, _ findings: inout Findings
    ) throws(Failure) -> [[Detection]] {
        let table = try OpenImagesTable(path, &findings)
        let finder = ExampleFinder(dataset)
        let (names, indices) = try OpenImagesReader.classTable(table.labels, path, nil)
        let labels = indices.map { $0.flatMap { dataset.classes.index(ofName: names[$0]) } }
        let examples = table.images.map { finder.find($0) }
        var detections = [[Detection]](repeating: [], count: dataset.examples.count)
        for row in table.rows {
            let place = Place(file: path, line: row.line)
            guard let index = examples[row.image] else {
                findings.add(.annotationWithoutImage, place, finder.missing(table.images[row.image]))
                continue
            }
            guard let label = labels[row.label] else {
                findings.add(.annotationWithoutClass, place, finder.unknownClass(table.labels[row.label]))
                continue
            }
            guard let size = dataset.examples[index].size else {
                findings.add(.imageUnreadable, place, "the size of \(dataset.examples[index].fileName) is not known")
                continue
            }
            // Confidence 1 in a table of detections is a score like any other.
            let c = row.corners
            detections[index].append(
                Detection(
                    box: OpenImagesReader.box(c.x1, c.y1, c.x2, c.y2, in: size), label: label,
                    score: Float(row.score ?? 1)))
        }
        return detections
    }
}

/// Which picture of a dataset a name means: its own name, or without ending, or without its folder, each where only one
/// picture is called so.
struct ExampleFinder {
    private let dataset: Dataset
    private var byName: [String: Int] = [:]
    private var byStem: [String: Int] = [:]
    private var byShortName: [String: Int] = [:]

    init(_ dataset: Dataset) {
        self.dataset = dataset
        for (i, example) in dataset.examples.enumerated() {
            byName[example.fileName] = i
            let own = stem(example.fileName)
            byStem[own] = byStem[own] == nil ? i : -1
            for short in Set([Files.name(example.fileName), stem(Files.name(example.fileName))]) {
                byShortName[short] = byShortName[short] == nil ? i : -1
            }
        }
    }

    func find(_ name: String) -> Int? {
        if let index = byName[name] { return index }
        for own in [name, stem(name)] {
            if let index = byStem[own], index >= 0 { return index }
        }
        for short in [name, stem(name), Files.name(name), stem(Files.name(name))] {
            if let index = byShortName[short], index >= 0 { return index }
        }
        return nil
    }

    private var title: String { dataset.source.isEmpty ? "the labelled set" : dataset.source }

    func missing(_ name: String) -> String {
        "\(title) has no picture \(name)\(didYouMean(name, dataset.examples.prefix(2000).map(\.fileName)))"
    }

    func unknownClass(_ name: String) -> String {
        "\(title) has no class \"\(name)\"\(didYouMean(name, dataset.classes.names))"
    }
}
