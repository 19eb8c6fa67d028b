import Annotations
import Base
import Evaluation
import Journal
import Loading

/// What the folds of a run say together.
public struct SelfTrainingSummary: Sendable {
    let folds: [Fold]
    let reportedSet: String
    let classes: [String]
    private let words: TaskWords
    private let classMetric: @Sendable (String, JSON) -> Double?

    /// - Parameter reportedSet: `test` or `val`.
    public init<Model: Teacher>(_ folds: [Fold], of type: Model.Type, reportedSet: String, classes: [String]) {
        self.folds = folds
        words = Model.words
        classMetric = { Model.metric(of: $0, in: $1) }
        self.reportedSet = reportedSet
        self.classes = classes
    }

    private func values(_ arm: ArmName, _ key: String) -> [Double] {
        folds.map { $0.arms[arm]?.metrics[key]?.double ?? .nan }
    }

    private func classValues(_ arm: ArmName, _ name: String) -> [Double] {
        folds.map { $0.arms[arm].flatMap { classMetric(name, $0.metrics) } ?? .nan }
    }

    private func mean(_ values: [Double]) -> Double {
        let defined = values.filter { !$0.isNaN }
        return defined.isEmpty ? .nan : defined.reduce(0, +) / Double(defined.count)
    }

    /// Student minus another arm, paired by seed, 0...1.
    public func gain(over arm: ArmName) -> Estimate? { difference(.student, minus: arm) }

    /// One arm minus another, paired by seed, 0...1; nil where the run has not both.
    func difference(_ arm: ArmName, minus other: ArmName) -> Estimate? {
        guard folds.allSatisfy({ $0.arms[arm] != nil && $0.arms[other] != nil }) else { return nil }
        return Estimate.pairedDifference(values(arm, words.metric), minus: values(other, words.metric))
    }

    /// What the arms that are asked for are held against: what joint training adds to the control and to the student, what
    /// both add together; people's labels of the pool, and a teacher's in their place.
    private static let contrasts: [(ArmName, ArmName)] = [
        (.joint, .control), (.both, .control), (.both, .student), (.human, .control), (.student, .human),
    ]

    /// Whether an earlier `summary.json` is of more seeds, and says of these what is said here: then it has all that there is
    /// to say. One that says something else is of other data.
    public func isPart(of earlier: JSON?) -> Bool {
        guard let seeds = earlier?["seeds"]?.array, seeds.count > folds.count else { return false }
        func numbers(_ json: JSON?, _ arm: String) -> [Double?] {
            (json?["arms"]?[arm]?["by_seed"]?.array ?? []).prefix(folds.count).map(\.double)
        }
        let own = json
        let arms = Set((own["arms"]?.object ?? [:]).keys)
        return arms == Set((earlier?["arms"]?.object ?? [:]).keys)
            && arms.allSatisfy { numbers(own, $0) == numbers(earlier, $0) }
    }

    /// `summary.json`: fractions of 1, `null` where undefined; arms are means over the seeds. `quarantine` lists the
    /// pictures with which something was wrong.
    public var json: JSON {
        var arms: [String: JSON] = [:]
        for arm in ArmName.allCases where folds.first?.arms[arm] != nil {
            arms[arm.rawValue] = [
                words.metric: .number(mean(values(arm, words.metric))),
                words.second.key: .number(mean(values(arm, words.second.key))),
                "per_class": .object(
                    Dictionary(uniqueKeysWithValues: classes.map { ($0, .number(mean(classValues(arm, $0)))) })),
                "images": .number(mean(folds.map { Double($0.arms[arm]?.images ?? 0) })),
                "seconds": .number(mean(folds.map { $0.arms[arm]?.seconds ?? 0 })),
                "by_seed": .array(values(arm, words.metric).map { .number($0) }),
            ]
        }
        func json(_ estimate: Estimate?) -> JSON {
            guard let estimate else { return .null }
            return [
                "mean": .number(estimate.mean), "low": .number(estimate.low), "high": .number(estimate.high),
                "seeds": .int(folds.count),
            ]
        }
        let contrasts = Self.contrasts.compactMap { arm, other in
            difference(arm, minus: other).map { ("\(arm)_minus_\(other)", json($0)) }
        }
        func perClass(_ density: (Fold) -> LabelDensity?) -> JSON {
            let members = classes.enumerated().map { i, name in
                (name, JSON.number(mean(folds.map { density($0)?.perClass[i] ?? .nan })))
            }
            return .object(Dictionary(members, uniquingKeysWith: { first, _ in first }))
        }
        return [
            "arms": .object(arms), "gain": json(gain(over: .control)),
            "gain_over_teacher": json(gain(over: .teacher)),
            "contrasts": .object(Dictionary(contrasts, uniquingKeysWith: { first, _ in first })),
            words.densityKeys.kept: .number(mean(folds.map { $0.kept?.all ?? .nan })),
            words.densityKeys.human: .number(mean(folds.map(\.human.all))),
            "labelling": ["images": .number(looked.images), "seconds": .number(looked.seconds)],
            "kept_per_class": perClass(\.kept), "human_per_class": perClass(\.human),
            "pseudo_precision": .number(mean(folds.map { $0.precision?.all ?? .nan })),
            "reported_on": .string(reportedSet),
            "seeds": .array(folds.map { .int(Int($0.seed)) }),
            "splits": .array(
                folds.map { ["name": .string($0.split.name), "sha256": .string($0.split.digest.description)] }),
            "quarantine": quarantine.json,
        ]
    }

