import Annotations
import Augmentation
import Base
import Journal
import Recipes
import Reports
import SelfTraining
import Torch
import Training

/// `pupil study`: a grid of starts, augmentations, labels, lengths and methods over seeds, with a verdict on each question.
enum StudyVerb {
    static let schema = Schema(
        verb: "study",
        summary: "Which start, augmentation and method help on this data: a grid over seeds, with verdicts.",
        keys: axes + SelfTrainVerb.schema.keys.filter { key in !unshared.contains(key.name) }
            + [
                Key(
                    "devices", .list(of: .string), default: [], group: "machine", affectsResult: false,
                    help: "Train seeds at the same time, one on each of these devices, each in a process of its own: "
                        + "cuda:0 cuda:1. cpu cpu shares the threads out. Default: one after the other on --device."),
                Key(
                    "only-seed", .count, group: "machine", affectsResult: false,
                    help: "Of a study that was begun in --out, train what this seed needs and write no report."),
                CommonKeys.out("study"),
            ])

    /// Settings of `selftrain` that are axes here, or mean nothing.
    private static let unshared = [
        "init", "augment", "labels", "steps", "seeds", "control", "human_pool", "fail_on_no_gain", "out",
    ]

    private static let axes: [Key] = [
        Key(
            "init", .list(of: .string), default: ["random"], group: "grid",
            help:
                "Starts: random, simclr (learned here from all pictures), classes (learned here from --joint), weights "
                + "files or runs. The first one is what the others are held against."),
        Key(
            "augment", .list(of: .choice(Policy.all.map(\.name))), default: ["S1"], group: "grid",
            help: "Augmentation policies, the first one being what the others are held against."),
        Key(
            "labels", .list(of: .string), default: ["100%"], group: "grid",
            help: "Parts of --train that keep their labels, 10% or 40 (pictures)."),
        Key(
            "steps", .list(of: .positiveInteger), default: [1000], group: "grid",
            help: "Lengths of the teacher; with several, starts are compared by the steps they need, too."),
        Key(
            "methods", .list(of: .choice(["supervised", "self-training", "joint", "both", "human-pool"])),
            default: ["supervised", "self-training"], group: "grid",
            help: "What is trained everywhere; each beside a control of equal budget. both is self-training and joint."),
        Key(
            "supervised-labels", .list(of: .string), default: [], group: "grid",
            help: "More parts of labels, with supervised training, the first start and the first augmentation alone: "
                + "three in all say what a gain is worth in labels."),
        Key(
            "supervised-seeds", .integer(1...1000), group: "grid", affectsResult: false,
            help: "Seeds of these. Default: --seeds."),
        Key(
            "seeds", .integer(1...1000), default: 3, group: "grid", affectsResult: false,
            help: "Seeds --seed, --seed + 1, ...; under three there is no verdict."),
        Key(
            "pretrain-steps", .positiveInteger, default: 1000, group: "starts",
            help: "Steps of simclr and of classes."),
        Key(
            "pretrain-batch", .positiveInteger, group: "starts",
            help: "Pictures a step of them. Default: 256 for simclr, 64 for classes."),
        Key(
            "pretrain-micro", .positiveInteger, group: "starts",
            help: "The most pictures in one pass of them. Default: as many as fit into memory."),
        Key(
            "pretrain-size", .integer(32...4096), group: "starts",
            help: "Side of their pictures. Default: --size, at most 224."),
    ]

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        var arguments = arguments
        // `pupil study recipe.yaml`.
        if let first = arguments.first, !first.hasPrefix("-"), !first.contains("=") {
            arguments.replaceSubrange(0..<1, with: ["--recipe", first])
        }
        return try schema.parse(arguments).forTask(
            detection: { given throws(Failure) in try run(given, Detector.self) },
            segmentation: { given throws(Failure) in try run(given, Segmenter.self) })
    }

    private static func run<Task: CommandTask>(_ given: Settings, _: Task.Type) throws(Failure) -> ExitCode {
        let devices = given.optionalInt("only-seed") == nil ? given.strings("devices") : []
        for name in devices { _ = try Device.named(name) }
        var settings = devices.isEmpty ? given : given.setting("device", .string(devices[0]))
        let device = try settings.useMachine()
        var grid = try StudyGrid(settings)
        let first = try grid.cells[0].settings(settings).resolvedSelfTraining(device, Task.self)
        let sets = try first.selfTrainingSets(Task.self)
        try grid.resolve(sets, holdOut: settings.double("hold-out"))
        try settings.warnOfSmallPictures(sets.data.train)
        // What the first cell settled holds everywhere; the warm-up is a part of each cell's steps.
        for key in [
            "model", "size", "optimizer", "lr", "decay", "clip", "precision", "label-stride", "student-model",
            "student-init", "student-optimizer", "student-lr", "student-decay", "student-clip",
        ] {
            if let value = first.value(key) { settings = settings.setting(key, value) }
        }
        settings = try settled(settings, first, grid, sets, device, Task.self)

        var options: [SelfTrainingOptions] = []
        for cell in grid.cells {
            let own = try cell.settings(settings).resolvedSelfTraining(device, Task.self)
            var asked = try own.selfTrainingOptions(sets, Task.self)
            asked.arms = cell.arms
            asked.seeds = cell.seeds
            options.append(asked)
        }
        if let seed = settings.optionalInt("only-seed") {
            return try run(UInt64(seed), grid, options, sets, settings, device, Task.self)
        }
        let plan = try StudyPlan(grid, options, sets, settings, device, Task.self)
        try RunFolder.requireFit(settings)
        if settings.bool("dry-run") {
            settings.printPlan(plan.text)
            return .done
        }
        try settings.requireReadable(sets.data.validation, sets.data.test)
        Signals.install()
        let folder = try RunFolder(settings)
        let log = folder.log
        log(plan.text)
        let resources = try settings.resources(device)
        let starts = StudyStarts(settings: settings, sets: sets, device: device)
        let cells = try cells(grid, options, sets, settings, starts, resources, Task.self) { log($0) }
        if !devices.isEmpty {
            let most = grid.cells.map(\.seeds).max() ?? 0
            let threads = max(1, (settings.optionalInt("threads") ?? availableProcessors()) / devices.count)
            try StudySeeds(devices: devices, folder: folder.path, threads: threads, log: { log($0) })
                .run((0..<most).map { options[0].teacher.seed + UInt64($0) })
        }
        var results = StudyResults(
            sets.data, cells: grid.cells.map(\.cell), model: settings.string("model"), title: "What helps here",
            Task.self)
        results.warnings = grid.notes + sets.warnings
        // A study that is taken up again, or asked for fewer seeds, does not forget what it said of more.
        let before = try? Files.readJSON(folder.file("summary.json"))
        var folds: [(cell: StudyCell, fold: Fold)] = []
        func writePage(_ report: StudyReport) throws(Failure) {
            try RunPage.write(
                report, folds, sets.data, threshold: settings.double("threshold"),
                precision: options[0].teacher.precision, resources: resources, in: folder, Task.self)
        }
        var lastPage = monotonicSeconds()
        try StudyRun(cells, log: { log($0) }).run { place, fold throws(Failure) in
            let cell = grid.cells[place].cell
            folds.append((cell, fold))
            try results.add(fold, cell, Task.self)
            results.starts = starts.learned
            if results.isPart(of: before) { return }
            // The grid so far, to be looked at while it goes on: after the last cell that has this seed.
            let seed = Int(fold.seed - options[place].teacher.seed)
            if place == grid.cells.lastIndex(where: { seed < $0.seeds }) {
                let report = Self.report(results, folds, sets)
                try write(report, in: folder)
                // A page takes seconds to a minute.
                if monotonicSeconds() - lastPage > 600 {
                    try writePage(report)
                    lastPage = monotonicSeconds()
                }
            } else {
                try Files.write(results.armsCSV, to: folder.file("arms.csv"))
            }
        }
        let report = Self.report(results, folds, sets)
        let isAll = !results.isPart(of: before)
        if isAll { try write(report, in: folder) }
        if settings.bool("json") {
            log(report.text)
            print(report.json.canonical)
        } else {
            print(Console.harmless(report.text))
            print(
                isAll
                    ? "The report: \(folder.file("report.html")), as text report.md"
                    : "\(folder.path) keeps its report of \(before?["arms"]?.array?.count ?? 0) trainings, some of which were not asked for now"
            )
        }
        if isAll { try writePage(report) }
        folder.logTime()
        if folds.allSatisfy(\.fold.arms.isEmpty),
            let failure = folds.lazy.compactMap({ fold in ArmName.allCases.compactMap { fold.fold.failures[$0] }.first }
            )
            .first
        {
            throw Failure(failure.code, "no arm of the study came to an end; one of them: \(failure.message)")
        }
        return .done
    }

    /// The grid's runs into a study's folder.
    private static func cells<Task: CommandTask>(
        _ grid: StudyGrid, _ options: [SelfTrainingOptions], _ sets: SelfTrainingSets, _ settings: Settings,
        _ starts: StudyStarts, _ resources: Resources, _: Task.Type, log: @escaping @Sendable (String) -> Void
    ) throws(Failure) -> [StudyRun<Task>.Cell] {
        let folder = settings.string("out")
        let store = StageStore(besideRun: folder)
        let stages = Stages<Task>(store: store, resources: resources, log: log)
        var cells: [StudyRun<Task>.Cell] = []
        for (cell, asked) in zip(grid.cells, options) {
            let run = SelfTrainingRun<Task>(
                asked, sets.data,
                looking: try Task.looking(
                    cell.settings(settings), precision: asked.teacher.precision ?? .float32), stages: stages,
                folder: folder, place: "cells/\(cell.cell.name)/", log: log)
            let word = cell.cell.start
            cells.append(
                .init(run: run, seeds: cell.seeds) { seed throws(Failure) in
                    try starts.start(word, seed: seed, store, resources, log: log)
                })
        }
        return cells
    }

    /// One seed of a study that another process keeps the folder of.
    private static func run<Task: CommandTask>(
        _ seed: UInt64, _ grid: StudyGrid, _ options: [SelfTrainingOptions], _ sets: SelfTrainingSets,
        _ settings: Settings, _ device: Device, _: Task.Type
    ) throws(Failure) -> ExitCode {
        guard try RunFolder.requireFit(settings) else {
            throw .usage("--only-seed: no study was begun in \(settings.string("out"))")
        }
        let (first, most) = (options[0].teacher.seed, grid.cells.map(\.seeds).max() ?? 0)
        guard seed >= first, seed - first < UInt64(most) else {
            throw .usage("--only-seed \(seed): the study has the seeds \(first) to \(first + UInt64(most) - 1)")
        }
        Signals.install()
        StudySeeds.endWithParent()
        let log: @Sendable (String) -> Void = { Console.standardError.line($0) }
        let starts = StudyStarts(settings: settings, sets: sets, device: device)
        let cells = try cells(
            grid, options, sets, settings, starts, try settings.resources(device), Task.self, log: log)
        try StudyRun(cells, log: log).run(only: seed) { _, _ in }
        return .done
    }

    /// What the arms say.
    private static func report(
        _ results: StudyResults, _ folds: [(cell: StudyCell, fold: Fold)], _ sets: SelfTrainingSets
    ) -> StudyReport {
        var results = results
        results.warnings += StudyWarnings.of(folds, sets)
        return StudyReport(results)
    }

    private static func write(_ report: StudyReport, in folder: RunFolder) throws(Failure) {
        try report.write(in: folder)
        try Files.write(report.json.pretty, to: folder.file("summary.json"))
    }

    /// With the passes settled: as a study that was begun in this folder has them, which has been checked; else by what
    /// memory is free now. Like all that decides results they stand in args.yaml.
    private static func settled<Task: CommandTask>(
        _ settings: Settings, _ first: Settings, _ grid: StudyGrid, _ sets: SelfTrainingSets, _ device: Device,
        _: Task.Type
    ) throws(Failure) -> Settings {
        var settings = settings
        let passes = ["micro", "pretrain-micro"]
        let arguments = Files.join(settings.string("out"), "args.yaml")
        if Files.exists(arguments), let earlier = try? schema.parse(["--recipe", arguments]) {
            for key in passes where settings.value(key) == nil {
                if let value = earlier.value(key) { settings = settings.setting(key, value) }
            }
            return settings
        }
        // Nothing that was begun is looked for where these look.
        let nowhere = JSON.string(Files.join(settings.string("out"), "none"))
        let fitted = try first.setting("out", nowhere).selfTrainingFittedToMemory(device, sets, Task.self)
        if let micro = fitted.optionalInt("micro") { settings = settings.setting("micro", .int(micro)) }
        let starts = StudyStarts(settings: settings, sets: sets, device: device)
        if let micro = try starts.fitting(Set(grid.cells.map(\.cell.start))) {
            settings = settings.setting("pretrain-micro", .int(micro))
        }
        return settings
    }
}
