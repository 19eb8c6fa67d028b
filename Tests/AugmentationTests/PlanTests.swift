import Augmentation
import Base
import Geometry
import Glibc
import Imaging
import Testing

@Suite struct PlanTests {
    private func randomPlan(_ random: inout Random) -> Plan {
        let source = Size(width: 8 + random.below(300), height: 8 + random.below(300))
        let target = Size(width: 32 + random.below(200), height: 32 + random.below(200))
        return Policy(name: "wide", flip: 0.5, jitter: 0.3...2.5).plan(for: source, target: target, random: &random)
    }

    @Test func sizesAreThoseOfThePapersCode() {
        // Worked by hand: 640x480 into 256x256 at 1: s = min(256/480, 256/640) = 0.4.
        let plan = Plan.evaluation(for: Size(width: 640, height: 480), target: Size(width: 256, height: 256))
        #expect(plan.resized == Size(width: 256, height: 192) && plan.covered == plan.resized)
        #expect(plan.map == AffineMap(a: 0.4, b: 0, c: 0, d: 0.4, tx: 0, ty: 0))
        // 500x375 into 320x128: s = min(128/375, 320/500) = 0.341333; 170.67 and 128: the x scale is 171/500.
        let wide = Plan.evaluation(for: Size(width: 500, height: 375), target: Size(width: 320, height: 128))
        #expect(wide.resized == Size(width: 171, height: 128))
        #expect(wide.map.a == 171.0 / 500 && wide.map.d == 128.0 / 375)
        // Halves go to even: 5x2 into 5x1 gives 2.5 -> 2.
        #expect(Plan.evaluation(for: Size(width: 5, height: 2), target: Size(width: 5, height: 1)).resized.width == 2)
        // Extreme shapes keep a pixel.
        let thin = Plan.evaluation(for: Size(width: 3000, height: 2), target: Size(width: 64, height: 64))
        #expect(thin.resized == Size(width: 64, height: 1))
    }

    @Test func boxesGoThereAndBack() {
        var random = Random(seed: 5, purpose: .test)
        var seen = 0
        for _ in 0..<2000 {
            let plan = randomPlan(&random)
            let w = Double(plan.source.width), h = Double(plan.source.height)
            let x = random.uniform(0, w - 4), y = random.uniform(0, h - 4)
            let box = Box(
                x1: Float(x), y1: Float(y), x2: Float(random.uniform(x + 1, w)), y2: Float(random.uniform(y + 1, h)))
            guard let moved = plan(box) else { continue }
            #expect(moved.clipped(to: plan.covered) == moved)
            let back = plan.original(moved)
            // What was not cut off comes back; what was cut off is smaller.
            #expect(back.x1 >= box.x1 - 0.01 && back.x2 <= box.x2 + 0.01)
            #expect(back.y1 >= box.y1 - 0.01 && back.y2 <= box.y2 + 0.01)
            let covered = plan.covered
            if moved.x1 > 0, moved.y1 > 0, moved.x2 < Float(covered.width), moved.y2 < Float(covered.height) {
                seen += 1
                #expect(abs(back.x1 - box.x1) < 0.01 && abs(back.x2 - box.x2) < 0.01)
                #expect(abs(back.y1 - box.y1) < 0.01 && abs(back.y2 - box.y2) < 0.01)
            }
        }
        #expect(seen > 500)
    }

