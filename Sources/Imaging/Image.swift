import Geometry

/// A picture: 8-bit RGB, row by row from the top, `[height, width, 3]`, upright.
public struct Image: Sendable, Equatable {
    /// In pixels.
    public let width: Int
    /// In pixels.
    public let height: Int
    /// Red, green, blue of pixel (x, y) begin at `(y * width + x) * 3`.
    public var pixels: [UInt8]

    /// A picture of given pixels.
    /// - Precondition: `pixels.count == width * height * 3`.
    public init(width: Int, height: Int, pixels: [UInt8]) {
        precondition(
            width >= 0 && height >= 0 && pixels.count == width * height * 3,
            "\(width)x\(height) RGB needs \(width * height * 3) bytes, not \(pixels.count)")
        self.width = width
        self.height = height
        self.pixels = pixels
    }

    /// One colour.
    public init(width: Int, height: Int, red: UInt8 = 0, green: UInt8 = 0, blue: UInt8 = 0) {
        var pixels = [UInt8](repeating: red, count: width * height * 3)
        if green != red || blue != red {
            for i in stride(from: 0, to: pixels.count, by: 3) {
                pixels[i + 1] = green
                pixels[i + 2] = blue
            }
        }
        self.init(width: width, height: height, pixels: pixels)
    }

    /// Width and height.
    public var size: Size { Size(width: width, height: height) }
}
