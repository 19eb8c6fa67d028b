import Base
import Evaluation

/// One point of a study's grid.
public struct StudyCell: Hashable, Sendable {
    /// The word of the start: `random`, `simclr`, a file.
    public var start: String
    /// The augmentation policy.
    public var augment: String
    /// The share of labels, as it was typed.
    public var labels: String
    /// Pictures that keep their labels.
    public var labelled: Int
    /// Steps of the teacher.
    public var steps: Int

    /// A point of a grid.
    public init(start: String, augment: String, labels: String, labelled: Int, steps: Int) {
        self.start = start
        self.augment = augment
        self.labels = labels
        self.labelled = labelled
        self.steps = steps
    }

    /// As a folder's name: `random_S1_10%_300`.
    public var name: String {
        let parts = [Files.parts(start).joined(separator: "-"), augment, labels, String(steps)]
        return parts.joined(separator: "_")
    }

    var json: JSON {
        [
            "start": .string(start), "augment": .string(augment), "labels": .string(labels),
            "labelled": .int(labelled), "steps": .int(steps),
        ]
    }
}

/// How an arm of a study was trained; an arm of `selftrain`.
public enum StudyMethod: String, CaseIterable, Sendable {
    /// The teacher.
    case supervised
    /// As self-training, with human labels alone.
    case control
    /// The student.
    case selfTraining = "self-training"
    /// Classification beside it, with human labels alone.
    case joint
    /// Classification and pseudo-labels.
    case both = "self + joint"
    /// The pool with people's labels.
    case human = "human pool"

    /// The arm's name in `selftrain`.
    public var arm: String {
        switch self {
        case .supervised: "teacher"
        case .selfTraining: "student"
        case .both: "both"
        case .human: "human"
        case .control, .joint: rawValue
        }
    }

    /// What an arm of `selftrain` is called here.
    public init?(arm: String) {
        guard let method = Self.allCases.first(where: { $0.arm == arm }) else { return nil }
        self = method
    }
}

/// One training of a study, measured.
public struct StudyArm: Sendable {
    /// Where in the grid.
    public var cell: StudyCell
    /// How.
    public var method: StudyMethod
    /// With which seed.
    public var seed: UInt64
    /// The main metric, 0...1.
    public var metric: Double
    /// Of each class, 0...1; NaN where undefined.
    public var perClass: [Double]
    /// Pictures learned from, with repeats.
    public var images: Int
    /// Of training.
    public var seconds: Double
    /// What was found in each picture.
    public var records: PictureRecords

    /// An arm.
    public init(
        cell: StudyCell, method: StudyMethod, seed: UInt64, metric: Double, perClass: [Double], images: Int,
        seconds: Double, records: PictureRecords
    ) {
        self.cell = cell
        self.method = method
        self.seed = seed
        self.metric = metric
        self.perClass = perClass
        self.images = images
        self.seconds = seconds
        self.records = records
    }
}

/// How a teacher of a study labelled: objects a picture, or the part of pixels that has a class.
public struct StudyLabels: Sendable {
    /// Where in the grid.
    public var cell: StudyCell
    /// With which seed.
    public var seed: UInt64
    /// Of what was kept of its labels.
    public var kept: Double
    /// Of people's labels in the labelled pictures.
    public var human: Double
    /// The part of them that is right on the held-out pictures, 0...1; nil without such.
    public var precision: Double?
    /// Pictures that the teacher looked at.
    public var images: Int
    /// Of looking.
    public var seconds: Double

    /// A teacher's labels.
    public init(
        cell: StudyCell, seed: UInt64, kept: Double, human: Double, precision: Double?, images: Int, seconds: Double
    ) {
        self.cell = cell
        self.seed = seed
        self.kept = kept
        self.human = human
        self.precision = precision
        self.images = images
        self.seconds = seconds
    }
}

/// A start that was learned in a study.
public struct StudyStart: Hashable, Sendable {
    /// Its word, `simclr` or `classes`.
    public var word: String
    /// With which seed.
    public var seed: UInt64
    /// Steps of its training.
    public var steps: Int
    /// Pictures learned from, with repeats; of two views each once.
    public var images: Int
    /// Of training.
    public var seconds: Double

