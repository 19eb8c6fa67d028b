import Base
import Geometry
import Glibc
import Imaging

/// Writing sets in the forms of others: a new folder that is there whole or not at all.
public struct Conversion {
    /// What becomes of the pictures.
    public enum Pictures: String, CaseIterable, Sendable {
        /// Symbolic links to where they are.
        case link
        case copy
        /// Labels alone are written.
        case none
    }

    /// One part of what is written: train, val.
    public struct Part: Sendable {
        /// A word for folders and lists.
        public var name: String
        /// Its pictures and labels.
        public var set: Dataset

        /// A part.
        public init(_ name: String, _ set: Dataset) {
            self.name = name
            self.set = set
        }
    }

    /// What was written of a part.
    public struct Count: Sendable, Equatable {
        /// The part.
        public var part: String
        /// Pictures, those without a label too.
        public var pictures = 0
        /// Labels that were written.
        public var labels = 0
        /// Of them, those with a score.
        public var scored = 0
        /// Labels that the form has no word for: regions to be ignored, in YOLO.
        public var leftOut = 0
        /// Ignored regions that are written as what the form has nearest: a crowd as `difficult`, a difficult object
        /// as `IsGroupOf`.
        public var changed = 0
        /// Objects that were too small to be cut out (`writeImageFolder`).
        public var tooSmall = 0

        /// For `--json`.
        public var json: JSON {
            [
                "part": .string(part), "pictures": .int(pictures), "labels": .int(labels), "scored": .int(scored),
                "left_out": .int(leftOut), "changed": .int(changed), "too_small": .int(tooSmall),
            ]
        }
    }

    /// Whether scores of pseudo-labels are written.
    let scores: Bool
    private let pictures: Pictures
    private let needsPictures: Bool
    private let folder: String
    /// Where each picture of the new folder comes from.
    private var sources: [String: String] = [:]
    private var madeFolders: Set<String> = []

    /// Writes sets as a new folder.
    ///
    /// - Parameters:
    ///   - parts: at least one; all have the same classes.
    ///   - format: `.cvat` is read only.
    ///   - out: the folder; it is made, and must not be there or be empty.
    ///   - pictures: what becomes of the pictures, where they are there.
    ///   - needsPictures: whether it is a fault where none is; one missing of several always is.
    ///   - scores: whether scores are written; some tools refuse a sixth column in YOLO labels.
    /// - Returns: what was written of each part.
    /// - Throws: `.usage` where something is at `out` already; `.invalidData` where a name, a size or a picture does not
    ///   allow the form; `.environment` where nothing can be written. Then nothing is there.
    public static func write(
        _ parts: [Part], as format: DatasetFormat, to out: String, pictures: Pictures = .link,
        needsPictures: Bool = false, scores: Bool = true
    ) throws(Failure) -> [Count] {
        precondition(format != .cvat, "there is no writer for this")
        for part in parts { try part.set.requireSayable(in: format, scores: scores) }
        return try make(out, of: parts) { folder throws(Failure) in
            var conversion = Conversion(
                scores: scores, pictures: pictures, needsPictures: needsPictures, folder: folder)
            let counts: [Count]
            switch format {
            case .coco: counts = try conversion.writeCOCO(parts)
            case .yolo: counts = try conversion.writeYOLO(parts)
            case .voc: counts = try conversion.writeVOC(parts)
            case .openImages: counts = try conversion.writeOpenImages(parts)
            case .cvat: counts = []
            }
            try conversion.bringPictures()
            return counts
        }
    }

    /// Makes a new folder of parts, whole or not at all: `body` fills a folder that gets its name at the end.
    static func make(
        _ out: String, of parts: [Part], _ body: (_ folder: String) throws(Failure) -> [Count]
    ) throws(Failure) -> [Count] {
        precondition(!parts.isEmpty, "there is nothing to write")
        try requireNew(out)
        for part in parts.dropFirst() {
            try part.set.requireSameClasses(as: parts[0].set, naming: part.set.source, parts[0].set.source)
        }
        return try Files.makeWhole(Files.normalised(out), body)
    }

