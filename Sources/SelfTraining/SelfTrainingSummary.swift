import Annotations
import Base
import Evaluation
import Journal
import Loading

/// What the folds of a run say together.
public struct SelfTrainingSummary: Sendable {
    let folds: [SelfTrainingRun.Fold]
    let reportedSet: String
    let classes: [String]

    /// - Parameter reportedSet: `test` or `val`.
    public init(_ folds: [SelfTrainingRun.Fold], reportedSet: String, classes: [String]) {
        self.folds = folds
        self.reportedSet = reportedSet
        self.classes = classes
    }

    private func values(_ arm: String, _ key: String) -> [Double] {
        folds.map { $0.arms[arm]?.metrics[key]?.double ?? .nan }
    }

    private func classValues(_ arm: String, _ name: String) -> [Double] {
        folds.map { $0.arms[arm]?.metrics["per_class"]?[name]?["AP"]?.double ?? .nan }
    }

    private func mean(_ values: [Double]) -> Double {
        let defined = values.filter { !$0.isNaN }
        return defined.isEmpty ? .nan : defined.reduce(0, +) / Double(defined.count)
    }

    /// Student minus another arm, paired by seed, 0...1.
    public func gain(over arm: String) -> Estimate? {
        guard folds.allSatisfy({ $0.arms[arm] != nil }) else { return nil }
        return Estimate.pairedDifference(values("student", "AP"), minus: values(arm, "AP"))
    }

    /// `summary.json`: fractions of 1, `null` where undefined; arms are means over the seeds. `quarantine` lists the
    /// pictures with which something was wrong.
    public var json: JSON {
        var arms: [String: JSON] = [:]
        for arm in SelfTrainingRun.arms where folds.first?.arms[arm] != nil {
            arms[arm] = [
                "AP": .number(mean(values(arm, "AP"))), "AP50": .number(mean(values(arm, "AP50"))),
                "per_class": .object(
                    Dictionary(uniqueKeysWithValues: classes.map { ($0, .number(mean(classValues(arm, $0)))) })),
                "images": .number(mean(folds.map { Double($0.arms[arm]?.images ?? 0) })),
                "seconds": .number(mean(folds.map { $0.arms[arm]?.seconds ?? 0 })),
                "by_seed": .array(values(arm, "AP").map { .number($0) }),
            ]
        }
        func estimate(_ arm: String) -> JSON {
            guard let gain = gain(over: arm) else { return .null }
            return [
                "mean": .number(gain.mean), "low": .number(gain.low), "high": .number(gain.high),
                "seeds": .int(folds.count),
            ]
        }
        return [
            "arms": .object(arms), "gain": estimate("control"), "gain_over_teacher": estimate("teacher"),
            "kept_boxes_per_image": .number(mean(folds.map(\.pseudo.keptPerImage))),
            "human_boxes_per_image": .number(mean(folds.map(\.humanBoxesPerImage))),
            "kept_per_class": .object(
                Dictionary(
                    uniqueKeysWithValues: classes.enumerated().map { i, name in
                        (name, .number(mean(folds.map { Double($0.pseudo.keptPerClass[i]) })))
                    })),
            "reported_on": .string(reportedSet),
            "seeds": .array(folds.map { .int(Int($0.seed)) }),
            "splits": .array(
                folds.map { ["name": .string($0.split.name), "sha256": .string($0.split.digest.description)] }),
            "quarantine": quarantine.json,
        ]
    }

    /// What was wrong with pictures, over all seeds.
    private var quarantine: Quarantine {
        folds.reduce(into: Quarantine()) { $0.add($1.quarantine) }
    }

    /// The tables and the verdict for people, in points.
    public var text: String {
        let present = SelfTrainingRun.arms.filter { folds.first?.arms[$0] != nil }
        let many = folds.count > 1
        var table = TextTable(["arm", "AP", "AP50"] + (many ? ["by seed"] : []) + classes + ["images", "minutes"])
        for arm in present {
            var cells = [arm, TextTable.points(mean(values(arm, "AP"))), TextTable.points(mean(values(arm, "AP50")))]
            if many { cells.append(values(arm, "AP").map { TextTable.points($0) }.joined(separator: " ")) }
            cells += classes.map { TextTable.points(mean(classValues(arm, $0))) }
            cells.append(TextTable.fixed(mean(folds.map { Double($0.arms[arm]?.images ?? 0) }), 0))
            cells.append(TextTable.fixed(mean(folds.map { ($0.arms[arm]?.seconds ?? 0) / 60 }), 1))
            table.add(cells)
        }
        var lines = [table.text]  // ends its last line, so that an empty one follows
        let kept = mean(folds.map(\.pseudo.keptPerImage))
        let human = mean(folds.map(\.humanBoxesPerImage))
        var labels = TextTable(["boxes a picture", "all"] + classes)
        func perClass(_ value: (SelfTrainingRun.Fold, Int) -> Double) -> [String] {
            classes.indices.map { i in TextTable.fixed(mean(folds.map { value($0, i) }), 2) }
        }
        labels.add(
            ["human", TextTable.fixed(human, 2)]
                + perClass { Double($0.humanPerClass[$1]) / Double(max(1, $0.humanImages)) })
        labels.add(
            ["kept", TextTable.fixed(kept, 2)]
                + perClass { Double($0.pseudo.keptPerClass[$1]) / Double(max(1, $0.pseudo.images)) })
        lines.append(labels.text)
        if let gain = gain(over: "control") {
            lines.append("gain, student minus control: " + describe(gain) + verdict(gain))
        }
        if let gain = gain(over: "teacher") {
            lines.append("student minus teacher (longer training, not a gain): " + describe(gain))
        }
        let (refused, damaged) = (quarantine.refused.count, quarantine.damaged.count)
        if refused + damaged > 0 {
            lines.append("pictures refused: \(refused), damaged but used: \(damaged) (listed in summary.json)")
        }
        lines.append("AP in points, on the \(reportedSet) set, of the last weights")
        return lines.joined(separator: "\n")
    }

    /// "+1.4 AP, 95% interval +1.1 to +1.7 over 5 seeds".
    private func describe(_ estimate: Estimate) -> String {
        func signed(_ x: Double) -> String { (x >= 0 ? "+" : "") + TextTable.points(x) }
        if estimate.n < 2 { return "\(signed(estimate.mean)) AP (one seed: no interval; --seeds 3 or more gives one)" }
        return "\(signed(estimate.mean)) AP, 95% interval \(signed(estimate.low)) to \(signed(estimate.high)) "
            + "over \(estimate.n) seeds"
    }

    private func verdict(_ estimate: Estimate) -> String {
        if estimate.n < 2 { return "" }
        return estimate.low > 0 ? ": a gain" : estimate.high < 0 ? ": a loss" : ": within noise"
    }
}
