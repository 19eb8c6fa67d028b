import Base
import Geometry
import Glibc
import Imaging
import Testing

@Suite struct ResamplingTests {
    /// An axis as people think of it.
    private struct Placed {
        var source: Int
        var resized: Int
        var offset: Int
        var count: Int
        var mirrored: Bool

        var axis: RenderAxis {
            RenderAxis(source: source, resized: resized, offset: offset, count: count, mirrored: mirrored)
        }
    }

    /// The definition, in double precision and without any of the kernel's shortcuts: mirror, resize by a triangle
    /// filter, cut out.
    private func reference(
        _ image: Image, _ x: Placed, _ y: Placed, _ resampling: Resampling, canvas: Size
    ) -> [Double] {
        func weights(_ axis: Placed, _ place: Int) -> [(Int, Double)] {
            let step = Double(axis.source) / Double(axis.resized)
            let radius = resampling == .antialiased ? max(1, step) : 1
            let centre = (Double(place) + 0.5) * step
            let raw = (0..<axis.source).map { ($0, max(0, 1 - abs(Double($0) + 0.5 - centre) / radius)) }
            let total = raw.reduce(0) { $0 + $1.1 }
            return raw.filter { $0.1 > 0 }.map { ($0.0, $0.1 / total) }
        }
        var out = [Double](repeating: 0, count: canvas.width * canvas.height * 3)
        for j in 0..<y.count {
            let wy = weights(y, j + y.offset)
            for i in 0..<x.count {
                let wx = weights(x, i + x.offset)
                for c in 0..<3 {
                    var sum = 0.0
                    for (row, a) in wy {
                        for (column, b) in wx {
                            let place = x.mirrored ? image.width - 1 - column : column
                            sum += a * b * Double(image.pixels[(row * image.width + place) * 3 + c])
                        }
                    }
                    out[(j * canvas.width + i) * 3 + c] = sum * [0.5, 2, -1][c] + [1, -3, 7][c]
                }
            }
        }
        return out
    }

    private func render(
        _ image: Image, _ x: RenderAxis, _ y: RenderAxis, _ resampling: Resampling, canvas: Size
    )
        -> [Float]
    {
        var slot = [Float](repeating: .nan, count: canvas.width * canvas.height * 3)
        slot.withUnsafeMutableBufferPointer {
            image.render(
                x: x, y: y, scale: [0.5, 2, -1], bias: [1, -3, 7], resampling: resampling, into: $0, canvas: canvas)
        }
        return slot
    }

    @Test func equalsTheSlowDefinition() {
        var random = Random(seed: 1, purpose: .test)
        for _ in 0..<150 {
            func axis(mirrored: Bool) -> Placed {
                let source = 1 + random.below(40)
                let resized = 1 + random.below(random.chance(0.5) ? 60 : 12)
                let offset = random.below(resized)
                return Placed(
                    source: source, resized: resized, offset: offset, count: random.below(resized - offset + 1),
                    mirrored: mirrored)
            }
            let x = axis(mirrored: random.chance(0.5))
            let y = axis(mirrored: false)
            let image = sample(x.source, y.source)
            let canvas = Size(width: x.count + random.below(4), height: y.count + random.below(4))
            for resampling in Resampling.allCases {
                let fast = render(image, x.axis, y.axis, resampling, canvas: canvas)
                let slow = reference(image, x, y, resampling, canvas: canvas)
                let worst = zip(fast, slow).map { abs(Double($0) - $1) }.max() ?? 0
                #expect(fast.count == slow.count && worst < 1e-3, "\(x) \(y) \(resampling)")  // of a range of 510
            }
        }
    }

    @Test(arguments: torchResized.indices)
    func equalsTorch(_ index: Int) {
        let expected = torchResized[index]
        let source = fixtureFiles.first { $0.name == "rgb8.png" }
        let image = Image(width: 13, height: 10, pixels: bytes(source?.pixels ?? ""))
        var slot = [Float](repeating: .nan, count: expected.width * expected.height * 3)
        slot.withUnsafeMutableBufferPointer {
            image.render(
                x: RenderAxis(source: 13, resized: expected.width), y: RenderAxis(source: 10, resized: expected.height),
                scale: [1, 1, 1], bias: [0, 0, 0], resampling: expected.antialias ? .antialiased : .bilinear, into: $0,
                canvas: Size(width: expected.width, height: expected.height))
        }
        let step = expected.values.count == slot.count ? 1 : 7
        for (i, value) in expected.values.enumerated() { #expect(abs(slot[i * step] - value) < 2e-3) }
    }

    @Test func identityIsExact() {
        let image = sample(37, 21)
        for resampling in Resampling.allCases {
            var slot = [Float](repeating: .nan, count: image.pixels.count)
            slot.withUnsafeMutableBufferPointer {
                image.render(
                    x: RenderAxis(source: 37, resized: 37), y: RenderAxis(source: 21, resized: 21), scale: [1, 1, 1],
                    bias: [0, 0, 0], resampling: resampling, into: $0, canvas: image.size)
            }
            #expect(slot == image.pixels.map(Float.init))
        }
        #expect(image.resized(to: Size(width: 37, height: 21)) == image)
    }

    @Test func aLargePictureOfOneColourStaysThatColour() {
        let image = Image(width: 3000, height: 7, red: 10, green: 200, blue: 255)
        let small = image.resized(to: Size(width: 2, height: 3))
        #expect(small == Image(width: 2, height: 3, red: 10, green: 200, blue: 255))
    }

    /// Not a benchmark: a kernel that lost its vector code would be ten times slower than this bound.
    @Test func isFast() {
        let image = sample(640, 480)
        var slot = [Float](repeating: 0, count: 256 * 256 * 3)
        var best = Double.infinity
        for _ in 0..<20 {
            let start = monotonicSeconds()
            slot.withUnsafeMutableBufferPointer {
                image.render(
                    x: RenderAxis(source: 640, resized: 256, mirrored: true), y: RenderAxis(source: 480, resized: 192),
                    scale: [1, 1, 1], bias: [0, 0, 0], into: $0, canvas: Size(width: 256, height: 256))
            }
            best = min(best, monotonicSeconds() - start)
        }
        print("640x480 -> 256x192 in 256x256: \((best * 1e6).rounded()) us")
        #expect(best < 0.005)
    }
}
