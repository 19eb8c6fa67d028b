import CImage
import Geometry

/// A new value for each of the 256 of each channel. Tables can be composed, so that a chain of them costs one pass.
public struct ColorTable: Hashable, Sendable {
    /// The value of `v` in channel c is `values[c * 256 + v]`.
    public private(set) var values: [UInt8]

    /// Every value as it is.
    public static let identity = ColorTable { $0 }

    /// One table for all channels; results are clipped to 0...255.
    public init(_ value: (Int) -> Int) {
        let one = (0..<256).map { UInt8(min(max(value($0), 0), 255)) }
        values = one + one + one
    }

    /// A table a channel: of `(channel, value)`. Results are clipped to 0...255.
    public init(channels value: (Int, Int) -> Int) {
        values = (0..<768).map { UInt8(min(max(value($0 / 256, $0 % 256), 0), 255)) }
    }

    /// The table that applies `self` first and `next` after it.
    public func then(_ next: ColorTable) -> ColorTable {
        var composed = self
        for i in 0..<768 { composed.values[i] = next.values[i & ~255 | Int(values[i])] }
        return composed
    }

    /// A colour's new one.
    public func callAsFunction(_ color: Color) -> Color {
        Color(values[Int(color.red)], values[256 + Int(color.green)], values[512 + Int(color.blue)])
    }
}

/// How often each value stands in each channel of a picture.
public struct Histogram: Sendable {
    /// The count of value v of channel c is `counts[c * 256 + v]`.
    public private(set) var counts: [UInt32]

    /// Of a whole picture.
    public init(_ image: Image) {
        var counts = [UInt32](repeating: 0, count: 768)
        image.pixels.withUnsafeBufferPointer { pixels in
            guard let base = pixels.baseAddress else { return }
            counts.withUnsafeMutableBufferPointer {
                pupil_histogram(base, PixelRect(image.size).area(in: image), $0.baseAddress!)
            }
        }
        self.counts = counts
    }

    /// What it becomes when a table is applied to the picture.
    public func after(_ table: ColorTable) -> Histogram {
        var moved = self
        for i in 0..<768 { moved.counts[i] = 0 }
        for i in 0..<768 { moved.counts[i & ~255 | Int(table.values[i])] += counts[i] }
        return moved
    }

    /// The mean of a channel; 0 of an empty picture.
    public func mean(_ channel: Int) -> Double {
        var sum = 0
        var count = 0
        for v in 0..<256 {
            sum += v * Int(counts[channel * 256 + v])
            count += Int(counts[channel * 256 + v])
        }
        return count == 0 ? 0 : Double(sum) / Double(count)
    }
}

extension PixelRect {
    /// As the C kernels take it.
    func area(in image: Image) -> pupil_area {
        precondition(clipped(to: image.size) == self, "\(self) lies outside a picture of \(image.size)")
        return pupil_area(
            offset: (y * image.width + x) * 3, stride: image.width * 3, width: Int32(width), height: Int32(height))
    }
}

extension Image {
    /// A picture whose pixels are yet to be written.
    init(uninitialized size: Size) {
        let count = size.width * size.height * 3
        self.init(
            width: size.width, height: size.height,
            pixels: [UInt8](unsafeUninitializedCapacity: count) { _, filled in filled = count })
    }

    /// The picture with an operator on the pixels of `rect`; what lies outside it holds anything.
    private func working(
        in rect: PixelRect, _ body: (UnsafePointer<UInt8>, UnsafeMutablePointer<UInt8>, pupil_area) -> Void
    ) -> Image {
        var out = Image(uninitialized: size)
        let area = rect.area(in: self)
        pixels.withUnsafeBufferPointer { from in
            out.pixels.withUnsafeMutableBufferPointer { to in
                guard let from = from.baseAddress, let to = to.baseAddress else { return }
                body(from, to, area)
            }
        }
        return out
    }

    /// The pixels of `rect` (as a rule all) through a table. What lies outside it holds anything.
    public func applying(_ table: ColorTable, in rect: PixelRect? = nil) -> Image {
        working(in: rect ?? PixelRect(size)) { pupil_apply_table($0, $1, $2, table.values) }
    }

    /// `grey + factor * (colour - grey)` of each pixel, clipped and cut to whole numbers: 0 is grey, 1 the picture as it
    /// is. Grey is that of `tf.image.rgb_to_grayscale`. What lies outside `rect` holds anything.
    public func saturated(_ factor: Double, in rect: PixelRect? = nil) -> Image {
        working(in: rect ?? PixelRect(size)) { pupil_saturate($0, $1, $2, Float(factor)) }
    }

    /// `smooth + factor * (value - smooth)`, likewise, where smooth is the 3 x 3 mean in which the centre counts 5 times:
    /// 0 is smooth, 1 the picture as it is. Pixels at the edge of `rect` stay; what lies outside it holds anything.
    public func sharpened(_ factor: Double, in rect: PixelRect? = nil) -> Image {
        working(in: rect ?? PixelRect(size)) { pupil_sharpen($0, $1, $2, Float(factor)) }
    }

    /// The pixels of a rectangle as a picture of its own.
    public func cropped(to rect: PixelRect) -> Image {
        let area = rect.area(in: self)
        var out: [UInt8] = []
        out.reserveCapacity(rect.width * rect.height * 3)
        for y in 0..<rect.height {
            let start = area.offset + y * area.stride
            out.append(contentsOf: pixels[start..<start + rect.width * 3])
        }
        return Image(width: rect.width, height: rect.height, pixels: out)
    }

    /// Puts a picture over a part of this one, its first pixel at (x, y).
    /// - Precondition: it lies inside.
    public mutating func put(_ image: Image, x: Int, y: Int) {
        let area = PixelRect(x: x, y: y, width: image.width, height: image.height).area(in: self)
        for row in 0..<image.height {
            let start = area.offset + row * area.stride
            let from = row * image.width * 3
            pixels.replaceSubrange(start..<start + image.width * 3, with: image.pixels[from..<from + image.width * 3])
        }
    }
}
