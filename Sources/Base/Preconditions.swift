// Under -O the standard library's `precondition` stops without a word, and this house is built in one configuration,
// release. These two take its place in every file that imports Base, so that a caller's mistake is told with its
// shapes.

/// Stops the program with the message where the condition does not hold; release builds too.
@inlinable @inline(__always)
public func precondition(
    _ condition: @autoclosure () -> Bool, _ message: @autoclosure () -> String = "a precondition does not hold",
    file: StaticString = #fileID, line: UInt = #line
) {
    if !condition() { fatalError(message(), file: file, line: line) }
}

/// Stops the program with the message; release builds too.
@inlinable
public func preconditionFailure(
    _ message: @autoclosure () -> String = "a precondition does not hold", file: StaticString = #fileID,
    line: UInt = #line
) -> Never {
    fatalError(message(), file: file, line: line)
}
