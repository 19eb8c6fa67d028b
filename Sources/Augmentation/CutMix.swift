import Base
import Geometry
import Imaging

/// A rectangle of one training picture put over another, with its mask: CutMix (Yun et al. 2019) as it is used for
/// segmentation, where labels go with their pixels and need no mixing.
public struct CutMix: Hashable, Sendable {
    /// With which it happens, 0...1.
    public var probability: Double
    /// Part of the canvas's area.
    public var area: ClosedRange<Double>
    /// Width by height of the rectangle.
    public var ratio: ClosedRange<Double>

    /// Of the paper: the part is uniform. UniMatch's ranges (0.02...0.4 of the area, shape 0.3...1/0.3, probability 0.5)
    /// are the default.
    public init(
        probability: Double = 0.5, area: ClosedRange<Double> = 0.02...0.4, ratio: ClosedRange<Double> = 0.3...1 / 0.3
    ) {
        precondition((0...1).contains(probability), "a probability is 0...1, not \(probability)")
        self.probability = probability
        self.area = area
        self.ratio = ratio
    }

    /// The rectangle of a canvas that the other picture will fill, or nil where chance says so.
    public func rect(on canvas: Size, random: inout Random) -> PixelRect? {
        let happens = random.chance(probability)
        let window = RandomResizedCrop(area: area, ratio: ratio).window(of: canvas, random: &random)
        return happens ? window : nil
    }

    /// Puts the rectangle of `other` over `slot`, both `[size.height, size.width, 3]`, and of its mask over the mask.
    /// - Precondition: all have the canvas's size and the rectangle lies in it.
    public static func mix(
        _ rect: PixelRect, of other: UnsafeBufferPointer<Float>, into slot: UnsafeMutableBufferPointer<Float>,
        size: Size, mask otherMask: LabelMap? = nil, into mask: inout LabelMap?
    ) {
        precondition(
            rect.clipped(to: size) == rect && other.count == slot.count && slot.count == size.width * size.height * 3,
            "\(rect) of a canvas of another size than \(size)")
        for y in rect.y..<rect.y + rect.height {
            let at = (y * size.width + rect.x) * 3
            for i in at..<at + rect.width * 3 { slot[i] = other[i] }
        }
        precondition((otherMask == nil) == (mask == nil), "a mask goes with its picture")
        if let otherMask, mask != nil {
            precondition(otherMask.size == size && mask!.size == size, "masks of another size than \(size)")
            for y in rect.y..<rect.y + rect.height {
                let row = y * size.width + rect.x..<y * size.width + rect.x + rect.width
                mask!.labels.replaceSubrange(row, with: otherMask.labels[row])
            }
        }
    }
}
