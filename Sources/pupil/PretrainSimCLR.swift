import Annotations
import Augmentation
import Base
import Journal
import Models
import Recipes
import SelfTraining
import Training

/// `pupil pretrain simclr`: a backbone from pictures without labels.
enum PretrainSimCLR {
    static let schema = Schema(
        verb: "pretrain simclr",
        summary: "Learn a backbone from unlabelled pictures: two views of one picture are to be alike (SimCLR).",
        keys: [
            Key(
                "images", .list(of: .path), required: true, group: "data",
                help: "Folders of pictures, any depth; labels are not looked at.")
        ]
            + PretrainKeys.training(
                batch: 256, optimizer: "adamw for pico, nano and their like, lars for others",
                lr: "0.001 for adamw; times batch / 256: 0.3 for lars, 0.1 for sgd, 0.016 for rmsprop",
                decay: "0.0001 for lars and sgd, 0.05 for adamw, 0.00001 for rmsprop")
            + [
                Key(
                    "temperature", .positiveNumber, default: 0.1, group: "training",
                    help: "What similarities are divided by."),
                PretrainKeys.crop,
                Key(
                    "jitter-strength", .number(0...2), default: 1.0, group: "augmentation",
                    help: "How strong the colours change."),
                Key("grey", .fraction, default: 0.2, group: "augmentation", help: "The probability of grey."),
                Key("blur", .fraction, default: 0.5, group: "augmentation", help: "The probability of blur."),
            ] + CommonKeys.starts + [CommonKeys.out("simclr"), CommonKeys.json, CommonKeys.dryRun]
            + CommonKeys.machine)

    /// LARS, as the original; of few steps and small models it learns next to nothing (docs/pretraining.md).
    static func defaults(of model: String) throws(Failure) -> PretrainDefaults {
        PretrainDefaults(optimizer: try Zoo.model(model).isLittle ? "adamw" : "lars", warmup: 0.1)
    }

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        var given = try schema.parse(arguments)
        let device = try given.useMachine()
        let pool = try Dataset.pool(given.strings("images"))
        // Two views of one picture must not be held apart as if they were of two.
        if given.int("batch") > pool.examples.count {
            if given.isGiven("batch") {
                throw .usage(
                    "batch: \(given.int("batch")) pictures a step out of \(pool.examples.count) would take copies of one picture "
                        + "for different ones; at most \(pool.examples.count)")
            }
            given = given.setting("batch", .int(pool.examples.count))
        }
        var settings = try given.resolvedPretraining(device, try defaults(of: given.string("model")))
        let batch = settings.int("batch")
        if batch < 2 { throw .usage("batch: a step of SimCLR needs at least two pictures, to be told apart") }
        let start = try settings.start(
            for: try settings.contrastiveRecipe(), pool.classes, ContrastiveEncoder.self)
        settings = try settings.fittedToMemory(
            device, pool.classes, [(try settings.contrastiveRecipe(), [batch])], ContrastiveEncoder.self)
        let resolved = try settings.contrastiveRecipe()
        let pass =
            batch
            / (try resolved.micro.map { micro throws(Failure) in try TrainingPlan.passes([batch], micro: micro) } ?? 1)
        if pass < min(8, batch) {
            Console.standardError.line(
                "warning: batch norms see a pass of \(pass) picture\(pass == 1 ? "" : "s") at a time, too few for their statistics; a smaller "
                    + "--size allows a larger --micro")
        }
        try RunFolder.requireFit(settings)
        if settings.bool("dry-run") {
            settings.printPlan(
                "\(resolved.steps) steps of \(batch) out of \(pool.examples.count) pictures, two views of each")
            return .done
        }
        Signals.install()
        let folder = try RunFolder(settings)
        let log = folder.log
        let stages = Stages<ContrastiveEncoder>(
            store: StageStore(besideRun: folder.path), resources: try settings.resources(device), log: { log($0) })
        let trained = try stages.train(resolved, .init(human: pool, humanImages: batch), start: start, label: "simclr")
        try PretrainRun.link(trained, stages.store, from: folder)
        try Files.write(trained.result.pretty, to: folder.file("summary.json"))
        if settings.bool("json") {
            print(trained.result.canonical)
        } else {
            print(
                "\n\(resolved.steps) steps in \(PretrainRun.minutes(trained)) minutes; begin from it with --init "
                    + "\(folder.path), or see with `pupil probe` what its features are worth")
        }
        return .done
    }
}

extension Settings {
    /// - Precondition: the settings are resolved.
    func contrastiveRecipe() throws(Failure) -> TrainingRecipe {
        let views = ViewPolicy(
            crop: RandomResizedCrop(area: try cropArea()), strength: double("jitter-strength"), grey: double("grey"),
            blur: double("blur"))
        var recipe = pretrainRecipe(.views(views))
        recipe.loss.temperature = double("temperature")
        return try withStart(recipe)
    }
}
