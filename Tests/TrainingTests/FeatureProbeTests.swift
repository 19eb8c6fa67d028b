import Base
import Glibc
import Testing
import Torch

@testable import Training

@Suite struct FeatureProbeTests {
    /// Points about K centres, `[count, F]`, and which centre each is of.
    private func cloud(_ count: Int, classes: Int, width: Int, noise: Double, index: Int) -> (Tensor, [Int]) {
        var random = Random(seed: 8, purpose: .test, index: index)
        var (values, labels): ([Float], [Int]) = ([], [])
        for i in 0..<count {
            let label = i % classes
            labels.append(label)
            for f in 0..<width {
                values.append(
                    Float(sin(1.7 * Double(31 * label) + 2.3 * Double(f * (label + 1))) + noise * random.uniform(-1, 1))
                )
            }
        }
        return (Tensor(values, shape: [count, width]), labels)
    }

    /// Against a double loop: cosines, the k nearest, votes by exp(s / T).
    @Test func nearestNeighboursAreTheSlowOnes() {
        let (known, labels) = cloud(60, classes: 4, width: 5, noise: 2, index: 0)
        let (asked, _) = cloud(300, classes: 4, width: 5, noise: 2, index: 1)
        let found = FeatureProbe(features: known, labels: labels, classes: 4).nearestNeighbours(asked, k: 7)
        let (a, b) = (known.floats.map(Double.init), asked.floats.map(Double.init))
        var votesOf: [[Double]] = []
        for q in 0..<300 {
            let x = b[q * 5..<q * 5 + 5]
            var cosines: [(Double, Int)] = []
            for i in 0..<60 {
                let y = a[i * 5..<i * 5 + 5]
                let dot = zip(x, y).reduce(0) { $0 + $1.0 * $1.1 }
                let norms = (x.reduce(0) { $0 + $1 * $1 } * y.reduce(0) { $0 + $1 * $1 }).squareRoot()
                cosines.append((dot / norms, i))
            }
            var votes = [Double](repeating: 0, count: 4)
            for (s, i) in cosines.sorted(by: { $0.0 > $1.0 }).prefix(7) { votes[labels[i]] += exp(s / 0.07) }
            votesOf.append(votes)
        }
        #expect(found.count == 300)
        for (ranked, votes) in zip(found, votesOf) {
            #expect(ranked.sorted() == [0, 1, 2, 3])
            #expect(abs(votes[ranked[0]] / (votes.max() ?? 0) - 1) < 1e-3)
        }
    }

    /// Clouds that a line tells apart are told apart; where labels are by lot the strong decay is taken, and nothing is
    /// learned.
    @Test func aLinearProbe() {
        let (known, labels) = cloud(120, classes: 3, width: 6, noise: 0.8, index: 2)
        let (asked, wanted) = cloud(90, classes: 3, width: 6, noise: 0.8, index: 3)
        let probe = FeatureProbe(features: known, labels: labels, classes: 3)
        let (ranked, _) = probe.linear(asked, seed: 0)
        #expect(zip(ranked, wanted).count { $0[0] == $1 } >= 88)
        #expect(ranked.allSatisfy { $0.sorted() == [0, 1, 2] })
        #expect(probe.linear(asked, seed: 0).ranked == ranked)
        var random = Random(seed: 1, purpose: .test)
        let lot = labels.map { _ in random.below(3) }
        let chance = FeatureProbe(features: known, labels: lot, classes: 3).linear(asked, seed: 0)
        let right = zip(chance.ranked, wanted).count { $0[0] == $1 }
        #expect((10...60).contains(right), "\(right)")
    }

    /// Features are standardised: a shift and a scale of all do not change the answer.
    @Test func scaleDoesNotCount() {
        let (known, labels) = cloud(60, classes: 3, width: 4, noise: 1.5, index: 4)
        let (asked, _) = cloud(40, classes: 3, width: 4, noise: 1.5, index: 5)
        func answer(_ scale: Double, _ shift: Double) -> [[Int]] {
            FeatureProbe(features: known * scale + shift, labels: labels, classes: 3)
                .linear(asked * scale + shift, seed: 0, decays: [0.01]).ranked
        }
        let one = answer(1, 0)
        #expect(zip(one, answer(50, -7)).count { $0[0] != $1[0] } <= 1)
    }
}
