import Base
import Glibc

/// A file mapped into memory for reading, as long as the object lives.
///
/// Whoever publishes files by rename (as `SafetensorsWriter` does) never changes one under a reader; a file that another
/// program cuts while it is mapped cannot be read safely by anybody.
final class MappedFile: @unchecked Sendable {
    // @unchecked: set once in init, and the mapped pages are read-only.

    /// The whole file.
    let bytes: UnsafeRawBufferPointer

    /// - Throws: where there is no such file, it cannot be read or is not a plain file.
    init(_ path: String) throws(Failure) {
        let descriptor = try Files.opened(path)
        defer { close(descriptor) }
        var info = stat()
        guard fstat(descriptor, &info) == 0 else { throw Files.fault("read", path) }
        guard info.st_mode & S_IFMT == S_IFREG else { throw .data("\(path) is not a plain file") }
        if info.st_size == 0 {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        let size = Int(info.st_size)
        guard let base = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), base != MAP_FAILED else {
            throw Files.fault("read", path)
        }
        bytes = UnsafeRawBufferPointer(start: base, count: size)
    }

    deinit {
        if let base = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: base), bytes.count) }
    }
}
