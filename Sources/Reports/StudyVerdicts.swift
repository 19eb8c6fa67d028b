import Base
import Evaluation
import Glibc
import Journal

/// One question of a study with its answer.
public struct StudyContrast: Sendable {
    /// What is asked: `self-training`, `start simclr instead of random`.
    public var question: String
    /// Where: the cell of the arm that is asked about.
    public var cell: StudyCell
    /// What is held against what.
    public var arms: (StudyMethod, StudyMethod)
    /// What the difference is.
    public var comparison: Comparison
    /// Holm's over all contrasts of the study that have three seeds or more.
    public var adjusted: Double
    /// What is said.
    public var verdict: Verdict
    /// What it is worth in labels, where that can be told.
    public var labelWorth: LabelWorth?
    /// The number of seeds of the curve that it is read off, where that lacks some of the contrast's.
    public var curveSeeds: Int?
    /// Why that cannot be told, where enough shares of labels were measured to ask.
    public var worthObstacle: String?

    /// `labelWorth` where something helps or hurts; of noise nothing is told.
    var told: LabelWorth? { verdict == .helps || verdict == .hurts ? labelWorth : nil }

    /// "helps by 1.4 +- 0.5 AP, worth 23% more labelled images (8% to 40%)".
    public func sentence(metric: String) -> String {
        let said = verdict.sentence(comparison, metric: metric)
        guard verdict == .helps || verdict == .hurts else { return said }
        if let labelWorth {
            let others = curveSeeds.map { ", read off a curve of \($0) seed\($0 == 1 ? "" : "s")" } ?? ""
            return said + ", " + labelWorth.sentence + others
        }
        return said + (worthObstacle.map { "; what that is worth in labels cannot be told: \($0)" } ?? "")
    }
}

/// What a gain is worth in labelled pictures: as many more would bring as much.
public struct LabelWorth: Sendable, Hashable {
    /// Of the pictures that have labels, 0.23 being 23% more.
    public var share: Double
    /// The same for the ends of the gain's interval.
    public var low: Double
    /// The same for the ends of the gain's interval.
    public var high: Double
    /// Whether the measured fractions end before the gain does, so that `share` is the least it is worth.
    public var isAtLeast: Bool
    /// Whether the fractions end before the interval does.
    public var isCut: Bool

    /// "worth 23% more labelled images (8% to 40%)".
    public var sentence: String {
        func percent(_ x: Double) -> String { "\(Int((x * 100).rounded()))%" }
        let more = (isAtLeast ? "at least " : "") + (share < 0 ? "\(percent(-share)) fewer" : "\(percent(share)) more")
        let ends = "\(percent(low)) to \(percent(high))"
        return "worth \(more) labelled images (\(ends)\(isCut ? ", where the measured shares end" : ""))"
    }

    /// Why a gain cannot be read off a curve; nil where it can, and where there are too few points to ask.
    static func obstacle(curve: [(images: Int, metric: Double)], at images: Int, gain: Double) -> String? {
        let points = curve.sorted { $0.images < $1.images }
        guard points.count >= 3 else { return nil }
        if points.contains(where: \.metric.isNaN) { return "no seed has every share of labels" }
        if !zip(points, points.dropFirst()).allSatisfy({ $0.metric < $1.metric }) {
            return "supervised training does not gain with every larger share of labels"
        }
        if gain > 0, images == points[points.count - 1].images { return "no larger share of labels was measured" }
        if gain < 0, images == points[0].images { return "no smaller share of labels was measured" }
        return nil
    }

    /// Read off the curve of supervised training over labels, straight between its points over the logarithm of pictures. The
    /// interval is the gain's, read off the same curve; the curve itself is taken as it was measured.
    ///
    /// - Parameters:
    ///   - curve: pictures with labels and the mean metric with them, over the same seeds, in any order.
    ///   - images: those with which the gain was made.
    /// - Returns: nil where the curve has fewer than three points, none at `images`, or does not rise throughout.
    public init?(curve: [(images: Int, metric: Double)], at images: Int, gain: Double, margin: Double) {
        let points = curve.sorted { $0.images < $1.images }
        guard points.count >= 3, let here = points.first(where: { $0.images == images }), !margin.isNaN,
            zip(points, points.dropFirst()).allSatisfy({ $0.images < $1.images && $0.metric < $1.metric })
        else { return nil }
        func pictures(_ metric: Double) -> (images: Double, isBeyond: Bool) {
            if metric <= points[0].metric { return (Double(points[0].images), metric < points[0].metric) }
            guard let next = points.firstIndex(where: { $0.metric >= metric }) else {
                return (Double(points[points.count - 1].images), true)
            }
            let (a, b) = (points[next - 1], points[next])
            let part = (metric - a.metric) / (b.metric - a.metric)
            let (low, high) = (log(Double(a.images)), log(Double(b.images)))
            return (exp(low + part * (high - low)), false)
        }
        // Past the last share nothing is known of more labels, before the first one nothing of fewer.
        if gain > 0 && images == points[points.count - 1].images || gain < 0 && images == points[0].images {
            return nil
        }
        let n = Double(images)
        let middle = pictures(here.metric + gain)
        let (lower, upper) = (pictures(here.metric + gain - margin), pictures(here.metric + gain + margin))
        share = middle.images / n - 1
        low = lower.images / n - 1
        high = upper.images / n - 1
        isAtLeast = middle.isBeyond
        isCut = lower.isBeyond || upper.isBeyond
    }
}

