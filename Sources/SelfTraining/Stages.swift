import Annotations
import Augmentation
import Base
import Checkpoints
import Evaluation
import Geometry
import Journal
import Layers
import Loading
import Models
import Recipes
import Torch
import Training

/// How the machine is used; changes no result.
public struct Resources: Sendable {
    /// Where the network runs. Other devices give other last bits, so results are compared within one.
    public var device: Device
    /// Threads that decode and render pictures.
    public var workers: Int
    /// Seconds between saved states.
    public var checkpointSeconds: Double
    /// Also after so many steps; 0: by time alone.
    public var checkpointSteps: Int
    /// Memory for decoded pictures.
    public var cacheBytes = Self.cacheBytes(of: availableMemory())
    /// A folder for decoded pictures, which exists; nil: none.
    public var cacheFolder: String?

    /// An eighth of what is free, at most 1 GiB.
    static func cacheBytes(of available: Int?) -> Int { min(1 << 30, (available ?? 1 << 33) / 8) }

    /// The machine's part of a run.
    public init(device: Device, workers: Int, checkpointSeconds: Double = 60, checkpointSteps: Int = 0) {
        self.device = device
        self.workers = workers
        self.checkpointSeconds = checkpointSeconds
        self.checkpointSteps = checkpointSteps
    }
}

/// Human labels, and perhaps a teacher's, with what joins their losses.
public struct Lesson: Sendable {
    /// The human-labelled pictures.
    public var human: Dataset
    /// Human-labelled pictures a step.
    public var humanImages: Int
    /// A teacher's labels; nil: human labels alone.
    public var pseudo: Pseudo?
    /// Pictures whose classes are learned on the same backbone; nil: none.
    public var joint: Joint?
    /// How many trainings on these pictures came before it in the run. Each round has an order and views of its own: one
    /// that goes on from another would else begin by seeing what that has seen.
    public var round = 0

    /// A lesson; with `pseudo` or `joint` a step takes pictures of each kind.
    public init(human: Dataset, humanImages: Int, pseudo: Pseudo? = nil, joint: Joint? = nil) {
        self.human = human
        self.humanImages = humanImages
        self.pseudo = pseudo
        self.joint = joint
    }

    /// A teacher's labels in a lesson.
    public struct Pseudo: Sendable {
        /// The pictures with their labels.
        public var labels: Dataset
        /// Where they come from.
        public var stage: Stage
        /// Pictures of them a step.
        public var images: Int
        /// Their weight.
        public var alpha: Double
        /// Whether the loss is normalised, as the paper's; else it is L_h + alpha L_p, as Noisy Student's.
        public var isNormalized: Bool

        /// Labels in a lesson.
        public init(labels: Dataset, stage: Stage, images: Int, alpha: Double, isNormalized: Bool = true) {
            self.labels = labels
            self.stage = stage
            self.images = images
            self.alpha = alpha
            self.isNormalized = isNormalized
        }
    }

    /// Classification in a lesson.
    public struct Joint: Sendable {
        /// The pictures with their classes.
        public var set: Dataset
        /// How they are varied.
        public var augment: CropPolicy
        /// Pictures of them a step.
        public var images: Int
        /// The weight of their loss (docs/pretraining.md: 0.5, with self-training 0.2).
        public var weight: Double

        /// Classification in a lesson.
        public init(set: Dataset, augment: CropPolicy, images: Int, weight: Double) {
            self.set = set
            self.augment = augment
            self.images = images
            self.weight = weight
        }
    }

    /// What order, views and dropout are drawn by.
    func seed(_ recipe: TrainingRecipe) -> UInt64 {
        if round == 0 { return recipe.seed }
        var random = Random(seed: recipe.seed, purpose: .round, index: round)
        return random.next()
    }

    /// Pictures a step.
    var images: Int { humanImages + (pseudo?.images ?? 0) + (joint?.images ?? 0) }

