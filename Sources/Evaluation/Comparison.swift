import Base

/// Whether one way of training is better than another, from runs that share seeds and are measured on the same pictures.
///
/// The estimate is the mean of the seeds' differences. Two things could have fallen out otherwise, and both are in its
/// variance: the seeds, s^2 / n, and the pictures, the variance of that mean when the pictures are drawn anew, all runs on
/// the same draws (`PictureResampling`). What a run owes to seed and picture together is in both parts, so that the interval
/// is rather too wide than too narrow.
///
/// Mean over standard error is held against a mixture of Student's t with n - 1 and with pictures - 1 degrees of freedom, in the
/// shares that seeds and pictures have in the variance: Student's own where one of them decides. Satterthwaite's degrees of
/// freedom, the usual way, are taken in by three seeds that happen to agree: of studies with six comparisons and no
/// difference they gave a false verdict in 5% to 16% (docs/study.md), where this gives it in 2% to 5%.
public struct Comparison: Sendable, Hashable {
    /// The mean difference, 0...1.
    public let mean: Double
    /// Seeds.
    public let n: Int
    /// s^2 of the differences; NaN of one seed.
    public let seedVariance: Double
    /// Of the mean, over draws of pictures; NaN where nothing is known of pictures.
    public let pictureVariance: Double
    /// The part of `pictureVariance` that more seeds would make less: what one seed owes to a picture and another does not.
    public let sharedVariance: Double
    /// Pictures that can change what is compared.
    public let pictures: Int

    /// Fewer seeds say nothing about how much they differ.
    public static let leastSeeds = 3

    /// - Parameters:
    ///   - differences: one a seed.
    ///   - resampled: the mean difference of each draw of pictures.
    ///   - bySeed: the difference of each draw, `[seeds][draws]`; without it all of `pictureVariance` is taken for the pictures'
    ///     own.
    ///   - pictures: how many of them can change a metric (`PictureRecords.telling`): those alone are evidence. The
    ///     others may be in the draws, whose variance they hardly change.
    public init(differences: [Double], resampled: [Double], bySeed: [[Double]] = [], pictures: Int) {
        func moments(_ values: [Double]) -> (mean: Double, variance: Double) {
            let mean = values.reduce(0, +) / Double(values.count)
            let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            return (mean, values.count < 2 ? .nan : squares / Double(values.count - 1))
        }
        n = differences.count
        (mean, seedVariance) = moments(differences)
        // A draw in which no class is left tells nothing.
        let whole = resampled.indices.filter { !resampled[$0].isNaN }
        pictureVariance = pictures < 2 ? .nan : moments(whole.map { resampled[$0] }).variance
        // Of one seed by itself it is P + S, of the mean of n seeds P + S / n.
        let single = bySeed.map { draws in moments(whole.map { draws[$0] }).variance }
        let ofOne = single.reduce(0, +) / Double(single.count)
        sharedVariance =
            single.count == n && n > 1 ? min(max(0, (ofOne - pictureVariance) / Double(n - 1)), pictureVariance) : 0
        self.pictures = pictures
    }

    /// As this one, of another number of seeds.
    private init(_ other: Comparison, seeds: Int) {
        mean = other.mean
        n = seeds
        seedVariance = other.seedVariance
        sharedVariance = other.sharedVariance * Double(other.n) / Double(seeds)
        pictureVariance = other.pictureVariance - other.sharedVariance + sharedVariance
        pictures = other.pictures
    }

    /// Of the mean, by seeds and pictures.
    public var variance: Double { seedVariance / Double(n) + pictureVariance }

    /// The probability that chance alone exceeds a multiple of the standard error, on one side.
    private func tail(_ t: Double) -> Double {
        let bySeeds = seedVariance / Double(n) / variance
        return bySeeds * StudentT.cumulative(-t, freedom: Double(n - 1))
            + (1 - bySeeds) * StudentT.cumulative(-t, freedom: Double(max(1, pictures - 1)))
    }

    /// Half the width of the interval of 95%; NaN of one seed.
    public var margin: Double {
        if variance.isNaN { return .nan }
        if variance == 0 { return 0 }
        var (low, high) = (0.0, 2.0)
        while tail(high) > 0.025 { (low, high) = (high, 2 * high) }
        for _ in 0..<60 {
            let middle = (low + high) / 2
            if tail(middle) > 0.025 { low = middle } else { high = middle }
        }
        return (low + high) / 2 * variance.squareRoot()
    }

