import Base
import CJSON
import Geometry

/// What a COCO file says, item by item, before items are held against each other. `keypoints`, `licenses` and other
/// members must be JSON and are not read; where that is asked for, they are kept.
struct COCODocument: Sendable {
    struct Picture: Sendable, Equatable {
        var id: Int
        var fileName: String
        var size: Size?
    }

    struct Category: Sendable, Equatable {
        var id: Int
        var name: String
    }

    /// An annotation, or an entry of a results file.
    struct Label: Sendable, Equatable {
        /// Of a results file: the place in the list, from 0.
        var id: Int
        var picture: Int
        var category: Int
        var frame: Frame
        var area: Double?
        var isCrowd = false
        var treatment = Treatment.object
        var score: Double?
        var segmentation: FileSpan?

        /// The label where its frame holds corners x1, y1, x2, y2: an area that was made of them says nothing.
        var fromCorners: Label {
            var label = self
            label.frame.width = frame.width - frame.x
            label.frame.height = frame.height - frame.y
            label.area = nil
            return label
        }
    }

    /// The mask file of a picture and what its segments are (panoptic).
    struct Segmented: Sendable, Equatable {
        var picture: Int
        var fileName: String
        var segments: [Segment]
    }

    /// A part of a panoptic mask.
    struct Segment: Sendable, Equatable {
        var id: Int
        var category: Int
    }

    /// The name of the first picture, by which the folder of pictures is found; nil where the file lists none at all.
    var firstPicture: String? {
        pictures.first?.fileName ?? (faults.contains { $0.kind == .image } ? "" : nil)
    }

    /// What kind of file is expected.
    enum Content { case annotations, results, panoptic }

    var pictures: [Picture] = []
    var categories: [Category] = []
    /// In pieces, as they were read, in the order of the file.
    var labels: [[Label]] = []
    /// Of a panoptic file.
    var segmented: [Segmented] = []
    /// Of items that are left out, and of values that are (`valueMalformed`).
    var faults: [ItemFault] = []
    /// Of an annotation file, where `Options.keepsRest` says so.
    var rest = COCORest()

    /// - Throws: `.invalidData` naming the file where it is no JSON (with line and column) or lacks its lists;
    ///   `.environment` where it cannot be read. Faults of items are in `faults`.
    static func read(
        _ path: String, as content: Content, _ options: COCOReading.Options = .init()
    ) throws(Failure) -> COCODocument {
        let reading = try COCOReading(path, content, options)
        switch content {
        case .annotations, .panoptic:
            guard reading.root == CJSON_ROOT_OBJECT else {
                let hint = "; a list of detections is a COCO results file, not an annotation file"
                throw .data(
                    "\(path): expected an object with \"images\", \"annotations\" and \"categories\""
                        + (reading.root == CJSON_ROOT_LIST ? hint : ""))
            }
            for key in ["images", "categories", "annotations"] {
                guard let isList = reading.members[key] else {
                    throw .data(
                        "\(path): has no \"\(key)\"\(itHas(key, reading.members.keys.sorted())) (a COCO annotation "
                            + "file has \"images\", \"annotations\" and \"categories\"; unlabelled pictures need no "
                            + "file, only their folder)")
                }
                guard isList else { throw .data("\(path): \"\(key)\" must be a list") }
            }
        case .results:
            guard reading.root == CJSON_ROOT_LIST else {
                let hint = reading.members["annotations"] != nil ? "; this is an annotation file" : ""
                throw .data("\(path): expected a list of detections {image_id, category_id, bbox, score}\(hint)")
            }
        }
        return reading.document
    }
}

extension Box {
    /// The box of a frame as it is written.
    init(_ frame: Frame) {
        self.init(x: frame.x, y: frame.y, width: frame.width, height: frame.height)
    }
}
