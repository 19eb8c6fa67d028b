import Annotations
import Base
import Evaluation
import Geometry
import Imaging
import Loading
import Models
import Torch
import Training

extension Segmenter: Teacher {
    /// mIoU in points, percent of pixels.
    public static let words = TaskWords(
        metric: "mIoU", second: ("pixel_accuracy", "pixels"), density: "% of pixels", densityScale: 100,
        densityKeys: ("kept_pixels", "human_pixels"))

    /// `store.jsonl`, `masks/NAME.png` (the most probable class of each pixel) and `confidence/NAME.png` (its probability
    /// in whole 256ths). A picture's files are on the disk before its line is.
    public func label(
        _ pool: Dataset, _ options: InferenceOptions, as id: String, poolID: String, into folder: String,
        each: (_ done: Int, _ batch: LabelledBatch) throws(Failure) -> Void
    ) throws(Failure) {
        var decoded = options.keys
        decoded["size"] = .int(canvas.width)
        decoded["precision"] = .string("\(options.precision ?? .float32)")
        let header = StoreHeader(
            teacher: id, pool: poolID, count: pool.examples.count, classes: classes, floor: 0,
            decoding: .object(decoded))
        let store = try MaskStore.open(
            Files.join(folder, "store.jsonl"), header: header, names: pool.examples.map(\.fileName))
        var options = options
        options.wantsConfidence = true
        let names = maskNames(pool.examples.map(\.fileName))
        var filling = StoreFilling(store, batch: options.batch, files: folder)
        try forEachBatch(pool, options, from: filling.first) { results throws(Failure) in
            try filling.add(results, each: each) { result, quarantine throws(Failure) in
                quarantine.add(result, of: pool)
                let example = pool.examples[result.index]
                guard let labels = result.labels, let confidence = result.confidence else {
                    return MaskRecord(
                        fileName: example.fileName, sha256: "", outcome: .refused(result.refusal ?? ""))
                }
                let name = names[result.index]
                for (kind, bytes) in [("masks", labels.png()), ("confidence", confidence.greyPNG())] {
                    let path = Files.join(folder, kind + "/" + name)
                    try Files.makeFolder(Files.folder(path))
                    try Files.writeUnsynced(bytes, to: path)
                }
                var histogram = [Int](repeating: 0, count: 20)
                for value in confidence.labels { histogram[Int(value) * 20 / 256] += 1 }
                return MaskRecord(
                    fileName: example.fileName, sha256: try Files.digest(pool.path(of: example)).description,
                    outcome: .labelled(size: labels.size, mask: name, histogram: histogram))
            }
            return true
        }
    }

    /// `masks/NAME.png` with 255 where the teacher was not sure, and `labels.json`.
    public static func choose(
        from scored: String, root: String, _ choice: LabelChoice, human: LabelDensity?, into folder: String
    ) throws(Failure) -> JSON {
        let labels = try PseudoMasks.select(store: scored, root: root, threshold: choice.threshold, into: folder)
        return try chosen(labels, human).json
    }

    /// As they were written.
    public static func chosen(
        in folder: String, from scored: String, root: String, _ choice: LabelChoice, human: LabelDensity?
    ) throws(Failure) -> ChosenLabels { try chosen(try PseudoMasks.read(folder, root: root), human) }

    private static func chosen(_ labels: PseudoMasks, _ human: LabelDensity?) throws(Failure) -> ChosenLabels {
        let s = labels.summary
        return ChosenLabels(
            dataset: labels.dataset,
            density: LabelDensity(
                all: s.keptShare, perClass: s.keptPerClass.map { Double($0) / Double(max(1, s.pixels)) }),
            sentence: "kept \(Self.percent(s.keptShare)) % of the pixels of \(s.images) pictures",
            histogram: s.histogramText,
            warning: try human.flatMap { human throws(Failure) in try s.check(humanShare: human.all) }, json: s.json)
    }

    private static func percent(_ x: Double) -> Double { (x * 1000).rounded() / 10 }

    /// Pixels that have a class in both.
    public static func precision(of labels: Dataset, against truth: Dataset) throws(Failure) -> LabelPrecision {
        let classes = truth.classes.count
        var (right, made) = ([Int](repeating: 0, count: classes), [Int](repeating: 0, count: classes))
        for (label, human) in labels.paired(with: truth) where label.mask != nil && human.mask != nil {
            var confusion = PixelConfusion(classes: classes)
            confusion.add(truth: try truth.labelMap(of: human), prediction: try labels.labelMap(of: label))
            for k in 0..<classes {
                right[k] += confusion[k, k]
                made[k] += (0..<classes).reduce(0) { $0 + confusion[$1, k] }
            }
        }
        return LabelPrecision(right: right, made: made)
    }

    /// The part of pixels that has a class.
    public static func density(_ set: Dataset) -> LabelDensity {
        var pixels = 0
        for example in set.examples {
            if let size = example.size { pixels += size.width * size.height }
        }
        let counts = set.pixelsPerClass
        let total = Double(max(1, pixels))
        return LabelDensity(all: Double(counts.reduce(0, +)) / total, perClass: counts.map { Double($0) / total })
    }

    /// IoU.
    public static func metric(of name: String, in metrics: JSON) -> Double? { metrics["per_class"]?[name]?.double }
}
