import Annotations
import Base
import Evaluation

/// A line of a chart.
public struct ChartLine: Sendable {
    /// What the legend calls it.
    public var name: String
    /// Along the axis.
    public var x: [Double]
    /// As many.
    public var y: [Double]

    /// A line.
    public init(name: String, x: [Double], y: [Double]) {
        self.name = name
        self.x = x
        self.y = y
    }

    var json: JSON {
        ["name": .string(name), "x": .array(x.map { .number($0) }), "y": .array(y.map { .number($0) })]
    }
}

/// What one arm does on the reported set, closer than its numbers.
public struct ArmDetails: Sendable {
    /// What it is called.
    public var name: String
    /// Of each class.
    public var curves: [PrecisionCurve]
    /// A row a label's class, a column a detection's; the last of each is background.
    public var confusion: ConfusionMatrix
    /// Of tenths of scores: how many detections, and which part of them is right.
    public var calibration: [(score: Double, right: Double, count: Int)]

    /// The details of an arm.
    public init(name: String, _ truth: TruthSet, _ detections: [[ScoredBox]]) {
        self.name = name
        let details = EvaluationDetails(truth, detections, DetectionAnalysis(scoreFloor: 0.05))
        curves = details.curves
        // The matrix at a score that a user would take, calibration over all scores.
        confusion = EvaluationDetails(truth, detections, DetectionAnalysis(scoreFloor: 0.5)).confusion
        var bins = [(sum: Double, right: Int, count: Int)](repeating: (0, 0, 0), count: 10)
        for detection in details.images.flatMap(\.detections) where detection.outcome != .ignored {
            let bin = min(9, max(0, Int(detection.box.score * 10)))
            bins[bin].sum += detection.box.score
            bins[bin].right += detection.outcome == .right ? 1 : 0
            bins[bin].count += 1
        }
        calibration = bins.filter { $0.count > 0 }.map {
            ($0.sum / Double($0.count), Double($0.right) / Double($0.count), $0.count)
        }
    }

    var json: JSON {
        [
            "name": .string(name), "confusion": confusion.json,
            "calibration": .array(
                calibration.map { [.number($0.score), .number($0.right), .int($0.count)] }),
            "curves": .array(
                curves.map { curve in
                    // More points than a chart has pixels show nothing more.
                    let step = max(1, curve.scores.count / 300)
                    let places = Array(stride(from: 0, to: curve.scores.count, by: step))
                    func some(_ values: [Double]) -> JSON { .array(places.map { .number(rounded(values[$0])) }) }
                    return [
                        "class": .string(curve.name), "scores": some(curve.scores), "precision": some(curve.precision),
                        "recall": some(curve.recall),
                    ]
                }),
        ]
    }
}

/// Pictures of a pool with what a teacher and its student see in them.
public struct Gallery: Sendable {
    /// One picture.
    public struct Picture: Sendable {
        /// Its file, an absolute path.
        public var path: String
        /// What the teacher saw, of any score that is kept.
        public var teacher: [ScoredBox]
        /// What the student sees.
        public var student: [ScoredBox]

        /// A picture.
        public init(path: String, teacher: [ScoredBox], student: [ScoredBox]) {
            self.path = path
            self.teacher = teacher
            self.student = student
        }
    }

    /// Those that are shown.
    public var pictures: [Picture]
    /// How many the pool has.
    public var pool: Int
    /// The score from which a box became a label.
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
    /// - Parameter scores: of each picture's boxes.
    /// - Returns: places, rising.
    public static func choice(_ scores: [[Double]], threshold: Double, count: Int = 120) -> [Int] {
        if scores.count <= count { return Array(scores.indices) }
        // How sure a picture's labels are; one without any is told by what came nearest.
        func sureness(_ i: Int) -> Double {
            let kept = scores[i].filter { $0 >= threshold }
            return kept.isEmpty ? (scores[i].max() ?? 0) - 1 : kept.reduce(0, +) / Double(kept.count)
        }
        let labelled = scores.indices.filter { i in scores[i].contains { $0 >= threshold } }
        let order = labelled.map { ($0, sureness($0)) }.sorted { ($0.1, $0.0) > ($1.1, $1.0) }.map(\.0)
        var chosen = Set(order.prefix(count / 3)).union(order.suffix(count / 3))
        var random = Random(seed: 0, purpose: .order)
        for i in random.permutation(scores.count) where chosen.count < count { chosen.insert(i) }
        return chosen.sorted()
    }

    /// - Parameter folder: of the page, an absolute path.
    func json(from folder: String) -> JSON {
        func list(_ boxes: [ScoredBox]) -> JSON {
            .array(
                boxes.map { box in
                    let f = box.frame
                    return .array(
                        [f.x, f.y, f.width, f.height].map { .number(rounded($0, 10)) } + [
                            .int(box.label), .number(rounded(box.score)),
                        ])
                })
        }
        return [
            "pool": .int(pool), "threshold": .double(threshold),
            "pictures": .array(
                pictures.map { p in
                    [
                        "src": .string(relativeURL(of: p.path, from: folder)),
                        "name": .string(Files.name(p.path)), "teacher": list(p.teacher), "student": list(p.student),
                    ]
                }),
        ]
    }
}

/// To four digits, or to a tenth.
private func rounded(_ x: Double, _ scale: Double = 10_000) -> Double { (x * scale).rounded() / scale }

/// The way from a folder to a file as a page writes it; both paths absolute.
func relativeURL(of path: String, from folder: String) -> String {
    let (file, base) = (path.split(separator: "/"), folder.split(separator: "/"))
    let shared = zip(file, base).prefix { $0 == $1 }.count
    let parts = [Substring](repeating: "..", count: base.count - shared) + file.dropFirst(shared)
    let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~".utf8)
    return parts.map { part in
        part.utf8.map { byte in
            plain.contains(byte) ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
    }.joined(separator: "/")
}
