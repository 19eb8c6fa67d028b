import Base
import Glibc

/// What predictions of a pool depend on. Two stores with equal headers hold equal predictions.
public struct StoreHeader: Hashable, Sendable {
    /// Raised when the meaning of the file changes.
    public static let format = 1

    /// The teacher's weights: a digest or a stage's id.
    public var teacher: String
    /// The identity of the pool.
    public var pool: String
    /// Pictures in the pool.
    public var count: Int
    /// What labels count.
    public var classes: ClassTable
    /// Detections with a smaller score are not stored.
    public var floor: Float
    /// How boxes were decoded: input size, NMS threshold and the like.
    public var decoding: JSON

    /// The header of a store.
    public init(teacher: String, pool: String, count: Int, classes: ClassTable, floor: Float, decoding: JSON) {
        self.teacher = teacher
        self.pool = pool
        self.count = count
        self.classes = classes
        self.floor = floor
        self.decoding = decoding
    }

    var json: JSON {
        [
            "format": .int(Self.format), "teacher": .string(teacher), "pool": .string(pool), "count": .int(count),
            "classes": .array(classes.names.map { .string($0) }),
            "class_ids": .array(classes.ids.map { .int($0) }), "floor": .double(shortest(floor)),
            "decoding": decoding,
        ]
    }

    /// - Throws: `.invalidData` where the line is no header of this format.
    init(_ json: JSON, path: String) throws(Failure) {
        if let format = json["format"]?.int, format != Self.format {
            throw .data("\(path): is a store of format \(format); this program reads format \(Self.format)")
        }
        guard json["format"]?.int != nil, let teacher = json["teacher"]?.string, let pool = json["pool"]?.string,
            let count = json["count"]?.int, count >= 0, let names = json["classes"]?.array?.compactMap(\.string),
            let ids = json["class_ids"]?.array?.compactMap(\.int), ids.count == names.count,
            let floor = json["floor"]?.double, let decoding = json["decoding"]
        else { throw .data("\(path): is no store of predictions: its first line is not a header") }
        self.init(
            teacher: teacher, pool: pool, count: count, classes: ClassTable(names: names, ids: ids),
            floor: Float(floor), decoding: decoding)
    }

    /// "teacher: A instead of B" for each key whose value is another one; keys inside `decoding` by their path.
    func differences(from wanted: StoreHeader) -> [String] {
        func compare(_ a: JSON?, _ b: JSON?, _ path: String) -> [String] {
            if a == b { return [] }
            if let a = a?.object, let b = b?.object {
                return Set(a.keys).union(b.keys).sorted().flatMap {
                    compare(a[$0], b[$0], path.isEmpty ? $0 : "\(path).\($0)")
                }
            }
            func show(_ value: JSON?) -> String { value.map { String($0.canonical.prefix(40)) } ?? "nothing" }
            return ["\(path): \(show(a)) instead of \(show(b))"]
        }
        // Text first: a number that was written as 1.0 is read as 1.
        return compare(Self.reread(json), Self.reread(wanted.json), "")
    }

    private static func reread(_ json: JSON) -> JSON { (try? JSON.parse(json.canonical)) ?? json }
}

/// A line of a store: what a teacher saw in one picture.
public protocol StoredRecord: Sendable {
    /// Relative to the pool's root.
    var fileName: String { get }
    /// Without its end.
    var line: String { get }
    /// Nil where a line is not whole or not a record of `classCount` classes.
    init?(line: some Collection<UInt8>, classCount: Int)
}

/// Detections of a pool.
public typealias PredictionStore = PoolStore<PredictionRecord>

/// Masks of a pool, which lie beside the file.
public typealias MaskStore = PoolStore<MaskRecord>

/// All that a teacher saw in a pool: an append-only file with one line a picture, in the order of the pool.
///
/// Scoring a pool is the long part of self-training, so it can be killed at any moment: each chunk is on disk when
/// `append` returns, and `open` cuts off what is not whole and says how many pictures are done. Thresholds are chosen
/// later (`PseudoLabels.select`) without a second look at the pictures.
///
/// The first line is the header. One process writes at a time.
public final class PoolStore<Record: StoredRecord> {
    /// What the predictions depend on.
    public typealias Header = StoreHeader

    /// The file.
    public let path: String
    /// Its first line.
    public let header: Header
    /// The pictures whose records are on disk.
    public private(set) var completed: Int
    /// The bytes of a torn record that `open` cut off.
    public let droppedBytes: Int
    /// Whether each picture of the pool has its record.
    public var isComplete: Bool { completed == header.count }

