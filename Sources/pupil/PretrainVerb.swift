import Augmentation
import Base
import Journal
import Layers
import Models
import Recipes
import SelfTraining
import Torch
import Training

/// `pupil pretrain`: a backbone to begin from, learned from classes, from a teacher's classes, or from pictures alone.
enum PretrainVerb {
    static let summary =
        "Learn a backbone to begin from, out of your own pictures: \(kinds.map(\.name).joined(separator: ", "))."

    static let kinds: [(name: String, run: @Sendable (_ arguments: [String]) throws(Failure) -> ExitCode)] = [
        ("supervised", PretrainSupervised.run), ("noisy-student", PretrainNoisyStudent.run),
        ("simclr", PretrainSimCLR.run),
    ]

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        let names = kinds.map(\.name)
        if let first = arguments.first, ["--help", "-h"].contains(first) {
            print(
                "\(summary)\n\n"
                    + names.map { "`pupil pretrain \($0) --help` explains its settings.\n" }.joined(), terminator: "")
            return .done
        }
        guard let name = arguments.first, !name.hasPrefix("-") else {
            throw .usage("pretrain needs to know what to learn from: \(names.joined(separator: ", "))")
        }
        guard let kind = kinds.first(where: { $0.name == name }) else {
            throw .usage(
                "there is no pretrain \(name)\(didYouMean(name, names)); there are \(names.joined(separator: ", "))")
        }
        return try kind.run(Array(arguments.dropFirst()))
    }
}

/// The settings that kinds of pre-training share.
enum PretrainKeys {
    /// - Parameters:
    ///   - batch: pictures a step, where nothing is said.
    ///   - optimizer, lr, decay: how they are chosen where nothing is said.
    static func training(batch: Int, optimizer: String, lr: String, decay: String) -> [Key] {
        [
            Key(
                "model", .string, default: .string("nano"), group: "model",
                help: "A name of `pupil models`; what is learned is its backbone."),
            Key(
                "size", .integer(32...4096), group: "model",
                help: "Side of the pictures in pixels. Default: the model's own, at most 224."),
            Key("batch", .positiveInteger, default: .int(batch), group: "training", help: "Pictures a step."),
            Key(
                "micro", .positiveInteger, group: "training",
                help: "The most pictures in one forward pass. Default: as many as fit into memory."),
            Key("steps", .positiveInteger, default: 1000, group: "training", help: "Steps of the optimiser."),
            Key(
                "optimizer", .choice(["adamw", "sgd", "rmsprop", "lars"]), group: "training",
                help: "Default: \(optimizer)."),
            Key("lr", .positiveNumber, group: "training", help: "Peak learning rate. Default: \(lr)."),
            Key("decay", .nonNegativeNumber, group: "training", help: "Weight decay of kernels. Default: \(decay)."),
            Key("warmup", .count, group: "training", help: "Steps of linear warm-up. Default: a part of the steps."),
            Key(
                "clip", .nonNegativeNumber, group: "training",
                help: "Greatest norm of all gradients; 0 is none. Default: 10 for adamw, else 0."),
            CommonKeys.precision, CommonKeys.seed,
        ]
    }

    static func evaluationCrop(_ group: String) -> Key {
        Key(
            "eval-crop", .string, default: "0.875", group: group,
            help: "What is seen of a picture: a part of the shorter side, or 32px for size / (size + 32) of it.")
    }

    static let crop = Key(
        "crop-area", .string, default: "0.08-1", group: "augmentation",
        help: "The range of a training crop's area, as a part of the picture's.")
}

/// How a backbone of a kind is pre-trained where nothing is said (docs/pretraining.md).
struct PretrainDefaults {
    var optimizer: String
    /// Part of the steps.
    var warmup: Double
    var average = 0.0
    var augment = "crop"
    /// 0.97 every 2.4 of 350 epochs, as EfficientNet.
    var hasStaircase = false
}

extension Settings {
    /// The model whose backbone is learned, and every default that does not depend on the kind.
    func resolvedPretraining(_ device: Device, _ defaults: PretrainDefaults) throws(Failure) -> Settings {
        let model = try Zoo.model(string("model"))
        _ = try Zoo.classifier(model.name, classes: 1)
        var settings = self
        func fill(_ key: String, _ value: JSON) {
            if settings.schema.key(key) != nil, settings.value(key) == nil { settings = settings.setting(key, value) }
        }
        fill("size", .int(min(224, model.size)))
        fill("optimizer", .string(defaults.optimizer))
        let isUsual = settings.string("optimizer") == defaults.optimizer
        let rule = Self.rule(settings.string("optimizer"), batch: int("batch"))
        fill("lr", .double(rule.lr))
        fill("decay", .double(rule.decay))
        fill("warmup", .int(Int(defaults.warmup * Double(int("steps")))))
        fill("clip", .double(settings.string("optimizer") == "adamw" ? 10 : 0))
        fill("average", .double(isUsual ? defaults.average : 0))
        fill("augment", .string(defaults.augment))
        return settings.setting("precision", .string("\(Self.precision(string("precision"), device))"))
    }

    /// The learning rate and the decay that go with an update rule (docs/pretraining.md).
    static func rule(_ optimizer: String, batch: Int) -> (lr: Double, decay: Double) {
        let share = Double(batch) / 256
        return switch optimizer {
        case "adamw": (0.001, 0.05)
        case "rmsprop": (0.016 * share, 1e-5)
        case "lars": (0.3 * share, 1e-4)
        default: (0.1 * share, 1e-4)
        }
    }

    /// - Precondition: the settings are resolved.
    func pretrainRecipe(
        _ augment: Variation, averageDecay: Double = 0, model: String? = nil, steps: Int? = nil
    ) -> TrainingRecipe {
        TrainingRecipe(
            model: model ?? string("model"), size: int("size"), batch: int("batch"), micro: optionalInt("micro"),
            steps: steps ?? int("steps"),
            optimizer: TrainingRecipe.OptimizerName(rawValue: string("optimizer")) ?? .sgd, lr: double("lr"),
            decay: double("decay"), warmup: int("warmup"), clip: double("clip"), averageDecay: averageDecay,
            augment: augment, precision: string("precision") == "bfloat16" ? .bfloat16 : .float32,
            seed: UInt64(int("seed")))
    }

    /// A range such as 0.08-1 of parts.
    func cropArea() throws(Failure) -> ClosedRange<Double> {
        let text = string("crop-area")
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { Double($0) }
        guard ends.count == 2, let low = ends[0], let high = ends[1], low > 0, low <= high, high <= 1 else {
            throw .usage("--crop-area is a range of parts above 0 and at most 1, such as 0.08-1, not \"\(text)\"")
        }
        return low...high
    }
}

/// The folder of a pre-training run: what every kind leaves in it.
enum PretrainRun {
    /// Links the trained stage's weights and logs into the run's folder.
    static func link(_ trained: Stage, _ store: StageStore, from folder: RunFolder) throws(Failure) {
        for name in ["weights", "metrics.jsonl", "results.csv", "tensorboard"] where Files.exists(trained.file(name)) {
            try store.link("\(trained.name)/\(name)", from: folder.path, as: name)
        }
    }

    static func minutes(_ stage: Stage) -> String {
        TextTable.fixed((stage.result["seconds"]?.double ?? 0) / 60, 1)
    }
}
