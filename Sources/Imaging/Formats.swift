/// What a file is, told by its first bytes and never by its name.
enum Format: Equatable {
    case jpeg
    case png
    case webp
    /// Something else, with the words that the refusal uses.
    case other(String)

    static func of(_ bytes: ArraySlice<UInt8>) -> Format {
        func begins(_ text: String, at offset: Int = 0) -> Bool {
            bytes.dropFirst(offset).starts(with: Array(text.utf8))
        }
        func begins(_ prefix: [UInt8]) -> Bool { bytes.starts(with: prefix) }
        let convert = "only JPEG, PNG and WebP are read; convert it first"
        if bytes.isEmpty { return .other("the file is empty") }
        if begins([0xFF, 0xD8]) { return .jpeg }
        if begins([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) { return .png }
        if begins("RIFF"), begins("WEBP", at: 8) { return .webp }
        if begins([0x89, 0x50, 0x4E, 0x47]) {
            return .other("a PNG whose line ends were changed, as by a transfer in text mode; copy it again")
        }
        if begins([0x49, 0x49, 0x2A, 0]) || begins([0x4D, 0x4D, 0, 0x2A]) || begins([0x49, 0x49, 0x2B, 0]) {
            return .other("a TIFF; \(convert)")
        }
        if begins("GIF8") { return .other("a GIF; \(convert)") }
        if begins("BM") { return .other("a BMP; \(convert)") }
        if begins("8BPS") { return .other("a Photoshop file; \(convert)") }
        if begins("%PDF") { return .other("a PDF; \(convert)") }
        if begins("ftyp", at: 4) {
            let brand = String(decoding: bytes.dropFirst(8).prefix(4), as: UTF8.self)
            let name =
                switch brand {
                case "avif", "avis": "an AVIF"
                case "heic", "heix", "mif1", "msf1", "hevc": "a HEIC"
                default: "a film (\(brand.filter { $0.isLetter || $0.isNumber }))"
                }
            return .other("\(name); \(convert)")
        }
        if begins([0, 0, 0, 0x0C, 0x6A, 0x50]) || begins([0xFF, 0x4F, 0xFF, 0x51]) {
            return .other("a JPEG 2000; \(convert)")
        }
        if begins([0xFF, 0x0A]) || begins([0, 0, 0, 0x0C, 0x4A, 0x58, 0x4C]) {
            return .other("a JPEG XL; \(convert)")
        }
        if begins("version https://git-lfs") {
            return .other("a Git LFS pointer, not the picture itself; run \"git lfs pull\" in its repository")
        }
        if begins([0x50, 0x4B, 3, 4]) { return .other("a zip archive; unpack it") }
        if begins([0x1F, 0x8B]) { return .other("a gzip file; unpack it") }
        let text = bytes.prefix(256).drop {
            $0 == 32 || ($0 >= 9 && $0 <= 13) || $0 == 0xEF || $0 == 0xBB || $0 == 0xBF
        }
        let lower = String(decoding: text, as: UTF8.self).lowercased()
        if lower.hasPrefix("<!doctype html") || lower.hasPrefix("<html") || lower.hasPrefix("<head") {
            return .other("an HTML page, often what a failed download leaves; fetch the picture again")
        }
        if lower.hasPrefix("<svg") || (lower.hasPrefix("<?xml") && lower.contains("<svg")) {
            return .other("an SVG drawing; \(convert)")
        }
        if lower.hasPrefix("<?xml") { return .other("an XML text, not a picture") }
        if bytes.allSatisfy({ $0 == 0 }) { return .other("nothing but zeros, as a failed copy leaves; copy it again") }
        return .other("no JPEG, PNG or WebP")
    }
}
