import Annotations
import Base
import Models
import Recipes
import Reports
import SelfTraining
import Torch
import Training

/// Where a study's teachers begin; what is learned here is a stage like all others.
struct StudyStarts: Sendable {
    let settings: Settings
    let sets: SelfTrainingSets
    let device: Device
    private let done = Monitor([StudyStart]())

    init(settings: Settings, sets: SelfTrainingSets, device: Device) {
        self.settings = settings
        self.sets = sets
        self.device = device
    }

    /// The starts that were learned, or found learned, so far: by word and seed.
    var learned: [StudyStart] { done.withLock { $0.sorted { ($0.word, $0.seed) < ($1.word, $1.seed) } } }

    /// Where the link to a learned start lies in the study's folder, which says that it is done.
    static func place(_ word: String, seed: UInt64) -> String { "starts/\(word)/seed_\(seed)" }

    private func note(
        _ stage: Stage, _ word: String, _ seed: UInt64, steps: Int, _ store: StageStore
    ) throws(Failure) -> Start {
        try store.link(stage.name, from: settings.string("out"), as: Self.place(word, seed: seed))
        let start = StudyStart(
            word: word, seed: seed, steps: steps, images: Int(stage.result["images"]?.double ?? 0),
            seconds: stage.result["seconds"]?.double ?? 0)
        done.withLock { if !$0.contains(where: { $0.word == word && $0.seed == seed }) { $0.append(start) } }
        return .stage(stage)
    }

    static func isFile(_ word: String) -> Bool { !["random", "simclr", "classes"].contains(word) }

    func start(
        _ word: String, seed: UInt64, _ store: StageStore, _ resources: Resources,
        log: @escaping @Sendable (String) -> Void
    ) throws(Failure) -> Start {
        switch word {
        case "random": return .random
        case "simclr":
            let settings = try contrastive(seed)
            let stage = try Stages<ContrastiveEncoder>(store: store, resources: resources, log: log).train(
                try settings.contrastiveRecipe(), .init(human: try pictures(), humanImages: settings.int("batch")),
                start: .random, label: "simclr seed \(seed)")
            return try note(stage, word, seed, steps: settings.int("steps"), store)
        case "classes":
            let (settings, joint) = try classifier(seed)
            let stage = try Stages<Classifier>(store: store, resources: resources, log: log).train(
                try settings.classifierRecipe(), .init(human: joint.set, humanImages: settings.int("batch")),
                start: .random, label: "classes seed \(seed)")
            return try note(stage, word, seed, steps: settings.int("steps"), store)
        default:
            return .file(try Settings.weights(of: word, named: "init"), reading)
        }
    }

    /// The pictures a pass that pre-training for these starts has to be cut to; nil: the whole batch fits.
    /// - Throws: `.usage` where a model has no such start, `.device` where nothing fits.
    func fitting(_ words: Set<String>) throws(Failure) -> Int? {
        var least: Int?
        if words.contains("simclr") {
            let settings = try contrastive(0)
            let fitted = try settings.fittedToMemory(
                device, ClassTable(names: []), [(try settings.contrastiveRecipe(), [settings.int("batch")])],
                ContrastiveEncoder.self)
            least = fitted.optionalInt("micro")
        }
        if words.contains("classes") {
            let (settings, joint) = try classifier(0)
            let fitted = try settings.fittedToMemory(
                device, joint.set.classes, [(try settings.classifierRecipe(), [settings.int("batch")])], Classifier.self
            )
            if let micro = fitted.optionalInt("micro") { least = min(least ?? micro, micro) }
        }
        return least
    }

    /// Pictures that learning a start takes, and as how many of training at the study's own size, by pixels: two views of each
    /// for `simclr`. Nil of a start that is not learned.
    func work(_ word: String) throws(Failure) -> (images: Int, equivalent: Double)? {
        let isViews = word == "simclr"
        guard isViews || word == "classes" else { return nil }
        let own = isViews ? try contrastive(0) : try classifier(0).settings
        let side = Double(own.int("size")) / Double(settings.int("size"))
        let images = own.int("steps") * own.int("batch")
        return (images, Double(images * (isViews ? 2 : 1)) * side * side)
    }

    /// All pictures of the study that nobody measures on, without their labels.
    private func pictures() throws(Failure) -> Dataset {
        try Dataset.joined(
            [sets.data.train.withoutLabels, sets.data.extra?.withoutLabels, sets.data.pool].compactMap(\.self))
    }

    private func contrastive(_ seed: UInt64) throws(Failure) -> Settings {
        let count = try pictures().examples.count
        return try pretraining(
            PretrainSimCLR.schema, try PretrainSimCLR.defaults(of: settings.optionalString("model") ?? "nano"), seed,
            batch: settings.optionalInt("pretrain-batch") ?? min(256, count))
    }

    private func classifier(_ seed: UInt64) throws(Failure) -> (settings: Settings, joint: JointOptions) {
        guard let joint = sets.joint else { throw .usage("--init classes needs --joint") }
        let plain = settings.passed(to: PretrainSupervised.schema, ["model": settings.value("model") ?? "nano"])
        return (
            try pretraining(
                PretrainSupervised.schema, plain.classifierDefaults(), seed,
                batch: settings.optionalInt("pretrain-batch") ?? 64), joint
        )
    }

    private var reading: WeightsReading {
        WeightsReading(
            key: settings.optionalString("init-key"), allow: settings.strings("init-allow"),
            pixels: PixelScale(rawValue: settings.string("init-pixels")) ?? .imagenet,
            eps: settings.optionalDouble("init-eps"))
    }

    /// The settings of a verb of pre-training, resolved; what the study says of its own training does not count.
    private func pretraining(
        _ schema: Schema, _ defaults: PretrainDefaults, _ seed: UInt64, batch: Int
    ) throws(Failure) -> Settings {
        let none = Schema(verb: "pretrain", summary: "", keys: [])
        var values: [String: JSON] = [
            "model": settings.value("model") ?? "nano", "steps": .int(settings.int("pretrain-steps")),
            "batch": .int(batch), "seed": .int(Int(seed)), "precision": .string(settings.string("precision")),
            // Where no run lies whose passes would be taken over.
            "out": .string(Files.join(settings.string("out"), "none")),
        ]
        if let micro = settings.optionalInt("pretrain-micro") { values["micro"] = .int(micro) }
        values["size"] = .int(settings.optionalInt("pretrain-size") ?? min(224, settings.int("size")))
        let empty = try none.parse([])
        return try empty.passed(to: schema, values).resolvedPretraining(device, defaults)
    }
}
