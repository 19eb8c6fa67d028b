import Base
import Geometry

extension Dataset {
    /// What mending changed, for people: one sentence each.
    public typealias Changes = [String]

    /// The set without what a check calls an error and can be mended by leaving out: pictures go, with their labels, that
    /// are missing, cannot be read or are not of the size for which they were labelled (where their boxes belong is not
    /// known for sure); the second of two equal boxes goes; boxes are cut at the edge of the picture and go where nothing
    /// is left. Sizes that nobody stated are filled in.
    ///
    /// What was wrong within the annotation file (items without a place, empty boxes, ...) the reader has left out or put
    /// right already. A picture that lost all its labels to that goes, too: left in, it would be background.
    ///
    /// - Parameter reading: what the reader found.
    /// - Throws: `.invalidData` where what is left might have wrong labels (`Findings.obstacles`), or nothing is.
    /// - Precondition: one fact a picture.
    public func mended(
        _ facts: [PictureFacts], after reading: Findings = Findings()
    ) throws(Failure) -> (set: Dataset, changes: Changes) {
        precondition(facts.count == examples.count, "\(facts.count) facts about \(examples.count) pictures")
        if let obstacle = reading.obstacles.first {
            let more = reading.obstacles.count - 1
            throw .data(
                "\(source) cannot be mended: \(obstacle)" + (more > 0 ? " (and \(more) more such faults)" : ""))
        }
        var result = self
        var changes = reading.changes
        result.notes = []
        result.examples = []
        // Numbers to give: above all that are there, or, where the greatest there is was taken, the free ones from 1.
        let known = Set(examples.lazy.flatMap(\.annotations).map(\.id))
        var nextID = max(0, known.max() ?? 0)
        func takeNextID() {
            repeat { nextID = nextID == .max ? 1 : nextID + 1 } while known.contains(nextID)
        }
        takeNextID()
        var ids: Set<Int> = []
        for (example, fact) in zip(examples, facts) {
            var example = example
            guard let real = fact.size else {
                changes.append("left out the picture \(example.fileName): \(fact.refusal ?? "it is not there")")
                continue
            }
            if let written = example.size, written != real {
                changes.append(
                    "left out the picture \(example.fileName): it was labelled "
                        + (isWithoutTurn(example, real)
                            ? "without its EXIF turn"
                            : "at \(written.width)x\(written.height) and has \(real.width)x\(real.height) pixels"))
                continue
            }
            if example.annotations.isEmpty, reading.bereft.contains(example.fileName) {
                changes.append("left out the picture \(example.fileName): all its labels were")
                continue
            }
            example.size = real
            let best = example.bestOfEqualBoxes
            var kept: [Annotation] = []
            for (i, written) in example.annotations.enumerated() {
                var annotation = written
                let name = "\(example.fileName): \(LabelID.words(annotation.id))"
                if best[LabelledBox(annotation)] != i {
                    changes.append("\(name): left out, the same box again")
                    continue
                }
                let cut = annotation.box.clipped(to: real)
                if cut.isEmpty {
                    changes.append("\(name): left out, it lies outside the picture")
                    continue
                }
                if cut != annotation.box {
                    changes.append("\(name): cut at the picture's edge")
                    annotation.box = cut
                    annotation.area = min(annotation.area, Double(cut.area))
                } else if annotation.isLargerThanItsBox {
                    changes.append("\(name): its area was \(decimal(annotation.area)), and is that of its box now")
                    annotation.area = Double(cut.area)
                }
                if LabelID.isMissing(annotation.id) || !ids.insert(annotation.id).inserted {
                    changes.append("\(name): has the id \(nextID) now")
                    annotation.id = nextID
                    ids.insert(nextID)
                    takeNextID()
                }
                kept.append(annotation)
            }
            if kept.isEmpty, !example.annotations.isEmpty {
                changes.append("left out the picture \(example.fileName): all its labels were")
                continue
            }
            example.annotations = kept
            result.examples.append(example)
        }
        if result.examples.isEmpty { throw .data("\(source): nothing is left after mending") }
        let labels = result.examples.lazy.flatMap(\.annotations)
        if !labels.isEmpty, labels.allSatisfy({ $0.treatment == .ignore }) {
            throw .data("\(source) cannot be mended: no label is left that is not ignored")
        }
        return (result, changes)
    }
}

extension Example {
    /// Of labels that say the same, the place of the one that stays: an object rather than a region to be ignored, a
    /// person's rather than a model's, the surer one, the first.
    fileprivate var bestOfEqualBoxes: [LabelledBox: Int] {
        func weight(_ label: Annotation) -> (Int, Float) {
            (label.treatment == .object ? 1 : 0, label.provenance?.score ?? .infinity)
        }
        var best: [LabelledBox: Int] = [:]
        for (i, label) in annotations.enumerated() {
            let key = LabelledBox(label)
            if let other = best[key], weight(annotations[other]) >= weight(label) { continue }
            best[key] = i
        }
        return best
    }
}

extension Findings {
    /// What reading left out or put right.
    fileprivate var changes: Dataset.Changes {
        let changed = counts.filter { $0.key.mending != .stays && $0.key.mending != .later }.map(\.value).reduce(0, +)
        let named = list.count { $0.rule.mending != .stays && $0.rule.mending != .later }
        let unnamed = changed - named
        return list.compactMap { finding in
            switch finding.rule.mending {
            case .stays, .later: nil
            case .leftOut: "left out: \(finding)"
            case .repaired(let how): how.isEmpty ? "\(finding)" : "\(how): \(finding)"
            }
        } + losses.map { "left out: \($0)" } + (unnamed > 0 ? ["and \(unnamed) more of these kinds"] : [])
    }
}