    /// The forward passes of a step.
    func passes(_ micro: Int?) throws(Failure) -> Int {
        guard let micro else { return 1 }
        let streams = [humanImages] + (pseudo.map { [$0.images] } ?? []) + (joint.map { [$0.images] } ?? [])
        return try TrainingPlan.passes(streams, micro: micro)
    }

    /// How the losses of its streams become one.
    var mix: LossMix {
        let plus = joint.map { [$0.weight] } ?? []
        guard let pseudo else { return .weighted([1] + plus) }
        return pseudo.isNormalized
            ? .normalized(alpha: pseudo.alpha, decay: LossMix.paperDecay, plus: plus)
            : .weighted([1, pseudo.alpha] + plus)
    }
}

/// The stages that the verbs are made of: train, evaluate, score a pool, choose labels. Each is found by its content or
/// made. What differs between tasks is the model's to say.
public struct Stages<Model: TaskModel & SendableMetatype>: Sendable {
    /// Where stages are found and made.
    public let store: StageStore
    /// How the machine is used.
    public let resources: Resources
    /// How models look at pictures that they are measured on; precision and threads are not taken from it.
    let looking: Model.InferenceOptions
    let log: @Sendable (String) -> Void

    /// The stages over a store; `log` gets a sentence for the user now and then.
    /// - Parameter looking: how models look at pictures that they are measured on; nil: their own way.
    public init(
        store: StageStore, resources: Resources, looking: Model.InferenceOptions? = nil,
        log: @escaping @Sendable (String) -> Void
    ) {
        self.store = store
        self.resources = resources
        self.looking = looking ?? Model.InferenceOptions(precision: nil)
        self.log = log
    }

