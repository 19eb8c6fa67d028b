/// Finds the EXIF orientation, 1...8, in what the formats carry. Anything missing, damaged or out of range is 1:
/// real photographs hold a 0 there, and a picture is not refused for its metadata.
enum Orientation {
    /// The orientation of an EXIF block (a TIFF header and its first directory), or nil where it states none.
    static func inEXIF(_ block: ArraySlice<UInt8>) -> Int? {
        let b = Array(block.prefix(1 << 16))
        guard b.count >= 14 else { return nil }
        let little: Bool
        switch (b[0], b[1]) {
        case (0x49, 0x49): little = true
        case (0x4D, 0x4D): little = false
        default: return nil
        }
        func number(_ at: Int, _ count: Int) -> Int? {
            guard at >= 0, at + count <= b.count else { return nil }
            let digits = b[at..<at + count]
            return (little ? Array(digits.reversed()) : Array(digits)).reduce(0) { $0 << 8 | Int($1) }
        }
        guard number(2, 2) == 42, let directory = number(4, 4), let entries = number(directory, 2) else { return nil }
        for i in 0..<entries {
            let entry = directory + 2 + 12 * i
            guard let tag = number(entry, 2), let kind = number(entry + 2, 2) else { return nil }
            // 3 is a short; some cameras write a long (4), whose value begins at the same place.
            if tag == 0x0112 { return number(entry + 8, kind == 4 ? 4 : 2) }
        }
        return nil
    }

    /// The orientation of an XMP packet, written as an attribute or as an element, or nil.
    static func inXMP(_ packet: ArraySlice<UInt8>) -> Int? {
        let key = Array("tiff:Orientation".utf8)
        guard let start = firstRange(of: key, in: packet) else { return nil }
        for byte in packet[start...].dropFirst(key.count).prefix(8) {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): return Int(byte) - 48
            case UInt8(ascii: "="), UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: ">"), UInt8(ascii: " "):
                continue
            default: return nil
            }
        }
        return nil
    }

    /// EXIF first, then XMP, as Pillow reads them; 1 where neither gives 1...8.
    static func choose(exif: Int?, xmp: Int?) -> Int {
        let value = exif ?? xmp ?? 1
        return (1...8).contains(value) ? value : 1
    }

    /// The orientation of a PNG: its eXIf chunk, else the text chunks of ImageMagick ("Raw profile type exif") and
    /// XMP. The chunks may stand before or behind the pixels; only their headers are read on the way.
    /// `read` gives the bytes at an offset, at most as many as asked; none at the end.
    static func inPNG(_ read: (_ offset: Int, _ count: Int) -> ArraySlice<UInt8>) -> Int {
        var exif: Int?
        var xmp: Int?
        var offset = 8
        while exif == nil {
            let head = Array(read(offset, 8))
            guard head.count == 8 else { break }
            let length = head[0..<4].reduce(0) { $0 << 8 | Int($1) }
            func body() -> ArraySlice<UInt8> { read(offset + 8, min(length, 1 << 20)) }
            switch String(decoding: head[4..<8], as: UTF8.self) {
            case "eXIf": exif = inEXIF(body())
            case "tEXt":
                let text = body()
                if text.starts(with: Array("Raw profile type exif\0".utf8)) { exif = inRawProfile(text) }
            case "iTXt":
                let text = body()
                if text.starts(with: Array("XML:com.adobe.xmp\0".utf8)) { xmp = xmp ?? inXMP(text) }
            case "IEND": return choose(exif: exif, xmp: xmp)
            default: break
            }
            offset += 12 + length
        }
        return choose(exif: exif, xmp: xmp)
    }

    /// The orientation of a WebP: its EXIF chunk, else its XMP chunk, where the container announces them. Both stand
    /// behind the pixels; only the headers of other chunks are read on the way. `read` as for a PNG.
    static func inWebP(_ read: (_ offset: Int, _ count: Int) -> ArraySlice<UInt8>) -> Int {
        let flags = Array(read(12, 9))
        guard flags.count == 9, flags.starts(with: Array("VP8X".utf8)) else { return 1 }
        let (hasXMP, hasEXIF) = (flags[8] & 0x04 != 0, flags[8] & 0x08 != 0)
        guard hasXMP || hasEXIF else { return 1 }
        var exif: Int?
        var xmp: Int?
        var offset = 12
        while exif == nil {
            let head = Array(read(offset, 8))
            guard head.count == 8 else { break }
            let length = head[4..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
            switch String(decoding: head[0..<4], as: UTF8.self) {
            case "EXIF" where hasEXIF:
                let body = read(offset + 8, min(length, 1 << 20))
                exif = inEXIF(body.starts(with: marker) ? body.dropFirst(marker.count) : body)
            case "XMP " where hasXMP: xmp = xmp ?? inXMP(read(offset + 8, min(length, 1 << 20)))
            default: break
            }
            offset += 8 + length + length % 2
        }
        return choose(exif: exif, xmp: xmp)
    }

    /// What JPEG puts before an EXIF block, and others sometimes do.
    private static let marker = Array("Exif\0\0".utf8)

    /// ImageMagick's text form: the key, a newline, "exif", a newline, the length, a newline, hexadecimal digits.
    private static func inRawProfile(_ text: ArraySlice<UInt8>) -> Int? {
        let lines = text.drop { $0 != 0 }.dropFirst().split(separator: 10, maxSplits: 2)
        guard lines.count == 3 else { return nil }
        var bytes: [UInt8] = []
        var high: UInt8?
        for c in lines[2] {
            guard let digit = Character(UnicodeScalar(c)).hexDigitValue else { continue }
            if let h = high {
                bytes.append(h << 4 | UInt8(digit))
                high = nil
            } else {
                high = UInt8(digit)
            }
        }
        return inEXIF(bytes.starts(with: marker) ? bytes[marker.count...] : bytes[...])
    }
}

/// The first place where `needle` begins in `bytes`, or nil.
func firstRange(of needle: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
    guard bytes.count >= needle.count else { return nil }
    return bytes.withUnsafeBufferPointer { b in
        for i in 0...(b.count - needle.count) where b[i] == needle[0] {
            var k = 1
            while k < needle.count, b[i + k] == needle[k] { k += 1 }
            if k == needle.count { return bytes.startIndex + i }
        }
        return nil
    }
}
