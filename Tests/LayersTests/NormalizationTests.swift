import Glibc
import Layers
import Testing
import Torch

@Suite(.serialized) struct NormalizationTests {
    private let values: [Float] = (0..<24).map { (i: Int) -> Float in Float(sin(0.7 * Double(i)) * 3) + Float(i % 5) }

    /// Mean and population variance of each channel of `[2, 3, 2, 2]`.
    private var moments: [(mean: Double, variance: Double)] {
        (0..<3).map { c in
            let all = values.indices.filter { $0 / 4 % 3 == c }.map { Double(values[$0]) }
            let mean: Double = all.reduce(0, +) / 8
            let squares: [Double] = all.map { ($0 - mean) * ($0 - mean) }
            return (mean, squares.reduce(0, +) / 8)
        }
    }

    @Test func batchNormalisationByHand() {
        let store = ParameterStore(seed: 0)
        let norm = NormLayer(store.root, .batch(momentum: 0.997, eps: 1e-4), 3)
        store["weight"]?.set([1, 2, 0.5])
        store["bias"]?.set([0, -1, 3])
        store["running_mean"]?.set([1, 1, 1])
        store["running_var"]?.set([4, 4, 4])
        let (weight, bias) = ([1.0, 2, 0.5], [0.0, -1, 3])
        let x = Tensor(values, shape: [2, 3, 2, 2]).channelsLast()
        func expected(_ statistic: (Int) -> (Double, Double)) -> [Double] {
            values.indices.map { i in
                let c = i / 4 % 3
                let (mean, variance) = statistic(c)
                return (Double(values[i]) - mean) / (variance + 1e-4).squareRoot() * weight[c] + bias[c]
            }
        }
        expectNear(norm(x, .inference).floats, expected { _ in (1, 4) }, 1e-5, "inference")
        #expect(store["running_mean"]?.floats == [1, 1, 1])
        expectNear(norm(x, .training).floats, expected { (moments[$0].mean, moments[$0].variance) }, 1e-5, "training")
        // The paper's momentum is the weight of the old value; torch keeps the unbiased variance (8 / 7).
        expectNear(store["running_mean"]?.floats ?? [], moments.map { 0.997 + 0.003 * $0.mean }, 1e-6, "running mean")
        expectNear(
            store["running_var"]?.floats ?? [], moments.map { 4 * 0.997 + 0.003 * $0.variance * 8 / 7 }, 1e-6,
            "running var")
    }

    @Test func groupNormalisationByHand() {
        let store = ParameterStore(seed: 0)
        let norm = NormLayer(store.root, .group(groups: 1, eps: 1e-5), 3)
        let x = Tensor(values, shape: [2, 3, 2, 2])
        #expect(store.entries.map(\.name) == ["weight", "bias"])
        let expected = (0..<2).flatMap { n -> [Double] in
            let all = values[12 * n..<12 * n + 12].map(Double.init)
            let mean: Double = all.reduce(0, +) / 12
            let squares: [Double] = all.map { ($0 - mean) * ($0 - mean) }
            let variance = squares.reduce(0, +) / 12
            return all.map { ($0 - mean) / (variance + 1e-5).squareRoot() }
        }
        for mode in [Mode.training, .inference] { expectNear(norm(x, mode).floats, expected, 1e-5, "\(mode)") }
    }

    @Test func noneIsTheIdentity() {
        let store = ParameterStore(seed: 0)
        let x = Tensor(values, shape: [2, 3, 2, 2])
        #expect(NormLayer(store.root, .none, 3)(x, .training) === x)
        #expect(store.entries.isEmpty)
    }

    @Test func theNamedNormsAreThePapersAndTorchs() {
        #expect(Norm.paper == .batch(momentum: 0.997, eps: 1e-4))
        #expect(Norm.quick == .batch(momentum: 0.9, eps: 1e-5))
    }

    @Test func activations() {
        let x = Tensor([-2, 0, 1] as [Float])
        #expect(Activation.relu(x).floats == [0, 0, 1])
        expectNear(Activation.silu(x).floats, [-0.23840584, 0, 0.73105858], 1e-6, "silu")
    }
}
