import Augmentation
import Base
import Geometry
import Imaging
import Testing

/// The fused rendering against the reference, operation by operation and in sequences.
@Suite struct RenderingTests {
    private func difference(_ a: [Float], _ b: [Float]) -> (mean: Double, most: Double) {
        let all = zip(a, b).map { abs(Double($0) - Double($1)) }
        return (all.reduce(0, +) / Double(all.count), all.max() ?? 0)
    }

    private func reference(_ operations: [Augmentation.Operation], _ image: Image) -> [Float] {
        operations.reduce(image) { $1.applied(to: $0, contrastQuirk: false) }.pixels.map { Float($0) }
    }

    private let rect = PixelRect(x: 30, y: 12, width: 25, height: 31)

    /// What only colours, and what paints where nothing moves, is the same to the last bit of the 8.
    @Test func coloursAreExact() {
        let image = smooth(97, 71)
        let cases: [[Augmentation.Operation]] = [
            [.autoContrast], [.equalize], [.invert], [.posterize(bits: 3)], [.solarize(threshold: 100)],
            [.solarizeAdd(60)], [.color(1.9)], [.color(0.1)], [.brightness(1.9)], [.sharpness(1.9)], [.sharpness(0.1)],
            [.cutout(rect)], [.invert, .cutout(rect), .solarizeAdd(110)], [.posterize(bits: 4), .equalize, .invert],
            [.sharpness(1.9), .equalize, .color(1.9), .autoContrast], [.cutout(rect), .color(0.3), .brightness(0.4)],
            [.inside(rect, .rotate(24)), .invert], [.invert, .inside(rect, .equalize), .color(1.5)],
        ]
        for operations in cases {
            let fused = Plan.of(operations, image.size).canvas(image)
            #expect(fused == reference(operations, image), "\(operations)")
        }
        // The mean grey is cut pixel by pixel there and once here.
        for factor in [0.1, 1.9] {
            let two = difference(
                Plan.of([.contrast(factor)], image.size).canvas(image), reference([.contrast(factor)], image))
            #expect(two.most <= 1)
        }
    }

    /// A move by whole pixels is exact, what it uncovers included, in any order with what colours and paints.
    @Test func movesByWholePixelsAreExact() {
        let image = smooth(97, 71)
        let cases: [[Augmentation.Operation]] = [
            [.translateX(17)], [.translateY(-20)], [.flip], [.translateX(200)],
            [.translateX(30), .invert, .translateX(-50), .solarizeAdd(60)],
            [.cutout(rect), .translateY(11), .brightness(0.5), .translateX(-9), .cutout(rect)],
            [.translateX(-40), .translateX(40), .color(0.2)],
            [.translateX(12), .inside(rect, .invert), .translateY(5)],
            [.translateX(-30), .equalize], [.cutout(rect), .autoContrast, .translateY(9), .equalize],
        ]
        for operations in cases {
            let fused = Plan.of(operations, image.size).canvas(image)
            let two = difference(fused, reference(operations, image))
            #expect(two.most < 0.01, "\(operations): \(two)")
        }
    }

    /// What turns and shears differs from nearest sampling by what that misses of a smooth picture, and at the border of
    /// what was uncovered by a pixel.
    @Test func turnsAndShearsAreClose() {
        let image = smooth(97, 71)
        let cases: [[Augmentation.Operation]] = [
            [.rotate(30)], [.rotate(-45)], [.shearX(0.3)], [.shearY(-0.3)], [.rotate(12), .shearX(0.2)],
            [.rotate(20), .invert, .translateX(10)], [.cutout(rect), .rotate(30), .posterize(bits: 2)],
            [.rotate(30), .rotate(-30)], [.shearX(0.3), .translateX(25), .shearX(-0.3), .solarizeAdd(40)],
            [.rotate(15), .inside(rect, .invert)],
        ]
        for operations in cases {
            let fused = Plan.of(operations, image.size).canvas(image)
            let slow = reference(operations, image)
            let far = zip(fused, slow).count { abs($0 - $1) > 12 }
            #expect(Double(far) < 0.035 * Double(fused.count), "\(operations): \(far) of \(fused.count)")
            #expect(difference(fused, slow).mean < 4.5, "\(operations): \(difference(fused, slow))")
        }
    }

