import Geometry
import Testing

@testable import Imaging

@Suite struct PerceptualHashTests {
    @Test func bitsSayWhereItGetsLighterToTheRight() {
        var image = Image(width: 17, height: 16)
        for y in 0..<16 {
            for x in 0..<17 {
                // Rows of even number rise to the right, the others fall.
                let value = UInt8(y % 2 == 0 ? x * 15 : 255 - x * 15)
                for c in 0..<3 { image.pixels[(y * 17 + x) * 3 + c] = value }
            }
        }
        let hash = PerceptualHash(image)
        #expect(hash.bits == SIMD4(repeating: 0x0000_FFFF_0000_FFFF))
        #expect(hash.isDistinct)
        #expect(hash.distance(to: PerceptualHash(bits: SIMD4(repeating: 0))) == 128)
    }

    @Test func plainAndShadedPicturesAreNotDistinct() {
        #expect(!PerceptualHash(Image(width: 50, height: 40, red: 80, green: 70, blue: 60)).isDistinct)
        var shaded = Image(width: 64, height: 64)
        for y in 0..<64 { for x in 0..<64 { for c in 0..<3 { shaded.pixels[(y * 64 + x) * 3 + c] = UInt8(x * 4) } } }
        #expect(!PerceptualHash(shaded).isDistinct)
    }

    @Test func survivesCompressionSizeAndLight() throws {
        // Blurred spots of random colours: structure at the scale of the hash's cells, as photographs have it.
        let image = Image(
            width: 24, height: 18,
            pixels: (0..<24 * 18 * 3).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 11) }
        ).resized(to: Size(width: 160, height: 120))
        let hash = PerceptualHash(image)
        let weak = try ImageFile.decode(bytes: image.jpeg(quality: 50), name: "weak").image
        let small = image.resized(to: Size(width: 100, height: 75))
        var light = image
        for i in light.pixels.indices { light.pixels[i] = UInt8(min(255, Int(light.pixels[i]) + 12)) }
        for other in [weak, small, light] {
            #expect(hash.distance(to: PerceptualHash(other)) <= PerceptualHash.alike)
        }
    }
}
