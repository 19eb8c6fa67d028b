import Annotations
import Base
import Evaluation
import Testing
import Training

@testable import SelfTraining

@Suite struct SelfTrainingSummaryTests {
    private func fold(_ seed: UInt64, teacher: Double, control: Double?, student: Double) throws -> Fold {
        func arm(_ ap: Double) -> Arm {
            Arm(
                stage: Stage(name: "train-0", path: "/nowhere", result: ["images": 100, "seconds": 60]),
                evaluation: Stage(
                    name: "eval-0", path: "/nowhere",
                    result: [
                        "AP": .number(ap), "AP50": .number(2 * ap),
                        "per_class": ["a": ["AP": .number(ap)], "b": ["AP": .null]],
                    ]))
        }
        var arms: [ArmName: Arm] = [.teacher: arm(teacher), .student: arm(student)]
        if let control { arms[.control] = arm(control) }
        let classes = ClassTable(names: ["a", "b"])
        var set = Dataset(root: "", classes: classes, examples: [])
        set.examples = (0..<4).map { Example(id: $0, fileName: "\($0)", size: nil) }
        var fold = Fold(
            seed: seed, split: try Split(of: set, .count(2), seed: seed),
            human: LabelDensity(all: 3, perClass: [3, 0]), humanImages: 2)
        fold.arms = arms
        fold.kept = LabelDensity(all: 2, perClass: [1.5, 0.5])
        let seconds = JSON.number(Double(30 + 60 * seed))
        fold.labelling = (Stage(name: "score-0", path: "/nowhere", result: ["pictures": 2, "seconds": seconds]), set)
        return fold
    }

    private func summary(_ values: [(Double, Double?, Double)]) throws -> SelfTrainingSummary {
        var folds: [Fold] = []
        for (i, v) in values.enumerated() {
            folds.append(try fold(UInt64(i), teacher: v.0, control: v.1, student: v.2))
        }
        return SelfTrainingSummary(folds, of: Detector.self, reportedSet: "test", classes: ["a", "b"])
    }

    /// Differences 0.01, 0.02, 0.03: mean 0.02, s = 0.01, t(0.975, 2) = 4.3027, half width 4.3027 * 0.01 / sqrt(3).
    @Test func theGainIsPairedAndItsIntervalStudents() throws {
        let summary = try summary([(0.1, 0.30, 0.31), (0.2, 0.50, 0.52), (0.3, 0.10, 0.13)])
        let gain = try #require(summary.gain(over: .control))
        #expect(abs(gain.mean - 0.02) < 1e-12)
        #expect(abs(gain.high - (0.02 + 4.302652730 * 0.01 / 3.0.squareRoot())) < 1e-9)
        #expect(summary.text.contains("within noise"))
        let json = summary.json
        #expect(json["gain"]?["seeds"]?.int == 3 && json["reported_on"]?.string == "test")
        #expect(abs((json["arms"]?["control"]?["AP"]?.double ?? 0) - 0.3) < 1e-12)
        #expect(json["arms"]?["student"]?["by_seed"]?.array?.count == 3)
        // A class without a label has no number, and none is made up.
        #expect(json["arms"]?["student"]?["per_class"]?["b"] == .null)
        #expect(json["arms"]?["student"]?["images"]?.int == 100)
        // 30, 90 and 150 seconds.
        #expect(json["labelling"]?["images"]?.int == 2 && json["labelling"]?["seconds"]?.double == 90)
    }

    /// Of more seeds an earlier summary stays, unless it says something else of these: then it is of other data.
    @Test func anEarlierSummaryOfMoreSeedsStays() throws {
        let more = try summary([(0.1, 0.30, 0.31), (0.2, 0.50, 0.52), (0.3, .nan, 0.13)])
        let file = try JSON.parse(more.json.pretty)
        #expect(try summary([(0.1, 0.30, 0.31)]).isPart(of: file))
        #expect(try summary([(0.1, 0.30, 0.31), (0.2, 0.50, 0.52)]).isPart(of: file))
        #expect(try !summary([(0.1, 0.30, 0.32)]).isPart(of: file))
        #expect(try !summary([(0.1, nil, 0.31)]).isPart(of: file))
        #expect(!more.isPart(of: file) && !more.isPart(of: nil) && !more.isPart(of: "nothing"))
    }

    @Test func gainsAndLossesAreCalledThat() throws {
        let up = try summary([(0, 0.30, 0.320), (0, 0.50, 0.521), (0, 0.10, 0.119)])
        #expect(up.text.contains("a gain") && up.gain(over: .control)?.isAboveZero == true)
        let down = try summary([(0, 0.320, 0.30), (0, 0.521, 0.50), (0, 0.119, 0.10)])
        // The teacher has trained for less long, so what is gained over it is no verdict.
        #expect(up.text.contains("minus teacher") && up.text.ranges(of: "a gain").count == 2)
        #expect(down.text.contains("a loss") && down.gain(over: .control)?.isAboveZero == false)
    }

    /// What a page looks at is not what has failed, unless nothing else is there.
    @Test func theFirstFoldThatFinished() throws {
        let whole = try fold(2, teacher: 0.1, control: 0.2, student: 0.3)
        var part = try fold(1, teacher: 0.1, control: 0.2, student: 0.3)
        part.arms[.student] = nil
        part.failures[.student] = Failure.data("too few labels")
        var none = part
        none.arms = [:]
        #expect(Fold.firstFinished([none, part, whole, whole]) == 2)
        #expect(Fold.firstFinished([none, part]) == 1)
        #expect(Fold.firstFinished([none]) == nil && Fold.firstFinished([]) == nil)
    }

    @Test func tablesAreInPointsAndTheirLinesAlign() throws {
        let text = try summary([(0.1234, 0.2, 0.3)]).text
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.first?.hasPrefix("arm") == true && text.contains("12.3"))
        #expect(lines.contains { $0.hasPrefix("human") && $0.contains("3.00") })
        #expect(lines.contains("labelling: 2 pictures in 30 s; minutes above are of training alone"))
    }
}
