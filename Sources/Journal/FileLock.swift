import Base
import Glibc

/// A run folder belongs to one process at a time: an `flock` on a file in it, given back when the object or the
/// process ends, however it ends.
public final class FileLock: Sendable {
    private let descriptor: Int32

    /// Takes the lock of a folder.
    /// - Throws: `.environment` naming the folder and the other process where it is taken.
    public init(folder: String) throws(Failure) {
        let path = Files.join(folder, ".lock")
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Files.fault("write", path) }
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            let reason = errno
            if reason == EINTR { continue }
            let holder = Self.holder(descriptor)
            close(descriptor)
            errno = reason
            guard reason == EWOULDBLOCK else { throw Files.fault("lock", path) }
            throw .environment(
                "the folder \(folder) is in use by another process\(holder); wait for it or choose another folder")
        }
        let text = "\(getpid())\n"
        ftruncate(descriptor, 0)
        // Only for the message of whoever comes second, so a failure to write it is none of the run's.
        _ = text.withCString { pwrite(descriptor, $0, strlen($0), 0) }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    private static func holder(_ descriptor: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 32)
        let n = pread(descriptor, &buffer, buffer.count, 0)
        let digits = buffer.prefix(max(n, 0)).prefix { $0 >= 0x30 && $0 <= 0x39 }
        return digits.isEmpty ? "" : " (" + String(decoding: digits, as: UTF8.self) + ")"
    }
}
