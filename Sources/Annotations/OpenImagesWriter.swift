import Base
import Geometry

extension Conversion {
    /// `PART-annotations-bbox.csv`, `class-descriptions-boxable.csv`, `PART-images.csv` (all pictures, also those
    /// without a box) and the pictures in `PART/`.
    ///
    /// A scored box has its score as `Confidence` and `pupil` as `Source`; others have 1. Regions to be ignored are
    /// `IsGroupOf`. Fractions lie in 0...1, so detections are cut at the edge.
    mutating func writeOpenImages(_ parts: [Part]) throws(Failure) -> [Count] {
        let header =
            "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,"
            + "IsInside\n"
        let names = parts[0].set.classes.names.map(\.asCSVField)
        var counts: [Count] = []
        for part in parts {
            let set = try sized(part.set)
            var count = Count(of: part, scores: scores)
            var text = header
            for example in set.examples {
                try place(example, of: set, in: part.name)
                guard let size = example.size else { preconditionFailure("\(example.fileName) has no size") }
                let id = example.fileName.asCSVField
                for label in example.annotations {
                    let score = score(label)
                    let box = label.box.clipped(to: size)
                    text += "\(id),\(score == nil ? "" : OpenImagesTable.source),\(names[label.label]),\(score ?? "1"),"
                    text += "\(Self.fraction(box.x1, size.width)),\(Self.fraction(box.x2, size.width)),"
                    text += "\(Self.fraction(box.y1, size.height)),\(Self.fraction(box.y2, size.height)),"
                    text += "0,0,\(label.treatment == .ignore ? 1 : 0),0,0\n"
                    if label.treatment == .ignore && !label.isCrowd { count.changed += 1 }
                }
            }
            try put(text, at: "\(part.name)-annotations-bbox.csv")
            let ids = set.examples.map { $0.fileName.asCSVField + "\n" }
            try put("ImageID\n" + ids.joined(), at: "\(part.name)-images.csv")
            counts.append(count)
        }
        try put(names.map { "\($0),\($0)\n" }.joined(), at: "class-descriptions-boxable.csv")
        return counts
    }

    /// An edge as a fraction of a side, in as few digits as lead back to it, at least six behind the point.
    private static func fraction(_ edge: Float, _ side: Int) -> String {
        let exact = Double(edge) / Double(side)
        for places in [1e6, 1e8, 1e10, 1e12, 1e14] {
            let value = (exact * places).rounded() / places
            if Float(value * Double(side)) == edge { return decimal(value) }
        }
        return decimal(exact)
    }
}
