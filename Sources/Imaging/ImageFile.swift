import Base
import CImage
import Geometry
import Glibc

/// A picture read from a file.
public struct Decoded: Sendable {
    /// RGB, upright. Of a reduced picture each side is `size` divided by `reduction`, rounded up.
    public var image: Image
    /// Of the upright picture as the file holds it, in pixels.
    public var size: Size
    /// By what the sides were divided in decoding: 1, 2, 4 or 8.
    public var reduction: Int
    /// What was wrong with the file although every row was there; empty as a rule.
    public var notes: [String]

    /// A picture in full size and the notes on its file.
    public init(image: Image, notes: [String] = []) {
        self.image = image
        self.notes = notes
        size = image.size
        reduction = 1
    }
}

/// Reads JPEG, PNG and WebP files: any colour space they have, turned upright by EXIF, 8-bit RGB.
///
/// Colours become what Pillow's `convert("RGB")` gives: transparency is dropped, of 16 bits the high byte is kept, CMYK
/// is taken as inverted. Files are recognised by their content. Of several pictures in a file (animations, MPO) it is
/// the first. A damaged file is accepted, with a note, where all its rows could be decoded, and refused where rows are
/// missing: half a grey picture would be learned as it is.
public enum ImageFile {
    /// Pictures of more pixels are refused: 178,956,970, the bound at which Pillow calls a file a decompression bomb.
    public static let maxPixels = 178_956_970
    /// Files of more bytes are refused: 1 GiB.
    public static let maxBytes = 1 << 30

    /// The picture in a file.
    ///
    /// - Parameters:
    ///   - needed: the size it will be brought to, out of its own. A JPEG is then decoded at 1/2, 1/4 or 1/8
    ///     (`Decoded.reduction`) where that leaves at least `margin` times the needed pixels a side; what is done depends
    ///     on the file and on these two alone. Without it, and for other formats, pictures come in full size.
    ///   - margin: how much of the shrinking is left to the better filter of rendering. With 2 the difference is not
    ///     seen; 1 leaves none.
    /// - Throws: `Failure.data` naming the file and what it is instead.
    public static func decode(
        _ path: String, needed: ((Size) -> Size)? = nil, margin: Double = 2
    ) throws(Failure) -> Decoded {
        try decode(bytes: try bytes(path), name: path, needed: needed, margin: margin)
    }

    /// A picture's file as it is. - Throws: `Failure.data` where it is larger than any that is decoded.
    public static func bytes(_ path: String) throws(Failure) -> [UInt8] {
        try checkBytes(path)
        return try Files.read(path)
    }

    /// The picture in a file's bytes. `name` is what messages call it.
    /// - Throws: `Failure.data`.
    public static func decode(
        bytes: [UInt8], name: String, needed: ((Size) -> Size)? = nil, margin: Double = 2
    ) throws(Failure) -> Decoded {
        try decode(bytes: bytes, name: name, needed: needed, margin: margin, maxPixels: maxPixels)
    }

    static func decode(
        bytes: [UInt8], name: String, needed: ((Size) -> Size)?, margin: Double = 2, maxPixels: Int
    ) throws(Failure) -> Decoded {
        let format = Format.of(bytes.prefix(512))
        if case .other(let what) = format { throw refusal(name, what) }
        let result: Result<Decoded, Refusal> = bytes.withUnsafeBufferPointer { buffer in
            guard let decoder = Decoder(format, buffer) else { return .failure(Refusal(text: "out of memory")) }
            let header: pupil_header
            switch decoder.open(maxPixels: maxPixels) {
            case .success(let h): header = h
            case .failure(let refusal): return .failure(refusal)
            }
            let orientation = decoder.orientation(header) { offset, count in
                offset < bytes.count ? bytes[offset..<min(bytes.count, offset + count)] : []
            }
            let reduction = needed.map { Self.reduction(header, orientation, $0, margin) } ?? 1
            return decoder.read(header, orientation: orientation, reduction: reduction)
        }
        switch result {
        case .success(let decoded): return decoded
        case .failure(let cause): throw refusal(name, cause.text)
        }
    }

    /// The mask in a PNG file: palette indices or grey values of at most 8 bits, as they stand. A file in which rows are
    /// missing is refused.
    /// - Throws: `Failure.data` naming the file and what it is instead.
    public static func labels(_ path: String) throws(Failure) -> LabelMap {
        try labels(bytes: try bytes(path), name: path)
    }

    /// The mask in a file's bytes. `name` is what messages call it.
    /// - Throws: `Failure.data`.
    public static func labels(bytes: [UInt8], name: String) throws(Failure) -> LabelMap {
        try labels(bytes: bytes, name: name, maxPixels: maxPixels)
    }

