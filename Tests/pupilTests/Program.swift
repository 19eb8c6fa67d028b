import Base
import Glibc

/// The built program, run as a user runs it.
struct Program {
    struct Outcome {
        /// The exit status, or 128 + the signal that ended it.
        var code: Int32
        var output: String
        var errors: String
    }

    /// Beside the test bundle, where the build leaves it.
    static let path = Files.join(Files.folder((try? Files.absolute("/proc/self/exe")) ?? ""), "pupil")
    static let isBuilt = Files.exists(path)

    /// Runs the program in `folder` and waits for it.
    ///
    /// - Parameters:
    ///   - unset: a variable that the program does not get.
    ///   - signal: sent after `delay` seconds, where the program still runs then.
    static func run(
        _ arguments: [String], in folder: String, unset: String? = nil, signal: Int32 = 0, after delay: Double = 0
    ) throws -> Outcome {
        let output = Files.join(folder, ".output")
        let errors = Files.join(folder, ".errors")
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        // Tests run on threads that block signals, and a child would begin with that mask.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        // The shell changes the folder and becomes the program, so that signals reach it.
        let shell =
            ["/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", folder] + (unset.map { ["env", "-u", $0] } ?? []) + [path]
        var words: [UnsafeMutablePointer<CChar>?] = (shell + arguments).map { strdup($0) } + [nil]
        defer { words.forEach { free($0) } }
        var pid: pid_t = 0
        guard posix_spawn(&pid, shell[0], &actions, &attributes, &words, environ) == 0 else {
            throw Failure(.unexpected, "cannot start \(path)")
        }
        var status: Int32 = 0
        if signal != 0 {
            let deadline = monotonicSeconds() + delay
            while monotonicSeconds() < deadline {
                if waitpid(pid, &status, WNOHANG) == pid { return try outcome(status, output, errors) }
                usleep(2000)
            }
            kill(pid, signal)
        }
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        return try outcome(status, output, errors)
    }

    private static func outcome(_ status: Int32, _ output: String, _ errors: String) throws -> Outcome {
        let ended = status & 0x7f
        return Outcome(
            code: ended == 0 ? (status >> 8) & 0xff : 128 + ended, output: try Files.readText(output),
            errors: try Files.readText(errors))
    }

    /// A new folder for one test, removed at its end.
    static func withFolder<R>(_ body: (String) throws -> R) throws -> R {
        var template = Array("/tmp/pupil-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure(.environment, "no folder in /tmp") }
        let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { try? Files.remove(folder) }
        return try body(folder)
    }
}
