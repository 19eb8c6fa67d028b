import Base
import Glibc

/// A folder belongs to one process at a time: an `flock` on a file in it, given back when the object or the process ends,
/// however it ends.
public final class FileLock: Sendable {
    private let descriptor: Int32

    /// Takes the lock of a folder.
    /// - Parameter waiting: where another process has it, this is called once with its number in brackets (empty where it is
    ///   not known), and the lock is waited for; nil: that is an error.
    /// - Throws: `.environment` naming the folder and the other process where it is taken; `.interrupted` or `.terminated`
    ///   after a signal.
    public init(folder: String, waiting: ((_ holder: String) -> Void)? = nil) throws(Failure) {
        let path = Files.join(folder, ".lock")
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Files.fault("write", path) }
        var hasWaited = false
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            let reason = errno
            if reason == EINTR { continue }
            let holder = Self.holder(descriptor)
            if reason == EWOULDBLOCK, let waiting, Signals.interruption == nil {
                if !hasWaited { waiting(holder) }
                hasWaited = true
                usleep(200_000)
                continue
            }
            close(descriptor)
            errno = reason
            guard reason == EWOULDBLOCK else { throw Files.fault("lock", path) }
            if waiting != nil { try Signals.heed("the same command goes on") }
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
