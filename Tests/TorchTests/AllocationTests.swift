import FoundationEssentials
import Glibc
import Testing
import Torch

@Suite(.serialized) struct AllocationTests {
    private static let largePages: Bool = {
        let path = "/sys/kernel/mm/transparent_hugepage/enabled"
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return false }
        return !text.contains("[never]")
    }()

    /// Large tensors come in pages of 2 MB where the system has them: far fewer faults than there are pages of 4 kB.
    @Test(.enabled(if: largePages)) func largeTensorsComeInLargePages() {
        func faults() -> Int {
            var usage = rusage()
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
            return usage.ru_minflt
        }
        let pages = 4 * (64 << 20) / 4096
        let before = faults()
        for _ in 0..<4 { _ = Tensor.full([16 << 20], 1) }
        let count = faults() - before
        #expect(count < pages / 2, "\(count) of \(pages)")
    }
}
