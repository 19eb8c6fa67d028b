import CImage
import Geometry

/// How pixels are interpolated.
public enum Resampling: String, Sendable, CaseIterable {
    /// A triangle filter, widened by the reduction factor when shrinking: what Pillow's `BILINEAR` and torch's
    /// `interpolate(mode="bilinear", antialias=True)` do.
    case antialiased
    /// Two pixels a side whatever the scale: torch's `interpolate(mode="bilinear")` and what the paper's code does.
    /// Shrinking by more than two skips pixels.
    case bilinear
}

/// One axis of a rendering: a picture `source` pixels long is mirrored or not, resized to `resized` pixels, and of
/// those the canvas shows `count` from `offset` on, beginning at its own first pixel.
public struct RenderAxis: Hashable, Sendable {
    /// Length of the picture in pixels.
    public var source: Int
    /// How much of that is picture: `source`, or up to a pixel less for a reduced picture, whose last pixel then is one
    /// only in part.
    public var extent: Double
    /// Length after resizing.
    public var resized: Int
    /// The first resized pixel that is shown.
    public var offset: Int
    /// How many are shown.
    public var count: Int
    /// Whether the picture is mirrored before all that.
    public var mirrored: Bool

    /// An axis; as a rule the whole of it.
    /// - Precondition: lengths are positive, `offset + count <= resized` and `source - 1 < extent <= source`.
    public init(
        source: Int, extent: Double? = nil, resized: Int, offset: Int = 0, count: Int? = nil, mirrored: Bool = false
    ) {
        let count = count ?? resized - offset
        let extent = extent ?? Double(source)
        precondition(
            extent > Double(source) - 1 && extent <= Double(source),
            "of \(source) pixels \(extent) cannot be what is picture")
        precondition(
            source > 0 && resized > 0 && offset >= 0 && count >= 0 && offset + count <= resized,
            "a rendering axis cannot show \(count) pixels from \(offset) on of \(resized), resized from \(source)")
        self.source = source
        self.extent = extent
        self.resized = resized
        self.offset = offset
        self.count = count
        self.mirrored = mirrored
    }

    func forC(_ resampling: Resampling) -> pupil_axis {
        pupil_axis(
            source: Int32(source), extent: extent, resized: Int32(resized), offset: Int32(offset), count: Int32(count),
            mirrored: mirrored ? 1 : 0, antialias: resampling == .antialiased ? 1 : 0)
    }
}

extension Image {
    /// Renders the picture into a canvas in one pass: resized, cropped, mirrored, and each channel as
    /// `value * scale + bias`. Channel c of canvas pixel (x, y) is `slot[(y * canvas.width + x) * 3 + c]`, f32; what
    /// the picture does not cover becomes 0. All of the slot is written. The bytes do not depend on the machine's
    /// instruction set.
    /// - Precondition: the axes fit the picture and the canvas, and `slot` holds `canvas.height * canvas.width * 3`.
    public func render(
        x: RenderAxis, y: RenderAxis, scale: SIMD3<Float>, bias: SIMD3<Float>, resampling: Resampling = .antialiased,
        into slot: UnsafeMutableBufferPointer<Float>, canvas: Size
    ) {
        precondition(
            x.source == width && y.source == height,
            "axes for a picture of \(x.source)x\(y.source) pixels were given one of \(width)x\(height)")
        precondition(
            x.count <= canvas.width && y.count <= canvas.height,
            "\(x.count)x\(y.count) pixels do not fit into a canvas of \(canvas.width)x\(canvas.height)")
        precondition(
            slot.count == canvas.width * canvas.height * 3,
            "a canvas of \(canvas.width)x\(canvas.height) needs \(canvas.width * canvas.height * 3) floats, not \(slot.count)"
        )
        guard let target = slot.baseAddress else { return }
        let done = pixels.withUnsafeBufferPointer { pixels -> Bool in
            guard let source = pixels.baseAddress else { return false }
            return withUnsafePointer(to: (scale.x, scale.y, scale.z)) { scale in
                withUnsafePointer(to: (bias.x, bias.y, bias.z)) { bias in
                    scale.withMemoryRebound(to: Float.self, capacity: 3) { scale in
                        bias.withMemoryRebound(to: Float.self, capacity: 3) { bias in
                            pupil_render(
                                source, x.forC(resampling), y.forC(resampling), scale, bias, target,
                                Int32(canvas.width), Int32(canvas.height)) != 0
                        }
                    }
                }
            }
        }
        precondition(done, "out of memory while rendering a picture of \(width)x\(height) pixels")
    }

    /// The picture at another size.
    public func resized(to size: Size, resampling: Resampling = .antialiased) -> Image {
        precondition(size.width > 0 && size.height > 0, "a picture cannot be resized to \(size.width)x\(size.height)")
        if size == self.size { return self }
        let count = size.width * size.height * 3
        let floats = [Float](unsafeUninitializedCapacity: count) { buffer, filled in
            render(
                x: RenderAxis(source: width, resized: size.width), y: RenderAxis(source: height, resized: size.height),
                scale: SIMD3(repeating: 1), bias: SIMD3(repeating: 0), resampling: resampling,
                into: UnsafeMutableBufferPointer(rebasing: buffer[0..<count]), canvas: size)
            filled = count
        }
        return Image(width: size.width, height: size.height, rounding: floats)
    }

    /// A picture from floats of 0...255, `[height, width, 3]`; values outside are clipped.
    public init(width: Int, height: Int, rounding values: [Float]) {
        let pixels = [UInt8](unsafeUninitializedCapacity: values.count) { buffer, filled in
            values.withUnsafeBufferPointer { values in
                for i in 0..<values.count { buffer[i] = UInt8(min(max(values[i] + 0.5, 0), 255)) }
            }
            filled = values.count
        }
        self.init(width: width, height: height, pixels: pixels)
    }
}
