import Annotations
import Base
import Journal
import Recipes

extension Settings {
    /// Decodes every picture of the sets that are reported on, or that choose weights on the way: one that cannot be read
    /// should be known before hours of training and not after. A run that was begun has been checked.
    /// - Throws: `.invalidData` naming the pictures; what opening the run's folder would throw.
    func requireReadable(_ sets: Dataset?...) throws(Failure) {
        if try RunFolder.requireFit(self) { return }
        for case let set? in sets {
            let count = set.examples.count
            let isLong = count > 1000
            let progress = Monitor((line: ProgressLine(label: "pictures of \(set.source)", total: count), done: 0))
            let facts = set.lookAtPictures(.damage, threads: optionalInt("threads") ?? availableProcessors()) { done in
                progress.withLock {
                    if isLong, done > $0.done { $0.line.advance(to: done, items: done - $0.done) }
                    $0.done = max($0.done, done)
                }
            }
            if isLong { progress.withLock { $0.line.finish() } }
            var findings = Findings(limit: 5)
            set.check(facts, into: &findings)
            try findings.requireNoErrors(isForCheck: set.examples.allSatisfy { $0.target == nil })
        }
    }
}
