import Base

/// What a classifier saw in one picture of a pool, or why the picture was refused.
public struct ClassRecord: StoredRecord, Hashable {
    /// The outcome for one picture.
    public enum Outcome: Hashable, Sendable {
        /// The most probable classes.
        case labelled(SoftClass)
        /// Why it could not be used.
        case refused(String)
    }

    /// Relative to the pool's root.
    public var fileName: String
    /// The SHA-256 of the file's bytes as 64 hexadecimal digits; empty where they could not be read.
    public var sha256: String
    /// What came of it.
    public var outcome: Outcome

    /// The record of one picture.
    public init(fileName: String, sha256: String, outcome: Outcome) {
        self.fileName = fileName
        self.sha256 = sha256
        self.outcome = outcome
    }

    /// One line of the store, without its end.
    public var line: String {
        let head = "{\"file\":\(quoted(fileName)),\"sha256\":\(quoted(sha256)),"
        switch outcome {
        case .refused(let reason): return head + "\"refused\":\(quoted(reason))}"
        case .labelled(let soft):
            return head + "\"labels\":[\(soft.labels.map { String($0) }.joined(separator: ","))],"
                + "\"weights\":[\(soft.weights.map { String($0) }.joined(separator: ","))],"
                + "\"cut\":\(decimal(shortest(soft.cut)))}"
        }
    }

    /// Nil where a line is not whole or not a record of `classCount` classes: a class that is out of range or there
    /// twice, weights that are not as many or rise.
    public init?(line: some Collection<UInt8>, classCount: Int) {
        guard let json = try? JSON.parse(Array(line), file: "store"), let file = json["file"]?.string,
            let sha256 = json["sha256"]?.string
        else { return nil }
        fileName = file
        self.sha256 = sha256
        if let reason = json["refused"]?.string {
            outcome = .refused(reason)
            return
        }
        guard let labels = json["labels"]?.array, let weights = json["weights"]?.array, labels.count == weights.count,
            !labels.isEmpty, let cut = json["cut"]?.double, (0...1).contains(cut)
        else { return nil }
        var soft = SoftClass(labels: [0], weights: [0], cut: Float(cut))
        soft.labels = labels.compactMap { $0.int.flatMap { UInt16(exactly: $0) } }
        soft.weights = weights.compactMap { $0.int.flatMap { UInt8(exactly: $0) } }
        guard soft.labels.count == labels.count, soft.weights.count == weights.count,
            soft.labels.allSatisfy({ $0 < classCount }), Set(soft.labels).count == labels.count,
            zip(soft.weights, soft.weights.dropFirst()).allSatisfy({ $0 >= $1 })
        else { return nil }
        outcome = .labelled(soft)
    }
}

/// Classes of a pool.
public typealias ClassStore = PoolStore<ClassRecord>
