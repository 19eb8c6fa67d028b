import Base

/// A line of a chart.
public struct ChartLine: Sendable {
    /// What the legend calls it.
    public var name: String
    /// Along the axis.
    public var x: [Double]
    /// As many.
    public var y: [Double]

    /// A line.
    public init(name: String, x: [Double], y: [Double]) {
        self.name = name
        self.x = x
        self.y = y
    }

    var json: JSON {
        ["name": .string(name), "x": .array(x.map { .number($0) }), "y": .array(y.map { .number($0) })]
    }
}

/// To four digits, or to a tenth.
func rounded(_ x: Double, _ scale: Double = 10_000) -> Double { (x * scale).rounded() / scale }

/// The way from a folder to a file as a page writes it; both paths absolute.
func relativeURL(of path: String, from folder: String) -> String {
    let (file, base) = (Files.parts(path), Files.parts(folder))
    let shared = Files.sharedParts(file, base)
    let parts = [Substring](repeating: "..", count: base.count - shared) + file.dropFirst(shared)
    let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~".utf8)
    return parts.map { part in
        part.utf8.map { byte in
            plain.contains(byte) ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
    }.joined(separator: "/")
}