    /// Shrinking by a turn averages what it leaves out: fine stripes become their mean, where one sample a pixel would
    /// show them.
    @Test func turnedPicturesAreAntialiased() {
        var image = Image(width: 240, height: 240)
        for y in 0..<240 {
            for x in 0..<240 where (x + y) % 2 == 0 { for c in 0..<3 { image.pixels[(y * 240 + x) * 3 + c] = 255 } }
        }
        let small = Size(width: 60, height: 60)
        let plan = Plan(source: image.size, target: small, operations: [.rotate(20)], resized: small)
        let canvas = plan.canvas(image)
        var most = 0.0
        for y in 20..<40 { for x in 20..<40 { most = max(most, abs(Double(canvas[(y * 60 + x) * 3]) - 127.5)) } }
        #expect(most < 12)
        // And where the picture grows it is the plain bilinear sample.
        let large = Size(width: 480, height: 480)
        let grown = Plan(source: image.size, target: large, operations: [.rotate(90)], resized: large).canvas(image)
        let straight = Plan(source: image.size, target: large, resized: large).canvas(image)
        for y in stride(from: 0, to: 480, by: 7) {
            for x in stride(from: 0, to: 480, by: 7) {
                // A quarter turn counterclockwise: (x, y) shows what was at (479 - y, x).
                #expect(abs(grown[(y * 480 + x) * 3] - straight[(x * 480 + 479 - y) * 3]) < 0.51)
            }
        }
    }

    /// Padding is 0 after normalisation, what a move uncovers is grey, and they are told apart.
    @Test func fillAndPaddingAreTwoThings() {
        let image = Image(width: 40, height: 20, red: 200, green: 10, blue: 90)
        let plan = Plan(
            source: image.size, target: Size(width: 32, height: 32), operations: [.translateX(20)],
            resized: Size(width: 32, height: 16))
        var slot = [Float](repeating: .nan, count: 32 * 32 * 3)
        slot.withUnsafeMutableBufferPointer { plan.render(image, into: $0) }
        func value(_ byte: Double, _ c: Int) -> Float {
            Float((byte / 255 - Normalization.imageNet.mean[c]) / Normalization.imageNet.deviation[c])
        }
        for y in 0..<32 {
            for x in 0..<32 {
                for c in 0..<3 {
                    let expected = y >= 16 ? 0 : x < 16 ? value(128, c) : value([200, 10, 90][c], c)
                    #expect(abs(slot[(y * 32 + x) * 3 + c] - expected) < 1e-5)
                }
            }
        }
    }

