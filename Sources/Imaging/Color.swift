/// An RGB colour of 8 bits a channel.
public struct Color: Hashable, Sendable {
    /// 0...255.
    public var red: UInt8
    /// 0...255.
    public var green: UInt8
    /// 0...255.
    public var blue: UInt8

    /// A colour.
    public init(_ red: UInt8, _ green: UInt8, _ blue: UInt8) {
        self.red = red
        self.green = green
        self.blue = blue
    }

    /// Full light.
    public static let white = Color(255, 255, 255)
    /// No light.
    public static let black = Color(0, 0, 0)

    /// A colour by hue (0..<1), saturation and value (0...1).
    public init(hue: Double, saturation: Double, value: Double) {
        let h = (hue - hue.rounded(.down)) * 6
        let chroma = value * saturation
        let other = chroma * (1 - abs(h.truncatingRemainder(dividingBy: 2) - 1))
        let (r, g, b) =
            switch Int(h) {
            case 0: (chroma, other, 0.0)
            case 1: (other, chroma, 0.0)
            case 2: (0.0, chroma, other)
            case 3: (0.0, other, chroma)
            case 4: (other, 0.0, chroma)
            default: (chroma, 0.0, other)
            }
        func byte(_ x: Double) -> UInt8 { UInt8(min(max(((x + value - chroma) * 255).rounded(), 0), 255)) }
        self.init(byte(r), byte(g), byte(b))
    }

    /// The colour of a class: the first twelve by hand, told apart at a glance; then hues a golden angle apart, in
    /// three lightnesses. Always the same for an index.
    public static func forClass(_ index: Int) -> Color {
        precondition(index >= 0, "a class index is 0 or more, not \(index)")
        if index < distinct.count { return distinct[index] }
        let n = Double(index - distinct.count)
        let value = [0.95, 0.7, 0.85][index % 3]
        return Color(hue: 0.07 + n * 0.618_033_988_75, saturation: index % 2 == 0 ? 0.85 : 0.55, value: value)
    }

    /// The 256 colours of PASCAL VOC's masks, 3 bytes each: the bits of an index, three at a time, go to red, green and
    /// blue from the highest down; 255, the void, is 224 224 192.
    public static let vocPalette: [UInt8] = (0..<256).flatMap { index -> [UInt8] in
        (0..<3).map { channel -> UInt8 in
            var value = 0
            for bit in 0..<8 where index >> (3 * bit + channel) & 1 == 1 { value |= 128 >> bit }
            return UInt8(value)
        }
    }

    private static let distinct = [
        Color(230, 57, 70), Color(42, 157, 244), Color(80, 200, 80), Color(255, 190, 11), Color(167, 80, 222),
        Color(255, 128, 30), Color(0, 205, 200), Color(247, 90, 180), Color(176, 214, 40), Color(130, 90, 60),
        Color(90, 110, 240), Color(150, 160, 175),
    ]

    /// Black or white, whichever reads better on this colour, by relative luminance (WCAG 2).
    public var readable: Color {
        func linear(_ c: UInt8) -> Double {
            let x = Double(c) / 255
            // The exponent 2.4 is taken as 2.2 without the linear foot: close enough to choose between two.
            return x * x * (0.8 + 0.2 * x)
        }
        let luminance = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
        // Where (L + 0.05) / 0.05 and 1.05 / (L + 0.05) are equal.
        return luminance > 0.179 ? .black : .white
    }
}