    private let descriptor: Int32
    private let names: [String]

    private init(
        path: String, header: Header, completed: Int, droppedBytes: Int, descriptor: Int32, names: [String]
    ) {
        self.path = path
        self.header = header
        self.completed = completed
        self.droppedBytes = droppedBytes
        self.descriptor = descriptor
        self.names = names
    }

    deinit { close(descriptor) }

    /// The store at `path`, ready to be continued after its `completed` records; a new one where there is none.
    ///
    /// - Parameters:
    ///   - header: what the predictions depend on.
    ///   - names: the pool's file names in order, `[header.count]`.
    /// - Throws: `.usage` naming the keys of the header that differ; `.invalidData` where the file is something else;
    ///   `.environment` where it cannot be written or another process writes it.
    public static func open(_ path: String, header: Header, names: [String]) throws(Failure) -> PoolStore {
        precondition(names.count == header.count, "\(names.count) names for a pool of \(header.count) pictures")
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Files.fault("write", path) }
        do throws(Failure) {
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                throw .environment("\(path): another process is writing this store")
            }
            let size = try Files.stamp(path).size
            var length = 0
            var completed = 0
            if let reader = try StoreReader<Record>(path, isFinished: false) {
                let differences = reader.header.differences(from: header)
                if !differences.isEmpty {
                    throw .usage(
                        "\(path) holds other predictions than the ones asked for: \(differences.joined(separator: "; "))"
                    )
                }
                while let record = try reader.next() {
                    let name = names[completed]
                    completed += 1
                    if record.fileName != name {
                        throw .data("\(path): record \(completed) is of \(record.fileName); the pool has \(name) there")
                    }
                }
                length = reader.length
            }
            if length < size, ftruncate(descriptor, off_t(length)) != 0 { throw Files.fault("write", path) }
            if lseek(descriptor, 0, SEEK_END) < 0 { throw Files.fault("write", path) }
            if length == 0 {
                try write(header.json.canonical + "\n", descriptor, path)
                try syncFolder(of: path)
            }
            return PoolStore(
                path: path, header: header, completed: completed, droppedBytes: size - length,
                descriptor: descriptor, names: names)
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// Appends the records of the next pictures; they are on disk when it returns.
    /// - Throws: `.environment` where they cannot be written; a part of them may then be there, and `open` copes.
    /// - Precondition: the records are of the pictures that follow, in the order of the pool.
    public func append(_ chunk: [Record]) throws(Failure) {
        precondition(completed + chunk.count <= names.count, "more records than the pool's \(names.count) pictures")
        for (i, record) in chunk.enumerated() {
            precondition(
                record.fileName == names[completed + i],
                "the next record must be of \(names[completed + i]), not of \(record.fileName)")
        }
        if chunk.isEmpty { return }
        try Self.write(chunk.map { $0.line + "\n" }.joined(), descriptor, path)
        completed += chunk.count
    }

    /// The records of a store one by one, behind its header.
    ///
    /// - Parameter isFinished: whether every picture must have its record; if not, they end with the first that is not whole.
    /// - Throws: `.invalidData` where there is no such file or it is no store.
    public static func reader(_ path: String, isFinished: Bool = true) throws(Failure) -> StoreReader<Record> {
        guard let reader = try StoreReader<Record>(path, isFinished: isFinished) else {
            throw .data("\(path): is no store of predictions: it has no header")
        }
        return reader
    }

    /// The header and all records of a store at once.
    /// - Throws: as `reader`, and as `StoreReader.next`.
    public static func read(
        _ path: String, isFinished: Bool = true
    ) throws(Failure) -> (header: Header, records: [Record]) {
        let reader = try Self.reader(path, isFinished: isFinished)
        var records: [Record] = []
        while let record = try reader.next() { records.append(record) }
        return (reader.header, records)
    }

    private static func write(_ text: String, _ descriptor: Int32, _ path: String) throws(Failure) {
        try Files.writeAll(text, to: descriptor, path: path)
        if fsync(descriptor) != 0 { throw Files.fault("write", path) }
    }

    /// A new file is safe only when its folder is on disk too.
    private static func syncFolder(of path: String) throws(Failure) {
        let folder = Glibc.open(Files.folder(path), O_RDONLY | O_CLOEXEC)
        guard folder >= 0 else { return }
        fsync(folder)
        close(folder)
    }
}
