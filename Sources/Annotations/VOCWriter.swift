import Base
import Geometry

extension Conversion {
    /// `Annotations/`, `JPEGImages/`, `ImageSets/Main/PART.txt`, and `classes.txt` for the order of the classes.
    ///
    /// Corners are 1-based and inclusive: xmin = x1 + 1, xmax = x2; they have a point where the box is between pixels. A
    /// score is a child `<score>` of its object; regions to be ignored are `difficult`.
    mutating func writeVOC(_ parts: [Part]) throws(Failure) -> [Count] {
        // All of them, since `classes.txt` has those, too, that no object has.
        let names = try parts[0].set.classes.names.map { name throws(Failure) in try Self.xml(name, parts[0].set) }
        var counts: [Count] = []
        var written: [String: String] = [:]
        for part in parts {
            let set = part.set
            let stems = try stems(set)
            var count = Count(of: part, scores: scores)
            for (example, stem) in zip(set.examples, stems) {
                try place(example, of: set, in: "JPEGImages")
                if let other = written.updateValue(part.name, forKey: stem) {
                    throw .data("\(stem) is in the parts \(other) and \(part.name): a VOC folder has each picture once")
                }
                count.changed += example.annotations.count { $0.isCrowd }
                try put(try vocText(example, set, names), at: "Annotations/\(stem).xml")
            }
            try put(stems.map { $0 + "\n" }.joined(), at: "ImageSets/Main/\(part.name).txt")
            counts.append(count)
        }
        try put(parts[0].set.classes.names.map { $0 + "\n" }.joined(), at: "classes.txt")
        return counts
    }

    /// A name as XML, which can write control characters and U+FFFE, U+FFFF in no way at all.
    private static func xml(_ name: String, _ set: Dataset) throws(Failure) -> String {
        guard name.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0xFFFE && $0.value != 0xFFFF }) else {
            throw .data("\(set.source): XML has no way to write the name \(quoted(name))")
        }
        return name.asHTML
    }

    /// - Parameter names: of the classes, as XML.
    private func vocText(_ example: Example, _ set: Dataset, _ names: [String]) throws(Failure) -> String {
        var text = "<annotation>\n\t<folder>JPEGImages</folder>\n"
        text += "\t<filename>\(try Self.xml(example.fileName, set))</filename>\n"
        if let size = example.size {
            text += "\t<size>\n\t\t<width>\(size.width)</width>\n\t\t<height>\(size.height)</height>\n"
            text += "\t\t<depth>3</depth>\n\t</size>\n"
        }
        text += "\t<segmented>0</segmented>\n"
        for label in example.annotations {
            let box = label.box
            text += "\t<object>\n\t\t<name>\(names[label.label])</name>\n"
            text += "\t\t<pose>Unspecified</pose>\n\t\t<truncated>0</truncated>\n"
            text += "\t\t<difficult>\(label.treatment == .ignore ? 1 : 0)</difficult>\n\t\t<bndbox>\n"
            text += "\t\t\t<xmin>\(Self.fromOne(box.x1))</xmin>\n\t\t\t<ymin>\(Self.fromOne(box.y1))</ymin>\n"
            text += "\t\t\t<xmax>\(decimal(shortest(box.x2)))</xmax>\n\t\t\t<ymax>\(decimal(shortest(box.y2)))</ymax>\n"
            text += "\t\t</bndbox>\n"
            if let score = score(label) { text += "\t\t<score>\(score)</score>\n" }
            text += "\t</object>\n"
        }
        return text + "</annotation>\n"
    }

    /// An edge counted from 1 in as few digits as lead back to it.
    private static func fromOne(_ edge: Float) -> String {
        for places in [1e2, 1e6, 1e9, 1e12] {
            let value = ((Double(edge) + 1) * places).rounded() / places
            if Float(value - 1) == edge { return decimal(value) }
        }
        return decimal(Double(edge) + 1)
    }
}
