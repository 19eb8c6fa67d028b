import Annotations
import Base
import Evaluation
import Journal
import Loading
import Torch
import Training

/// What is asked, of the first seed; the others differ in the seed alone.
public struct SelfTrainingOptions: Sendable {
    /// How the teacher is trained; its seed is the first.
    public var teacher: TrainingRecipe
    /// How student and control are trained. Its batch counts human-labelled pictures; the student adds as many
    /// pseudo-labelled ones, the control as many human-labelled ones.
    public var student: TrainingRecipe
    /// Whether the student (and the control) begins from the teacher's weights.
    public var startsFromTeacher: Bool
    /// The part of the training set that keeps its labels.
    public var labels: LabelShare
    /// Which of the teacher's predictions become labels.
    public var choice: LabelChoice
    /// The weight of pseudo-labels in the normalised loss.
    public var alpha: Double
    /// Whether the control is trained; without it there is no gain to tell.
    public var hasControl: Bool
    /// How many seeds, counted up from the teacher's.
    public var seeds: Int
    /// Where the teacher begins, and the others where they do not begin from it.
    public var start: Start
    /// Steps between evaluations on the validation set on the way; 0: none.
    public var evaluateEvery: Int

    /// The options; nothing is checked before `run`.
    public init(
        teacher: TrainingRecipe, student: TrainingRecipe, startsFromTeacher: Bool, labels: LabelShare,
        choice: LabelChoice, alpha: Double, hasControl: Bool, seeds: Int, start: Start,
        evaluateEvery: Int
    ) {
        self.teacher = teacher
        self.student = student
        self.startsFromTeacher = startsFromTeacher
        self.labels = labels
        self.choice = choice
        self.alpha = alpha
        self.hasControl = hasControl
        self.seeds = seeds
        self.start = start
        self.evaluateEvery = evaluateEvery
    }
}

/// The sets of a run. The reported one is `test` where there is one, else `val`.
public struct SelfTrainingData: Sendable {
    /// Human labels, of which `Options.labels` are used.
    public var train: Dataset
    /// What is looked at on the way.
    public var validation: Dataset
    /// What is reported on, once, at the end.
    public var test: Dataset?
    /// Unlabelled pictures; nil: the rest of `train` alone.
    public var pool: Dataset?

    /// The sets; all with one class table.
    public init(train: Dataset, validation: Dataset, test: Dataset?, pool: Dataset?) {
        self.train = train
        self.validation = validation
        self.test = test
        self.pool = pool
    }
}

/// The arms of a run in the order of its table.
public let selfTrainingArms = ["teacher", "control", "student"]

/// One arm of one seed.
public struct Arm: Sendable {
    /// Its training.
    public var stage: Stage
    /// COCO's numbers on the reported set, 0...1, as `metrics.json` has them.
    public var metrics: JSON
    /// Of this arm's own training; the teacher's work is in both others too where they begin from it.
    public var images: Int
    /// Of training, all sittings together, without evaluations.
    public var seconds: Double
}

/// One seed: its arms and its labels.
public struct Fold: Sendable {
    /// Of everything in it.
    public var seed: UInt64
    /// Which pictures kept their labels.
    public var split: Split
    /// By name; `control` may be absent.
    public var arms: [String: Arm]
    /// What was kept of the teacher's labels.
    public var kept: LabelDensity
    /// What people labelled in the labelled pictures.
    public var human: LabelDensity
    /// Labelled pictures.
    public var humanImages: Int
    /// What was wrong with pictures, in all its stages.
    public var quarantine = Quarantine()
}

/// The paper's three steps and a control, over several seeds: teacher, pseudo-labels, student; and the same training
/// without pseudo-labels. The gain is student minus control, paired by seed: a student that goes on from its teacher
/// has simply trained longer, and comparing it with the teacher would count that as a gain.
public struct SelfTrainingRun<Model: Teacher>: Sendable {
    let options: SelfTrainingOptions
    let data: SelfTrainingData
    /// How the teacher looks at the pool.
    let looking: Model.InferenceOptions
    let stages: Stages<Model>
    let folder: String
    let log: @Sendable (String) -> Void

    /// A run into a run folder, over a store of stages; `log` gets a sentence for the user now and then.
    public init(
        _ options: SelfTrainingOptions, _ data: SelfTrainingData, looking: Model.InferenceOptions,
        stages: Stages<Model>, folder: String,
        log: @escaping @Sendable (String) -> Void
    ) {
        self.options = options
        self.data = data
        self.looking = looking
        self.stages = stages
        self.folder = folder
        self.log = log
    }

    /// The folds in the order of seeds; runs what is not done yet.
    ///
    /// - Parameter each: gets the folds so far after each seed, so that hours of work show something on the way.
    /// - Throws: `.usage` where no picture is left unlabelled, `.invalidData` where the teacher's labels are too few,
    ///   and what training throws.
    public func run(each: ([Fold]) throws(Failure) -> Void = { _ in }) throws(Failure) -> [Fold] {
        var folds: [Fold] = []
        for i in 0..<options.seeds {
            let fold = try fold(options.teacher.seed + UInt64(i))
            folds.append(fold)
            if options.seeds > 1 {
                let scores = selfTrainingArms.compactMap { arm in
                    fold.arms[arm].map { "\(arm) \(TextTable.points($0.metrics[Model.words.metric]?.double ?? .nan))" }
                }
                log("seed \(fold.seed): " + scores.joined(separator: ", ") + " \(Model.words.metric)")
            }
            try each(folds)
        }
        return folds
    }

