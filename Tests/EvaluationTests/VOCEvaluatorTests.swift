import Annotations
import Base
import Evaluation
import FoundationEssentials
import Testing

private let dataFolder = ProcessInfo.processInfo.environment["PUPIL_TEST_DATA"]

@Suite struct VOCEvaluatorTests {
    private let classes = ClassTable(names: ["a"])

    private func box(_ x: Double, _ score: Double) -> ScoredBox {
        ScoredBox(frame: frame(x, 0, 10, 10), label: 0, score: score)
    }

    private func ap(
        _ labels: [TrueBox], _ detections: [ScoredBox], _ evaluator: VOCEvaluator = VOCEvaluator()
    ) -> Double {
        evaluator.averagePrecisions(TruthSet(classes: classes, images: [.init(id: 1, boxes: labels)]), [detections])[0]
    }

    private func label(_ x: Double, isIgnored: Bool = false) -> TrueBox {
        TrueBox(id: Int(x), label: 0, frame: frame(x, 0, 10, 10), isIgnored: isIgnored)
    }

    /// Right, wrong, right of three labels: precision 1 up to recall 1/3, 2/3 up to 2/3. The area is 1/3 + 2/9; of the
    /// eleven recalls 4 (0...0.3) read 1 and 3 (0.4...0.6) read 2/3.
    @Test func bothNumbersByHand() {
        let labels = [label(0), label(20), label(40)]
        let found = [box(20, 0.5), box(0, 0.9), box(60, 0.7)]
        #expect(near(ap(labels, found), 5.0 / 9))
        #expect(near(ap(labels, found, VOCEvaluator(points: .eleven)), 6.0 / 11))
        #expect(ap([], found).isNaN && ap(labels, []) == 0)
    }

    /// A difficult label is no object, and finding it (once or twice) is no mistake.
    @Test func difficultLabelsNeitherCountNorPunish() {
        let labels = [label(0), label(20, isIgnored: true)]
        #expect(near(ap(labels, [box(20, 0.9), box(20, 0.8), box(0, 0.7)]), 1))
        #expect(near(ap(labels, [box(0, 0.9)]), 1))
        #expect(near(ap([label(20, isIgnored: true), label(0)], [box(50, 0.9), box(0, 0.7)]), 0.5))
    }

    /// The label that is overlapped most is asked, though it is taken and another one would do; COCO takes the other.
    @Test func theNearestLabelDecides() {
        let labels = [label(0), label(4)]
        let found = [box(0, 0.9), box(1, 0.8)]  // IoU of the second: 9/11 with the first label, 7/13 with the other
        #expect(near(ap(labels, found), 0.5))
        let truth = TruthSet(classes: classes, images: [.init(id: 1, boxes: labels)])
        #expect(near(COCOEvaluator.evaluate(truth, [found], .init(iouThresholds: [0.5])).ap, 1))
    }

    /// Edges 0...9 and 0...4 are 10 and 5 pixels where the last pixel belongs to the box: IoU exactly 0.5. Where it does
    /// not, they are 9 and 4.
    @Test func theLastPixelIsASwitch() {
        let labels = [TrueBox(id: 1, label: 0, frame: frame(0, 0, 9, 9))]
        let found = [ScoredBox(frame: frame(0, 0, 4, 9), label: 0, score: 1)]
        #expect(ap(labels, found, VOCEvaluator(pixels: .inclusive)) == 1)
        #expect(ap(labels, found) == 0)
    }

    /// Values published with rafaelpadilla/review_object_detection_metrics (tests/test_eval_pascal.py).
    @Test(.enabled(if: dataFolder != nil)) func agreesWithThePublishedCase() throws {
        let folder = try #require(dataFolder) + "/coco_eval/voc_ap_case1"
        var images: [TruthSet.Image] = []
        var detections: [[ScoredBox]] = []
        func rows(_ path: String) throws -> [[Double]] {
            try Files.readText(path).split(separator: "\n").map { line in
                line.split(separator: " ").dropFirst().compactMap { Double($0) }
            }
        }
        for name in try Files.list(folder + "/gts").sorted() {
            images.append(
                .init(
                    id: images.count + 1,
                    boxes: try rows("\(folder)/gts/\(name)").enumerated().map { i, v in
                        TrueBox(id: i + 1, label: 0, frame: frame(v[0], v[1], v[2], v[3]))
                    }))
            detections.append(
                try rows("\(folder)/dets/\(name)").map { v in
                    ScoredBox(frame: frame(v[1], v[2], v[3], v[4]), label: 0, score: v[0])
                })
        }
        let truth = TruthSet(classes: classes, images: images)
        let expected = try Files.readJSON(folder + "/expected.json")
        var compared = 0
        for (key, points) in [("eleven_point", VOCEvaluator.Points.eleven), ("every_point", .every)] {
            for (iou, value) in try #require(expected[key]?.object) {
                let evaluator = VOCEvaluator(iou: try #require(Double(iou)), points: points, pixels: .inclusive)
                let got = evaluator.averagePrecisions(truth, detections)[0]
                #expect(abs(got - (try #require(value.double))) < 1e-9, "\(key) \(iou): \(got)")
                compared += 1
            }
        }
        #expect(compared == 8)
    }
}
