import Base
import Testing

@testable import Evaluation

@Suite struct ClassificationMetricsTests {
    /// Seven classes; of the last no picture.
    private let names = ["a", "b", "c", "d", "e", "f", "g"]

    @Test func byHand() {
        let metrics = ClassificationMetrics(
            [
                .init(label: 0, ranked: [0, 1, 2, 3, 4]), .init(label: 0, ranked: [1, 0, 2, 3, 4]),
                .init(label: 0, ranked: [1, 2, 3, 4, 5, 0]), .init(label: 1, ranked: [1, 0, 2, 3, 4]),
                .init(label: 5, ranked: [2, 3, 4, 1, 5]),
            ], names: names)
        #expect(metrics.count == 5 && metrics.top1 == 0.4 && metrics.top5 == 0.8)
        #expect(metrics.perClass.map(\.pictures) == [3, 1, 0, 0, 0, 1, 0])
        #expect(metrics.perClass[0].accuracy == 1 / 3.0 && metrics.perClass[0].top5 == 2 / 3.0)
        #expect(metrics.perClass[0].precision == 1 && metrics.perClass[1].precision == 1 / 3.0)
        #expect(metrics.perClass[5].accuracy == 0 && metrics.perClass[5].top5 == 1)
        #expect(metrics.perClass[6].accuracy.isNaN && metrics.perClass[6].top5.isNaN)
        #expect(metrics.perClass[2].precision == 0 && metrics.perClass[5].precision.isNaN)
        #expect(abs(metrics.meanClassAccuracy - 4 / 9.0) < 1e-15)
        let json = metrics.json
        #expect(json["top1"] == 0.4 && json["top5"] == 0.8 && json["images"] == 5)
        #expect(json["per_class"]?["g"] == .null && json["per_class"]?["b"] == 1.0)
        #expect(json["mean_class_accuracy"]?.double == metrics.meanClassAccuracy)
        #expect(
            json["classes"]?.array?[5]
                == ["name": "f", "images": 1, "accuracy": 0.0, "top5": 1.0, "precision": .null])
        #expect(
            metrics.table == """
                class  pictures  top-1  top-5  precision
                a             3   33.3   66.7      100.0
                b             1  100.0  100.0       33.3
                c             0      -      -        0.0
                d             0      -      -          -
                e             0      -      -          -
                f             1    0.0  100.0          -
                g             0      -      -          -
                all           5   40.0   80.0

                top-1 40.0, top-5 80.0, mean class accuracy 44.4
                """)
    }

    /// Against counting one class at a time.
    @Test(arguments: 2...12) func againstCounting(classes: Int) {
        var random = Random(seed: 2, purpose: .test, index: classes)
        let pictures = (0..<200).map { _ in
            let label = random.below(max(1, classes - 1))
            return ClassifiedPicture(label: label, ranked: Array(random.permutation(classes).prefix(min(5, classes))))
        }
        let metrics = ClassificationMetrics(pictures, names: (0..<classes).map(String.init))
        func share(_ part: Int, _ all: Int) -> Double { Double(part) / Double(all) }
        var accuracies: [Double] = []
        for k in 0..<classes {
            let mine = pictures.filter { $0.label == k }
            let taken = pictures.filter { $0.ranked.first == k }
            let accuracy = share(mine.count { $0.ranked.first == k }, mine.count)
            let row = metrics.perClass[k]
            #expect(row.pictures == mine.count)
            if mine.isEmpty {
                #expect(row.accuracy.isNaN && row.top5.isNaN)
            } else {
                #expect(row.accuracy == accuracy && row.top5 == share(mine.count { $0.ranked.contains(k) }, mine.count))
                accuracies.append(accuracy)
            }
            if !taken.isEmpty { #expect(row.precision == share(taken.count { $0.label == k }, taken.count)) }
        }
        #expect(metrics.top1 == share(pictures.count { $0.ranked[0] == $0.label }, 200))
        #expect(metrics.top5 == share(pictures.count { $0.ranked.contains($0.label) }, 200))
        if classes <= 5 { #expect(metrics.top5 == 1) }
        #expect(abs(metrics.meanClassAccuracy - accuracies.reduce(0, +) / Double(accuracies.count)) < 1e-12)
    }

    @Test func withoutPicturesNothingIsDefined() {
        let metrics = ClassificationMetrics([], names: names)
        #expect(metrics.count == 0 && metrics.top1.isNaN && metrics.top5.isNaN && metrics.meanClassAccuracy.isNaN)
        #expect(metrics.json["top1"] == .null && metrics.json["mean_class_accuracy"] == .null)
        #expect(metrics.table.hasSuffix("top-1 -, top-5 -, mean class accuracy -"))
    }
}
