import Annotations
import Base
import Evaluation
import Imaging

/// What one arm does on the reported set, closer than its numbers: with boxes, or with pixels.
public struct ArmDetails: Sendable {
    /// Precision and recall of one class at each score from which it could be taken.
    public struct Curve: Sendable {
        /// The class.
        public var name: String
        /// Falling.
        public var scores: [Double]
        /// `[N]`: of all that has this score or more.
        public var precision: [Double]
        /// `[N]`: NaN where the set has nothing of the class.
        public var recall: [Double]
    }

    /// What it is called.
    public var name: String
    /// Of each class.
    public var curves: [Curve]
    /// A row a label's class, a column what it was taken for; of boxes the last of each is background.
    public var confusion: [[Int]]
    /// Of tenths of scores: how many, and which part of them is right.
    public var calibration: [(score: Double, right: Double, count: Int)]

    /// The details of an arm that finds boxes.
    public init(name: String, _ truth: TruthSet, _ detections: [[ScoredBox]]) {
        self.name = name
        let details = EvaluationDetails(truth, detections, DetectionAnalysis(scoreFloor: 0.05))
        curves = details.curves.map {
            Curve(name: $0.name, scores: $0.scores, precision: $0.precision, recall: $0.recall)
        }
        // The matrix at a score that a user would take, calibration over all scores.
        let matrix = EvaluationDetails(truth, detections, DetectionAnalysis(scoreFloor: 0.5)).confusion
        confusion = (0..<matrix.side).map { row in (0..<matrix.side).map { matrix[row, $0] } }
        var bins = Calibration()
        for detection in details.images.flatMap(\.detections) where detection.outcome != .ignored {
            bins.add(detection.box.score, right: detection.outcome == .right ? 1 : 0, of: 1)
        }
        calibration = bins.filled
    }

    /// The details of an arm that tells the class of pixels.
    public init(name: String, _ pixels: PixelDetails, classes: [String]) {
        self.name = name
        let confusion = pixels.confusion
        self.confusion = classes.indices.map { row in classes.indices.map { confusion[row, $0] } }
        curves = classes.indices.map { k in
            var curve = Curve(name: classes[k], scores: [], precision: [], recall: [])
            let objects = confusion.pixels(of: k)
            var (right, made) = (0, 0)
            for level in (0..<256).reversed() where pixels.made[k * 256 + level] > 0 {
                right += pixels.right[k * 256 + level]
                made += pixels.made[k * 256 + level]
                curve.scores.append(PixelDetails.score(level))
                curve.precision.append(Double(right) / Double(made))
                curve.recall.append(objects > 0 ? Double(right) / Double(objects) : .nan)
            }
            return curve
        }
        var bins = Calibration()
        for i in pixels.made.indices {
            bins.add(PixelDetails.score(i % 256), right: pixels.right[i], of: pixels.made[i])
        }
        calibration = bins.filled
    }

    var json: JSON {
        [
            "name": .string(name), "confusion": .array(confusion.map { .array($0.map { .int($0) }) }),
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

/// Pixels of pictures by what they are, what they were taken for, and how surely.
public struct PixelDetails: Sendable {
    /// Of pixels that have a label.
    public private(set) var confusion: PixelConfusion
    /// `[K, 256]`: pixels taken for a class with a probability of so many 256ths.
    public private(set) var made: [Int]
    /// `[K, 256]`: those of them that are of it.
    public private(set) var right: [Int]

    /// Nothing counted yet.
    public init(classes: Int) {
        confusion = PixelConfusion(classes: classes)
        made = [Int](repeating: 0, count: classes * 256)
        right = made
    }

    /// Counts a picture.
    /// - Precondition: the three are of one size; labels are under K, of the truth or 255.
    public mutating func add(truth: LabelMap, prediction: LabelMap, confidence: LabelMap) {
        precondition(confidence.size == prediction.size, "a mask of another size than its confidence")
        confusion.add(truth: truth, prediction: prediction)
        for i in truth.labels.indices where truth.labels[i] != LabelMap.ignored {
            let place = Int(prediction.labels[i]) * 256 + Int(confidence.labels[i])
            made[place] += 1
            if prediction.labels[i] == truth.labels[i] { right[place] += 1 }
        }
    }

    /// The probability that a level of 0...255 stands for: the middle of its 256th.
    static func score(_ level: Int) -> Double { (Double(level) + 0.5) / 256 }
}

/// Scores in tenths.
private struct Calibration {
    private var bins = [(sum: Double, right: Int, count: Int)](repeating: (0, 0, 0), count: 10)

    mutating func add(_ score: Double, right: Int, of count: Int) {
        let bin = min(9, max(0, Int(score * 10)))
        bins[bin].sum += score * Double(count)
        bins[bin].right += right
        bins[bin].count += count
    }

    var filled: [(score: Double, right: Double, count: Int)] {
        bins.filter { $0.count > 0 }.map {
            ($0.sum / Double($0.count), Double($0.right) / Double($0.count), $0.count)
        }
    }
}
