/// Whole pixels of an image: the columns `x..<x + width` and the rows `y..<y + height`.
public struct PixelRect: Hashable, Sendable, CustomStringConvertible {
    /// The first column.
    public var x: Int
    /// The first row.
    public var y: Int
    /// Columns.
    public var width: Int
    /// Rows.
    public var height: Int

    /// A rectangle; one without columns or rows is empty, and no mistake.
    public init(x: Int, y: Int, width: Int, height: Int) {
        self.x = x
        self.y = y
        self.width = width
        self.height = height
    }

    /// All of an image.
    public init(_ size: Size) { self.init(x: 0, y: 0, width: size.width, height: size.height) }

    /// Width and height.
    public var size: Size { Size(width: width, height: height) }
    /// Whether there is no pixel.
    public var isEmpty: Bool { width <= 0 || height <= 0 }
    /// As a box, in the same frame.
    public var box: Box { Box(x1: Float(x), y1: Float(y), x2: Float(x + width), y2: Float(y + height)) }

    /// "12,40 30x20".
    public var description: String { "\(x),\(y) \(width)x\(height)" }

    /// The part inside an image; empty where there is none.
    public func clipped(to size: Size) -> PixelRect {
        let left = min(max(x, 0), size.width)
        let top = min(max(y, 0), size.height)
        return PixelRect(
            x: left, y: top, width: max(0, min(x + width, size.width) - left),
            height: max(0, min(y + height, size.height) - top))
    }
}