    /// Trains a model: `weights/last.safetensors`, `metrics.jsonl`, `tensorboard/`, and where it is evaluated on the way
    /// `weights/best.safetensors` and `results.csv`. The result: `images`, `seconds`, `data_wait_seconds`, `parameters`,
    /// `quarantine`.
    public func train(
        _ recipe: TrainingRecipe, _ lesson: Lesson, start: Start, label: String,
        validation: (set: Dataset, every: Int)? = nil
    ) throws(Failure) -> Stage {
        var recipe = recipe
        let passes = try lesson.passes(recipe.micro)
        if let asked = recipe.micro, passes > 1, 2 * (lesson.images / passes) <= asked, !recipe.changes.freezesNorms {
            log(
                "warning: \(label): a step of \(lesson.images) pictures is shared evenly by passes of \(lesson.images / passes), "
                    + "though \(asked) were allowed; norms over the batch see no more at a time")
        }
        // Two limits that mean the same passes, a pass of the whole batch among them, are one training.
        recipe.micro = passes == 1 ? nil : lesson.images / passes
        var keys: [String: JSON] = [
            "task": .string(Model.task.rawValue), "recipe": recipe.json, "human_images": .int(lesson.humanImages),
        ]
        var inputs = ["human-" + (try lesson.human.identity).hex(16), try start.identity()]
        let name = Model.task == .contrastive ? "unlabelled" : "human"
        var streams = [Stream(name: name, dataset: lesson.human, recipe.augment, images: lesson.humanImages)]
        if let pseudo = lesson.pseudo {
            keys["pseudo_images"] = .int(pseudo.images)
            keys["alpha"] = .double(pseudo.alpha)
            inputs.append(pseudo.stage.name)
            if !pseudo.isNormalized { keys["normalized"] = false }
            streams.append(Stream(name: "pseudo", dataset: pseudo.labels, recipe.augment, images: pseudo.images))
        }
        if let joint = lesson.joint {
            let variation = Variation.cropped(joint.augment)
            keys["joint"] = [
                "images": .int(joint.images), "weight": .double(joint.weight), "augment": variation.json,
            ]
            inputs.append("joint-" + (try joint.set.identity).hex(16))
            streams.append(Stream(name: "classes", dataset: joint.set, variation, images: joint.images))
        }
        if lesson.round > 0 { keys["round"] = .int(lesson.round) }
        // Passes once ran on in the middle of a step.
        if Model.task == .contrastive { keys["distinct"] = true }
        // Class heads of other classes were once taken from files where their shapes fitted.
        if case .file = start { keys["heads_apart"] = true }
        if let validation {
            keys["evaluate_every"] = .int(validation.every)
            if !looking.keys.isEmpty { keys["evaluate"] = .object(looking.keys) }
            inputs.append("val-" + (try validation.set.identity).hex(16))
        }
        // A name of the zoo may come to mean another network.
        let network = try Zoo.model(recipe.model).spec(lesson.human.classes.count)
        keys["network"] = .string(Digest(of: "\(network)").hex(16))
        let identity = StageIdentity(kind: "train", format: 7, keys: .object(keys), inputs: inputs)
        if let stage = try store.finished(identity) {
            log("\(label): done before (\(stage.name))")
            if !Files.exists(stage.file("weights/last.safetensors")) {
                log("warning: \(label): its weights are gone; remove the folder \(stage.path) to have them made anew")
            }
            return stage
        }
        var plan = recipe.plan(streams, lesson.mix)
        plan.seed = lesson.seed(recipe)
        plan.workers = resources.workers
        plan.cacheBytes = resources.cacheBytes
        plan.cacheFolder = resources.cacheFolder
        plan.checkpointSeconds = resources.checkpointSeconds
        plan.checkpointSteps = resources.checkpointSteps
        plan.evaluateEvery = validation?.every ?? 0
        return try store.stage(identity, log: log) { folder throws(Failure) in
            let model = try Model(
                name: recipe.model, classes: lesson.human.classes, canvas: recipe.canvas, changes: recipe.changes,
                seed: recipe.seed, device: resources.device)
            if let weights = start.weights {
                let file = try WeightsFile.open(weights, key: start.reading.key)
                for note in file.notes { log(note) }
                let reading = start.reading
                let match = try model.begin(
                    from: file, allow: reading.allow, pixels: reading.pixels, eps: reading.eps)
                if case .file = start { log("\(label): \(match.summary)") }
                let random = match.kept.filter { $0.hasSuffix("running_mean") }
                if recipe.changes.freezesNorms, let first = random.first {
                    log(
                        "warning: \(label): \(random.count) frozen norms begin at mean 0 and variance 1, since the start has "
                            + "none of them (\(first)...)")
                }
            }
            for line in recipe.restraints { log("\(label): \(line)") }
            log(
                "\(label): \(recipe.model) at \(recipe.size) px, \(recipe.steps) steps of "
                    + streams.map { "\($0.images) \($0.name)" }.joined(separator: " + ")
                    + " (" + streams.map { "\($0.dataset.examples.count) \($0.name) pictures" }.joined(separator: ", ")
                    + ")" + (passes > 1 ? " in passes of \(lesson.images / passes)" : "")
                    + " from \(try start.identity().prefix(18))")
            try Files.makeFolder(Files.join(folder, "weights"))
            let objective =
                try lesson.joint.map { joint throws(Failure) in
                    try model.jointObjective(recipe.loss, classes: joint.set.classes.count)
                } ?? model.objective(recipe.loss)
            if recipe.layerDecay != 1 {
                let (backbone, decay) = (model.backbone, recipe.layerDecay)
                plan.rate = { backbone.rate(of: $0, decay: decay) }
            }
            let trainer = try Trainer(objective, plan, folder: folder, identity: identity.name, label: label)
            let note: [String: JSON] = ["stage": .string(identity.name)]
            var quarantine = Quarantine()
            try trainer.run(
                evaluate: { _ throws(Failure) in
                    guard let validation else { return nil }
                    let score = try model.score(validation.set, self.inference(recipe.precision), into: nil)
                    quarantine.add(score.quarantine)
                    return Trainer.Evaluation(columns: score.columns, value: score.value)
                },
                improved: { _ throws(Failure) in
                    try model.save(to: Files.join(folder, "weights/best.safetensors"), note: note)
                })
            if trainer.seconds > 30, trainer.secondsWaited > 0.1 * trainer.seconds {
                log(
                    "\(label): \(Int((100 * trainer.secondsWaited / trainer.seconds).rounded()))% of the time went by waiting "
                        + "for pictures: more --workers than \(resources.workers) help, or a --cache of shrunk pictures"
                )
            }
            try model.save(to: Files.join(folder, "weights/last.safetensors"), note: note)
            quarantine.add(trainer.quarantine)
            report(quarantine, label, fate: "others took their places")
            return [
                "images": .int(recipe.steps * plan.batch), "seconds": .number(trainer.seconds),
                "data_wait_seconds": .number(trainer.secondsWaited),
                "parameters": .int(model.parameters.parameterCount),
                "best": trainer.best.map { ["value": .number($0.value), "step": .int($0.step)] } ?? .null,
                "quarantine": quarantine.json,
            ]
        }
    }

