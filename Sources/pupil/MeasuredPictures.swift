import Annotations
import Base
import Journal
import Recipes

extension Settings {
    /// Decodes every picture that will be measured on: one that cannot be read should be known before hours of training and
    /// not after. A run that was begun has been checked.
    /// - Throws: `.invalidData` naming the pictures.
    func requireReadable(_ sets: Dataset?...) throws(Failure) {
        if Files.exists(Files.join(string("out"), "args.yaml")) { return }
        for case let set? in sets {
            let count = set.examples.count
            let isLong = count > 1000
            let progress = Monitor((line: ProgressLine(label: "pictures of \(set.source)", total: count), done: 0))
            let facts = set.lookAtPictures(.pixels) { done in
                progress.withLock {
                    if isLong, done > $0.done { $0.line.advance(to: done, items: done - $0.done) }
                    $0.done = max($0.done, done)
                }
            }
            if isLong { progress.withLock { $0.line.finish() } }
            var findings = Findings(limit: 5)
            set.check(facts, into: &findings)
            try findings.requireNoErrors()
        }
    }
}