    static func labels(bytes: [UInt8], name: String, maxPixels: Int) throws(Failure) -> LabelMap {
        let format = Format.of(bytes.prefix(512))
        guard format == .png else { throw refusal(name, "a mask is a PNG file, and this is not one") }
        let result: Result<LabelMap, Refusal> = bytes.withUnsafeBufferPointer { buffer in
            guard let decoder = Decoder(format, buffer) else { return .failure(Refusal(text: "out of memory")) }
            switch decoder.open(maxPixels: maxPixels) {
            case .success(let header): return decoder.labels(header)
            case .failure(let refusal): return .failure(refusal)
            }
        }
        switch result {
        case .success(let mask): return mask
        case .failure(let cause): throw refusal(name, cause.text)
        }
    }

    /// Whether a file is a PNG whose pixels are red, green and blue of 8 bits each, perhaps with a fourth of opacity.
    public static func isColoredPNG(_ path: String) -> Bool {
        // The depth and the kind of colour are bytes 24 and 25 of every PNG file.
        guard let head = try? Files.read(path, 0, 26), head.count == 26 else { return false }
        return Format.of(head[...]) == .png && head[24] == 8 && (head[25] == 2 || head[25] == 6)
    }

    /// The size of the upright picture, from the header alone; that the pixels can be decoded is not checked.
    /// - Throws: `Failure.data`.
    public static func size(_ path: String) throws(Failure) -> Size { try sizeAndOrientation(path).size }

    /// Whether EXIF asks for a turn that exchanges width and height; false where the file cannot be read.
    public static func hasQuarterTurn(_ path: String) -> Bool {
        ((try? sizeAndOrientation(path).orientation) ?? 1) >= 5
    }

    private static func sizeAndOrientation(_ path: String) throws(Failure) -> (size: Size, orientation: Int) {
        let descriptor = try Files.opened(path)
        defer { close(descriptor) }
        var failure: Failure?
        func read(_ offset: Int, _ count: Int) -> ArraySlice<UInt8> {
            [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
                while filled < count {
                    let n = pread(descriptor, buffer.baseAddress! + filled, count - filled, off_t(offset + filled))
                    if n < 0 && errno == EINTR { continue }
                    if n < 0 { failure = Files.fault("read", path) }
                    if n <= 0 { break }
                    filled += n
                }
            }[...]
        }
        if Files.isFolder(path) { throw .data("\(path) is a folder; a picture was expected") }
        try checkBytes(path)
        var prefix = 1 << 16
        while true {
            let head = Array(read(0, prefix))
            let format = Format.of(head.prefix(512))
            if case .other(let what) = format { throw refusal(path, what) }
            let result: Result<(Size, Int), Refusal> = head.withUnsafeBufferPointer { buffer in
                guard let decoder = Decoder(format, buffer) else { return .failure(Refusal(text: "out of memory")) }
                switch decoder.open(maxPixels: maxPixels) {
                case .success(let header):
                    let orientation = decoder.orientation(header, read)
                    return .success((upright(header, orientation), orientation))
                case .failure(let refusal): return .failure(refusal)
                }
            }
            if let failure { throw failure }
            switch result {
            case .success(let found): return found
            case .failure(let cause):
                if cause.needsMore, head.count == prefix {
                    prefix *= 8
                    continue
                }
                throw refusal(path, cause.text)
            }
        }
    }

    /// Whether a file's name is one that pictures have: which files of a folder are taken as its pictures. Names of
    /// formats that cannot be read are among them, so that such files are refused by name and not passed over.
    public static func isImageName(_ name: String) -> Bool {
        guard let dot = name.lastIndex(of: "."), !Files.name(name).hasPrefix(".") else { return false }
        return imageExtensions.contains(name[name.index(after: dot)...].lowercased())
    }

    private static let imageExtensions: Set<String> = [
        "jpg", "jpeg", "jpe", "jfif", "png", "tif", "tiff", "gif", "webp", "bmp", "heic", "heif", "avif", "jp2", "jxl",
    ]

    private static func checkBytes(_ path: String) throws(Failure) {
        let count = try Files.stamp(path).size
        if count > maxBytes { throw refusal(path, "a file of \(count) bytes; the limit is \(maxBytes) bytes") }
    }

    private static func refusal(_ name: String, _ what: String) -> Failure { .data("cannot read \(name): \(what)") }