    private func report(_ quarantine: Quarantine, _ label: String, fate: String) {
        for line in quarantine.lines(fate: fate) { log(line.hasPrefix(" ") ? line : "\(label): \(line)") }
    }

    /// `looking` on this machine.
    private func inference(_ precision: DType?) -> Model.InferenceOptions {
        var options = looking
        options.precision = precision
        options.workers = resources.workers
        return options
    }

    /// Predicts on a labelled set and scores it: what the model writes of it, `metrics.json`, `metrics.txt`, a row of
    /// `results.csv` and, for intervals over pictures, `records.json`. The result is `metrics.json` with the `quarantine`.
    public func evaluate(
        _ trained: Stage, on set: Dataset, named name: String, precision: DType?, label: String
    ) throws(Failure) -> Stage {
        var keys = looking.keys
        keys["precision"] = .string("\(precision ?? .float32)")
        keys["weights"] = .string(trained.weights)
        let identity = StageIdentity(
            kind: "eval", format: 6, keys: .object(keys),
            inputs: [trained.name, "set-" + (try set.identity).hex(16)])
        return try store.stage(identity, log: log) { folder throws(Failure) in
            log("\(label): evaluating on \(set.examples.count) \(name) pictures")
            let model = try Model(weights: trained.weightsFile, device: resources.device)
            let score = try model.score(set, inference(precision), into: folder)
            report(score.quarantine, label, fate: "")
            try Files.write(score.json.pretty, to: Files.join(folder, "metrics.json"))
            try Files.write(score.table, to: Files.join(folder, "metrics.txt"))
            let results = try ResultsTable(
                path: Files.join(folder, "results.csv"), columns: score.columns.keys.sorted())
            let record = try Files.readJSON(trained.file("stage.json"))
            let last = record["identity"]?["keys"]?["recipe"]?["steps"]
            let step = trained.weights == "best" ? trained.result["best"]?["step"] : last
            try results.append(step: step?.int ?? 0, score.columns)
            if let records = score.records {
                try Files.write(records.json.canonical, to: Files.join(folder, "records.json"))
            }
            return .object((score.json.object ?? [:]).merging(["quarantine": score.quarantine.json]) { $1 })
        }
    }

}

