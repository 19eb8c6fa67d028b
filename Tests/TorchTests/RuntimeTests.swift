import Base
import Testing
import Torch

@Suite(.serialized) struct RuntimeTests {
    private func dtypeOfAConvolution() -> DType {
        Tensor.full([1, 8, 4, 4], 0.1).convolved(by: Tensor.full([8, 8, 1, 1], 0.1)).dtype
    }

    @Test func autocastScopesNest() {
        withAutocast(.bfloat16, on: .cpu) {
            withAutocast(.float16, on: .cpu) { #expect(dtypeOfAConvolution() == .float16) }
            #expect(dtypeOfAConvolution() == .bfloat16)
            withAutocast(nil, on: .cpu) { #expect(dtypeOfAConvolution() == .bfloat16) }
        }
        #expect(dtypeOfAConvolution() == .float32)
    }

    @Test func scopesEndByAnErrorToo() {
        #expect(throws: Failure.self) {
            try withAutocast(.bfloat16, on: .cpu) { () throws(Failure) in throw Failure.data("no") }
        }
        #expect(dtypeOfAConvolution() == .float32)
        #expect(throws: Failure.self) { try withoutGradients { () throws(Failure) in throw Failure.data("no") } }
        let x = Tensor([1] as [Float])
        x.requiresGradient = true
        #expect((x * 2).requiresGradient)
    }

    /// The cast copies of weights must not outlive a step: the optimiser changes the weights in place.
    @Test func autocastSeesWeightsThatMoved() {
        let w = Tensor.full([8, 8, 1, 1], 0.5)
        w.requiresGradient = true
        let x = Tensor.full([1, 8, 2, 2], 1)
        func run() -> Double { withAutocast(.bfloat16, on: .cpu) { x.convolved(by: w).to(.float32).max().item } }
        #expect(run() == 4)
        withoutGradients { w.detached().fill(0.25) }
        #expect(run() == 2)
    }

    @Test func gradientsFlowThroughAutocastInFullPrecision() throws {
        let w = Tensor.full([8, 8, 1, 1], 0.5)
        w.requiresGradient = true
        let y = withAutocast(.bfloat16, on: .cpu) { Tensor.full([1, 8, 2, 2], 1).convolved(by: w) }
        y.to(.float32).sum().backward()
        let gradient = try #require(w.gradient)
        #expect(gradient.dtype == .float32 && gradient.floats.allSatisfy { $0 == 4 })
    }

    @Test func devicesByName() throws {
        #expect(try Device.named("cpu") == .cpu)
        #expect(throws: Failure.self) { _ = try Device.named("gpu") }
        #expect(throws: Failure.self) { _ = try Device.named("cuda:-1") }
        if Torch.cudaDeviceCount == 0 {
            #expect(try Device.named("auto") == .cpu)
            let failure = #expect(throws: Failure.self) { _ = try Device.named("cuda") }
            #expect(failure?.code == .environment)
            #expect(failure?.message.contains(Torch.cudaStatus) == true)
        }
    }

    @Test func theLibrarySaysWhatItIs() {
        #expect(Torch.version.hasPrefix("2."))
        #expect(!Torch.folder.isEmpty && !Torch.instructionSet.isEmpty && Torch.buildInformation.contains("PyTorch"))
    }

    /// A caller's mistake in Swift's part of the room says what was wrong, in release builds too.
    @Test func preconditionsTrapWithShapes() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Tensor([1, 2, 3] as [Float], shape: [2, 2])
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("3 values do not fill the shape [2, 2]"))
    }
}
