import Base
import Evaluation
import Journal

extension StudyReport {
    /// A table with headings: rows of cells.
    struct Table {
        var title: String
        var head: [String]
        var rows: [[String]]

        var markdown: String {
            func plain(_ cell: String) -> String {
                cell.replacingScalars { $0 == "|" ? "\\|" : $0 == "\n" ? " " : $0 == "<" ? "&lt;" : nil }
            }
            func line(_ cells: [String]) -> String { "| " + cells.map(plain).joined(separator: " | ") + " |\n" }
            return "\n### \(title)\n\n" + line(head) + "|" + String(repeating: "---|", count: head.count) + "\n"
                + rows.map(line).joined()
        }

        var text: String {
            var table = TextTable(head)
            for row in rows { table.add(row) }
            return title + "\n" + table.text
        }
    }

    /// Means in the forms of the paper's tables, one for each of what is neither row nor column:
    /// - by method, as its Tables 4, 7 and 8: a row for each start and augmentation;
    /// - by augmentation, as its Table 2, and by share of labels, as its Table 3, where there are several: a row for each
    ///   start and method.
    var tables: [Table] {
        let cells = results.cells
        func unique<T: Hashable>(_ value: (StudyCell) -> T) -> [T] {
            var seen: Set<T> = []
            return cells.map(value).filter { seen.insert($0).inserted }
        }
        let (starts, augments, shares, lengths) = (
            unique(\.start), unique(\.augment), unique(\.labels), unique(\.steps)
        )
        var tables: [Table] = []
        func add(_ title: String, _ head: [String], _ rows: [[String]]) {
            let filled = rows.filter { $0.dropFirst(2).contains { $0 != TextTable.none } }
            if !filled.isEmpty { tables.append(Table(title: title, head: head, rows: filled)) }
        }
        /// Over what an axis has in some cells, if it has more than one thing there.
        func add(
            _ title: String, along axis: [String], _ value: (StudyCell) -> String, _ here: (StudyCell) -> Bool
        ) {
            let columns = axis.filter { word in cells.contains { here($0) && value($0) == word } }
            if columns.count < 2 { return }
            var rows: [[String]] = []
            for start in starts {
                for method in results.methods {
                    rows.append(
                        [start, method.rawValue]
                            + columns.map { word in
                                let cell = cells.first { $0.start == start && here($0) && value($0) == word }
                                return cell.map { self.value($0, method) } ?? TextTable.none
                            })
                }
            }
            add(title, ["start", "method"] + columns, rows)
        }
        for steps in lengths {
            let length = lengths.count > 1 ? ", \(steps) steps" : ""
            for labels in shares {
                let share = labels + (labels.hasSuffix("%") ? " of the labels" : " labelled pictures") + length
                let own = cells.filter { $0.labels == labels && $0.steps == steps }
                let methods = results.methods.filter { method in own.contains { !results.mean($0, method).isNaN } }
                if own.count > 1 || methods.count > 1 || shares.count == 1 {
                    add(
                        "By method, \(share)", ["start", "augment"] + methods.map(\.rawValue),
                        own.map { cell in [cell.start, cell.augment] + methods.map { value(cell, $0) } })
                }
                add("By augmentation, \(share)", along: augments, \.augment) {
                    $0.labels == labels && $0.steps == steps
                }
            }
            let rising = shares.sorted { a, b in
                func pictures(_ share: String) -> Int { cells.first { $0.labels == share }?.labelled ?? 0 }
                return pictures(a) < pictures(b)
            }
            for augment in augments {
                add("By labels, \(augment)\(length)", along: rising, \.labels) {
                    $0.augment == augment && $0.steps == steps
                }
            }
        }
        return tables
    }

    /// "24.1 (+1.4 ±0.5) [paper 34.1 (+3.4)]": the mean, what it adds to its control (of a supervised arm: to the one that
    /// began at random) with its own interval where there are seeds for one, and the paper's own where it has the cell.
    private func value(_ cell: StudyCell, _ method: StudyMethod) -> String {
        func signed(_ points: Double) -> String {
            let text = TextTable.fixed(points, 1)
            return text.hasPrefix("-") ? text : "+" + text
        }
        let mean = results.mean(cell, method)
        if mean.isNaN { return TextTable.none }
        var random = cell
        random.start = "random"
        let gain: Double?
        switch method {
        case .supervised: gain = random == cell ? nil : results.meanDifference((cell, method), (random, method))
        case .control: gain = nil
        default: gain = results.meanDifference((cell, method), (cell, .control))
        }
        let base = method == .supervised ? StudyMethod.supervised : .control
        let asked = contrasts.first {
            $0.cell == cell && $0.arms == (method, base)
                && (method != .supervised || $0.question == "start \(cell.start) instead of random")
        }
        let margin = asked.flatMap { $0.comparison.margin.isNaN ? nil : " ±" + TextTable.points($0.comparison.margin) }
        var text = TextTable.points(mean) + (gain.map { " (\(signed($0 * 100))\(margin ?? ""))" } ?? "")
        if let paper = paper(cell, method) {
            let base = paperTables.base(cell.start, method, cell.augment, cell.labels)
            text += " [paper \(TextTable.fixed(paper, 1))" + (base.map { " (\(signed(paper - $0)))" } ?? "") + "]"
        }
        return text
    }

    /// The paper's number of a cell, in points.
    func paper(_ cell: StudyCell, _ method: StudyMethod) -> Double? {
        paperTables.points(cell.start, method, cell.augment, cell.labels)
    }

    var paperTables: PaperTables { PaperTables(metric: results.metric, isResNet50: results.isResNet50) }
}
