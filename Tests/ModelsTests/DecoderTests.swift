import Base
import Geometry
import Testing

@testable import Models

@Suite struct DecoderTests {
    /// Outputs that show the given boxes at the first anchors, with these scores [boxes][classes]; nothing elsewhere.
    private func outputs(
        _ boxes: [Box], _ scores: [[Double]], _ anchors: Anchors, background: Bool = false
    ) -> (logits: [Float], codes: [Float]) {
        let channels = scores[0].count + (background ? 1 : 0)
        var logits = [Float](repeating: -20, count: anchors.count * channels)
        var codes = [Float](repeating: 0, count: anchors.count * 4)
        for (i, box) in boxes.enumerated() {
            if background { logits[i * channels] = 9 }
            for (k, score) in scores[i].enumerated() {
                logits[i * channels + k + (background ? 1 : 0)] = Float(logarithm(score / (1 - score)))
            }
            let c = BoxCode.encode(box, anchor: anchors[i])
            for (j, value) in [c.0, c.1, c.2, c.3].enumerated() { codes[4 * i + j] = value }
        }
        return (logits, codes)
    }

    private func decode(
        _ spec: DecodingSpec, _ logits: [Float], _ codes: [Float], _ anchors: Anchors, classes: Int, offset: Int = 0
    ) -> [CanvasDetection] {
        logits.withUnsafeBufferPointer { l in
            codes.withUnsafeBufferPointer { c in
                spec(logits: l, codes: c, anchors: anchors, classes: classes, channelOffset: offset)
            }
        }
    }

