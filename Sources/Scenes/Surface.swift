import Base
import Glibc
import Imaging

/// A colour in 0...1.
typealias RGB = SIMD3<Float>

/// The float picture that a scene is painted on: one vector a pixel.
struct Surface {
    let width: Int
    let height: Int
    var pixels: [RGB]

    init(width: Int, height: Int) {
        self.width = width
        self.height = height
        pixels = [RGB](repeating: .zero, count: width * height)
    }

    /// Changes every pixel by its place.
    mutating func paint(_ body: (_ x: Int, _ y: Int, _ old: RGB) -> RGB) {
        let width = self.width
        let height = self.height
        pixels.withUnsafeMutableBufferPointer { p in
            for y in 0..<height {
                for x in 0..<width { p[y &* width &+ x] = body(x, y, p[y &* width &+ x]) }
            }
        }
    }

    /// A separable blur by a Gaussian of `sigma` pixels.
    mutating func blur(sigma: Double) {
        guard sigma > 0.15 else { return }
        let radius = max(1, Int((2.5 * sigma).rounded(.up)))
        let raw = (-radius...radius).map { exp(-Double($0 * $0) / (2 * sigma * sigma)) }
        let total = raw.reduce(0, +)
        let kernel = raw.map { Float($0 / total) }
        let width = self.width
        let height = self.height
        var half = pixels
        pixels.withUnsafeMutableBufferPointer { p in
            half.withUnsafeMutableBufferPointer { h in
                kernel.withUnsafeBufferPointer { k in
                    for y in 0..<height {
                        for x in 0..<width {
                            var sum = RGB.zero
                            for i in -radius...radius {
                                sum += k[i + radius] * p[y &* width &+ min(max(x &+ i, 0), width &- 1)]
                            }
                            h[y &* width &+ x] = sum
                        }
                    }
                    for y in 0..<height {
                        for x in 0..<width {
                            var sum = RGB.zero
                            for i in -radius...radius {
                                sum += k[i + radius] * h[min(max(y &+ i, 0), height &- 1) &* width &+ x]
                            }
                            p[y &* width &+ x] = sum
                        }
                    }
                }
            }
        }
    }

    /// Sensor noise of standard deviation `sigma`, partly the same in all channels.
    mutating func addNoise(sigma: Float, random: inout Random) {
        guard sigma > 0 else { return }
        // Sums of four bytes are near enough to normal; their standard deviation is 2 * 255 / sqrt(12).
        let unit = sigma / (2 * 73.9)
        paint { _, _, old in
            let bits = random.next()
            let more = random.next()
            func normal(_ bits: UInt64) -> Float {
                Float(Int(bits & 255) + Int(bits >> 8 & 255) + Int(bits >> 16 & 255) + Int(bits >> 24 & 255) - 510)
                    * unit
            }
            let grain = normal(bits)
            return old + 0.7 * grain + 0.7 * RGB(normal(bits >> 32), normal(more), normal(more >> 32))
        }
    }

    /// 8-bit pixels.
    var image: Image {
        let bytes = [UInt8](unsafeUninitializedCapacity: pixels.count * 3) { buffer, filled in
            pixels.withUnsafeBufferPointer { p in
                for i in 0..<p.count {
                    let v = (p[i] * 255 + 0.5).clamped(lowerBound: .zero, upperBound: RGB(repeating: 255))
                    buffer[3 * i] = UInt8(v.x)
                    buffer[3 * i + 1] = UInt8(v.y)
                    buffer[3 * i + 2] = UInt8(v.z)
                }
            }
            filled = pixels.count * 3
        }
        return Image(width: width, height: height, pixels: bytes)
    }
}

/// Value noise, -1...1: random heights on a lattice, joined smoothly, octaves of half the size and half the height.
struct Noise {
    private struct Octave {
        let heights: [Float]
        let columns: Int
        let cell: Float
        let weight: Float
    }
    private var octaves: [Octave] = []

    init(width: Int, height: Int, cell: Double, octaves count: Int, random: inout Random) {
        var cell = cell
        var weight = 1.0
        let total = 2 - 1 / Double(1 << (count - 1))
        for _ in 0..<count where cell >= 2 {
            let columns = Int(Double(width) / cell) + 3
            let rows = Int(Double(height) / cell) + 3
            let heights = (0..<columns * rows).map { _ in Float(random.uniform(-1, 1)) }
            octaves.append(Octave(heights: heights, columns: columns, cell: Float(cell), weight: Float(weight / total)))
            cell /= 2
            weight /= 2
        }
    }

    /// All values of a picture, row by row.
    func field(width: Int, height: Int) -> [Float] {
        var out = [Float](repeating: 0, count: width * height)
        for octave in octaves {
            out.withUnsafeMutableBufferPointer { out in
                octave.heights.withUnsafeBufferPointer { h in
                    let columns = octave.columns
                    let scale = 1 / octave.cell
                    for y in 0..<height {
                        let v = Float(y) * scale
                        let row = Int(v)
                        var fy = v - Float(row)
                        fy = fy * fy * (3 - 2 * fy)
                        for x in 0..<width {
                            let u = Float(x) * scale
                            let column = Int(u)
                            var fx = u - Float(column)
                            fx = fx * fx * (3 - 2 * fx)
                            let i = row &* columns &+ column
                            let top = h[i] + (h[i &+ 1] - h[i]) * fx
                            let below = h[i &+ columns] + (h[i &+ columns &+ 1] - h[i &+ columns]) * fx
                            out[y &* width &+ x] += octave.weight * (top + (below - top) * fy)
                        }
                    }
                }
            }
        }
        return out
    }
}
