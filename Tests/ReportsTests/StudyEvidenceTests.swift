import Evaluation
import Testing

@testable import Reports

// Which pictures and which seeds an answer stands on.

extension StudyTests {
    /// Pictures without a labelled pixel are drawn with the others, and only those that have one are evidence.
    @Test func emptyPicturesAreNoEvidence() {
        var results = study()
        for i in results.arms.indices {
            guard case .pixels(var records) = results.arms[i].records else { continue }
            for _ in 0..<30 { records.add(PixelConfusion(classes: 1)) }
            results.arms[i].records = .pixels(records)
        }
        #expect(StudyReport(results).contrasts.map(\.comparison.pictures) == [50, 50, 50])
    }

    /// A seed that has not every share of labels is in no point of the curve: it would lift 25% to 46.7 here.
    @Test func theCurveIsOfTheSameSeeds() throws {
        var results = study()
        results.arms.removeAll { $0.cell.labels == "50%" && $0.seed == 7 }
        for i in results.arms.indices where results.arms[i].cell.labels == "25%" && results.arms[i].seed == 7 {
            results.arms[i].metric = 0.6
        }
        // Of seeds 5 and 6: 31 and 30, 40.2 and 40, 50.2 and 50.
        let (points, seeds) = results.labelCurve(results.cells[0])
        #expect(seeds == [5, 6] && points.map(\.images) == [20, 50, 100])
        #expect(zip(points, [0.305, 0.401, 0.501]).allSatisfy { abs($0.metric - $1) < 1e-12 }, "\(points)")
        let gain = try #require(StudyReport(results).contrasts.first)
        #expect(gain.sentence(metric: "AP").hasSuffix("), read off a curve of 2 seeds"))
        // Where no seed has all, nothing can be read.
        results.arms.removeAll { $0.cell.labels == "25%" && $0.seed != 7 }
        let none = try #require(StudyReport(results).contrasts.first)
        #expect(none.told == nil && none.sentence(metric: "AP").hasSuffix("no seed has every share of labels"))
    }
}