extension Stages where Model: Teacher {
    /// Has a teacher look at a pool, once: `store.jsonl` and what belongs to it. Killed at any moment, it goes on after the
    /// last whole batch. The result has `pictures`, `seconds` (of all sittings, the last seconds before a kill apart) and the
    /// `quarantine`.
    ///
    /// - Parameters:
    ///   - weights: a teacher's file.
    ///   - id: what names it in other stages.
    /// - Throws: `.interrupted` or `.terminated` after a signal, with what is done saved; what data and device throw.
    public func label(
        weights: String, id: String, pool: Dataset, _ options: Model.InferenceOptions, label: String
    ) throws(Failure) -> Stage {
        let poolID = (try pool.identity).description
        var keys = options.keys
        keys["precision"] = .string("\(options.precision ?? .float32)")
        let identity = StageIdentity(
            kind: "score", format: 5, keys: .object(keys), inputs: [id, "pool-" + poolID.prefix(32)])
        if let stage = try store.finished(identity) {
            log("\(label): done before (\(stage.name))")
            return stage
        }
        return try store.stage(identity, log: log) { folder throws(Failure) in
            let teacher = try Model(weights: weights, device: resources.device)
            var options = options
            options.workers = resources.workers
            options.skipsRefused = true
            // What earlier sittings met, and how long they took, is kept beside the store.
            let notes = Files.join(folder, "notes.json")
            let earlier = Files.exists(notes) ? try Files.readJSON(notes) : .null
            var quarantine = Quarantine(earlier["quarantine"])
            let (before, begin) = (earlier["seconds"]?.double ?? 0, monotonicSeconds())
            var (seconds, noted) = (before, before)
            func note() throws(Failure) {
                noted = seconds
                let json: JSON = ["seconds": .number(seconds), "quarantine": quarantine.json]
                try Files.write(json.pretty, to: notes)
            }
            var progress: ProgressLine?
            try teacher.label(pool, options, as: id, poolID: poolID, into: folder) { done, batch throws(Failure) in
                if progress == nil {
                    progress = ProgressLine(label: label, total: pool.examples.count, start: done)
                    if done > 0 { log("\(label): \(done) of \(pool.examples.count) pictures done before") }
                }
                let known = quarantine
                quarantine.add(batch.quarantine)
                seconds = before + monotonicSeconds() - begin
                if quarantine != known || seconds > noted + 5 { try note() }
                try batch.store()
                let now = done + batch.pictures
                progress?.advance(to: now, items: batch.pictures)
                if let signal = Signals.interruption, now < pool.examples.count {
                    progress?.finish()
                    try note()
                    throw Failure(
                        signal,
                        "stopped by a signal after \(now) of \(pool.examples.count) pictures; the same command goes on")
                }
            }
            progress?.finish()
            report(quarantine, label, fate: "they get no labels")
            return [
                "pictures": .int(pool.examples.count), "seconds": .number(before + monotonicSeconds() - begin),
                "quarantine": quarantine.json,
            ]
        }
    }

    /// As above, for a teacher that is a stage.
    public func label(
        _ teacher: Stage, pool: Dataset, _ options: Model.InferenceOptions, label name: String
    ) throws(Failure) -> Stage {
        try label(
            weights: teacher.weightsFile, id: teacher.weightsName, pool: pool, options, label: name)
    }

    /// Chooses the labels of a labelled pool: `labels.json`, `summary.json` and what belongs to them.
    ///
    /// - Parameter human: what people labelled, with which the pseudo-labels are compared; nil: they are not.
    /// - Throws: a `Failure` where nothing, or under 5% of the human density, is kept.
    public func choose(
        _ scored: Stage, root: String, _ choice: LabelChoice, human: LabelDensity?
    ) throws(Failure) -> (stage: Stage, labels: ChosenLabels) {
        let identity = StageIdentity(
            kind: "pseudo", format: 2,
            keys: choice.json, inputs: [scored.name])
        let stage = try store.stage(identity, log: log) { folder throws(Failure) in
            let summary = try Model.choose(from: scored.path, root: root, choice, human: human, into: folder)
            try Files.write(summary.pretty, to: Files.join(folder, "summary.json"))
            return summary
        }
        // Only now the folder has its name, by which masks are found.
        let labels = try Model.chosen(in: stage.path, from: scored.path, root: root, choice, human: human)
        if let warning = labels.warning { log("warning: " + warning) }
        return (stage, labels)
    }
}
