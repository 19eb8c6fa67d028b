import Base
import Evaluation
import Imaging
import Journal

/// A study or a run as one page that opens from disk: nothing is fetched, plotly.js lies beside it. Without plotly.js all but
/// the charts is there.
public struct ReportPage: Sendable {
    /// What is said.
    public var report: StudyReport
    /// Loss, or the metric on the validation set, by steps.
    public var learning: [ChartLine]
    /// What the learning lines show: `loss`, or the metric.
    public var learningAxis: String
    /// Arms looked at closely, by one seed.
    public var details: [ArmDetails]
    /// Pseudo-labels to look at.
    public var gallery: Gallery?
    /// Whose the details and the gallery are, such as a cell and a seed.
    public var detailsOf = ""
    /// Of how many pictures of the reported set the details are, and how many it has; nil: of all.
    public var detailsPictures: (some: Int, all: Int)?
    /// Whether plotly.min.js lies beside the page; without it there are no charts.
    public var hasCharts = true

    /// A page without its closer looks.
    public init(_ report: StudyReport) {
        self.report = report
        learning = []
        learningAxis = "loss"
        details = []
    }

    private var whose: String {
        if detailsOf.isEmpty { return "" }
        let part = detailsPictures.map { ", by \($0.some) of its \($0.all) pictures" } ?? ""
        return " Of \(detailsOf)\(part)."
    }

