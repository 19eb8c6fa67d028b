import Annotations
import Base
import Geometry
import Glibc
import Imaging

/// What drawn scenes are like.
public struct SceneStyle: Hashable, Sendable {
    /// The picture in pixels.
    public var size: Size
    /// How many shapes a picture holds; a crowded one may get fewer than drawn.
    public var objects: ClosedRange<Int>
    /// A shape's larger side before turning, as a share of the picture's shorter one.
    public var sizes: ClosedRange<Double>
    /// The least distance between a shape's colour and what is behind it, in RGB of 0...1; smaller is harder.
    public var contrast: Double
    /// How strong gradients and textures are on shapes and grounds, 0...1; larger is harder.
    public var clutter: Double
    /// The greatest turn of a shape to either side, in radians.
    public var turn: Double
    /// The largest standard deviation of the noise, in levels of 255.
    public var noise: Double
    /// The largest standard deviation of the blur, in pixels.
    public var blur: Double
    /// The share of a shape that may be hidden behind others or lie outside; no shape is hidden more.
    public var hidden: Double
    /// The range of the JPEG quality of written scenes.
    public var quality: ClosedRange<Int>

    /// A style; the defaults are those of `make demo`.
    public init(
        size: Size = Size(width: 128, height: 128), objects: ClosedRange<Int> = 1...5,
        sizes: ClosedRange<Double> = 0.2...0.55, contrast: Double = 0.3, clutter: Double = 0.5, turn: Double = 0.5,
        noise: Double = 8, blur: Double = 1, hidden: Double = 0.6, quality: ClosedRange<Int> = 55...95
    ) {
        precondition(size.width >= 16 && size.height >= 16, "a scene has at least 16x16 pixels, not \(size)")
        precondition(objects.lowerBound >= 0, "a scene holds 0 shapes or more, not \(objects)")
        precondition(sizes.lowerBound > 0, "a shape's size is positive, not \(sizes)")
        precondition(turn >= 0 && turn.isFinite, "a turn is 0 or more, not \(turn)")
        precondition((0...1).contains(clutter), "clutter is 0...1, not \(clutter)")
        precondition((0...1).contains(hidden), "a hidden share is 0...1, not \(hidden)")
        precondition(
            quality.lowerBound >= 1 && quality.upperBound <= 100, "a JPEG's quality is 1...100, not \(quality)")
        self.size = size
        self.objects = objects
        self.sizes = sizes
        self.contrast = contrast
        self.clutter = clutter
        self.turn = turn
        self.noise = noise
        self.blur = blur
        self.hidden = hidden
        self.quality = quality
    }

    /// The scenes of `make demo`.
    public static let demo = SceneStyle()
}

/// Drawn pictures with boxes, for trying the whole of it without a data set: six shapes of any size, turn, colour and
/// texture on textured grounds, overlapping, shaded, blurred and noisy.
public enum Scenes {
    /// The six shapes, ids 1...6.
    public static let classes = ClassTable(names: Kind.allCases.map { "\($0)" })

    /// The classes of masks: the background, then the six shapes.
    public static let maskClasses = ClassTable(
        names: ["background"] + classes.names, ids: Array(0...classes.count))

    /// Scene `index` of a seed, always the same. A box is the tight one around the whole shape, what other shapes hide
    /// included, clipped to the picture; every shape in the picture has one. The mask says for each pixel which of
    /// `maskClasses` lies on top; strokes belong to nothing and hide nothing.
    public static func draw(
        index: Int, seed: UInt64, style: SceneStyle = .demo
    ) -> (image: Image, annotations: [Annotation], mask: LabelMap) {
        var random = Random(seed: seed, purpose: .scene, epoch: 0, index: index)
        let size = style.size
        var owner: [UInt8] = []
        let (image, shapes) = paint(style, random: &random) { side, random in
            let placed = place(style, side: side, random: &random)
            owner = placed.owner
            return placed.shapes
        }
        let annotations = shapes.enumerated().map { i, placed in
            Annotation(id: i + 1, box: placed.shape.box.clipped(to: size), label: placed.shape.kind.rawValue)
        }
        let labels = owner.map { $0 == 0 ? 0 : UInt8(shapes[Int($0) - 1].shape.kind.rawValue + 1) }
        return (image, annotations, LabelMap(width: size.width, height: size.height, labels: labels))
    }

