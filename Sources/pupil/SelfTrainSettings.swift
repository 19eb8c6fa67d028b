import Annotations
import Augmentation
import Base
import Geometry
import Journal
import Models
import Recipes
import SelfTraining
import Torch
import Training

/// All sets that a self-training run reads.
struct SelfTrainingSets {
    var data: SelfTrainingData
    /// Pictures with classes for joint training; nil: none.
    var joint: JointOptions?
    /// What of them makes the numbers doubtful.
    var warnings: [String] = []

    /// Pictures that a teacher would label where so many of `train` keep their labels.
    func pool(besides labelled: Int) -> Int {
        data.train.examples.count - labelled + (data.extra?.examples.count ?? 0) + (data.pool?.examples.count ?? 0)
    }
}

extension Settings {
    /// Fills in every default that depends on something, for teacher and student.
    func resolvedSelfTraining<Task: CommandTask>(_ device: Device, _: Task.Type) throws(Failure) -> Settings {
        var settings = try resolvedTraining(device, Task.self)
        if settings.value("student-model") == nil {
            settings = settings.setting("student-model", .string(settings.string("model")))
        }
        let isOther = settings.string("student-model") != settings.string("model")
        try Task.check(model: settings.string("student-model"))
        try Task.check(threshold: settings.double("threshold"))
        if settings.value("student-init") == nil {
            settings = settings.setting("student-init", .string(isOther ? "random" : "teacher"))
        }
        if isOther, ["teacher", "start"].contains(settings.string("student-init")) {
            throw .usage(
                "student-init: a \(settings.string("student-model")) cannot begin from a \(settings.string("model"))'s "
                    + "weights; use random, or weights of its own")
        }
        if settings.value("student-steps") == nil {
            settings = settings.setting("student-steps", .int(settings.int("steps")))
        }
        if settings.value("student-warmup") == nil {
            let own = min(Task.sgd.warmup, settings.int("student-steps") / 10)
            settings = settings.setting("student-warmup", .int(optionalInt("warmup") ?? own))
        }
        // What is absent is the teacher's. What is usual for another model is said, so that args.yaml says it.
        if isOther, !isGiven("optimizer"), settings.value("student-optimizer") == nil {
            let usual = try Zoo.model(settings.string("student-model")).usualOptimizer
            settings = settings.setting("student-optimizer", .string(usual))
        }
        let optimizer = settings.optionalString("student-optimizer") ?? settings.string("optimizer")
        if optimizer != settings.string("optimizer") {
            for (key, usual) in usualRule(of: optimizer, Task.self) where settings.value("student-" + key) == nil {
                settings = settings.setting("student-" + key, usual)
            }
        }
        return settings
    }

    /// Reads the sets, and warns where what is measured on is learned from.
    func selfTrainingSets<Task: CommandTask>(_: Task.Type) throws(Failure) -> SelfTrainingSets {
        let (train, val, test) = try labelledSets(Task.self)
        let extra = try extraSet(beside: train, Task.self)
        let pool = try unlabelledPool(besides: [("--train", train)] + (extra.map { [("--extra", $0)] } ?? []))
        if bool("human-pool"), pool != nil {
            throw .usage(
                "human-pool: nobody has labelled the pictures of --unlabelled; labelled ones come with --extra")
        }
        let joint = try jointOptions()
        if let joint {
            // Whether the model can is known before anything is trained.
            let sketch = try Task(
                name: optionalString("model") ?? Task.defaultModel, classes: train.classes,
                canvas: Size(width: 64, height: 64), seed: 0, device: .meta)
            _ = try sketch.jointObjective(LossOptions(), classes: joint.set.classes.count)
        }
        let warnings = SharedPictures.warn(
            learned: [("--train", train)] + (joint.map { [("--joint", $0.set)] } ?? [])
                + (extra.map { [("--extra", $0)] } ?? [])
                + (pool.map { [("the pool", $0)] } ?? []),
            measured: [("--val", val)] + (test.map { [("--test", $0)] } ?? []))
        return SelfTrainingSets(
            data: SelfTrainingData(train: train, validation: val, test: test, pool: pool, extra: extra), joint: joint,
            warnings: warnings)
    }

    private func studentRecipe<Task: CommandTask>(_: Task.Type) throws(Failure) -> TrainingRecipe {
        var recipe = try recipe(Task.self, model: string("student-model"), steps: int("student-steps"))
        recipe.warmup = int("student-warmup")
        if let name = optionalString("student-optimizer").flatMap(TrainingRecipe.OptimizerName.init) {
            recipe.optimizer = name
        }
        recipe.lr = optionalDouble("student-lr") ?? recipe.lr
        recipe.decay = optionalDouble("student-decay") ?? recipe.decay
        recipe.clip = optionalDouble("student-clip") ?? recipe.clip
        if string("student-init") == "random", recipe.changes.frozenStages != nil || recipe.changes.freezesNorms {
            throw .usage(
                "--freeze and --freeze-norms are the student's, too, and --student-init random would keep random weights; use "
                    + "teacher, start or a file")
        }
        return recipe
    }