    /// - Throws: `.usage` where a file or a folder with something in it is at the path.
    public static func requireNew(_ path: String) throws(Failure) {
        guard Files.exists(path) else { return }
        guard Files.isFolder(path) else { throw .usage("\(path) is there already; nothing is written over it") }
        if try !Files.list(path).isEmpty {
            throw .usage("\(path) has files in it already; nothing is written over them, choose another --out")
        }
    }

    private init(scores: Bool, pictures: Pictures, needsPictures: Bool, folder: String) {
        self.scores = scores
        self.pictures = pictures
        self.needsPictures = needsPictures
        self.folder = folder
    }

    // MARK: For the writers of the forms

    /// Writes a text file of the new folder.
    mutating func put(_ text: String, at name: String) throws(Failure) {
        let path = Files.join(folder, name)
        if madeFolders.insert(Files.folder(path)).inserted { try Files.makeFolder(Files.folder(path)) }
        try Files.writeNew(text, to: path)
    }

    /// Notes that the picture of an example belongs at a place of the new folder, which is returned.
    /// - Parameter newName: in place of its own.
    /// - Throws: where another picture does already, or the name leaves the folder.
    @discardableResult
    mutating func place(
        _ example: Example, of set: Dataset, in sub: String, as newName: String? = nil
    ) throws(Failure) -> String {
        guard let name = nameInside(newName ?? example.fileName) else {
            throw .data("\(set.source): the picture \"\(example.fileName)\" has a name that leaves its folder")
        }
        let source = set.path(of: example)
        let there = Files.join(sub, name)
        if let other = sources.updateValue(source, forKey: there), other != source {
            throw .data("\(other) and \(source) would both be \(there)")
        }
        return there
    }

    /// The names of the set's pictures without their endings, under which labels are filed.
    /// - Throws: where two pictures would share a file of labels.
    func stems(_ set: Dataset) throws(Failure) -> [String] {
        var nameOf: [String: String] = [:]
        return try set.examples.map { example throws(Failure) in
            let stem = stem(nameInside(example.fileName) ?? example.fileName)
            if let other = nameOf.updateValue(example.fileName, forKey: stem) {
                throw .data("\(set.source): \(other) and \(example.fileName) would share one file of labels, \(stem)")
            }
            return stem
        }
    }

    /// The set with the size of every picture, for forms whose boxes are fractions: as its file says, and as the
    /// picture's header does.
    /// - Throws: where neither does, or they differ: a fraction of the one is none of the other.
    func sized(_ set: Dataset) throws(Failure) -> Dataset {
        let sizes = parallelMap(set.examples.count) { i -> Result<Size, Failure> in
            let example = set.examples[i]
            let path = set.path(of: example)
            if let size = example.size, !Files.exists(path) { return .success(size) }
            return Result { () throws(Failure) in
                let size = try ImageFile.size(path)
                if let stated = example.size, stated != size {
                    throw .data(
                        "\(set.source): image \(example.fileName): is said to have \(stated.width)x\(stated.height) pixels "
                            + "and has \(size.width)x\(size.height)")
                }
                return size
            }
        }
        var set = set
        for (i, size) in sizes.enumerated() { set.examples[i].size = try size.get() }
        return set
    }

    /// The score of a label where scores are written.
    func score(_ annotation: Annotation) -> String? {
        scores ? annotation.provenance.map { decimal(shortest($0.score)) } : nil
    }

    // MARK: Pictures