    /// A ground with the shapes that `place` puts on it, one over the other, in one light. `place` gets the shorter side
    /// of the picture in pixels.
    static func paint(
        _ style: SceneStyle, random: inout Random, place: (_ side: Double, inout Random) -> [Placed]
    ) -> (image: Image, shapes: [Placed]) {
        let size = style.size
        let side = Double(min(size.width, size.height))
        var surface = Surface(width: size.width, height: size.height)
        surface.paintGround(side: side, clutter: style.clutter, random: &random)
        let light = (angle: random.uniform(0, 2 * .pi), length: random.uniform(0.01, 0.04) * side)
        for _ in 0..<random.below(3) { surface.strokeAtRandom(side: side, opacity: 1, random: &random) }

        let shapes = place(side, &random)
        for shape in shapes {
            let shadow = random.uniform()
            if shadow < 0.6 {
                surface.shade(
                    under: shape.moved(cos(light.angle) * light.length, sin(light.angle) * light.length),
                    softness: 1 + side * random.uniform(0.005, 0.03), strength: Float(0.2 + 0.5 * shadow))
            }
            surface.paint(
                shape.shape, fill(behind: surface.mean(around: shape.shape), style, side: side, random: &random),
                opacity: random.chance(0.2) ? Float(random.uniform(0.75, 0.95)) : 1)
            if random.chance(0.15) { surface.strokeAtRandom(side: side, opacity: 0.85, random: &random) }
        }
        surface.light(random: &random)
        surface.blur(sigma: random.chance(0.6) ? random.uniform(0, style.blur) : 0)
        surface.addNoise(sigma: Float(random.uniform(0, style.noise) / 255), random: &random)
        return (surface.image, shapes)
    }

    /// A shape and what it takes to move it.
    struct Placed {
        let shape: Shape
        let moved: (Double, Double) -> Shape
    }

    /// Places shapes one over the other. One that would hide too much of an earlier one, or lie too far outside, is
    /// drawn anew; after some trials it is left out. Also for each pixel the number of the shape on top, from 1; 0 is none.
    private static func place(
        _ style: SceneStyle, side: Double, random: inout Random
    ) -> (shapes: [Placed], owner: [UInt8]) {
        let size = style.size
        let wanted = style.objects.lowerBound + random.below(style.objects.count)
        var placed: [Placed] = []
        var visible: [Int] = []
        var owner = [UInt8](repeating: 0, count: size.width * size.height)
        for _ in 0..<wanted {
            for _ in 0..<20 {
                let kind = Kind.allCases[random.below(Kind.allCases.count)]
                let u = random.uniform()
                let length =
                    side
                    * (style.sizes.lowerBound + (style.sizes.upperBound - style.sizes.lowerBound) * u * u.squareRoot())
                let x = random.uniform(-0.04, 1.04) * Double(size.width)
                let y = random.uniform(-0.04, 1.04) * Double(size.height)
                let aspect = exp(random.uniform(-0.3, 0.3))
                let angle = random.uniform(-style.turn, style.turn)
                let detail = random.uniform()
                func make(_ dx: Double, _ dy: Double) -> Shape {
                    Shape(kind, x: x + dx, y: y + dy, size: length, aspect: aspect, angle: angle, detail: detail)
                }
                let shape = make(0, 0)
                let seen = shape.box.clipped(to: size)
                guard seen.width >= 4, seen.height >= 4 else { continue }
                var covered = 0
                var taken = [Int](repeating: 0, count: placed.count)
                owner.withUnsafeBufferPointer { owner in
                    shape.forEachPixel(width: size.width, height: size.height, margin: 0) { i, _, _, distance in
                        if distance < 0 {
                            covered += 1
                            if owner[i] > 0 { taken[Int(owner[i]) - 1] += 1 }
                        }
                    }
                }
                func showsEnough(_ pixels: Int, of shape: Shape) -> Bool {
                    Double(pixels) >= (1 - style.hidden) * shape.area
                }
                guard showsEnough(covered, of: shape),
                    placed.indices.allSatisfy({ showsEnough(visible[$0] - taken[$0], of: placed[$0].shape) }),
                    placed.count < 255
                else { continue }
                placed.append(Placed(shape: shape, moved: make))
                visible.append(covered)
                for i in taken.indices { visible[i] -= taken[i] }
                let mark = UInt8(placed.count)
                owner.withUnsafeMutableBufferPointer { owner in
                    shape.forEachPixel(width: size.width, height: size.height, margin: 0) { i, _, _, distance in
                        if distance < 0 { owner[i] = mark }
                    }
                }
                break
            }
        }
        return (placed, owner)
    }

    /// A filling whose colour stands off from what is behind it by at least the style's contrast.
    private static func fill(behind: RGB, _ style: SceneStyle, side: Double, random: inout Random) -> Fill {
        var color = randomColor(&random)
        for _ in 0..<12 {
            let d = color - behind
            if Double((d * d).sum()).squareRoot() >= style.contrast { break }
            color = randomColor(&random)
        }
        let turn = random.uniform(0, 2 * .pi)
        let texture = Texture.random(
            width: style.size.width, height: style.size.height, scale: side * random.uniform(0.02, 0.08),
            random: &random)
        let tint = (randomColor(&random) - 0.5) * Float(style.clutter * random.uniform(0.05, 0.35))
        let gradient = (randomColor(&random) - 0.5) * Float(style.clutter * random.uniform(0, 0.6))
        let rim = random.chance(0.25) ? random.uniform(0.006, 0.02) * side : 0
        return Fill(
            color: color, gradient: gradient, cosine: Float(cos(turn)), sine: Float(sin(turn)), texture: texture,
            textureColor: tint, rim: rim, rimColor: color * (random.chance(0.5) ? 0.45 : 1.5))
    }
}

