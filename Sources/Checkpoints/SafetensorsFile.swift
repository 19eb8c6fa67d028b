import Base
import Glibc

/// A safetensors file, mapped into memory for reading: names, types, shapes and byte ranges, all checked on opening.
///
/// The mapping lives as long as the object. Whoever publishes files by rename (as `SafetensorsWriter` does) never
/// changes one under a reader; a file that another program cuts while it is mapped cannot be read safely by anybody.
public final class SafetensorsFile: @unchecked Sendable {
    // @unchecked: everything is set once in init, and the mapped pages are read-only.

    /// The path that was opened.
    public let path: String
    /// The tensors in the order of their bytes.
    public let entries: [TensorEntry]
    /// The file's own notes: text by name.
    public let metadata: [String: String]
    private let bytes: UnsafeRawBufferPointer
    private let positions: [String: Int]

    /// Opens and checks a file.
    /// - Throws: `.invalidData` naming the file, and the tensor where one is at fault.
    public init(_ path: String) throws(Failure) {
        let bytes = try Self.map(path)
        do throws(Failure) {
            let header = try SafetensorsHeader(bytes, file: path)
            self.path = path
            self.bytes = bytes
            entries = header.entries
            metadata = header.metadata
            positions = Dictionary(uniqueKeysWithValues: header.entries.enumerated().map { ($1.name, $0) })
        } catch {
            if let base = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: base), bytes.count) }
            throw error
        }
    }

    deinit {
        if let base = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: base), bytes.count) }
    }

    private static func map(_ path: String) throws(Failure) -> UnsafeRawBufferPointer {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Files.fault("read", path) }
        defer { close(descriptor) }
        var info = stat()
        guard fstat(descriptor, &info) == 0 else { throw Files.fault("read", path) }
        guard info.st_mode & S_IFMT == S_IFREG else { throw .data("\(path) is not a plain file") }
        if info.st_size == 0 { return UnsafeRawBufferPointer(start: nil, count: 0) }
        let size = Int(info.st_size)
        guard let base = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), base != MAP_FAILED else {
            throw Files.fault("read", path)
        }
        return UnsafeRawBufferPointer(start: base, count: size)
    }

    /// The entry of that name, or nil.
    public subscript(_ name: String) -> TensorEntry? { positions[name].map { entries[$0] } }

    /// The entry of that name.
    /// - Throws: `.invalidData` naming the file and the nearest name it has.
    public func entry(_ name: String) throws(Failure) -> TensorEntry {
        if let entry = self[name] { return entry }
        throw .data("\(path) has no tensor \"\(name)\"" + didYouMean(name, entries.map(\.name)))
    }

    /// What `body` makes of the tensor's bytes (row-major, little-endian; valid inside the call only).
    ///
    /// Files written by the house or by the Python package align each tensor to its element; others need not.
    /// - Precondition: `entry` is of this file.
    public func withBytes<R, E: Error>(
        of entry: TensorEntry, _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        precondition(self[entry.name] == entry, "tensor \(entry.name) is not an entry of \(path)")
        return try body(UnsafeRawBufferPointer(rebasing: bytes[entry.range]))
    }
}
