import Base
import Glibc

/// A store read record by record, so that memory holds one of them however large the store is. Nothing is changed.
public final class StoreReader<Record: StoredRecord> {
    /// What the records depend on.
    public let header: StoreHeader
    /// The records that were read.
    public private(set) var count = 0
    /// The bytes of the header and of these records.
    private(set) var length: Int

    private let path: String
    private let isFinished: Bool
    private var isAtEnd = false
    private let lines: FileLines

    /// Nil where even the header was torn: the process was killed before it wrote anything else.
    ///
    /// - Parameter isFinished: whether every picture has its record; else the records end with the first that is not whole.
    /// - Throws: `.invalidData` where there is no such file or it is no store.
    init?(_ path: String, isFinished: Bool) throws(Failure) {
        let lines = try FileLines(path)
        guard let first = try lines.next() else {
            let beginning = Array("{\"class_ids\":".utf8)  // canonical keys are sorted
            if lines.rest.starts(with: beginning) || beginning.starts(with: lines.rest) { return nil }
            throw .data("\(path): is no store of predictions: its first line is not a header")
        }
        header = try StoreHeader((try? JSON.parse(Array(first), file: path)) ?? .null, path: path)
        length = first.count + 1
        self.path = path
        self.isFinished = isFinished
        self.lines = lines
    }

    /// The record of the next picture; nil behind the last.
    /// - Throws: `.invalidData` naming file and line where a line is no record, or a finished store has more or fewer
    ///   of them than its header says.
    public func next() throws(Failure) -> Record? {
        if isAtEnd { return nil }
        let number = count + 2  // behind the header, from 1
        guard let line = try lines.next() else {
            if isFinished, !lines.rest.isEmpty {
                throw .data("\(path):\(number): is torn; remove its folder to have the pool seen anew")
            }
            if isFinished, count < header.count {
                throw .data("\(path):\(number): the store ends here, with \(count) of \(header.count) records")
            }
            return nil
        }
        if count == header.count {
            if !isFinished { return nil }
            throw .data("\(path):\(number): a record too many: the pool has \(header.count) pictures")
        }
        guard let record = Record(line: line, classCount: header.classes.count) else {
            // A killed process leaves a torn last line, a machine that went off may leave holes before it: what is not
            // whole is seen anew, and all behind it.
            if !isFinished {
                isAtEnd = true
                return nil
            }
            throw .data("\(path):\(number): is no record of a picture; remove its folder to have the pool seen anew")
        }
        count += 1
        length += line.count + 1
        return record
    }
}

/// The lines of a file, which is read in pieces.
private final class FileLines {
    private let path: String
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var begin = 0
    private var piece = [UInt8](repeating: 0, count: 1 << 18)

    init(_ path: String) throws(Failure) {
        self.path = path
        descriptor = try Files.opened(path)
    }

    deinit { close(descriptor) }

    /// The next line without its end; nil where no line end follows.
    func next() throws(Failure) -> ArraySlice<UInt8>? {
        var searched = 0
        while true {
            if let end = buffer[(begin + searched)...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = buffer[begin..<end]
                begin = end + 1
                return line
            }
            searched = buffer.count - begin
            if try !fill() { return nil }
        }
    }

    /// What was read and is no line: behind the last line end, when `next` has returned nil.
    var rest: ArraySlice<UInt8> { buffer[begin...] }

    /// False at the end of the file.
    private func fill() throws(Failure) -> Bool {
        buffer.removeFirst(begin)
        begin = 0
        let size = piece.count
        var n = Glibc.read(descriptor, &piece, size)
        while n < 0, errno == EINTR { n = Glibc.read(descriptor, &piece, size) }
        if n < 0 { throw Files.fault("read", path) }
        buffer += piece[..<n]
        return n > 0
    }
}
