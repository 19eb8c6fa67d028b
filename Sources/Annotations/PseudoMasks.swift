import Base
import Geometry
import Imaging

/// What a threshold did to a teacher's masks, in numbers.
public struct PseudoMaskSummary: Hashable, Sendable {
    /// The least probability that was kept.
    public let threshold: Float
    /// What `keptPerClass` counts.
    public let classes: ClassTable
    /// Pictures that the teacher labelled.
    public var images = 0
    /// Pictures that could not be used.
    public var refused = 0
    /// Labelled pictures of which no pixel was kept; they train nothing and are dropped.
    public var droppedImages = 0
    /// Pixels of all labelled pictures.
    public var pixels = 0
    /// Kept pixels, `[K]`.
    public var keptPerClass: [Int]
    /// Pixels by probability: 20 bins of 0.05 from 0 to 1.
    public var histogram = [Int](repeating: 0, count: 20)

    init(threshold: Float, classes: ClassTable) {
        self.threshold = threshold
        self.classes = classes
        keptPerClass = [Int](repeating: 0, count: classes.count)
    }

    /// Kept pixels in all.
    public var kept: Int { keptPerClass.reduce(0, +) }
    /// The part of all pixels that was kept.
    public var keptShare: Double { pixels == 0 ? 0 : Double(kept) / Double(pixels) }

    /// Holds the pseudo-labels against human ones.
    /// - Parameter humanShare: the part of human-labelled pictures' pixels that has a class.
    /// - Returns: a warning where the part is under 30 % of the human one, else nil.
    /// - Throws: `.invalidData` where it is under 5 %, with the histogram.
    public func check(humanShare: Double) throws(Failure) -> String? {
        let share = humanShare > 0 ? keptShare / humanShare : 1
        if kept > 0, share >= 0.3 { return nil }
        func percent(_ x: Double) -> String { decimal((x * 1000).rounded() / 10) }
        let found =
            "\(percent(keptShare)) % of the pixels of \(images) pictures have a class with a probability of "
            + "\(decimal(shortest(threshold))) or more, where people labelled \(percent(humanShare)) %"
        if kept > 0, share >= 0.05 { return "few pseudo-labels: \(found)" }
        throw .data(
            "too few pseudo-labels to train on: \(found); a lower --threshold, with another --out, keeps more and trains no teacher anew\n"
                + histogramText)
    }

    /// The histogram as 20 lines of text, the threshold marked; numbers are percent of all pixels.
    public var histogramText: String {
        let most = max(1, histogram.max() ?? 1)
        return histogram.enumerated().map { i, count in
            let marked = Int((Double(threshold) * 20 + 1e-6).rounded(.down)) == i ? ">" : " "
            let share = (1000 * Double(count) / Double(max(1, pixels))).rounded() / 10
            let low = "0.\(i * 5 < 10 ? "0" : "")\(i * 5)"
            return "\(marked) \(low)  \(share) % \(String(repeating: "#", count: (count * 40 + most - 1) / most))"
        }.joined(separator: "\n")
    }

    /// The numbers as JSON.
    public var json: JSON {
        [
            "threshold": .double(shortest(threshold)), "images": .int(images), "refused": .int(refused),
            "dropped_images": .int(droppedImages), "pixels": .int(pixels), "kept_pixels": .number(keptShare),
            "kept_per_class": .object(
                Dictionary(
                    zip(classes.names, keptPerClass.map { JSON.number(Double($0) / Double(max(1, pixels))) }),
                    uniquingKeysWith: { first, _ in first })),
            "kept_pixel_counts": .array(keptPerClass.map { .int($0) }),
            "confidence_histogram": .array(histogram.map { .int($0) }),
        ]
    }

    /// As `json` says it; nil where something is missing.
    init?(_ json: JSON?, classes: ClassTable) {
        guard let json, let threshold = json["threshold"]?.double, let images = json["images"]?.int,
            let refused = json["refused"]?.int, let dropped = json["dropped_images"]?.int,
            let pixels = json["pixels"]?.int, let kept = json["kept_pixel_counts"]?.array?.compactMap(\.int),
            let histogram = json["confidence_histogram"]?.array?.compactMap(\.int), kept.count == classes.count,
            histogram.count == 20
        else { return nil }
        self.init(threshold: Float(threshold), classes: classes)
        (self.images, self.refused, self.pixels, droppedImages) = (images, refused, pixels, dropped)
        keptPerClass = kept
        self.histogram = histogram
    }
}

/// Hard pseudo-masks: a teacher's most probable classes where it is sure enough, 255 elsewhere, as an ordinary dataset
/// (docs/paper.md 5). So a student trains on the set as on any other.
public struct PseudoMasks: Sendable {
    /// The pictures that train, with their masks.
    public var dataset: Dataset
    /// What the threshold did.
    public var summary: PseudoMaskSummary

