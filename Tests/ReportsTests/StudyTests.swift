import Base
import Evaluation
import Glibc
import Imaging
import Testing

@testable import Reports

@Suite struct StudyTests {
    func cell(
        _ start: String = "random", _ augment: String = "S1", _ labels: String = "10%", _ labelled: Int = 20,
        _ steps: Int = 300
    ) -> StudyCell {
        StudyCell(start: start, augment: augment, labels: labels, labelled: labelled, steps: steps)
    }

    /// An arm whose every picture has one object, found in a part of the pictures by the metric: the mean IoU of one class
    /// is then the metric, and pictures differ.
    func arm(_ cell: StudyCell, _ method: StudyMethod, _ seed: UInt64, _ metric: Double) -> StudyArm {
        var records = PixelRecords(classes: 1)
        for i in 0..<50 {
            var picture = PixelConfusion(classes: 1)
            let right = Int((metric * 1000).rounded()) + (i % 2 == 0 ? 3 : -3)
            picture.add(
                truth: .init(width: 1000, height: 1, labels: [UInt8](repeating: 0, count: 1000)),
                prediction: .init(
                    width: 1000, height: 1,
                    labels: [UInt8](repeating: 0, count: right) + [UInt8](repeating: 255, count: 1000 - right)))
            records.add(picture)
        }
        return StudyArm(
            cell: cell, method: method, seed: seed, metric: metric, perClass: [metric, .nan], images: 4800,
            seconds: 90, records: .pixels(records))
    }

    func study() -> StudyResults {
        let cells = [
            cell(), cell("simclr"), cell("random", "S4"), cell("random", "S1", "25%", 50),
            cell("random", "S1", "50%", 100),
        ]
        var results = StudyResults(metric: "AP", classes: ["a", "b, c"], reportedSet: "test", cells: cells)
        for (i, seed) in [5, 6, 7].enumerated() {
            let seed = UInt64(seed)
            let wobble = [0.002, 0, -0.002][i]
            results.arms += [
                arm(cells[0], .supervised, seed, 0.300 + 5 * wobble), arm(cells[0], .control, seed, 0.310 + 5 * wobble),
                arm(cells[0], .selfTraining, seed, 0.340 + 6 * wobble),
                arm(cells[1], .supervised, seed, 0.301 + 5 * wobble + [0.02, -0.03, 0.01][i]),
                arm(cells[2], .supervised, seed, 0.250 + 5 * wobble),
                arm(cells[3], .supervised, seed, 0.400 + wobble), arm(cells[4], .supervised, seed, 0.500 + wobble),
            ]
        }
        return results
    }

