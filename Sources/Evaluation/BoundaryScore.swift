import Base
import Geometry
import Imaging

/// How well borders were drawn: boundary F (Csurka et al. 2013). Of a class in a picture, the precision is the part of the
/// predicted border within a distance of the true one, the recall the other way round. An extra beside IoU, which says
/// little of thin things.
public struct BoundaryScore: Sendable, Hashable {
    /// The distance as a part of the picture's diagonal; the paper's 0.75 %.
    public let tolerance: Double
    private var sums: [Double]
    private var pictures: [Int]
    private var total = 0.0
    private var count = 0

    /// Nothing scored yet.
    public init(classes: Int, tolerance: Double = 0.0075) {
        self.tolerance = tolerance
        sums = [Double](repeating: 0, count: classes)
        pictures = [Int](repeating: 0, count: classes)
    }

    /// The mean F of each class over the pictures in which truth or prediction has a border of it, `[K]`; NaN for none.
    public var perClass: [Double] { zip(sums, pictures).map { $1 == 0 ? .nan : $0 / Double($1) } }
    /// The mean over pictures of the mean over their classes; NaN where no picture has a border.
    public var mean: Double { count == 0 ? .nan : total / Double(count) }

    /// Scores a picture. Pixels whose truth is ignored belong to no border and make none.
    /// - Precondition: both masks are of one size.
    public mutating func add(truth: LabelMap, prediction: LabelMap) {
        precondition(truth.size == prediction.size, "a truth of \(truth.size) and a prediction of \(prediction.size)")
        add(Self.scores(truth, prediction, classes: sums.count, tolerance: tolerance))
    }

    /// F of each class of a picture, `[K]`, NaN where it has no border: what threads can do, for `add`.
    public static func scores(
        _ truth: LabelMap, _ prediction: LabelMap, classes: Int, tolerance: Double
    ) -> [Double] {
        let (width, height) = (truth.width, truth.height)
        var seen = prediction.labels
        for i in seen.indices where truth.labels[i] == LabelMap.ignored { seen[i] = LabelMap.ignored }
        let valid = truth.labels.map { $0 != LabelMap.ignored }
        let real = borders(truth.labels, valid, width, height)
        let found = borders(seen, valid, width, height)
        let distance = tolerance * (Double(width * width + height * height)).squareRoot()
        return (0..<classes).map { k in
            let (a, b) = (places(of: UInt8(k), real), places(of: UInt8(k), found))
            if a.isEmpty && b.isEmpty { return .nan }
            if a.isEmpty || b.isEmpty { return 0 }
            let precision = share(of: b, near: a, distance, width, height)
            let recall = share(of: a, near: b, distance, width, height)
            return precision + recall == 0 ? 0 : 2 * precision * recall / (precision + recall)
        }
    }

    /// Adds what `scores` says of a picture.
    public mutating func add(_ scores: [Double]) {
        let defined = scores.filter { !$0.isNaN }
        for (k, score) in scores.enumerated() where !score.isNaN {
            sums[k] += score
            pictures[k] += 1
        }
        if defined.isEmpty { return }
        total += defined.reduce(0, +) / Double(defined.count)
        count += 1
    }

    /// The label of each border pixel, 255 elsewhere: one with a valid neighbour, of four, that has another label.
    private static func borders(_ labels: [UInt8], _ valid: [Bool], _ width: Int, _ height: Int) -> [UInt8] {
        var out = [UInt8](repeating: LabelMap.ignored, count: labels.count)
        for y in 0..<height {
            for x in 0..<width {
                let i = y * width + x
                guard valid[i] else { continue }
                func differs(_ j: Int) -> Bool { valid[j] && labels[j] != labels[i] }
                if x > 0 && differs(i - 1) || x + 1 < width && differs(i + 1) || y > 0 && differs(i - width)
                    || y + 1 < height && differs(i + width)
                {
                    out[i] = labels[i]
                }
            }
        }
        return out
    }

    private static func places(of label: UInt8, _ map: [UInt8]) -> [Int] { map.indices.filter { map[$0] == label } }

    /// The part of `points` that has a place of `others` within the distance.
    private static func share(
        of points: [Int], near others: [Int], _ distance: Double, _ width: Int, _ height: Int
    ) -> Double {
        // A disc around each of the others, row by row: the borders are thin and the distance is small.
        var reached = [Bool](repeating: false, count: width * height)
        let radius = Int(distance)
        let halves = (0...radius).map { dy in Int((distance * distance - Double(dy * dy)).squareRoot()) }
        for place in others {
            let (x, y) = (place % width, place / width)
            for dy in -min(radius, y)...min(radius, height - 1 - y) {
                let half = halves[abs(dy)]
                let row = (y + dy) * width
                for i in row + max(0, x - half)...row + min(width - 1, x + half) { reached[i] = true }
            }
        }
        return Double(points.count { reached[$0] }) / Double(points.count)
    }
}