    /// A box of one colour: what is drawn of it lies in the box that the plan gives, and reaches its edges where nothing
    /// turns. Masks show the same pixels.
    @Test func boxesAndMasksLieWhereThePixelsAre() throws {
        var random = Random(seed: 21, purpose: .test)
        var seen = 0, gone = 0
        for i in 0..<400 {
            let source = Size(width: 60 + random.below(80), height: 60 + random.below(80))
            let target = Size(width: 96, height: 80)
            let x = random.below(source.width - 20), y = random.below(source.height - 20)
            let rect = PixelRect(
                x: x, y: y, width: 8 + random.below(source.width - x - 8),
                height: 8 + random.below(source.height - y - 8))
            var image = Image(width: source.width, height: source.height, red: 10, green: 10, blue: 10)
            image.fill(x: rect.x, y: rect.y, width: rect.width, height: rect.height, color: Color(250, 10, 10))
            var mask = LabelMap(
                width: source.width, height: source.height,
                labels: [UInt8](repeating: 0, count: source.width * source.height))
            for j in rect.y..<rect.y + rect.height {
                for k in rect.x..<rect.x + rect.width { mask.labels[j * source.width + k] = 1 }
            }
            var moves = RandAugment(
                name: "moves", draws: 2, magnitude: 8,
                operators: i % 2 == 0 ? [.translateX, .translateY] : [.rotate, .shearX, .shearY, .translateX])
            moves.constants.translate = 60
            let policy = Policy(name: "moves", operators: .random(moves), flip: 0.5, jitter: 0.5...2)
            let plan = policy.plan(for: source, boxes: [rect.box], target: target, random: &random)
            let canvas = plan.canvas(image), labels = plan.rendered(mask)
            var drawn: [(Int, Int)] = []
            for j in 0..<80 {
                for k in 0..<96 {
                    let red = canvas[(j * 96 + k) * 3] - canvas[(j * 96 + k) * 3 + 1]
                    if red > 120 { drawn.append((k, j)) }
                    // Where the picture is nearly one thing the mask agrees.
                    if red > 200 { #expect(labels.labels[j * 96 + k] == 1 || plan.map.a.magnitude < 0.7) }
                    if labels.labels[j * 96 + k] == 1 { #expect(red > 0) }
                }
            }
            guard let box = plan(rect.box) else {
                #expect(drawn.count < 40, "\(plan) dropped a box of which \(drawn.count) pixels are there")
                gone += 1
                continue
            }
            let xs = drawn.map(\.0), ys = drawn.map(\.1)
            guard let left = xs.min(), let right = xs.max(), let top = ys.min(), let bottom = ys.max() else { continue }
            seen += 1
            #expect(
                Float(left) >= box.x1 - 1 && Float(right + 1) <= box.x2 + 1 && Float(top) >= box.y1 - 1
                    && Float(bottom + 1) <= box.y2 + 1, "\(plan): \(box)")
            if i % 2 == 0 {
                #expect(
                    abs(Float(left) - box.x1) <= 1 && abs(Float(right + 1) - box.x2) <= 1
                        && abs(Float(top) - box.y1) <= 1 && abs(Float(bottom + 1) - box.y2) <= 1, "\(plan): \(box)")
            }
        }
        #expect(seen > 200 && gone > 50, "\(seen) seen, \(gone) gone")
    }

    /// Points go there and back within half a pixel, whatever was drawn.
    @Test func mapsGoThereAndBack() {
        var random = Random(seed: 31, purpose: .test)
        var turned = 0
        for _ in 0..<2000 {
            let source = Size(width: 20 + random.below(900), height: 20 + random.below(900))
            let plan = Policy.s4.plan(for: source, target: Size(width: 320, height: 256), random: &random)
            let (map, back) = (plan.map, plan.map.inverse)
            turned += map.isAxisAligned ? 0 : 1
            for _ in 0..<5 {
                let x = random.uniform(0, Double(source.width)), y = random.uniform(0, Double(source.height))
                let there = map(x: x, y: y)
                let again = back(x: there.x, y: there.y)
                #expect(abs(again.x - x) < 1e-6 && abs(again.y - y) < 1e-6)
            }
            // Of a box that nothing turned and that stays inside, the way back is the box.
            let w = Float(source.width), h = Float(source.height)
            let box = Box(x1: 0.4 * w, y1: 0.45 * h, x2: 0.5 * w, y2: 0.55 * h)
            if map.isAxisAligned, let moved = plan(box), moved == map(box) {
                let there = plan.original(moved)
                for (a, b) in zip(
                    [there.x1, there.y1, there.x2, there.y2], [box.x1, box.y1, box.x2, box.y2])
                {
                    #expect(abs(a - b) < 0.5)
                }
            }
        }
        #expect(turned > 400)
    }