    /// The pictures a teacher looked at, and how long that took; means over seeds.
    private var looked: (images: Double, seconds: Double) {
        func mean(_ key: String) -> Double {
            self.mean(folds.map { $0.labelling?.stage.result[key]?.double ?? .nan })
        }
        return (mean("pictures"), mean("seconds"))
    }

    /// What was wrong with pictures, over all seeds.
    private var quarantine: Quarantine {
        folds.reduce(into: Quarantine()) { $0.add($1.quarantine) }
    }

    /// The tables and the verdict for people, in points.
    public var text: String {
        let present = ArmName.allCases.filter { folds.first?.arms[$0] != nil }
        let many = folds.count > 1
        var table = TextTable(
            ["arm", words.metric, words.second.title] + (many ? ["by seed"] : []) + classes + ["images", "minutes"])
        for arm in present {
            var cells = [
                arm.rawValue, TextTable.points(mean(values(arm, words.metric))),
                TextTable.points(mean(values(arm, words.second.key))),
            ]
            if many { cells.append(values(arm, words.metric).map { TextTable.points($0) }.joined(separator: " ")) }
            cells += classes.map { TextTable.points(mean(classValues(arm, $0))) }
            cells.append(TextTable.fixed(mean(folds.map { Double($0.arms[arm]?.images ?? 0) }), 0))
            cells.append(TextTable.fixed(mean(folds.map { ($0.arms[arm]?.seconds ?? 0) / 60 }), 1))
            table.add(cells)
        }
        var lines = [table.text]  // ends its last line, so that an empty one follows
        var labels = TextTable([words.density, "all"] + classes)
        let densities: [(String, (Fold) -> LabelDensity?)] = [("human", { $0.human }), ("kept", { $0.kept })]
        for (name, density) in densities {
            func shown(_ value: (LabelDensity) -> Double) -> String {
                TextTable.fixed(mean(folds.map { (density($0).map(value) ?? .nan) * words.densityScale }), 2)
            }
            labels.add([name, shown(\.all)] + classes.indices.map { i in shown { $0.perClass[i] } })
        }
        if folds.contains(where: { $0.precision != nil }) {
            func shown(_ value: (LabelPrecision) -> Double) -> String {
                TextTable.points(mean(folds.map { $0.precision.map(value) ?? .nan }))
            }
            labels.add(["right, %", shown(\.all)] + classes.indices.map { i in shown { $0.perClass[i] } })
        }
        lines.append(labels.text)
        let looked = looked
        if looked.images > 0 {
            lines.append(
                "labelling: \(TextTable.fixed(looked.images, 0)) pictures in "
                    + (looked.seconds < 120
                        ? "\(TextTable.fixed(looked.seconds, 0)) s"
                        : "\(TextTable.fixed(looked.seconds / 60, 1)) minutes")
                    + "; minutes above are of training alone"
            )
        }
        if let gain = gain(over: .control) {
            lines.append("gain, student minus control: " + describe(gain) + verdict(gain))
        }
        for (arm, other) in Self.contrasts {
            guard let difference = difference(arm, minus: other) else { continue }
            lines.append("\(arm) minus \(other): " + describe(difference) + verdict(difference))
        }
        if let gain = gain(over: .teacher) {
            lines.append("student minus teacher (longer training, not a gain): " + describe(gain))
        }
        let (refused, damaged) = (quarantine.refused.count, quarantine.damaged.count)
        if refused + damaged > 0 {
            lines.append("pictures refused: \(refused), damaged but used: \(damaged) (listed in summary.json)")
        }
        lines.append(
            "\(words.metric) in points, on the \(reportedSet) set, of the "
                + (folds.contains { $0.precision != nil }
                    ? "weights that were best on held-out pictures" : "last weights"))
        return lines.joined(separator: "\n")
    }

    /// "+1.4 AP, 95% interval +1.1 to +1.7 over 5 seeds".
    private func describe(_ estimate: Estimate) -> String {
        func signed(_ x: Double) -> String { (x >= 0 ? "+" : "") + TextTable.points(x) }
        if estimate.n < 2 {
            return "\(signed(estimate.mean)) \(words.metric) (one seed: no interval; --seeds 3 or more gives one)"
        }
        return
            "\(signed(estimate.mean)) \(words.metric), 95% interval \(signed(estimate.low)) to \(signed(estimate.high)) "
            + "over \(estimate.n) seeds"
    }

    private func verdict(_ estimate: Estimate) -> String {
        if estimate.n < 2 { return "" }
        if estimate.n < 3 { return " (two are too few for a verdict)" }
        return estimate.low > 0 ? ": a gain" : estimate.high < 0 ? ": a loss" : ": within noise"
    }
}
