import Testing
import Torch

@testable import Layers

@Suite(.serialized) struct StochasticTests {
    private let x = Tensor.ones([64, 3, 2, 2])

    @Test func outsideTrainingNothingIsDropped() {
        let depth = StochasticDepth(survival: 0.5, layer: 0)
        #expect(depth(x, .inference) === x && depth(x, .training) === x)
        let dropout = Dropout(rate: 0.5)
        let features = Tensor.ones([4, 5])
        #expect(dropout(features, .inference) === features)
        #expect(StochasticDepth(survival: 1, layer: 0)(x, .training(Noise(seed: 1, step: 1))) === x)
    }

    /// A branch is whole or gone, picture by picture, and of the same size on average.
    @Test func depthDropsWholePictures() {
        var kept = 0
        for step in 0..<40 {
            let y = StochasticDepth(survival: 0.8, layer: 3)(x, .training(Noise(seed: 5, step: step)))
            let values = y.reshaped([64, 12]).floats
            for n in 0..<64 {
                let row = values[12 * n..<12 * n + 12]
                #expect(row.allSatisfy { $0 == 0 } || row.allSatisfy { $0 == 1.25 })
                if values[12 * n] != 0 { kept += 1 }
            }
        }
        // 2,560 draws: four standard deviations are 81.
        #expect(abs(kept - 2048) < 81)
    }

    /// Whether a batch is one pass or two, each picture has its own draw.
    @Test func passesOfABatchDrawAsTheWhole() {
        let depth = StochasticDepth(survival: 0.5, layer: 1)
        let whole = depth(x, .training(Noise(seed: 2, step: 9))).floats
        let half = x.narrowed(0, start: 0, length: 32)
        let first = depth(half, .training(Noise(seed: 2, step: 9))).floats
        let second = depth(half, .training(Noise(seed: 2, step: 9, first: 32))).floats
        #expect(first + second == whole)
    }

    @Test func layersDrawApart() {
        let noise = Noise(seed: 2, step: 9)
        let draws = (0..<8).map { noise.uniforms(64, layer: $0) }
        for i in 0..<8 { for j in 0..<i { #expect(draws[i] != draws[j]) } }
        let y = Dropout(rate: 0.25)(Tensor.ones([100, 40]), .training(noise)).floats
        #expect(y.allSatisfy { $0 == 0 || abs($0 - 4 / 3) < 1e-6 })
        // 4,000 draws: four standard deviations are 110.
        #expect(abs(y.count { $0 == 0 } - 1000) < 110)
    }
}