/// How much sooner a start is nearly as good as the first one becomes, from cells that differ in their length. Nearly: at
/// their ends curves are flat, so that there chance would decide.
public struct TimeWorth: Sendable, Hashable {
    /// Where, with any length.
    public var cell: StudyCell
    /// The start it is held against.
    public var other: String
    /// How many times as fast: the geometric mean over seeds.
    public var times: Double
    /// The interval of 95% over seeds; NaN of fewer than three, and where `isAtLeast`.
    public var low: Double
    /// As `low`.
    public var high: Double
    /// How many seeds.
    public var seeds: Int
    /// Whether in some seed the shortest length was already enough, so that it may be less.
    public var isAtLeast = false

    /// What of the first one's best counts as nearly as good.
    static let share = 0.95

    /// "simclr (S1, 10%): comes to 95% of what random becomes in 1/2.5 of its steps (1/1.8 to 1/3.4, over 3 seeds of these
    /// pictures)".
    public var sentence: String {
        // Of a slower one more than its steps.
        func shown(_ x: Double) -> String {
            x >= 1 ? "1/" + TextTable.fixed(x, 1) : TextTable.fixed(1 / x, 1) + " times"
        }
        return
            "\(cell.start) (\(cell.augment), \(cell.labels)): comes to 95% of what \(other) becomes in \(shown(times))\(times >= 1 ? " of" : "") its steps "
            + (isAtLeast ? "or less " : "")
            + (seeds < 3
                ? "(\(seeds) seed\(seeds == 1 ? "" : "s"): no interval)"
                : isAtLeast
                    ? "(\(seeds) seeds; in some the shortest length was enough, so there is no interval)"
                    : "(\(shown(low)) to \(shown(high)), over \(seeds) seeds of these pictures)")
    }

    /// The steps in which one curve comes to `share` of the best of another, as a part of those that the other takes to come
    /// there: both read off straight between lengths over the logarithm of steps.
    ///
    /// - Returns: nil where it never comes there, or the other one's shortest length was enough. Where its own shortest length
    ///   is enough, that length, which is then the most that it can be.
    static func part(
        _ curve: [(steps: Int, metric: Double)], of other: [(steps: Int, metric: Double)]
    ) -> (part: Double, isMost: Bool)? {
        guard let best = other.map(\.metric).max(), best > 0, let there = steps(other, to: share * best), !there.isMost,
            let here = steps(curve, to: share * best)
        else { return nil }
        return (here.steps / there.steps, here.isMost)
    }

    private static func steps(
        _ curve: [(steps: Int, metric: Double)], to goal: Double
    ) -> (steps: Double, isMost: Bool)? {
        let points = curve.sorted { $0.steps < $1.steps }
        guard let next = points.firstIndex(where: { $0.metric >= goal }) else { return nil }
        if next == 0 { return (Double(points[0].steps), points[0].metric > goal) }
        let (a, b) = (points[next - 1], points[next])
        let part = (goal - a.metric) / (b.metric - a.metric)
        let (low, high) = (log(Double(a.steps)), log(Double(b.steps)))
        return (exp(low + part * (high - low)), false)
    }
}

extension StudyResults {
    /// Why no question is answered: draws of pictures have to be the same for all arms. Nil where they can be.
    var picturesObstacle: String? {
        let byCount = Dictionary(grouping: arms, by: \.records.pictures)
        guard byCount.count > 1, let most = byCount.max(by: { ($0.value.count, $0.key) < ($1.value.count, $1.key) }),
            let odd = arms.first(where: { $0.records.pictures != most.key })
        else { return nil }
        return
            "no question is answered, since arms were measured on different numbers of pictures: "
            + "\(odd.method.rawValue), \(odd.cell.name), seed \(odd.seed) on \(odd.records.pictures), "
            + "most on \(most.key)"
    }

