import Annotations
import Augmentation
import Base
import Evaluation
import Journal
import Layers
import Models
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
            + [CommonKeys.out("study")])

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
            "pretrain-size", .integer(32...4096), group: "starts",
            help: "Side of their pictures, a multiple of 32. Default: --size, at most 224."),
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
        let device = try given.useMachine()
        var settings = given
        var grid = try StudyGrid(settings)
        let first = try grid.cells[0].settings(settings).resolvedSelfTraining(device, Task.self)
        let sets = try first.selfTrainingSets(Task.self)
        try grid.resolve(sets)
        // What the first cell settled holds everywhere; micro is found once, for the longest list of streams.
        settings = settings.setting("model", .string(first.string("model"))).setting("size", .int(first.int("size")))
        let fitted = try first.setting("out", .string(settings.string("out")))
            .selfTrainingFittedToMemory(device, sets, Task.self)
        if let micro = fitted.optionalInt("micro") { settings = settings.setting("micro", .int(micro)) }
        for path in grid.files { _ = try Settings.weights(of: path, named: "init") }

        var options: [SelfTrainingOptions] = []
        for cell in grid.cells {
            let own = try cell.settings(settings).resolvedSelfTraining(device, Task.self)
            var asked = try own.selfTrainingOptions(sets, Task.self)
            asked.arms = cell.arms
            asked.seeds = cell.seeds
            options.append(asked)
        }
        let plan = try StudyPlan(grid, options, sets, settings, device, Task.self)
        if settings.bool("dry-run") {
            print(settings.yaml, terminator: "")
            print(plan.text)
            return .done
        }
        Signals.install()
        let folder = try RunFolder(settings)
        let log = folder.log
        log(plan.text)
        let store = StageStore(besideRun: folder.path)
        let resources = try settings.resources(device)
        let stages = Stages<Task>(store: store, resources: resources, log: { log($0) })
        let starts = StudyStarts(
            settings: settings, sets: sets, store: store, resources: resources, device: device, log: { log($0) })
        var cells: [StudyRun<Task>.Cell] = []
        for (cell, asked) in zip(grid.cells, options) {
            let run = SelfTrainingRun<Task>(
                asked, sets.data,
                looking: try Task.looking(
                    cell.settings(settings), precision: asked.teacher.precision ?? .float32), stages: stages,
                folder: folder.path, place: "cells/\(cell.cell.name)/", log: { log($0) })
            let word = cell.cell.start
            cells.append(
                .init(run: run, seeds: cell.seeds) { seed throws(Failure) in try starts.start(word, seed: seed) })
        }
        var results = StudyResults(
            metric: Task.words.metric, classes: sets.data.train.classes.names,
            reportedSet: sets.data.test == nil ? "val" : "test", cells: grid.cells.map(\.cell))
        results.warnings = grid.notes
        var folds: [(cell: StudyCell, fold: Fold)] = []
        try StudyRun(cells, log: { log($0) }).run { place, fold throws(Failure) in
            let cell = grid.cells[place].cell
            folds.append((cell, fold))
            try results.add(fold, cell, Task.self)
            try Files.write(results.armsCSV, to: folder.file("arms.csv"))
        }
        results.warnings += Self.warnings(folds, sets)
        let report = StudyReport(results)
        try Files.write(report.markdown, to: folder.file("report.md"))
        try Files.write(report.armsCSV, to: folder.file("arms.csv"))
        try Files.write(report.contrastsCSV, to: folder.file("contrasts.csv"))
        try Files.write(report.json.pretty, to: folder.file("summary.json"))
        try RunPage.write(
            report, title: "What helps here", folds, sets.data, threshold: settings.double("threshold"),
            precision: options[0].teacher.precision, resources: resources, in: folder, Task.self)
        if settings.bool("json") {
            log(report.text)
            print(report.json.canonical)
        } else {
            print(report.text)
            print("The report: \(folder.file("report.html")), as text report.md")
        }
        return .done
    }

    /// What of the data makes the answers doubtful: classes with next to no label, a teacher that labels far less, or far
    /// more, than people do.
    private static func warnings(_ folds: [(cell: StudyCell, fold: Fold)], _ sets: SelfTrainingSets) -> [String] {
        var warnings: [String] = []
        for cell in Set(folds.map(\.cell)).sorted(by: { $0.name < $1.name }) {
            let own = folds.filter { $0.cell == cell }.map(\.fold)
            let kept = own.compactMap(\.kept).reduce(0) { $0 + $1.all }
            let human = own.filter { $0.kept != nil }.reduce(0) { $0 + $1.human.all }
            if human > 0, !(0.3...3).contains(kept / human) {
                warnings.append(
                    "\(cell.name): the teacher's labels are \(TextTable.fixed(kept / human * 100, 0))% as dense as people's; "
                        + "a \(kept < human ? "lower" : "higher") --threshold brings them nearer")
            }
            let precisions = own.compactMap { $0.precision?.all }.filter { !$0.isNaN }
            if !precisions.isEmpty {
                let mean = precisions.reduce(0, +) / Double(precisions.count)
                if mean < Self.lowPrecision {
                    warnings.append(
                        "\(cell.name): of the teacher's labels only \(TextTable.fixed(mean * 100, 0))% are right on held-out "
                            + "pictures; a higher --threshold keeps fewer wrong ones")
                }
            }
            // Of boxes; pixels are many in any picture.
            if sets.data.train.maskCoding == nil {
                let few = sets.data.train.classes.names.enumerated().filter { i, _ in
                    own.contains { $0.human.perClass[i] * Double($0.humanImages) < Double(Self.fewObjects) }
                }.map(\.element)
                if !few.isEmpty {
                    warnings.append(
                        "\(cell.name): under \(Self.fewObjects) labelled objects in some seed of: \(few.joined(separator: ", "))"
                    )
                }
            }
        }
        return warnings
    }

    /// Under which a student mostly learns its teacher's mistakes.
    private static let lowPrecision = 0.5
    /// Objects of a class under which little can be learned of it.
    private static let fewObjects = 10
}