    /// How far a picture may be reduced in decoding: our own filter has the last factor of `margin` to itself. Where a turn would bring the last column or row, which may be
    /// picture in part only, to the front, sides must divide.
    private static func reduction(
        _ header: pupil_header, _ orientation: Int, _ needed: (Size) -> Size, _ margin: Double
    ) -> Int {
        guard header.reducible != 0 else { return 1 }
        let size = upright(header, orientation)
        let least = needed(size)
        return [8, 4, 2].first { factor in
            Double(size.width) >= margin * Double(factor * least.width)
                && Double(size.height) >= margin * Double(factor * least.height)
                && (orientation == 1 || (size.width % factor == 0 && size.height % factor == 0))
        } ?? 1
    }

    fileprivate static func upright(_ header: pupil_header, _ orientation: Int) -> Size {
        let size = Size(width: Int(header.width), height: Int(header.height))
        return orientation < 5 ? size : Size(width: size.height, height: size.width)
    }
}

private struct Refusal: Error {
    var text: String
    /// The bytes end within the header.
    var needsMore = false
}

/// Owns a C decoder; the bytes must outlive it.
private final class Decoder {
    private let handle: OpaquePointer
    private let format: Format

    init?(_ format: Format, _ bytes: UnsafeBufferPointer<UInt8>) {
        guard let base = bytes.baseAddress else { return nil }
        self.format = format
        let handle =
            switch format {
            case .jpeg: pupil_jpeg_new(base, bytes.count)
            case .png: pupil_png_new(base, bytes.count)
            case .webp: pupil_webp_new(base, bytes.count)
            case .other: preconditionFailure("there is no decoder for \(format)")
            }
        guard let handle else { return nil }
        self.handle = handle
    }

    deinit { pupil_decoder_close(handle) }

    private var message: String { String(cString: pupil_decoder_message(handle)) }

    func open(maxPixels: Int) -> Result<pupil_header, Refusal> {
        var header = pupil_header()
        switch pupil_decoder_open(handle, Int64(maxPixels), &header) {
        case PUPIL_DECODED, PUPIL_DECODED_WITH_NOTE: return .success(header)
        case PUPIL_NEEDS_MORE: return .failure(Refusal(text: "the file is cut off within its header", needsMore: true))
        default: return .failure(Refusal(text: message))
        }
    }

    func orientation(_ header: pupil_header, _ read: (Int, Int) -> ArraySlice<UInt8>) -> Int {
        if format == .png { return Orientation.inPNG(read) }
        if format == .webp { return Orientation.inWebP(read) }
        func block(_ start: UnsafePointer<UInt8>?, _ count: Int) -> ArraySlice<UInt8> {
            Array(UnsafeBufferPointer(start: start, count: count))[...]
        }
        let exif = Orientation.inEXIF(block(header.exif, header.exif_count))
        let xmp = exif == nil ? Orientation.inXMP(block(header.xmp, header.xmp_count)) : nil
        return Orientation.choose(exif: exif, xmp: xmp)
    }

    func labels(_ header: pupil_header) -> Result<LabelMap, Refusal> {
        let count = Int(header.width) * Int(header.height)
        var status = PUPIL_REFUSED
        let labels = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            guard let base = buffer.baseAddress else { return }
            status = pupil_png_labels(handle, base)
            filled = status == PUPIL_REFUSED ? 0 : count
        }
        if status == PUPIL_REFUSED { return .failure(Refusal(text: message)) }
        return .success(LabelMap(width: Int(header.width), height: Int(header.height), labels: labels))
    }

    func read(_ header: pupil_header, orientation: Int, reduction: Int) -> Result<Decoded, Refusal> {
        var reduced = header
        reduced.width = (header.width + Int32(reduction) - 1) / Int32(reduction)
        reduced.height = (header.height + Int32(reduction) - 1) / Int32(reduction)
        let count = Int(reduced.width) * Int(reduced.height) * 3
        var status = PUPIL_REFUSED
        var pixels = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            guard let base = buffer.baseAddress else { return }
            status = pupil_decoder_read(handle, Int32(reduction), base)
            filled = status == PUPIL_REFUSED ? 0 : count
        }
        if status == PUPIL_REFUSED { return .failure(Refusal(text: message)) }
        let notes = status == PUPIL_DECODED_WITH_NOTE ? [message] : []
        if orientation != 1 {
            pixels = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
                guard let base = buffer.baseAddress else { return }
                pixels.withUnsafeBufferPointer {
                    guard let source = $0.baseAddress else { return }
                    pupil_turn(source, reduced.width, reduced.height, Int32(orientation), base)
                }
                filled = count
            }
        }
        let size = ImageFile.upright(reduced, orientation)
        var decoded = Decoded(image: Image(width: size.width, height: size.height, pixels: pixels), notes: notes)
        decoded.size = ImageFile.upright(header, orientation)
        decoded.reduction = reduction
        return .success(decoded)
    }
}
