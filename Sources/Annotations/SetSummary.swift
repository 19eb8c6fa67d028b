import Base
import Geometry

/// What is in a set, counted.
public struct SetSummary: Sendable, Equatable {
    /// One class.
    public struct ClassCount: Sendable, Equatable {
        /// Its name.
        public var name: String
        /// Its id in the file.
        public var id: Int
        /// Objects; ignored regions do not count.
        public var objects: Int
        /// Pictures with at least one.
        public var pictures: Int
    }

    /// Pictures.
    public var pictures = 0
    /// Pictures without a label: background.
    public var withoutLabel = 0
    /// Objects.
    public var objects = 0
    /// Ignored regions, crowds among them.
    public var regions = 0
    /// In the order of labels.
    public var classes: [ClassCount] = []
    /// Objects by the side of a square of their box's area, in pixels of the original: `boxSides[k]` are those of
    /// `sideBounds[k - 1]` up to (not with) `sideBounds[k]`; the last has no bound.
    public var boxSides: [Int]
    /// Bounds of `boxSides` in pixels; 32 and 96 are COCO's of small, medium and large.
    public static let sideBounds = [4, 8, 16, 32, 64, 96, 192, 384]
    /// The smallest and the largest picture by area, where any size is known.
    public var pictureSizes: (smallest: Size, largest: Size)?

    /// The counts of a set; sizes of pictures are those of the facts, else the file's.
    public init(_ set: Dataset, _ facts: [PictureFacts]? = nil) {
        boxSides = [Int](repeating: 0, count: Self.sideBounds.count + 1)
        classes = zip(set.classes.names, set.classes.ids).map {
            ClassCount(name: $0, id: $1, objects: 0, pictures: 0)
        }
        pictures = set.examples.count
        var lastPicture = [Int](repeating: -1, count: classes.count)
        for (i, example) in set.examples.enumerated() {
            if example.annotations.isEmpty { withoutLabel += 1 }
            if let size = facts?[i].size ?? example.size { add(size) }
            for annotation in example.annotations {
                if annotation.treatment == .ignore {
                    regions += 1
                    continue
                }
                objects += 1
                classes[annotation.label].objects += 1
                if lastPicture[annotation.label] != i {
                    lastPicture[annotation.label] = i
                    classes[annotation.label].pictures += 1
                }
                let side = Double(annotation.box.area).squareRoot()
                boxSides[Self.sideBounds.firstIndex { side < Double($0) } ?? Self.sideBounds.count] += 1
            }
        }
    }

    private mutating func add(_ size: Size) {
        func area(_ size: Size) -> Int { size.width * size.height }
        guard let known = pictureSizes else {
            pictureSizes = (size, size)
            return
        }
        if area(size) < area(known.smallest) { pictureSizes?.smallest = size }
        if area(size) > area(known.largest) { pictureSizes?.largest = size }
    }

    /// Equal counts.
    public static func == (a: SetSummary, b: SetSummary) -> Bool { a.json == b.json }

    /// The counts as JSON: `pictures`, `without_label`, `objects`, `regions`, `classes`, `box_sides` and, where known,
    /// `smallest_picture` and `largest_picture`.
    public var json: JSON {
        let sides = boxSides.enumerated().map { k, count -> JSON in
            [
                "from": k == 0 ? 0 : .int(Self.sideBounds[k - 1]),
                "below": k < Self.sideBounds.count ? .int(Self.sideBounds[k]) : .null, "objects": .int(count),
            ]
        }
        let classes = classes.map { item -> JSON in
            [
                "name": .string(item.name), "id": .int(item.id), "objects": .int(item.objects),
                "pictures": .int(item.pictures),
            ]
        }
        func size(_ size: Size?) -> JSON { size.map { [.int($0.width), .int($0.height)] } ?? .null }
        return [
            "pictures": .int(pictures), "without_label": .int(withoutLabel), "objects": .int(objects),
            "regions": .int(regions), "classes": .array(classes), "box_sides": .array(sides),
            "smallest_picture": size(pictureSizes?.smallest), "largest_picture": size(pictureSizes?.largest),
        ]
    }
}
