import Base
import Glibc
import Journal

/// A study's seeds on several devices at once, one on each, every seed in a process of its own: seeds share no stage, and
/// what they leave in the store is what one process after the other would leave.
struct StudySeeds {
    /// A seed in a process.
    private struct Child {
        var seed: UInt64
        var slot: Int
        var process: pid_t
        var began: Double
    }

    let devices: [String]
    /// The study's folder, whose `args.yaml` the processes read.
    let folder: String
    /// Of each process.
    let threads: Int
    let log: (String) -> Void

    /// Runs the seeds to their ends; what one could not do the caller finds missing.
    /// - Throws: `.interrupted` or `.terminated` after a signal, when all processes have saved and ended.
    func run(_ seeds: [UInt64]) throws(Failure) {
        var waiting = seeds[...]
        var running: [Child] = []
        var isStopping = false
        while !(waiting.isEmpty || isStopping) || !running.isEmpty {
            while !isStopping, running.count < devices.count, let seed = waiting.popFirst() {
                let slot = devices.indices.first { slot in !running.contains { $0.slot == slot } } ?? 0
                running.append(try start(seed, slot))
            }
            usleep(50_000)
            running.removeAll { child in
                var status: Int32 = 0
                let answer = waitpid(child.process, &status, WNOHANG)
                // Where somebody has SIGCHLD ignored, nobody keeps what became of it.
                guard answer == child.process || answer < 0 && errno == ECHILD else { return false }
                report(child, status)
                return true
            }
            if !isStopping, Signals.interruption != nil {
                isStopping = true
                for child in running { kill(child.process, SIGTERM) }
            }
        }
        if let signal = Signals.interruption {
            throw Failure(signal, "stopped by a signal; the same command goes on")
        }
    }

    private func report(_ child: Child, _ status: Int32) {
        let minutes = TextTable.fixed((monotonicSeconds() - child.began) / 60, 1)
        let signal = status & 0x7f
        let code = signal == 0 ? (status >> 8) & 0xff : 128 + signal
        log(
            "seed \(child.seed) on \(devices[child.slot]): "
                + (code == 0 ? "done after \(minutes) minutes" : "ended with \(code) after \(minutes) minutes")
                + (code == 0 || code == ExitCode.terminated.rawValue ? "" : "; see \(logFile(child.seed))"))
    }

    private func logFile(_ seed: UInt64) -> String { Files.join(folder, "seed_\(seed).log") }

    private func start(_ seed: UInt64, _ slot: Int) throws(Failure) -> Child {
        let program = try Files.absolute("/proc/self/exe")
        let arguments = [
            program, "study", "--recipe", Files.join(folder, "args.yaml"), "--out", folder, "--only-seed", "\(seed)",
            "--device", devices[slot], "--threads", "\(threads)",
        ]
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 2, logFile(seed), O_WRONLY | O_CREAT | O_APPEND, 0o644)
        // A group of its own, so that Ctrl-C comes to this process alone, which passes it on once: a second signal would
        // end the other before it has saved.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        posix_spawnattr_setpgroup(&attributes, 0)
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { words.forEach { free($0) } }
        var environment = Self.environment
        defer { environment.forEach { free($0) } }
        var process: pid_t = 0
        let failure = posix_spawn(&process, program, &actions, &attributes, &words, &environment)
        if failure != 0 {
            throw .environment("cannot start a process for seed \(seed): \(String(cString: strerror(failure)))")
        }
        log("seed \(seed) on \(devices[slot]): begun (\(logFile(seed)))")
        return Child(seed: seed, slot: slot, process: process, began: monotonicSeconds())
    }

    /// Where a process finds the one that it shall not outlive.
    static let parent = "PUPIL_STUDY_PROCESS"

    private static var environment: [UnsafeMutablePointer<CChar>?] {
        var entries: [UnsafeMutablePointer<CChar>?] = []
        var next = environ
        while let entry = next.pointee {
            if strncmp(entry, parent + "=", parent.utf8.count + 1) != 0 { entries.append(strdup(entry)) }
            next += 1
        }
        return entries + [strdup("\(parent)=\(getpid())"), nil]
    }

    /// In a process that another one began: a signal comes when that one is gone, however it went.
    static func endWithParent() {
        guard let text = getenv(parent).map({ String(cString: $0) }), let process = pid_t(text) else { return }
        Signals.endWith(parent: process)
    }
}
