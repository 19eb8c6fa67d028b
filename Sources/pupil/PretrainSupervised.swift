import Annotations
import Augmentation
import Base
import Journal
import Layers
import Models
import Recipes
import SelfTraining
import Torch
import Training

/// `pupil pretrain supervised`: a backbone from pictures with classes.
enum PretrainSupervised {
    static let schema = Schema(
        verb: "pretrain supervised",
        summary: "Learn a backbone from pictures with classes: a folder for each class, as ImageNet has them.",
        keys: data + keys
            + CommonKeys.starts + [CommonKeys.out("supervised"), CommonKeys.json, CommonKeys.dryRun]
            + CommonKeys.machine)

    static let data = [
        Key(
            "images", .path, required: true, group: "data",
            help: "A folder of class folders; or one with train and val, which have class folders."),
        Key(
            "val", .path, group: "data", help: "Another such folder, to measure on. Default: the part val of --images."),
        Key(
            "class-names", .path, group: "data",
            help: "Names of the classes, one a line in the order of their folders, or FOLDER NAME."),
    ]

    static let keys =
        PretrainKeys.training(
            batch: 64, optimizer: "adamw for pico, nano and their like, rmsprop for EfficientNet, sgd for ResNet",
            lr: "0.001 for adamw; times batch / 256: 0.016 for rmsprop, 0.1 for sgd",
            decay: "0.05 for adamw, 0.00001 for rmsprop, 0.0001 for sgd")
        + [
            Key(
                "smoothing", .fraction, default: 0.1, group: "training",
                help: "Label smoothing: this part of a target is spread over all classes."),
            Key(
                "average", .number(0...0.99999), group: "training",
                help: "Decay of weight averaging; 0 is none. Default: 0.9999 for EfficientNet with rmsprop, else 0."),
            Key("dropout", .fraction, group: "training", help: "Before the last layer. Default: the model's own."),
            Key(
                "survival", .number(0.01...1), group: "training",
                help: "Of the last block in stochastic depth. Default: the model's own (EfficientNet 0.8)."),
            Key(
                "augment", .choice(CropPolicy.all.map(\.name)), group: "augmentation",
                help: "crop and flip alone, or operators after them. Default: autoaugment for EfficientNet, else crop."),
            PretrainKeys.crop,
            PretrainKeys.evaluationCrop("augmentation"),
        ] + AugmentationKeys.canvasChanges + [
            Key(
                "eval-every", .count, default: 0, group: "training",
                help: "Steps between evaluations on the way; they choose weights/best. 0: at the end only.")
        ]

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        let given = try schema.parse(arguments)
        let device = try given.useMachine()
        var settings = try given.resolvedPretraining(device, try given.classifierDefaults())
        let (train, val) = try settings.classFolders()
        if let val { SharedPictures.warn(learned: [("--images", train)], measured: [("--val", val)]) }
        _ = try settings.evaluationCrop()
        let start = try settings.start(for: try settings.classifierRecipe(), train.classes, Classifier.self)
        let batch = settings.int("batch")
        settings = try settings.fittedToMemory(
            device, train.classes, [(try settings.classifierRecipe(), [batch])], Classifier.self)
        let recipe = try settings.classifierRecipe()
        try RunFolder.requireFit(settings)
        if settings.bool("dry-run") {
            settings.printPlan(
                "\(recipe.steps) steps of \(batch) out of \(train.examples.count) pictures of \(train.classes.count) classes"
            )
            return .done
        }
        try settings.requireReadable(val)
        Signals.install()
        let folder = try RunFolder(settings)
        let log = folder.log
        var looking = Classifier.InferenceOptions(precision: nil)
        looking.crop = try settings.evaluationCrop()
        let stages = Stages<Classifier>(
            store: StageStore(besideRun: folder.path), resources: try settings.resources(device), looking: looking,
            log: { log($0) })
        let every = settings.int("eval-every")
        if every > 0, val == nil { throw .usage("--eval-every needs pictures to measure on: --val, or a part val") }
        let trained = try stages.train(
            recipe, .init(human: train, humanImages: batch), start: start, label: "pretrain",
            validation: val.flatMap { every > 0 ? ($0, every) : nil })
        try PretrainRun.link(trained, stages.store, from: folder)
        var summary = trained.result.object ?? [:]
        var table = ""
        if let val {
            let scored = try stages.evaluate(trained, on: val, named: "val", precision: recipe.precision, label: "last")
            let isEvaluatedOnTheWay = Files.exists(trained.file("results.csv"))
            for name in ["predictions.csv"] + (isEvaluatedOnTheWay ? [] : ["results.csv"]) {
                try stages.store.link("\(scored.name)/\(name)", from: folder.path, as: name)
            }
            summary["last"] = scored.result
            table = try Files.readText(scored.file("metrics.txt"))
        }
        try Files.write(JSON.object(summary).pretty, to: folder.file("summary.json"))
        if settings.bool("json") {
            print(JSON.object(summary).canonical)
        } else {
            if !table.isEmpty { print(table) }
            print(
                "\n\(recipe.steps) steps in \(PretrainRun.minutes(trained)) minutes; begin from it with --init \(folder.path)"
            )
        }
        return .done
    }
}

