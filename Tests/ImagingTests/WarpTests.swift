import Base
import Geometry
import Imaging
import Testing

@Suite struct WarpTests {
    private func warp(_ image: Image, _ map: AffineMap, _ samples: Int, canvas: Size, covered: Size) -> [Float] {
        var slot = [Float](repeating: .nan, count: canvas.width * canvas.height * 3)
        slot.withUnsafeMutableBufferPointer {
            image.render(
                by: map, samples: samples, scale: [0.5, 2, -1], bias: [1, -3, 7], into: $0, canvas: canvas,
                covered: covered)
        }
        return slot
    }

    private func map(_ random: inout Random, _ image: Image) -> AffineMap {
        AffineMap(
            a: random.uniform(-1.5, 1.5), b: random.uniform(-1, 1), c: random.uniform(-1, 1),
            d: random.uniform(-1.5, 1.5), tx: random.uniform(0, Double(image.width)),
            ty: random.uniform(0, Double(image.height)))
    }

    /// The definition in double precision: the mean of bilinear samples whose coordinates are held within the picture.
    @Test func equalsTheSlowDefinition() {
        var random = Random(seed: 3, purpose: .test)
        for i in 0..<60 {
            let image = sample(1 + random.below(40), 1 + random.below(40))
            let map = map(&random, image)
            let samples = 1 + i % 3
            let canvas = Size(width: 20 + random.below(30), height: 1 + random.below(20))
            let covered = Size(
                width: canvas.width - random.below(4), height: canvas.height - random.below(canvas.height))
            let fast = warp(image, map, samples, canvas: canvas, covered: covered)
            func value(_ u: Double, _ v: Double, _ c: Int) -> Double {
                let x = min(max(u - 0.5, 0), Double(image.width - 1)),
                    y = min(max(v - 0.5, 0), Double(image.height - 1))
                let x0 = Int(x), y0 = Int(y)
                let x1 = min(x0 + 1, image.width - 1), y1 = min(y0 + 1, image.height - 1)
                func at(_ x: Int, _ y: Int) -> Double { Double(image.pixels[(y * image.width + x) * 3 + c]) }
                let fx = x - Double(x0), fy = y - Double(y0)
                return (at(x0, y0) * (1 - fy) + at(x0, y1) * fy) * (1 - fx) + (at(x1, y0) * (1 - fy) + at(x1, y1) * fy)
                    * fx
            }
            var worst = 0.0
            for y in 0..<canvas.height {
                for x in 0..<canvas.width {
                    let centre = map(x: Double(x) + 0.5, y: Double(y) + 0.5)
                    let edge =
                        [
                            centre.x + 1, centre.y + 1, Double(image.width) + 1 - centre.x,
                            Double(image.height) + 1 - centre.y,
                        ].min() ?? 0
                    if abs(edge) < 1e-9 { continue }
                    for c in 0..<3 {
                        var expected = 0.0
                        if edge > 0, x < covered.width, y < covered.height {
                            for j in 0..<samples {
                                for k in 0..<samples {
                                    let part = map(
                                        x: Double(x) + (Double(k) + 0.5) / Double(samples),
                                        y: Double(y) + (Double(j) + 0.5) / Double(samples))
                                    expected += value(part.x, part.y, c)
                                }
                            }
                            expected = expected / Double(samples * samples) * [0.5, 2, -1][c] + [1, -3, 7][c]
                        }
                        worst = max(worst, abs(Double(fast[(y * canvas.width + x) * 3 + c]) - expected))
                    }
                }
            }
            #expect(worst < 2e-2, "\(image.size) by \(map)")  // of a range of 510
        }
    }