/// A study's grid: cells in the order in which they are asked for.
struct StudyGrid {
    struct Cell {
        var cell: StudyCell
        var arms: Set<ArmName>
        var seeds: Int

        /// Of `selftrain`, under the name by which the user knows it.
        private static let schema = Schema(verb: "study", summary: "", keys: SelfTrainVerb.schema.keys)

        /// The settings of a `selftrain` in this cell.
        func settings(_ study: Settings) -> Settings {
            var values: [String: JSON] = [
                "augment": .string(cell.augment), "labels": .string(cell.labels), "steps": .int(cell.steps),
            ]
            if StudyStarts.isFile(cell.start) { values["init"] = .string(cell.start) }
            return study.passed(to: Self.schema, values)
        }
    }

    private(set) var cells: [Cell] = []
    /// What had to be left out, a sentence each.
    private(set) var notes: [String] = []

    /// - Throws: `.usage` where an axis names something twice, or a method lacks what it needs.
    init(_ settings: Settings) throws(Failure) {
        for axis in ["init", "augment", "labels", "methods"] {
            let words = settings.strings(axis)
            if words.isEmpty { throw .usage("--\(axis) is empty; a grid needs one at least") }
            if let twice = words.first(where: { word in words.count { $0 == word } > 1 }) {
                throw .usage("--\(axis) has \(twice) twice")
            }
        }
        let lengths = settings.ints("steps")
        if lengths.isEmpty || Set(lengths).count < lengths.count {
            throw .usage("--steps is empty or has a length twice")
        }
        let methods = Set(settings.strings("methods"))
        if settings.optionalString("joint") == nil {
            for word in ["joint", "both"] where methods.contains(word) {
                throw .usage("--methods \(word) needs pictures with classes: --joint FOLDER")
            }
            if settings.strings("init").contains("classes") {
                throw .usage("--init classes needs pictures with classes: --joint FOLDER")
            }
        }
        var arms: Set<ArmName> = []
        if methods.contains("self-training") { arms.formUnion([.control, .student]) }
        if methods.contains("joint") { arms.formUnion([.control, .joint]) }
        if methods.contains("both") { arms.formUnion([.control, .both]) }
        if methods.contains("human-pool") { arms.formUnion([.control, .human]) }
        func add(_ start: String, _ augment: String, _ labels: String, _ steps: Int, _ arms: Set<ArmName>, _ seeds: Int)
        {
            let cell = StudyCell(start: start, augment: augment, labels: labels, labelled: 0, steps: steps)
            if !cells.contains(where: { $0.cell == cell }) { cells.append(Cell(cell: cell, arms: arms, seeds: seeds)) }
        }
        let seeds = settings.int("seeds")
        for steps in lengths {
            for labels in settings.strings("labels") {
                for start in settings.strings("init") {
                    for augment in settings.strings("augment") { add(start, augment, labels, steps, arms, seeds) }
                }
            }
            for labels in settings.strings("supervised-labels") {
                add(
                    settings.strings("init")[0], settings.strings("augment")[0], labels, steps, [],
                    settings.optionalInt("supervised-seeds") ?? seeds)
            }
        }
    }

