import Base
import Geometry
import Glibc
import Imaging
import Testing

@Suite struct ImageFileTests {
    /// Every colour type, bit depth and interlacing against Pillow, exactly for PNG and within rounding for JPEG (whose
    /// decoders may differ by one).
    @Test(arguments: fixtureFiles.indices)
    func pixelsEqualPillows(_ index: Int) throws {
        let fixture = fixtureFiles[index]
        let file = bytes(fixture.file)
        let decoded = try ImageFile.decode(bytes: file, name: fixture.name)
        #expect(decoded.notes == [])
        #expect(decoded.image.size == Size(width: fixture.width, height: fixture.height), "\(fixture.name)")
        let expected = bytes(fixture.pixels)
        let worst = zip(decoded.image.pixels, expected).map { abs(Int($0) - Int($1)) }.max() ?? 999
        #expect(worst <= (fixture.name.hasSuffix(".jpg") ? 1 : 0), "\(fixture.name)")
        let size = try withFile(file) { path throws(Failure) in try ImageFile.size(path) }
        #expect(size == decoded.image.size, "\(fixture.name)")
    }

    @Test(arguments: [(1, 1), (7, 13), (64, 48), (301, 200)])
    func encodedPicturesReadBack(_ width: Int, _ height: Int) throws {
        let image = sample(width, height)
        #expect(try ImageFile.decode(bytes: image.png(), name: "a").image == image)
        for quality in [30, 89, 92, 100] {
            let back = try ImageFile.decode(bytes: image.jpeg(quality: quality), name: "a").image
            #expect(back.size == image.size)
            let error = zip(back.pixels, image.pixels).reduce(0.0) { $0 + Double(abs(Int($1.0) - Int($1.1))) }
            #expect(error / Double(image.pixels.count) < (quality == 100 ? 2 : 25))
        }
        #expect(image.jpeg() == image.jpeg())
    }

