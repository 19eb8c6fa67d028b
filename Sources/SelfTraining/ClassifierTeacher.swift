import Annotations
import Base
import Evaluation
import Geometry
import Loading
import Torch
import Training

/// How pseudo-labels of whole pictures are chosen, beyond their threshold: Noisy Student's balancing (`PseudoClasses`).
public struct ClassChoice: Sendable, Hashable {
    /// Pictures of each class; nil: as many as the class with most has.
    public var perClass: Int?
    /// Whether the student learns the teacher's probabilities or its first class.
    public var labels: PseudoClasses.Labels
    /// Of what is drawn.
    public var seed: UInt64

    /// A choice; without more it is Noisy Student's.
    public init(perClass: Int? = nil, labels: PseudoClasses.Labels = .soft, seed: UInt64 = 0) {
        self.perClass = perClass
        self.labels = labels
        self.seed = seed
    }
}

extension Classifier: Teacher {
    /// Top-1 in points, percent of pictures.
    public static let words = TaskWords(
        metric: "top1", second: ("top5", "top-5"), density: "% of pictures", densityScale: 100,
        densityKeys: ("kept_pictures", "human_pictures"))

    /// Classes of a picture that are stored.
    static let storedClasses = 10

    /// `store.jsonl`: the ten most probable classes of each picture.
    public func label(
        _ pool: Dataset, _ options: InferenceOptions, as id: String, poolID: String, into folder: String,
        each: (_ done: Int, _ batch: LabelledBatch) throws(Failure) -> Void
    ) throws(Failure) {
        var decoded = options.keys
        decoded["size"] = .int(canvas.width)
        decoded["classes"] = .int(Self.storedClasses)
        decoded["precision"] = .string("\(options.precision ?? .float32)")
        decoded["batch"] = .int(options.batch)
        let header = StoreHeader(
            teacher: id, pool: poolID, count: pool.examples.count, classes: classes, floor: 0,
            decoding: .object(decoded))
        let store = try ClassStore.open(
            Files.join(folder, "store.jsonl"), header: header, names: pool.examples.map(\.fileName))
        var filling = StoreFilling(store, batch: options.batch)
        try forEachBatch(pool, options, from: filling.first) { results throws(Failure) in
            try filling.add(results, each: each) { result, quarantine throws(Failure) in
                let example = pool.examples[result.index]
                let path = pool.path(of: example)
                quarantine.note(path, result.notes)
                if let refusal = result.refusal {
                    quarantine.refuse(path, refusal)
                    return ClassRecord(fileName: example.fileName, sha256: "", outcome: .refused(refusal))
                }
                return ClassRecord(
                    fileName: example.fileName, sha256: try Files.digest(path).description,
                    outcome: .labelled(SoftClass(result.probabilities, count: Self.storedClasses)))
            }
            return true
        }
    }

    /// Nothing but the summary: the choice is quickly made again.
    public static func choose(
        from scored: String, root: String, _ choice: LabelChoice, human: LabelDensity?, into folder: String
    ) throws(Failure) -> JSON {
        try chosen(in: folder, from: scored, root: root, choice, human: human).json
    }

    /// The pictures with their classes, balanced.
    public static func chosen(
        in folder: String, from scored: String, root: String, _ choice: LabelChoice, human: LabelDensity?
    ) throws(Failure) -> ChosenLabels {
        let (header, records) = try ClassStore.read(Files.join(scored, "store.jsonl"))
        let classes = choice.classes ?? ClassChoice()
        let labels = try PseudoClasses.select(
            header: header, records: records, root: root, threshold: choice.threshold, perClass: classes.perClass,
            labels: classes.labels, seed: classes.seed)
        let s = labels.summary
        let images = Double(max(1, s.images))
        return ChosenLabels(
            dataset: labels.dataset,
            density: LabelDensity(
                all: Double(s.kept) / images, perClass: s.keptPerClass.map { Double($0) / images }),
            sentence: "kept \(s.kept) of \(s.images) pictures, \(s.unique) of them and \(s.copies) copies to train on",
            histogram: s.histogramText, warning: try s.check(), json: s.json)
    }

    /// Pictures whose first class is people's.
    public static func precision(of labels: Dataset, against truth: Dataset) throws(Failure) -> LabelPrecision {
        let classes = truth.classes.count
        var (right, made) = ([Int](repeating: 0, count: classes), [Int](repeating: 0, count: classes))
        for (label, human) in labels.paired(with: truth) {
            guard let mine = label.target?.label, let theirs = human.target?.label else { continue }
            made[mine] += 1
            if mine == theirs { right[mine] += 1 }
        }
        return LabelPrecision(right: right, made: made)
    }

    /// Every picture has its class.
    public static func density(_ set: Dataset) -> LabelDensity {
        let total = Double(max(1, set.examples.count))
        return LabelDensity(all: 1, perClass: set.classCounts.map { Double($0) / total })
    }

    /// Accuracy.
    public static func metric(of name: String, in metrics: JSON) -> Double? { metrics["per_class"]?[name]?.double }
}
