import Base

/// `metrics.jsonl`: one JSON object a step, `{"step":12,...}`, for whoever wants every number.
public final class MetricsLog {
    private let log: StepLog

    /// Opens the log of a run that has done `step` steps; lines of later ones are cut. 0 begins anew.
    /// - Throws: where the file cannot be written, or holds something else.
    public init(path: String, resumingAt step: Int = 0) throws(Failure) {
        log = try StepLog(path: path, header: nil, resumingAt: step) { line in
            (try? JSON.parse(String(line)))?["step"]?.int
        }
    }

    /// Appends a line. A number that is not finite is `null`.
    /// - Precondition: no value is named `step`.
    public func append(step: Int, _ values: [String: JSON]) throws(Failure) {
        precondition(values["step"] == nil, "the step has its own parameter")
        let rest = JSON.object(values).canonical.dropFirst()
        try log.append("{\"step\":\(step)" + (values.isEmpty ? "" : ",") + rest)
    }

    /// Waits until all lines are on the disk.
    public func sync() throws(Failure) { try log.sync() }

    /// The objects of a log, oldest first; a torn last line is left out.
    /// - Throws: `.invalidData` naming file and line.
    public static func read(_ path: String) throws(Failure) -> [JSON] {
        let lines = try Files.read(path).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        var records: [JSON] = []
        records.reserveCapacity(lines.count)
        for (i, line) in lines.dropLast().enumerated() {
            records.append(try JSON.parse(Array(line), file: "\(path), line \(i + 1)"))
        }
        return records
    }
}