    /// Every question that the arms answer, in the order of the grid: what a method adds to the control of its cell, what a
    /// start or an augmentation adds to the first one's and a length to the next shorter one's, all else equal.
    ///
    /// - Parameter draws: of pictures.
    public func contrasts(draws: Int = 1000, threads: Int = availableProcessors()) -> [StudyContrast] {
        guard let pictures = arms.first?.records.pictures, picturesObstacle == nil else { return [] }
        let resampling = PictureResampling(pictures: pictures, count: draws)
        var metrics: [ArmKey: [Double]] = [:]
        func resampled(_ arm: StudyArm) -> [Double] {
            let key = ArmKey(cell: arm.cell, method: arm.method, seed: arm.seed)
            if let known = metrics[key] { return known }
            let values = resampling.metrics(arm.records, threads: threads)
            metrics[key] = values
            return values
        }
        var found: [StudyContrast] = []
        func ask(_ question: String, _ a: (StudyCell, StudyMethod), _ b: (StudyCell, StudyMethod)) {
            let others = Dictionary(arms(b.0, b.1).map { ($0.seed, $0) }, uniquingKeysWith: { first, _ in first })
            let pairs = arms(a.0, a.1).compactMap { arm in others[arm.seed].map { (arm, $0) } }
            if pairs.isEmpty { return }
            let bySeed = pairs.map { one, other in zip(resampled(one), resampled(other)).map { $0 - $1 } }
            let telling = pairs.reduce(into: Set<Int>()) {
                $0.formUnion($1.0.records.telling)
                $0.formUnion($1.1.records.telling)
            }
            var mean = [Double](repeating: 0, count: draws)
            for seed in bySeed { for i in 0..<draws { mean[i] += seed[i] / Double(pairs.count) } }
            let comparison = Comparison(
                differences: pairs.map { $0.metric - $1.metric }, resampled: mean, bySeed: bySeed,
                pictures: telling.count)
            var contrast = StudyContrast(
                question: question, cell: a.0, arms: (a.1, b.1), comparison: comparison, adjusted: .nan,
                verdict: .none(seeds: pairs.count))
            // As many more labels would bring as much to what it is held against.
            let (curve, curveSeeds) = labelCurve(b.0)
            let images = b.0.labelled
            contrast.labelWorth = LabelWorth(
                curve: curve, at: images, gain: comparison.mean, margin: comparison.margin)
            contrast.curveSeeds = curveSeeds.isSuperset(of: pairs.map(\.0.seed)) ? nil : curveSeeds.count
            contrast.worthObstacle =
                LabelWorth.obstacle(curve: curve, at: images, gain: comparison.mean)
                ?? (curve.count < 3 ? curveElsewhere : nil)
            // The same labels do better without it, and without its control.
            if b.1 == .control, curve.count >= 3, comparison.mean > 0 {
                let lead = meanDifference(a, (a.0, .supervised)) ?? .nan
                if !(lead > 0) {
                    contrast.labelWorth = nil
                    contrast.worthObstacle =
                        lead.isNaN
                        ? "supervised training with the same labels was measured with no seed of it"
                        : "supervised training with the same labels is as good or better"
                }
            }
            found.append(contrast)
        }
        for cell in cells {
            for method in [StudyMethod.selfTraining, .joint, .both, .human] {
                ask(method.rawValue, (cell, method), (cell, .control))
            }
        }
        for cell in cells {
            var first = cell
            first.start = cells[0].start
            if first != cell {
                ask("start \(cell.start) instead of \(first.start)", (cell, .supervised), (first, .supervised))
            }
        }
        for cell in cells {
            var first = cell
            first.augment = cells[0].augment
            if first != cell {
                ask("\(cell.augment) instead of \(first.augment)", (cell, .supervised), (first, .supervised))
            }
        }
        for cell in cells {
            if let shorter = nextShorter(cell) {
                ask("\(cell.steps) instead of \(shorter.steps) steps", (cell, .supervised), (shorter, .supervised))
            }
        }
        let judged = found.map { $0.comparison.n < Comparison.leastSeeds ? .nan : $0.comparison.p }
        for (i, adjusted) in Comparison.holm(judged).enumerated() {
            found[i].adjusted = adjusted
            found[i].verdict = Verdict(found[i].comparison, adjusted: adjusted)
        }
        return found
    }

    /// The cell with the next shorter length, all else equal.
    private func nextShorter(_ cell: StudyCell) -> StudyCell? {
        cells.filter { other in
            var same = other
            same.steps = cell.steps
            return same == cell && other.steps < cell.steps
        }.max { $0.steps < $1.steps }
    }

    /// Whether a cell is the longest of those that are else equal.
    func isLongest(_ cell: StudyCell) -> Bool { !cells.contains { nextShorter($0) == cell } }

    /// Why a cell without a curve over labels has none, where another has one; nil where none has.
    private var curveElsewhere: String? {
        cells.first { labelCurve($0).points.count >= 3 }.map {
            "supervised training with other shares of labels was measured from \($0.start) with \($0.augment) alone"
        }
    }

