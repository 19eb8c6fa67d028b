import Base
import CImage
import Glibc
import Imaging
import Testing

/// Our reader of a JPEG's codes beside libjpeg's: the same pixels, the same verdict, the same words.
@Suite struct HuffmanTests {
    private struct Outcome: Equatable {
        var status: UInt32
        var message: String
        var pixels: [UInt8]
        var wasOurs = false
    }

    private func decode(_ bytes: [UInt8], reduction: Int32, plain: Bool) -> Outcome {
        bytes.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress, let decoder = pupil_jpeg_new(base, buffer.count) else {
                return Outcome(status: 99, message: "", pixels: [])
            }
            defer { pupil_decoder_close(decoder) }
            if plain { pupil_jpeg_leave_to_libjpeg(decoder) }
            var header = pupil_header()
            var outcome = Outcome(
                status: pupil_decoder_open(decoder, 1 << 24, &header).rawValue, message: "", pixels: [])
            if outcome.status == PUPIL_DECODED.rawValue {
                let (width, height) = (Int(header.width), Int(header.height))
                let (r, c) = (Int(reduction) - 1, Int(reduction))
                // What is refused leaves what it has read; it is not looked at.
                var pixels = [UInt8](repeating: 0, count: (width + r) / c * ((height + r) / c) * 3)
                outcome.status = pixels.withUnsafeMutableBufferPointer { pixels in
                    pixels.baseAddress.map { pupil_decoder_read(decoder, reduction, $0).rawValue } ?? 99
                }
                if outcome.status != PUPIL_REFUSED.rawValue { outcome.pixels = pixels }
            }
            outcome.message = String(cString: pupil_decoder_message(decoder))
            outcome.wasOurs = pupil_jpeg_codes_were_ours(decoder) != 0
            return outcome
        }
    }

    /// - Parameter isOurs: whether our reader has to have read it.
    private func expectEqual(_ bytes: [UInt8], _ what: String, isOurs: Bool? = nil) {
        for reduction in [Int32(1), 2, 4, 8] {
            let ours = decode(bytes, reduction: reduction, plain: false)
            let theirs = decode(bytes, reduction: reduction, plain: true)
            #expect(
                ours.status == theirs.status && ours.message == theirs.message && ours.pixels == theirs.pixels,
                "\(what) at 1/\(reduction): \(ours.message), not \(theirs.message)")
            #expect(!theirs.wasOurs && ours.wasOurs == isOurs ?? ours.wasOurs, "\(what) at 1/\(reduction)")
        }
    }

    /// JPEG fixtures: subsampled, grey, four colours, with tables of their own, with restart markers, progressive.
    private var files: [(name: String, bytes: [UInt8])] {
        fixtureFiles.filter { $0.name.hasSuffix(".jpg") }.map { ($0.name, bytes($0.file)) }
            + [10, 60, 89, 90, 100].flatMap { quality in
                [(1, 1), (8, 9), (64, 48), (131, 77)].map { width, height in
                    (
                        "\(width) x \(height), quality \(quality)",
                        sample(width, height, seed: UInt64(quality)).jpeg(quality: quality)
                    )
                }
            }
    }

    @Test func sameAsLibjpegs() {
        #expect(files.count == 30)
        for file in files { expectEqual(file.bytes, file.name, isOurs: file.name != "progressive.jpg") }
    }

    /// Bytes that may stand before a marker, and those that libjpeg takes for data.
    @Test func whatLiesBehindTheLastCode() {
        for file in files where file.name != "progressive.jpg" {
            let body = file.bytes.dropLast(2)
            for (odd, isOurs) in [
                ([0xFF], true), ([0xFF, 0xFF, 0xFF], true), ([0xFF, 0xFF, 0], false), ([0xFF, 0xFF, 0xFF, 0], false),
                ([0xFF, 0], false), ([0], false), ([1, 2, 3], false),
            ] as [([UInt8], Bool)] {
                expectEqual(body + odd + [0xFF, 0xD9], "\(file.name) with \(odd) at its end", isOurs: isOurs)
                // Without an end marker all is libjpeg's but what ends with half of one.
                expectEqual(body + odd, "\(file.name) with \(odd) and no end")
            }
        }
    }

    /// Cut off anywhere, with a byte changed, doubled or left out: libjpeg judges, and nothing of our attempt is left.
    @Test func damageIsLibjpegsToJudge() {
        for (n, file) in files.enumerated() where file.bytes.count < 6000 {
            var random = Random(seed: 5, purpose: .test, index: n)
            for trial in 0..<60 {
                var bytes = file.bytes
                let place = 2 + random.below(bytes.count - 2)
                switch trial % 5 {
                case 0: bytes.removeSubrange(place...)
                case 1: bytes[place] = UInt8(random.below(256))
                case 2: bytes.insert(0xFF, at: place)
                case 3: bytes.remove(at: place)
                default:
                    for _ in 0..<4 { bytes[2 + random.below(bytes.count - 2)] ^= UInt8(1 << random.below(8)) }
                }
                expectEqual(bytes, "\(file.name), damage \(trial)")
            }
        }
    }

    /// Photographs as people have them.
    @Test(.enabled(if: getenv("PUPIL_TEST_DATA") != nil)) func photographsAreTheSame() throws {
        let root = String(cString: getenv("PUPIL_TEST_DATA"))
        var count = 0
        for folder in ["unlabelled/images", "bccd/images", "awkward/derived"] {
            let names = try Files.list(Files.join(root, folder)).filter { $0.lowercased().hasSuffix(".jpg") }
            for (i, name) in names.sorted().enumerated() where i % 10 == 0 || folder.hasPrefix("awkward") {
                expectEqual(try Files.read(Files.join(root, folder + "/" + name)), name)
                count += 1
            }
        }
        #expect(count > 100)
    }
}
