import Base
import Testing
import Torch

@testable import Layers

@Suite struct InitializerTests {
    private func moments(_ values: [Float]) -> (mean: Double, std: Double, low: Float, high: Float) {
        let mean = values.reduce(0.0) { $0 + Double($1) } / Double(values.count)
        let variance = values.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / Double(values.count)
        return (mean, variance.squareRoot(), values.min() ?? 0, values.max() ?? 0)
    }

    @Test func momentsAndBounds() {
        let shape = [64, 32, 3, 3]  // fan_in 288, fan_out 576
        func drawn(_ initializer: Initializer) -> (mean: Double, std: Double, low: Float, high: Float) {
            moments(initializer.values(shape, seed: 3, name: "w"))
        }
        // 18,432 draws: the mean is within 4 standard errors, the deviation within 4 of its own (0.52%).
        for (initializer, std) in [(Initializer.heFanOut, 0.0589256), (.normal(std: 0.01), 0.01)] {
            let m = drawn(initializer)
            #expect(abs(m.mean) < 4 * std / 135.8 && abs(m.std / std - 1) < 0.021, "\(initializer): \(m)")
            #expect(Double(m.high) > 3.3 * std && Double(m.high) < 6 * std)
        }
        // A uniform distribution's deviation is its bound over the square root of 3.
        for (initializer, bound) in [(Initializer.glorot, 0.0833333), (.linear, 0.0589256)] {
            let m = drawn(initializer)
            #expect(abs(m.mean) < 4 * bound / 235 && abs(m.std * 1.7320508 / bound - 1) < 0.015, "\(initializer): \(m)")
            #expect(Double(m.high) <= bound && Double(m.high) > 0.999 * bound)
            #expect(Double(m.low) >= -bound && Double(m.low) < -0.999 * bound)
        }
        #expect(Initializer.constant(-4.5).values([3], seed: 1, name: "b") == [-4.5, -4.5, -4.5])
        #expect(Initializer.heFanOut.values([0, 3, 3, 3], seed: 1, name: "w").isEmpty)
        #expect(Initializer.normal(std: 1).values([3, 1], seed: 1, name: "w").allSatisfy { $0.isFinite && $0 != 0 })
    }

    /// Two halves of Box and Muller's pairs must not be related.
    @Test func neighboursAreUncorrelated() {
        let v = Initializer.normal(std: 1).values([40_000], seed: 5, name: "x").map(Double.init)
        for lag in 1...3 {
            let sum = (0..<v.count - lag).reduce(0.0) { $0 + v[$1] * v[$1 + lag] }
            #expect(abs(sum / 40_000) < 4 / 200.0, "lag \(lag)")
        }
    }

    @Test func valuesDependOnSeedAndNameAlone() {
        func values(_ seed: UInt64, _ name: String, after others: [String]) -> [Float] {
            let store = ParameterStore(seed: seed)
            for other in others { _ = store.root.parameter(other, [7, 3], .kernel, .heFanOut) }
            return store.root.parameter(name, [4, 4, 3, 3], .kernel, .heFanOut).floats
        }
        let alone = values(1, "a", after: [])
        #expect(values(1, "a", after: ["b", "c"]) == alone)
        #expect(values(2, "a", after: []) != alone)
        #expect(values(1, "b", after: []) != alone)
        #expect(Set(alone).count > 140)
        // Row-major, whatever the memory layout: the first values do not depend on the last dimension's place.
        #expect(alone == Initializer.heFanOut.values([4, 4, 3, 3], seed: 1, name: "a"))
    }
}
