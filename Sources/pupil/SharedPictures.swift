import Annotations
import Base
import Journal

/// Pictures that are measured on must not be learned from.
enum SharedPictures {
    /// Warns, on standard error, of pictures of the measured sets that lie byte for byte in one that is learned from, with
    /// the first five, and returns the warnings. Only files of equal length are read; likeness is for `pupil check`.
    @discardableResult static func warn(
        learned: [(name: String, set: Dataset)], measured: [(name: String, set: Dataset)]
    ) -> [String] {
        var warnings: [String] = []
        for (name, set) in learned {
            for (other, theirs) in measured {
                var findings = Findings()
                set.checkShared(nil, with: theirs, nil, named: other, threads: availableProcessors(), into: &findings)
                let count = findings.counts[.setsShareImage] ?? 0
                if count == 0 { continue }
                let warning =
                    "\(count) of the \(theirs.examples.count) pictures of \(other) lie in \(name), too, so the numbers on it "
                    + "flatter"
                warnings.append(warning)
                Console.standardError.line("warning: \(warning):")
                for finding in findings.list.prefix(5) {
                    Console.standardError.line("  \(finding.place.image ?? "") \(finding.message)")
                }
                if count > 5 {
                    let isForCheck = (set.examples + theirs.examples).allSatisfy { $0.target == nil }
                    Console.standardError.line(isForCheck ? "  ... (`pupil check --json` lists all)" : "  ...")
                }
            }
        }
        return warnings
    }
}
