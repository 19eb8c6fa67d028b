import Annotations
import Base
import Journal
import Layers
import Recipes
import Reports
import SelfTraining
import Torch
import Training

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
            if let micro = study.optionalInt("micro") { values["micro"] = .int(micro) }
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
        if methods.contains("human-pool"), !settings.strings("unlabelled").isEmpty {
            throw .usage(
                "--methods human-pool: nobody has labelled the pictures of --unlabelled; labelled ones come with --extra"
            )
        }
        if settings.optionalInt("freeze") != nil || settings.bool("freeze-norms"),
            settings.strings("init").contains("random")
        {
            throw .usage("--freeze and --freeze-norms keep weights as they begin, which --init random makes useless")
        }
        if settings.strings("init").contains("simclr"), settings.optionalInt("pretrain-batch") == 1 {
            throw .usage("--pretrain-batch: a step of SimCLR needs at least two pictures, to be told apart")
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

    /// - Throws: `.usage` where two cells would have one folder, or are one.
    private func requireUnlike() throws(Failure) {
        for (i, a) in cells.enumerated() {
            for b in cells[..<i] {
                var same = b.cell
                same.labels = a.cell.labels
                if same == a.cell {
                    throw .usage(
                        "labels: \(b.cell.labels) and \(a.cell.labels) are the same \(a.cell.labelled) pictures of --train"
                    )
                }
                if a.cell.name == b.cell.name {
                    throw .usage("init: \(b.cell.start) and \(a.cell.start) would have one name, \(a.cell.name)")
                }
            }
        }
    }

    /// Counts the labels of each cell; where nothing is left for a teacher to label, it labels nothing.
    /// - Throws: `.usage` where a share is none, two are the same, or one is too small for a part to be held out.
    mutating func resolve(_ sets: SelfTrainingSets, holdOut: Double) throws(Failure) {
        for i in cells.indices {
            let labelled = try LabelShare.parse(cells[i].cell.labels).pictures(of: sets.data.train.examples.count)
            cells[i].cell.labelled = labelled
            var some = sets.data.train
            some.examples = Array(some.examples.prefix(labelled))
            _ = try some.heldOut(holdOut, seed: 0)
            if sets.pool(besides: labelled) == 0, !cells[i].arms.isDisjoint(with: [.student, .both, .human]) {
                cells[i].arms.subtract([.student, .both, .human])
                if !cells[i].arms.contains(.joint) { cells[i].arms.remove(.control) }
                notes.append("\(cells[i].cell.name): no picture is left unlabelled, so no teacher labels any")
            }
        }
        try requireUnlike()
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
        // What an earlier sitting finished has its link in the study's folder.
        var (doneTrainings, doneImages, doneMeasured, doneLabelled) = (0, 0, 0, 0)
        func has(_ name: String) -> Bool { Files.exists(Files.join(settings.string("out"), name)) }
        for (cell, asked) in zip(grid.cells, options) {
            func folder(_ i: Int) -> String {
                "cells/\(cell.cell.name)/" + (cell.seeds > 1 ? "seed_\(asked.teacher.seed + UInt64(i))/" : "")
            }
            var each = 0
            for arm in cell.arms.union([.teacher]) {
                var own = asked.student.steps * asked.student.batch * 2
                if arm == .teacher { own = asked.teacher.steps * asked.teacher.batch }
                if arm == .joint || arm == .both { own += asked.student.steps * (asked.joint?.images ?? 0) }
                each += own
                for i in 0..<cell.seeds {
                    if has(folder(i) + arm.rawValue) {
                        (doneTrainings, doneImages) = (doneTrainings + 1, doneImages + own)
                    }
                    if has(folder(i) + "eval/\(arm.rawValue)") { doneMeasured += measured }
                }
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
                let pool = sets.pool(besides: cell.cell.labelled)
                labelled += pool * cell.seeds
                doneLabelled += pool * (0..<cell.seeds).count { has(folder($0) + "pseudo/scores") }
            }
            table.add([
                cell.cell.start, cell.cell.augment, "\(cell.cell.labels) (\(cell.cell.labelled))", "\(cell.cell.steps)",
                methods.joined(separator: ", "), "\(cell.seeds)", "\((cell.arms.count + 1) * cell.seeds)",
                "\(each * cell.seeds)",
            ])
        }
        // Each start that is learned, once for a seed.
        let starts = StudyStarts(settings: settings, sets: sets, device: device)
        // Looking is the way forward alone, of full precision's results: about a third of a training's work. A teacher of masks sees
        // a picture in several sizes.
        let isOfMasks = Task.task == .segmentation
        let given = settings.doubles("label-scales")
        let sizes = isOfMasks ? (given.isEmpty ? Segmenter.InferenceOptions.labellingScales : given) : [1]
        let views = sizes.reduce(0) { $0 + $1 * $1 } * (settings.optionalBool("label-flip") == true ? 2 : 1)
        let unseen = Double(looked - doneMeasured) + Double(labelled - doneLabelled) * views
        var work = Double(images - doneImages) + unseen / 3
        for word in Set(grid.cells.map(\.cell.start)).sorted() {
            let seeds = grid.cells.filter { $0.cell.start == word }.map(\.seeds).max() ?? 0
            guard let own = try starts.work(word) else { continue }
            let done = (0..<seeds).count { has(StudyStarts.place(word, seed: options[0].teacher.seed + UInt64($0))) }
            work += own.equivalent * Double(seeds - done)
            (doneTrainings, doneImages) = (doneTrainings + done, doneImages + own.images * done)
            trainings += seeds
            images += own.images * seeds
            table.add([
                word, "-", "-", "\(settings.int("pretrain-steps"))", "pre-training", "\(seeds)", "\(seeds)",
                "\(own.images * seeds)",
            ])
        }
        let recipe = options[0].teacher
        let model = try Task(
            name: recipe.model, classes: sets.data.train.classes, canvas: recipe.canvas, seed: 0, device: device)
        let rate = try TrainingRate.measured(
            images: recipe.micro ?? recipe.batch, canvas: recipe.canvas, precision: recipe.precision,
            maskStride: recipe.labelStride, objective: model.objective)
        let hours = work / rate / 3600
        let weights = 4 * model.parameters.parameterCount
        // What is kept of a picture: boxes and records; a mask, of a pool with its confidence.
        let bytes = trainings * weights + 3 * weights + (looked + labelled) * (isOfMasks ? 1 << 16 : 1 << 15)
        var lines = [table.text]
        let rest =
            doneTrainings == 0
            ? "" : "; \(doneTrainings) of them, of \(doneImages) pictures, are done, and the time is of the others"
        lines.append(
            "\(trainings) trainings of \(images) pictures, \(labelled) looked at by teachers, \(looked) to measure: about "
                + "\(hours < 1 ? "\(Int((hours * 60).rounded(.up))) minutes" : "\(TextTable.fixed(hours, 1)) hours") at \(TextTable.fixed(rate, 0)) pictures a second (measured just now, "
                + "without reading\(rest)), \(TextTable.fixed(Double(bytes) / 1e6, 0)) MB"
        )
        lines += grid.notes
        text = lines.joined(separator: "\n")
    }
}
