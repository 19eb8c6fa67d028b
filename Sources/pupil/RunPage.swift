import Annotations
import Base
import Evaluation
import Journal
import Models
import Reports
import SelfTraining
import Torch
import Training

/// `report.html` of a run or a study, with plotly.js beside it.
enum RunPage {
    /// - Parameters:
    ///   - folds: in the order of the grid and of seeds; the first one that finished, with a teacher's labels if any
    ///     has them, is looked at closely.
    ///   - threshold: from which the teacher's boxes became labels.
    ///
    /// What goes wrong is said and no more: the run is done, and its numbers are told.
    /// - Throws: `.interrupted` or `.terminated` after a signal.
    static func write<Task: CommandTask>(
        _ report: StudyReport, _ folds: [(cell: StudyCell, fold: Fold)], _ data: SelfTrainingData,
        threshold: Double, precision: DType?, resources: Resources, in folder: RunFolder, _ task: Task.Type
    ) throws(Failure) {
        do throws(Failure) {
            try make(
                report, folds, data, threshold: threshold, precision: precision, resources: resources,
                in: folder, task)
        } catch {
            if [.interrupted, .terminated].contains(error.code) { throw error }
            folder.log("warning: no page could be made: \(error.message)")
        }
    }

    private static func make<Task: CommandTask>(
        _ report: StudyReport, _ folds: [(cell: StudyCell, fold: Fold)], _ data: SelfTrainingData,
        threshold: Double, precision: DType?, resources: Resources, in folder: RunFolder, _: Task.Type
    ) throws(Failure) {
        var page = ReportPage(report)
        if let first = finished(folds.filter { $0.fold.labelling != nil }) ?? finished(folds) {
            let reported = data.test ?? data.validation
            let look = try Task.closerLook(
                first.fold, reported, threshold: threshold, precision: precision, resources: resources)
            page.details = look.details
            page.gallery = look.gallery
            if look.pictures < reported.examples.count {
                page.detailsPictures = (look.pictures, reported.examples.count)
            }
            page.detailsOf =
                (Set(folds.map(\.cell)).count > 1 ? "\(first.cell.name), " : "") + "seed \(first.fold.seed), on "
                + report.results.reportedSet
        }
        (page.learning, page.learningAxis) = try learning(folds, metric: Task.words.metric)
        let script = folder.file("plotly.min.js")
        if let plotly {
            if !Files.exists(script) { try Files.write(try Files.read(plotly), to: script) }
        } else {
            page.hasCharts = Files.exists(script)
            folder.log("no plotly.js beside the program, so the page has no charts (make deps brings it)")
        }
        try Files.write(page.html(in: try Files.absolute(folder.path)), to: folder.file("report.html"))
    }

    private static func finished(_ folds: [(cell: StudyCell, fold: Fold)]) -> (cell: StudyCell, fold: Fold)? {
        Fold.firstFinished(folds.map(\.fold)).map { folds[$0] }
    }

    /// Loss by steps, or the metric on the way where it was looked at, on the validation set or the held-out part: a line an arm, of the first
    /// seed of each cell that finished.
    private static func learning(
        _ folds: [(cell: StudyCell, fold: Fold)], metric: String
    ) throws(Failure) -> (lines: [ChartLine], axis: String) {
        var losses: [ChartLine] = []
        var metrics: [ChartLine] = []
        var seen: Set<StudyCell> = []
        let hasCells = Set(folds.map(\.cell)).count > 1
        for cell in folds.map(\.cell) where seen.insert(cell).inserted {
            guard let fold = finished(folds.filter { $0.cell == cell })?.fold else { continue }
            for (arm, name) in ArmName.allCases.compactMap({ arm in StudyMethod(arm: arm.rawValue).map { (arm, $0) } })
            {
                guard let stage = fold.arms[arm]?.stage else { continue }
                let title = (hasCells ? cell.name + ", " : "") + name.rawValue
                let lines = try MetricsLog.read(stage.file("metrics.jsonl"))
                let step = max(1, lines.count / 200)
                var line = ChartLine(name: title, x: [], y: [])
                for start in stride(from: 0, to: lines.count, by: step) {
                    let part = lines[start..<min(start + step, lines.count)]
                    let values = part.compactMap { $0["loss"]?.double }
                    guard let at = part.last?["step"]?.double, !values.isEmpty else { continue }
                    line.x.append(at)
                    line.y.append(values.reduce(0, +) / Double(values.count))
                }
                losses.append(line)
                if Files.exists(stage.file("results.csv")) {
                    metrics.append(try results(stage.file("results.csv"), metric, title))
                }
            }
        }
        return metrics.contains { $0.x.count > 1 } ? (metrics, metric) : (losses, "loss")
    }

