import Annotations
import Base
import Evaluation
import Imaging

/// Pictures of a pool with what a teacher and its student see in them: boxes, or classes of pixels.
public struct Gallery: Sendable {
    /// What somebody sees in a picture.
    public enum Sight: Sendable {
        /// Of any score that is kept.
        case boxes([ScoredBox])
        /// The class of each pixel.
        case pixels(SmallMask)
    }

    /// One picture.
    public struct Picture: Sendable {
        /// Its file, an absolute path.
        public var path: String
        /// What the teacher saw.
        public var teacher: Sight
        /// What the student sees; nil where there is none.
        public var student: Sight?

        /// A picture.
        public init(path: String, teacher: Sight, student: Sight?) {
            self.path = path
            self.teacher = teacher
            self.student = student
        }
    }

    /// Those that are shown.
    public var pictures: [Picture]
    /// How many the pool has.
    public var pool: Int
    /// The score from which something became a label.
    public var threshold: Double

    /// A gallery.
    public init(pictures: [Picture], pool: Int, threshold: Double) {
        self.pictures = pictures
        self.pool = pool
        self.threshold = threshold
    }

    /// Which pictures are worth looking at: a third those whose labels are surest, a third those that are least sure, a third
    /// at random; all where there are no more than `count`.
    ///
    /// - Parameter sureness: of each picture's labels; under 0 where it got none.
    /// - Returns: places, rising.
    public static func choice(_ sureness: [Double], count: Int = 120) -> [Int] {
        if sureness.count <= count { return Array(sureness.indices) }
        let labelled = sureness.indices.filter { sureness[$0] >= 0 }
        let order = labelled.sorted { (sureness[$0], $0) > (sureness[$1], $1) }
        var chosen = Set(order.prefix(count / 3)).union(order.suffix(count / 3))
        var random = Random(seed: 0, purpose: .order)
        for i in random.permutation(sureness.count) where chosen.count < count { chosen.insert(i) }
        return chosen.sorted()
    }

    /// How sure the labels of a picture are, by the scores of what was seen: their mean; under 0 where none is kept.
    public static func sureness(_ scores: [Double], threshold: Double) -> Double {
        let kept = scores.filter { $0 >= threshold }
        return kept.isEmpty ? -1 : kept.reduce(0, +) / Double(kept.count)
    }

    /// - Parameter folder: of the page, an absolute path.
    func json(from folder: String) -> JSON {
        func told(_ sight: Sight?) -> JSON {
            switch sight {
            case nil: .null
            case .pixels(let mask): .string(mask.address)
            case .boxes(let boxes):
                .array(
                    boxes.map { box in
                        let f = box.frame
                        return .array(
                            [f.x, f.y, f.width, f.height].map { .number(rounded($0, 10)) } + [
                                .int(box.label), .number(rounded(box.score)),
                            ])
                    })
            }
        }
        return [
            "pool": .int(pool), "threshold": .double(threshold),
            "pictures": .array(
                pictures.map { p in
                    [
                        "src": .string(relativeURL(of: p.path, from: folder)),
                        "name": .string(Files.name(p.path)), "teacher": told(p.teacher), "student": told(p.student),
                    ]
                }),
        ]
    }
}

/// A mask and how sure it is, small enough that a page carries a hundred.
public struct SmallMask: Sendable {
    /// A PNG whose red is the class and whose green its probability in whole 256ths. A page that opens from disk may read the
    /// pixels of what it carries, and not of files beside it.
    let png: [UInt8]

    /// Every so manieth pixel of a mask, so that no side has more than `longest`.
    /// - Precondition: both are of one size and not empty.
    public init(labels: LabelMap, confidence: LabelMap, longest: Int = 160) {
        precondition(labels.size == confidence.size, "a mask of another size than its confidence")
        let (w, h) = (labels.width, labels.height)
        let scale = min(1, Double(longest) / Double(max(w, h)))
        let (width, height) = (max(1, Int(Double(w) * scale)), max(1, Int(Double(h) * scale)))
        var image = Image(width: width, height: height)
        for y in 0..<height {
            for x in 0..<width {
                let from = (2 * y + 1) * h / (2 * height) * w + (2 * x + 1) * w / (2 * width)
                image.pixels[(y * width + x) * 3] = labels.labels[from]
                image.pixels[(y * width + x) * 3 + 1] = confidence.labels[from]
            }
        }
        png = image.png()
    }

    var address: String { "data:image/png;base64," + base64(png) }
}
