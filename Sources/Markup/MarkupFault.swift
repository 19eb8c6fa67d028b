import Base

/// What is wrong with a text and where in it; the reader knows the file.
public struct MarkupFault: Error, Sendable, Equatable {
    /// From 1.
    public var line: Int
    /// From 1; nil where the line is the place.
    public var column: Int?
    /// Begins in lower case, has no full stop at its end.
    public var message: String

    /// A fault at a place.
    public init(line: Int, column: Int? = nil, _ message: String) {
        self.line = line
        self.column = column
        self.message = message
    }

    /// As the failure of a file.
    public func failure(_ file: String) -> Failure {
        .data("\(file):\(line):" + (column.map { "\($0):" } ?? "") + " \(message)")
    }
}