    private static func results(_ path: String, _ metric: String, _ title: String) throws(Failure) -> ChartLine {
        var line = ChartLine(name: title, x: [], y: [])
        // A metric that is not defined on a set has empty cells, which are cells.
        let rows = try Files.readText(path).split(separator: "\n").map {
            $0.split(separator: ",", omittingEmptySubsequences: false)
        }
        guard let head = rows.first, let x = head.firstIndex(of: "step"), let y = head.firstIndex(of: metric[...])
        else {
            return line
        }
        for row in rows.dropFirst() where row.count == head.count {
            guard let step = Double(row[x]), let value = Double(row[y]) else { continue }
            line.x.append(step)
            line.y.append(value)
        }
        return line
    }

    /// plotly.js as `make deps` or `make install` laid it: in a folder above the program's.
    private static var plotly: String? {
        guard var place = try? Files.absolute("/proc/self/exe") else { return nil }
        while place.count > 1 {
            place = Files.folder(place)
            for name in [".deps/plotly/plotly.min.js", "share/pupil/plotly.min.js"] {
                let file = Files.join(place, name)
                if Files.exists(file) { return file }
            }
        }
        return nil
    }
}

extension StudyReport {
    /// As text and tables: `report.md`, `arms.csv`, `contrasts.csv`.
    func write(in folder: RunFolder) throws(Failure) {
        try Files.write(markdown, to: folder.file("report.md"))
        try Files.write(armsCSV, to: folder.file("arms.csv"))
        try Files.write(contrastsCSV, to: folder.file("contrasts.csv"))
    }
}

extension StudyResults {
    /// Nothing measured yet.
    init<Task: CommandTask>(
        _ data: SelfTrainingData, cells: [StudyCell], model: String, title: String, _: Task.Type
    ) {
        self.init(
            metric: Task.words.metric, classes: data.train.classes.names,
            reportedSet: data.test == nil ? "val" : "test", cells: cells)
        self.title = title
        isResNet50 = (try? Zoo.model(model))?.family == "resnet50"
        density = (Task.words.density, Task.words.densityScale)
    }

    /// Adds what a fold measured, and what failed of it.
    mutating func add<Task: CommandTask>(_ fold: Fold, _ cell: StudyCell, _: Task.Type) throws(Failure) {
        if let kept = fold.kept, let looked = fold.labelling?.stage.result {
            labels.append(
                StudyLabels(
                    cell: cell, seed: fold.seed, kept: kept.all, human: fold.human.all, precision: fold.precision?.all,
                    images: looked["pictures"]?.int ?? 0, seconds: looked["seconds"]?.double ?? .nan))
        }
        for arm in ArmName.allCases {
            guard let method = StudyMethod(arm: arm.rawValue) else { continue }
            if let failure = fold.failures[arm] {
                // Further lines are for the log: histograms and the like.
                let reason = failure.message.split(separator: "\n").first.map(String.init) ?? ""
                failures.append((cell, method, fold.seed, reason))
            }
            guard let done = fold.arms[arm] else { continue }
            let records = done.evaluation.file("records.json")
            arms.append(
                StudyArm(
                    cell: cell, method: method, seed: fold.seed,
                    metric: done.metrics[metric]?.double ?? .nan,
                    perClass: classes.map { Task.metric(of: $0, in: done.metrics) ?? .nan },
                    images: done.images, seconds: done.seconds,
                    records: try PictureRecords(try Files.readJSON(records), path: records)))
        }
    }
}
