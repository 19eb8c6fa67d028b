import Base
import Geometry

/// A box as COCO files write it, in pixels of the original image and in double precision: an IoU or an area that lies
/// exactly on a threshold in the file lies there still.
public struct Frame: Hashable, Sendable, CustomStringConvertible {
    /// The left edge.
    public var x: Double
    /// The upper edge.
    public var y: Double
    /// To the right edge, which is excluded.
    public var width: Double
    /// To the lower edge, which is excluded.
    public var height: Double

    /// A box by its corner and sides.
    public init(x: Double, y: Double, width: Double, height: Double) {
        self.x = x
        self.y = y
        self.width = width
        self.height = height
    }

    /// A box by its edges; its sides are rounded once, in double precision.
    public init(_ box: Box) {
        self.init(
            x: Double(box.x1), y: Double(box.y1), width: Double(box.x2) - Double(box.x1),
            height: Double(box.y2) - Double(box.y1))
    }

    /// In square pixels.
    public var area: Double { width * height }

    /// "[1, 2.5, 30, 40]".
    public var description: String { "[\(decimal(x)), \(decimal(y)), \(decimal(width)), \(decimal(height))]" }

    /// No side is so large that a `Float` says nothing of it.
    var isSane: Bool { abs(x) < 1e9 && abs(y) < 1e9 && abs(width) < 1e9 && abs(height) < 1e9 }
}

/// A label as evaluation needs it.
public struct TrueBox: Hashable, Sendable {
    /// The annotation's id in its file.
    public var id: Int
    /// Index into the class table, 0..<K.
    public var label: Int
    /// As written in the file, not clipped.
    public var frame: Frame
    /// The area by which it is small, medium or large: the file's own, in square pixels.
    public var area: Double
    /// Neither counts nor punishes: a crowd, a region to be left alone, VOC's `difficult`.
    public var isIgnored: Bool
    /// COCO's `iscrowd`: its overlap is intersection over the *detection's* area, and many detections may lie in it.
    public var isCrowd: Bool

    /// A label; its area is the frame's where none is given, and a crowd is ignored.
    public init(
        id: Int, label: Int, frame: Frame, area: Double? = nil, isIgnored: Bool = false, isCrowd: Bool = false
    ) {
        self.id = id
        self.label = label
        self.frame = frame
        self.area = area ?? frame.area
        self.isIgnored = isIgnored || isCrowd
        self.isCrowd = isCrowd
    }

    /// The label of a dataset, whose edges are single precision.
    public init(_ annotation: Annotation) {
        self.init(
            id: annotation.id, label: annotation.label, frame: Frame(annotation.box), area: annotation.area,
            isIgnored: annotation.treatment == .ignore, isCrowd: annotation.isCrowd)
    }
}

/// A detection as evaluation needs it: scores that differ after the seventh digit are no tie.
public struct ScoredBox: Hashable, Sendable {
    /// In pixels of the original image, not clipped.
    public var frame: Frame
    /// Index into the class table, 0..<K.
    public var label: Int
    /// Any finite number; more is better.
    public var score: Double

    /// A detection.
    public init(frame: Frame, label: Int, score: Double) {
        self.frame = frame
        self.label = label
        self.score = score
    }

    /// A detection of a network, which is single precision.
    public init(_ detection: Detection) {
        self.init(frame: Frame(detection.box), label: detection.label, score: Double(detection.score))
    }
}

/// What detections are scored against: the labels of a set, without what only training needs.
public struct TruthSet: Sendable {
    /// A picture and its labels.
    public struct Image: Sendable {
        /// The image's id in its file.
        public var id: Int
        /// As the file names it.
        public var fileName: String
        /// In the order of the file.
        public var boxes: [TrueBox]

        /// A picture and its labels.
        public init(id: Int, fileName: String = "", boxes: [TrueBox] = []) {
            self.id = id
            self.fileName = fileName
            self.boxes = boxes
        }
    }

    /// What `label` counts.
    public var classes: ClassTable
    /// In the order of the file.
    public var images: [Image]
    /// The file or folder it was read from, for messages; empty where it was made in memory.
    public var source = ""

    /// A set that was made in memory.
    public init(classes: ClassTable, images: [Image]) {
        self.classes = classes
        self.images = images
    }

    /// The labels of a dataset, as training sees them: clipped where the dataset is, edges in single precision.
    public init(_ dataset: Dataset) {
        self.init(
            classes: dataset.classes,
            images: dataset.examples.map {
                Image(id: $0.id, fileName: $0.fileName, boxes: $0.annotations.map { TrueBox($0) })
            })
        source = dataset.source
    }

    /// The labels of a COCO annotation file as pycocotools reads them: boxes as written, neither clipped nor refused
    /// where they are empty, in double precision; no folder of pictures is looked for.
    ///
    /// - Throws: `.invalidData` as `Dataset.coco`, but for what it says of empty boxes and of pictures.
    public static func coco(_ path: String) throws(Failure) -> TruthSet {
        let document = try COCODocument.read(path, as: .annotations)
        var joining = COCOJoining(path, document, clip: false, emptyBoxes: .keep, Findings(limit: 1))
        joining.readClasses()
        joining.readPictures()
        joining.reportFaults()
        var truth = TruthSet(classes: joining.classes, images: joining.readTruth())
        try joining.findings.requireNoErrors()
        if truth.classes.count == 0 { throw .data("\(path): lists no categories") }
        truth.source = path
        return truth
    }
}