    /// Supervised training over labels, all else as in a cell: means over the seeds that have every share, NaN where
    /// none has. Over other seeds at each point, the curve would rise and fall by what seeds differ in.
    func labelCurve(_ cell: StudyCell) -> (points: [(images: Int, metric: Double)], seeds: Set<UInt64>) {
        let shares = cells.compactMap { other -> (images: Int, arms: [StudyArm])? in
            var same = other
            (same.labels, same.labelled) = (cell.labels, cell.labelled)
            let own = same == cell ? arms(other, .supervised).filter { !$0.metric.isNaN } : []
            return own.isEmpty ? nil : (other.labelled, own)
        }
        let seeds = shares.map { Set($0.arms.map(\.seed)) }
        let common = seeds.dropFirst().reduce(seeds.first ?? []) { $0.intersection($1) }
        let points = shares.map { share in
            let own = share.arms.filter { common.contains($0.seed) }
            return (images: share.images, metric: own.reduce(0) { $0 + $1.metric } / Double(own.count))
        }
        return (points, common)
    }

    /// How much sooner each start is nearly as good as the first one becomes, where lengths were part of the grid; a start of
    /// which that cannot be told in some seed has none.
    public var timeWorths: [TimeWorth] {
        timeParts.compactMap { cell, parts, _ in
            let told = parts.compactMap(\.self)
            if told.isEmpty || told.count < parts.count { return nil }
            let estimate = Estimate.mean(told.map { -log($0.part) })
            let isAtLeast = told.contains(where: \.isMost)
            let hasInterval = told.count >= 3 && !isAtLeast
            return TimeWorth(
                cell: cell, other: cells[0].start, times: exp(estimate.mean),
                low: hasInterval ? exp(estimate.low) : .nan, high: hasInterval ? exp(estimate.high) : .nan,
                seeds: told.count, isAtLeast: isAtLeast)
        }
    }

    /// A sentence for each start of which that cannot be told, or not by every seed.
    var timeObstacles: [String] {
        timeParts.flatMap { cell, parts, partial -> [String] in
            let what = "\(cell.start) (\(cell.augment), \(cell.labels)): what it is worth in time "
            let lengths = "every length of it and of \(cells[0].start)"
            if parts.isEmpty { return [what + "cannot be told: no seed has \(lengths)"] }
            var said = partial.map { what + "is asked without seed \($0), which has not \(lengths)" }
            let never = parts.count { $0 == nil }
            if never > 0 {
                said.append(
                    what + "cannot be told: in \(never) of \(parts.count) seeds it does not come to 95% of what "
                        + "\(cells[0].start) becomes with any of these lengths, or for \(cells[0].start) the shortest "
                        + "is enough")
            }
            return said
        }
    }

    /// For each start but the first, augmentation and share of labels, with any length: of each seed that has every
    /// length the part of the first one's steps, nil where that cannot be told; and the other seeds: what failed there
    /// may have been the best that a start becomes.
    private var timeParts: [(cell: StudyCell, parts: [(part: Double, isMost: Bool)?], partial: [UInt64])] {
        guard Set(cells.map(\.steps)).count >= 2 else { return [] }
        var seen: Set<StudyCell> = []
        var all: [(cell: StudyCell, parts: [(part: Double, isMost: Bool)?], partial: [UInt64])] = []
        for var cell in cells where cell.start != cells[0].start {
            cell.steps = 0
            if !seen.insert(cell).inserted { continue }
            let (own, others) = (lengthCurves(cell, from: cell.start), lengthCurves(cell, from: cells[0].start))
            let seeds = Set(own.seeds).union(others.seeds).sorted()
            if seeds.isEmpty { continue }
            var (parts, partial): ([(part: Double, isMost: Bool)?], [UInt64]) = ([], [])
            for seed in seeds {
                if let curve = own.whole[seed], let other = others.whole[seed] {
                    parts.append(TimeWorth.part(curve, of: other))
                } else {
                    partial.append(seed)
                }
            }
            all.append((cell, parts, partial))
        }
        return all
    }

    /// Supervised training over lengths from a start, all else as in a cell: the seeds that have any, and the curves of
    /// those that have all.
    private func lengthCurves(
        _ cell: StudyCell, from start: String
    ) -> (seeds: [UInt64], whole: [UInt64: [(steps: Int, metric: Double)]]) {
        let like = cells.filter { other in
            var same = cell
            (same.start, same.steps) = (start, other.steps)
            return same == other
        }
        var curves: [UInt64: [(steps: Int, metric: Double)]] = [:]
        for arm in arms where arm.method == .supervised && !arm.metric.isNaN && like.contains(arm.cell) {
            curves[arm.seed, default: []].append((arm.cell.steps, arm.metric))
        }
        return (curves.keys.sorted(), curves.filter { $0.value.count == like.count })
    }
}

private struct ArmKey: Hashable {
    var cell: StudyCell
    var method: StudyMethod
    var seed: UInt64
}