    @Test func theWholePictureFillsWhatIsCovered() {
        var random = Random(seed: 6, purpose: .test)
        for _ in 0..<200 {
            let plan = randomPlan(&random)
            let whole = Box(x1: 0, y1: 0, x2: Float(plan.source.width), y2: Float(plan.source.height))
            #expect(
                plan(whole)
                    == Box(x1: 0, y1: 0, x2: Float(plan.covered.width), y2: Float(plan.covered.height)))
            #expect(plan.original(Box(x1: -9e6, y1: -9e6, x2: 9e6, y2: 9e6)).area == whole.area)
        }
        let plan = Plan(
            source: Size(width: 100, height: 100), target: Size(width: 50, height: 50),
            resized: Size(width: 100, height: 100), offsetX: 50, offsetY: 50)
        #expect(plan(Box(x1: 0, y1: 0, x2: 50, y2: 100)) == nil)
        #expect(plan(Box(x1: 40, y1: 40, x2: 60, y2: 70)) == Box(x1: 0, y1: 0, x2: 10, y2: 20))
    }

    /// A bright rectangle is rendered where its mapped box says: centre of mass within half a pixel, extent too.
    @Test(arguments: Resampling.allCases)
    func pixelsAndBoxesMoveTogether(_ resampling: Resampling) {
        var random = Random(seed: 7, purpose: .test)
        var seen = 0
        for _ in 0..<120 {
            let plan = randomPlan(&random)
            let w = plan.source.width, h = plan.source.height
            guard w > 30, h > 30 else { continue }
            let bw = 10 + random.below(w / 2), bh = 10 + random.below(h / 2)
            let x = random.below(w - bw + 1), y = random.below(h - bh + 1)
            var image = Image(width: w, height: h)
            image.fill(x: x, y: y, width: bw, height: bh, color: .white)
            let box = Box(x1: Float(x), y1: Float(y), x2: Float(x + bw), y2: Float(y + bh))
            guard let moved = plan(box), moved.width > 3, moved.height > 3 else { continue }
            var slot = [Float](repeating: .nan, count: plan.target.width * plan.target.height * 3)
            slot.withUnsafeMutableBufferPointer {
                plan.render(image, into: $0, normalization: .none, resampling: resampling)
            }
            var mass = 0.0, mx = 0.0, my = 0.0
            for j in 0..<plan.target.height {
                for i in 0..<plan.target.width {
                    let value = Double(slot[(j * plan.target.width + i) * 3])
                    mass += value
                    mx += value * (Double(i) + 0.5)
                    my += value * (Double(j) + 0.5)
                }
            }
            seen += 1
            #expect(abs(mx / mass - Double(moved.x1 + moved.x2) / 2) < 0.5, "\(plan) \(box)")
            #expect(abs(my / mass - Double(moved.y1 + moved.y2) / 2) < 0.5, "\(plan) \(box)")
            let area = Double(moved.area)
            #expect(abs(mass - area) < 1.2 * Double(moved.width + moved.height), "\(plan) \(box)")
        }
        #expect(seen > 60)
    }

    /// A picture that was reduced in decoding lies where the whole one lies, also where its sides do not divide.
    @Test func aReducedPictureLiesInItsPlace() {
        var random = Random(seed: 9, purpose: .test)
        for round in 0..<60 {
            let reduction = [2, 4, 8][round % 3]
            let source = Size(width: 160 + random.below(90), height: 160 + random.below(90))
            var image = Image(width: source.width, height: source.height)
            let x = 20 + random.below(60), y = 20 + random.below(60)
            image.fill(x: x, y: y, width: source.width - x - 20, height: source.height - y - 20, color: .white)
            let target = Size(width: source.width / reduction / 2, height: source.height / reduction / 2)
            var policy = Policy.s1
            policy.jitter = 0.5...1
            let plan = policy.plan(for: source, target: target, random: &random)
            let whole = render(plan, image, 1)
            let reduced = render(plan, mean(image, reduction), reduction)
            for axis in 0..<2 {
                #expect(abs(whole[axis] - reduced[axis]) < 0.05, "1/\(reduction) of \(source): \(whole) \(reduced)")
            }
        }
    }

    /// Blood cells of 640x480, brought to 128 from half of their size: what docs/benchmarks.md says of the difference.
    @Test(.enabled(if: getenv("PUPIL_TEST_DATA") != nil))
    func reducedPicturesLookTheSame() throws {
        let folder = Files.join(String(cString: getenv("PUPIL_TEST_DATA")), "bccd/images")
        let canvas = Size(width: 128, height: 128)
        let bytes = Normalization(mean: [0, 0, 0], deviation: [1 / 255, 1 / 255, 1 / 255])
        var sum = 0.0
        var values = [[Float]](repeating: [Float](repeating: 0, count: 128 * 128 * 3), count: 2)
        let names = try Files.list(folder).prefix(50)
        for name in names {
            let path = Files.join(folder, name)
            let fit = { Plan.evaluation(for: $0, target: canvas).resized }
            for (i, picture) in [try ImageFile.decode(path), try ImageFile.decode(path, needed: fit)].enumerated() {
                #expect(picture.reduction == i + 1)
                let plan = Plan.evaluation(for: picture.size, target: canvas)
                values[i].withUnsafeMutableBufferPointer {
                    plan.render(picture.image, reduction: picture.reduction, into: $0, normalization: bytes)
                }
            }
            sum += zip(values[0], values[1]).reduce(0) { $0 + Double(abs($1.0 - $1.1)) }
        }
        #expect(sum / Double(names.count * values[0].count) < 0.15)
    }

    /// The centre of what is bright on the canvas.
    private func render(_ plan: Plan, _ image: Image, _ reduction: Int) -> [Double] {
        var slot = [Float](repeating: .nan, count: plan.target.width * plan.target.height * 3)
        slot.withUnsafeMutableBufferPointer { plan.render(image, reduction: reduction, into: $0, normalization: .none) }
        var mass = 0.0, mx = 0.0, my = 0.0
        for j in 0..<plan.target.height {
            for i in 0..<plan.target.width {
                let value = Double(slot[(j * plan.target.width + i) * 3])
                mass += value
                mx += value * (Double(i) + 0.5)
                my += value * (Double(j) + 0.5)
            }
        }
        return [mx / mass, my / mass]
    }

    /// Means of blocks; those at the right and lower edges of what there is.
    private func mean(_ image: Image, _ by: Int) -> Image {
        let w = (image.width + by - 1) / by, h = (image.height + by - 1) / by
        var pixels: [UInt8] = []
        for y in 0..<h {
            for x in 0..<w {
                let rows = y * by..<min(image.height, (y + 1) * by)
                let columns = x * by..<min(image.width, (x + 1) * by)
                var sum = 0
                for j in rows { for i in columns { sum += Int(image.pixels[(j * image.width + i) * 3]) } }
                let value = UInt8(sum / (rows.count * columns.count))
                pixels += [value, value, value]
            }
        }
        return Image(width: w, height: h, pixels: pixels)
    }

    @Test func paddingIsTheMeanColourAndAllIsWritten() {
        let image = Image(width: 40, height: 20, red: 255, green: 0, blue: 128)
        let plan = Plan.evaluation(for: image.size, target: Size(width: 32, height: 32))
        var slot = [Float](repeating: .nan, count: 32 * 32 * 3)
        slot.withUnsafeMutableBufferPointer { plan.render(image, into: $0) }
        let expected: [Float] = [(1 - 0.485) / 0.229, (0 - 0.456) / 0.224, (128 / 255 - 0.406) / 0.225]
        for j in 0..<32 {
            for i in 0..<32 {
                for c in 0..<3 {
                    let value = slot[(j * 32 + i) * 3 + c]
                    #expect(j < 16 ? abs(value - expected[c]) < 1e-5 : value == 0)
                }
            }
        }
        let preview = plan.preview(image)
        #expect(Array(preview.pixels[0..<3]) == [255, 0, 128] && Array(preview.pixels.suffix(3)) == [0, 0, 0])
    }

    @Test func aFlippedPictureIsTheMirrorOfThePlainOne() {
        var random = Random(seed: 8, purpose: .test)
        let pixels = (0..<50 * 30 * 3).map { _ in UInt8(random.below(256)) }
        let image = Image(width: 50, height: 30, pixels: pixels)
        let canvas = Size(width: 23, height: 14)
        func render(_ flipped: Bool) -> [Float] {
            var slot = [Float](repeating: 0, count: 23 * 14 * 3)
            let plan = Plan(source: image.size, target: canvas, flipped: flipped, resized: canvas)
            slot.withUnsafeMutableBufferPointer { plan.render(image, into: $0) }
            return slot
        }
        let plain = render(false), mirror = render(true)
        for j in 0..<14 {
            for i in 0..<23 {
                for c in 0..<3 {
                    #expect(abs(plain[(j * 23 + i) * 3 + c] - mirror[(j * 23 + 22 - i) * 3 + c]) < 1e-5)
                }
            }
        }
    }
}