    /// The probability of a difference as large if there were none, on both sides; NaN of one seed.
    public var p: Double {
        if variance.isNaN || mean.isNaN { return .nan }
        if variance == 0 { return mean == 0 ? 1 : 0 }
        return min(1, 2 * tail(abs(mean) / variance.squareRoot()))
    }

    /// With how many seeds, all else as it is, the interval would lie on one side of zero; nil where not with ten
    /// thousand: then it is the pictures that are too few.
    public var seedsNeeded: Int? {
        guard !variance.isNaN, mean != 0 else { return nil }
        func suffices(_ count: Int) -> Bool {
            Comparison(self, seeds: count).margin < abs(mean)
        }
        let most = 10_000
        guard suffices(most) else { return nil }
        var (low, high) = (1, most)  // not with `low`
        while high - low > 1 {
            let middle = (low + high) / 2
            if suffices(middle) { high = middle } else { low = middle }
        }
        return max(high, Self.leastSeeds)
    }

    /// Holm's step-down correction: the probabilities by which each of several comparisons is to be judged so that one
    /// false verdict or more among all has at most that probability. NaN stays, and does not count.
    public static func holm(_ p: [Double]) -> [Double] {
        let order = p.indices.filter { !p[$0].isNaN }.sorted { (p[$0], $0) < (p[$1], $1) }
        var adjusted = p
        var greatest = 0.0
        for (rank, i) in order.enumerated() {
            greatest = max(greatest, min(1, Double(order.count - rank) * p[i]))
            adjusted[i] = greatest
        }
        return adjusted
    }
}

/// What is said of a comparison.
public enum Verdict: Sendable, Hashable {
    /// Better, and surely so after Holm's correction.
    case helps
    /// Worse, and surely so after Holm's correction.
    case hurts
    /// Too small to be told, with so many seeds; the number that would be needed, nil where more pictures are.
    case withinNoise(seedsNeeded: Int?)
    /// Told by itself, but not among so many comparisons.
    case withinNoiseOfAll
    /// No difference at all, in any seed.
    case same
    /// Under three seeds, or a metric that is not defined.
    case none(seeds: Int)

    /// The least probability that is not believed.
    public static let level = 0.05

    /// - Parameter adjusted: the comparison's p after Holm's correction.
    public init(_ comparison: Comparison, adjusted: Double) {
        if comparison.n < Comparison.leastSeeds || comparison.p.isNaN {
            self = .none(seeds: comparison.n)
        } else if comparison.mean == 0 && comparison.seedVariance == 0 {
            self = .same
        } else if adjusted < Self.level {
            self = comparison.mean > 0 ? .helps : .hurts
        } else if comparison.p < Self.level {
            self = .withinNoiseOfAll
        } else {
            self = .withinNoise(seedsNeeded: comparison.seedsNeeded)
        }
    }

    /// "helps by 1.4 +- 0.5 AP".
    public func sentence(_ comparison: Comparison, metric: String) -> String {
        func points(_ x: Double) -> String { Estimate.points(x) }
        let size = "\(points(abs(comparison.mean))) +- \(points(comparison.margin)) \(metric)"
        func signed(_ x: Double) -> String { points(x).hasPrefix("-") ? points(x) : "+" + points(x) }
        let shown = "\(signed(comparison.mean)) +- \(points(comparison.margin)) \(metric)"
        switch self {
        case .helps: return "helps by \(size)"
        case .hurts: return "hurts by \(size)"
        case .withinNoise(let seeds?): return "within noise (\(shown)): about \(seeds) seeds would be needed"
        case .withinNoise(nil) where comparison.mean == 0: return "within noise (\(shown))"
        case .withinNoise(nil):
            return "within noise (\(shown)): more pictures to measure on would be needed, not seeds"
        case .withinNoiseOfAll: return "within noise of so many comparisons (\(shown) by itself)"
        case .same: return "no difference at all"
        case .none(let seeds) where seeds >= Comparison.leastSeeds:
            return "no verdict: \(metric) is not defined, or there are too few pictures to measure on"
        case .none(let seeds):
            return
                "no verdict of \(seeds) seed\(seeds == 1 ? "" : "s") (\(signed(comparison.mean)) \(metric)); three give one"
        }
    }
}

extension Estimate {
    /// Points with one digit behind the point; "-" where undefined.
    static func points(_ x: Double) -> String {
        if x.isNaN { return "-" }
        let tenths = Int((abs(x) * 100 * 10).rounded(.toNearestOrEven))
        return "\(x < 0 && tenths > 0 ? "-" : "")\(tenths / 10).\(tenths % 10)"
    }
}
