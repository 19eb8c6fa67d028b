import Annotations
import Base
import Evaluation
import Journal
import Loading
import Recipes
import Reports
import SelfTraining
import Torch
import Training

/// `pupil train`: a detector or a segmenter from labels alone.
enum TrainVerb {
    static let schema = Schema(
        verb: "train", summary: "Train a detector or a segmenter on labelled pictures.",
        keys: CommonKeys.trainingData
            + [
                Key(
                    "labels", .string, default: "100%", group: "data",
                    help: "The part of --train to learn from, 10% or 40 (pictures).")
            ]
            + CommonKeys.training + [CommonKeys.out("train"), CommonKeys.json, CommonKeys.dryRun] + CommonKeys.machine)

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        try schema.parse(arguments).forTask(
            detection: { given throws(Failure) in try run(given, Detector.self) },
            segmentation: { given throws(Failure) in try run(given, Segmenter.self) })
    }

    private static func run<Task: CommandTask>(_ given: Settings, _: Task.Type) throws(Failure) -> ExitCode {
        let device = try given.useMachine()
        var settings = try given.resolvedTraining(device, Task.self)
        let (train, val, test) = try settings.labelledSets(Task.self)
        let warnings = SharedPictures.warn(
            learned: [("--train", train)], measured: [("--val", val)] + (test.map { [("--test", $0)] } ?? []))
        let split = try Split(
            of: train, try LabelShare.parse(settings.string("labels")), seed: UInt64(settings.int("seed")))
        let human = try train.split(split).labelled
        let start = try settings.start(for: try settings.recipe(Task.self), train.classes, Task.self)
        settings = try settings.fittedToMemory(
            device, train.classes, [(try settings.recipe(Task.self), [settings.int("batch")])], Task.self)
        let recipe = try settings.recipe(Task.self)
        try RunFolder.requireFit(settings)
        if settings.bool("dry-run") {
            settings.printPlan("\(recipe.steps) steps of \(recipe.batch) out of \(human.examples.count) pictures")
            return .done
        }
        try settings.requireReadable(val, test)
        Signals.install()
        let folder = try RunFolder(settings)
        let log = folder.log
        if human.examples.count < train.examples.count {
            try Files.makeFolder(folder.file("split"))
            log(
                "labels: \(human.examples.count) of \(train.examples.count) pictures (\(try split.write(into: folder.file("split"))))"
            )
        }
        let stages = Stages<Task>(
            store: StageStore(besideRun: folder.path), resources: try settings.resources(device), log: { log($0) })
        let every = settings.int("eval-every")
        let trained = try stages.train(
            recipe, .init(human: human, humanImages: recipe.batch), start: start, label: "train",
            validation: every > 0 ? (set: val, every: every) : nil)
        for name in ["weights", "metrics.jsonl", "results.csv", "tensorboard"] where Files.exists(trained.file(name)) {
            try stages.store.link("\(trained.name)/\(name)", from: folder.path, as: name)
        }
        let set = test ?? val
        let name = test == nil ? "val" : "test"
        let last = try stages.evaluate(trained, on: set, named: name, precision: recipe.precision, label: "last")
        // A run that is not evaluated on the way has one row of results.
        let isEvaluatedOnTheWay = Files.exists(trained.file("results.csv"))
        for name in ["predictions.json", "masks"] + (isEvaluatedOnTheWay ? [] : ["results.csv"])
        where Files.exists(last.file(name)) {
            try stages.store.link("\(last.name)/\(name)", from: folder.path, as: name)
        }
        var summary: [String: JSON] = [
            "last": last.result, "reported_on": .string(name), "images": trained.result["images"] ?? .null,
            "seconds": trained.result["seconds"] ?? .null, "parameters": trained.result["parameters"] ?? .null,
            "data_wait_seconds": trained.result["data_wait_seconds"] ?? .null,
        ]
        // best was chosen on --val, so only --test can say how good it is.
        if test != nil, every > 0 {
            var chosen = trained
            chosen.weights = "best"
            let best = try stages.evaluate(chosen, on: set, named: name, precision: recipe.precision, label: "best")
            summary["best"] = best.result
        }
        var quarantine = Quarantine(trained.result["quarantine"])
        quarantine.add(Quarantine(last.result["quarantine"]))
        summary["quarantine"] = quarantine.json
        try Files.write(JSON.object(summary).pretty, to: folder.file("summary.json"))
        var fold = Fold(
            seed: recipe.seed, split: split, human: Task.density(human), humanImages: human.examples.count)
        fold.arms[.teacher] = Arm(stage: trained, evaluation: last)
        let cell = StudyCell(
            start: settings.string("init"), augment: settings.string("augment"), labels: settings.string("labels"),
            labelled: human.examples.count, steps: recipe.steps)
        let data = SelfTrainingData(train: train, validation: val, test: test, pool: nil)
        var results = StudyResults(
            data, cells: [cell], model: recipe.model, title: "What was learned", Task.self)
        results.warnings = warnings
        try results.add(fold, cell, Task.self)
        let report = StudyReport(results)
        try report.write(in: folder)
        try RunPage.write(
            report, [(cell, fold)], data, threshold: 0.5, precision: recipe.precision, resources: stages.resources,
            in: folder, Task.self)
        if settings.bool("json") {
            print(JSON.object(summary).canonical)
        } else {
            print(try Files.readText(last.file("metrics.txt")))
            print(
                "\n\(Task.words.metric) in points on \(name), weights/last; \(TextTable.fixed((trained.result["seconds"]?.double ?? 0) / 60, 1)) minutes of training"
            )
        }
        folder.logTime()
        return .done
    }
}
