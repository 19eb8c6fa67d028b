import CImage
import Geometry

/// One colour over a part of a canvas: over what lies in a rectangle, or outside it, in a frame of its own.
public struct Paint: Hashable, Sendable {
    /// From points of the canvas to points of the rectangle's frame.
    public var map: AffineMap
    /// The rectangle, half-open.
    public var x: Range<Double>
    /// The rectangle, half-open.
    public var y: Range<Double>
    /// Whether it is what lies outside that is painted.
    public var isOutside: Bool
    /// The three values that are written, as they stand.
    public var values: SIMD3<Float>

    /// A paint.
    public init(map: AffineMap, x: Range<Double>, y: Range<Double>, isOutside: Bool, values: SIMD3<Float> = .zero) {
        self.map = map
        self.x = x
        self.y = y
        self.isOutside = isOutside
        self.values = values
    }

    var forC: pupil_paint {
        pupil_paint(
            map: map.forC, x1: x.lowerBound, y1: y.lowerBound, x2: x.upperBound, y2: y.upperBound,
            outside: isOutside ? 1 : 0, color: (values.x, values.y, values.z))
    }
}

extension [Paint] {
    /// Writes the paints over the covered corner of a canvas `[canvas.height, canvas.width, 3]`, later ones over earlier
    /// ones. A pixel is painted where its centre is.
    public func draw(into slot: UnsafeMutableBufferPointer<Float>, canvas: Size, covered: Size) {
        precondition(
            slot.count == canvas.width * canvas.height * 3 && covered.width <= canvas.width
                && covered.height <= canvas.height, "a canvas of another size")
        guard !isEmpty, let target = slot.baseAddress else { return }
        let paints = map(\.forC)
        pupil_paint_canvas(
            paints, Int32(count), target, Int32(canvas.width), Int32(covered.width), Int32(covered.height))
    }
}

/// Operators on a canvas of f32 RGB of 0...1, `[height, width, 3]`, in place. Each clips its result to 0...1.
public enum CanvasFilter {
    /// `value * factor`.
    public static func brightness(_ canvas: UnsafeMutableBufferPointer<Float>, _ factor: Double) {
        if let base = canvas.baseAddress { pupil_canvas_brightness(base, canvas.count / 3, Float(factor)) }
    }

    /// `mean + factor * (value - mean)`, where the mean is that of the canvas in grey.
    public static func contrast(_ canvas: UnsafeMutableBufferPointer<Float>, _ factor: Double) {
        if let base = canvas.baseAddress { pupil_canvas_contrast(base, canvas.count / 3, Float(factor)) }
    }

    /// `grey + factor * (value - grey)` of each pixel; 0 makes it grey.
    public static func saturation(_ canvas: UnsafeMutableBufferPointer<Float>, _ factor: Double) {
        if let base = canvas.baseAddress { pupil_canvas_saturation(base, canvas.count / 3, Float(factor)) }
    }

    /// Turns the hue by `shift` of a whole turn.
    public static func hue(_ canvas: UnsafeMutableBufferPointer<Float>, _ shift: Double) {
        if let base = canvas.baseAddress { pupil_canvas_hue(base, canvas.count / 3, Float(shift)) }
    }

    /// A Gaussian of deviation `sigma` cut at `radius` pixels; at the edges the picture is mirrored.
    public static func blur(
        _ canvas: UnsafeMutableBufferPointer<Float>, size: Size, radius: Int, sigma: Double
    ) {
        precondition(canvas.count == size.width * size.height * 3 && radius >= 0 && sigma > 0, "a blur of \(sigma)")
        guard let base = canvas.baseAddress else { return }
        let done = pupil_canvas_blur(base, Int32(size.width), Int32(size.height), Int32(radius), sigma)
        precondition(done != 0, "out of memory while blurring a picture of \(size.width)x\(size.height) pixels")
    }

    /// `value * scale + bias`, channel by channel; not clipped.
    public static func affine(
        _ canvas: UnsafeMutableBufferPointer<Float>, scale: SIMD3<Float>, bias: SIMD3<Float>
    ) {
        guard let base = canvas.baseAddress else { return }
        withChannels(scale, bias) { pupil_canvas_affine(base, canvas.count / 3, $0, $1) }
    }
}

/// Two values a channel as C takes them.
func withChannels<T>(
    _ a: SIMD3<Float>, _ b: SIMD3<Float>, _ body: (UnsafePointer<Float>, UnsafePointer<Float>) -> T
) -> T {
    withUnsafePointer(to: (a.x, a.y, a.z, b.x, b.y, b.z)) {
        $0.withMemoryRebound(to: Float.self, capacity: 6) { body($0, $0 + 3) }
    }
}

extension AffineMap {
    var forC: pupil_map { pupil_map(a: a, b: b, tx: tx, c: c, d: d, ty: ty) }
}
