import Base
import Geometry

/// What a label claims about its box.
public enum Treatment: UInt8, Sendable {
    /// An object: trained on and looked for.
    case object
    /// A region that is neither object nor background (a crowd, a doubtful pseudo-label): never a positive, and what
    /// is detected in it is not a mistake.
    case ignore
}

/// Where a pseudo-label comes from; nil on human labels.
public struct Provenance: Hashable, Sendable {
    /// The teacher's probability for the class.
    public var score: Float

    /// The provenance of a hard pseudo-label.
    public init(score: Float) { self.score = score }
}

/// A part of a file.
public struct FileSpan: Hashable, Sendable {
    /// Bytes before it.
    public var offset: Int
    /// Its bytes.
    public var length: Int

    /// A part of a file.
    public init(offset: Int, length: Int) {
        self.offset = offset
        self.length = length
    }
}

/// A labelled box.
public struct Annotation: Hashable, Sendable {
    /// The annotation's id in its file.
    public var id: Int
    /// xyxy in pixels of the original, upright image.
    public var box: Box
    /// Index into the class table, 0..<K.
    public var label: Int
    /// The area by which COCO sorts objects into small, medium and large: the file's own (a mask's, often), in pixels.
    public var area: Double
    /// An object or a region to be left alone.
    public var treatment: Treatment
    /// COCO's `iscrowd`: one region over many objects; its IoU is intersection over the *detection's* area.
    public var isCrowd: Bool
    /// Nil on a human label.
    public var provenance: Provenance?
    /// Where its polygons or run lengths stand in `Dataset.source`, as JSON; nil where there are none. Masks are large,
    /// so they are not kept: `Dataset.segmentation` reads one.
    public var segmentation: FileSpan?

    /// A labelled box; its area is the box's where none is given.
    public init(
        id: Int, box: Box, label: Int, area: Double? = nil, treatment: Treatment = .object, isCrowd: Bool = false,
        provenance: Provenance? = nil, segmentation: FileSpan? = nil
    ) {
        self.id = id
        self.box = box
        self.label = label
        self.area = area ?? Double(box.area)
        self.treatment = treatment
        self.isCrowd = isCrowd
        self.provenance = provenance
        self.segmentation = segmentation
    }

    /// Whether its area is larger than its box, which no object's is; files round both.
    var isLargerThanItsBox: Bool { area > 1.01 * Double(box.area) + 1 }
}

/// Ids of labels for which their file has none: of their places in the list, where no id of a file is.
enum LabelID {
    static func ofPlace(_ index: Int) -> Int { .min + index }

    /// Whether no file has it.
    static func isMissing(_ id: Int) -> Bool { id < .min / 2 }

    /// "annotation id 7", or "annotation 3 of the list" where it has none.
    static func words(_ id: Int) -> String {
        isMissing(id) ? "annotation \(id - .min + 1) of the list" : "annotation id \(id)"
    }
}

/// A picture and its labels. An unlabelled picture has none.
public struct Example: Sendable {
    /// The image's id in its file; in a pool, its place in the sorted list, from 1.
    public var id: Int
    /// Relative to the dataset's `root`.
    public var fileName: String
    /// Of the upright image; nil where the file does not say (a pool), then the decoder does.
    public var size: Size?
    /// In the order of the file.
    public var annotations: [Annotation]
    /// The classes of its pixels, in a set that has masks; nil in one of boxes, and where it is unlabelled.
    public var mask: MaskFile?
    /// Of the whole picture, in a set for classification.
    public var target: PictureClass?
    /// Whether its file could not be reached when its folder was listed: a link to nothing, a name that is not UTF-8.
    public var isUnreachable = false

    /// A picture and its labels.
    public init(id: Int, fileName: String, size: Size?, annotations: [Annotation] = []) {
        self.id = id
        self.fileName = fileName
        self.size = size
        self.annotations = annotations
    }

    /// The annotations that are trained on, without crowds and what else is to be ignored.
    public var objects: [Annotation] { annotations.filter { $0.treatment == .object } }
}

/// The classes of a dataset, in the order of the network's channels, 0..<K.
public struct ClassTable: Hashable, Sendable {
    /// One name a class; no two are equal.
    public var names: [String]
    /// The ids that files use (COCO's have gaps), one a class.
    public var ids: [Int]

    /// The table of `names`; without `ids` they are 1...K.
    /// - Precondition: as many ids as names.
    public init(names: [String], ids: [Int]? = nil) {
        precondition(ids.map { $0.count == names.count } ?? true, "a class table needs one id a name")
        self.names = names
        self.ids = ids ?? names.indices.map { $0 + 1 }
    }

    /// K.
    public var count: Int { names.count }
    /// The label, 0..<K, of a file's class id.
    public func index(ofID id: Int) -> Int? { ids.firstIndex(of: id) }
    /// The label, 0..<K, of a class name.
    public func index(ofName name: String) -> Int? { names.firstIndex(of: name) }
    /// Whether label 0 is what is none of the others; where everything has a class (street scenes) it is not.
    public var hasBackground: Bool { names.first?.lowercased() == "background" }
}

/// Labelled (or unlabelled) pictures under one folder.
public struct Dataset: Sendable {
    /// The folder that `fileName`s are relative to.
    public var root: String
    /// What `Annotation.label` counts; empty in a pool.
    public var classes: ClassTable
    /// In the order of the file; a pool's are sorted by name.
    public var examples: [Example]
    /// How the masks of its pictures name classes; nil in a set of boxes.
    public var maskCoding: MaskCoding?
    /// The file or folder it was read from, for messages; empty where it was made in memory.
    public var source = ""
    /// Whether `classes.ids` are ids that the file writes (COCO's), and not places counted by the reader.
    public var hasWrittenIDs = false
    /// What was noticed while reading and is no error: clipped boxes, files left out. One sentence each.
    public var notes: [String] = []

    /// A dataset that was made in memory.
    public init(root: String, classes: ClassTable, examples: [Example]) {
        self.root = root
        self.classes = classes
        self.examples = examples
    }

    /// Where the picture of an example lies.
    public func path(of example: Example) -> String { Files.join(root, example.fileName) }

    /// Objects (not ignored regions) an example, 0 where there are no examples: the density that pseudo-labels are
    /// compared with.
    public var objectsPerImage: Double {
        let objects = examples.reduce(0) { $0 + $1.annotations.count { $0.treatment == .object } }
        return examples.isEmpty ? 0 : Double(objects) / Double(examples.count)
    }

    /// Objects (not ignored regions) of each class, `[K]`.
    public var objectsPerClass: [Int] {
        var counts = [Int](repeating: 0, count: classes.count)
        for example in examples {
            for annotation in example.annotations where annotation.treatment == .object {
                counts[annotation.label] += 1
            }
        }
        return counts
    }

    /// The names of the classes that no object of the set has, or no pixel of its masks where these are counted: a
    /// network trained on it cannot learn them.
    public var classesWithoutObject: [String] {
        if maskCoding != nil, examples.contains(where: { $0.mask?.pixels.isEmpty ?? false }) { return [] }
        let counts = maskCoding == nil ? objectsPerClass : pixelsPerClass
        return zip(classes.names, counts).filter { $0.1 == 0 }.map(\.0)
    }
}

/// A detected box.
public struct Detection: Hashable, Sendable {
    /// xyxy in pixels of the original, upright image.
    public var box: Box
    /// Index into the class table.
    public var label: Int
    /// 0...1.
    public var score: Float

    /// A detected box.
    public init(box: Box, label: Int, score: Float) {
        self.box = box
        self.label = label
        self.score = score
    }
}
