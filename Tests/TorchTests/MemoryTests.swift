import Base
import Glibc
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

    /// What a large tensor leaves is taken up by the next one of its size: the kernel is asked for memory once, and again only
    /// when it has been given back.
    @Test func largeTensorsTakeUpWhatOthersLeft() {
        func faults() -> Int {
            var usage = rusage()
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
            return usage.ru_minflt
        }
        func fill() { _ = Tensor.full([16 << 20], 1) }  // 64 MiB
        fill()
        let before = faults()
        for _ in 0..<20 { fill() }
        let kept = faults() - before
        // Pages of 2 MB are 32 faults a tensor, small ones 16,384.
        #expect(kept < 20 * 32 / 2, "\(kept)")
        _ = Torch.availableMemory(on: .cpu)
        let released = faults()
        fill()
        #expect(faults() - released >= 32)
    }

    @Test func theProcessorSaysWhatIsFree() throws {
        let free = try #require(Torch.availableMemory(on: .cpu))
        #expect(free > 100 << 20 && free < 1 << 50)
    }
}
