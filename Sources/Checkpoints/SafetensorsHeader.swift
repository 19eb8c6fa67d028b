import Base

/// The checked header of a safetensors file: 8 bytes of length (little-endian), JSON of that length, then the bytes
/// of the tensors without a gap (github.com/huggingface/safetensors, "Format").
struct SafetensorsHeader {
    /// Tensors in the order of their bytes.
    var entries: [TensorEntry]
    /// The `__metadata__` of the file: text by name.
    var metadata: [String: String]

    /// The limit of the format's own reader; a longer one is a damaged length.
    static let longest = 100_000_000

    /// Reads and checks a header.
    /// - Parameters:
    ///   - bytes: the whole file.
    ///   - file: named in errors.
    /// - Throws: `.invalidData` naming the file, and the tensor where one is at fault.
    init(_ bytes: UnsafeRawBufferPointer, file: String) throws(Failure) {
        let instead = FileKind(bytes).insteadOfSafetensors
        guard bytes.count >= 8 else {
            throw .data("\(file) holds \(bytes.count) bytes; a safetensors file has at least 8\(instead)")
        }
        let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard length <= Self.longest else {
            throw .data(
                "\(file) is not a safetensors file: its header would have \(length) bytes, "
                    + "\(Self.longest) are allowed\(instead)")
        }
        let start = 8 + Int(length)
        guard start <= bytes.count else {
            throw .data("\(file) is cut off: its header ends at byte \(start), the file at \(bytes.count)")
        }
        let text = [UInt8](bytes[8..<start])
        guard text.first == UInt8(ascii: "{") else {
            throw .data("\(file) is not a safetensors file: its header does not begin with '{'\(instead)")
        }
        guard case .object(let members) = try JSON.parse(text, file: "\(file) (header)") else {
            throw .data("\(file): the header is not a JSON object")
        }
        metadata = [:]
        entries = []
        entries.reserveCapacity(members.count)
        for (name, value) in members {
            if name == "__metadata__" {
                metadata = try Self.metadata(value, file: file)
            } else {
                entries.append(
                    try Self.entry(name, value, dataStart: start, dataCount: bytes.count - start, file: file))
            }
        }
        entries.sort {
            ($0.range.lowerBound, $0.range.upperBound, $0.name) < ($1.range.lowerBound, $1.range.upperBound, $1.name)
        }
        try checkCover(from: start, to: bytes.count, file: file)
    }

    private static func metadata(_ value: JSON, file: String) throws(Failure) -> [String: String] {
        guard case .object(let members) = value else { throw .data("\(file): __metadata__ is not a JSON object") }
        var metadata: [String: String] = [:]
        for (key, item) in members {
            guard case .string(let text) = item else {
                throw .data("\(file): __metadata__ entry \"\(key)\" is \(item.canonical.prefix(40)); text was expected")
            }
            metadata[key] = text
        }
        return metadata
    }

    private static func entry(
        _ name: String, _ value: JSON, dataStart: Int, dataCount: Int, file: String
    ) throws(Failure) -> TensorEntry {
        let place = "\(file): tensor \"\(name)\""
        guard case .object(let members) = value else { throw .data("\(place) is not described by a JSON object") }
        for key in members.keys.sorted() where !["dtype", "shape", "data_offsets"].contains(key) {
            throw .data("\(place) has an unknown member \"\(key)\"; dtype, shape and data_offsets were expected")
        }
        guard let word = members["dtype"]?.string else { throw .data("\(place) has no dtype") }
        guard let type = ElementType(rawValue: word) else {
            let known = ElementType.allCases.map(\.rawValue)
            throw .data(
                "\(place) has the dtype \"\(word)\", which is not read (known: \(known.joined(separator: ", ")))"
                    + didYouMean(word, known))
        }
        guard let sizes = members["shape"]?.array else { throw .data("\(place) has no shape") }
        var shape: [Int] = []
        for size in sizes {
            guard case .int(let n) = size, n >= 0 else {
                throw .data("\(place) has \(size.canonical.prefix(40)) in its shape; sizes of 0 or more were expected")
            }
            shape.append(n)
        }
        guard let needed = byteCount(of: shape, type: type) else {
            throw .data("\(place) has a shape of more bytes than can be counted: \(shape)")
        }
        guard let offsets = members["data_offsets"]?.array, offsets.count == 2,
            case .int(let begin) = offsets[0], case .int(let end) = offsets[1]
        else { throw .data("\(place) has no data_offsets of two integers") }
        guard begin >= 0, begin <= end, end <= dataCount else {
            throw .data("\(place) takes bytes \(begin) to \(end); the file has 0 to \(dataCount) after its header")
        }
        guard end - begin == needed else {
            throw .data(
                "\(place) has \(end - begin) bytes; shape \(shape) of \(type.rawValue) takes \(needed)")
        }
        return TensorEntry(name: name, type: type, shape: shape, range: dataStart + begin..<dataStart + end)
    }

    /// The tensors lie one after the other and fill the file: no overlap, no hole, no tail.
    private func checkCover(from start: Int, to end: Int, file: String) throws(Failure) {
        var at = start
        var before = "the header"
        for entry in entries {
            if entry.range.lowerBound < at {
                throw .data("\(file): tensor \"\(entry.name)\" overlaps \(before)")
            }
            if entry.range.lowerBound > at {
                throw .data(
                    "\(file): \(entry.range.lowerBound - at) bytes before tensor \"\(entry.name)\" belong to no tensor")
            }
            at = entry.range.upperBound
            before = "tensor \"\(entry.name)\""
        }
        if at != end { throw .data("\(file): \(end - at) bytes after \(before) belong to no tensor") }
    }
}