    private func fold(_ seed: UInt64) throws(Failure) -> Fold {
        let split = try Split(of: data.train, options.labels, seed: seed)
        let (human, rest) = try data.train.split(split)
        let pool = try self.pool(rest)
        let prefix = options.seeds > 1 ? "seed_\(seed)/" : ""
        let tag = options.seeds > 1 ? "seed \(seed) " : ""
        try Files.makeFolder(Files.join(folder, "split"))
        let splitFile = try split.write(into: Files.join(folder, "split"))
        log(
            "\(tag)labels: \(human.examples.count) of \(data.train.examples.count) pictures (\(splitFile)), pool: \(pool.examples.count)"
        )
        let density = Model.density(human)
        warnOfEmptyClasses(human)

        var teacherRecipe = options.teacher
        teacherRecipe.seed = seed
        var studentRecipe = options.student
        studentRecipe.seed = seed
        let validation = options.evaluateEvery > 0 ? (set: data.validation, every: options.evaluateEvery) : nil

        let teacher = try stages.train(
            teacherRecipe, .init(human: human, humanImages: teacherRecipe.batch), start: options.start,
            label: tag + "teacher",
            validation: validation)
        try stages.store.link(teacher.name, from: folder, as: prefix + "teacher")
        let scored = try stages.label(teacher, pool: pool, looking, label: tag + "labelling")
        let (pseudoStage, pseudo) = try stages.choose(scored, root: pool.root, options.choice, human: density)
        try stages.store.link(pseudoStage.name, from: folder, as: prefix + "pseudo/round_1")
        func shown(_ density: LabelDensity) -> String {
            TextTable.fixed(density.all * Model.words.densityScale, 2) + " \(Model.words.density)"
        }
        log("\(tag)pseudo-labels: \(pseudo.sentence): \(shown(pseudo.density)) (human \(shown(density)))")

        let start = options.startsFromTeacher ? Start.stage(teacher) : options.start
        // The control sees as many pictures a step, all of them human-labelled.
        var trained: [(String, Stage)] = [("teacher", teacher)]
        if options.hasControl {
            let control = try stages.train(
                studentRecipe, .init(human: human, humanImages: 2 * studentRecipe.batch), start: start,
                label: tag + "control",
                validation: validation)
            trained.append(("control", control))
        }
        let student = try stages.train(
            studentRecipe,
            .init(
                human: human, humanImages: studentRecipe.batch,
                pseudo: Lesson.Pseudo(
                    labels: pseudo.dataset, stage: pseudoStage, images: studentRecipe.batch, alpha: options.alpha)),
            start: start, label: tag + "student", validation: validation)
        trained.append(("student", student))

        var arms: [String: Arm] = [:]
        var quarantine = Quarantine(scored.result["quarantine"])
        for (name, stage) in trained {
            try stages.store.link(stage.name, from: folder, as: prefix + name)
            let recipe = name == "teacher" ? teacherRecipe : studentRecipe
            let reported = try stages.evaluate(
                stage, on: data.test ?? data.validation, named: data.test == nil ? "validation" : "test",
                precision: recipe.precision, label: tag + name)
            try stages.store.link(reported.name, from: folder, as: prefix + "eval/" + name)
            quarantine.add(Quarantine(stage.result["quarantine"]))
            quarantine.add(Quarantine(reported.result["quarantine"]))
            arms[name] = Arm(
                stage: stage, metrics: reported.result, images: stage.result["images"]?.int ?? 0,
                seconds: stage.result["seconds"]?.double ?? 0)
        }
        return Fold(
            seed: seed, split: split, arms: arms, kept: pseudo.density, human: density,
            humanImages: human.examples.count, quarantine: quarantine)
    }

    /// The pictures the teacher labels: the rest of the set, the folders given, or both.
    private func pool(_ rest: Dataset) throws(Failure) -> Dataset {
        guard let folders = data.pool else {
            if rest.examples.isEmpty {
                throw .usage(
                    "labels: \(options.labels) leaves no picture unlabelled; give a folder with --unlabelled, or fewer labels"
                )
            }
            return rest
        }
        if rest.examples.isEmpty { return folders }
        var both = Dataset(root: "/", classes: rest.classes, examples: [])
        for set in [rest, folders] {
            for example in set.examples {
                both.examples.append(
                    Example(
                        id: both.examples.count + 1, fileName: try Files.absolute(set.path(of: example)),
                        size: example.size))
            }
        }
        return both
    }

    private func warnOfEmptyClasses(_ human: Dataset) {
        let missing = human.classesWithoutObject
        if !missing.isEmpty {
            log(
                "warning: no label of \(missing.joined(separator: ", ")) among the labelled pictures: these cannot be learnt"
            )
        }
    }
}
