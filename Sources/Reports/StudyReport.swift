import Base
import Evaluation
import Journal

/// What a study says: for people, as a page of Markdown and as tables for a spreadsheet.
public struct StudyReport: Sendable {
    /// What it is made of.
    public let results: StudyResults
    /// The answers, with their intervals.
    public let contrasts: [StudyContrast]

    /// Asks every question (`StudyResults.contrasts`).
    public init(_ results: StudyResults, draws: Int = 1000) {
        self.results = results
        contrasts = results.contrasts(draws: draws)
    }

    // MARK: - In words

    /// A line for each question, those that are answered first.
    public var summary: [String] {
        var lines: [String] = []
        let rank: (StudyContrast) -> Int = {
            switch $0.verdict {
            case .helps, .hurts: 0
            case .withinNoise, .withinNoiseOfAll, .same: 1
            case .none: 2
            }
        }
        for contrast in contrasts.enumerated().sorted(by: { (rank($0.1), $0.0) < (rank($1.1), $1.0) }).map(\.1) {
            lines.append("\(contrast.question) (\(place(contrast))): \(contrast.sentence(metric: results.metric))")
        }
        lines += results.timeWorths.map(\.sentence)
        return lines
    }

    /// What of a cell has to be said: what differs in the study.
    func place(_ contrast: StudyContrast) -> String {
        let cell = contrast.cell
        func varies<T: Hashable>(_ value: (StudyCell) -> T) -> Bool { Set(results.cells.map(value)).count > 1 }
        var parts: [String] = []
        if !contrast.question.hasPrefix("start "), varies(\.start) { parts.append(cell.start) }
        if !contrast.question.contains(" instead of ") || contrast.question.hasPrefix("start "), varies(\.augment) {
            parts.append(cell.augment)
        }
        if varies(\.labels) { parts.append(cell.labels) }
        if varies(\.steps) { parts.append("\(cell.steps) steps") }
        return parts.isEmpty ? cell.labels : parts.joined(separator: ", ")
    }

    // MARK: - Tables

    /// A table with headings: rows of cells.
    struct Table {
        var title: String
        var head: [String]
        var rows: [[String]]

        var markdown: String {
            func line(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |\n" }
            return "\n### \(title)\n\n" + line(head) + "|" + String(repeating: "---|", count: head.count) + "\n"
                + rows.map(line).joined()
        }

        var text: String {
            var table = TextTable(head)
            for row in rows { table.add(row) }
            return title + "\n" + table.text
        }
    }

    /// The paper's Table 2: starts and methods by augmentation, one for each share of labels and length.
    /// Its Table 3: by share of labels, one for each augmentation and length. Each only where there is more than one column.
    var tables: [Table] {
        let cells = results.cells
        var tables: [Table] = []
        func unique<T: Hashable>(_ value: (StudyCell) -> T) -> [T] {
            var seen: Set<T> = []
            return cells.map(value).filter { seen.insert($0).inserted }
        }
        let (starts, augments, shares, lengths) = (
            unique(\.start), unique(\.augment), unique(\.labels), unique(\.steps)
        )
        /// One table over what an axis has in some cells, if it has more than one thing there.
        func add(
            _ title: String, _ axis: [String], _ value: (StudyCell) -> String, _ here: (StudyCell) -> Bool,
            even least: Int = 2
        ) {
            let columns = axis.filter { word in cells.contains { here($0) && value($0) == word } }
            if columns.count < least { return }
            var rows: [[String]] = []
            for start in starts {
                for method in results.methods {
                    let row = columns.map { word in
                        let cell = cells.first { $0.start == start && here($0) && value($0) == word }
                        return cell.map { self.value($0, method) } ?? TextTable.none
                    }
                    if row.contains(where: { $0 != TextTable.none }) { rows.append([start, method.rawValue] + row) }
                }
            }
            if !rows.isEmpty { tables.append(Table(title: title, head: ["start", "method"] + columns, rows: rows)) }
        }
        for steps in lengths {
            let length = lengths.count > 1 ? ", \(steps) steps" : ""
            for labels in shares {
                let share = labels + (labels.hasSuffix("%") ? " of the labels" : " labelled pictures")
                add(
                    (augments.count > 1 ? "By augmentation, " : "") + share + length, augments, \.augment,
                    { $0.labels == labels && $0.steps == steps }, even: shares.count == 1 ? 1 : 2)
            }
            for augment in augments {
                add("By labels, \(augment)\(length)", shares, \.labels) { $0.augment == augment && $0.steps == steps }
            }
        }
        return tables
    }

