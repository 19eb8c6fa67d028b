import Base
import Geometry
import Imaging

/// Decoded pictures that are kept, so that the next visit need not decode them: in memory up to a number of bytes, and in
/// a folder where one is given. What comes out is what decoding gives, to the last byte. A folder that cannot be written
/// any more is only read from then on: it changes how long things take and nothing else.
final class PictureCache: Sendable {
    private let capacity: Int
    private let folder: String?
    private let state = Monitor((images: [Int: Decoded](), bytes: 0, isFull: false))

    init(capacity: Int, folder: String? = nil) {
        self.capacity = capacity
        self.folder = folder
    }

    /// The picture in a file.
    ///
    /// Of memory the first that come stay: small sets are decoded once; of large ones a fixed part is, which no order of
    /// access can thrash. In the folder all stay.
    ///
    /// - Parameters:
    ///   - source: with `index` the picture's place in memory.
    ///   - needed, margin: as `ImageFile.decode` takes them; of a picture always the same.
    ///   - settings: what `needed` depends on besides the picture, in words: part of its name in the folder.
    func image(
        source: Int, index: Int, path: String, needed: ((Size) -> Size)? = nil, margin: Double = 2,
        settings: String = ""
    ) throws(Failure) -> Decoded {
        let key = source << 40 | index
        if let image = state.withLock({ $0.images[key] }) { return image }
        let bytes = try ImageFile.bytes(path)
        // By content: a changed file has another name, a copy the same, and so has a picture that is decoded for another
        // use.
        let file = folder.map {
            Files.join($0, Digest(of: "\(Digest(of: bytes)) \(settings) \(needed == nil) \(margin)").hex(16) + ".rgb")
        }
        let image: Decoded
        if let kept = file.flatMap(Self.read) {
            image = kept
        } else {
            image = try ImageFile.decode(bytes: bytes, name: path, needed: needed, margin: margin)
            if let file, let folder, !state.withLock({ $0.isFull }), hasRoom(folder) {
                do throws(Failure) { try Self.write(image, to: file) } catch { state.withLock { $0.isFull = true } }
            }
        }
        state.withLock {
            if $0.images[key] == nil, $0.bytes + image.image.pixels.count <= capacity {
                $0.images[key] = image
                $0.bytes += image.image.pixels.count
            }
        }
        return image
    }

    // MARK: The folder

    /// Whether the disk has a twentieth left, and a gigabyte: what else is written there, the run's own states among it,
    /// must not fail for what is kept here.
    private func hasRoom(_ folder: String) -> Bool {
        guard let space = Files.space(folder) else { return true }
        if space.free >= max(1 << 30, space.total / 20) { return true }
        state.withLock { $0.isFull = true }
        return false
    }

    /// The last letter counts what pictures are: it is raised when decoding changes.
    private static let magic: [UInt8] = Array("pupilrg1".utf8)
    private static let headCount = 8 + 7 * 8

    /// Nil where there is no such file or it is not whole.
    private static func read(_ file: String) -> Decoded? {
        guard let bytes = try? Files.read(file), bytes.count >= headCount, bytes.starts(with: magic) else { return nil }
        let numbers = bytes.withUnsafeBytes { buffer in
            (0..<7).map { Int(Int64(littleEndian: buffer.loadUnaligned(fromByteOffset: 8 + 8 * $0, as: Int64.self))) }
        }
        let (width, height, noteCount) = (numbers[0], numbers[1], numbers[5])
        guard (1...1 << 20).contains(width), (1...1 << 20).contains(height), noteCount >= 0, noteCount <= bytes.count,
            bytes.count == headCount + noteCount + width * height * 3,
            numbers[6] == width * height * 3 ^ noteCount
        else { return nil }
        let (full, reduction) = (Size(width: numbers[2], height: numbers[3]), numbers[4])
        guard [1, 2, 4, 8].contains(reduction), (1...1 << 20).contains(full.width), (1...1 << 20).contains(full.height),
            width == (full.width + reduction - 1) / reduction, height == (full.height + reduction - 1) / reduction
        else { return nil }
        let pixels = Array(bytes[(headCount + noteCount)...])
        var decoded = Decoded(image: Image(width: width, height: height, pixels: pixels))
        decoded.size = full
        decoded.reduction = reduction
        let notes = String(decoding: bytes[headCount..<headCount + noteCount], as: UTF8.self)
        decoded.notes = notes.isEmpty ? [] : notes.split(separator: "\n").map(String.init)
        return decoded
    }

    private static func write(_ decoded: Decoded, to file: String) throws(Failure) {
        let notes = Array(decoded.notes.joined(separator: "\n").utf8)
        let pixels = decoded.image.pixels
        let numbers = [
            decoded.image.width, decoded.image.height, decoded.size.width, decoded.size.height, decoded.reduction,
            notes.count, pixels.count ^ notes.count,
        ]
        var bytes = magic
        bytes.reserveCapacity(headCount + notes.count + pixels.count)
        for number in numbers { withUnsafeBytes(of: Int64(number).littleEndian) { bytes.append(contentsOf: $0) } }
        bytes.append(contentsOf: notes)
        bytes.append(contentsOf: pixels)
        try Files.writeUnsynced(bytes, to: file)
    }
}
