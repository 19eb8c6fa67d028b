import Base
import Geometry
import Models
import Testing

@Suite struct MatcherTests {
    @Test func matchingEqualsTheReference() throws {
        let reference = try #require(try fixture("retinanet.json")["match"])
        let anchors = Anchors(AnchorSpec(), canvas: Size(width: 160, height: 128))
        let labels = try #require(reference["labels"]).ints
        let boxes = try #require(reference["boxes"]).rows.map { Box($0) }
        let targets = zip(boxes, labels).map { Target(box: $0, label: $1) }
        let result = MatcherSpec()(targets, anchors)
        let positives = try #require(reference["anchors"]).ints
        let owner = try #require(reference["box_of_anchor"]).ints
        #expect(result.positives.map(Int.init) == positives)
        #expect(positives.map { Int(result.labels[$0]) } == owner.map { labels[$0] })
        #expect(result.labels.filter { $0 != -1 }.count == positives.count)
        let codes = try #require(reference["codes_dxdydwdh"]).rows.flatMap { $0 }
        #expect(result.codes.count == codes.count)
        for (value, expected) in zip(result.codes, codes) { #expect(near(value, expected, 1e-5)) }
    }

    /// The rules written down once more, anchor by anchor over the whole matrix.
    private func slow(_ spec: MatcherSpec, _ targets: [Target], _ anchors: Anchors) -> ([Int32], [Int: Int]) {
        let objects = targets.filter { !$0.ignored && !$0.box.isEmpty }
        let regions = targets.filter { $0.ignored && !$0.box.isEmpty }
        let all = (0..<anchors.count).map { anchors[$0] }
        let overlap = objects.map { object in all.map { object.box.iou($0) } }  // [G][A]
        var labels = [Int32](repeating: -1, count: all.count)
        var owner: [Int: Int] = [:]
        for a in all.indices {
            guard let best = overlap.indices.max(by: { overlap[$0][a] < overlap[$1][a] }) else { continue }
            let first = overlap.firstIndex { $0[a] == overlap[best][a] } ?? best
            let iou = overlap[first][a]
            if iou >= spec.positive {
                owner[a] = first
            } else if iou >= spec.negative {
                labels[a] = -2
            }
        }
        var forced: [Int: Int] = [:]
        if spec.force == .object {
            for (g, row) in overlap.enumerated() {
                guard let top = row.max(), top > 0, let a = row.firstIndex(of: top) else { continue }
                if forced[a] == nil { forced[a] = g }
            }
        }
        owner.merge(forced) { $1 }
        for (a, g) in owner { labels[a] = Int32(objects[g].label) }
        for a in all.indices where labels[a] == -1 {
            if regions.contains(where: { $0.box.intersection(all[a]) / all[a].area >= spec.ignoreOverlap }) {
                labels[a] = -2
            }
        }
        return (labels, owner)
    }

    @Test func matchingEqualsTheSlowRules() {
        for round in 0..<24 {
            var random = Random(seed: 2, purpose: .test, index: round)
            let canvas = Size(width: 32 * (1 + random.below(4)), height: 32 * (1 + random.below(4)))
            let anchors = Anchors(AnchorSpec(), canvas: canvas)
            var spec = MatcherSpec()
            if round % 3 == 1 { (spec.positive, spec.negative) = (0.6, 0.4) }
            if round % 4 == 2 { spec.force = .none }
            var targets = randomBoxes(random.below(9), canvas, &random).map {
                Target(box: $0, label: random.below(5), ignored: random.chance(0.25))
            }
            // A box twice over, and one without an area.
            if let first = targets.first { targets.append(Target(box: first.box, label: 4)) }
            targets.append(Target(box: Box(x1: 5, y1: 5, x2: 5, y2: 30), label: 1))
            if round % 5 == 0 {
                targets.append(Target(box: Box(x1: 0, y1: 0, x2: 50, y2: 50), label: 0, ignored: true))
            }
            let result = spec(targets, anchors)
            let (labels, owner) = slow(spec, targets, anchors)
            #expect(result.labels == labels, "round \(round)")
            #expect(result.positives.map(Int.init) == owner.keys.sorted(), "round \(round)")
            let objects = targets.filter { !$0.ignored && !$0.box.isEmpty }
            let codes = owner.keys.sorted().flatMap { a -> [Float] in
                let c = BoxCode.encode(objects[owner[a] ?? 0].box, anchor: anchors[a])
                return [c.0, c.1, c.2, c.3]
            }
            #expect(result.codes == codes, "round \(round)")
        }
    }

    @Test func anIgnoredRegionTakesNegativesOnly() {
        let anchors = Anchors(AnchorSpec(), canvas: Size(width: 64, height: 64))
        let object = Target(box: Box(x1: 4, y1: 4, x2: 36, y2: 36), label: 2)
        let everything = Target(box: Box(x1: -2000, y1: -2000, x2: 2000, y2: 2000), label: 0, ignored: true)
        let alone = MatcherSpec()([object], anchors)
        let both = MatcherSpec()([everything, object], anchors)
        #expect(both.positives == alone.positives && !both.positives.isEmpty)
        #expect(both.labels == alone.labels.map { $0 == -1 ? -2 : $0 })
        #expect(both.codes == alone.codes)
    }

    @Test func nothingToFind() {
        let anchors = Anchors(AnchorSpec(), canvas: Size(width: 64, height: 32))
        let result = MatcherSpec()([], anchors)
        #expect(result.labels == [Int32](repeating: -1, count: anchors.count))
        #expect(result.positives.isEmpty && result.codes.isEmpty)
        // An object that no anchor touches is nobody's, also by force.
        let outside = Target(box: Box(x1: 9000, y1: 9000, x2: 9010, y2: 9010), label: 0)
        #expect(MatcherSpec()([outside], anchors).positives.isEmpty)
    }
}
