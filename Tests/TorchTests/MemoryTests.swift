import Base
import Testing
import Torch

@Suite(.serialized) struct MemoryTests {
    /// What is given back counts no more; what stays counts with what comes.
    @Test func thePeakIsOfWhatIsHeldAtOneTime() {
        let million = 1_000_000
        let one = Torch.peakBytes { _ = Tensor.full([million], 1) }
        #expect((4 * million..<4 * million + 4096).contains(one), "\(one)")
        let after = Torch.peakBytes { for _ in 0..<3 { _ = Tensor.full([million], 1) } }
        #expect(after < 5 * million, "\(after)")
        let together = Torch.peakBytes {
            let a = Tensor.full([million], 1)
            let b = Tensor.full([million], 2)
            withExtendedLifetime((a, b)) {}
        }
        #expect((8 * million..<8 * million + 8192).contains(together), "\(together)")
    }

    /// What the way back needs is in it: exp keeps its value, and the gradient is as large.
    @Test func theWayBackCounts() {
        let x = Tensor.full([1_000_000], 1)
        x.requiresGradient = true
        let forward = Torch.peakBytes { _ = withoutGradients { x.exp().sum().item } }
        let both = Torch.peakBytes { x.exp().sum().backward() }
        #expect(forward < 5_000_000 && both >= 8_000_000, "\(forward) \(both)")
    }

    @Test func theProcessorSaysWhatIsFree() throws {
        let free = try #require(Torch.availableMemory(on: .cpu))
        #expect(free > 100 << 20 && free < 1 << 50)
    }
}