    /// Starts that are read from files.
    var files: [String] {
        var seen: Set<String> = []
        return cells.map(\.cell.start).filter { StudyStarts.isFile($0) && seen.insert($0).inserted }
    }

    /// Counts the labels of each cell; where nothing is left for a teacher to label, it labels nothing.
    /// - Throws: `.usage` where a share is none, or two are the same.
    mutating func resolve(_ sets: SelfTrainingSets) throws(Failure) {
        for i in cells.indices {
            let labelled = try LabelShare.parse(cells[i].cell.labels).pictures(of: sets.data.train.examples.count)
            cells[i].cell.labelled = labelled
            if sets.pool(besides: labelled) == 0, !cells[i].arms.isDisjoint(with: [.student, .both, .human]) {
                cells[i].arms.subtract([.student, .both, .human])
                if !cells[i].arms.contains(.joint) { cells[i].arms.remove(.control) }
                notes.append("\(cells[i].cell.name): no picture is left unlabelled, so no teacher labels any")
            }
        }
    }
}

/// Where a study's teachers begin; what is learned here is a stage like all others.
struct StudyStarts: Sendable {
    let settings: Settings
    let sets: SelfTrainingSets
    let store: StageStore
    let resources: Resources
    let device: Device
    let log: @Sendable (String) -> Void

    static func isFile(_ word: String) -> Bool { !["random", "simclr", "classes"].contains(word) }

    func start(_ word: String, seed: UInt64) throws(Failure) -> Start {
        switch word {
        case "random": return .random
        case "simclr":
            let pool = try Dataset.joined(
                [sets.data.train.withoutLabels, sets.data.extra?.withoutLabels, sets.data.pool].compactMap(\.self))
            let settings = try pretraining(
                PretrainSimCLR.schema, PretrainSimCLR.defaults, seed,
                batch: settings.optionalInt("pretrain-batch") ?? min(256, pool.examples.count))
            let fitted = try settings.fittedToMemory(
                device, pool.classes, [(try settings.contrastiveRecipe(), [settings.int("batch")])],
                ContrastiveEncoder.self)
            return .stage(
                try Stages<ContrastiveEncoder>(store: store, resources: resources, log: log).train(
                    try fitted.contrastiveRecipe(), .init(human: pool, humanImages: fitted.int("batch")),
                    start: .random,
                    label: "simclr seed \(seed)"))
        case "classes":
            guard let joint = sets.joint else { throw .usage("--init classes needs --joint") }
            var settings = self.settings.passed(to: PretrainSupervised.schema, [:])
            settings = try pretraining(
                PretrainSupervised.schema, settings.classifierDefaults(), seed,
                batch: self.settings.optionalInt("pretrain-batch") ?? 64)
            let recipe = try settings.classifierRecipe()
            let fitted = try settings.fittedToMemory(
                device, joint.set.classes, [(recipe, [settings.int("batch")])], Classifier.self)
            return .stage(
                try Stages<Classifier>(store: store, resources: resources, log: log).train(
                    try fitted.classifierRecipe(), .init(human: joint.set, humanImages: fitted.int("batch")),
                    start: .random, label: "classes seed \(seed)"))
        default:
            return .file(try Settings.weights(of: word, named: "init"), reading)
        }
    }

