import Geometry
import Imaging

/// One thing that is done to a picture, with its numbers: no chance is left in it. Pixels are those of the upright
/// picture in its own size. Formulas: docs/augmentation.md, after the paper's TPU code (`autoaugment_utils.py`).
public indirect enum Operation: Hashable, Sendable {
    /// Stretches each channel so that its least value becomes 0 and its greatest 255.
    case autoContrast
    /// Makes the values of each channel as evenly spread as a table can.
    case equalize
    /// 255 - value.
    case invert
    /// Keeps the high bits, 0...8 of them; 0 makes all black.
    case posterize(bits: Int)
    /// Inverts values from the threshold on; 256 is none.
    case solarize(threshold: Int)
    /// Adds to values below 128.
    case solarizeAdd(Int)
    /// From grey (0) by the picture (1) to more colour.
    case color(Double)
    /// From one grey (0) by the picture (1) to more contrast.
    case contrast(Double)
    /// From black (0) by the picture (1) to more light.
    case brightness(Double)
    /// From smooth (0) by the picture (1) to sharper.
    case sharpness(Double)
    /// Fills a rectangle with grey. Masks keep what they say of it.
    case cutout(PixelRect)
    /// Turns the picture about its centre, in degrees, counterclockwise as it is seen.
    case rotate(Double)
    /// Moves each row to the left by so many times its distance from the first.
    case shearX(Double)
    /// Moves each column up by so many times its distance from the first.
    case shearY(Double)
    /// Moves the picture to the right by pixels.
    case translateX(Double)
    /// Moves the picture down by pixels.
    case translateY(Double)
    /// Exchanges left and right.
    case flip
    /// An operation on the pixels of a rectangle as if they were a picture. Boxes and masks stay as they are.
    case inside(PixelRect, Operation)

    /// The grey of what has no picture: 128 in all channels.
    public static let fill = Color(128, 128, 128)

    /// Where an operation that moves the picture brings each point; nil for all others.
    /// - Parameter size: of the picture, in pixels.
    public func map(in size: Size) -> AffineMap? {
        switch self {
        case .rotate(let degrees):
            let (x, y) = (Double(size.width) / 2, Double(size.height) / 2)
            return AffineMap.translation(-x, -y).then(.rotation(degrees: degrees)).then(.translation(x, y))
        // The first row and column of pixels, whose centres are half a pixel in, are what stays.
        case .shearX(let level): return AffineMap(a: 1, b: -level, c: 0, d: 1, tx: level / 2, ty: 0)
        case .shearY(let level): return AffineMap(a: 1, b: 0, c: -level, d: 1, tx: 0, ty: level / 2)
        case .translateX(let pixels): return .translation(pixels, 0)
        case .translateY(let pixels): return .translation(0, pixels)
        case .flip: return .flip(width: Double(size.width))
        default: return nil
        }
    }

    /// The table of an operation that looks at each value of a channel alone; nil for all others.
    ///
    /// - Parameters:
    ///   - histogram: of the picture, for the operations that depend on it.
    ///   - contrastLevel: the grey from which `contrast` departs; nil takes the mean of the histogram in grey.
    public func table(_ histogram: () -> Histogram, contrastLevel: Int? = nil) -> ColorTable? {
        switch self {
        case .invert: return ColorTable { 255 - $0 }
        case .posterize(let bits):
            let shift = 8 - min(max(bits, 0), 8)
            return ColorTable { ($0 >> shift) << shift }
        case .solarize(let threshold): return ColorTable { $0 < threshold ? $0 : 255 - $0 }
        case .solarizeAdd(let addition): return ColorTable { $0 < 128 ? $0 + addition : $0 }
        case .brightness(let factor): return Self.blend(from: 0, factor)
        case .contrast(let factor):
            if let contrastLevel { return Self.blend(from: contrastLevel, factor) }
            let h = histogram()
            return Self.blend(from: Int(0.2989 * h.mean(0) + 0.587 * h.mean(1) + 0.114 * h.mean(2) + 0.5), factor)
        case .autoContrast: return Self.stretch(histogram())
        case .equalize: return Self.equalize(histogram())
        default: return nil
        }
    }

    /// `level + factor * (value - level)` in Float, clipped and cut.
    private static func blend(from level: Int, _ factor: Double) -> ColorTable {
        ColorTable { Int(min(max(Float(level) + Float(factor) * Float($0 - level), 0), 255)) }
    }

    private static func stretch(_ histogram: Histogram) -> ColorTable {
        let ranges = (0..<3).map { channel -> (low: Int, high: Int) in
            let counts = histogram.counts[channel * 256..<channel * 256 + 256]
            guard let low = counts.firstIndex(where: { $0 > 0 }), let high = counts.lastIndex(where: { $0 > 0 }) else {
                return (0, 0)
            }
            return (low - channel * 256, high - channel * 256)
        }
        return ColorTable { channel, value in
            let (low, high) = ranges[channel]
            if high <= low { return value }
            let scale = 255 / Float(high - low)
            return Int(min(max(Float(value) * scale - Float(low) * scale, 0), 255))
        }
    }

    /// As Pillow's `ImageOps.equalize`: a value goes to the count of smaller ones in steps of a 255th of all but the last
    /// value that occurs.
    private static func equalize(_ histogram: Histogram) -> ColorTable {
        var values = [Int](repeating: 0, count: 768)
        for channel in 0..<3 {
            let counts = histogram.counts[channel * 256..<channel * 256 + 256].map(Int.init)
            let step = (counts.reduce(0, +) - (counts.last { $0 > 0 } ?? 0)) / 255
            var smaller = 0
            for (value, count) in counts.enumerated() {
                values[channel * 256 + value] = step == 0 ? value : (smaller + step / 2) / step
                smaller += count
            }
        }
        return ColorTable { channel, value in values[channel * 256 + value] }
    }
}

extension Operation: CustomStringConvertible {
    /// "rotate -30", "cutout 12,40 80x80", "equalize in 3,4 22x16": what it is with its numbers.
    public var description: String {
        func short(_ x: Double) -> String {
            let text = "\((x * 1000).rounded() / 1000 + 0)"  // no -0
            return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
        }
        switch self {
        case .autoContrast: return "autocontrast"
        case .equalize: return "equalize"
        case .invert: return "invert"
        case .posterize(let bits): return "posterize \(bits) bits"
        case .solarize(let threshold): return "solarize \(threshold)"
        case .solarizeAdd(let addition): return "solarize-add \(addition)"
        case .color(let factor): return "color \(short(factor))"
        case .contrast(let factor): return "contrast \(short(factor))"
        case .brightness(let factor): return "brightness \(short(factor))"
        case .sharpness(let factor): return "sharpness \(short(factor))"
        case .cutout(let rect): return "cutout \(rect)"
        case .rotate(let degrees): return "rotate \(short(degrees))"
        case .shearX(let level): return "shear-x \(short(level))"
        case .shearY(let level): return "shear-y \(short(level))"
        case .translateX(let pixels): return "translate-x \(short(pixels))"
        case .translateY(let pixels): return "translate-y \(short(pixels))"
        case .flip: return "flip"
        case .inside(let rect, let operation): return "\(operation) in \(rect)"
        }
    }
}
