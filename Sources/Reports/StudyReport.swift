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
        for method in StudyMethod.allCases where !results.methods.contains(method) {
            let failed = results.failures.filter { $0.method == method }
            if let first = failed.first {
                lines.append(
                    "\(method.rawValue) could not be trained, \(failed.count) times of \(failed.count): \(first.reason)"
                )
            }
        }
        let rank: (StudyContrast) -> Int = {
            switch $0.verdict {
            case .helps, .hurts: 0
            case .withinNoise, .withinNoiseOfAll, .same: 1
            case .none: 2
            }
        }
        for contrast in contrasts.enumerated().sorted(by: { (rank($0.1), $0.0) < (rank($1.1), $1.0) }).map(\.1) {
            let most = results.arms(contrast.cell, .supervised).count
            lines.append(
                "\(contrast.question) (\(place(contrast))): \(contrast.sentence(metric: results.metric))"
                    + (contrast.comparison.n < most ? " (\(contrast.comparison.n) of \(most) seeds)" : ""))
        }
        for worth in results.timeWorths {
            let own = results.starts.filter { $0.word == worth.cell.start }
            lines.append(
                worth.sentence
                    + (own.isEmpty
                        ? ""
                        : ", its pre-training of \(own[0].images) pictures not counted"))
        }
        lines += results.timeObstacles
        // Where nothing is asked, what there is.
        if contrasts.isEmpty {
            for cell in results.cells {
                for method in results.methods where !results.mean(cell, method).isNaN {
                    let seeds = results.arms(cell, method).count
                    lines.append(
                        "\(method.rawValue) from \(cell.start) with \(cell.labelled) labelled pictures, \(cell.augment), "
                            + "\(cell.steps) steps: \(TextTable.points(results.mean(cell, method))) \(results.metric) on "
                            + results.reportedSet + (seeds > 1 ? ", the mean of \(seeds) seeds" : ""))
                }
            }
        }
        return lines
    }

    /// What of a cell has to be said: what differs in the study.
    func place(_ contrast: StudyContrast) -> String {
        let cell = contrast.cell
        func varies<T: Hashable>(_ value: (StudyCell) -> T) -> Bool { Set(results.cells.map(value)).count > 1 }
        var parts: [String] = []
        // What the question itself says is not repeated.
        let isOfStart = contrast.question.hasPrefix("start ")
        let isOfLength = contrast.question.hasSuffix(" steps")
        let isOfAugment = !isOfStart && !isOfLength && contrast.question.contains(" instead of ")
        if !isOfStart, varies(\.start) { parts.append(cell.start) }
        if !isOfAugment, varies(\.augment) { parts.append(cell.augment) }
        if varies(\.labels) { parts.append(cell.labels) }
        if !isOfLength, varies(\.steps) { parts.append("\(cell.steps) steps") }
        return parts.isEmpty ? cell.labels : parts.joined(separator: ", ")
    }

    // MARK: - Tables

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
                func p(_ x: Double) -> String {
                    if x.isNaN || x < 0.001 { return x.isNaN ? "-" : "< 0.001" }
                    // On which side of the level it lies is to be seen.
                    return abs(x - Verdict.level) < 0.0005 ? TextTable.fixed(x, 6) : TextTable.fixed(x, 3)
                }
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
                    bySeed(cell, arms), "\(arms[0].images)",
                    TextTable.fixed(arms.reduce(0) { $0 + $1.seconds } / n / 60, 1),
                ])
                // The teacher's work for those that come after it.
                let looked = method == .supervised ? results.labels.filter { $0.cell == cell } : []
                if let first = looked.first {
                    let minutes = looked.map(\.seconds).filter { !$0.isNaN }
                    rows.append([
                        cell.start, cell.augment, cell.labels, "\(cell.steps)", "labelling", TextTable.none,
                        "\(first.images)",
                        TextTable.fixed(minutes.reduce(0, +) / Double(minutes.count) / 60, 1),
                    ])
                }
            }
        }
        for start in results.startWords {
            let own = results.starts.filter { $0.word == start }
            rows.append([
                start, TextTable.none, TextTable.none, "\(own[0].steps)", "pre-training", TextTable.none,
                "\(own[0].images)",
                TextTable.fixed(own.reduce(0) { $0 + $1.seconds } / Double(own.count) / 60, 1),
            ])
        }
        return Table(
            title:
                "Arms: images and minutes of each training or labelling by itself, means over seeds",
            head: ["start", "augment", "labels", "steps", "method", "\(results.metric) by seed", "images", "minutes"],
            rows: rows)
    }

    /// The metric of each seed of a cell, "-" where an arm has none of it.
    private func bySeed(_ cell: StudyCell, _ arms: [StudyArm]) -> String {
        let seeds = Set(results.arms.lazy.filter { $0.cell == cell }.map(\.seed)).sorted()
        return seeds.map { seed in TextTable.points(arms.first { $0.seed == seed }?.metric) }.joined(separator: " ")
    }

    /// How teachers labelled, means over seeds; nil where none did.
    var labelTable: Table? {
        let own = results.cells.map { cell in (cell, results.labels.filter { $0.cell == cell }) }.filter { !$1.isEmpty }
        if own.isEmpty { return nil }
        func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
        func density(_ x: Double) -> String { TextTable.fixed(x * results.density.scale, 2) }
        return Table(
            title: "Teachers' labels, \(results.density.unit)",
            head: ["start", "augment", "labels", "steps", "kept", "people's", "ratio", "right on held-out pictures"],
            rows: own.map { cell, labels in
                let (kept, human) = (mean(labels.map(\.kept)), mean(labels.map(\.human)))
                let right = labels.compactMap(\.precision).filter { !$0.isNaN }
                return [
                    cell.start, cell.augment, cell.labels, "\(cell.steps)", density(kept), density(human),
                    human > 0 ? TextTable.fixed(kept / human, 2) : TextTable.none,
                    right.isEmpty ? TextTable.none : TextTable.points(mean(right)) + "%",
                ]
            })
    }

    /// For the terminal.
    public var text: String {
        var parts = (tables + [labelTable].compactMap(\.self)).map(\.text)
        parts.append(summary.map { "- " + $0 }.joined(separator: "\n") + "\n")
        parts += notes
        return parts.joined(separator: "\n")
    }

    /// How the numbers are to be read, what failed, what is doubtful.
    var notes: [String] {
        let judged = contrasts.count { !$0.adjusted.isNaN }
        var notes = [
            "\(results.metric) in points on \(results.reportedSet), means over seeds; in brackets, by shared seeds, the difference to the "
                + "control, which saw as many pictures with the task's labels, all of them people's, and of supervised training that to "
                + "its random start. Intervals of 95% by themselves, over seeds and pictures; "
                + "verdicts after Holm's correction over the \(judged) question\(judged == 1 ? "" : "s") with three seeds, if their number was "
                + "fixed before looking."
        ]
        if results.cells.contains(where: { cell in
            results.methods.contains { paper(cell, $0) != nil }
        }) {
            notes.append(
                "[paper]: \(paperTables.source); differences to its supervised training, since it has no control, and of that to its random start."
            )
        }
        // Seeds that failed alike are one line.
        var lines: [(what: String, seeds: [UInt64], reason: String)] = []
        for failure in results.failures {
            let what = "\(failure.method.rawValue), \(failure.cell.name)"
            if let i = lines.firstIndex(where: { $0.what == what && $0.reason == failure.reason }) {
                lines[i].seeds.append(failure.seed)
            } else {
                lines.append((what, [failure.seed], failure.reason))
            }
        }
        for line in lines {
            let seeds = line.seeds.sorted().map(String.init).joined(separator: ", ")
            notes.append("failed: \(line.what), seed\(line.seeds.count > 1 ? "s" : "") \(seeds): \(line.reason)")
        }
        return notes + unfinished + warnings.map { "warning: \($0)" }
    }

    /// What makes the answer doubtful, or why there is none.
    private var warnings: [String] { [results.picturesObstacle].compactMap(\.self) + results.warnings }

    /// Where it is not known, or known not to be so, that supervised training had stopped improving before anything was added
    /// to it.
    private var unfinished: [String] {
        guard contrasts.contains(where: { $0.arms.1 == .control }) else { return [] }
        if Set(results.cells.map(\.steps)).count == 1, let steps = results.cells.first?.steps {
            return [
                "whether supervised training stops improving at \(steps) steps is not measured here (`pupil study` with steps: "
                    + "[\(steps), \(2 * steps)] asks); before that a method may only make up for a teacher that has not finished."
            ]
        }
        let end = "what a method adds to a teacher that has finished is not measured here."
        return results.cells.filter { results.isLongest($0) }.compactMap { cell in
            let last = contrasts.first { $0.question.hasSuffix(" steps") && $0.cell == cell }
            guard let last, last.comparison.n >= Comparison.leastSeeds, !last.comparison.margin.isNaN else {
                return
                    "whether supervised training has stopped improving at its longest (\(cell.name)) is not known: \(end)"
            }
            let said =
                "(\(place(last)): \(last.question), \(last.verdict.sentence(last.comparison, metric: results.metric)))"
            if last.verdict == .helps { return "supervised training still improves at its longest \(said): \(end)" }
            // By how much it may still improve, beside what the methods are said to add.
            let gains = contrasts.filter { $0.arms.1 == .control && $0.cell == cell }.map(\.comparison.mean)
            guard let gain = gains.max(), last.comparison.mean + last.comparison.margin >= gain, gain > 0 else {
                return nil
            }
            return "supervised training may still improve at its longest by as much as a method adds \(said)."
        }
    }

    /// `report.md`.
    public var markdown: String {
        var text = "# \(results.title)\n\n"
        text += summary.map { "- " + $0 + "\n" }.joined()
        text += tables.map(\.markdown).joined()
        text += labelTable?.markdown ?? ""
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
                "label_worth", "label_worth_low", "label_worth_high", "label_worth_is_least", "label_worth_is_cut",
            ]
        ]
        for c in contrasts {
            let (mean, margin) = (c.comparison.mean, c.comparison.margin)
            let worth = c.told
            lines.append([
                c.question, c.cell.start, c.cell.augment, c.cell.labels, "\(c.cell.steps)", number(mean),
                number(mean - margin), number(mean + margin), "\(c.comparison.n)", number(c.comparison.p),
                number(c.adjusted), c.verdict.word, number(worth?.share ?? .nan), number(worth?.low ?? .nan),
                number(worth?.high ?? .nan), worth.map { "\($0.isAtLeast)" } ?? "", worth.map { "\($0.isCut)" } ?? "",
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

/// A name that a spreadsheet would take for a formula gets an apostrophe before it.
private func csv(_ lines: [[String]]) -> String {
    lines.map { line in
        line.map { cell in
            let isFormula = cell.unicodeScalars.first.map { "=+-@\t\r".unicodeScalars.contains($0) } ?? false
            return (isFormula && Double(cell) == nil ? "'" + cell : cell).asCSVField
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
                    if let worth = c.told {
                        item["label_worth"] = [
                            "share": .number(worth.share), "low": .number(worth.low), "high": .number(worth.high),
                            "is_at_least": .bool(worth.isAtLeast), "is_cut": .bool(worth.isCut),
                        ]
                    }
                    return .object(item)
                }),
            "time_worths": .array(
                results.timeWorths.map { w in
                    [
                        "cell": w.cell.json, "other": .string(w.other), "times": .number(w.times),
                        "low": .number(w.low), "high": .number(w.high), "seeds": .int(w.seeds),
                        "is_at_least": .bool(w.isAtLeast),
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
            "labels": .array(
                results.labels.map { l in
                    [
                        "cell": l.cell.json, "seed": .int(Int(l.seed)), "kept": .number(l.kept),
                        "human": .number(l.human),
                        "precision": l.precision.map { .number($0) } ?? .null, "images": .int(l.images),
                        "seconds": .number(l.seconds),
                    ]
                }),
            "starts": .array(
                results.starts.map { s in
                    [
                        "start": .string(s.word), "seed": .int(Int(s.seed)), "steps": .int(s.steps),
                        "images": .int(s.images), "seconds": .number(s.seconds),
                    ]
                }),
            "failures": .array(
                results.failures.map { f in
                    [
                        "cell": f.cell.json, "method": .string(f.method.rawValue), "seed": .int(Int(f.seed)),
                        "reason": .string(f.reason),
                    ]
                }),
            "warnings": .array(warnings.map { .string($0) }),
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
