import Base
import Glibc
import Testing
import Torch

@testable import Training

@Suite(.serialized) struct LossMixTests {
    private func scalar(_ value: Double) -> Tensor {
        let tensor = Tensor([Float(value)]).sum()
        tensor.requiresGradient = true
        return tensor
    }

    @Test func aWeightedSum() {
        let (a, b) = (scalar(3), scalar(5))
        let mixer = LossMixer(.weighted([1, 0.25]), device: .cpu)
        let loss = mixer([a, b])
        loss.backward()
        #expect(loss.item == 4.25 && a.gradient?.item == 1 && b.gradient?.item == 0.25)
        #expect(mixer.tensors.isEmpty)
    }

    /// By hand, decay 0.9: the averages are (0.2, 0.5) after the losses (2, 5), so the ratio is 2/5; then
    /// 0.9 * 0.2 + 0.1 * 1 = 0.28 and 0.9 * 0.5 + 0.1 * 10 = 1.45 after (1, 10).
    @Test func theNormalisedLossByHand() {
        let mixer = LossMixer(.normalized(alpha: 3, decay: 0.9), device: .cpu)
        // (2 + 3 * (2/5) * 5) / 4 = 2: the pseudo loss comes in at the size of the human one.
        #expect(abs(mixer([scalar(2), scalar(5)]).item - 2) < 1e-6)
        let expected = (1 + 3 * (0.28 / 1.45) * 10) / 4
        #expect(abs(mixer([scalar(1), scalar(10)]).item - expected) < 1e-6)
        let averages = mixer.tensors.map(\.tensor.item)
        #expect(abs(averages[0] - 0.28) < 1e-6 && abs(averages[1] - 1.45) < 1e-6)
        #expect(mixer.tensors.map(\.name) == ["mix.0", "mix.1"])
    }

    /// The paper's formula with its decay over many steps, against the same in Double.
    @Test(arguments: [0.25, 1, 4.0]) func thePapersNumbers(alpha: Double) {
        let mixer = LossMixer(.normalized(alpha: alpha, decay: LossMix.paperDecay), device: .cpu)
        var (human, pseudo) = (0.0, 0.0)
        var random = Random(seed: 1, purpose: .test)
        for _ in 0..<300 {
            let losses = [random.uniform(0.5, 2), random.uniform(2, 9)]
            human = 0.9997 * human + (1 - 0.9997) * losses[0]
            pseudo = 0.9997 * pseudo + (1 - 0.9997) * losses[1]
            let expected = 1 / (1 + alpha) * (losses[0] + alpha * (human / pseudo) * losses[1])
            #expect(abs(mixer([scalar(losses[0]), scalar(losses[1])]).item - expected) < 2e-5 * expected)
        }
    }

    /// The ratio is a constant: d/dLh = 1/(1 + a), d/dLp = a r/(1 + a) and nothing through r.
    @Test func noGradientGoesThroughTheRatio() {
        let mixer = LossMixer(.normalized(alpha: 1, decay: 0.9), device: .cpu)
        let (human, pseudo) = (scalar(2), scalar(8))
        mixer([human, pseudo]).backward()
        #expect(abs((human.gradient?.item ?? 0) - 0.5) < 1e-7)
        #expect(abs((pseudo.gradient?.item ?? 0) - 0.5 * 2 / 8) < 1e-7)
    }

    /// Two passes of half a step move the averages as far as one whole step with the same losses.
    @Test func accumulationCountsInSteps() {
        let whole = LossMixer(.normalized(alpha: 1, decay: 0.9), device: .cpu)
        let parts = LossMixer(.normalized(alpha: 1, decay: 0.9), device: .cpu)
        for losses in [[2.0, 5], [1, 10], [3, 3]] {
            _ = whole(losses.map { scalar($0) })
            for _ in 0..<2 { _ = parts(losses.map { scalar($0) }, share: 0.5) }
        }
        for (a, b) in zip(whole.tensors, parts.tensors) { #expect(abs(a.tensor.item - b.tensor.item) < 1e-6) }
    }

    /// A step without pseudo loss is a step of human loss, not a division by zero.
    @Test func aPseudoLossOfZeroIsHarmless() {
        let mixer = LossMixer(.normalized(alpha: 1, decay: 0.9), device: .cpu)
        #expect(abs(mixer([scalar(2), scalar(0)]).item - 1) < 1e-6)
    }
}