    /// The wide kernels and the narrow ones give the same bits: what is left over at a row's end goes through the narrow
    /// ones, so a canvas of few columns has no other.
    @Test func wideAndNarrowAreOne() {
        var random = Random(seed: 4, purpose: .test)
        for i in 0..<40 {
            let image = sample(30 + random.below(90), 20 + random.below(60))
            let map = map(&random, image)
            let samples = 1 + i % 2
            let canvas = Size(width: 96, height: 9)
            let wide = warp(image, map, samples, canvas: canvas, covered: canvas)
            for x in stride(from: 0, to: 96, by: 12) {
                let shifted = AffineMap.translation(Double(x), 0).then(map)
                let part = warp(
                    image, shifted, samples, canvas: Size(width: 12, height: 9), covered: Size(width: 12, height: 9))
                // Shifted coordinates round otherwise by themselves; at the first columns nothing is shifted.
                for y in 0..<9 {
                    for k in 0..<36 {
                        let a = wide[y * 288 + x * 3 + k], b = part[y * 36 + k]
                        #expect(x == 0 ? a.bitPattern == b.bitPattern : abs(a - b) < 2e-2)
                    }
                }
            }
            // Resizing along the axes.
            func resized(_ count: Int) -> [Float] {
                var slot = [Float](repeating: .nan, count: count * 12 * 3)
                slot.withUnsafeMutableBufferPointer {
                    image.render(
                        x: RenderAxis(source: image.width, resized: 160, offset: 3, count: count, mirrored: i % 2 == 1),
                        y: RenderAxis(source: image.height, resized: 90, count: 12), scale: [0.5, 2, -1],
                        bias: [1, -3, 7], into: $0, canvas: Size(width: count, height: 12))
                }
                return slot
            }
            let whole = resized(120), few = resized(15)
            for y in 0..<12 {
                for k in 0..<45 { #expect(whole[y * 360 + k].bitPattern == few[y * 45 + k].bitPattern) }
            }
            // Tables, 64 pixels at once or one by one.
            let table = ColorTable { channel, value in (value * (channel * 7 + 3) + 11) % 256 }
            let at = PixelRect(x: 5, y: 3, width: image.width - 9, height: 10)
            let changed = image.applying(table, in: at)
            for y in at.y..<at.y + at.height {
                for k in at.x * 3..<(at.x + at.width) * 3 {
                    let value = image.pixels[y * image.width * 3 + k]
                    #expect(changed.pixels[y * image.width * 3 + k] == table.values[k % 3 * 256 + Int(value)])
                }
            }
        }
    }

    @Test func histogramsCount() {
        let image = sample(37, 11)
        let histogram = Histogram(image)
        var counts = [UInt32](repeating: 0, count: 768)
        for (i, value) in image.pixels.enumerated() { counts[i % 3 * 256 + Int(value)] += 1 }
        #expect(histogram.counts == counts)
        let table = ColorTable { 255 - $0 / 2 }
        #expect(histogram.after(table).counts == Histogram(image.applying(table)).counts)
        let twice = table.then(ColorTable { $0 / 3 })
        #expect(image.applying(table).applying(ColorTable { $0 / 3 }) == image.applying(twice))
    }

    /// A mask's PNG gives its numbers as they stand: palette indices, grey values, of few bits, too. What is no mask is
    /// refused by name.
    @Test func masksAreReadAsTheyStand() throws {
        func labels(_ name: String) throws -> LabelMap {
            let file = try #require(fixtureFiles.first { $0.name == name })
            return try ImageFile.labels(bytes: bytes(file.file), name: name)
        }
        for file in fixtureFiles where file.name.hasSuffix(".png") {
            let image = try ImageFile.decode(bytes: bytes(file.file), name: file.name).image
            do throws(Failure) {
                let mask = try ImageFile.labels(bytes: bytes(file.file), name: file.name)
                #expect(mask.size == image.size, "\(file.name)")
                // A grey of 8 bits is its own picture.
                if file.name.contains("gray8") || file.name.contains("grey8") {
                    #expect(mask.labels == stride(from: 0, to: image.pixels.count, by: 3).map { image.pixels[$0] })
                }
            } catch {
                #expect(error.code == .invalidData && error.message.contains("a mask has one number a pixel"))
            }
        }
        #expect(throws: Failure.self) { try labels("rgb8.png") }
        let notPNG = #expect(throws: Failure.self) {
            _ = try ImageFile.labels(bytes: [0xFF, 0xD8, 0xFF, 0xE0], name: "x.jpg")
        }
        #expect(notPNG?.message == "cannot read x.jpg: a mask is a PNG file, and this is not one")
    }
}
