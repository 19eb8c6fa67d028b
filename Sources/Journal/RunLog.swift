import Base
import Glibc
import Synchronization

/// `train.log`: lines with local time stamps, echoed to standard error without them. A resumed run writes on below.
public final class RunLog: Sendable {
    private let path: String
    private let descriptor: Int32
    private let console: Console
    private let lock = Mutex(())

    /// Opens the log for appending.
    public convenience init(path: String) throws(Failure) { try self.init(path: path, console: .standardError) }

    init(path: String, console: Console) throws(Failure) {
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Files.fault("write", path) }
        self.path = path
        self.console = console
    }

    deinit { close(descriptor) }

    /// Writes a line, or several. A log that can no longer be written does not stop the run: the line still shows.
    public func callAsFunction(_ text: String) {
        lock.withLock { _ in
            let lines = write(text)
            for line in lines { console.line(String(line)) }
        }
    }

    /// Writes a line, or several, that the user has seen already.
    public func keep(_ text: String) { lock.withLock { _ in _ = write(text) } }

    private func write(_ text: String) -> [Substring] {
        let stamp = Self.stamp(wallSeconds())
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        if lines.count > 1, lines.last?.isEmpty == true { lines.removeLast() }
        var bytes: [UInt8] = []
        for line in lines { bytes += Array("\(stamp) \(line)\n".utf8) }
        bytes.withUnsafeBytes { buffer in
            do throws(Failure) { try Files.writeAll(buffer, to: descriptor, path: path) } catch {
                console.line("\(error)")
            }
        }
        return lines
    }

    /// `2026-01-02 15:04:05` in local time.
    static func stamp(_ seconds: Double) -> String {
        var time = time_t(seconds)
        var parts = tm()
        localtime_r(&time, &parts)
        func pad(_ n: Int32) -> String { n < 10 ? "0\(n)" : "\(n)" }
        return "\(parts.tm_year + 1900)-\(pad(parts.tm_mon + 1))-\(pad(parts.tm_mday)) "
            + "\(pad(parts.tm_hour)):\(pad(parts.tm_min)):\(pad(parts.tm_sec))"
    }
}
