import Annotations
import Base
import Geometry
import Layers
import Loading
import Testing
import Torch

@testable import Training

@Suite(.serialized) struct MemoryNeedTests {
    private let canvas = Size(width: 96, height: 96)

    private func detector(_ canvas: Size) throws(Failure) -> DetectionObjective {
        DetectionObjective(
            try Detector(name: "pico", classes: ClassTable(names: ["a", "b"]), canvas: canvas, seed: 1, device: .cpu))
    }

    /// Said from one and two pictures, true of eight.
    @Test func whatIsSaidIsWhatIsTaken() throws {
        let adam = OptimizerSpec.adamW(beta1: 0.9, beta2: 0.999, eps: 1e-8, decay: 0)
        let need = try MemoryNeed.measured(canvas: canvas, optimizer: adam, precision: nil, objective: detector)
        let weights = 4 * (try detector(canvas)).parameters.parameterCount
        // Weights, gradients and two averages at least.
        #expect(need.fixed > 3 * weights && need.fixed < 6 * weights, "\(need.fixed) for weights of \(weights)")
        #expect(need.perImage > canvas.width * canvas.height * 3 * 4)

        let peak = Torch.peakBytes {
            guard let objective = try? detector(canvas) else { return }
            let optimizer = Optimizer(adam, objective.parameters)
            let images = Tensor.full([8, 3, canvas.height, canvas.width], 0).channelsLast()
            let items = (0..<8).map { _ in Item(blank: canvas) }
            objective.losses(
                Inputs(images: images, items: items), groups: [0..<8], precision: nil, noise: Noise(seed: 0, step: 0))[
                    0
                ].total
                .backward()
            optimizer.step(lr: 0)
        }
        let said = need.fixed + 8 * need.perImage
        // Under by no more than the margin makes good, over by less than half.
        #expect(peak < said * 5 / 4 && said < peak * 3 / 2, "\(said) said, \(peak) taken")
    }

    /// 512 pixels, said from 256: within a tenth of what a pass of them holds.
    @Test func aLargeCanvasIsMeasuredByASmallOne() throws {
        let large = Size(width: 512, height: 512)
        let sgd = OptimizerSpec.sgd(momentum: 0.9, nesterov: false, decay: 0)
        let need = try MemoryNeed.measured(canvas: large, optimizer: sgd, precision: nil, objective: detector)
        func held(_ count: Int) -> Int {
            Torch.peakBytes {
                guard let objective = try? detector(large) else { return }
                let images = Tensor.full([count, 3, 512, 512], 0).channelsLast()
                let items = [Item](repeating: Item(blank: large), count: count)
                _ = objective.losses(
                    Inputs(images: images, items: items), groups: [0..<count], precision: nil,
                    noise: Noise(seed: 0, step: 0))
            }
        }
        let taken = held(3) - held(2)
        #expect(abs(need.perImage - taken) < taken / 10, "\(need.perImage) said, \(taken) taken")
    }

    @Test func theMarginIsAddedOnce() {
        let need = MemoryNeed(fixed: 1_000_000, perImage: 2_000_000)
        #expect(need.bytes(images: 8, of: 8) == Int(17_000_000 * 1.25) + 300 << 20)
    }
}