    /// A reduced picture is varied alike: operations count the whole picture's pixels.
    @Test func reducedPicturesAreVariedAlike() {
        let image = smooth(200, 160)
        // Means of 2 x 2, as a reduced decoding leaves them.
        var half = Image(width: 100, height: 80)
        for y in 0..<80 {
            for x in 0..<100 {
                for c in 0..<3 {
                    let at = { (i: Int, j: Int) in Int(image.pixels[((2 * y + j) * 200 + 2 * x + i) * 3 + c]) }
                    half.pixels[(y * 100 + x) * 3 + c] = UInt8((at(0, 0) + at(1, 0) + at(0, 1) + at(1, 1) + 2) / 4)
                }
            }
        }
        let inner = PixelRect(x: 60, y: 50, width: 40, height: 32)
        let cases: [[Augmentation.Operation]] = [
            [], [.translateX(30)], [.rotate(25), .cutout(inner)], [.cutout(inner), .shearX(0.2), .equalize],
            [.inside(inner, .translateX(10)), .invert], [.rotate(10), .inside(inner, .cutout(inner))],
        ]
        for operations in cases {
            let plan = Plan(
                source: image.size, target: Size(width: 64, height: 64), operations: operations,
                resized: Size(width: 50, height: 40))
            let two = difference(plan.canvas(image), plan.canvas(half, reduction: 2))
            #expect(two.mean < 2, "\(operations): \(two)")
        }
    }