    /// A start.
    public init(word: String, seed: UInt64, steps: Int, images: Int, seconds: Double) {
        self.word = word
        self.seed = seed
        self.steps = steps
        self.images = images
        self.seconds = seconds
    }
}

/// What a study has measured so far.
public struct StudyResults: Sendable {
    /// The question, as a heading.
    public var title = "What helps here"
    /// What a density of labels counts, and what brings it into that unit.
    public var density = (unit: "objects a picture", scale: 1.0)
    /// Whether the network stands on ResNet-50, of which the paper has a table of its own.
    public var isResNet50 = false
    /// The main metric's name.
    public var metric: String
    /// The classes, in the order of `StudyArm.perClass`.
    public var classes: [String]
    /// The set that the numbers are on, `test` or `val`.
    public var reportedSet: String
    /// In the order of the grid.
    public var cells: [StudyCell]
    /// All that are done.
    public var arms: [StudyArm]
    /// How teachers labelled, where arms needed it.
    public var labels: [StudyLabels]
    /// What was learned before teachers were.
    public var starts: [StudyStart]
    /// What could not be trained, and why.
    public var failures: [(cell: StudyCell, method: StudyMethod, seed: UInt64, reason: String)]
    /// What of the data makes the answer doubtful, one sentence each.
    public var warnings: [String]

    /// Nothing measured yet.
    public init(metric: String, classes: [String], reportedSet: String, cells: [StudyCell]) {
        self.metric = metric
        self.classes = classes
        self.reportedSet = reportedSet
        self.cells = cells
        arms = []
        labels = []
        starts = []
        failures = []
        warnings = []
    }

    /// The arms of one kind, by rising seed.
    func arms(_ cell: StudyCell, _ method: StudyMethod) -> [StudyArm] {
        arms.filter { $0.cell == cell && $0.method == method }.sorted { $0.seed < $1.seed }
    }

    /// Of the arms of one kind.
    func mean(_ cell: StudyCell, _ method: StudyMethod) -> Double {
        let values = arms(cell, method).map(\.metric)
        return values.isEmpty ? .nan : values.reduce(0, +) / Double(values.count)
    }

    /// The arms of one kind minus those of another, over the seeds that both have; nil where they share none.
    func meanDifference(_ a: (StudyCell, StudyMethod), _ b: (StudyCell, StudyMethod)) -> Double? {
        let others = Dictionary(arms(b.0, b.1).map { ($0.seed, $0.metric) }, uniquingKeysWith: { first, _ in first })
        let differences = arms(a.0, a.1).compactMap { arm in others[arm.seed].map { arm.metric - $0 } }
        return differences.isEmpty ? nil : differences.reduce(0, +) / Double(differences.count)
    }

    /// Whether an earlier report (`StudyReport.json`) is of trainings that these are not, and says of those it shares with these
    /// what is said here: then it is the fuller one. One that says something else is of other data.
    public func isPart(of earlier: JSON?) -> Bool {
        let own = Dictionary(
            arms.map { (Self.name($0.cell.json, $0.method.rawValue, Int($0.seed)), JSON.number($0.metric).double) },
            uniquingKeysWith: { $1 })
        var (shared, others) = (0, 0)
        for arm in earlier?["arms"]?.array ?? [] {
            guard let cell = arm["cell"], let method = arm["method"]?.string, let seed = arm["seed"]?.int else {
                continue
            }
            guard let value = own[Self.name(cell, method, seed)] else {
                others += 1
                continue
            }
            if value != arm[metric]?.double { return false }
            shared += 1
        }
        return others > 0 && (shared > 0 || arms.isEmpty)
    }

    private static func name(_ cell: JSON, _ method: String, _ seed: Int) -> String {
        "\(cell.canonical) \(method) \(seed)"
    }

    /// Starts that were learned, in their order.
    var startWords: [String] {
        var seen: Set<String> = []
        return starts.map(\.word).filter { seen.insert($0).inserted }
    }

    /// The methods that were used anywhere, in their order.
    var methods: [StudyMethod] { StudyMethod.allCases.filter { method in arms.contains { $0.method == method } } }
}
