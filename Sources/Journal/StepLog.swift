import Base
import Glibc

/// An append-only text file of one line a step, as `metrics.jsonl` and `results.csv` are.
///
/// Each line goes to the system in one call, so that a killed process leaves whole lines but for a last one that may
/// be torn. A run that resumes at step n cuts what comes after n: the file then ends like the uninterrupted one.
final class StepLog {
    let path: String
    private let descriptor: Int32

    /// Opens for appending, or makes the file.
    /// - Parameters:
    ///   - header: the first line, which a file that is there must have; nil for none.
    ///   - step: lines of later steps are cut.
    ///   - stepOf: the step a line belongs to, or nil where the line cannot be read.
    init(
        path: String, header: String?, resumingAt step: Int, stepOf: (Substring) -> Int?
    ) throws(Failure) {
        self.path = path
        var keep = 0
        if Files.exists(path) {
            keep = try Self.end(of: try Files.read(path), header: header, step: step, path: path, stepOf: stepOf)
        }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Files.fault("write", path) }
        if ftruncate(descriptor, keep) != 0 {
            close(descriptor)
            throw Files.fault("write", path)
        }
        self.descriptor = descriptor
        if keep == 0, let header { try append(header) }
    }

    deinit { close(descriptor) }

    /// The bytes to keep. Read from the end, because steps never fall within a log and a long one stays cheap.
    private static func end(
        of bytes: [UInt8], header: String?, step: Int, path: String, stepOf: (Substring) -> Int?
    ) throws(Failure) -> Int {
        let newline = UInt8(ascii: "\n")
        // What follows the last line end is a line that a killed process did not finish.
        guard let last = bytes.lastIndex(of: newline) else { return 0 }
        var keep = last + 1
        var begin = 0
        if let header {
            begin = (bytes.firstIndex(of: newline) ?? last) + 1
            let first = String(decoding: bytes[..<(begin - 1)], as: UTF8.self)
            guard first == header else {
                throw .data("\(path) has the columns \(first); this run writes \(header). Choose another folder")
            }
        }
        while keep > begin {
            let start = (bytes[begin..<keep - 1].lastIndex(of: newline) ?? begin - 1) + 1
            let line = String(decoding: bytes[start..<keep - 1], as: UTF8.self)
            guard let found = stepOf(line[...]) else {
                let number = bytes[..<start].reduce(1) { $0 + ($1 == newline ? 1 : 0) }
                throw .data("\(path):\(number): \"\(line.prefix(60))\" is no line of this log")
            }
            if found <= step { break }
            keep = start
        }
        return keep
    }

    /// Writes the line and its end.
    func append(_ line: String) throws(Failure) {
        var bytes = Array(line.utf8)
        bytes.append(UInt8(ascii: "\n"))
        var outcome: Result<Void, Failure> = .success(())
        bytes.withUnsafeBytes { buffer in
            outcome = Result { () throws(Failure) in try Files.writeAll(buffer, to: descriptor, path: path) }
        }
        try outcome.get()
    }

    /// Waits until the lines are on the disk: before a checkpoint that counts on them is published.
    func sync() throws(Failure) {
        if fdatasync(descriptor) != 0 { throw Files.fault("write", path) }
    }
}
