import Base
import Geometry
import Testing

@Suite struct OverlapTests {
    /// Boxes on a coarse grid, so that equal, touching, nested and empty ones all occur.
    private func boxes(_ count: Int, seed: UInt64) -> [Box] {
        var random = Random(seed: seed, purpose: .test)
        return (0..<count).map { _ in
            let x = Float(random.below(12))
            let y = Float(random.below(12))
            return Box(x1: x, y1: y, x2: x + Float(random.below(7)), y2: y + Float(random.below(7)))
        }
    }

    @Test func handWorkedOverlaps() {
        let a = Box(x1: 0, y1: 0, x2: 4, y2: 4)
        #expect(a.iou(Box(x1: 2, y1: 0, x2: 6, y2: 4)) == Float(8) / 24)
        #expect(a.iou(Box(x1: 4, y1: 0, x2: 8, y2: 4)) == 0)  // they touch
        #expect(a.iou(Box(x1: 1, y1: 1, x2: 3, y2: 3)) == 0.25)  // one in the other
        #expect(a.iou(a) == 1)
        let empty = Box(x1: 1, y1: 1, x2: 1, y2: 3)
        #expect(empty.iou(empty) == 0)
    }

    /// On whole numbers IoU is a count of unit pixels.
    @Test func matrixAgreesWithCountedPixels() {
        func pixels(_ box: Box) -> Set<Int> {
            var set: Set<Int> = []
            for y in Int(box.y1)..<Int(box.y2) { for x in Int(box.x1)..<Int(box.x2) { set.insert(y * 100 + x) } }
            return set
        }
        let a = boxes(40, seed: 1)
        let b = boxes(30, seed: 2)
        let matrix = iouMatrix(a, b)
        #expect(matrix.count == 1200)
        for i in a.indices {
            for j in b.indices {
                let union = pixels(a[i]).union(pixels(b[j])).count
                let shared = pixels(a[i]).intersection(pixels(b[j])).count
                #expect(matrix[i * 30 + j] == (union == 0 ? 0 : Float(shared) / Float(union)))
            }
        }
        let turned = iouMatrix(b, a)
        let transposed: [Float] = (0..<1200).map { i in turned[(i % 30) * 40 + i / 30] }
        #expect(matrix == transposed)
        #expect(iouMatrix([], b).isEmpty)
    }

    @Test func suppressionByHand() {
        let a = Box(x1: 0, y1: 0, x2: 10, y2: 10)
        let near = Box(x1: 1, y1: 0, x2: 11, y2: 10)  // IoU with a: 90/110
        let half = Box(x1: 0, y1: 0, x2: 10, y2: 5)  // IoU with a: exactly 0.5
        let list = [near, a, half, a]
        #expect(nms(list, scores: [0.8, 0.9, 0.7, 0.9], labels: [0, 0, 0, 0], iouThreshold: 0.5) == [1, 2])
        #expect(nms(list, scores: [0.8, 0.9, 0.7, 0.9], labels: [0, 0, 0, 1], iouThreshold: 0.5) == [1, 3, 2])
        #expect(nms(list, scores: [0.8, 0.9, 0.7, 0.9], labels: [0, 0, 0, 0], iouThreshold: 0.49) == [1])
        #expect(nms(list, scores: [0.8, 0.9, 0.7, 0.9], labels: [0, 1, 2, 3], iouThreshold: 0, limit: 2) == [1, 3])
        #expect(nms([], scores: [], labels: [], iouThreshold: 0.5).isEmpty)
    }

    /// What defines the result: kept boxes of a class do not overlap, and each dropped one is overlapped by a kept
    /// box of its class that comes before it.
    @Test(arguments: [0.0, 0.3, 0.5, 0.9]) func keptAndDroppedBoxesAreAsDefined(threshold: Float) {
        let list = boxes(120, seed: 3).filter { !$0.isEmpty }
        var random = Random(seed: 4, purpose: .test)
        let scores = list.map { _ in Float(random.below(20)) / 20 }
        let labels = list.map { _ in random.below(3) }
        let kept = nms(list, scores: scores, labels: labels, iouThreshold: threshold)
        func precedes(_ a: Int, _ b: Int) -> Bool { scores[a] != scores[b] ? scores[a] > scores[b] : a < b }
        #expect(zip(kept, kept.dropFirst()).allSatisfy(precedes))
        for i in list.indices {
            let rivals = kept.filter { precedes($0, i) && labels[$0] == labels[i] && list[$0].iou(list[i]) > threshold }
            #expect(kept.contains(i) == rivals.isEmpty)
        }
        // Each class by itself gives the same.
        let apart = (0..<3).flatMap { label in
            let own = list.indices.filter { labels[$0] == label }
            return nms(
                own.map { list[$0] }, scores: own.map { scores[$0] }, labels: own.map { _ in 0 },
                iouThreshold: threshold
            ).map { own[$0] }
        }
        #expect(Set(apart) == Set(kept))
    }
}