    /// "24.1 (+1.4) [paper 34.1 (+3.4)]": the mean, what it adds to its control, and the paper's own where it has the cell.
    private func value(_ cell: StudyCell, _ method: StudyMethod) -> String {
        func signed(_ points: Double) -> String {
            let text = TextTable.fixed(points, 1)
            return text.hasPrefix("-") ? text : "+" + text
        }
        let mean = results.mean(cell, method)
        if mean.isNaN { return "-" }
        var text = TextTable.points(mean)
        if ![.supervised, .control].contains(method), let gain = results.meanDifference(cell, method, .control) {
            text += " (\(signed(gain * 100)))"
        }
        if let paper = paper(cell, method) {
            text += " [paper \(TextTable.fixed(paper, 1))"
            if method != .supervised,
                let base = self.paper(cell, .supervised)
            {
                text += " (\(signed(paper - base)))"
            }
            text += "]"
        }
        return text
    }

    /// The paper's AP of a cell, where AP is what is measured.
    private func paper(_ cell: StudyCell, _ method: StudyMethod) -> Double? {
        results.metric == "AP" ? PaperTables.ap(cell.start, method, cell.augment, cell.labels) : nil
    }

    /// Every question with its numbers.
    var contrastTable: Table {
        Table(
            title: "Questions",
            head: ["question", "where", "difference", "interval", "seeds", "p", "p (Holm)", "verdict"],
            rows: contrasts.map { c in
                let (mean, margin) = (c.comparison.mean, c.comparison.margin)
                func points(_ x: Double) -> String {
                    let text = TextTable.points(x)
                    return text.hasPrefix("-") ? text : "+" + text
                }
                func p(_ x: Double) -> String { x.isNaN ? "-" : x < 0.001 ? "< 0.001" : TextTable.fixed(x, 3) }
                return [
                    c.question, place(c), points(mean),
                    margin.isNaN ? "-" : "\(points(mean - margin)) to \(points(mean + margin))", "\(c.comparison.n)",
                    p(c.comparison.p), p(c.adjusted), c.sentence(metric: results.metric),
                ]
            })
    }

    /// What every kind of arm cost.
    var costTable: Table {
        var rows: [[String]] = []
        for cell in results.cells {
            for method in results.methods {
                let arms = results.arms(cell, method)
                if arms.isEmpty { continue }
                let n = Double(arms.count)
                rows.append([
                    cell.start, cell.augment, cell.labels, "\(cell.steps)", method.rawValue,
                    arms.map { TextTable.points($0.metric) }.joined(separator: " "), "\(arms[0].images)",
                    TextTable.fixed(arms.reduce(0) { $0 + $1.seconds } / n / 60, 1),
                ])
            }
        }
        return Table(
            title: "Arms",
            head: ["start", "augment", "labels", "steps", "method", "\(results.metric) by seed", "images", "minutes"],
            rows: rows)
    }

    /// For the terminal.
    public var text: String {
        var parts = tables.map(\.text)
        parts.append(summary.map { "- " + $0 }.joined(separator: "\n") + "\n")
        parts += notes
        return parts.joined(separator: "\n")
    }

    /// How the numbers are to be read, what failed, what is doubtful.
    var notes: [String] {
        var notes = [
            "\(results.metric) in points on \(results.reportedSet), means over seeds; in brackets the difference to the control, "
                + "by shared seeds; it saw as many pictures with the task's labels, all of them people's. Intervals of 95% by themselves, over seeds and pictures; "
                + "verdicts after Holm's correction over the \(contrasts.count) question\(contrasts.count == 1 ? "" : "s")."
        ]
        if results.cells.contains(where: { cell in
            results.methods.contains { paper(cell, $0) != nil }
        }) {
            notes.append(
                "[paper]: COCO, EfficientNet-B7, Zoph et al. 2020, Tables 2, 3 and 7 and Figure 3; for any start but random its "
                    + "ImageNet start, and differences to its supervised row, since it has no control.")
        }
        for failure in results.failures {
            notes.append(
                "failed: \(failure.method.rawValue), \(failure.cell.name), seed \(failure.seed): \(failure.reason)")
        }
        return notes + results.warnings.map { "warning: \($0)" }
    }

    /// `report.md`.
    public var markdown: String {
        var text = "# What helps here\n\n"
        text += summary.map { "- " + $0 + "\n" }.joined()
        text += tables.map(\.markdown).joined()
        text += contrastTable.markdown
        text += costTable.markdown
        return text + "\n" + notes.map { $0 + "\n" }.joined(separator: "\n")
    }

