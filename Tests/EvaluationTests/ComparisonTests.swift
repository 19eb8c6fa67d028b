import Base
import Glibc
import Testing

@testable import Evaluation

@Suite struct ComparisonTests {
    /// Worked by hand: differences 1, 2, 3 have s^2 = 1; with a picture variance of 1 the whole is 4/3, a quarter of it the
    /// seeds'. The mixture's quantile and tail were computed with scipy 1.17: with q = 0.025 of 1/4 t(2) + 3/4 t(9)
    /// 2.636389, and 2 (1/4 t(2).sf + 3/4 t(9).sf)(2 / sqrt(4/3)) = 0.144331.
    @Test func byHand() {
        let draws = [1.0, 2.0, 3.0]  // variance 1
        let comparison = Comparison(differences: [1, 2, 3], resampled: draws, pictures: 10)
        #expect(comparison.mean == 2 && comparison.seedVariance == 1 && comparison.pictureVariance == 1)
        #expect(abs(comparison.variance - 4.0 / 3) < 1e-12)
        #expect(abs(comparison.margin - 2.636389 * (4.0 / 3).squareRoot()) < 1e-4, "\(comparison.margin)")
        #expect(abs(comparison.p - 0.144331) < 1e-5, "\(comparison.p)")
        // Without pictures it is the paired t test.
        let plain = Comparison(differences: [1, 2, 3], resampled: [2, 2, 2], pictures: 10)
        let estimate = Estimate.mean([1, 2, 3])
        #expect(abs(plain.mean + plain.margin - estimate.high) < 1e-9)
        // One seed has no spread.
        let one = Comparison(differences: [1], resampled: draws, pictures: 10)
        #expect(one.p.isNaN && one.margin.isNaN && Verdict(one, adjusted: .nan) == .none(seeds: 1))
    }

