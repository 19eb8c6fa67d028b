import Base
import Geometry
import Testing

@testable import Models

@Suite struct AnchorCoverageTests {
    @Test func equalsTheBestOfAllAnchors() {
        var random = Random(seed: 5, purpose: .test)
        for scale in [2.0, 4.0] {
            var spec = AnchorSpec()
            spec.scale = scale
            let canvas = Size(width: 96, height: 64)
            let anchors = Anchors(spec, canvas: canvas)
            for _ in 0..<200 {
                let x = Float(random.uniform() * 90)
                let y = Float(random.uniform() * 60)
                let box = Box(
                    x1: x, y1: y, x2: x + 1 + Float(random.uniform() * 60), y2: y + 1 + Float(random.uniform() * 60)
                )
                .clipped(to: canvas)
                let slow = (0..<anchors.count).map { anchors[$0].iou(box) }.max() ?? 0
                #expect(abs(spec.bestOverlap(box, canvas: canvas) - slow) < 1e-5)
            }
        }
    }

    @Test func halvedAnchorsReachSmallBoxes() {
        var spec = AnchorSpec()
        let box = Box(x1: 101, y1: 97, x2: 113, y2: 110)
        let coarse = spec.bestOverlap(box, canvas: Size(width: 256, height: 256))
        spec.scale = 2
        let fine = spec.bestOverlap(box, canvas: Size(width: 256, height: 256))
        #expect(coarse < 0.3)
        #expect(fine > 0.4)
    }
}
