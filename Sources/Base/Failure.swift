/// How the program ends, one number per audience; the same in every verb (docs/architecture.md).
public enum ExitCode: Int32, Sendable {
    case done = 0
    case unexpected = 1
    case usage = 2
    case invalidData = 3
    case device = 4
    case diverged = 5
    case noGain = 6
    case environment = 7
    case interrupted = 130
    case terminated = 143
}

/// The one error of the house: what went wrong, where, and how the program should end if nobody catches it.
///
/// The message names the file, line or item, what was expected and, where there is one, the nearest right name.
/// A caller's mistake (a wrong shape, an index out of range) is not a `Failure`: it traps.
public struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
    /// How the program ends where nobody catches this.
    public let code: ExitCode
    /// What is printed behind the verb's name: it begins in lower case or with a name, and has no full stop at its end.
    public let message: String

    /// A failure of any kind; `usage`, `data` and `environment` make the three that are usual.
    public init(_ code: ExitCode, _ message: String) {
        self.code = code
        self.message = message
    }

    /// A wrong word on the command line or in a recipe.
    public static func usage(_ message: String) -> Failure { Failure(.usage, message) }
    /// A file the user gave that cannot be used as it is.
    public static func data(_ message: String) -> Failure { Failure(.invalidData, message) }
    /// Something the machine lacks: a library, a device, disk space, a permission.
    public static func environment(_ message: String) -> Failure { Failure(.environment, message) }

    /// The message alone; the code is the program's, not the reader's.
    public var description: String { message }
}