    /// The number of seeds is the first with which the interval leaves zero.
    @Test func seedsThatWouldBeNeeded() throws {
        let comparison = Comparison(differences: [-1, 0.5, 2], resampled: [0.4, 0.5, 0.6], pictures: 1000)
        let needed = try #require(comparison.seedsNeeded)
        func margin(_ n: Int) -> Double {
            // As many seeds with the same spread and mean.
            let spread = (comparison.seedVariance * Double(n - 1) / Double(n)).squareRoot()
            let even = n % 2 == 0 ? spread : spread * (Double(n) / Double(n - 1)).squareRoot()
            let differences = (0..<n).map { i in
                comparison.mean + (n % 2 == 1 && i == n - 1 ? 0 : i % 2 == 0 ? even : -even)
            }
            return Comparison(differences: differences, resampled: [0.4, 0.5, 0.6], pictures: 1000).margin
        }
        #expect(needed > 3 && margin(needed) < comparison.mean && margin(needed - 1) >= comparison.mean)
        #expect(Verdict(comparison, adjusted: 0.5) == .withinNoise(seedsNeeded: needed))
        // Where pictures are too few, no number of seeds helps.
        let few = Comparison(differences: [0.4, 0.5, 0.6], resampled: [-1, 0.5, 2], pictures: 5)
        #expect(few.seedsNeeded == nil)
        #expect(
            Verdict(few, adjusted: few.p).sentence(few, metric: "AP").contains("more pictures to measure on"))
    }

    /// What one seed owes to a picture and another does not grows less with more seeds; what all owe to it stays.
    @Test func seedsThatErrOnDifferentPictures() throws {
        let patterns = [[1.0, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]]
        func compare(own: Double, shared: Double) -> Comparison {
            let all = [1.0, -1, 0, 0].map { $0 * shared }
            let bySeed = patterns.map { pattern in zip(pattern, all).map { 1 + own * $0 + $1 } }
            let mean = (0..<4).map { i in bySeed.reduce(0) { $0 + $1[i] } / 3 }
            return Comparison(differences: [0.9, 1, 1.1], resampled: mean, bySeed: bySeed, pictures: 1000)
        }
        // Of one seed 0.9, so of the mean of three 0.3, and of N 0.9 / N.
        let apart = compare(own: (0.9 * 3 / 4).squareRoot(), shared: 0)
        #expect(abs(apart.pictureVariance - 0.3) < 1e-12 && abs(apart.sharedVariance - 0.3) < 1e-12)
        // 1.96^2 * (0.9 + 0.01) / N is under 1 from N = 4 on.
        #expect(apart.margin > 1 && apart.seedsNeeded == 4)
        let plain = Comparison(
            differences: [0.9, 1, 1.1], resampled: [0, 1, 2, 1].map { 1 + 0.67 * ($0 - 1) }, pictures: 1000)
        #expect(plain.sharedVariance == 0)
        // Where all seeds err on the same pictures, there is nothing to be had from more of them.
        let together = compare(own: 0, shared: 0.8)
        #expect(together.sharedVariance == 0 && together.pictureVariance > 0.4 && together.seedsNeeded == nil)
    }

    /// Holm's own order: the least times all, the next times all but one, never falling.
    @Test func holm() {
        #expect(
            Comparison.holm([0.01, 0.04, 0.03, .nan]).prefix(3).map { ($0 * 1e6).rounded() / 1e6 } == [
                0.03, 0.06, 0.06,
            ])
        #expect(Comparison.holm([0.01, .nan])[1].isNaN)
        #expect(Comparison.holm([0.9, 0.8]) == [1, 1])
        #expect(Comparison.holm([]).isEmpty)
    }

    @Test func sentences() {
        func said(_ differences: [Double], adjusted: Double? = nil) -> String {
            let comparison = Comparison(differences: differences, resampled: [0, 0], pictures: 9)
            return Verdict(comparison, adjusted: adjusted ?? comparison.p).sentence(comparison, metric: "AP")
        }
        #expect(said([0.014, 0.012, 0.016]) == "helps by 1.4 +- 0.5 AP")
        #expect(said([-0.014, -0.012, -0.016]) == "hurts by 1.4 +- 0.5 AP")
        #expect(
            said([0.014, 0.012, 0.016], adjusted: 0.2)
                == "within noise of so many comparisons (+1.4 +- 0.5 AP by itself)")
        #expect(said([0.03, -0.01, 0.01]).hasPrefix("within noise (+1.0 +- 5.0 AP): about "))
        #expect(said([0, 0, 0]) == "no difference at all")
        #expect(said([0.01, -0.01, 0]) == "within noise (+0.0 +- 2.5 AP)")
        #expect(said([.nan, .nan, .nan]).contains("not defined"))
        // One picture says nothing of others.
        let one = Comparison(differences: [0.1, 0.1, 0.1], resampled: [0.1, 0.1], pictures: 1)
        #expect(one.p.isNaN && Verdict(one, adjusted: one.p) == .none(seeds: 3))
        #expect(said([0.01, 0.02]) == "no verdict of 2 seeds (+1.5 AP); three give one")
    }

    // MARK: - Simulated arms

    /// The differences of two arms on 100 pictures: what is the seed's, what is the picture's, what is both's.
    private func simulate(
        _ n: Int, seeds: Double, pictures: Double, both: Double, truth: Double, _ draws: [[Int]], _ random: inout Random
    ) -> Comparison {
        let m = draws[0].count
        func normal() -> Double {
            (-2 * log(1 - random.uniform())).squareRoot() * cos(2 * Double.pi * random.uniform())
        }
        let ofPicture = (0..<m).map { _ in pictures * normal() }
        var differences: [Double] = []
        var mean = [Double](repeating: 0, count: m)
        for _ in 0..<n {
            let ofSeed = seeds * normal()
            var sum = 0.0
            for i in 0..<m {
                let value = truth + ofSeed + ofPicture[i] + both * normal()
                sum += value
                mean[i] += value / Double(n)
            }
            differences.append(sum / Double(m))
        }
        let resampled = draws.map { counts in
            var sum = 0.0
            for i in 0..<m { sum += Double(counts[i]) * mean[i] }
            return sum / Double(m)
        }
        return Comparison(differences: differences, resampled: resampled, pictures: m)
    }

    /// Where seeds, pictures or both decide, the interval holds the truth in 93 of 100 cases or more.
    @Test(arguments: [3, 5, 10]) func coverage(n: Int) {
        let resampling = PictureResampling(pictures: 100, count: 300)
        let draws = (0..<resampling.count).map { resampling[$0] }
        for (place, (seeds, pictures, both)) in [
            (1.0, 0.0, 0.0), (1.0, 2.0, 0.0), (1.0, 6.0, 2.0), (1.0, 10.0, 5.0), (0.2, 10.0, 2.0), (0.0, 5.0, 5.0),
        ].enumerated() {
            let trials = 1500
            let held = parallelMap(trials) { trial in
                var random = Random(seed: 3, purpose: .test, epoch: 100 * n + place, index: trial)
                let comparison = simulate(
                    n, seeds: seeds, pictures: pictures, both: both, truth: 0.7, draws, &random)
                return abs(comparison.mean - 0.7) <= comparison.margin
            }
            let coverage = Double(held.count { $0 }) / Double(trials)
            #expect(coverage >= 0.93, "\(n) seeds, effects \(seeds), \(pictures), \(both): \(coverage)")
        }
    }

    /// Six comparisons without any difference: one false verdict or more in at most 5 of 100 studies.
    @Test(arguments: [3, 5, 10]) func falseVerdicts(n: Int) {
        let resampling = PictureResampling(pictures: 100, count: 300)
        let draws = (0..<resampling.count).map { resampling[$0] }
        let trials = 1500
        let isFalse = parallelMap(trials) { trial in
            var random = Random(seed: 4, purpose: .test, epoch: n, index: trial)
            let all = (0..<6).map { k in
                simulate(n, seeds: 1, pictures: Double(2 * k), both: 2, truth: 0, draws, &random)
            }
            let adjusted = Comparison.holm(all.map(\.p))
            return zip(all, adjusted).contains { comparison, p in
                [.helps, .hurts].contains(Verdict(comparison, adjusted: p))
            }
        }
        let rate = Double(isFalse.count { $0 }) / Double(trials)
        #expect(rate <= 0.05, "\(rate)")
    }
}