    private var reading: WeightsReading {
        WeightsReading(
            key: settings.optionalString("init-key"), allow: settings.strings("init-allow"),
            pixels: PixelScale(rawValue: settings.string("init-pixels")) ?? .imagenet)
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
            "out": .string(Files.join(settings.string("out"), "pretrain")),
        ]
        values["size"] = .int(settings.optionalInt("pretrain-size") ?? min(224, settings.int("size")))
        let empty = try none.parse([])
        return try empty.passed(to: schema, values).resolvedPretraining(device, defaults)
    }
}

/// What a study will do: trainings, pictures, hours and room on the disk.
struct StudyPlan {
    let text: String

    init<Task: CommandTask>(
        _ grid: StudyGrid, _ options: [SelfTrainingOptions], _ sets: SelfTrainingSets, _ settings: Settings,
        _ device: Device, _: Task.Type
    ) throws(Failure) {
        var table = TextTable(["start", "augment", "labels", "steps", "methods", "seeds", "trainings", "images"])
        var (images, looked, trainings, labelled) = (0, 0, 0, 0)
        let measured = (sets.data.test ?? sets.data.validation).examples.count
        for (cell, asked) in zip(grid.cells, options) {
            var each = asked.teacher.steps * asked.teacher.batch
            for arm in cell.arms {
                each += asked.student.steps * asked.student.batch * 2
                if arm == .joint || arm == .both { each += asked.student.steps * (asked.joint?.images ?? 0) }
            }
            let methods =
                ["supervised"]
                + StudyMethod.allCases.dropFirst(2).filter { method in
                    cell.arms.contains { $0.rawValue == method.arm }
                }.map(\.rawValue)
            images += each * cell.seeds
            trainings += (cell.arms.count + 1) * cell.seeds
            looked += (cell.arms.count + 1) * cell.seeds * measured
            if !cell.arms.isDisjoint(with: [.student, .both]) {
                labelled += sets.pool(besides: cell.cell.labelled) * cell.seeds
            }
            table.add([
                cell.cell.start, cell.cell.augment, "\(cell.cell.labels) (\(cell.cell.labelled))", "\(cell.cell.steps)",
                methods.joined(separator: ", "), "\(cell.seeds)", "\((cell.arms.count + 1) * cell.seeds)",
                "\(each * cell.seeds)",
            ])
        }
        let recipe = options[0].teacher
        let model = try Task(
            name: recipe.model, classes: sets.data.train.classes, canvas: recipe.canvas, seed: 0, device: device)
        let rate = try TrainingRate.measured(
            images: recipe.micro ?? recipe.batch, canvas: recipe.canvas, precision: recipe.precision,
            maskStride: recipe.labelStride, objective: model.objective)
        // Looking is the way forward alone, of full precision's results: about a third of a training's work.
        let hours = (Double(images) + Double(looked + labelled) / 3) / rate / 3600
        let weights = 4 * model.parameters.parameterCount
        let bytes = trainings * weights + 3 * weights + (looked + labelled) * 4096
        var lines = [table.text]
        let starts = Set(grid.cells.map(\.cell.start)).intersection(["simclr", "classes"]).sorted()
        if !starts.isEmpty {
            lines.append(
                "and of each seed the start\(starts.count > 1 ? "s" : "") \(starts.joined(separator: ", ")): "
                    + "\(settings.int("pretrain-steps")) steps each, not in the hours below")
        }
        lines.append(
            "\(trainings) trainings of \(images) pictures, \(labelled) looked at by teachers, \(looked) to measure: about "
                + "\(hours < 1 ? "\(Int((hours * 60).rounded(.up))) minutes" : "\(TextTable.fixed(hours, 1)) hours") at \(TextTable.fixed(rate, 0)) pictures a second (measured just now, "
                + "reading and stages that are done already left out), \(TextTable.fixed(Double(bytes) / 1e6, 0)) MB")
        lines += grid.notes
        text = lines.joined(separator: "\n")
    }
}
