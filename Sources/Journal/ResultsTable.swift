import Base

/// `results.csv`: one row an evaluation under a header that never changes within a run.
public final class ResultsTable {
    /// The columns after `step`.
    public let columns: [String]
    private let log: StepLog

    /// Opens the table of a run that has done `step` steps; rows of later ones are cut. 0 begins anew.
    /// - Throws: where the file has other columns or cannot be written.
    public init(path: String, columns: [String], resumingAt step: Int = 0) throws(Failure) {
        precondition(Set(columns).count == columns.count && !columns.contains("step"), "columns repeat: \(columns)")
        self.columns = columns
        let header = (["step"] + columns.map(Self.cell)).joined(separator: ",")
        log = try StepLog(path: path, header: header, resumingAt: step) { line in
            line.split(separator: ",", maxSplits: 1, omittingEmptySubsequences: false).first.flatMap { Int($0) }
        }
    }

    /// Appends a row; a column without a value, and a number that is not finite, is an empty cell.
    /// - Precondition: all names are columns.
    public func append(step: Int, _ values: [String: JSON]) throws(Failure) {
        for name in values.keys { precondition(columns.contains(name), "\(name) is no column of \(columns)") }
        let cells = columns.map { column in
            switch values[column] ?? .null {
            case .null: ""
            case .string(let text): Self.cell(text)
            case let value: Self.cell(value.canonical == "null" ? "" : value.canonical)
            }
        }
        try log.append(([String(step)] + cells).joined(separator: ","))
    }

    /// Waits until all rows are on the disk.
    public func sync() throws(Failure) { try log.sync() }

    /// A cell as RFC 4180 has it; line ends become spaces, so that a row stays a line.
    private static func cell(_ text: String) -> String {
        text.replacingScalars { $0 == "\n" || $0 == "\r" ? " " : nil }.asCSVField
    }
}
