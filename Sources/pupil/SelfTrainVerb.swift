import Annotations
import Augmentation
import Base
import Evaluation
import Journal
import Models
import Recipes
import Reports
import SelfTraining
import Torch
import Training

/// `pupil selftrain`: teacher, pseudo-labels, student and control, over seeds.
enum SelfTrainVerb {
    static let schema = Schema(
        verb: "selftrain",
        summary: "Teacher, pseudo-labels, student and an equal control; ends with the gain.",
        keys: CommonKeys.trainingData
            + [
                Key(
                    "unlabelled", .list(of: .path), group: "data",
                    help:
                        "Folders of unlabelled pictures, any depth; those of --train and --extra in them are left out."),
                Key(
                    "labels", .string, default: "100%", group: "data",
                    help:
                        "The part of --train that keeps its labels, 10% or 40 (pictures); the rest joins the unlabelled."
                ),
                Key(
                    "extra", .path, group: "data",
                    help:
                        "Another labelled set of the same classes: its pictures join the unlabelled, its labels are for the arm "
                        + "that --human-pool adds."),
                Key("extra-images", .path, group: "data", help: "Its pictures. Default: as for --train."),
                Key(
                    "joint", .path, group: "joint training",
                    help:
                        "Two arms more, with pictures of class folders classified on the same backbone (docs/pretraining.md)."
                ),
                Key(
                    "joint-weight", .nonNegativeNumber, default: 0.5, group: "joint training",
                    help: "Weight of that loss beside human labels (the paper's 0.5)."),
                Key(
                    "joint-student-weight", .nonNegativeNumber, default: 0.2, group: "joint training",
                    help: "Weight of that loss beside human and pseudo-labels (the paper's 0.2)."),
                Key(
                    "joint-batch", .positiveInteger, group: "joint training",
                    help: "Pictures with classes a step. Default: --batch, as the paper has it."),
                Key(
                    "joint-augment", .choice(CropPolicy.all.map(\.name)), default: "crop", group: "joint training",
                    help: "How they are varied."),
            ] + TaskKeys.extraMasks + CommonKeys.training + TaskKeys.looking
            + [
                Key(
                    "threshold", .fraction, default: 0.5, group: "self-training",
                    help: "Least score of a pseudo-label (the paper's 0.5)."),
                Key(
                    "alpha", .nonNegativeNumber, default: 1.0, group: "self-training",
                    help: "Weight of pseudo-labels in the normalised loss (docs/paper.md 5; it tried 0.25 to 4)."),
                Key(
                    "student-init", .string, group: "self-training",
                    help:
                        "Where student and control begin: teacher, start (where the teacher began, --init), random, or a weights "
                        + "file or a run's folder, read as --init-key, -allow and -pixels say. Default: teacher (as in the "
                        + "paper), random for another --student-model."
                ),
                Key("student-model", .string, group: "self-training", help: "Default: the teacher's model."),
                Key(
                    "student-steps", .positiveInteger, group: "self-training",
                    help: "Steps of student and control. Default: --steps."),
                Key(
                    "student-warmup", .count, group: "self-training",
                    help:
                        "Steps of their warm-up. Default: --warmup; where that is not given either, as its default, of their "
                        + "own steps."),
                Key(
                    "student-optimizer", .choice(["adamw", "sgd"]), group: "self-training",
                    help:
                        "Of student and control. Default: --optimizer; where that is not given either, what is usual for "
                        + "--student-model."),
                Key(
                    "student-lr", .positiveNumber, group: "self-training",
                    help: "Their peak learning rate. Default: --lr, for another optimizer what is usual with it."),
                Key(
                    "student-decay", .nonNegativeNumber, group: "self-training",
                    help: "Their weight decay. Default: --decay, for another optimizer what is usual with it."),
                Key(
                    "student-clip", .nonNegativeNumber, group: "self-training",
                    help:
                        "Their greatest norm of gradients. Default: --clip, for another optimizer what is usual with it."
                ),
                Key(
                    "hold-out", .number(0...0.5), default: 0.0, group: "self-training",
                    help:
                        "The part of the labelled pictures (at least 50) that nobody learns from: it chooses the best weights "
                        + "of each arm and says how many pseudo-labels are right. 0: none, the last weights count."),
                Key(
                    "keep-empty", .bool, default: false, group: "self-training",
                    help: "Keep pictures without a pseudo-label as background."),
                Key(
                    "control", .bool, default: true, group: "self-training",
                    help: "Train the control: as the student, with human labels alone."),
                Key(
                    "human-pool", .bool, default: false, group: "self-training",
                    help:
                        "An arm more: as the control, with people's labels of the pool (of --extra and the rest of --train)."
                ),
                Key(
                    "seeds", .integer(1...1000), default: 1, group: "self-training", affectsResult: false,
                    help: "Repeat with seeds --seed, --seed + 1, ...; three or more give an interval."),
                CommonKeys.out("selftrain"), CommonKeys.json, CommonKeys.dryRun,
                Key(
                    "fail-on-no-gain", .bool, default: false, group: "run", affectsResult: false,
                    help: "Exit with 6 unless the gain's interval over three seeds or more lies above 0."),
            ] + CommonKeys.machine)

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        try schema.parse(arguments).forTask(
            detection: { given throws(Failure) in try run(given, Detector.self) },
            segmentation: { given throws(Failure) in try run(given, Segmenter.self) })
    }

    private static func run<Task: CommandTask>(_ given: Settings, _: Task.Type) throws(Failure) -> ExitCode {
        if given.bool("fail-on-no-gain"), !given.bool("control") {
            throw .usage("--fail-on-no-gain needs the control, which --no-control leaves out")
        }
        if given.bool("fail-on-no-gain"), given.int("seeds") < 3 {
            throw .usage("--fail-on-no-gain needs --seeds 3 or more: fewer give no verdict")
        }
        let device = try given.useMachine()
        var settings = try given.resolvedSelfTraining(device, Task.self)
        let sets = try settings.selfTrainingSets(Task.self)
        let (train, val, test) = (sets.data.train, sets.data.validation, sets.data.test)
        let labelled = try LabelShare.parse(settings.string("labels")).pictures(of: train.examples.count)
        let poolCount = sets.pool(besides: labelled)
        if poolCount == 0 {
            throw .usage(
                "labels: \(settings.string("labels")) leaves no picture unlabelled; give a folder with --unlabelled, or "
                    + "fewer labels")
        }
        settings = try settings.selfTrainingFittedToMemory(device, sets, Task.self)
        let options = try settings.selfTrainingOptions(sets, Task.self)
        // What cannot be held out is said before anything is written.
        let split = try Split(of: train, options.labels, seed: options.teacher.seed)
        _ = try train.split(split).labelled.heldOut(options.holdOut, seed: options.teacher.seed)
        try RunFolder.requireFit(settings)
        if settings.bool("dry-run") {
            settings.printPlan(plan(options, train: train, val: val, test: test, labelled: labelled, pool: poolCount))
            return .done
        }
        try settings.requireReadable(val, test)
        Signals.install()
        let folder = try RunFolder(settings)
        let log = folder.log
        let stages = Stages<Task>(
            store: StageStore(besideRun: folder.path), resources: try settings.resources(device), log: { log($0) })
        let run = SelfTrainingRun<Task>(
            options, sets.data,
            looking: try Task.looking(settings, precision: options.teacher.precision ?? .float32), stages: stages,
            folder: folder.path,
            log: { log($0) })
        func summary(_ folds: [Fold]) -> SelfTrainingSummary {
            SelfTrainingSummary(
                folds, of: Task.self, reportedSet: test == nil ? "val" : "test", classes: train.classes.names)
        }
        // A run that is taken up again, or asked for fewer seeds, does not forget what it said of more.
        let path = folder.file("summary.json")
        let before = try? Files.readJSON(path)
        let folds = try run.run { folds throws(Failure) in
            let summary = summary(folds)
            if !summary.isPart(of: before) { try Files.write(summary.json.pretty, to: path) }
        }
        let summary = summary(folds)
        if settings.bool("json") {
            folder.log(summary.text)
            print(summary.json.canonical)
        } else {
            print(summary.text)
        }
        let cell = StudyCell(
            start: settings.string("init"), augment: settings.string("augment"), labels: settings.string("labels"),
            labelled: labelled, steps: settings.int("steps"))
        var results = StudyResults(
            sets.data, cells: [cell], model: settings.string("model"), title: "Does self-training help here?", Task.self
        )
        results.warnings = sets.warnings
        results.warnings += StudyWarnings.of(folds.map { (cell, $0) }, sets)
        for fold in folds { try results.add(fold, cell, Task.self) }
        let report = StudyReport(results)
        for line in report.summary { folder.log("over seeds and pictures: \(line)") }
        if !summary.isPart(of: before) {
            try report.write(in: folder)
            try RunPage.write(
                report, folds.map { (cell, $0) }, sets.data,
                threshold: settings.double("threshold"), precision: options.teacher.precision,
                resources: stages.resources, in: folder, Task.self)
        }
        folder.logTime()
        if settings.bool("fail-on-no-gain"), !(summary.gain(over: .control)?.isAboveZero ?? false) { return .noGain }
        return .done
    }

    private static func plan(
        _ options: SelfTrainingOptions, train: Dataset, val: Dataset, test: Dataset?, labelled: Int, pool: Int
    ) -> String {
        var table = TextTable(["stage", "pictures", "steps", "images"])
        let (t, s) = (options.teacher, options.student)
        table.add(["teacher", "\(labelled)", "\(t.steps)", "\(t.steps * t.batch)"])
        table.add(["labelling", "\(pool)", "-", "\(pool)"])
        for arm in ArmName.allCases where options.arms.contains(arm) {
            var (parts, images) = ([labelled], s.steps * s.batch * 2)
            if arm == .student || arm == .both { parts.append(pool) }
            if arm == .human { parts = [labelled + pool] }
            if arm == .joint || arm == .both, let joint = options.joint {
                parts.append(joint.set.examples.count)
                images += s.steps * joint.images
            }
            table.add([
                arm.rawValue, parts.map { "\($0)" }.joined(separator: " + "), "\(s.steps)", "\(images)",
            ])
        }
        let measured = (test ?? val).examples.count
        table.add(["evaluation", "\(measured)", "-", "\(measured * (options.arms.count + 1))"])
        return table.text + "\ntimes \(options.seeds) seed(s)"
    }
}
