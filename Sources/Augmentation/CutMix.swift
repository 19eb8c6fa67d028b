import Base
import Geometry

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
    ///
    /// - Parameter stride: pixels a side for a label: the rectangle's edges lie between labels.
    public func rect(on canvas: Size, stride: Int = 1, random: inout Random) -> PixelRect? {
        let happens = random.chance(probability)
        let labels = Size(width: canvas.width / stride, height: canvas.height / stride)
        let window = RandomResizedCrop(area: area, ratio: ratio).window(of: labels, random: &random)
        if !happens { return nil }
        return PixelRect(
            x: window.x * stride, y: window.y * stride, width: window.width * stride, height: window.height * stride)
    }

    /// Puts the rectangle of `other` over `slot`, both `[size.height, size.width, channels]`.
    /// - Precondition: both have that size and the rectangle lies in it.
    public static func paste<Value: BitwiseCopyable>(
        _ rect: PixelRect, of other: UnsafeBufferPointer<Value>, over slot: UnsafeMutableBufferPointer<Value>,
        size: Size, channels: Int
    ) {
        precondition(
            rect.clipped(to: size) == rect && other.count == slot.count
                && slot.count == size.width * size.height * channels,
            "\(rect) of a canvas of another size than \(size)")
        for y in rect.y..<rect.y + rect.height {
            let row = (y * size.width + rect.x) * channels..<(y * size.width + rect.x + rect.width) * channels
            _ = UnsafeMutableBufferPointer(rebasing: slot[row]).update(fromContentsOf: other[row])
        }
    }
}

extension PixelRect {
    /// The same part of a map that has one value for `stride` pixels a side.
    /// - Precondition: its edges are multiples of the stride.
    public func divided(by stride: Int) -> PixelRect {
        precondition([x, y, width, height].allSatisfy { $0 % stride == 0 }, "\(self) by \(stride)")
        return PixelRect(x: x / stride, y: y / stride, width: width / stride, height: height / stride)
    }
}
