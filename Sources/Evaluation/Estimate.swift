import Glibc

/// A mean and the interval in which it lies, by Student's t over independent runs.
public struct Estimate: Sendable, Hashable {
    /// The arithmetic mean; NaN of no values.
    public var mean: Double
    /// The interval's lower end; NaN with one value, whose spread is unknown.
    public var low: Double
    /// The interval's upper end; NaN with one value.
    public var high: Double
    /// The number of values.
    public var n: Int

    /// The mean of values and its two-sided interval: mean -/+ t(confidence, n - 1) * s / sqrt(n).
    /// - Parameters:
    ///   - values: one a seed. None gives NaN throughout, one NaN bounds.
    ///   - confidence: over 0, under 1.
    public static func mean(_ values: [Double], confidence: Double = 0.95) -> Estimate {
        precondition(confidence > 0 && confidence < 1, "a confidence lies between 0 and 1, not at \(confidence)")
        let n = values.count
        if n == 0 { return Estimate(mean: .nan, low: .nan, high: .nan, n: 0) }
        let mean = values.reduce(0, +) / Double(n)
        if n == 1 { return Estimate(mean: mean, low: .nan, high: .nan, n: 1) }
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(n - 1)
        let half = StudentT.quantile(0.5 + confidence / 2, freedom: Double(n - 1)) * (variance / Double(n)).squareRoot()
        return Estimate(mean: mean, low: mean - half, high: mean + half, n: n)
    }

    /// The mean of a - b over pairs that share a seed: what both owe to the seed cancels.
    /// - Precondition: two lists of one length.
    public static func pairedDifference(_ a: [Double], minus b: [Double], confidence: Double = 0.95) -> Estimate {
        precondition(a.count == b.count, "pairs need two lists of one length, not \(a.count) and \(b.count)")
        return mean(zip(a, b).map { $0 - $1 }, confidence: confidence)
    }

    /// Whether the whole interval lies above zero.
    public var isAboveZero: Bool { low > 0 }
}

/// Student's t distribution.
public enum StudentT {
    /// P(T <= t) with the given degrees of freedom, by the incomplete beta function (DLMF 8.17).
    public static func cumulative(_ t: Double, freedom: Double) -> Double {
        let tail = regularizedBeta(freedom / (freedom + t * t), freedom / 2, 0.5) / 2
        return t > 0 ? 1 - tail : tail
    }

    /// The t with P(T <= t) = probability, to about 12 digits.
    /// - Precondition: the probability lies between 0 and 1, the degrees of freedom are positive.
    public static func quantile(_ probability: Double, freedom: Double) -> Double {
        precondition(probability > 0 && probability < 1 && freedom > 0, "no t has probability \(probability)")
        if probability == 0.5 { return 0 }
        if probability < 0.5 { return -quantile(1 - probability, freedom: freedom) }
        // P falls through its tail, 1 - p, so that probabilities near 1 keep their digits.
        func tail(_ t: Double) -> Double { regularizedBeta(freedom / (freedom + t * t), freedom / 2, 0.5) / 2 }
        var low = 0.0
        var high = 1.0
        while tail(high) > 1 - probability {
            low = high
            high *= 2
        }
        for _ in 0..<200 {
            let middle = (low + high) / 2
            if middle == low || middle == high { break }
            if tail(middle) > 1 - probability { low = middle } else { high = middle }
        }
        return (low + high) / 2
    }

    /// I_x(a, b), by the continued fraction DLMF 8.17.22, evaluated by Lentz's method.
    static func regularizedBeta(_ x: Double, _ a: Double, _ b: Double) -> Double {
        if x <= 0 { return 0 }
        if x >= 1 { return 1 }
        // The fraction converges fast below the mean only.
        if x > (a + 1) / (a + b + 2) { return 1 - regularizedBeta(1 - x, b, a) }
        let front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
        let tiny = 1e-300
        var fraction = 1.0
        var c = 1.0
        var d = 0.0
        for i in 0..<500 {
            let m = Double(i / 2)
            let coefficient: Double
            if i == 0 {
                coefficient = 1
            } else if i % 2 == 0 {
                coefficient = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
            } else {
                coefficient = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
            }
            d = 1 + coefficient * d
            if abs(d) < tiny { d = tiny }
            d = 1 / d
            c = 1 + coefficient / c
            if abs(c) < tiny { c = tiny }
            fraction *= c * d
            if abs(1 - c * d) < 1e-16 { break }
        }
        return front * (fraction - 1)
    }
}
