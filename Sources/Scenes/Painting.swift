import Base
import Geometry
import Glibc

/// A repeating or grainy pattern, -1...1 by place.
enum Texture {
    case plain
    case stripes(period: Float, cosine: Float, sine: Float, sharp: Bool)
    case checks(period: Float, cosine: Float, sine: Float)
    case dots(period: Float, cosine: Float, sine: Float)
    case grain([Float], width: Int)

    static func random(width: Int, height: Int, scale: Double, random: inout Random) -> Texture {
        let turn = random.uniform(0, .pi)
        let (c, s) = (Float(cos(turn)), Float(sin(turn)))
        let period = Float(scale * random.uniform(0.6, 1.6))
        switch random.below(6) {
        case 0: return .plain
        case 1: return .stripes(period: period, cosine: c, sine: s, sharp: random.chance(0.5))
        case 2: return .checks(period: period, cosine: c, sine: s)
        case 3: return .dots(period: period, cosine: c, sine: s)
        default:
            let noise = Noise(
                width: width, height: height, cell: scale * random.uniform(0.8, 2.5), octaves: 3, random: &random)
            return .grain(noise.field(width: width, height: height), width: width)
        }
    }

    func value(_ x: Int, _ y: Int) -> Float {
        func wave(_ t: Float) -> Float {  // a triangle wave of period 1, -1...1
            let f = t - t.rounded(.down)
            return 4 * abs(f - 0.5) - 1
        }
        switch self {
        case .plain: return 0
        case .grain(let field, let width): return field[y &* width &+ x]
        case .stripes(let period, let c, let s, let sharp):
            let w = wave((c * Float(x) + s * Float(y)) / period)
            return sharp ? min(max(w * period * 0.5, -1), 1) : w
        case .checks(let period, let c, let s):
            let u = wave((c * Float(x) + s * Float(y)) / period)
            let v = wave((c * Float(y) - s * Float(x)) / period)
            return min(max(u * period * 0.5, -1), 1) * min(max(v * period * 0.5, -1), 1)
        case .dots(let period, let c, let s):
            let u = wave((c * Float(x) + s * Float(y)) / period)
            let v = wave((c * Float(y) - s * Float(x)) / period)
            return min(max((u + v - 0.6) * period * 0.25, -1), 1)
        }
    }
}

/// How a shape's inside looks.
struct Fill {
    var color: RGB
    /// Added across the shape, from one side to the other.
    var gradient: RGB
    var cosine: Float
    var sine: Float
    var texture: Texture
    var textureColor: RGB
    /// Width in pixels of a darker or lighter rim; 0 for none.
    var rim: Double
    var rimColor: RGB

    func color(_ x: Int, _ y: Int, around shape: Shape, size: Float) -> RGB {
        let along = (cosine * (Float(x) - Float(shape.x)) + sine * (Float(y) - Float(shape.y))) / size
        return color + gradient * along + textureColor * texture.value(x, y)
    }
}

extension Surface {
    /// Paints a shape with smooth edges, see-through by `1 - opacity`.
    mutating func paint(_ shape: Shape, _ fill: Fill, opacity: Float) {
        let box = shape.box
        let size = max(4, max(box.width, box.height))
        let (width, height) = (self.width, self.height)
        pixels.withUnsafeMutableBufferPointer { p in
            shape.forEachPixel(width: width, height: height, margin: 2) { i, x, y, distance in
                let cover = Float(min(max(0.5 - distance, 0), 1)) * opacity
                if cover <= 0 { return }
                var color = fill.color(x, y, around: shape, size: size)
                if fill.rim > 0 {
                    let inRim = Float(min(max(distance + fill.rim + 0.5, 0), 1))
                    color += (fill.rimColor - color) * inRim
                }
                p[i] += (color - p[i]) * cover
            }
        }
    }

    /// Darkens what lies under a shape's soft shadow.
    mutating func shade(under shape: Shape, softness: Double, strength: Float) {
        let (width, height) = (self.width, self.height)
        pixels.withUnsafeMutableBufferPointer { p in
            shape.forEachPixel(width: width, height: height, margin: softness + 1) { i, _, _, distance in
                let t = Float(min(max(0.5 - distance / (2 * softness), 0), 1))
                p[i] *= 1 - strength * t * t * (3 - 2 * t)
            }
        }
    }

    /// A bent stroke with round ends, through three points.
    mutating func stroke(
        from a: SIMD2<Float>, over b: SIMD2<Float>, to c: SIMD2<Float>, thickness: Float, color: RGB, opacity: Float
    ) {
        let steps = 12
        let points = (0...steps).map { i in
            let t = Float(i) / Float(steps)
            let u = 1 - t
            return a * (u * u) + b * (2 * u * t) + c * (t * t)
        }
        let low = points.dropFirst().reduce(points[0]) { pointwiseMin($0, $1) } - (thickness + 1)
        let high = points.dropFirst().reduce(points[0]) { pointwiseMax($0, $1) } + (thickness + 1)
        let x1 = max(0, Int(low.x)), x2 = min(width - 1, Int(high.x))
        let y1 = max(0, Int(low.y)), y2 = min(height - 1, Int(high.y))
        guard x1 <= x2, y1 <= y2 else { return }
        let width = self.width
        pixels.withUnsafeMutableBufferPointer { p in
            points.withUnsafeBufferPointer { points in
                for y in y1...y2 {
                    for x in x1...x2 {
                        let place = SIMD2<Float>(Float(x) + 0.5, Float(y) + 0.5)
                        var nearest = Float.infinity
                        for k in 0..<steps {
                            let e = points[k &+ 1] - points[k]
                            let w = place - points[k]
                            let t = min(max((w * e).sum() / max((e * e).sum(), 1e-6), 0), 1)
                            let d = w - e * t
                            nearest = min(nearest, (d * d).sum())
                        }
                        let cover = min(max(thickness / 2 - nearest.squareRoot() + 0.5, 0), 1) * opacity
                        if cover > 0 { p[y &* width &+ x] += (color - p[y &* width &+ x]) * cover }
                    }
                }
            }
        }
    }
}
