import Base
import Glibc
import Testing
import Torch

@testable import Layers

@Suite(.serialized) struct OptimizerTests {
    /// The two tensors of Tools/reference/optim.py and their gradients.
    private struct Toy {
        let store = ParameterStore(seed: 0)
        let kernel: Tensor
        let bias: Tensor

        init() {
            // Registered the other way round, so that groups are by role and not by order.
            bias = store.root.parameter("bias", [3], .bias, .constant(0))
            kernel = store.root.parameter("kernel", [2, 3], .kernel, .constant(0))
            kernel.set((0..<6).map { Float(0.5 * sin(0.9 * Double($0))) })
            bias.set((0..<3).map { Float(0.3 * cos(1.1 * Double($0))) })
        }

        func setGradients(_ step: Int) {
            kernel.setGradient((0..<6).map { Float(sin(0.7 * Double($0) + 0.5 * Double(step))) })
            bias.setGradient((0..<3).map { Float(0.4 * cos(0.6 * Double($0) - 0.3 * Double(step))) })
        }
    }

    private func check(
        _ key: String, _ spec: OptimizerSpec, lr: (Int) -> Double, clip: Double? = nil, tolerance: Double = 2e-6
    ) throws {
        let toy = Toy()
        let optimizer = Optimizer(spec, toy.store)
        for (step, state) in try #require(try fixture("optim.json")[key]?.array).enumerated() {
            toy.setGradients(step)
            if let clip {
                let norm = optimizer.clipGradients(to: clip).item
                #expect(abs(norm - (try state.number("norm"))) < 1e-6)
            }
            optimizer.step(lr: lr(step))
            #expect(toy.kernel.gradient == nil && toy.bias.gradient == nil)
            expectNear(
                toy.kernel.floats, try #require(state["kernel"]).doubles, tolerance, "\(key), step \(step), kernel")
            expectNear(toy.bias.floats, try #require(state["bias"]).doubles, tolerance, "\(key), step \(step), bias")
        }
    }

    @Test func momentumEqualsTorch() throws {
        let a = try #require(try fixture("optim.json")["sgd_arguments"])
        let (lr, mu, decay) = (try a.number("lr"), try a.number("momentum"), try a.number("weight_decay"))
        try check("sgd", .sgd(momentum: mu, nesterov: false, decay: decay), lr: { _ in lr })
        // 0: only measured.
        try check("sgd", .sgd(momentum: mu, nesterov: false, decay: decay), lr: { _ in lr }, clip: 0)
        try check("sgd_nesterov", .sgd(momentum: mu, nesterov: true, decay: decay), lr: { _ in lr })
        try check("sgd_clipped_at_0.5", .sgd(momentum: mu, nesterov: false, decay: decay), lr: { _ in lr }, clip: 0.5)
        let s = try #require(try fixture("optim.json")["schedule_arguments"])
        let schedule = Schedule(
            base: try s.number("base"), warmupFrom: try s.number("first"), warmupSteps: Int(try s.number("warmup")),
            steps: Int(try s.number("total")))
        try check("sgd_scheduled", .sgd(momentum: mu, nesterov: false, decay: decay), lr: schedule.rate)
    }

    @Test func adamWEqualsTorch() throws {
        let a = try #require(try fixture("optim.json")["adamw_arguments"])
        let betas = try #require(a["betas"]).doubles
        let spec = OptimizerSpec.adamW(
            beta1: betas[0], beta2: betas[1], eps: try a.number("eps"), decay: try a.number("weight_decay"))
        let lr = try a.number("lr")
        try check("adamw", spec, lr: { _ in lr })
        try check("adamw_clipped_at_0.5", spec, lr: { _ in lr }, clip: 0.5)
    }

    @Test func rmsPropEqualsTensorFlows() throws {
        let a = try #require(try fixture("optim.json")["rmsprop_arguments"])
        let spec = OptimizerSpec.rmsProp(
            rho: try a.number("rho"), momentum: try a.number("momentum"), eps: try a.number("eps"),
            decay: try a.number("weight_decay"))
        let lr = try a.number("lr")
        try check("rmsprop", spec, lr: { _ in lr })
    }

    @Test func larsEqualsSimCLRs() throws {
        let a = try #require(try fixture("optim.json")["lars_arguments"])
        let spec = OptimizerSpec.lars(
            momentum: try a.number("momentum"), trust: try a.number("trust"), decay: try a.number("weight_decay"))
        let lr = try a.number("lr")
        try check("lars", spec, lr: { _ in lr })
    }

    /// Weights or gradients of no length have no ratio: they move as without it.
    @Test func larsOfNothingIsPlain() {
        let store = ParameterStore(seed: 0)
        let w = store.root.parameter("w", [1, 2], .kernel, .constant(0))
        let optimizer = Optimizer(.lars(momentum: 0.9, trust: 0.001, decay: 0.1), store)
        w.setGradient([3, 4])
        optimizer.step(lr: 0.5)
        expectNear(w.floats, [-1.5, -2], 1e-6, "w")
        w.set([0, 0])
        w.setGradient([0, 0])
        optimizer.step(lr: 0.5)
        expectNear(w.floats, [-1.35, -1.8], 1e-6, "momentum alone")
    }

    /// With no gradient only the decay moves anything, and it moves kernels alone.
    @Test(arguments: [
        OptimizerSpec.sgd(momentum: 0.9, nesterov: false, decay: 0.5),
        .adamW(beta1: 0.9, beta2: 0.999, eps: 1e-8, decay: 0.5),
    ]) func decayTouchesKernelsAlone(spec: OptimizerSpec) {
        let store = ParameterStore(seed: 1)
        let conv = Conv2d(store.root / "conv", 2, 2, kernel: 3, bias: true, biasValue: 3)
        let norm = NormLayer(store.root / "bn", .quick, 2)
        let before = store.entries.map(\.tensor.floats)
        let optimizer = Optimizer(spec, store)
        for entry in store.trained { entry.tensor.setGradient([Float](repeating: 0, count: entry.tensor.count)) }
        optimizer.step(lr: 0.1)
        for (entry, old) in zip(store.entries, before) {
            let factor: Float = entry.role == .kernel ? 0.95 : 1
            expectNear(entry.tensor.floats, old.map { Double($0 * factor) }, 1e-6, entry.name)
        }
        withExtendedLifetime((conv, norm)) {}
    }

    @Test func clippingLeavesSmallGradientsAlone() throws {
        let toy = Toy()
        let optimizer = Optimizer(.sgd(momentum: 0, nesterov: false, decay: 0), toy.store)
        toy.kernel.setGradient([3, 0, 0, 0, 0, 0])
        toy.bias.setGradient([0, 4, 0])
        #expect(abs(optimizer.clipGradients(to: 10).item - 5) < 1e-6)
        #expect(toy.kernel.gradient?.floats == [3, 0, 0, 0, 0, 0])
        #expect(abs(optimizer.clipGradients(to: 1).item - 5) < 1e-6)
        expectNear(try #require(toy.bias.gradient).floats, [0, 0.8, 0], 1e-6, "bias")
        expectNear(try #require(toy.kernel.gradient).floats, [0.6, 0, 0, 0, 0, 0], 1e-6, "kernel")
    }

    /// A kernel in two memory layouts, each with its own gradient from a convolution.
    @Test(arguments: [
        OptimizerSpec.sgd(momentum: 0.9, nesterov: false, decay: 0.01),
        .adamW(beta1: 0.9, beta2: 0.999, eps: 1e-8, decay: 0.1),
        .rmsProp(rho: 0.9, momentum: 0.9, eps: 1e-3, decay: 0.01), .lars(momentum: 0.9, trust: 0.01, decay: 0.01),
    ]) func memoryLayoutDoesNotMatter(spec: OptimizerSpec) {
        let picture = Tensor((0..<2 * 4 * 6 * 5).map { Float(sin(0.3 * Double($0))) }, shape: [2, 4, 6, 5])
        let wanted = Tensor((0..<2 * 8 * 6 * 5).map { Float(cos(0.2 * Double($0))) }, shape: [2, 8, 6, 5])
        var results: [[[Float]]] = []
        for channelsLast in [true, false] {
            let store = ParameterStore(seed: 4)
            for (name, shape) in [("a", [8, 4, 3, 3]), ("b", [8, 8, 1, 1]), ("c", [8, 1, 3, 3])] {
                let values = Initializer.heFanOut.values(shape, seed: 4, name: name)
                let tensor = Tensor(values, shape: shape)
                _ = store.register(name, .kernel, channelsLast ? tensor.channelsLast() : tensor)
            }
            let kernels = store.entries.map(\.tensor)
            #expect(kernels[0].isChannelsLast == channelsLast)
            let optimizer = Optimizer(spec, store)
            for (name, tensor) in optimizer.tensors where !tensor.shape.isEmpty {
                #expect(tensor.isChannelsLast == channelsLast || name.hasSuffix("b") || name.hasSuffix("c"), "\(name)")
                #expect(tensor.abs().sum().item == (name.hasPrefix("square") ? Double(tensor.count) : 0))
            }
            let average = WeightAverage(store, decay: 0.5)
            for _ in 0..<3 {
                let x = channelsLast ? picture.channelsLast() : picture
                let y = x.convolved(by: kernels[0], padding: 1).relu().convolved(by: kernels[1])
                    .convolved(by: kernels[2], padding: 1, groups: 8)
                (y - wanted).square().mean().backward()
                optimizer.clipGradients(to: 0.5)
                optimizer.step(lr: 0.05)
                average.update(step: 1)
            }
            results.append(
                kernels.map(\.floats) + optimizer.tensors.map(\.tensor.floats) + average.tensors.map(\.tensor.floats))
        }
        for (a, b) in zip(results[0], results[1]) { expectNear(a, b.map(Double.init), 2e-5, "layouts") }
        #expect(results[0].count == results[1].count)
    }

    @Test func stateHasANamePerParameter() {
        let toy = Toy()
        let adam = Optimizer(.adamW(beta1: 0.9, beta2: 0.999, eps: 1e-8, decay: 0), toy.store)
        #expect(
            adam.tensors.map(\.name) == [
                "first.kernel", "second.kernel", "step.kernel", "first.bias", "second.bias", "step.bias",
            ])
        #expect(adam.tensors.map(\.tensor.shape) == [[2, 3], [2, 3], [], [3], [3], []])
        let sgd = Optimizer(.sgd(momentum: 0.9, nesterov: false, decay: 0), toy.store)
        #expect(sgd.tensors.map(\.name) == ["momentum.kernel", "momentum.bias"])
    }

    /// State written out and read into a fresh optimiser goes on as if nothing had happened, to the bit.
    @Test func stateIsAllThereIs() {
        let spec = OptimizerSpec.adamW(beta1: 0.9, beta2: 0.999, eps: 1e-8, decay: 0.1)
        func run(restartAt: Int?) -> [[Float]] {
            let toy = Toy()
            var optimizer = Optimizer(spec, toy.store)
            for step in 0..<6 {
                if step == restartAt {
                    let state = optimizer.tensors.map { $0.tensor.bytes() }
                    optimizer = Optimizer(spec, toy.store)
                    for (entry, bytes) in zip(optimizer.tensors, state) {
                        bytes.withUnsafeBytes { entry.tensor.load(bytes: $0) }
                    }
                }
                toy.setGradients(step)
                optimizer.step(lr: 0.01)
            }
            return [toy.kernel.floats, toy.bias.floats]
        }
        #expect(run(restartAt: 3) == run(restartAt: nil))
    }
}

@Suite(.serialized) struct WeightAverageTests {
    @Test func equalsTheReference() throws {
        let reference = try #require(try fixture("optim.json")["average_of_sgd_kernel_decay_0.9"]?.array).map(\.doubles)
        let states = try #require(try fixture("optim.json")["sgd"]?.array)
        let store = ParameterStore(seed: 0)
        let kernel = store.root.parameter("kernel", [2, 3], .kernel, .constant(0))
        kernel.set(try #require(states[0]["kernel"]).doubles.map { Float($0) })
        let average = WeightAverage(store, decay: 0.9)
        for (step, expected) in reference.enumerated() where step > 0 {
            kernel.set(try #require(states[step]["kernel"]).doubles.map { Float($0) })
            average.update(step: 100_000)  // long past the warm-up of the decay
            expectNear(average.tensors[0].tensor.floats, expected, 1e-6, "step \(step)")
        }
        #expect(average.tensors[0].name == "average.kernel")
    }

    @Test func theDecayWarmsUp() {
        let store = ParameterStore(seed: 0)
        let w = store.root.parameter("w", [1], .kernel, .constant(1))
        let s = store.root.statistic("s", [1], 2)
        let average = WeightAverage(store, decay: 0.25)
        w.set([12])
        s.set([13])
        average.update(step: 1)  // decay min(0.25, 2 / 11)
        #expect(abs(average.tensors[0].tensor.item - (2.0 / 11 * 1 + 9.0 / 11 * 12)) < 1e-6)
        #expect(abs(average.tensors[1].tensor.item - (2.0 / 11 * 2 + 9.0 / 11 * 13)) < 1e-6)
        average.update(step: 2)  // 3 / 12
        #expect(abs(average.tensors[0].tensor.item - (10 * 0.25 + 12 * 0.75)) < 1e-6)
        average.update(step: 9)  // 10 / 19 is more than 0.25
        #expect(abs(average.tensors[0].tensor.item - (11.5 * 0.25 + 12 * 0.75)) < 1e-6)
    }

    @Test func appliedSwapsThereAndBack() throws {
        let store = ParameterStore(seed: 3)
        let conv = Conv2d(store.root / "conv", 2, 2, kernel: 3)
        let average = WeightAverage(store, decay: 0.5)
        let old = conv.weight.floats
        withoutGradients { conv.weight.detached().multiply(by: 2) }
        let new = conv.weight.floats
        #expect(average.applied { conv.weight.floats } == old)
        #expect(conv.weight.floats == new && average.tensors[0].tensor.floats == old)
        #expect(throws: Failure.self) {
            try average.applied { () throws(Failure) in throw Failure.data("in the middle") }
        }
        #expect(conv.weight.floats == new && average.tensors[0].tensor.floats == old)
        #expect(conv.weight.requiresGradient)
        average.install()
        #expect(conv.weight.floats == old)
        average.update(step: 1000)
        #expect(average.tensors[0].tensor.floats == old)  // a copy, not the weights themselves
    }
}
