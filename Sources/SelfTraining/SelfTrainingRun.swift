import Annotations
import Augmentation
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
    /// Classification on the same backbone, in two arms of its own; nil: none.
    public var joint: JointOptions?
    /// Whether an arm learns the pool's human labels in place of the teacher's, where people have labelled the pool.
    public var hasHumanPool = false
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

/// How classes of other pictures are learned beside the labels.
public struct JointOptions: Sendable {
    /// Pictures with classes, of any classes.
    public var set: Dataset
    /// How they are varied.
    public var augment: CropPolicy
    /// Pictures of them a step.
    public var images: Int
    /// The weight of their loss beside human labels.
    public var weight: Double
    /// The weight of their loss beside human and pseudo-labels.
    public var studentWeight: Double

    /// The paper's weights are 0.5 and 0.2 (docs/pretraining.md).
    public init(set: Dataset, augment: CropPolicy, images: Int, weight: Double = 0.5, studentWeight: Double = 0.2) {
        self.set = set
        self.augment = augment
        self.images = images
        self.weight = weight
        self.studentWeight = studentWeight
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
    /// Labelled pictures that join the pool; only the arm `human` sees their labels. They have the coding of `train`.
    public var extra: Dataset?

    /// The sets; all with one class table.
    public init(train: Dataset, validation: Dataset, test: Dataset?, pool: Dataset?, extra: Dataset? = nil) {
        self.train = train
        self.validation = validation
        self.test = test
        self.pool = pool
        self.extra = extra
    }
}

/// The arms of a run in the order of its table: `joint` is the control and `both` the student with classification beside
/// it; `human` is the control with the pool's human labels.
public let selfTrainingArms = ["teacher", "control", "student", "joint", "both", "human"]

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
/// without pseudo-labels. Asked for, also both with classification beside them, and the pool with people's labels. The gain is student minus control, paired by seed: a student that goes on from its teacher
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
        var trained: [(String, Stage)] = [("teacher", teacher)]
        for (name, lesson) in try lessons(human, (pseudoStage, pseudo.dataset)) {
            trained.append(
                (name, try stages.train(studentRecipe, lesson, start: start, label: tag + name, validation: validation))
            )
        }

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

    /// What each arm after the teacher learns, in the order of the table. All see as many pictures a step that have the
    /// task's labels, whoever made them.
    private func lessons(
        _ human: Dataset, _ pseudo: (stage: Stage, labels: Dataset)
    ) throws(Failure) -> [(arm: String, lesson: Lesson)] {
        let batch = options.student.batch
        let control = Lesson(human: human, humanImages: 2 * batch)
        let student = Lesson(
            human: human, humanImages: batch,
            pseudo: Lesson.Pseudo(
                labels: pseudo.labels, stage: pseudo.stage, images: batch, alpha: options.alpha))
        var lessons = options.hasControl ? [("control", control)] : []
        lessons.append(("student", student))
        if let joint = options.joint {
            for (name, lesson, weight) in [
                ("joint", control, joint.weight), ("both", student, joint.studentWeight),
            ] {
                var lesson = lesson
                lesson.joint = Lesson.Joint(
                    set: joint.set, augment: joint.augment, images: joint.images, weight: weight)
                lessons.append((name, lesson))
            }
        }
        if options.hasHumanPool {
            // The labelled pictures and the rest are the whole set again.
            let all = try data.extra.map { extra throws(Failure) in try Dataset.joined([data.train, extra]) }
            lessons.append(("human", Lesson(human: all ?? data.train, humanImages: 2 * batch)))
        }
        return lessons
    }

    /// The pictures the teacher labels: the rest of the set, those of the extra set, the folders given.
    private func pool(_ rest: Dataset) throws(Failure) -> Dataset {
        let parts = [rest, data.extra?.withoutLabels, data.pool].compactMap(\.self).filter { !$0.examples.isEmpty }
        if parts.isEmpty {
            throw .usage(
                "labels: \(options.labels) leaves no picture unlabelled; give a folder with --unlabelled, or fewer labels"
            )
        }
        return try Dataset.joined(parts)
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