    /// The page.
    /// - Parameter folder: where it will lie, an absolute path: pictures are shown from where they are.
    public func html(in folder: String) -> String {
        let summary = report.summary
        let body = [
            "<h1>\(report.results.title.asHTML)</h1>",
            "<ul id=\"summary\">" + summary.map { "<li>\($0.asHTML)</li>" }.joined(separator: "\n") + "</ul>",
            (report.tables + [report.labelTable].compactMap(\.self)).map { table($0) }.joined(),
            "<p class=\"note\">" + report.notes.map(\.asHTML).joined(separator: "<br>\n") + "</p>",
            section("Questions", "forest", "How large each difference is, with its interval of 95%."),
            section(
                "Labels", "labels", "\(report.results.metric) against labelled pictures, a line a start and method."),
            section("Learning", "learning", "By steps, of each cell the first seed that finished."),
            section(
                "Precision and recall", "curves",
                (isOfBoxes ? "At an IoU of 0.5" : "Of pixels, by their probability") + ", of the class chosen.\(whose)",
                "<label>class <select id=\"curve-class\"></select></label>"),
            section(
                "Precision against the threshold", "threshold",
                "Which part of the \(unit) above a score is right.\(whose)"),
            section(
                "Calibration", "calibration",
                "Which part of the \(unit) of a score is right; on the line score and part agree.\(whose)"),
            section(
                "Confusion", "confusion",
                (isOfBoxes
                    ? "Rows are people's labels, columns are boxes above 0.5; the last are background."
                    : "Rows are people's labels, columns what pixels were taken for, in percent of the row.") + whose,
                "<label>arm <select id=\"confusion-arm\"></select></label>"),
            gallerySection,
            "<details><summary>All questions and all arms</summary>" + table(report.contrastTable)
                + table(report.costTable) + "</details>",
        ]
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width">
            <title>\(report.results.title.asHTML)</title>
            <style>\(PageAssets.style)</style>
            \(hasCharts ? "<script src=\"plotly.min.js\"></script>" : "")
            </head>
            <body>
            \(body.joined(separator: "\n"))
            <script type="application/json" id="data">\(data(folder).canonical.replacingScalars { $0 == "<" ? "\\u003c" : nil })</script>
            <script>\(PageAssets.script)</script>
            </body>
            </html>

            """
    }

    private func section(_ title: String, _ id: String, _ note: String, _ controls: String = "") -> String {
        "<section id=\"\(id)-section\" hidden><h2>\(title.asHTML)</h2><p class=\"note\">\(note.asHTML) \(controls)</p>"
            + "<div id=\"\(id)\" class=\"chart\"></div></section>"
    }

    /// What is learned of: the metric says it.
    private var isOfBoxes: Bool { report.results.metric != "mIoU" }
    private var unit: String { isOfBoxes ? "boxes" : "pixels" }

    private var gallerySection: String {
        guard let gallery else { return "" }
        let amounts =
            isOfBoxes
            ? [("any", "any number"), ("0", "none"), ("1", "1 or more"), ("5", "5 or more")]
            : [("any", "any part"), ("0", "none"), ("0.000001", "some"), ("0.5", "half or more")]
        let options = amounts.map { "<option value=\"\($0.0)\">\($0.1)</option>" }.joined()
        return """
            <section id="gallery-section"><h2>Pseudo-labels</h2>
            <p class="note">\(gallery.pictures.count) of the \(gallery.pool) pictures of the pool: the surest, the least sure, and
            some at random. \(isOfBoxes ? "Boxes from the slider's score on are bright" : "Pixels from the slider's probability on are coloured");
            the run took those from \(TextTable.fixed(gallery.threshold, 2)) on.</p>
            <p class="controls">
            <label>score <input type="range" id="score" min="0" max="1" step="0.01" value="\(gallery.threshold)">
            <output id="score-shown"></output></label>
            <label>class <select id="gallery-class"></select></label>
            <label>\(unit) <select id="gallery-count">\(options)</select></label>
            <label>order <select id="gallery-order"><option value="surest">surest first</option>
            <option value="unsurest">least sure first</option><option value="apart">teacher and student apart</option>
            <option value="name">by name</option></select></label>
            <label>\(unit) of <select id="gallery-who"><option value="teacher">the teacher</option>
            <option value="student">the student</option>
            <option value="both">\(isOfBoxes ? "both" : "where they differ")</option></select></label>
            <span id="gallery-shown"></span></p>
            <p class="controls" id="gallery-legend"></p>
            <div id="gallery"></div></section>
            """
    }

    private func table(_ table: StudyReport.Table) -> String {
        let head = table.head.map { "<th>\($0.asHTML)</th>" }.joined()
        let rows = table.rows.map { row in
            "<tr>" + row.map { "<td>\($0.asHTML)</td>" }.joined() + "</tr>"
        }.joined(separator: "\n")
        return
            "<h2>\(table.title.asHTML)</h2><table><thead><tr>\(head)</tr></thead><tbody>\(rows)</tbody></table>\n"
    }

    /// What the charts are drawn from.
    private func data(_ folder: String) -> JSON {
        let results = report.results
        var labels: [JSON] = []
        for line in results.labelLines { labels.append(line.json) }
        return [
            "metric": .string(results.metric), "unit": .string(unit),
            "classes": .array(results.classes.map { .string($0) }),
            "contrasts": .array(
                report.contrasts.map { c in
                    let (mean, margin) = (c.comparison.mean, c.comparison.margin)
                    return [
                        "name": .string("\(c.question) (\(report.place(c)))"), "mean": .number(mean * 100),
                        "margin": .number(margin * 100), "verdict": .string(c.verdict.word),
                    ]
                }),
            "labels": .array(labels), "learning": .array(learning.map(\.json)), "learning_axis": .string(learningAxis),
            "mask_colors": .array(
                isOfBoxes
                    ? []
                    : results.classes.indices.map { k in
                        .array((0..<3).map { .int(Int(Color.vocPalette[min(k, 255) * 3 + $0])) })
                    }),
            "details": .array(details.map(\.json)), "gallery": gallery?.json(from: folder) ?? .null,
        ]
    }
}

extension StudyResults {
    /// The metric in points against labelled pictures: a line a start, augmentation, length and method that has two shares.
    var labelLines: [ChartLine] {
        var lines: [ChartLine] = []
        var seen: Set<String> = []
        for cell in cells {
            for method in methods {
                let name = "\(cell.start), \(cell.augment), \(cell.steps) steps, \(method.rawValue)"
                if !seen.insert(name).inserted { continue }
                let points = cells.filter {
                    $0.start == cell.start && $0.augment == cell.augment && $0.steps == cell.steps
                }.map { (Double($0.labelled), mean($0, method) * 100) }.filter { !$0.1.isNaN }.sorted { $0.0 < $1.0 }
                // A single point of what every line has is no line.
                if points.count < 2, method == .supervised || method == .control { continue }
                if !points.isEmpty { lines.append(ChartLine(name: name, x: points.map(\.0), y: points.map(\.1))) }
            }
        }
        return lines.contains { $0.x.count > 1 } ? lines : []
    }
}
