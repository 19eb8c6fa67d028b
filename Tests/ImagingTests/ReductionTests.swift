import Base
import Geometry
import Imaging
import Testing

/// Decoding at 1/2, 1/4 and 1/8.
@Suite struct ReductionTests {
    private func decode(_ file: [UInt8], for needed: Size) throws -> Decoded {
        try ImageFile.decode(bytes: file, name: "a") { _ in needed }
    }

    /// The sides that are left are at least twice the needed ones.
    @Test func theLastFactorOfTwoIsLeftToTheRenderer() throws {
        let file = sample(320, 208).jpeg()
        let cases: [(needed: (Int, Int), reduction: Int)] = [
            ((320, 208), 1), ((81, 10), 1), ((80, 52), 2), ((10, 53), 1), ((41, 26), 2), ((40, 26), 4), ((21, 13), 4),
            ((20, 13), 8), ((1, 1), 8),
        ]
        for (needed, reduction) in cases {
            let decoded = try decode(file, for: Size(width: needed.0, height: needed.1))
            #expect(decoded.reduction == reduction, "\(needed)")
            #expect(decoded.size == Size(width: 320, height: 208))
            #expect(decoded.image.size == Size(width: 320 / reduction, height: 208 / reduction))
        }
        // Only JPEGs can be.
        #expect(try decode(sample(64, 64).png(), for: Size(width: 1, height: 1)).reduction == 1)
        #expect(try ImageFile.decode(bytes: file, name: "a").reduction == 1)
        // `needed` is asked with the upright size.
        let turned = withSegment(file, Array("Exif\0\0".utf8) + exif(6, little: true))
        var asked = Size(width: 0, height: 0)
        let upright = try ImageFile.decode(bytes: turned, name: "a") { size in
            asked = size
            return Size(width: 13, height: 20)
        }
        #expect(asked == Size(width: 208, height: 320) && upright.size == asked && upright.reduction == 8)
        #expect(upright.image.size == Size(width: 26, height: 40))
    }

    /// Against the mean of the pixels that a reduced one stands for, in all eight positions.
    @Test(arguments: [2, 4, 8])
    func aReducedPixelIsTheMeanOfItsOwn(_ reduction: Int) throws {
        let whole = smooth(160, 96)
        for orientation in 1...8 {
            let file = withSegment(whole.jpeg(quality: 100), Array("Exif\0\0".utf8) + exif(orientation, little: false))
            let full = try ImageFile.decode(bytes: file, name: "a").image
            let needed = Size(width: full.width / reduction / 2, height: full.height / reduction / 2)
            let decoded = try decode(file, for: needed)
            #expect(decoded.reduction == reduction && decoded.size == full.size)
            var worst = 0.0
            for y in 0..<decoded.image.height {
                for x in 0..<decoded.image.width {
                    for c in 0..<3 {
                        var sum = 0
                        for j in 0..<reduction {
                            for i in 0..<reduction {
                                sum += Int(full.pixels[((y * reduction + j) * full.width + x * reduction + i) * 3 + c])
                            }
                        }
                        let mean = Double(sum) / Double(reduction * reduction)
                        worst = max(
                            worst, abs(mean - Double(decoded.image.pixels[(y * decoded.image.width + x) * 3 + c])))
                    }
                }
            }
            #expect(worst < 4, "orientation \(orientation)")
        }
    }

    /// Sides that do not divide: rounded up, and not where a turn would put the part of a pixel first.
    @Test func sidesThatDoNotDivide() throws {
        let file = smooth(203, 101).jpeg(quality: 100)
        let decoded = try decode(file, for: Size(width: 20, height: 10))
        #expect(decoded.reduction == 4 && decoded.size == Size(width: 203, height: 101))
        #expect(decoded.image.size == Size(width: 51, height: 26))
        let turned = withSegment(file, Array("Exif\0\0".utf8) + exif(3, little: true))
        #expect(try decode(turned, for: Size(width: 20, height: 10)).reduction == 1)
    }

    /// Rows are counted in the file's own.
    @Test func damageIsJudgedAsInFullSize() throws {
        let file = sample(160, 128).jpeg()
        let cut = Array(file.prefix(file.count / 2))
        let failure = #expect(throws: Failure.self) { try decode(cut, for: Size(width: 10, height: 8)) }
        #expect(failure?.message == refusal(cut, name: "a"))
        #expect(failure?.message.hasSuffix(" of 128 rows are there") == true)
        let open = try decode(Array(file.dropLast(2)), for: Size(width: 10, height: 8))
        #expect(open.reduction == 8 && open.notes == ["no end marker; all rows are there"])
    }

    /// Waves that all reductions can show.
    private func smooth(_ width: Int, _ height: Int) -> Image {
        var pixels: [UInt8] = []
        for y in 0..<height {
            for x in 0..<width {
                let wave = triangle(Double(x) / 64) * 90 + triangle(Double(y) / 80) * 70
                pixels += [UInt8(40 + wave), UInt8(200 - wave), UInt8(60 + x * 100 / width)]
            }
        }
        return Image(width: width, height: height, pixels: pixels)
    }

    /// 0...1, of period 1.
    private func triangle(_ x: Double) -> Double { abs(2 * (x - x.rounded(.down)) - 1) }
}
