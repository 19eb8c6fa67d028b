import Base
import Geometry
import Markup

extension Conversion {
    /// `data.yaml`, `images/PART/` and `labels/PART/`: a text file a picture, `class cx cy w h`, with the score in a
    /// sixth column where there is one. Fractions lie in 0...1, so detections are cut at the edge. YOLO has no word for regions to be ignored: they are left out and counted.
    mutating func writeYOLO(_ parts: [Part]) throws(Failure) -> [Count] {
        var counts: [Count] = []
        for part in parts {
            let set = inOwnFolder(try sized(part.set), part.name)
            _ = try stems(set)
            var count = Count(part: part.name)
            for (example, source) in zip(set.examples, part.set.examples) {
                let name = try place(source, of: part.set, in: "images/" + part.name, as: example.fileName)
                guard let size = example.size else { preconditionFailure("\(example.fileName) has no size") }
                var text = ""
                for label in example.annotations {
                    if label.treatment == .ignore {
                        count.leftOut += 1
                        continue
                    }
                    text += "\(label.label) \(YOLOLabels.text(label.box.clipped(to: size), in: size))"
                    if let score = score(label) {
                        text += " \(score)"
                        count.scored += 1
                    }
                    text += "\n"
                    count.labels += 1
                }
                count.pictures += 1
                // Readers look for the last /images/ of the path, which may be one of the name.
                try put(text, at: YOLOReader.labels(of: name))
            }
            counts.append(count)
        }
        let names = parts[0].set.classes.names.enumerated().map { "  \($0): \(YAML.scalar($1))\n" }
        let places = parts.map { "\(YAML.scalar($0.name)): \(YAML.scalar("images/" + $0.name))\n" }
        try put("# written by pupil\n\(places.joined())names:\n\(names.joined())", at: "data.yaml")
        return counts
    }

    /// The pictures without the `images/PART/` or `images/` that all their names begin with, as those of a YOLO set do:
    /// they get it anew.
    private func inOwnFolder(_ set: Dataset, _ part: String) -> Dataset {
        var set = set
        for prefix in ["images/\(part)/", "images/"] where set.examples.allSatisfy({ $0.fileName.hasPrefix(prefix) }) {
            for i in set.examples.indices {
                set.examples[i].fileName = String(
                    decoding: set.examples[i].fileName.utf8.dropFirst(prefix.utf8.count), as: UTF8.self)
            }
            break
        }
        return set
    }
}
