import Base
import Glibc

/// Scalars for TensorBoard: an `events.out.tfevents.*` file of records, each a length, its checksum, a protocol
/// buffer `Event` and its checksum (tensorflow/core/util/event.proto, summary.proto).
///
/// A resumed run writes another file into the same folder that begins with a session start at its first step;
/// TensorBoard then drops what the earlier file has from that step on.
public final class TensorBoardEvents {
    /// The file that is written.
    public let path: String
    private let descriptor: Int32

    /// Makes the folder and a new file in it.
    /// - Parameter step: how many steps the run has done; 0 for a new run.
    public convenience init(folder: String, resumingAt step: Int = 0) throws(Failure) {
        try self.init(folder: folder, resumingAt: step, time: wallSeconds())
    }

    init(folder: String, resumingAt step: Int, time: Double) throws(Failure) {
        try Files.makeFolder(folder)
        var host = [CChar](repeating: 0, count: 256)
        gethostname(&host, host.count - 1)
        let name = String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        var path = ""
        var descriptor: Int32 = -1
        for attempt in 0..<1000 {  // two files of one second and process get different numbers
            path = Files.join(folder, "events.out.tfevents.\(Int(time)).\(name).\(getpid()).\(attempt)")
            descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0o644)
            if descriptor >= 0 || errno != EEXIST { break }
        }
        guard descriptor >= 0 else { throw Files.fault("write", path) }
        self.path = path
        self.descriptor = descriptor
        var first = Message()
        first.double(1, time)
        first.bytes(3, Array("brain.Event:2".utf8))
        try write(first)
        if step > 0 {
            var session = Message()
            session.varint(1, 1)  // SessionLog.status = START
            var event = Message()
            event.double(1, time)
            event.varint(2, UInt64(step + 1))
            event.bytes(7, session.bytes)
            try write(event)
        }
    }

    deinit { close(descriptor) }

    /// Writes scalars of one step; those that are not finite are written too, TensorBoard marks them.
    public func append(step: Int, _ values: [String: Double]) throws(Failure) {
        try append(step: step, values, time: wallSeconds())
    }

    func append(step: Int, _ values: [String: Double], time: Double) throws(Failure) {
        var summary = Message()
        for (tag, value) in values.sorted(by: { $0.key < $1.key }) {
            var item = Message()
            item.bytes(1, Array(tag.utf8))
            item.float(2, Float(value))
            summary.bytes(1, item.bytes)
        }
        var event = Message()
        event.double(1, time)
        event.varint(2, UInt64(bitPattern: Int64(step)))
        event.bytes(5, summary.bytes)
        try write(event)
    }

    private func write(_ message: Message) throws(Failure) {
        let length = little(UInt64(message.bytes.count))
        let record = length + little(CRC32C.masked(length)) + message.bytes + little(CRC32C.masked(message.bytes))
        var outcome: Result<Void, Failure> = .success(())
        record.withUnsafeBytes { buffer in
            outcome = Result { () throws(Failure) in try Files.writeAll(buffer, to: descriptor, path: path) }
        }
        try outcome.get()
    }
}

private func little(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

/// A protocol buffer message under construction: fields in the order of the calls.
private struct Message {
    private(set) var bytes: [UInt8] = []

    private mutating func raw(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func varint(_ field: UInt64, _ value: UInt64) {
        raw(field << 3)
        raw(value)
    }

    mutating func double(_ field: UInt64, _ value: Double) {
        raw(field << 3 | 1)
        bytes += little(value.bitPattern)
    }

    mutating func bytes(_ field: UInt64, _ value: [UInt8]) {
        raw(field << 3 | 2)
        raw(UInt64(value.count))
        bytes += value
    }

    mutating func float(_ field: UInt64, _ value: Float) {
        raw(field << 3 | 5)
        bytes += little(value.bitPattern)
    }
}
