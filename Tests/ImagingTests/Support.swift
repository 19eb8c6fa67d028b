import Base
import FoundationEssentials
import Glibc
import Imaging

/// Bytes of a base64 text of the fixtures.
func bytes(_ base64: String) -> [UInt8] { Data(base64Encoded: base64).map { Array($0) } ?? [] }

/// A picture in which every pixel and direction differs, noisy enough that a JPEG of it is not tiny.
func sample(_ width: Int, _ height: Int, seed: UInt64 = 1) -> Image {
    var random = Random(seed: seed, purpose: .test, index: width * 10_000 + height)
    var pixels: [UInt8] = []
    for y in 0..<height {
        for x in 0..<width {
            let base = [x * 200 / max(1, width - 1), y * 200 / max(1, height - 1), (x + y) * 100 / (width + height)]
            pixels += base.map { UInt8($0 + random.below(40)) }
        }
    }
    return Image(width: width, height: height, pixels: pixels)
}

/// A PNG chunk; ancillary checksums are not judged, so it is left 0.
func pngChunk(_ kind: String, _ data: [UInt8]) -> [UInt8] {
    bigEndian(data.count) + Array(kind.utf8) + data + [0, 0, 0, 0]
}

func bigEndian(_ n: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: n >> (24 - 8 * $0)) } }

/// An EXIF block with one entry: the orientation.
func exif(_ orientation: Int, little: Bool, long: Bool = false) -> [UInt8] {
    func number(_ n: Int, _ count: Int) -> [UInt8] {
        let big = bigEndian(n).suffix(count)
        return little ? big.reversed() : Array(big)
    }
    let value = long ? number(orientation, 4) : number(orientation, 2) + [0, 0]
    return Array((little ? "II" : "MM").utf8) + number(42, 2) + number(8, 4) + number(1, 2)
        + number(0x0112, 2) + number(long ? 4 : 3, 2) + number(1, 4) + value + number(0, 4)
}

/// A JPEG with an APP1 segment behind its start marker.
func withSegment(_ jpeg: [UInt8], _ payload: [UInt8], marker: UInt8 = 0xE1) -> [UInt8] {
    let length = payload.count + 2
    return Array(jpeg[0..<2]) + [0xFF, marker, UInt8(length >> 8), UInt8(length & 255)] + payload + jpeg[2...]
}

/// The first place of two bytes.
func find(_ a: UInt8, _ b: UInt8, in bytes: [UInt8]) -> Int {
    (0..<bytes.count - 1).first { bytes[$0] == a && bytes[$0 + 1] == b } ?? 0
}

/// The message of a refusal, or "" where the picture was read.
func refusal(_ bytes: [UInt8], name: String = "photo.jpg") -> String {
    do throws(Failure) {
        _ = try ImageFile.decode(bytes: bytes, name: name)
        return ""
    } catch {
        return error.code == .invalidData ? error.message : "wrong code: \(error)"
    }
}

/// Runs `body` with the path of a file of these bytes, removed afterwards.
func withFile<T>(_ bytes: [UInt8], name: String = "x.jpg", _ body: (String) throws(Failure) -> T) throws(Failure) -> T {
    let folder = "/tmp/pupil-imaging-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    try Files.makeFolder(folder)
    defer { try? Files.remove(folder) }
    let path = Files.join(folder, name)
    try Files.write(bytes, to: path)
    return try body(path)
}
