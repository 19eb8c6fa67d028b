/// A width and a height in pixels.
public struct Size: Hashable, Sendable {
    /// Columns.
    public var width: Int
    /// Rows.
    public var height: Int

    /// A size; nothing is checked, as sizes of damaged files are made, too.
    public init(width: Int, height: Int) {
        self.width = width
        self.height = height
    }

    /// After a quarter turn.
    public var turned: Size { Size(width: height, height: width) }
}

/// An axis-aligned box: xyxy, half-open, in pixels of the image it is said to belong to; (0, 0) is the upper left
/// corner of the upper left pixel, so a box that covers a whole image is (0, 0, width, height).
public struct Box: Hashable, Sendable {
    /// The left edge, included.
    public var x1: Float
    /// The upper edge, included.
    public var y1: Float
    /// The right edge, excluded.
    public var x2: Float
    /// The lower edge, excluded.
    public var y2: Float

    /// A box by its edges; one with `x2 <= x1` or `y2 <= y1` is empty, and no mistake.
    public init(x1: Float, y1: Float, x2: Float, y2: Float) {
        self.x1 = x1
        self.y1 = y1
        self.x2 = x2
        self.y2 = y2
    }

    /// In pixels; negative where the box is inverted.
    public var width: Float { x2 - x1 }
    /// In pixels; negative where the box is inverted.
    public var height: Float { y2 - y1 }
    /// Zero where the box is empty or inverted.
    public var area: Float { max(0, width) * max(0, height) }
    /// True where the box covers nothing, and where an edge is NaN.
    public var isEmpty: Bool { !(width > 0 && height > 0) }

    /// The area that both cover, in square pixels.
    public func intersection(_ other: Box) -> Float {
        let w = min(x2, other.x2) - max(x1, other.x1)
        let h = min(y2, other.y2) - max(y1, other.y1)
        return w > 0 && h > 0 ? w * h : 0
    }

    /// Intersection over union, 0...1; 0 where both are empty.
    public func iou(_ other: Box) -> Float {
        let shared = intersection(other)
        let union = area + other.area - shared
        return union > 0 ? shared / union : 0
    }

    /// The part inside an image of the given size.
    public func clipped(to size: Size) -> Box {
        let w = Float(size.width)
        let h = Float(size.height)
        return Box(x1: min(max(x1, 0), w), y1: min(max(y1, 0), h), x2: min(max(x2, 0), w), y2: min(max(y2, 0), h))
    }
}
