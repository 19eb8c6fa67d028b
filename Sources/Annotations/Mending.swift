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
    /// What was wrong within the annotation file (items without a place, empty boxes, ...) the reader has left out
    /// already. A picture that lost all its labels to that goes, too: left in, it would be background.
    ///
    /// - Parameter bereft: the pictures of which a label was left out.
    /// - Precondition: one fact a picture.
    public func mended(_ facts: [PictureFacts], bereft: Set<String> = []) -> (set: Dataset, changes: Changes) {
        precondition(facts.count == examples.count, "\(facts.count) facts about \(examples.count) pictures")
        var result = self
        var changes: Changes = []
        result.notes = []
        result.examples = []
        var nextID = (examples.flatMap { $0.annotations.map(\.id) }.max() ?? 0) + 1
        var ids: Set<Int> = []
        for (example, fact) in zip(examples, facts) {
            var example = example
            guard let real = fact.size else {
                changes.append("left out the picture \(example.fileName): \(fact.refusal ?? "it is not there")")
                continue
            }
            if let written = example.size, written != real {
                let isTurned = written == Size(width: real.height, height: real.width)
                changes.append(
                    "left out the picture \(example.fileName): it was labelled "
                        + (isTurned
                            ? "without its EXIF turn"
                            : "at \(written.width)x\(written.height) and has \(real.width)x\(real.height) pixels"))
                continue
            }
            if example.annotations.isEmpty, bereft.contains(example.fileName) {
                changes.append("left out the picture \(example.fileName): all its labels were")
                continue
            }
            example.size = real
            var seen: Set<LabelledBox> = []
            var kept: [Annotation] = []
            for var annotation in example.annotations {
                let name = "\(example.fileName): annotation id \(annotation.id)"
                if !seen.insert(LabelledBox(box: annotation.box, label: annotation.label)).inserted {
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
                }
                if !ids.insert(annotation.id).inserted {
                    changes.append("\(name): has the id \(nextID) now")
                    annotation.id = nextID
                    ids.insert(nextID)
                    nextID += 1
                }
                kept.append(annotation)
            }
            example.annotations = kept
            result.examples.append(example)
        }
        return (result, changes)
    }
}
