import Geometry

/// A picture: 8-bit RGB, row by row from the top, `[height, width, 3]`, upright.
public struct Image: Sendable, Equatable {
    public let width: Int
    public let height: Int
    public var pixels: [UInt8]

    /// - Precondition: `pixels.count == width * height * 3`.
    public init(width: Int, height: Int, pixels: [UInt8]) {
        precondition(pixels.count == width * height * 3, "\(width)x\(height) RGB needs \(width * height * 3) bytes, not \(pixels.count)")
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

    public var size: Size { Size(width: width, height: height) }
}
