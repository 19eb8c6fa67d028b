import Base
import Glibc
import Synchronization

/// Where progress and logs go: lines that stay, and on a terminal one line below them that is redrawn in place.
///
/// All writers of a process share `standardError`, so that a logged line never runs into the progress line.
public final class Console: Sendable {
    /// The process's standard error.
    public static let standardError = Console(
        isTerminal: isatty(STDERR_FILENO) == 1,
        width: {
            var size = winsize()
            guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
            return Int(size.ws_col)
        },
        write: { text in
            var text = text
            text.withUTF8 { buffer in
                var done = 0
                while done < buffer.count {  // a closed standard error is nobody's fault: the rest is dropped
                    let n = Glibc.write(STDERR_FILENO, buffer.baseAddress.map { $0 + done }, buffer.count - done)
                    if n < 0 && errno != EINTR { return }
                    done += max(n, 0)
                }
            }
        })

    /// Whether a line can be redrawn.
    public let isTerminal: Bool
    private let width: @Sendable () -> Int
    private let write: @Sendable (String) -> Void
    private let shown = Mutex("")
    private let said = Mutex<[String]>([])

    init(isTerminal: Bool, width: @escaping @Sendable () -> Int, write: @escaping @Sendable (String) -> Void) {
        self.isTerminal = isTerminal
        self.width = width
        self.write = write
    }

    /// Writes a line that stays, above the one that is redrawn.
    public func line(_ text: String) {
        // Names out of files stand in messages; what a terminal would take for an order is shown as what it is.
        let text = Self.harmless(text)
        said.withLock { if $0.count < 1000 { $0.append(text) } }
        shown.withLock { shown in
            write(shown.isEmpty ? text + "\n" : "\r\u{1B}[K" + text + "\n" + shown)
        }
    }

    /// The lines so far, up to a thousand: what was said before there was a log.
    public var lines: [String] { said.withLock(\.self) }

    /// Characters that change the direction of text, behind which a name can look like another.
    private static let turning: [ClosedRange<UInt32>] = [
        0x61C...0x61C, 0x200E...0x200F, 0x202A...0x202E, 0x2066...0x2069,
    ]

    /// The text with control characters as their numbers.
    /// - Parameter lines: line ends and tabs stay.
    public static func harmless(_ text: String, lines: Bool = true) -> String {
        func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
            lines && (scalar == "\n" || scalar == "\t")
                || scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value)
                    && !turning.contains { $0.contains(scalar.value) }
        }
        if text.unicodeScalars.allSatisfy(isHarmless) { return text }
        var out = ""
        for scalar in text.unicodeScalars {
            if isHarmless(scalar) {
                out.unicodeScalars.append(scalar)
            } else {
                out += "\\u{\(String(scalar.value, radix: 16))}"
            }
        }
        return out
    }

    /// Redraws the last line; an empty text removes it. Nothing happens where there is no terminal.
    public func redraw(_ text: String) {
        guard isTerminal else { return }
        shown.withLock { shown in
            let cut = TextWidth.prefix(text, max(width() - 1, 10))
            if cut.isEmpty && shown.isEmpty { return }
            write("\r\u{1B}[K" + cut)
            shown = cut
        }
    }
}