/// A colour, greys included, of any brightness.
func randomColor(_ random: inout Random) -> RGB {
    let base = Float(random.uniform(0.1, 0.9))
    let spread = Float(random.uniform(0, 0.5))
    func channel() -> Float { base + spread * Float(random.uniform(-1, 1)) }
    return RGB(channel(), channel(), channel()).clamped(lowerBound: .zero, upperBound: .one)
}

extension Surface {
    /// The ground: a gradient of two colours under grain and a pattern, with soft blobs here and there.
    mutating func paintGround(side: Double, clutter: Double, random: inout Random) {
        let from = randomColor(&random)
        let to = from + (randomColor(&random) - from) * Float(random.uniform(0.2, 0.8))
        let turn = random.uniform(0, 2 * .pi)
        let (c, s) = (Float(cos(turn)), Float(sin(turn)))
        let noise = Noise(
            width: width, height: height, cell: side * random.uniform(0.1, 0.5), octaves: 4, random: &random
        ).field(width: width, height: height)
        let noiseColor = (randomColor(&random) - 0.5) * Float(clutter * random.uniform(0.1, 0.8))
        let texture = Texture.random(
            width: width, height: height, scale: side * random.uniform(0.03, 0.15), random: &random)
        let textureColor = (randomColor(&random) - 0.5) * Float(clutter * random.uniform(0.05, 0.35))
        let (width, height) = (self.width, self.height)
        noise.withUnsafeBufferPointer { noise in
            paint { x, y, _ in
                let along = c * (Float(x) / Float(width) - 0.5) + s * (Float(y) / Float(height) - 0.5) + 0.5
                return from + (to - from) * along + noiseColor * noise[y &* width &+ x]
                    + textureColor * texture.value(x, y)
            }
        }
        // Blobs: patches of another colour with ragged edges, no shape of any class.
        for _ in 0..<random.below(3) {
            let field = Noise(
                width: width, height: height, cell: side * random.uniform(0.12, 0.3), octaves: 3, random: &random
            ).field(width: width, height: height)
            let color = randomColor(&random)
            let level = Float(random.uniform(0.25, 0.5))
            let opacity = Float(random.uniform(0.4, 1))
            field.withUnsafeBufferPointer { field in
                paint { x, y, old in
                    let cover = min(max((field[y &* width &+ x] - level) * 12, 0), 1) * opacity
                    return old + (color - old) * cover
                }
            }
        }
    }

    /// A stroke that belongs to nothing.
    mutating func strokeAtRandom(side: Double, opacity: Float, random: inout Random) {
        func point() -> SIMD2<Float> {
            SIMD2(Float(random.uniform() * Double(width)), Float(random.uniform() * Double(height)))
        }
        let (a, b, c) = (point(), point(), point())
        stroke(
            from: a, over: b, to: c, thickness: Float(side * random.uniform(0.008, 0.035)), color: randomColor(&random),
            opacity: opacity)
    }

    /// The mean colour around a shape's middle: what it will be seen against.
    func mean(around shape: Shape) -> RGB {
        let box = shape.box.clipped(to: Size(width: width, height: height))
        var sum = RGB.zero
        var count: Float = 0
        for j in 0..<8 {
            for i in 0..<8 {
                let x = min(width - 1, Int(box.x1 + box.width * (Float(i) + 0.5) / 8))
                let y = min(height - 1, Int(box.y1 + box.height * (Float(j) + 0.5) / 8))
                sum += pixels[y * width + x]
                count += 1
            }
        }
        return sum / count
    }

    /// One side brighter than the other, corners darker, the whole too bright or too dark.
    mutating func light(random: inout Random) {
        let turn = random.uniform(0, 2 * .pi)
        let slope = random.uniform(0, 0.7)
        let (c, s) = (Float(cos(turn) * slope), Float(sin(turn) * slope))
        let level = Float(random.uniform(0.7, 1.15))
        let corner = Float(random.uniform(0, 0.5))
        let (w, h) = (1 / Float(width), 1 / Float(height))
        paint { x, y, old in
            let u = Float(x) * w - 0.5
            let v = Float(y) * h - 0.5
            return old * (level * (1 + c * u + s * v) * (1 - corner * (u * u + v * v)))
        }
    }
}