    /// A file on disk, its size without decoding, orientation in every spelling.
    @Test func orientationIsReadWhereverItStands() throws {
        let jpeg = sample(24, 16).jpeg()
        let png = sample(24, 16).png()
        let marker = Array("Exif\0\0".utf8)
        let body = Array(png[33...])
        let xmp = "<x:xmpmeta><rdf:Description tiff:Orientation=\"8\"/></x:xmpmeta>"
        let element = "<tiff:Orientation>6</tiff:Orientation>"
        let hex = exif(6, little: false).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        let end = png.count - 12
        let turned: [(String, [UInt8])] = [
            ("little endian", withSegment(jpeg, marker + exif(6, little: true))),
            ("big endian", withSegment(jpeg, marker + exif(8, little: false))),
            ("a long", withSegment(jpeg, marker + exif(5, little: false, long: true))),
            ("XMP attribute", withSegment(jpeg, Array("http://ns.adobe.com/xap/1.0/\0".utf8) + Array(xmp.utf8))),
            ("XMP element", withSegment(jpeg, Array("http://ns.adobe.com/xap/1.0/\0".utf8) + Array(element.utf8))),
            (
                "junk before a marker",
                Array(jpeg[0..<2]) + [0xFF, 0xFF] + withSegment(jpeg, marker + exif(7, little: true))[3...]
            ),
            (
                "a long profile before it",
                withSegment(
                    withSegment(
                        withSegment(jpeg, marker + exif(6, little: true)), [UInt8](repeating: 7, count: 65_000),
                        marker: 0xE2),
                    [UInt8](repeating: 7, count: 65_000), marker: 0xE2)
            ),
            ("PNG eXIf", Array(png[0..<33]) + pngChunk("eXIf", exif(6, little: true)) + body),
            ("PNG eXIf behind the pixels", Array(png[0..<end]) + pngChunk("eXIf", exif(6, little: true)) + png[end...]),
            ("PNG XMP", Array(png[0..<33]) + pngChunk("iTXt", Array("XML:com.adobe.xmp\0\0\0\0\0\(xmp)".utf8)) + body),
            (
                "PNG raw profile",
                Array(png[0..<33]) + pngChunk("tEXt", Array("Raw profile type exif\0\nexif\n      26\n\(hex)\n".utf8))
                    + body
            ),
        ]
        for (what, file) in turned {
            let decoded = try ImageFile.decode(bytes: file, name: what)
            #expect(decoded.image.size == Size(width: 16, height: 24), "\(what)")
            #expect(decoded.notes == [], "\(what)")
            #expect(
                try withFile(file) { path throws(Failure) in try ImageFile.size(path) } == decoded.image.size, "\(what)"
            )
        }
        let plain: [(String, [UInt8])] = [
            ("0 is not an orientation", withSegment(jpeg, marker + exif(0, little: true))),
            ("nor is 9", withSegment(jpeg, marker + exif(9, little: true))),
            (
                "EXIF wins over XMP",
                withSegment(
                    withSegment(jpeg, Array("http://ns.adobe.com/xap/1.0/\0".utf8) + Array(xmp.utf8)),
                    marker + exif(3, little: true))
            ),
            ("cut EXIF", withSegment(jpeg, marker + exif(6, little: true).prefix(15))),
            ("garbage", withSegment(jpeg, marker + [UInt8](repeating: 0x49, count: 40))),
        ]
        for (what, file) in plain {
            let decoded = try ImageFile.decode(bytes: file, name: what)
            #expect(decoded.image.size == Size(width: 24, height: 16), "\(what)")
        }
    }

    @Test func damageIsJudgedByTheRowsThatAreThere() throws {
        let jpeg = sample(120, 90).jpeg()
        let whole = try ImageFile.decode(bytes: jpeg, name: "a")
        #expect(whole.notes == [])
        // No end marker: every pixel is there.
        let open = try ImageFile.decode(bytes: Array(jpeg.dropLast(2)), name: "a")
        #expect(open.image == whole.image && open.notes == ["no end marker; all rows are there"])
        #expect(try ImageFile.decode(bytes: jpeg + [UInt8](repeating: 0, count: 5000), name: "a").image == whole.image)
        for share in [0.3, 0.6, 0.9] {
            let cut = Array(jpeg.prefix(Int(Double(jpeg.count) * share)))
            let message = refusal(cut, name: "dir/cut.jpg")
            #expect(message.hasPrefix("cannot read dir/cut.jpg: the file is cut off: only "), "\(message)")
            #expect(message.hasSuffix(" of 90 rows are there"), "\(message)")
        }
        #expect(refusal(Array(jpeg.prefix(100))) == "cannot read photo.jpg: the file is cut off within its header")
        // A progressive file lacks its fine scans when cut.
        let progressive = bytes(fixtureFiles.first { $0.name == "progressive.jpg" }?.file ?? "")
        #expect(try ImageFile.decode(bytes: Array(progressive.dropLast(2)), name: "a").notes.count == 1)
        #expect(refusal(Array(progressive.dropLast(30))).contains("cut off"))

        let png = sample(120, 90).png()
        let picture = try ImageFile.decode(bytes: png, name: "a").image
        for missing in [1, 12, 14] {  // into the end chunk, without it, into the last checksum
            let open = try ImageFile.decode(bytes: Array(png.dropLast(missing)), name: "a")
            #expect(open.image == picture && open.notes.count == 1)
        }
        let message = refusal(Array(png.prefix(png.count / 2)), name: "p.png")
        #expect(
            message.hasPrefix("cannot read p.png: the file is cut off: only ")
                && message.hasSuffix(" of 90 rows are there"))
        #expect(refusal(Array(png.prefix(20))).contains("cut off within its header"))
    }

    @Test func aWebPIsJudgedByItsRowsToo() throws {
        func fixture(_ name: String) -> [UInt8] { bytes(fixtureFiles.first { $0.name == name }?.file ?? "") }
        for name in ["lossy.webp", "lossless.webp", "lossyalpha.webp"] {
            let file = fixture(name)
            let message = refusal(Array(file.prefix(file.count * 3 / 4)), name: "w.webp")
            #expect(message.hasPrefix("cannot read w.webp: the file is cut off: only "), "\(name): \(message)")
            #expect(message.hasSuffix(" of 10 rows are there"), "\(name): \(message)")
            #expect(refusal(Array(file.prefix(18))).contains("cut off within its header"), "\(name)")
            for length in 0..<file.count where !refusal(Array(file.prefix(length))).hasPrefix("cannot read photo.jpg: ")
            {
                // Only what lies behind the pixels may be missing: the last byte, and the one that makes its count even.
                #expect(length + 2 >= file.count, "\(name) is read from \(length) of \(file.count) bytes")
            }
        }
        // Behind the pixels stands what turns them; without it the picture is whole but lies on its side.
        let turned = fixture("exif.webp")
        let cut = try ImageFile.decode(bytes: Array(turned.dropLast(30)), name: "a")
        #expect(cut.image.size == Size(width: 5, height: 3) && cut.notes == ["the file is cut off behind the last row"])
        // An announced chunk of too large a length, and one that is not announced.
        var flags = turned
        flags[20] = 0
        #expect(try ImageFile.decode(bytes: flags, name: "a").image.size == Size(width: 5, height: 3))
        let moving = fixture("animated.webp")
        #expect(try ImageFile.decode(bytes: moving, name: "a").notes == [])
        let first = try ImageFile.decode(bytes: Array(moving.dropLast(60)), name: "a")
        #expect(first.notes == ["the file is cut off behind the first frame of its animation"])
        for length in [44, 100, 189] {
            let message = refusal(Array(moving.prefix(length)))
            #expect(
                message.contains("an animated WebP that is cut off before the end of its first frame"), "\(message)")
        }
    }

    @Test func foreignFilesAreRefusedByName() {
        let cases: [([UInt8], String)] = [
            ([], "the file is empty"),
            (Array("II*\0aaaaaaaa".utf8), "a TIFF"), (Array("MM\0*aaaaaaaa".utf8), "a TIFF"),
            (Array("GIF89a".utf8), "a GIF"), (Array("RIFF....WEBPVP8 ".utf8), "cut off within its header"),
            (Array("\0\0\0\u{1c}ftypavif".utf8), "an AVIF"), (Array("\0\0\0\u{1c}ftypheic".utf8), "a HEIC"),
            (Array("version https://git-lfs.github.com/spec/v1\noid".utf8), "git lfs pull"),
            (Array("\n <!DOCTYPE html><html>".utf8), "an HTML page"), (Array("hello".utf8), "no JPEG, PNG or WebP"),
            ([UInt8](repeating: 0, count: 600), "nothing but zeros"),
        ]
        for (file, word) in cases {
            let message = refusal(file, name: "a b/é.jpg")
            #expect(message.hasPrefix("cannot read a b/é.jpg: ") && message.contains(word), "\(message)")
            #expect(throws: Failure.self) { try withFile(file) { path throws(Failure) in try ImageFile.size(path) } }
        }
        var twelve = sample(16, 16).jpeg()
        twelve[find(0xFF, 0xC0, in: twelve) + 4] = 12
        #expect(refusal(twelve).contains("a JPEG with 12 bits a sample"))
        var lossless = sample(16, 16).jpeg()
        lossless[find(0xFF, 0xC0, in: lossless) + 1] = 0xC3
        #expect(refusal(lossless).contains("a lossless or hierarchical JPEG"))
        #expect(throws: Failure.data("there is no file /nowhere/a.jpg")) { try ImageFile.decode("/nowhere/a.jpg") }
        #expect(throws: Failure.data("/tmp is a folder; a picture was expected")) { try ImageFile.size("/tmp") }
    }

    /// Headers that promise more pixels than fit into memory are refused before anything is allocated.
    @Test func bombsAreRefused() throws {
        var jpeg = sample(16, 16).jpeg()
        let frame = find(0xFF, 0xC0, in: jpeg)
        jpeg.replaceSubrange(frame + 5..<frame + 9, with: [0xEA, 0x60, 0xEA, 0x60])
        #expect(refusal(jpeg).contains("60000 x 60000 pixels; the limit is 178956970"))
        let png = sample(16, 16).png()
        var head = Array(png[0..<33])
        head.replaceSubrange(16..<24, with: bigEndian(200_000) + bigEndian(200_000))
        #expect(refusal(head + png[33...]).contains("200000 x 200000 pixels; the limit is 178956970"))
        var webp = bytes(fixtureFiles.first { $0.name == "animated.webp" }?.file ?? "")
        webp.replaceSubrange(24..<30, with: [0xFF, 0xFF, 0, 0xFE, 0xFF, 0])
        #expect(refusal(webp).contains("65536 x 65535 pixels; the limit is 178956970"))
        // A long file is not read at all. It has no blocks on the disk.
        try withFile([0xFF, 0xD8]) { path throws(Failure) in
            #expect(truncate(path, ImageFile.maxBytes + 1) == 0)
            let words = "a file of 1073741825 bytes; the limit is 1073741824 bytes"
            #expect(throws: Failure.data("cannot read \(path): \(words)")) { try ImageFile.decode(path) }
            #expect(throws: Failure.self) { try ImageFile.size(path) }
        }
        // One promising row of MCUs without data, or many: refused, and at once.
        for height in [8, 60_000] {
            var empty = Array(sample(16, 8).jpeg().prefix(while: { _ in true }))
            let start = find(0xFF, 0xDA, in: empty)
            empty = Array(empty.prefix(start + 14)) + [0xFF, 0xD9]
            empty.replaceSubrange(
                find(0xFF, 0xC0, in: empty) + 5..<find(0xFF, 0xC0, in: empty) + 7,
                with: bigEndian(height).suffix(2))
            let message = refusal(empty)
            #expect(message.hasSuffix("the data is damaged: only 0 of \(height) rows are there"), "\(message)")
        }
    }

    /// Whatever bytes come, the answer is a picture or a refusal.
    @Test func randomDamageNeverCrashes() {
        var random = Random(seed: 3, purpose: .test)
        let originals =
            [
                sample(40, 30).jpeg(quality: 80), sample(40, 30).png(),
                withSegment(sample(20, 20).jpeg(), Array("Exif\0\0".utf8) + exif(6, little: true)),
            ] + fixtureFiles.map { bytes($0.file) }
        var read = 0
        for round in 0..<6000 {
            var file = originals[round % originals.count]
            for _ in 0...random.below(8) { file[random.below(file.count)] = UInt8(random.below(256)) }
            if random.chance(0.3) { file.removeLast(random.below(file.count)) }
            if random.chance(0.2) {
                file.insert(contentsOf: file.prefix(random.below(40)), at: random.below(file.count + 1))
            }
            if let decoded = try? ImageFile.decode(bytes: file, name: "a") {
                read += 1
                #expect(decoded.image.pixels.count == decoded.image.width * decoded.image.height * 3)
            }
        }
        #expect(read > 300 && read < 5500)
    }

    @Test func imageNames() {
        for name in ["a.jpg", "B.JPEG", "c d/é.PNG", "x.webp", "two.dots.jpg"] { #expect(ImageFile.isImageName(name)) }
        for name in ["a.txt", "jpg", ".hidden.jpg", "a/.b.png", "a.jpg.bak", "a."] {
            #expect(!ImageFile.isImageName(name))
        }
    }
}
