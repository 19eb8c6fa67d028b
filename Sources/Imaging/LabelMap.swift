import Base
import CImage
import Geometry

/// A segmentation mask: the number of a class for each pixel, row by row from the top, `[height, width]`.
public struct LabelMap: Sendable, Equatable {
    /// In pixels.
    public let width: Int
    /// In pixels.
    public let height: Int
    /// Class of pixel (x, y) is `labels[y * width + x]`.
    public var labels: [UInt8]

    /// The label of pixels about which nothing is said: they count in no loss and no metric.
    public static let ignored: UInt8 = 255

    /// A mask of given labels.
    /// - Precondition: `labels.count == width * height`.
    public init(width: Int, height: Int, labels: [UInt8]) {
        precondition(
            width >= 0 && height >= 0 && labels.count == width * height,
            "\(width)x\(height) labels are \(width * height) bytes, not \(labels.count)")
        self.width = width
        self.height = height
        self.labels = labels
    }

    /// Width and height.
    public var size: Size { Size(width: width, height: height) }

    /// How many pixels each label has, `[256]`.
    public var histogram: [Int] {
        var counts = [UInt32](repeating: 0, count: 256)
        labels.withUnsafeBufferPointer { labels in
            if let base = labels.baseAddress { pupil_count_labels(base, labels.count, &counts) }
        }
        return counts.map(Int.init)
    }

    /// How many pixels have one label here and another there, `[K + 1, K + 1]`: row this mask's, column the other's, the
    /// last of each for `ignored`.
    /// - Precondition: both are of one size, and their labels are under K or `ignored`.
    public func pairs(with other: LabelMap, classes: Int) -> [UInt32] {
        precondition((1...255).contains(classes) && size == other.size, "masks of \(size) and \(other.size)")
        var counts = [UInt32](repeating: 0, count: (classes + 1) * (classes + 1))
        labels.withUnsafeBufferPointer { rows in
            other.labels.withUnsafeBufferPointer { columns in
                guard let row = rows.baseAddress, let column = columns.baseAddress else { return }
                let areKnown = pupil_count_label_pairs(row, column, rows.count, Int32(classes), &counts) != 0
                precondition(areKnown, "a label that none of \(classes) classes has")
            }
        }
        return counts
    }

    /// Gives each pixel the label that the table has for its own.
    /// - Precondition: the table has 256.
    public mutating func relabel(_ table: [UInt8]) {
        precondition(table.count == 256, "a table of \(table.count) labels")
        labels.withUnsafeMutableBufferPointer { labels in
            if let base = labels.baseAddress { pupil_relabel(base, labels.count, table) }
        }
    }

    /// The mask on a canvas: for each pixel the nearest label, where `map` leads from points of the canvas into the mask
    /// and into the rectangles of all `frames` (paints of what lies outside), else `ignored`.
    ///
    /// - Returns: a mask of the canvas's size; beyond `covered` it is `ignored`.
    public func rendered(by map: AffineMap, within frames: [Paint], canvas: Size, covered: Size) -> LabelMap {
        precondition(
            covered.width <= canvas.width && covered.height <= canvas.height,
            "\(covered.width)x\(covered.height) pixels do not fit into a canvas of \(canvas.width)x\(canvas.height)")
        let paints = frames.map(\.forC)
        let count = canvas.width * canvas.height
        let out = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            labels.withUnsafeBufferPointer { labels in
                guard let from = labels.baseAddress, let to = buffer.baseAddress else { return }
                paints.withUnsafeBufferPointer { paints in
                    // C wants an address even for none.
                    var none = pupil_paint()
                    withUnsafePointer(to: &none) {
                        pupil_warp_labels(
                            from, Int32(width), Int32(height), map.forC, paints.baseAddress ?? $0, Int32(paints.count),
                            LabelMap.ignored, to, Int32(canvas.width), Int32(canvas.height), Int32(covered.width),
                            Int32(covered.height))
                    }
                }
            }
            filled = count
        }
        return LabelMap(width: canvas.width, height: canvas.height, labels: out)
    }
}

extension Image {
    /// The picture with a mask over it, each class in its colour (`Color.forClass`), ignored pixels in white; class 0 is
    /// taken for the background and shows the picture as it is where `skipsZero`.
    /// - Precondition: mask and picture are of one size.
    public func overlaid(with mask: LabelMap, opacity: Double = 0.5, skipsZero: Bool = true) -> Image {
        precondition(mask.size == size, "a mask of \(mask.size) over a picture of \(size)")
        let colors = (0..<256).map { $0 == Int(LabelMap.ignored) ? Color.white : Color.forClass($0) }
        var out = self
        let share = Int(opacity * 256)
        for (i, label) in mask.labels.enumerated() where !(skipsZero && label == 0) {
            let color = colors[Int(label)]
            func mix(_ at: Int, _ value: UInt8) {
                out.pixels[at] = UInt8((Int(out.pixels[at]) * (256 - share) + Int(value) * share) >> 8)
            }
            mix(3 * i, color.red)
            mix(3 * i + 1, color.green)
            mix(3 * i + 2, color.blue)
        }
        return out
    }
}