    /// As `fittedToMemory`, for teacher and student.
    func selfTrainingFittedToMemory<Task: CommandTask>(
        _ device: Device, _ sets: SelfTrainingSets, _: Task.Type
    ) throws(Failure) -> Settings {
        let batch = int("batch")
        let student = try studentRecipe(Task.self)
        var trainings = [(try recipe(Task.self), [batch]), (student, [batch, batch])]
        if let joint = sets.joint { trainings.append((student, [batch, batch, joint.images])) }
        return try fittedToMemory(device, sets.data.train.classes, trainings, Task.self)
    }

    /// What `SelfTrainingRun` is asked. - Precondition: the settings are resolved.
    func selfTrainingOptions<Task: CommandTask>(
        _ sets: SelfTrainingSets, _: Task.Type
    ) throws(Failure) -> SelfTrainingOptions {
        let (teacher, student) = (try recipe(Task.self), try studentRecipe(Task.self))
        let studentStart: SelfTrainingOptions.StudentStart =
            switch string("student-init") {
            case "teacher": .teacher
            case "start": .start
            default: .own(try start("student-init", for: student, sets.data.train.classes, Task.self))
            }
        var options = SelfTrainingOptions(
            teacher: teacher, student: student, studentStart: studentStart,
            labels: try LabelShare.parse(string("labels")),
            choice: LabelChoice(threshold: Float(double("threshold")), keepEmpty: bool("keep-empty")),
            alpha: double("alpha"), seeds: int("seeds"),
            start: try start(for: teacher, sets.data.train.classes, Task.self),
            evaluateEvery: int("eval-every"))
        options.joint = sets.joint
        options.holdOut = double("hold-out")
        options.arms = [.student]
        if bool("control") { options.arms.insert(.control) }
        if sets.joint != nil { options.arms.formUnion([.joint, .both]) }
        if bool("human-pool") { options.arms.insert(.human) }
        return options
    }

    /// The pictures of `--unlabelled` that no labelled set has: a folder of all that there is may hold those, too, and they
    /// are labelled better than a teacher would. Nil where none is left or no folder is named.
    private func unlabelledPool(besides labelled: [(name: String, set: Dataset)]) throws(Failure) -> Dataset? {
        let folders = strings("unlabelled")
        if folders.isEmpty { return nil }
        try OutputFile.requireOutside(string("out"), folders, key: "unlabelled")
        let all = try Dataset.pool(folders)
        let pool = all.without(labelled.map(\.set))
        let count = all.examples.count - pool.examples.count
        if count > 0 {
            Console.standardError.line(
                "\(all.source): \(count) of its \(all.examples.count) pictures are left out of the pool, as they are pictures of "
                    + labelled.map(\.name).joined(separator: " or "))
        }
        return pool.examples.isEmpty ? nil : pool
    }

    /// The set of `--extra` without what is in `--train`, too (VOC's train_aug holds train); nil where there is none.
    /// - Throws: where its classes are not those of `--train`, or nothing is left of it.
    private func extraSet<Task: CommandTask>(beside train: Dataset, _: Task.Type) throws(Failure) -> Dataset? {
        let isNamed = ["extra", "extra-images", "extra-masks", "extra-split"].contains { optionalString($0) != nil }
        if !isNamed { return nil }
        // A segmenter's set may be folders alone, or a list of the training set's.
        if Task.task == .detection, optionalString("extra") == nil { throw .usage("--extra-images goes with --extra") }
        guard var extra = try Task.set("extra", self) else { return nil }
        try extra.requireSameClasses(as: train, naming: extra.source, train.source)
        let count = extra.examples.count
        extra = extra.without([train])
        if extra.examples.isEmpty {
            throw .usage("extra: all \(count) pictures of \(extra.source) are pictures of --train")
        }
        if extra.examples.count < count {
            Console.standardError.line(
                "\(extra.source): \(count - extra.examples.count) of its \(count) pictures are left out, as they are pictures of "
                    + "--train")
        }
        _ = try Dataset.joined([train, extra])  // their masks have one coding
        return try Task.looked(into: extra, as: "extra")
    }

    /// What `--joint` asks for; nil: nothing.
    private func jointOptions() throws(Failure) -> JointOptions? {
        guard let path = optionalString("joint") else {
            if let key = ["joint-weight", "joint-student-weight", "joint-batch", "joint-augment"].first(where: departs)
            {
                throw .usage("--\(key) goes with --joint")
            }
            return nil
        }
        let set = try Dataset.imageFolder(path, part: "train", names: nil)
        for note in set.notes { Console.standardError.line("\(set.source): \(note)") }
        guard let augment = CropPolicy.all.first(where: { $0.name == string("joint-augment") }) else {
            throw .usage("joint-augment: there is no \(string("joint-augment"))")
        }
        return JointOptions(
            set: set, augment: augment.scaled(to: int("size")), images: optionalInt("joint-batch") ?? int("batch"),
            weight: double("joint-weight"), studentWeight: double("joint-student-weight"))
    }
}
