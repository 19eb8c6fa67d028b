import Annotations
import Base
import Evaluation
import Loading
import Training

/// A model that labels pictures for a student: what self-training needs of a task beyond training and measuring.
public protocol Teacher: TaskModel, SendableMetatype {
    /// How its results are called.
    static var words: TaskWords { get }

    /// Looks at a pool from where an earlier sitting in the same folder stopped.
    ///
    /// - Parameters:
    ///   - id, poolID: what the predictions depend on, kept with them.
    ///   - each: gets the pictures done before and a batch; what it has seen is kept when `each` calls `batch.store`.
    func label(
        _ pool: Dataset, _ options: InferenceOptions, as id: String, poolID: String, into folder: String,
        each: (_ done: Int, _ batch: LabelledBatch) throws(Failure) -> Void
    ) throws(Failure)

    /// Chooses labels out of what `label` left in a folder and writes them into another one.
    /// - Returns: `summary.json`.
    /// - Throws: `.invalidData` where they are too few to train on.
    static func choose(
        from scored: String, root: String, _ choice: LabelChoice, human: LabelDensity?, into folder: String
    ) throws(Failure) -> JSON

    /// The labels that `choose` wrote into a folder.
    static func chosen(
        in folder: String, from scored: String, root: String, _ choice: LabelChoice, human: LabelDensity?
    ) throws(Failure) -> ChosenLabels

    /// Which part of chosen labels is right; both of the same pictures, by name.
    /// - Throws: what reading labels throws.
    static func precision(of labels: Dataset, against truth: Dataset) throws(Failure) -> LabelPrecision

    /// How densely a set is labelled.
    static func density(_ set: Dataset) -> LabelDensity
    /// The main metric of a class in `metrics.json`.
    static func metric(of name: String, in metrics: JSON) -> Double?
}

/// A batch of a pool that was looked at, not yet kept.
public struct LabelledBatch {
    /// How many.
    public var pictures: Int
    /// What was wrong with them.
    public var quarantine: Quarantine
    /// Keeps them.
    public var store: () throws(Failure) -> Void
}

/// A store that is filled with what a model sees in the rest of a pool. Only whole batches are looked at, so that each
/// picture is computed in the company it would have had; those of the first batch that are stored are passed over.
struct StoreFilling<Record: StoredRecord> {
    /// The batch to begin with.
    let first: Int
    private let store: PoolStore<Record>
    private let files: String?
    private var skip: Int

    /// - Parameters:
    ///   - batch: pictures that the model computes together.
    ///   - files: a folder of files that records speak of, written without waiting for the disk; nil: there are none.
    init(_ store: PoolStore<Record>, batch: Int, files: String? = nil) {
        self.store = store
        self.files = files
        first = store.completed / batch
        skip = store.completed - first * batch
    }

    /// Takes the results of the next batch.
    ///
    /// - Parameters:
    ///   - each: as `Teacher.label` has it.
    ///   - record: makes a line of what was seen in one picture, and notes what was wrong with it.
    mutating func add<Seen>(
        _ results: [Seen], each: (_ done: Int, _ batch: LabelledBatch) throws(Failure) -> Void,
        record: (Seen, inout Quarantine) throws(Failure) -> Record
    ) throws(Failure) {
        var chunk: [Record] = []
        var quarantine = Quarantine()
        for result in results.dropFirst(skip) { chunk.append(try record(result, &quarantine)) }
        skip = 0
        let (store, records, files) = (store, chunk, files)
        try each(
            store.completed,
            LabelledBatch(
                pictures: records.count, quarantine: quarantine,
                store: { () throws(Failure) in
                    // A record vouches for its files, so they are on the disk first: all of a batch at once.
                    if let files { try Files.sync(files) }
                    try store.append(records)
                }))
    }
}

/// Which of a teacher's predictions become labels.
public struct LabelChoice: Sendable, Hashable {
    /// The least score, 0...1.
    public var threshold: Float
    /// Whether pictures without a label stay, as background; of boxes only.
    public var keepEmpty: Bool
    /// Of classes of whole pictures; nil: of other labels, or the usual.
    public var classes: ClassChoice?

    /// A choice; the paper's threshold is 0.5.
    public init(threshold: Float = 0.5, keepEmpty: Bool = false, classes: ClassChoice? = nil) {
        self.threshold = threshold
        self.keepEmpty = keepEmpty
        self.classes = classes
    }

    /// All of it, for the identity of a stage.
    var json: JSON {
        var keys: [String: JSON] = ["threshold": .double(Double(threshold)), "keep_empty": .bool(keepEmpty)]
        if let classes {
            keys["per_class"] = classes.perClass.map { .int($0) } ?? .null
            keys["labels"] = .string(classes.labels.rawValue)
            keys["seed"] = .string(String(classes.seed))
        }
        return .object(keys)
    }
}

/// How densely pictures are labelled: objects a picture, or the part of pixels that has a class.
public struct LabelDensity: Sendable, Hashable {
    /// Of all classes together.
    public var all: Double
    /// Of each, `[K]`.
    public var perClass: [Double]

    /// A density.
    public init(all: Double, perClass: [Double]) {
        self.all = all
        self.perClass = perClass
    }
}

/// Which part of a teacher's labels is right, 0...1; NaN where it labels nothing.
public struct LabelPrecision: Sendable, Hashable {
    /// Of all classes together.
    public var all: Double
    /// Of each, `[K]`.
    public var perClass: [Double]

    /// Of counts.
    init(right: [Int], made: [Int]) {
        func part(_ right: Int, _ made: Int) -> Double { made == 0 ? .nan : Double(right) / Double(made) }
        all = part(right.reduce(0, +), made.reduce(0, +))
        perClass = zip(right, made).map(part)
    }
}

extension Dataset {
    /// The pictures of this set with those of another that have their names.
    func paired(with other: Dataset) -> [(Example, Example)] {
        let theirs = Dictionary(other.examples.map { ($0.fileName, $0) }, uniquingKeysWith: { first, _ in first })
        return examples.compactMap { example in theirs[example.fileName].map { (example, $0) } }
    }
}

/// Pseudo-labels.
public struct ChosenLabels: Sendable {
    /// An ordinary set.
    public var dataset: Dataset
    /// Over all pictures that were looked at.
    public var density: LabelDensity
    /// One line for the log.
    public var sentence: String
    /// Scores by frequency, as text.
    public var histogram: String
    /// Why they may be too few; nil where they are not.
    public var warning: String?
    /// `summary.json`.
    public var json: JSON
}

/// The words of a task's results.
public struct TaskWords: Sendable {
    /// The main metric: its key and its name.
    public var metric: String
    /// The second one of the table: its key and its name.
    public var second: (key: String, title: String)
    /// The table of densities.
    public var density: String
    /// A density as it is shown is so much larger.
    public var densityScale: Double
    /// The keys of densities in `summary.json`: of pseudo-labels, of human ones.
    public var densityKeys: (kept: String, human: String)
}
