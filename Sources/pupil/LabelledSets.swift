import Annotations
import Base
import Journal
import Recipes

/// The labelled sets that settings name.
extension Settings {
    /// As `readSet`, with its pictures held against it.
    func checkedSet(_ path: String, images imagesKey: String, part: String) throws(Failure) -> Dataset {
        let set = try readSet(path, images: imagesKey, part: part)
        var findings = Findings(limit: 1)
        set.check(set.lookAtPictures(.headers), into: &findings)
        try findings.requireNoErrors()
        return set
    }

    /// A labelled set of any form, with its notes on standard error; its pictures need not be there.
    func readSet(
        _ path: String, images imagesKey: String, part: String?, clip: Bool = true, emptyBoxes: EmptyBoxes = .reject
    ) throws(Failure) -> Dataset {
        let classes = try classNames("classes")
        let set = try withPictures(imagesKey) { images throws(Failure) in
            try Dataset.read(
                path, images: images, part: part, classes: classes, vocPixels: vocPixels, clip: clip,
                emptyBoxes: emptyBoxes)
        }
        for note in set.notes { Console.standardError.line("\(path): \(note)") }
        return set
    }

    /// A set with the pictures of a key; where that is not said, with those that its form has, or with those of --images where
    /// the first is not in its own place but there.
    func withPictures(
        _ key: String, _ read: (_ images: String?) throws(Failure) -> Dataset
    ) throws(Failure) -> Dataset {
        let set = try read(optionalString(key))
        guard optionalString(key) == nil, key != "images", schema.key("images") != nil,
            let images = optionalString("images"), let first = set.examples.first,
            !Files.exists(set.path(of: first)), Files.exists(Files.join(images, first.fileName))
        else { return set }
        return try read(images)
    }

    /// The names in the file of a key.
    func classNames(_ key: String) throws(Failure) -> [String]? {
        guard let path = optionalString(key) else { return nil }
        return try Dataset.classNames(path)
    }

    /// From where sets of VOC count pixels.
    var vocPixels: VOCPixels { optionalString("voc-pixels").flatMap { VOCPixels(rawValue: $0) } ?? .one }

    var detectionLines: DetectionLines? { optionalString("dt-boxes").flatMap { DetectionLines(rawValue: $0) } }
    func detectionClasses() throws(Failure) -> [String]? { try classNames("dt-classes") }
}
