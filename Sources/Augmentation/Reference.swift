import Geometry
import Imaging

// The operations as the original code does them: one after the other, on 8-bit pixels, by nearest sampling. It is what
// `reference` rendering is made of, what happens inside a box, and what the fused rendering is tested against.

extension Operation {
    /// The picture after the operation.
    ///
    /// - Parameter contrastQuirk: `Rendering.reference`.
    public func applied(to image: Image, contrastQuirk: Bool) -> Image {
        switch self {
        case .color(let factor): return image.saturated(factor)
        case .sharpness(let factor): return image.sharpened(factor)
        case .cutout(let rect):
            var out = image
            out.fill(x: rect.x, y: rect.y, width: rect.width, height: rect.height, color: Operation.fill)
            return out
        case .inside(let rect, let operation):
            let part = rect.clipped(to: image.size)
            if part.isEmpty { return image }
            var out = image
            out.put(
                operation.applied(to: image.cropped(to: part), contrastQuirk: contrastQuirk), x: part.x, y: part.y)
            return out
        default:
            if let map = map(in: image.size) {
                let source = Nearest(map, image.size)
                var pixels = [UInt8](repeating: Operation.fill.red, count: image.pixels.count)
                image.pixels.withUnsafeBufferPointer { from in
                    pixels.withUnsafeMutableBufferPointer { to in
                        source.forEach { target, place in
                            to[3 * target] = from[3 * place]
                            to[3 * target + 1] = from[3 * place + 1]
                            to[3 * target + 2] = from[3 * place + 2]
                        }
                    }
                }
                return Image(width: image.width, height: image.height, pixels: pixels)
            }
            let level: Int? =
                if case .contrast = self {
                    contrastQuirk ? min(255, image.width * image.height / 256) : Self.greyLevel(image)
                } else {
                    nil
                }
            guard let table = table({ Histogram(image) }, contrastLevel: level) else {
                preconditionFailure("there is no rendering for \(self)")
            }
            return image.applying(table)
        }
    }

    /// The mask after the operation.
    public func applied(to mask: LabelMap) -> LabelMap {
        guard let map = map(in: mask.size) else { return mask }
        var labels = [UInt8](repeating: LabelMap.ignored, count: mask.labels.count)
        Nearest(map, mask.size).forEach { target, place in labels[target] = mask.labels[place] }
        return LabelMap(width: mask.width, height: mask.height, labels: labels)
    }

    /// The mean of the picture in grey, which is cut to whole numbers pixel by pixel.
    private static func greyLevel(_ image: Image) -> Int {
        let grey = image.saturated(0)
        var sum = 0
        for i in stride(from: 0, to: grey.pixels.count, by: 3) { sum += Int(grey.pixels[i]) }
        return Int(Double(sum) / Double(max(1, image.width * image.height)) + 0.5)
    }
}

/// For each pixel of a moved picture the one whose centre is nearest to where it comes from, halves away from zero.
private struct Nearest {
    private let inverse: AffineMap
    private let size: Size

    init(_ map: AffineMap, _ size: Size) {
        inverse = map.inverse
        self.size = size
    }

    /// Calls with the indices of both, for those that come from within the picture.
    func forEach(_ body: (_ target: Int, _ source: Int) -> Void) {
        for y in 0..<size.height {
            for x in 0..<size.width {
                let from = inverse(x: Double(x) + 0.5, y: Double(y) + 0.5)
                let u = Int((from.x - 0.5).rounded()), v = Int((from.y - 0.5).rounded())
                if u >= 0, u < size.width, v >= 0, v < size.height { body(y * size.width + x, v * size.width + u) }
            }
        }
    }
}

extension Plan {
    /// A box after the operations, nearly as the original code moves it: cut to whole pixels before each, and cut to the
    /// picture after it; of one that has left the picture a sliver of a twentieth stays at the edge. The original cuts
    /// corners after a turn or a shear as well, and so is up to a pixel off this.
    func referenceBox(_ box: Box) -> Box {
        var box = box
        let (w, h) = (Float(source.width), Float(source.height))
        for operation in operations {
            guard let map = operation.map(in: source) else { continue }
            let whole = Box(
                x1: box.x1.rounded(.towardZero), y1: box.y1.rounded(.towardZero), x2: box.x2.rounded(.towardZero),
                y2: box.y2.rounded(.towardZero))
            box = map(whole).clipped(to: source)
            if box.width == 0 { (box.x1, box.x2) = (min(box.x1, 0.95 * w), max(box.x2, 0.05 * w)) }
            if box.height == 0 { (box.y1, box.y2) = (min(box.y1, 0.95 * h), max(box.y2, 0.05 * h)) }
        }
        return box
    }
}
