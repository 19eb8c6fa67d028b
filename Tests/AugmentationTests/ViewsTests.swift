import Augmentation
import Base
import Geometry
import Imaging
import Testing

@Suite struct ViewsTests {
    static let cases = (try? fixture("views.json"))?["cases"]?.array ?? []

    /// Operators' pixels are of a canvas of 224; a smaller one has them in proportion, a larger one as they are.
    @Test func operatorsAreScaledToTheCanvas() throws {
        let policy = CropPolicy.randAugment
        func constants(_ policy: CropPolicy) throws -> OperatorConstants {
            guard case .random(let set) = policy.operators else { throw Failure.data("no RandAugment") }
            return set.constants
        }
        let small = try constants(policy.scaled(to: 56))
        #expect(small.translate == 25 && small.cutout == 10)
        #expect(try constants(policy.scaled(to: 600)) == constants(policy))
        #expect(CropPolicy.plain.scaled(to: 32) == .plain)
    }

    @Test func thereAreCases() { #expect(Self.cases.count >= 17) }

    /// Operators on the canvas, and the window, against torchvision and numpy (Tools/reference/augment.py).
    @Test(arguments: cases.indices)
    func valuesEqualTheReference(_ index: Int) throws {
        let entry = Self.cases[index]
        let name = try #require(entry["operator"]?.string)
        let a = (entry["argument"]?.array ?? []).compactMap(\.double)
        let image = picture("large")
        var size = image.size
        var values: [Float]
        if name == "ResizedCrop" {
            size = Size(width: Int(a[4]), height: Int(a[5]))
            let window = PixelRect(x: Int(a[0]), y: Int(a[1]), width: Int(a[2]), height: Int(a[3]))
            values = Plan(source: image.size, target: size, window: window, resized: size).canvas(image)
                .map { $0 / 255 }
        } else {
            values = image.pixels.map { Float($0) / 255 }
            let operation: CanvasOperation =
                switch name {
                case "Brightness": .brightness(a[0])
                case "Contrast": .contrast(a[0])
                case "Saturation": .saturation(a[0])
                case "Grey": .saturation(0)
                case "Hue": .hue(a[0])
                default: .blur(radius: Int(a[0]), sigma: a[1])
                }
            values.withUnsafeMutableBufferPointer { operation.apply(to: $0, size: size) }
        }
        let points = (entry["points"]?.array ?? []).map { ($0.array ?? []).compactMap(\.int) }
        let expected = (entry["values"]?.array ?? []).compactMap(\.double)
        #expect(points.count == 12 && expected.count == 36)
        for (i, point) in points.enumerated() {
            for c in 0..<3 {
                let value = Double(values[(point[1] * size.width + point[0]) * 3 + c])
                #expect(abs(value - expected[3 * i + c]) < 3e-6, "\(name) \(a) at \(point), channel \(c)")
            }
        }
        let mean = values.reduce(0.0) { $0 + Double($1) } / Double(values.count)
        #expect(abs(mean - (entry["mean"]?.double ?? .nan)) < 2e-6)
    }

    /// A window that is flipped is the mirror of the mirrored window.
    @Test func windowsFlip() {
        let image = picture("large")
        let target = Size(width: 20, height: 20)
        let plain = Plan(
            source: image.size, target: target, window: PixelRect(x: 4, y: 3, width: 19, height: 15), resized: target
        ).canvas(image)
        let mirrored = Plan(
            source: image.size, target: target, flipped: true,
            window: PixelRect(x: 31 - 4 - 19, y: 3, width: 19, height: 15), resized: target
        ).canvas(image)
        for y in 0..<20 {
            for x in 0..<60 {
                let other = (19 - x / 3) * 3 + x % 3
                #expect(abs(plain[y * 60 + x] - mirrored[y * 60 + other]) < 1e-3)
            }
        }
    }

    /// SimCLR's draws: shares, ranges, all orders of the jitter; a crop is where it says.
    @Test func viewsAreDistributedAsStated() {
        let source = Size(width: 500, height: 375), target = Size(width: 224, height: 224)
        var flips = 0, jitters = 0, greys = 0, blurs = 0
        var areas = 0.0
        var orders: Set<String> = []
        let n = 20_000
        for i in 0..<n {
            var random = Random(seed: 4, purpose: .augmentation, epoch: 0, index: i)
            let plan = ViewPolicy.simCLR.plan(for: source, target: target, random: &random)
            let area = Double(plan.window.width * plan.window.height) / Double(500 * 375)
            let ratio = Double(plan.window.width) / Double(plan.window.height)
            #expect((0.079...1).contains(area) && (0.74...1.36).contains(ratio))
            areas += area
            flips += plan.flipped ? 1 : 0
            var rest = plan.filters
            if case .blur(let radius, let sigma)? = rest.last {
                blurs += 1
                #expect(radius == 11 && (0.1...2).contains(sigma))
                rest.removeLast()
            }
            if rest.last == .saturation(0) {
                greys += 1
                rest.removeLast()
            }
            if rest.count == 4 {
                jitters += 1
                orders.insert(rest.map { "\($0)".prefix(3) }.joined())
                for filter in rest {
                    switch filter {
                    case .brightness(let f), .contrast(let f), .saturation(let f): #expect((0.2...1.8).contains(f))
                    case .hue(let shift): #expect((-0.2...0.2).contains(shift))
                    case .blur: Issue.record("a blur within the jitter")
                    }
                }
            } else {
                #expect(rest.isEmpty)
            }
        }
        func near(_ count: Int, _ share: Double) -> Bool {
            abs(Double(count) - share * Double(n)) < 4 * (Double(n) * share * (1 - share)).squareRoot()
        }
        #expect(near(flips, 0.5) && near(jitters, 0.8) && near(greys, 0.2) && near(blurs, 0.5))
        #expect(orders.count == 24)
        // Of a shape r in a picture of shape 4/3 at most 3/4 r fits, so the greatest area A is spread as the shape is,
        // evenly in its logarithm from 0.5625 to 1; areas are uniform up to it and tries that fail are drawn anew:
        // (E[A^2] - 0.08^2) / 2 / (E[A] - 0.08) = (0.5940 - 0.0064) / 2 / (0.7604 - 0.08).
        #expect(abs(areas / Double(n) - 0.4318) < 0.008)
        var random = Random(seed: 1, purpose: .test)
        let (a, b) = ViewPolicy.simCLR.plans(for: source, target: target, random: &random)
        #expect(a != b)
        // Nothing fits: the middle part whose shape is in range.
        let thin = RandomResizedCrop(area: 1...1).window(of: Size(width: 400, height: 20), random: &random)
        #expect(thin == PixelRect(x: 186, y: 0, width: 27, height: 20))
    }

    /// A rendered view is normalised after its filters.
    @Test func viewsAreNormalised() {
        let image = smooth(60, 40)
        let target = Size(width: 32, height: 32)
        let window = PixelRect(x: 5, y: 5, width: 30, height: 30)
        let plain = Plan(source: image.size, target: target, window: window, resized: target)
        let view = Plan(
            source: image.size, target: target, window: window, resized: target, filters: [.brightness(0.5)])
        var values = [Float](repeating: .nan, count: 32 * 32 * 3)
        values.withUnsafeMutableBufferPointer { view.render(image, into: $0) }
        let bytes = plain.canvas(image)
        let n = Normalization.imageNet
        for i in values.indices {
            let expected = (Double(bytes[i]) / 510 - n.mean[i % 3]) / n.deviation[i % 3]
            #expect(abs(Double(values[i]) - expected) < 1e-4)
        }
    }

    @Test func cutMixPutsARectangleOver() {
        let size = Size(width: 12, height: 9)
        let rect = PixelRect(x: 3, y: 2, width: 5, height: 4)
        var slot = [Float](repeating: 1, count: 12 * 9 * 3)
        let other = [Float](repeating: 2, count: 12 * 9 * 3)
        other.withUnsafeBufferPointer { other in
            slot.withUnsafeMutableBufferPointer { CutMix.paste(rect, of: other, over: $0, size: size, channels: 3) }
        }
        for y in 0..<9 {
            for x in 0..<12 {
                let inside = (3..<8).contains(x) && (2..<6).contains(y)
                #expect(slot[(y * 12 + x) * 3 + 2] == (inside ? 2 : 1))
            }
        }
        var random = Random(seed: 3, purpose: .test)
        let rects = (0..<4000).compactMap { _ in CutMix().rect(on: Size(width: 200, height: 200), random: &random) }
        #expect(abs(rects.count - 2000) < 130)
        for rect in rects {
            #expect((0.015...0.42).contains(Double(rect.width * rect.height) / 40_000))
            #expect(rect.clipped(to: Size(width: 200, height: 200)) == rect)
        }
        // Between labels of 4 x 4 pixels.
        for _ in 0..<200 {
            guard let rect = CutMix(probability: 1).rect(on: Size(width: 96, height: 64), stride: 4, random: &random)
            else { continue }
            #expect([rect.x, rect.y, rect.width, rect.height].allSatisfy { $0 % 4 == 0 } && !rect.isEmpty)
            #expect(rect.clipped(to: Size(width: 96, height: 64)) == rect)
            #expect(rect.divided(by: 4).width == rect.width / 4)
        }
    }
}