    /// Each question by hand: +3.0 is sure and worth as many labels as the curve says, +0.1 is noise, S4 costs 5.
    @Test func verdicts() throws {
        let report = StudyReport(study())
        #expect(
            report.contrasts.map(\.question) == ["self-training", "start simclr instead of random", "S4 instead of S1"])
        let gain = report.contrasts[0]
        #expect(abs(gain.comparison.mean - 0.03) < 1e-12 && gain.verdict == .helps && gain.comparison.n == 3)
        // From 20 pictures with 30.0 the curve reaches 33.0 at 3/10 of the way to 50, over the logarithm.
        let worth = try #require(gain.labelWorth)
        #expect(abs(worth.share - (pow(50.0 / 20, 0.3) - 1)) < 1e-9 && !worth.isAtLeast)
        #expect(worth.low < worth.share && worth.share < worth.high)
        #expect(
            gain.sentence(metric: "AP").hasPrefix("helps by 3.0 +- ")
                && gain.sentence(metric: "AP").contains("worth 32% more labelled images ("))
        #expect(report.contrasts[1].verdict != .helps && report.contrasts[1].told == nil)
        #expect(report.contrasts[2].verdict == .hurts)
        #expect(report.contrasts[2].sentence(metric: "AP").hasSuffix("no smaller share of labels was measured"))
        // Holm: the least of three p is tripled.
        let p = report.contrasts.map(\.comparison.p)
        let least = try #require(p.indices.min { p[$0] < p[$1] })
        #expect(abs(report.contrasts[least].adjusted - min(1, 3 * p[least])) < 1e-12)
        // All do as well on any draw of pictures as these are alike, so the pictures decide nothing.
        #expect(gain.comparison.pictureVariance < 1e-6)
        // Answers first, noise after.
        #expect(report.summary[0].hasPrefix("self-training (random, S1, 10%): helps"))
        #expect(report.summary.last?.hasPrefix("start simclr") == true)
    }

    @Test func tablesAndFiles() throws {
        var results = study()
        results.failures = [
            (results.cells[2], .selfTraining, 6, "the loss is not finite"),
            (results.cells[3], .selfTraining, 6, "too few labels"),
            (results.cells[3], .selfTraining, 7, "too few labels"),
        ]
        results.labels = [6, 7].map {
            StudyLabels(
                cell: results.cells[0], seed: $0, kept: 2, human: 3.2, precision: $0 == 6 ? 0.5 : 0.7, images: 180,
                seconds: $0 == 6 ? 60 : 120)
        }
        results.starts = [StudyStart(word: "simclr", seed: 5, steps: 40, images: 960, seconds: 120)]
        results.warnings = ["few labels"]
        let report = StudyReport(results)
        #expect(
            report.tables.map(\.title) == [
                "By method, 10% of the labels", "By augmentation, 10% of the labels", "By labels, S1",
            ])
        // Student's t of two degrees, 4.30, times s / sqrt(3): s is 0.2 points of self-training, 2.65 of the start.
        #expect(report.tables[0].head == ["start", "augment", "supervised", "control", "self-training"])
        #expect(report.tables[0].rows.map { $0[2] } == ["30.0", "30.1 (+0.1 ±6.6)", "25.0"])
        #expect(report.tables[0].rows[0] == ["random", "S1", "30.0", "31.0", "34.0 (+3.0 ±0.5)"])
        let first = report.tables[1]
        #expect(first.head == ["start", "method", "S1", "S4"])
        #expect(first.rows[0] == ["random", "supervised", "30.0", "25.0"])
        #expect(first.rows[2] == ["random", "self-training", "34.0 (+3.0 ±0.5)", "-"])
        // The paper has 50% of the labels, and neither 10% nor 25%.
        #expect(report.tables[2].rows[0] == ["random", "supervised", "30.0", "40.0", "50.0 [paper 33.5]"])
        let text = report.markdown
        for words in [
            "# What helps here", "| random | self-training | 34.0 (+3.0 ±0.5) | - |",
            "failed: self-training, random_S4_10%_300, seed 6:",
            "failed: self-training, random_S1_25%_300, seeds 6, 7: too few labels",
            "| random | S1 | 10% | 300 | 2.00 | 3.20 | 0.62 | 60.0% |",
            "| simclr | - | - | 40 | pre-training | - | 960 | 2.0 |",
            "| random | S1 | 10% | 300 | labelling | - | 180 | 1.5 |",
            "warning: few labels", "| S4 instead of S1 | random, 10% | -5.0 |", "Zoph et al. 2020",
        ] {
            #expect(text.contains(words), "\(words) in \(text)")
        }
        let lines = report.armsCSV.split(separator: "\n")
        #expect(lines.count == 22 && lines[0].hasSuffix("images,seconds,a,\"b, c\""))
        #expect(lines[1] == "random,S1,10%,20,300,supervised,5,0.31,4800,90.0,0.31,")
        #expect(report.contrastsCSV.split(separator: "\n").count == 4)
        #expect(report.contrastsCSV.contains("self-training,random,S1,10%,300,0.03"))
        let json = try JSON.parse(report.json.pretty)
        #expect(json["contrasts"]?.array?.count == 3 && json["arms"]?.array?.count == 21)
        #expect(json["contrasts"]?.array?[0]["verdict"]?.string == "helps")
    }

    /// What a spreadsheet would take for a formula, or for the end of a row, is text.
    @Test func namesAreTextInTables() {
        var results = study()
        results.classes = ["=1+1", "a\r\nb\u{600}\"c"]
        #expect(
            results.armsCSV.hasPrefix(
                "start,augment,labels,labelled,steps,method,seed,AP,images,seconds,'=1+1,\"a\r\nb\u{600}\"\"c\"\n"))
        results.arms[0].metric = -0.5
        #expect(results.armsCSV.contains(",5,-0.5,4800,"))
    }

    /// A student that is behind plain training of the same labels is worth no labels, whatever its control is.
    @Test func nothingIsWorthLessThanNothing() throws {
        var results = study()
        for i in results.arms.indices where results.arms[i].cell == results.cells[0] {
            if results.arms[i].method != .supervised { results.arms[i].metric -= 0.05 }
        }
        let gain = try #require(StudyReport(results).contrasts.first)
        #expect(gain.verdict == .helps && gain.told == nil)
        #expect(gain.sentence(metric: "AP").hasSuffix("supervised training with the same labels is as good or better"))
    }

    /// The paper's own numbers where the cell is one of its tables', with what they are held against there.
    @Test func besideThePaper() {
        func rows(
            _ metric: String, _ labels: String, _ arms: [(String, String, StudyMethod)], isResNet50: Bool = false
        ) -> [[String]] {
            let cells = arms.map { cell($0.0, $0.1, labels) }
            var results = StudyResults(metric: metric, classes: ["a", "b"], reportedSet: "test", cells: [])
            for cell in cells where !results.cells.contains(cell) { results.cells.append(cell) }
            results.isResNet50 = isResNet50
            results.arms = zip(arms, cells).map { arm($1, $0.2, 1, 0.3) }
            return StudyReport(results).tables[0].rows
        }
        // Table 7.
        #expect(
            rows(
                "AP", "20%",
                [
                    ("random", "S4", .supervised), ("random", "S4", .control), ("random", "S4", .joint),
                    ("random", "S4", .both),
                ]) == [
                    [
                        "random", "S4", "30.0 [paper 30.7]", "30.0", "30.0 (+0.0) [paper 33.6 (+2.9)]",
                        "30.0 (+0.0) [paper 35.1 (+4.4)]",
                    ]
                ])
        // Table 2, and Table 4, which is of another network.
        let starts: [(String, String, StudyMethod)] = ["random", "simclr", "in.pth"].map { ($0, "S4", .supervised) }
        #expect(
            rows("AP", "100%", starts).map { $0[2] }
                == ["30.0 [paper 44.3]", "30.0 (+0.0)", "30.0 (+0.0) [paper 43.3 (-1.0)]"])
        #expect(
            rows("AP", "100%", starts, isResNet50: true).map { $0[2] } == [
                "30.0 [paper 41.1]", "30.0 (+0.0) [paper 40.4 (-0.7)]", "30.0 (+0.0) [paper 40.4 (-0.7)]",
            ])
        // Table 3's third start, known by its name.
        #expect(
            rows(
                "AP", "20%",
                [
                    ("random", "S4", .supervised), ("b7-noisy-student.pth", "S4", .supervised),
                    ("b7-noisy-student.pth", "S4", .selfTraining),
                ])[1] == ["b7-noisy-student.pth", "S4", "30.0 (+0.0) [paper 35.9 (+5.2)]", "30.0 [paper 37.2 (+1.3)]"])
        // Table 8.
        #expect(
            rows(
                "mIoU", "100%",
                [("noisy.pth", "S1", .supervised), ("noisy.pth", "S1", .selfTraining), ("noisy.pth", "S1", .human)])
                == [
                    [
                        "noisy.pth", "S1", "30.0 [paper 83.9 (+55.5)]", "30.0 [paper 85.6 (+1.7)]",
                        "30.0 [paper 84.7 (+0.8)]",
                    ]
                ])
    }

    /// Table 11's other start has a supervised number alone.
    @Test func anImageNetStartOnPascal() {
        let tables = PaperTables(metric: "mIoU", isResNet50: false)
        #expect(tables.points("in.pth", .supervised, "S4", "100%") == 81.4)
        #expect(tables.points("in.pth", .selfTraining, "S4", "100%") == nil)
    }

    /// A study of lengths alone has a table of each, and one of one cell has one.
    @Test func tablesOfLengths() {
        let cells = [cell(), cell("random", "S1", "10%", 20, 600)]
        var results = StudyResults(metric: "AP", classes: ["a", "b"], reportedSet: "test", cells: cells)
        results.arms = [arm(cells[0], .supervised, 1, 0.3), arm(cells[1], .supervised, 1, 0.4)]
        let tables = StudyReport(results).tables
        #expect(
            tables.map(\.title) == [
                "By method, 10% of the labels, 300 steps", "By method, 10% of the labels, 600 steps",
            ])
        #expect(tables.map(\.rows) == [[["random", "S1", "30.0"]], [["random", "S1", "40.0"]]])
    }

    /// An earlier report of more stays, unless it says something else of what was measured now.
    @Test func anEarlierReportOfMoreStays() throws {
        let results = study()
        let report = try JSON.parse(StudyReport(results).json.pretty)
        #expect(results.arms.count == 21 && !results.isPart(of: report) && !results.isPart(of: nil))
        var fewer = results
        fewer.arms.removeAll { $0.seed == 7 }
        #expect(!fewer.arms.isEmpty && fewer.isPart(of: report))
        #expect(try !results.isPart(of: JSON.parse(StudyReport(fewer).json.pretty)))
        fewer.arms[0].metric += 0.01
        #expect(!fewer.isPart(of: report))
        // Of other cells, such as those of other pictures, it says nothing.
        fewer.arms = [fewer.arms[0]]
        fewer.arms[0].cell.labelled += 1
        #expect(!fewer.isPart(of: report))
        fewer.arms = []
        #expect(fewer.isPart(of: report))
    }

    /// Two seeds give a difference and no verdict; pictures that no arm shares with another give none at all.
    @Test func whatCannotBeTold() {
        var results = study()
        results.arms.removeAll { $0.seed == 7 }
        let report = StudyReport(results)
        #expect(report.contrasts.allSatisfy { $0.verdict == .none(seeds: 2) && $0.adjusted.isNaN })
        #expect(report.text.contains("no verdict of 2 seeds"))
        results.arms[0].records = .pixels(PixelRecords(classes: 1))
        let odd = StudyReport(results)
        #expect(odd.contrasts.isEmpty)
        let why =
            "no question is answered, since arms were measured on different numbers of pictures: supervised, "
            + "random_S1_10%_300, seed 5 on 0, most on 50"
        #expect(
            odd.text.contains(why) && odd.json["warnings"]?.array?.first == .string(why),
            "\(odd.text) \(odd.json["warnings"]?.canonical ?? "")")
        #expect(StudyReport(StudyResults(metric: "AP", classes: [], reportedSet: "val", cells: [])).contrasts.isEmpty)
    }

    @Test func worthInLabels() {
        let curve = [(images: 10, metric: 0.1), (20, 0.2), (40, 0.3)]
        func worth(_ gain: Double, at images: Int = 10, curve: [(images: Int, metric: Double)] = curve) -> LabelWorth? {
            LabelWorth(curve: curve, at: images, gain: gain, margin: 0.01)
        }
        #expect(abs((worth(0.1)?.share ?? 0) - 1) < 1e-12)
        #expect(abs((worth(0.15)?.share ?? 0) - (2 * 2.0.squareRoot() - 1)) < 1e-12)
        #expect(worth(0.5)?.isAtLeast == true && worth(0.5)?.share == 3)
        #expect(abs((worth(-0.1, at: 20)?.share ?? 0) + 0.5) < 1e-12)
        #expect(worth(-0.1, at: 20)?.sentence.contains("50% fewer") == true)
        // What is past the measured shares is not told, and where an interval is cut off it is said.
        #expect(worth(0.1, at: 40) == nil && worth(-0.1, at: 10) == nil)
        #expect(worth(0.195)?.isCut == true && worth(0.195)?.sentence.contains("where the measured shares end") == true)
        #expect(worth(0.1)?.isCut == false)
        // Two points are no curve, and one that falls cannot be read.
        #expect(worth(0.1, curve: Array(curve.prefix(2))) == nil && worth(0.1, at: 30) == nil)
        #expect(worth(0.1, curve: [(10, 0.1), (20, 0.3), (40, 0.2)]) == nil)
    }

    /// Where three shares were measured and the gain cannot be read off them, it is said why.
    @Test func whyItIsNotToldInLabels() {
        let curve = [(images: 10, metric: 0.1), (20, 0.2), (40, 0.3)]
        #expect(LabelWorth.obstacle(curve: curve, at: 10, gain: 0.1) == nil)
        #expect(LabelWorth.obstacle(curve: Array(curve.prefix(2)), at: 20, gain: 0.1) == nil)
        #expect(LabelWorth.obstacle(curve: curve, at: 40, gain: 0.1)?.contains("no larger share") == true)
        #expect(LabelWorth.obstacle(curve: curve, at: 10, gain: -0.1)?.contains("no smaller share") == true)
        let fallen = [(images: 10, metric: 0.1), (20, 0.3), (40, 0.2)]
        #expect(LabelWorth.obstacle(curve: fallen, at: 10, gain: 0.1)?.contains("does not gain with every") == true)
        // In the sentence of what helps, and only there.
        var results = study()
        for i in results.arms.indices where results.arms[i].cell.labels == "50%" { results.arms[i].metric = 0.35 }
        let lines = StudyReport(results).summary
        #expect(lines.contains { $0.contains("self-training") && $0.contains("worth in labels cannot be told") })
        #expect(!lines.contains { $0.contains("within noise") && $0.contains("cannot be told") })
    }

    /// A start's gain is read off the curve of what it is held against; where a cell has no curve and another has, that is said.
    @Test func worthOfOtherStarts() throws {
        var results = study()
        let simclr = results.cells[1]
        results.arms.removeAll { $0.cell == simclr }
        for (seed, wobble) in zip([UInt64(5), 6, 7], [0.002, 0, -0.002]) {
            results.arms += [
                arm(simclr, .supervised, seed, 0.350 + 5 * wobble), arm(simclr, .control, seed, 0.360 + 5 * wobble),
                arm(simclr, .selfTraining, seed, 0.390 + 5 * wobble),
            ]
        }
        let contrasts = StudyReport(results).contrasts
        let start = try #require(contrasts.first { $0.question.hasPrefix("start simclr") })
        #expect(start.verdict == .helps && abs((start.told?.share ?? 0) - (pow(50.0 / 20, 0.5) - 1)) < 1e-9)
        let gain = try #require(contrasts.first { $0.question == "self-training" && $0.cell == simclr })
        #expect(gain.verdict == .helps && gain.told == nil)
        #expect(gain.sentence(metric: "AP").hasSuffix("was measured from random with S1 alone"))
    }

    /// A run with one arm has no question; it says what there is.
    @Test func oneArmIsToldPlainly() {
        var results = StudyResults(metric: "AP", classes: ["a"], reportedSet: "val", cells: [cell()])
        results.arms = [arm(cell(), .supervised, 3, 0.401)]
        #expect(
            StudyReport(results).summary == [
                "supervised from random with 20 labelled pictures, S1, 300 steps: 40.1 AP on val"
            ])
    }

    /// Whether supervised training still improves is a question of its own: a teacher that has not finished flatters.
    @Test func lengthsAreAsked() throws {
        let lengths = [100, 200, 400].map { cell("random", "S1", "10%", 20, $0) }
        func results(_ last: Double) -> StudyResults {
            var results = StudyResults(metric: "AP", classes: ["a"], reportedSet: "test", cells: lengths)
            for (seed, wobble) in zip([UInt64(0), 1, 2], [0.002, 0, -0.002]) {
                for (cell, metric) in zip(lengths, [0.2, 0.3, last]) {
                    results.arms.append(arm(cell, .supervised, seed, metric + wobble * Double(cell.steps) / 100))
                }
                results.arms.append(arm(lengths[2], .control, seed, last))
                results.arms.append(arm(lengths[2], .selfTraining, seed, last + 0.03 + wobble))
            }
            return results
        }
        let rising = StudyReport(results(0.35))
        #expect(
            rising.contrasts.map(\.question) == [
                "self-training", "200 instead of 100 steps", "400 instead of 200 steps",
            ])
        #expect(abs(rising.contrasts[2].comparison.mean - 0.05) < 1e-9 && rising.contrasts[2].verdict == .helps)
        let said = rising.notes.filter { $0.contains("still improves at its longest") }
        #expect(
            said.count == 1 && said[0].contains("(10%: 400 instead of 200 steps, helps by 5.0 +- "), "\(rising.notes)")
        let done = StudyReport(results(0.3))
        #expect(done.contrasts[2].verdict != .helps)
        #expect(!done.notes.contains { $0.contains("still improves") || $0.contains("is not measured here") })
        // Two seeds tell nothing, and a cell whose longest failed has nothing to tell.
        var few = results(0.35)
        few.arms.removeAll { $0.seed == 2 }
        #expect(StudyReport(few).notes.contains { $0.contains("at its longest (") && $0.contains("is not known") })
        var failed = results(0.35)
        failed.arms.removeAll { $0.cell == lengths[1] }
        failed.cells.remove(at: 1)
        failed.arms.removeAll { $0.cell == lengths[0] }
        #expect(StudyReport(failed).notes.contains { $0.contains("is not known") })
        // One length says nothing of it, and where nothing was added to supervised training nobody asks.
        let one = StudyReport(study()).notes.filter { $0.contains("stops improving at 300 steps is not measured here") }
        #expect(one.count == 1)
        var plain = study()
        plain.arms.removeAll { $0.method != .supervised }
        #expect(!StudyReport(plain).notes.contains { $0.contains("is not measured here") })
    }

    /// Where lengths are part of the grid: as good as the first start becomes, sooner.
    @Test func worthInTime() throws {
        var cells: [StudyCell] = []
        for steps in [100, 200, 400] {
            for start in ["random", "file"] { cells.append(cell(start, "S1", "10%", 20, steps)) }
        }
        var results = StudyResults(metric: "AP", classes: ["a"], reportedSet: "test", cells: cells)
        for seed in 0..<3 {
            for (steps, random, file) in [(100, 0.1, 0.2), (200, 0.2, 0.3), (400, 0.25, 0.35)] {
                results.arms.append(arm(cell("random", "S1", "10%", 20, steps), .supervised, UInt64(seed), random))
                results.arms.append(arm(cell("file", "S1", "10%", 20, steps), .supervised, UInt64(seed), file))
            }
        }
        let worth = try #require(results.timeWorths.first)
        // 95% of 0.25 is 0.2375: random has it three quarters of the way from 200 to 400 steps, the file three eighths of
        // the way from 100 to 200.
        #expect(results.timeWorths.count == 1 && abs(log2(worth.times) - (1.75 - 0.375)) < 1e-9)
        #expect(abs(worth.low - worth.times) < 1e-9 && worth.seeds == 3)
        #expect(worth.sentence.contains("1/2.6 of its steps (1/2.6 to 1/2.6, over 3 seeds of these pictures)"))
        // Where the shortest length is more than enough, that is the most that it takes, and two seeds have no interval.
        var quick = results
        quick.arms = quick.arms.filter { $0.seed < 2 }.map { arm in
            var arm = arm
            if arm.cell.start == "file", arm.cell.steps == 100 { arm.metric = 0.3 }
            return arm
        }
        let least = try #require(quick.timeWorths.first)
        #expect(
            least.isAtLeast && abs(log2(least.times) - 1.75) < 1e-9 && least.low.isNaN
                && least.sentence.contains("1/3.4 of its steps or less (2 seeds"))
        // A slower one takes more steps, and of nothing no part is told.
        func part(_ own: [Double], of other: [Double]) -> Double? {
            func curve(_ values: [Double]) -> [(steps: Int, metric: Double)] { Array(zip([100, 200, 400], values)) }
            return TimeWorth.part(curve(own), of: curve(other))?.part
        }
        #expect(abs((part([0.1, 0.1, 0.19], of: [0.1, 0.2, 0.2]) ?? 0) - pow(2, 2 - 0.9)) < 1e-9)
        #expect(part([0, 0, 0], of: [0, 0, 0]) == nil && part([0.3, 0.3, 0.3], of: [0.2, 0.2, 0.2]) == nil)
        let slow = TimeWorth(cell: cells[0], other: "random", times: 0.5, low: 0.4, high: 1.26, seeds: 3)
        #expect(
            slow.sentence.hasSuffix(
                "becomes in 2.0 times its steps (2.5 times to 1/1.3, over 3 seeds of these pictures)"),
            "\(slow.sentence)")
        // What a seed's failed length would have become nobody knows, so that seed is left out, and that is said.
        var failed = results
        failed.arms.removeAll { $0.seed == 1 && $0.cell.start == "random" && $0.cell.steps == 400 }
        let without = try #require(failed.timeWorths.first)
        #expect(without.seeds == 2 && abs(log2(without.times) - (1.75 - 0.375)) < 1e-9)
        let asked = "is asked without seed 1, which has not every length of it and of random"
        #expect(failed.timeObstacles == ["file (S1, 10%): what it is worth in time \(asked)"])
        failed.arms.removeAll { $0.cell.start == "file" && $0.cell.steps == 100 }
        #expect(failed.timeWorths.isEmpty)
        #expect(failed.timeObstacles.count == 1 && failed.timeObstacles[0].contains("no seed has every length of it"))
        // Where one seed never gets there, nothing is said.
        results.arms = results.arms.map { arm in
            var arm = arm
            if arm.seed == 2, arm.cell.start == "file" { arm.metric = 0.1 }
            return arm
        }
        #expect(results.timeWorths.isEmpty)
        let said = StudyReport(results).summary.filter { $0.contains("in time cannot be told") }
        #expect(said.count == 1 && said[0].contains("in 1 of 3 seeds it does not come to 95% of what random becomes"))
    }
}