    // MARK: - For spreadsheets

    /// `arms.csv`.
    public var armsCSV: String { results.armsCSV }

    /// `contrasts.csv`: a line for each question.
    public var contrastsCSV: String {
        var lines = [
            [
                "question", "start", "augment", "labels", "steps", "mean", "low", "high", "seeds", "p", "p_holm",
                "verdict",
                "label_worth", "label_worth_low", "label_worth_high",
            ]
        ]
        for c in contrasts {
            let (mean, margin) = (c.comparison.mean, c.comparison.margin)
            lines.append([
                c.question, c.cell.start, c.cell.augment, c.cell.labels, "\(c.cell.steps)", number(mean),
                number(mean - margin), number(mean + margin), "\(c.comparison.n)", number(c.comparison.p),
                number(c.adjusted), c.verdict.word, number(c.labelWorth?.share ?? .nan),
                number(c.labelWorth?.low ?? .nan), number(c.labelWorth?.high ?? .nan),
            ])
        }
        return csv(lines)
    }
}

extension StudyResults {
    /// `arms.csv`: a line for each training.
    public var armsCSV: String {
        var lines = [
            ["start", "augment", "labels", "labelled", "steps", "method", "seed", metric, "images", "seconds"]
                + classes
        ]
        for arm in arms {
            let cell = arm.cell
            lines.append(
                [
                    cell.start, cell.augment, cell.labels, "\(cell.labelled)", "\(cell.steps)", arm.method.rawValue,
                    "\(arm.seed)", number(arm.metric), "\(arm.images)", number(arm.seconds),
                ] + arm.perClass.map(number))
        }
        return csv(lines)
    }
}

private func number(_ x: Double) -> String { x.isNaN ? "" : "\(x)" }

private func csv(_ lines: [[String]]) -> String {
    lines.map { line in
        line.map { cell in
            cell.contains { ",\"\n\r".contains($0) }
                ? "\"" + cell.replacing("\"", with: "\"\"") + "\"" : cell
        }.joined(separator: ",") + "\n"
    }.joined()
}

extension StudyReport {
    /// `summary.json`: the verdicts, fractions of 1, `null` where undefined.
    public var json: JSON {
        [
            "metric": .string(results.metric), "reported_on": .string(results.reportedSet),
            "contrasts": .array(
                contrasts.map { c in
                    let (mean, margin) = (c.comparison.mean, c.comparison.margin)
                    var item: [String: JSON] = [
                        "question": .string(c.question), "cell": c.cell.json,
                        "arms": .array([.string(c.arms.0.rawValue), .string(c.arms.1.rawValue)]),
                        "mean": .number(mean), "low": .number(mean - margin), "high": .number(mean + margin),
                        "seeds": .int(c.comparison.n), "p": .number(c.comparison.p), "p_holm": .number(c.adjusted),
                        "verdict": .string(c.verdict.word), "sentence": .string(c.sentence(metric: results.metric)),
                    ]
                    if let worth = c.labelWorth {
                        item["label_worth"] = [
                            "share": .number(worth.share), "low": .number(worth.low), "high": .number(worth.high),
                        ]
                    }
                    return .object(item)
                }),
            "time_worths": .array(
                results.timeWorths.map { w in
                    [
                        "cell": w.cell.json, "other": .string(w.other), "times": .number(w.times),
                        "low": .number(w.low), "high": .number(w.high), "seeds": .int(w.seeds),
                    ]
                }),
            "arms": .array(
                results.arms.map { arm in
                    [
                        "cell": arm.cell.json, "method": .string(arm.method.rawValue), "seed": .int(Int(arm.seed)),
                        results.metric: .number(arm.metric), "images": .int(arm.images),
                        "seconds": .number(arm.seconds),
                    ]
                }),
            "failures": .array(
                results.failures.map { f in
                    [
                        "cell": f.cell.json, "method": .string(f.method.rawValue), "seed": .int(Int(f.seed)),
                        "reason": .string(f.reason),
                    ]
                }),
            "warnings": .array(results.warnings.map { .string($0) }),
        ]
    }
}

extension Verdict {
    /// One word of it.
    var word: String {
        switch self {
        case .helps: "helps"
        case .hurts: "hurts"
        case .withinNoise, .withinNoiseOfAll, .same: "within noise"
        case .none: "none"
        }
    }
}
