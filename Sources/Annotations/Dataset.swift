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

    public init(score: Float) { self.score = score }
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
    public var treatment: Treatment
    /// COCO's `iscrowd`: one region over many objects; its IoU is intersection over the *detection's* area.
    public var isCrowd: Bool
    public var provenance: Provenance?

    public init(
        id: Int, box: Box, label: Int, area: Double? = nil, treatment: Treatment = .object, isCrowd: Bool = false,
        provenance: Provenance? = nil
    ) {
        self.id = id
        self.box = box
        self.label = label
        self.area = area ?? Double(box.area)
        self.treatment = treatment
        self.isCrowd = isCrowd
        self.provenance = provenance
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
    public var annotations: [Annotation]

    public init(id: Int, fileName: String, size: Size?, annotations: [Annotation] = []) {
        self.id = id
        self.fileName = fileName
        self.size = size
        self.annotations = annotations
    }
}

/// The classes of a dataset, in the order of the network's channels, 0..<K.
public struct ClassTable: Hashable, Sendable {
    public var names: [String]
    /// The ids that files use (COCO's have gaps), one a class.
    public var ids: [Int]

    public init(names: [String], ids: [Int]? = nil) {
        precondition(ids == nil || ids!.count == names.count, "a class table needs one id a name")
        self.names = names
        self.ids = ids ?? Array(1...max(1, names.count)).prefix(names.count).map { $0 }
    }

    public var count: Int { names.count }
    public func index(ofID id: Int) -> Int? { ids.firstIndex(of: id) }
    public func index(ofName name: String) -> Int? { names.firstIndex(of: name) }
}

/// Labelled (or unlabelled) pictures under one folder.
public struct Dataset: Sendable {
    /// The folder that `fileName`s are relative to.
    public var root: String
    public var classes: ClassTable
    public var examples: [Example]

    public init(root: String, classes: ClassTable, examples: [Example]) {
        self.root = root
        self.classes = classes
        self.examples = examples
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

    public init(box: Box, label: Int, score: Float) {
        self.box = box
        self.label = label
        self.score = score
    }
}
