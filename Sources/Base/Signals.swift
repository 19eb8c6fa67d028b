import CBase
import Glibc

/// Ctrl-C and `kill`: noted, so that a long run can save and end; a second signal ends the process at once.
public enum Signals {
    /// Begins to note SIGINT and SIGTERM. Called once by verbs that have something to save.
    public static func install() { pupil_signals_install() }

    /// How the program should end because a signal came, or nil: loops ask once a step or batch.
    public static var interruption: ExitCode? {
        switch pupil_signal_caught() {
        case 0: nil
        case SIGTERM: .terminated
        default: .interrupted
        }
    }

    /// Ends work that a signal came into, between two of its batches.
    /// - Parameter words: what becomes of the work.
    /// - Throws: `.interrupted` or `.terminated`.
    public static func heed(_ words: String) throws(Failure) {
        if let signal = interruption { throw Failure(signal, "stopped by a signal; \(words)") }
    }

    /// Has SIGTERM come when the process of that number, which began this one, is gone, however it went.
    public static func endWith(parent: Int32) { pupil_end_with(parent) }

    /// Forgets the noted signal; for tests.
    static func forget() { pupil_signal_forget() }
}