    private func bringPictures() throws(Failure) {
        if pictures == .none { return }
        let all = sources.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        let missing = all.filter { !Files.exists($0.value) }
        // A set of which no picture is at hand, as ground truth often is, is converted without them.
        if missing.count == all.count, !needsPictures { return }
        if let first = missing.first {
            throw .data("\(missing.count) of the \(all.count) pictures are not there, such as \(first.value)")
        }
        var made: Set<String> = []
        for (name, source) in all {
            let path = Files.join(folder, name)
            if made.insert(Files.folder(path)).inserted { try Files.makeFolder(Files.folder(path)) }
            switch pictures {
            case .link: try Files.link(try Files.absolute(source), at: path)
            case .copy: try Files.write(try Files.read(source), to: path)
            case .none: break
            }
        }
    }

    // MARK: COCO

    private mutating func writeCOCO(_ parts: [Part]) throws(Failure) -> [Count] {
        var counts: [Count] = []
        for part in parts {
            let set = scores ? part.set : part.set.withoutScores
            for example in set.examples { try place(example, of: set, in: "images") }
            try put(try set.cocoTextWithMasks(), at: "annotations/instances_\(part.name).json")
            counts.append(Count(of: part, scores: scores))
        }
        return counts
    }
}

extension Conversion.Count {
    /// What is written of a part where nothing is left out or changed.
    public init(of part: Conversion.Part, scores: Bool) {
        self.init(part: part.name)
        pictures = part.set.examples.count
        for example in part.set.examples {
            labels += example.annotations.count
            if scores { scored += example.annotations.count { $0.provenance != nil } }
        }
    }
}

extension Dataset {
    /// - Throws: `.invalidData` where a reader of that form would refuse what is written.
    fileprivate func requireSayable(in format: DatasetFormat, scores: Bool) throws(Failure) {
        if format == .coco { return }
        for name in classes.names {
            if name.isEmpty { throw .data("\(source): a class has the name \"\", which is none in \(format.title)") }
            if format == .voc, name.first?.isWhitespace == true || name.last?.isWhitespace == true {
                throw .data("\(source): the class \"\(name)\" has spaces at its ends, which are lost in XML")
            }
        }
        guard scores else { return }
        for example in examples {
            for label in example.annotations {
                // YOLO has no word for what is to be ignored.
                if format == .yolo, label.treatment == .ignore { continue }
                guard let score = label.provenance?.score, !(0...1).contains(score) else { continue }
                throw .data(
                    "\(source): image \(example.fileName): the score \(shortest(score)) is not in 0...1, as those of "
                        + "\(format.title) are; without scores (--no-scores) the boxes can be written")
            }
        }
    }

    /// The same labels as if people had made them.
    public var withoutScores: Dataset {
        var set = self
        for i in set.examples.indices {
            for j in set.examples[i].annotations.indices { set.examples[i].annotations[j].provenance = nil }
        }
        return set
    }

    /// The pictures with detections in place of their labels, each with its score.
    /// - Precondition: one list an example.
    public func labelled(by detections: [[Detection]]) -> Dataset {
        precondition(detections.count == examples.count, "one list of detections an example is needed")
        var set = self
        var nextID = 1
        for (i, list) in detections.enumerated() {
            set.examples[i].annotations = []
            for detection in list {
                set.examples[i].annotations.append(
                    Annotation(
                        id: nextID, box: detection.box, label: detection.label,
                        provenance: Provenance(score: detection.score)))
                nextID += 1
            }
        }
        return set
    }

    /// The labels with their scores as detections, `[examples]`.
    /// - Throws: `.invalidData` where a label has no score: people's labels are no detections.
    public func scoredLabels() throws(Failure) -> [[Detection]] {
        var detections: [[Detection]] = []
        for example in examples {
            var list: [Detection] = []
            for label in example.annotations {
                guard let score = label.provenance?.score else {
                    throw .data(
                        "\(source): image \(example.fileName): annotation id \(label.id) has no score; results are of a "
                            + "detector's boxes (dt)")
                }
                list.append(Detection(box: label.box, label: label.label, score: score))
            }
            detections.append(list)
        }
        return detections
    }
}