    /// Picks the labels of a store: writes `masks/NAME.png` and `labels.json` into a folder. The same call for the same
    /// folder gives the same.
    ///
    /// - Parameters:
    ///   - store: the folder of `store.jsonl` with its masks.
    ///   - root: the pool's folder, which the records' names are relative to.
    ///   - threshold: the least probability that is kept, up to the next 256th, 255 of them at most.
    ///   - folder: gets the masks.
    public static func select(
        store: String, root: String, threshold: Float, into folder: String
    ) throws(Failure) -> PseudoMasks {
        let (header, records) = try MaskStore.read(Files.join(store, "store.jsonl"))
        let least = min(255, Int((Double(threshold) * 256).rounded(.up)))  // 255 is the most that a map says
        let count = header.classes.count
        let made = parallelMap(records.count) { i in
            Result { () throws(Failure) -> [Int] in
                guard case .labelled(_, let name, _) = records[i].outcome else { return [] }
                var mask = try ImageFile.labels(Files.join(store, "masks/" + name))
                let sure = try ImageFile.labels(Files.join(store, "confidence/" + name))
                guard sure.size == mask.size else {
                    throw .data("\(store): mask and confidence of \(name) differ in size")
                }
                for p in mask.labels.indices where Int(sure.labels[p]) < least { mask.labels[p] = LabelMap.ignored }
                let pixels = mask.histogram
                // Of which nothing is kept would be learned from as a picture of nothing.
                if pixels[..<count].allSatisfy({ $0 == 0 }) { return Array(pixels[..<count]) }
                let path = Files.join(folder, "masks/" + name)
                try Files.makeFolder(Files.folder(path))
                try Files.writeUnsynced(mask.png(), to: path)
                return Array(pixels[..<count])
            }
        }
        var summary = PseudoMaskSummary(threshold: threshold, classes: header.classes)
        var images: [JSON] = []
        var dropped: [JSON] = []
        for (place, (record, pixels)) in zip(records, made).enumerated() {
            let pixels = try pixels.get()
            func drop(_ reason: String) {
                dropped.append(
                    [
                        "file_name": .string(record.fileName), "sha256": .string(record.sha256),
                        "reason": .string(reason),
                    ])
            }
            guard case .labelled(let size, let name, let histogram) = record.outcome else {
                if case .refused(let reason) = record.outcome { drop("refused: \(reason)") }
                summary.refused += 1
                continue
            }
            summary.images += 1
            summary.pixels += size.width * size.height
            for (bin, count) in histogram.enumerated() { summary.histogram[bin] += count }
            for (k, count) in pixels.enumerated() { summary.keptPerClass[k] += count }
            if pixels.allSatisfy({ $0 == 0 }) {
                drop("no pixel was kept")
                summary.droppedImages += 1
                continue
            }
            images.append([
                "id": .int(place + 1), "file_name": .string(record.fileName), "sha256": .string(record.sha256),
                "width": .int(size.width), "height": .int(size.height), "mask": .string(name),
            ])
        }
        let text: JSON = [
            "teacher": .string(header.teacher), "pool": .string(header.pool), "decoding": header.decoding,
            "classes": .array(header.classes.names.map { .string($0) }),
            "class_ids": .array(header.classes.ids.map { .int($0) }), "summary": summary.json,
            "images": .array(images), "dropped_images": .array(dropped),
        ]
        try Files.write(text.pretty, to: Files.join(folder, "labels.json"))
        return try read(folder, root: root)
    }

    /// What `select` left in a folder. Labels in the masks are places in the table of classes, whatever the ids.
    public static func read(_ folder: String, root: String) throws(Failure) -> PseudoMasks {
        let path = Files.join(folder, "labels.json")
        let json = try Files.readJSON(path)
        guard let names = json["classes"]?.array?.compactMap(\.string),
            let ids = json["class_ids"]?.array?.compactMap(\.int), names.count == ids.count,
            let images = json["images"]?.array,
            let summary = PseudoMaskSummary(json["summary"], classes: ClassTable(names: names, ids: ids))
        else { throw .data("\(path): is no file of pseudo-masks") }
        var set = Dataset(root: root, classes: ClassTable(names: names, ids: ids), examples: [])
        set.source = path
        set.maskCoding = try .ids(of: MaskClasses(names: names).table)
        for image in images {
            guard let id = image["id"]?.int, let name = image["file_name"]?.string, let mask = image["mask"]?.string,
                let width = image["width"]?.int, let height = image["height"]?.int
            else { throw .data("\(path): an image lacks id, file_name, mask, width or height") }
            var example = Example(id: id, fileName: name, size: Size(width: width, height: height))
            example.mask = MaskFile(path: Files.join(folder, "masks/" + mask))
            set.examples.append(example)
        }
        return PseudoMasks(dataset: set, summary: summary)
    }
}
