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

/// One axis of a rendering. Canvas pixel i shows what lies around `start + (i + 0.5) * step` of the picture, in its
/// half-open frame.
public struct RenderAxis: Hashable, Sendable {
    /// The picture's pixels that may be looked at; beyond them their edge goes on.
    public var window: Range<Int>
    /// Where in the picture the canvas begins.
    public var start: Double
    /// Pixels of the picture a pixel of the canvas; negative where it is mirrored.
    public var step: Double
    /// Pixels of the canvas.
    public var count: Int

    /// An axis by its parts.
    /// - Precondition: the window is not empty and `step` is not 0.
    public init(window: Range<Int>, start: Double, step: Double, count: Int) {
        precondition(
            !window.isEmpty && step != 0 && count >= 0,
            "a rendering axis cannot show \(count) pixels of \(window), \(step) a pixel")
        self.window = window
        self.start = start
        self.step = step
        self.count = count
    }

    /// A picture `source` pixels long, resized to `resized` pixels and mirrored or not, of which `count` are shown from
    /// `offset` on; as a rule all.
    public init(source: Int, resized: Int, offset: Int = 0, count: Int? = nil, mirrored: Bool = false) {
        precondition(resized > 0, "a picture cannot be resized to \(resized) pixels")
        let step = Double(source) / Double(resized)
        self.init(
            window: 0..<source, start: Double(mirrored ? resized - offset : offset) * step,
            step: mirrored ? -step : step, count: count ?? resized - offset)
    }

    func forC(_ resampling: Resampling) -> pupil_axis {
        pupil_axis(
            low: Int32(window.lowerBound), high: Int32(window.upperBound), start: start, step: step,
            count: Int32(count), antialias: resampling == .antialiased ? 1 : 0)
    }
}

extension Image {
    /// Renders the picture into a canvas in one pass: resized, cropped, mirrored, and each channel as
    /// `value * scale + bias`. Channel c of canvas pixel (x, y) is `slot[(y * canvas.width + x) * 3 + c]`, f32; what
    /// the axes do not count becomes 0. All of the slot is written. The bytes do not depend on the machine's
    /// instruction set.
    /// - Precondition: the axes fit the picture and the canvas, and `slot` holds `canvas.height * canvas.width * 3`.
    public func render(
        x: RenderAxis, y: RenderAxis, scale: SIMD3<Float>, bias: SIMD3<Float>, resampling: Resampling = .antialiased,
        into slot: UnsafeMutableBufferPointer<Float>, canvas: Size
    ) {
        precondition(
            x.window.lowerBound >= 0 && x.window.upperBound <= width && y.window.lowerBound >= 0
                && y.window.upperBound <= height,
            "axes over \(x.window) and \(y.window) were given a picture of \(width)x\(height) pixels")
        let covered = Size(width: x.count, height: y.count)
        let target = Self.check(slot, canvas, covered)
        let done = pixels.withUnsafeBufferPointer { pixels -> Bool in
            guard let source = pixels.baseAddress else { return false }
            return withChannels(scale, bias) { scale, bias in
                pupil_render(
                    source, Int32(width), x.forC(resampling), y.forC(resampling), scale, bias, target,
                    Int32(canvas.width), Int32(canvas.height)) != 0
            }
        }
        precondition(done, "out of memory while rendering a picture of \(width)x\(height) pixels")
    }

    /// Renders the picture by any map, which leads from points of the canvas to points of the picture; else as the
    /// other `render`. A pixel is the mean of `samples` squared bilinear samples, evenly spread over it. What lies more
    /// than a pixel outside the picture becomes 0.
    public func render(
        by map: AffineMap, samples: Int, scale: SIMD3<Float>, bias: SIMD3<Float>,
        into slot: UnsafeMutableBufferPointer<Float>, canvas: Size, covered: Size
    ) {
        let target = Self.check(slot, canvas, covered)
        pixels.withUnsafeBufferPointer { pixels in
            guard let source = pixels.baseAddress else { return }
            withChannels(scale, bias) { scale, bias in
                pupil_warp(
                    source, Int32(width), Int32(height), map.forC, Int32(samples), scale, bias, target,
                    Int32(canvas.width), Int32(canvas.height), Int32(covered.width), Int32(covered.height))
            }
        }
    }

    private static func check(
        _ slot: UnsafeMutableBufferPointer<Float>, _ canvas: Size, _ covered: Size
    ) -> UnsafeMutablePointer<Float> {
        precondition(
            covered.width <= canvas.width && covered.height <= canvas.height,
            "\(covered.width)x\(covered.height) pixels do not fit into a canvas of \(canvas.width)x\(canvas.height)")
        guard let target = slot.baseAddress, slot.count == canvas.width * canvas.height * 3 else {
            preconditionFailure(
                "a canvas of \(canvas.width)x\(canvas.height) needs \(canvas.width * canvas.height * 3) floats, not "
                    + "\(slot.count)")
        }
        return target
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
                guard let from = values.baseAddress, let to = buffer.baseAddress else { return }
                pupil_round(from, to, values.count)
            }
            filled = values.count
        }
        self.init(width: width, height: height, pixels: pixels)
    }
}