extension Settings {
    /// The recipe of the model's family.
    func classifierDefaults() throws(Failure) -> PretrainDefaults {
        let model = try Zoo.model(string("model"))
        if model.isLittle { return PretrainDefaults(optimizer: "adamw", warmup: 0.05) }
        if case .efficientNet = try Zoo.classifier(model.name, classes: 1).backbone {
            return PretrainDefaults(
                optimizer: "rmsprop", warmup: 5.0 / 350, average: 0.9999,
                augment: CropPolicy.autoAugment.name, hasStaircase: true)
        }
        return PretrainDefaults(optimizer: "sgd", warmup: 5.0 / 90)
    }

    /// - Precondition: the settings are resolved.
    func classifierRecipe(model: String? = nil, steps: Int? = nil) throws(Failure) -> TrainingRecipe {
        guard var policy = CropPolicy.all.first(where: { $0.name == string("augment") }) else {
            throw .usage("augment: there is no \(string("augment"))")
        }
        policy.crop = RandomResizedCrop(area: try cropArea())
        policy = policy.scaled(to: int("size"))
        policy.operators = try changed(policy.operators, of: policy.name, skipsUnfit: false)
        var recipe = pretrainRecipe(.cropped(policy), averageDecay: double("average"), model: model, steps: steps)
        recipe.loss.smoothing = double("smoothing")
        recipe.changes.dropout = optionalDouble("dropout")
        recipe.changes.survival = optionalDouble("survival")
        if try classifierDefaults().hasStaircase, string("optimizer") == "rmsprop" {
            recipe.fall = .staircase(factor: 0.97, every: Double(recipe.steps) * 2.4 / 350)
        }
        return try withStart(recipe)
    }

    func evaluationCrop() throws(Failure) -> EvaluationCrop {
        let text = string("eval-crop")
        if text.hasSuffix("px"), let pixels = Int(text.dropLast(2)), (0...4096).contains(pixels) {
            return .padding(pixels)
        }
        guard let share = Double(text), share > 0, share <= 1 else {
            throw .usage(
                "--eval-crop is a part of the shorter side such as 0.875, or pixels such as 32px, not \"\(text)\"")
        }
        return .share(share)
    }

    /// The pictures with classes to learn from, and those to measure on, if there are any.
    func classFolders() throws(Failure) -> (train: Dataset, validation: Dataset?) {
        let path = string("images")
        let names = optionalString("class-names")
        let train = try Dataset.imageFolder(path, part: "train", names: names)
        let counted = try Dataset.imageFolderClasses(path, part: "train")
        var val: Dataset?
        if let other = optionalString("val") {
            val = try Dataset.imageFolder(
                other, part: "val", names: names, counted: counted, classes: train.classes)
        } else if try Dataset.imageFolderParts(path).contains("val") {
            val = try Dataset.imageFolder(path, part: "val", names: names, counted: counted, classes: train.classes)
        }
        for set in [train] + (val.map { [$0] } ?? []) {
            for note in set.notes { Console.standardError.line("\(set.source): \(note)") }
        }
        return (train, val)
    }
}
