import Augmentation
import Base
import FoundationEssentials
import Geometry
import Glibc
import Imaging

func fixture(_ name: String) throws -> JSON {
    try Files.readJSON(Files.join(Files.folder(#filePath), "Fixtures/\(name)"))
}

/// Bytes of a base64 text of the fixtures.
func bytes(_ base64: String) -> [UInt8] { Data(base64Encoded: base64).map { Array($0) } ?? [] }

/// The pictures of Tools/reference/augment.py, by the formulas that stand there.
func picture(_ name: String) -> Image {
    let size = name == "small" ? Size(width: 15, height: 11) : Size(width: 31, height: 23)
    var pixels: [UInt8] = []
    for y in 0..<size.height {
        for x in 0..<size.width {
            for c in 0..<3 {
                let p = (7 * x + 13 * y + 50 * c + 3 * ((x * y) % 31) + 60 * ((x / 5 + y / 4) % 2)) % 256
                pixels.append(UInt8(name == "dull" ? 60 + p / 3 : name == "flat" ? 77 + 20 * c : p))
            }
        }
    }
    return Image(width: size.width, height: size.height, pixels: pixels)
}

/// A picture without edges, so that ways of sampling agree closely.
func smooth(_ width: Int, _ height: Int) -> Image {
    var pixels: [UInt8] = []
    for y in 0..<height {
        for x in 0..<width {
            for c in 0..<3 {
                let u = Double(x) / 17 + Double(c), v = Double(y) / 13 - Double(c)
                pixels.append(UInt8(127 + 60 * cos(u) + 60 * sin(v)))
            }
        }
    }
    return Image(width: width, height: height, pixels: pixels)
}

extension Plan {
    /// The canvas in values of 0...255.
    func canvas(_ image: Image, reduction: Int = 1) -> [Float] {
        var slot = [Float](repeating: .nan, count: target.width * target.height * 3)
        slot.withUnsafeMutableBufferPointer {
            render(
                image, reduction: reduction, into: $0,
                normalization: Normalization(mean: .zero, deviation: SIMD3(repeating: 1.0 / 255)))
        }
        return slot
    }

    /// Operations alone: the picture in its own size.
    static func of(_ operations: [Augmentation.Operation], _ size: Size, _ rendering: Rendering = .fused) -> Plan {
        Plan(source: size, target: size, operations: operations, resized: size, rendering: rendering)
    }
}
