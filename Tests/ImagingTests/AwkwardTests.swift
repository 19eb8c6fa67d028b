import Base
import Geometry
import Glibc
import Imaging
import Testing

/// The external folder of awkward files: each decodes to Pillow's size and colours, or is refused in just these words.
@Suite struct AwkwardTests {
    /// Files that are refused, and why.
    private static let refused: [String: String] = [
        "real/truncated_image.png": "the file is cut off: only 385 of 480 rows are there",
        // Pillow refuses it too, and gives black rows to who asks a second time; so the manifest calls it readable.
        "real/broken_data_stream.png": "bad adaptive filter value: only 88 of 128 rows are there",
        "real/broken.png": "[F4][A8][81][E1]: invalid chunk type",
        "real/ultrahdr.jpg": "the file is cut off: only 0 of 2688 rows are there",
        "real/monkey12.jpg": "a JPEG with 12 bits a sample; only 8 are read (convert it to 8-bit JPEG or PNG)",
        "real/tiff_strip_cmyk_jpeg.tif": tiff, "real/12in16bit.tif": tiff, "real/16bit.cropped.tif": tiff,
        "real/16bit.MM.cropped.tif": tiff, "real/10ct_32bit_128.tiff": tiff, "real/hopper.Lab.tif": tiff,
        "derived/truncated_60.jpg": "the file is cut off: only 224 of 375 rows are there",
        "derived/truncated_header.jpg": "the file is cut off within its header",
        "derived/empty.jpg": "the file is empty",
        "derived/html.jpg": "an HTML page, often what a failed download leaves; fetch the picture again",
        "derived/lfs_pointer.jpg":
            "a Git LFS pointer, not the picture itself; run \"git lfs pull\" in its repository",
    ]
    private static let tiff = "a TIFF; only JPEG, PNG and WebP are read; convert it first"

    /// Files that are read with a note.
    private static let noted: [String: String] = [
        "real/hopper_bad_exif.jpg": "Corrupt JPEG data: 1214 extraneous bytes before marker 0xd0",
        "real/truncated_jpeg.jpg": "no end marker; all rows are there",
        "real/truncated_end_chunk.png": "the file is cut off behind the last row",
        "derived/no_eoi.jpg": "no end marker; all rows are there",
        "derived/bitflip.jpg": "Corrupt JPEG data: 30 extraneous bytes before marker 0xd9",
    ]

    /// Files that are read here and not by Pillow: only their end or a text that nobody needs is wrong.
    private static let more: [String: Size] = [
        "real/truncated_jpeg.jpg": Size(width: 100, height: 100),
        "real/truncated_end_chunk.png": Size(width: 128, height: 128),
        "real/unknown_compression_method.png": Size(width: 57, height: 57),
        "real/png_decompression_dos.png": Size(width: 1, height: 1),
        "derived/no_eoi.jpg": Size(width: 500, height: 375),
    ]

    @Test(.enabled(if: getenv("PUPIL_TEST_DATA") != nil))
    func everyFileHasItsOutcome() throws {
        let root = Files.join(String(cString: getenv("PUPIL_TEST_DATA")), "awkward")
        let names = try #require(Files.readJSON(Files.join(root, "manifest.json"))["files"]?.array)
            .compactMap { $0["file"]?.string }
        #expect(names.count == 99)
        let table = Dictionary(uniqueKeysWithValues: awkwardTable.map { ($0.file, $0) })
        for name in names {
            let path = Files.join(root, name)
            if let words = Self.refused[name] {
                #expect(throws: Failure.data("cannot read \(path): \(words)")) { try ImageFile.decode(path) }
                continue
            }
            let decoded = try ImageFile.decode(path)
            #expect(decoded.notes == Self.noted[name].map { [$0] } ?? [], "\(name)")
            #expect(decoded.size == decoded.image.size && decoded.reduction == 1)
            #expect(try ImageFile.size(path) == decoded.size, "\(name)")
            if let row = table[name] {
                #expect(decoded.size == Size(width: row.width, height: row.height), "\(name)")
                let worst = zip(quarters(decoded.image), row.means).map { abs($0 - $1) }.max() ?? .infinity
                // Pillow brings its own libjpeg and libwebp; they have agreed to the bit so far.
                #expect(worst < 0.05, "\(name)")
            } else {
                #expect(decoded.size == Self.more[name], "\(name)")
            }
        }
    }

    /// Red, green and blue means of the four quarters, as `awkwardTable` has them.
    private func quarters(_ image: Image) -> [Double] {
        let (w, h) = (image.width, image.height)
        let parts = [
            (0..<h / 2, 0..<w / 2), (0..<h / 2, w / 2..<w), (h / 2..<h, 0..<w / 2), (h / 2..<h, w / 2..<w),
        ]
        return parts.flatMap { rows, columns in
            (0..<3).map { c in
                var sum = 0
                for y in rows { for x in columns { sum += Int(image.pixels[(y * w + x) * 3 + c]) } }
                return Double(sum) / Double(max(1, rows.count * columns.count))
            }
        }
    }
}