    /// The reference rendering of a whole plan is its operations, then the plain bilinear placement.
    @Test func referencePlansAreTheirOperations() {
        let image = smooth(90, 70)
        let operations: [Augmentation.Operation] = [.rotate(20), .contrast(1.9), .translateX(12)]
        let plan = Plan(
            source: image.size, target: Size(width: 64, height: 64), operations: operations, flipped: true,
            resized: Size(width: 64, height: 50), rendering: .reference(contrastQuirk: true))
        let done = operations.reduce(image) { $1.applied(to: $0, contrastQuirk: true) }
        let placed = Plan(
            source: image.size, target: Size(width: 64, height: 64), flipped: true,
            resized: Size(width: 64, height: 50), rendering: .reference(contrastQuirk: true))
        #expect(plan.canvas(image) == placed.canvas(done))
        // A box that leaves the picture stays as a sliver at its edge.
        let away = Plan(
            source: Size(width: 100, height: 100), target: Size(width: 100, height: 100), operations: [.translateX(90)],
            resized: Size(width: 100, height: 100), rendering: .reference(contrastQuirk: false))
        #expect(away(Box(x1: 40, y1: 10, x2: 60, y2: 30)) == Box(x1: 95, y1: 10, x2: 100, y2: 30))
        // One that is thin but not gone keeps its width where it leaves by its height.
        let down = Plan.of([.translateY(-80)], Size(width: 100, height: 100), .reference(contrastQuirk: false))
        #expect(down(Box(x1: 0, y1: 10, x2: 3, y2: 30)) == Box(x1: 0, y1: 0, x2: 3, y2: 5))
        #expect(
            Plan.of([.translateX(90)], Size(width: 100, height: 100))(Box(x1: 40, y1: 10, x2: 60, y2: 30)) == nil)
    }

    /// Pictures of one pixel a side can be turned, too.
    @Test func tinyPicturesAreTurned() {
        for (w, h) in [(1, 1), (1, 9), (9, 1), (2, 2)] {
            let image = Image(width: w, height: h, red: 200, green: 100, blue: 50)
            let plan = Plan(
                source: image.size, target: Size(width: 24, height: 24), operations: [.rotate(30), .sharpness(1.9)],
                resized: Size(width: 24, height: 24))
            let canvas = plan.canvas(image)
            #expect(canvas.allSatisfy { $0 >= 0 && $0 <= 255 })
            #expect(abs(canvas[(12 * 24 + 12) * 3] - 200) < 1e-3)
        }
    }

    /// Moved masks in one pass against the slow way, operation after operation: but for the border between two labels,
    /// where rounding decides, every pixel is the same, and what was uncovered is ignored in both.
    @Test func movedMasksAreThoseOfTheSlowWay() {
        let source = Size(width: 90, height: 70), target = Size(width: 96, height: 80)
        // Labels in blocks of 10, none of them 0, so that none can be taken for what nobody set.
        var mask = LabelMap(width: 90, height: 70, labels: [UInt8](repeating: 0, count: 90 * 70))
        for y in 0..<70 {
            for x in 0..<90 { mask.labels[y * 90 + x] = UInt8(1 + x / 10 + y / 10 * 9) }
        }
        var (uncovered, moved) = (0, 0)
        for index in 0..<200 {
            var random = Random(seed: 8, purpose: .test, index: index)
            var set = RandAugment.detection
            set.operators = [.rotate, .shearX, .shearY, .translateX, .translateY, .color, .cutout]
            set.constants.translate = 30
            var policy = Policy(name: "moves", operators: .random(set), flip: 0.5, jitter: 0.7...1.5)
            let before = random
            let plan = policy.plan(for: source, target: target, random: &random)
            policy.rendering = .reference(contrastQuirk: false)
            random = before
            let slow = policy.plan(for: source, target: target, random: &random).rendered(mask)
            let labels = plan.rendered(mask)
            let isMoved = plan.operations.contains { $0.map(in: source) != nil }
            moved += isMoved ? 1 : 0
            for y in 1..<79 {
                for x in 1..<95 {
                    let at = y * 96 + x
                    // Two roundings are up to a pixel of the picture apart for each operation.
                    var around: Set<UInt8> = []
                    for j in max(0, y - 2)...min(79, y + 2) {
                        for k in max(0, x - 2)...min(95, x + 2) { around.insert(slow.labels[j * 96 + k]) }
                    }
                    if around.count > 1 { continue }
                    #expect(labels.labels[at] == slow.labels[at], "\(plan) at \(x), \(y)")
                    if slow.labels[at] == LabelMap.ignored, x < plan.covered.width, y < plan.covered.height {
                        uncovered += 1
                    }
                }
            }
        }
        #expect(moved > 100 && uncovered > 20_000, "\(moved) plans moved, \(uncovered) pixels uncovered")
    }

    /// A network's output sees a label for each block of pixels: that of the block's centre, by the same map.
    @Test(arguments: [1, 4, 8]) func stridedMasksAreThoseOfCentres(stride: Int) {
        let source = Size(width: 61, height: 43)
        var mask = LabelMap(width: 61, height: 43, labels: [UInt8](repeating: 0, count: 61 * 43))
        for i in mask.labels.indices { mask.labels[i] = UInt8((i % 61 / 3 + i / 61 / 4 * 5) % 250) }
        let target = Size(width: 64, height: 96)
        for index in 0..<60 {
            var random = Random(seed: 5, purpose: .test, epoch: stride, index: index)
            var policy = index % 2 == 0 ? Policy.s1 : Policy.s4
            policy.jitter = 0.4...2.5
            let plan = policy.plan(for: source, target: target, random: &random)
            let labels = plan.rendered(mask, stride: stride)
            #expect(labels.size == Size(width: 64 / stride, height: 96 / stride))
            // What a move uncovered is for the next test; here, what is in the picture all the way.
            if plan.operations.contains(where: { $0.map(in: source) != nil }) { continue }
            let back = plan.map.inverse
            for (i, label) in labels.labels.enumerated() {
                let (x, y) = (
                    (Double(i % labels.width) + 0.5) * Double(stride), (Double(i / labels.width) + 0.5) * Double(stride)
                )
                let at = back(x: x, y: y)
                guard x < Double(plan.covered.width), y < Double(plan.covered.height), at.x < 61, at.y < 43, at.x >= 0,
                    at.y >= 0
                else {
                    #expect(label == LabelMap.ignored, "plan \(plan) at \(x), \(y)")
                    continue
                }
                // On the border of two pixels either will do.
                let near = [-1e-9, 1e-9].map { d in
                    mask.labels[
                        min(42, max(0, Int(at.y + d))) * 61 + min(60, max(0, Int(at.x + d)))]
                }
                #expect(near.contains(label), "plan \(plan) at \(x), \(y)")
            }
        }
    }
}
