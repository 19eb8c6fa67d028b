import Base
import Glibc
import Layers
import Torch

/// What frozen features are worth: how well simple classifiers on them tell pictures apart.
public struct FeatureProbe {
    /// `[N, F]` fp32, in the processor's memory.
    private let features: Tensor
    /// `[N]`, each 0..<K.
    private let labels: [Int]
    private let classes: Int

    /// A probe that learns from pictures with known classes.
    /// - Precondition: a label for each row, at least one row.
    public init(features: Tensor, labels: [Int], classes: Int) {
        precondition(
            features.rank == 2 && features.size(0) == labels.count && !labels.isEmpty,
            "\(labels.count) labels for features \(features.shape)")
        self.features = features
        self.labels = labels
        self.classes = classes
    }

    /// The classes of some pictures `[M, F]` by their nearest neighbours, the most probable first: each of the `k` with the
    /// greatest cosine s votes for its class with exp(s / temperature) (Wu et al. 2018).
    public func nearestNeighbours(_ queries: Tensor, k: Int = 20, temperature: Double = 0.07) -> [[Int]] {
        func normalized(_ x: Tensor) -> Tensor {
            x * x.square().sum([1], keep: true).clamped(1e-24, Double(Float.greatestFiniteMagnitude)).rsqrt()
        }
        let known = normalized(features).transposed(0, 1)
        let (count, labels, classes) = (labels.count, labels, classes)
        var ranked: [[Int]] = []
        // A few hundred rows at a time: all against all may not fit into memory.
        for first in stride(from: 0, to: queries.size(0), by: 256) {
            let rows = min(256, queries.size(0) - first)
            let cosines = normalized(queries.narrowed(0, start: first, length: rows)).matmul(known).floats
            let part = Monitor([[Int]](repeating: [], count: rows))
            parallelFor(rows) { row in
                let own = cosines[row * count..<(row + 1) * count]
                // Of equal cosines the first picture.
                let nearest = own.indices.sorted { own[$0] != own[$1] ? own[$0] > own[$1] : $0 < $1 }.prefix(k)
                var votes = [Double](repeating: 0, count: classes)
                for i in nearest { votes[labels[i - own.startIndex]] += exp(Double(own[i]) / temperature) }
                let order = Self.ranked(votes)
                part.withLock { $0[row] = order }
            }
            ranked += part.withLock { $0 }
        }
        return ranked
    }

    /// The classes of some pictures `[M, F]` by multinomial logistic regression on standardised features, the most probable
    /// first. It is trained on all pictures at once; the L2 decay is the one of `decays` that does best on a fifth of the
    /// pictures that is held back, and the regression is then made anew with all.
    ///
    /// - Parameter seed: of which pictures are held back.
    /// - Returns: also the decay that was chosen.
    public func linear(
        _ queries: Tensor, seed: UInt64, decays: [Double] = [1e-4, 1e-3, 1e-2, 1e-1], steps: Int = 300
    ) -> (ranked: [[Int]], decay: Double) {
        let mean = features.sum([0], keep: true) * (1 / Double(labels.count))
        let variance = (features - mean).square().sum([0], keep: true) * (1 / Double(labels.count))
        let scale = (variance + 1e-12).rsqrt()
        let (known, asked) = ((features - mean) * scale, (queries - mean) * scale)
        var best = (decay: decays[decays.count / 2], right: -1)
        var random = Random(seed: seed, purpose: .split, epoch: 2)
        let order = random.permutation(labels.count)
        let held = order.prefix(labels.count / 5)
        if decays.count > 1, !held.isEmpty, held.count < labels.count {
            let kept = order.dropFirst(held.count)
            func rows(_ indices: ArraySlice<Int>) -> Tensor { known.indexed(0, Tensor(indices.map { Int64($0) })) }
            for decay in decays {
                let found = Self.regression(rows(kept), kept.map { labels[$0] }, classes, decay, steps)(rows(held))
                let right = zip(found, held).count { $0[0] == labels[$1] }
                // Of equally good ones the strongest decay.
                if right >= best.right { best = (decay, right) }
            }
        }
        return (Self.regression(known, labels, classes, best.decay, steps)(asked), best.decay)
    }

    /// Minimises mean cross-entropy + decay / 2 |W|^2 over W `[K, F]` and b by Adam with a falling rate.
    private static func regression(
        _ x: Tensor, _ labels: [Int], _ classes: Int, _ decay: Double, _ steps: Int
    ) -> (Tensor) -> [[Int]] {
        let store = ParameterStore(seed: 0)
        let weight = store.root.parameter("weight", [classes, x.size(1)], .bias, .constant(0))
        let bias = store.root.parameter("bias", [classes], .bias, .constant(0))
        let optimizer = Optimizer(.adamW(beta1: 0.9, beta2: 0.999, eps: 1e-8, decay: 0), store)
        let schedule = Schedule(base: 0.01, warmupFrom: 0, warmupSteps: 0, steps: steps)
        let target = Tensor(labels.map { Int64($0) })
        func logits(_ x: Tensor) -> Tensor { x.matmul(weight.transposed(0, 1)) + bias }
        for step in 0..<steps {
            (logits(x).crossEntropy(target) + weight.square().sum() * (decay / 2)).backward()
            optimizer.step(lr: schedule.rate(step))
        }
        return { queries in
            let values = withoutGradients { logits(queries).floats }
            return stride(from: 0, to: values.count, by: classes).map { ranked(values[$0..<$0 + classes]) }
        }
    }

    /// Classes by their score, the greatest first; of equal ones the first.
    private static func ranked<C: RandomAccessCollection>(_ scores: C) -> [Int]
    where C.Element: Comparable, C.Index == Int {
        scores.indices.sorted { scores[$0] != scores[$1] ? scores[$0] > scores[$1] : $0 < $1 }
            .map { $0 - scores.startIndex }
    }
}
