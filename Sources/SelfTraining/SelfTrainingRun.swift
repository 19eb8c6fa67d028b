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
    /// Where the student, and the control with it, begins.
    public enum StudentStart: Sendable {
        /// From the teacher's weights.
        case teacher
        /// Where the teacher began.
        case start
        /// From random weights, or from others than the teacher's.
        case own(Start)
    }
    /// Where student and control begin.
    public var studentStart: StudentStart
    /// The part of the training set that keeps its labels.
    public var labels: LabelShare
    /// Which of the teacher's predictions become labels.
    public var choice: LabelChoice
    /// The weight of pseudo-labels in the normalised loss.
    public var alpha: Double
    /// Which arms are trained beside the teacher; without a control there is no gain to tell.
    public var arms: Set<ArmName>
    /// Classification on the same backbone, of the arms `joint` and `both`.
    public var joint: JointOptions?
    /// The part of the labelled pictures that nobody learns from: on it the best weights of each arm are chosen, and the
    /// precision of the teacher's labels is measured. 0: none, and every arm is its last weights.
    public var holdOut = 0.0
    /// How many seeds, counted up from the teacher's.
    public var seeds: Int
    /// Where the teacher begins, and the others where they do not begin from it.
    public var start: Start
    /// Steps between evaluations on the validation set on the way; 0: none.
    public var evaluateEvery: Int

    /// The options; nothing is checked before `run`.
    public init(
        teacher: TrainingRecipe, student: TrainingRecipe, studentStart: StudentStart, labels: LabelShare,
        choice: LabelChoice, alpha: Double, arms: Set<ArmName> = [.control, .student], seeds: Int, start: Start,
        evaluateEvery: Int
    ) {
        self.teacher = teacher
        self.student = student
        self.studentStart = studentStart
        self.labels = labels
        self.choice = choice
        self.alpha = alpha
        self.arms = arms
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

/// The arms of a run, in the order of its table.
public enum ArmName: String, CaseIterable, Sendable {
    /// Human labels alone.
    case teacher
    /// As the student, with human labels in place of pseudo-labels.
    case control
    /// Human labels and the teacher's.
    case student
    /// The control with classification of other pictures beside it.
    case joint
    /// The student with classification of other pictures beside it.
    case both
    /// The control with people's labels of the pool.
    case human

    /// Whether it needs a teacher's labels.
    var hasPseudoLabels: Bool { self == .student || self == .both }
}

/// One arm of one seed.
public struct Arm: Sendable {
    /// Its training.
    public var stage: Stage
    /// On the reported set.
    public var evaluation: Stage
    /// Of this arm's own training; the teacher's work is in both others too where they begin from it.
    public var images: Int
    /// Of training, all sittings together, without evaluations.
    public var seconds: Double

    /// A trained stage and what it is worth.
    public init(stage: Stage, evaluation: Stage) {
        self.stage = stage
        self.evaluation = evaluation
        images = stage.result["images"]?.int ?? 0
        seconds = stage.result["seconds"]?.double ?? 0
    }

    /// The numbers on the reported set, 0...1, as `metrics.json` has them.
    public var metrics: JSON { evaluation.result }
}

/// One seed: its arms and its labels.
public struct Fold: Sendable {
    /// Of everything in it.
    public var seed: UInt64
    /// Which pictures kept their labels.
    public var split: Split
    /// Those that were asked for and did not fail.
    public var arms: [ArmName: Arm]
    /// What was kept of the teacher's labels; nil where no arm needed them.
    public var kept: LabelDensity?
    /// What people labelled in the labelled pictures.
    public var human: LabelDensity
    /// Labelled pictures that are learned from.
    public var humanImages: Int
    /// The part of the teacher's labels that is right, measured on the held-out pictures; nil where there are none.
    public var precision: LabelPrecision?
    /// What was wrong with pictures, in all its stages.
    public var quarantine = Quarantine()
    /// What the teacher saw, and in which pictures; nil where no arm needed its labels.
    public var labelling: (stage: Stage, pool: Dataset)?
    /// Why an arm, or what it needs, could not be made; only where a run goes on without it.
    public var failures: [ArmName: Failure] = [:]

    /// A seed of which nothing is trained yet.
    public init(seed: UInt64, split: Split, human: LabelDensity, humanImages: Int) {
        self.seed = seed
        self.split = split
        arms = [:]
        self.human = human
        self.humanImages = humanImages
    }

    /// The place of the first fold of which all is there; where none is whole, of the first with anything.
    public static func firstFinished(_ folds: [Fold]) -> Int? {
        folds.firstIndex { $0.failures.isEmpty && !$0.arms.isEmpty } ?? folds.firstIndex { !$0.arms.isEmpty }
    }
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
    let place: String
    let log: @Sendable (String) -> Void

    /// A run into a run folder, over a store of stages.
    ///
    /// - Parameters:
    ///   - looking: how the teacher looks at the pool.
    ///   - place: a folder in `folder` for the links to stages, ended by a slash; empty: `folder` itself.
    ///   - log: gets a sentence for the user now and then.
    public init(
        _ options: SelfTrainingOptions, _ data: SelfTrainingData, looking: Model.InferenceOptions,
        stages: Stages<Model>, folder: String, place: String = "",
        log: @escaping @Sendable (String) -> Void
    ) {
        self.options = options
        self.data = data
        self.looking = looking
        self.stages = stages
        self.folder = folder
        self.place = place
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
            let fold = try fold(options.teacher.seed + UInt64(i), start: options.start)
            folds.append(fold)
            if options.seeds > 1 {
                let scores = ArmName.allCases.compactMap { arm in
                    fold.arms[arm].map { "\(arm) \(TextTable.points($0.metrics[Model.words.metric]?.double ?? .nan))" }
                }
                log("seed \(fold.seed): " + scores.joined(separator: ", ") + " \(Model.words.metric)")
            }
            try each(folds)
        }
        return folds
    }

    /// One seed: runs what is not done yet.
    ///
    /// - Parameters:
    ///   - start: where the teacher begins, and the others where they do not begin from it.
    ///   - goesOn: an arm that cannot be trained (its loss diverges, its labels are too few) is noted in `failures`, and the
    ///     others are trained; else its failure is thrown.
    /// - Throws: as `run`.
    func fold(_ seed: UInt64, start: Start, goesOn: Bool = false) throws(Failure) -> Fold {
        let split = try Split(of: data.train, options.labels, seed: seed)
        let (labelled, rest) = try data.train.split(split)
        let (human, slice) = try labelled.heldOut(options.holdOut, seed: seed)
        let needsLabels = options.arms.contains(where: \.hasPseudoLabels)
        let pool = needsLabels ? try self.pool(rest) : nil
        let prefix = place + (options.seeds > 1 ? "seed_\(seed)/" : "")
        if options.seeds > 1 { try removeLinksOfOneSeed() }
        let tag = (place.isEmpty ? "" : place.dropLast() + " ") + (options.seeds > 1 ? "seed \(seed) " : "")
        try Files.makeFolder(Files.join(folder, "split"))
        let splitFile = try split.write(into: Files.join(folder, "split"))
        log(
            "\(tag)labels: \(labelled.examples.count) of \(data.train.examples.count) pictures (\(splitFile))"
                + (slice.map { ", \($0.examples.count) of them held out" } ?? "")
                + (pool.map { ", pool: \($0.examples.count)" } ?? ""))
        let density = Model.density(human)
        warnOfEmptyClasses(human)
        var fold = Fold(seed: seed, split: split, human: density, humanImages: human.examples.count)

        var teacherRecipe = options.teacher
        teacherRecipe.seed = seed
        var studentRecipe = options.student
        studentRecipe.seed = seed
        func validation(_ recipe: TrainingRecipe) -> (set: Dataset, every: Int)? {
            // A tenth of a run is near enough to its best.
            if let slice {
                return (slice, max(1, options.evaluateEvery > 0 ? options.evaluateEvery : recipe.steps / 10))
            }
            return options.evaluateEvery > 0 ? (data.validation, options.evaluateEvery) : nil
        }
        func train(_ name: ArmName, _ recipe: TrainingRecipe, _ lesson: Lesson, _ start: Start) throws(Failure) -> Stage
        {
            var stage = try stages.train(
                recipe, lesson, start: start, label: tag + name.rawValue, validation: validation(recipe))
            if slice != nil { stage.weights = "best" }
            return stage
        }

        func attempt<R>(_ arms: [ArmName], _ body: () throws(Failure) -> R) throws(Failure) -> R? {
            do throws(Failure) { return try body() } catch {
                guard goesOn, [.diverged, .invalidData, .device].contains(error.code) else { throw error }
                let what = arms.isEmpty ? "held-out labels" : arms.map(\.rawValue).joined(separator: ", ")
                log("\(tag)\(what): failed: \(error.message)")
                for arm in arms { fold.failures[arm] = error }
                return nil
            }
        }
        func report(_ name: ArmName, _ stage: Stage, _ recipe: TrainingRecipe) throws(Failure) {
            try stages.store.link(stage.name, from: folder, as: prefix + name.rawValue)
            let reported = try stages.evaluate(
                stage, on: data.test ?? data.validation, named: data.test == nil ? "validation" : "test",
                precision: recipe.precision, label: tag + name.rawValue)
            try stages.store.link(reported.name, from: folder, as: prefix + "eval/" + name.rawValue)
            fold.quarantine.add(Quarantine(stage.result["quarantine"]))
            fold.quarantine.add(Quarantine(reported.result["quarantine"]))
            fold.arms[name] = Arm(stage: stage, evaluation: reported)
        }

        let all = ArmName.allCases.filter { $0 == .teacher || options.arms.contains($0) }
        var dependent = all
        if case .teacher = options.studentStart {
        } else {
            dependent.removeAll { $0 != .teacher && !$0.hasPseudoLabels }
        }
        let teacher = try attempt(dependent) { () throws(Failure) in
            try train(.teacher, teacherRecipe, .init(human: human, humanImages: teacherRecipe.batch), start)
        }
        if let teacher {
            _ = try attempt([.teacher]) { () throws(Failure) in try report(.teacher, teacher, teacherRecipe) }
        }
        if needsLabels, let teacher, let slice {
            fold.precision = try attempt([]) { () throws(Failure) in
                let seen = try stages.label(teacher, pool: slice.withoutLabels, looking, label: tag + "held-out")
                let labels = try stages.choose(seen, root: slice.root, options.choice, human: nil).labels
                let precision = try Model.precision(of: labels.dataset, against: slice)
                log("\(tag)of the teacher's labels on held-out pictures \(TextTable.points(precision.all))% are right")
                return precision
            }
        }
        var pseudo: (stage: Stage, labels: Dataset)?
        if let teacher, let pool {
            pseudo = try attempt(all.filter(\.hasPseudoLabels)) { () throws(Failure) in
                let scored = try stages.label(teacher, pool: pool, looking, label: tag + "labelling")
                fold.quarantine.add(Quarantine(scored.result["quarantine"]))
                fold.labelling = (scored, pool)
                let (stage, labels) = try stages.choose(scored, root: pool.root, options.choice, human: density)
                try stages.store.link(stage.name, from: folder, as: prefix + "pseudo/round_1")
                // What the teacher saw, before any threshold: scores, and of masks the confidence of every pixel.
                try stages.store.link(scored.name, from: folder, as: prefix + "pseudo/scores")
                func shown(_ density: LabelDensity) -> String {
                    TextTable.fixed(density.all * Model.words.densityScale, 2) + " \(Model.words.density)"
                }
                log(
                    "\(tag)pseudo-labels: \(labels.sentence): \(shown(labels.density)) (human \(shown(density)))")
                fold.kept = labels.density
                return (stage, labels.dataset)
            }
        }
        for (name, lesson) in try lessons(human, pseudo, heldOut: slice) where fold.failures[name] == nil {
            let begin: Start =
                switch options.studentStart {
                case .teacher: teacher.map { .stage($0) } ?? start
                case .start: start
                case .own(let own): own
                }
            let trained = try attempt([name]) { () throws(Failure) in
                try train(name, try inPasses(studentRecipe, of: lesson), lesson, begin)
            }
            if let trained {
                _ = try attempt([name]) { () throws(Failure) in try report(name, trained, studentRecipe) }
            }
        }
        return fold
    }

    /// All arms after the teacher have as many passes a step, so that norms over the batch see as many of the task's
    /// pictures in each: those that the arm with the most parts needs.
    private func inPasses(_ recipe: TrainingRecipe, of lesson: Lesson) throws(Failure) -> TrainingRecipe {
        guard let micro = recipe.micro else { return recipe }
        let parts = [recipe.batch, recipe.batch] + (options.joint.map { [$0.images] } ?? [])
        var recipe = recipe
        recipe.micro = lesson.images / (try TrainingPlan.passes(parts, micro: micro))
        return recipe
    }

    /// A run of one seed has its links in no seed's folder. Where more are asked for, they would be taken for all.
    private func removeLinksOfOneSeed() throws(Failure) {
        let arms = ArmName.allCases.map(\.rawValue)
        try stages.store.removeLinks(
            arms + arms.map { "eval/" + $0 } + ["pseudo/round_1", "pseudo/scores"], from: Files.join(folder, place))
    }

    /// What each arm after the teacher learns, in the order of the table. All see as many pictures a step that have the
    /// task's labels, whoever made them.
    private func lessons(
        _ human: Dataset, _ pseudo: (stage: Stage, labels: Dataset)?, heldOut: Dataset?
    ) throws(Failure) -> [(arm: ArmName, lesson: Lesson)] {
        let batch = options.student.batch
        var lessons: [ArmName: Lesson] = [.control: Lesson(human: human, humanImages: 2 * batch)]
        if let pseudo {
            lessons[.student] = Lesson(
                human: human, humanImages: batch,
                pseudo: Lesson.Pseudo(
                    labels: pseudo.labels, stage: pseudo.stage, images: batch, alpha: options.alpha))
        }
        if let joint = options.joint {
            for (name, like, weight) in [
                (ArmName.joint, ArmName.control, joint.weight), (.both, .student, joint.studentWeight),
            ] {
                lessons[name] = lessons[like]
                lessons[name]?.joint = Lesson.Joint(
                    set: joint.set, augment: joint.augment, images: joint.images, weight: weight)
            }
        }
        if options.arms.contains(.human) {
            // The labelled pictures and the rest are the whole set again, but for what nobody learns from.
            var all = data.train
            let held = Set((heldOut?.examples ?? []).map(\.fileName))
            all.examples.removeAll { held.contains($0.fileName) }
            if let extra = data.extra { all = try Dataset.joined([all, extra]) }
            lessons[.human] = Lesson(human: all, humanImages: 2 * batch)
        }
        return ArmName.allCases.compactMap { name in
            guard options.arms.contains(name), var lesson = lessons[name] else { return nil }
            // All of them come after the teacher, and share what they see of the same pictures.
            lesson.round = 1
            return (name, lesson)
        }
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
