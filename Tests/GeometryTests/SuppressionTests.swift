import Base
import Geometry
import Testing

@Suite struct SuppressionTests {
    private func near(_ a: Float, _ b: Float, _ tolerance: Float = 1e-6) -> Bool { abs(a - b) < tolerance }

    private func random(_ seed: UInt64) -> (boxes: [Box], scores: [Float], labels: [Int]) {
        var random = Random(seed: seed, purpose: .test)
        let boxes = (0..<60).map { _ in
            let x = Float(random.below(12))
            let y = Float(random.below(12))
            return Box(x1: x, y1: y, x2: x + 1 + Float(random.below(7)), y2: y + 1 + Float(random.below(7)))
        }
        return (boxes, boxes.map { _ in Float(1 + random.below(20)) / 20 }, boxes.map { _ in random.below(3) })
    }

    /// Two boxes of IoU 0.6, by hand: 0.8 becomes 0.8 * 0.4, 0.8 * exp(-0.36 / 0.5), 0.8 * exp(-0.36 / 0.6).
    @Test func weightsByHand() {
        let boxes = [Box(x1: 0, y1: 0, x2: 10, y2: 10), Box(x1: 0, y1: 0, x2: 10, y2: 6)]
        for (kind, score) in [
            (Suppression.Kind.linear, 0.32), (.gaussian(sigma: 0.5), 0.389_401_8),
            (.tensorFlow(sigma: 0.3), 0.439_049_3),
        ] as [(Suppression.Kind, Float)] {
            let kept = suppressed(boxes, scores: [0.9, 0.8], labels: [0, 0], Suppression(kind))
            #expect(kept.map(\.index) == [0, 1] && kept[0].score == 0.9)
            #expect(near(kept[1].score, score), "\(kind)")
            let apart = suppressed(boxes, scores: [0.9, 0.8], labels: [0, 1], Suppression(kind))
            #expect(apart.map(\.score) == [0.9, 0.8], "\(kind)")
            let agnostic = suppressed(boxes, scores: [0.9, 0.8], labels: [0, 1], Suppression(kind, isAgnostic: true))
            #expect(near(agnostic[1].score, score), "\(kind)")
        }
        #expect(suppressed(boxes, scores: [0.9, 0.8], labels: [0, 0], Suppression(.linear, iou: 0.7))[1].score == 0.8)
        #expect(suppressed(boxes, scores: [0.9, 0.8], labels: [0, 0], Suppression(.linear), floor: 0.33).count == 1)
    }

    /// TensorFlow's own test of soft suppression with sigma 0.5: three clusters, the numbers it expects.
    @Test func agreesWithTensorFlowsTest() {
        let edges: [(Float, Float)] = [(0, 1), (0.1, 1.1), (-0.1, 0.9), (10, 11), (10.1, 11.1), (100, 101)]
        let boxes = edges.map { Box(x1: $0.0, y1: 0, x2: $0.1, y2: 1) }
        let kept = suppressed(
            boxes, scores: [0.9, 0.75, 0.6, 0.95, 0.5, 0.3], labels: [0, 0, 0, 0, 0, 0],
            Suppression(.tensorFlow(sigma: 0.5)))
        #expect(kept.map(\.index) == [3, 0, 1, 5, 4, 2])
        for (got, expected) in zip(kept, [0.95, 0.9, 0.384, 0.3, 0.256, 0.197] as [Float]) {
            #expect(near(got.score, expected, 1e-3))
        }
    }

    @Test func hardSuppressionIsTheOtherReference() {
        for seed in 0..<20 {
            let (boxes, scores, labels) = random(UInt64(seed))
            let kept = suppressed(boxes, scores: scores, labels: labels, Suppression(iou: 0.4))
            #expect(kept.map(\.index) == nms(boxes, scores: scores, labels: labels, iouThreshold: 0.4))
            #expect(kept.allSatisfy { scores[$0.index] == $0.score })
            let one = labels.map { _ in 0 }
            #expect(
                suppressed(boxes, scores: scores, labels: labels, Suppression(iou: 0.4, isAgnostic: true)).map(\.index)
                    == nms(boxes, scores: scores, labels: one, iouThreshold: 0.4))
        }
    }

    /// What defines the soft result: each kept score is the first one times the weights of all that were kept before.
    @Test func softScoresAreProductsOfWeights() {
        for seed in 0..<20 {
            let (boxes, scores, labels) = random(100 + UInt64(seed))
            for kind in [Suppression.Kind.linear, .gaussian(sigma: 0.5), .tensorFlow(sigma: 0.3)] {
                let rule = Suppression(kind, iou: 0.2)
                let kept = suppressed(boxes, scores: scores, labels: labels, rule, floor: 0.05)
                for (place, item) in kept.enumerated() {
                    let product = kept[..<place].filter { labels[$0.index] == labels[item.index] }
                        .reduce(scores[item.index]) { $0 * rule.weight(boxes[$1.index].iou(boxes[item.index])) }
                    #expect(near(item.score, product) && item.score > 0.05)
                }
                #expect(zip(kept, kept.dropFirst()).allSatisfy { $0.score >= $1.score })
                // Two kinds differ in the meaning of sigma alone.
                if case .gaussian = kind {
                    let same = suppressed(
                        boxes, scores: scores, labels: labels, Suppression(.tensorFlow(sigma: 0.25)), floor: 0.05)
                    #expect(same.map(\.index) == kept.map(\.index))
                }
            }
        }
    }
}