    @Test(arguments: [false, true]) func suppressionEqualsTheReference(background: Bool) throws {
        let reference = try #require(try fixture("retinanet.json")["suppression"])
        let boxes = try #require(reference["boxes"]).rows.map { Box($0) }
        let anchors = Anchors(AnchorSpec(), canvas: Size(width: 160, height: 128))
        let (logits, codes) = outputs(boxes, try #require(reference["scores"]).rows, anchors, background: background)
        var spec = DecodingSpec()
        #expect(Double(spec.scoreFloor) == 0.05.roundedToFloat && spec.suppression == Suppression(iou: 0.5))
        for (limits, key) in [
            ((100, 100), "kept_anchor_class_score"), ((4, 7), "kept_with_limits_per_class_4_total_7"),
        ] {
            (spec.perClass, spec.perImage) = limits
            let found = decode(spec, logits, codes, anchors, classes: 3, offset: background ? 1 : 0)
            let expected = try #require(reference[key]).rows
            #expect(found.map(\.label) == expected.map { Int($0[1]) }, "\(key)")
            for (detection, row) in zip(found, expected) {
                #expect(near(detection.score, row[2], 1e-6))
                for (a, b) in zip(detection.box.array, boxes[Int(row[0])].array) { #expect(abs(a - b) < 1e-3) }
            }
        }
    }

    @Test func decodingEqualsTheSlowRules() {
        for round in 0..<12 {
            var random = Random(seed: 11, purpose: .test, index: round)
            let canvas = Size(width: 64, height: 32 * (1 + random.below(3)))
            let anchors = Anchors(AnchorSpec(), canvas: canvas)
            let classes = 1 + random.below(3)
            // Whole numbers over 16, so that the same score comes often and none is near the floor.
            let logits = (0..<anchors.count * classes).map { _ in Float(random.below(96) - 88) / 16 }
            let codes = (0..<anchors.count * 4).map { _ in Float(random.uniform(-0.6, 0.6)) }
            var spec = DecodingSpec()
            spec.candidatesPerClass = [5000, 40, 3][round % 3]
            spec.perClass = [100, 6][round % 2]
            spec.perImage = [100, 9, 1][round / 4 % 3]
            spec.suppression.iou = [0.5, 0.2][round / 2 % 2]
            spec.sizesPlusOne = round % 5 == 4
            if round == 7 { spec.scoreFloor = 0 }
            var expected: [CanvasDetection] = []
            for k in 0..<classes {
                let all = (0..<anchors.count).map {
                    (anchor: $0, score: 1 / (1 + exponential(-logits[$0 * classes + k])))
                }
                .filter { $0.score > spec.scoreFloor }
                .sorted { ($1.score, $0.anchor) < ($0.score, $1.anchor) }.prefix(spec.candidatesPerClass)
                let boxes = all.map { candidate in
                    let c = 4 * candidate.anchor
                    return BoxCode.decode(
                        codes[c], codes[c + 1], codes[c + 2], codes[c + 3], anchor: anchors[candidate.anchor],
                        sizesPlusOne: spec.sizesPlusOne
                    ).clipped(to: canvas)
                }
                let shown = boxes.indices.filter { !boxes[$0].isEmpty }
                let scores = shown.map { all[$0].score }
                let kept = nms(
                    shown.map { boxes[$0] }, scores: scores, labels: shown.map { _ in 0 },
                    iouThreshold: spec.suppression.iou,
                    limit: spec.perClass)
                expected += kept.map { CanvasDetection(box: boxes[shown[$0]], label: k, score: scores[$0]) }
            }
            let found = decode(spec, logits, codes, anchors, classes: classes)
            #expect(found.count == min(expected.count, spec.perImage), "round \(round)")
            #expect(
                found.map(\.score) == Array(expected.map(\.score).sorted(by: >).prefix(spec.perImage)), "round \(round)"
            )
            #expect(Set(found).isSubset(of: expected), "round \(round)")
            #expect(!found.isEmpty, "round \(round)")
        }
    }

    /// Soft and agnostic suppression against the plain reference over candidates that are found the slow way.
    @Test(arguments: [
        Suppression(isAgnostic: true), Suppression(.linear, iou: 0.3), Suppression(.gaussian(sigma: 0.5)),
        Suppression(.tensorFlow(sigma: 0.3)), Suppression(.tensorFlow(sigma: 0.3), isAgnostic: true),
        Suppression(.linear, iou: 0.1, isAgnostic: true),
    ]) func everyKindOfSuppressionEqualsTheReference(suppression: Suppression) {
        for round in 0..<6 {
            var random = Random(seed: 13, purpose: .test, index: round)
            let canvas = Size(width: 64, height: 64)
            let anchors = Anchors(AnchorSpec(), canvas: canvas)
            let classes = 1 + random.below(3)
            let logits = (0..<anchors.count * classes).map { _ in Float(random.below(96) - 88) / 16 }
            let codes = (0..<anchors.count * 4).map { _ in Float(random.uniform(-0.6, 0.6)) }
            var spec = DecodingSpec()
            spec.suppression = suppression
            spec.perClass = [1000, 8][round % 2]
            spec.perImage = 1000
            var candidates: [(label: Int, box: Box, score: Float)] = []
            for k in 0..<classes {
                for i in 0..<anchors.count {
                    let score = 1 / (1 + exponential(-logits[i * classes + k]))
                    let c = 4 * i
                    let box = BoxCode.decode(
                        codes[c], codes[c + 1], codes[c + 2], codes[c + 3], anchor: anchors[i]
                    ).clipped(to: canvas)
                    if score > spec.scoreFloor, !box.isEmpty { candidates.append((k, box, score)) }
                }
            }
            let groups = suppression.isAgnostic ? [Array(0..<classes)] : (0..<classes).map { [$0] }
            let expected = groups.flatMap { group -> [CanvasDetection] in
                let own = candidates.filter { group.contains($0.label) }
                return suppressed(
                    own.map(\.box), scores: own.map(\.score), labels: own.map(\.label), suppression,
                    floor: spec.scoreFloor, limit: spec.perClass
                ).map { CanvasDetection(box: own[$0.index].box, label: own[$0.index].label, score: $0.score) }
            }
            let found = decode(spec, logits, codes, anchors, classes: classes)
            #expect(found.count == expected.count && Set(found) == Set(expected), "round \(round)")
            #expect(zip(found, found.dropFirst()).allSatisfy { $0.score >= $1.score })
        }
    }

    @Test func boxesAreClippedBeforeSuppression() {
        let anchors = Anchors(AnchorSpec(), canvas: Size(width: 64, height: 64))
        // Both reach far over the left edge; what is on the canvas is nearly the same.
        let boxes = [Box(x1: -100, y1: 10, x2: 20, y2: 30), Box(x1: -10, y1: 10, x2: 20, y2: 30)]
        #expect(boxes[0].iou(boxes[1]) < 0.5)
        let (logits, codes) = outputs(boxes, [[0.9], [0.8]], anchors)
        let found = decode(DecodingSpec(), logits, codes, anchors, classes: 1)
        #expect(found.count == 1)
        #expect(found.first?.box.x1 == 0)
    }

    @Test func nothingAboveTheFloor() {
        let anchors = Anchors(AnchorSpec(), canvas: Size(width: 32, height: 32))
        let logits = [Float](repeating: -10, count: anchors.count * 2)
        let nan = [Float](repeating: .nan, count: anchors.count * 2)
        let codes = [Float](repeating: 0, count: anchors.count * 4)
        #expect(decode(DecodingSpec(), logits, codes, anchors, classes: 2).isEmpty)
        #expect(decode(DecodingSpec(), nan, codes, anchors, classes: 2).isEmpty)
        // Codes that are no number give no box.
        let sure = [Float](repeating: 4, count: anchors.count * 2)
        let broken = [Float](repeating: .nan, count: anchors.count * 4)
        #expect(decode(DecodingSpec(), sure, broken, anchors, classes: 2).isEmpty)
    }

    @Test func theScoreFloorIsExclusive() {
        let anchors = Anchors(AnchorSpec(), canvas: Size(width: 32, height: 32))
        let (logits, codes) = outputs([Box(x1: 4, y1: 4, x2: 20, y2: 20)], [[0.5]], anchors)
        var spec = DecodingSpec()
        spec.scoreFloor = 0.5
        #expect(decode(spec, logits, codes, anchors, classes: 1).isEmpty)
        spec.scoreFloor = 0.4999
        #expect(decode(spec, logits, codes, anchors, classes: 1).count == 1)
    }
}
