import Annotations
import Base
import Testing

@testable import Evaluation

@Suite struct COCOPropertyTests {
    /// Settings of many kinds.
    private let settings: [EvaluationSettings] = [
        .init(), .init(iouThresholds: [0.5]), .init(iouThresholds: [0.1, 0.5, 0.75, 1], maxDetections: [1, 2]),
        .init(areas: []), .init(areas: [.init("x", 0...1024), .init("y", 512...9216), .init("z", 1024...1024)]),
        .init(maxDetections: [3], scoreFloor: 0.125),
        .init(iouThresholds: (1...64).map { Double($0) / 64 }),
    ]

    @Test func equalsTheDefinitionWrittenOut() {
        for seed in 0..<150 {
            let random = RandomCase(UInt64(seed))
            let settings = settings[seed % settings.count]
            let slow = SlowCOCO(random.truth, random.detections, settings)
            let m = COCOEvaluator.evaluate(random.truth, random.detections, settings, threads: 2)
            #expect(near(m.ap, slow.ap), "seed \(seed): \(m.ap) \(slow.ap)")
            #expect(zip(m.areas, slow.apArea).allSatisfy { near($0.ap, $1) }, "seed \(seed)")
            #expect(zip(m.areas, slow.arArea).allSatisfy { near($0.ar, $1) }, "seed \(seed)")
            #expect(zip(m.recalls, slow.ar).allSatisfy { near($0.ar, $1) }, "seed \(seed)")
            #expect(zip(m.perClass, slow.apClass).allSatisfy { near($0.ap, $1) }, "seed \(seed)")
            #expect(m.areas.count == settings.areas.count && m.recalls.count == settings.maxDetections.count)
        }
    }

    @Test func imageByImageInAnyOrderOnAnyThreadsIsTheSame() {
        for seed in 200..<230 {
            let random = RandomCase(UInt64(seed), images: 90)
            let settings = settings[seed % settings.count]
            let whole = COCOEvaluator.evaluate(random.truth, random.detections, settings, threads: 1)
            #expect(whole.ap > 0)
            #expect(whole.json == COCOEvaluator.evaluate(random.truth, random.detections, settings, threads: 8).json)
            var order = Random(seed: UInt64(seed), purpose: .order)
            var evaluator = COCOEvaluator(random.truth, settings)
            for i in order.permutation(random.truth.images.count) {
                evaluator.add(image: i, detections: random.detections[i])
            }
            #expect(whole.json == evaluator.finish(threads: 3).json)
            // The set's own order says nothing either: images count by their ids.
            let places = order.permutation(random.truth.images.count)
            var truth = random.truth
            truth.images = places.map { random.truth.images[$0] }
            #expect(whole.json == COCOEvaluator.evaluate(truth, places.map { random.detections[$0] }, settings).json)
        }
    }

    @Test func anImageThatWasNotAddedHasNoDetections() {
        let random = RandomCase(7)
        var some = random.detections
        var evaluator = COCOEvaluator(random.truth)
        for i in some.indices {
            if i % 3 == 0 { some[i] = [] } else { evaluator.add(image: i, detections: some[i]) }
        }
        #expect(evaluator.finish().json == COCOEvaluator.evaluate(random.truth, some).json)
        #expect(COCOEvaluator(random.truth).finish().ap == 0)
        #expect(COCOEvaluator(TruthSet(classes: ClassTable(names: []), images: [])).finish().ap.isNaN)
    }

    @Test func theFloorLeavesOutWhatIsBelowIt() {
        let random = RandomCase(8)
        let kept = random.detections.map { $0.filter { $0.score >= 0.25 } }
        #expect(
            COCOEvaluator.evaluate(random.truth, random.detections, .init(scoreFloor: 0.25)).json
                == COCOEvaluator.evaluate(random.truth, kept).json)
    }

    /// AP is the mean of a curve's 101 points; the last point of the raw curve has the greatest recall.
    @Test func curvesAreWhatAveragePrecisionAverages() {
        for seed in 300..<310 {
            let random = RandomCase(UInt64(seed), images: 40)
            let evaluator = COCOEvaluator(random.truth, random.detections)
            let metrics = evaluator.finish()
            let curves = evaluator.precisionCurves(threshold: 0)
            for (curve, own) in zip(curves, metrics.perClass) {
                #expect(near(curve.average, own.ap50) && curve.objects == own.objects && curve.iou == 0.5)
                #expect(zip(curve.scores, curve.scores.dropFirst()).allSatisfy { $0 >= $1 })
                #expect(curve.interpolated.count == 101 && curve.precision.count == curve.scores.count)
            }
            #expect(!curves[0].scores.isEmpty && curves[3].interpolated[0].isNaN && curves[4].interpolated[0] == 0)
        }
    }

    /// Scores that a Float cannot tell apart: the right one comes first by 1e-9, so precision is 1.
    @Test func scoresAreNotRounded() {
        let truth = TruthSet(
            classes: ClassTable(names: ["a"]),
            images: [.init(id: 1, boxes: [TrueBox(id: 1, label: 0, frame: frame(0, 0, 40, 40))]), .init(id: 2)])
        func ap(_ wrong: Double) -> Double {
            COCOEvaluator.evaluate(
                truth,
                [
                    [ScoredBox(frame: frame(0, 0, 40, 40), label: 0, score: 0.7)],
                    [ScoredBox(frame: frame(0, 0, 40, 40), label: 0, score: wrong)],
                ]
            ).ap
        }
        #expect(near(ap(0.7 - 1e-9), 1) && near(ap(0.7 + 1e-9), 0.5) && near(ap(0.7), 1))
    }
}
