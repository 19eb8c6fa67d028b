import Base
import Glibc

/// Tells when other programs keep a training's threads from each other: at each barrier they wait for the one that is not
/// running, and two threads are then many times slower than one (docs/benchmarks.md).
struct BusyMachine {
    private let threads: Int
    private var began = (wall: monotonicSeconds(), processor: Self.processorSeconds)
    private var isSaid = false

    init(threads: Int) { self.threads = threads }

    /// A sentence for the user, once, of the last twenty seconds.
    mutating func warning() -> String? {
        if isSaid || threads < 2 { return nil }
        let now = (wall: monotonicSeconds(), processor: Self.processorSeconds)
        let wall = now.wall - began.wall
        if wall < 20 { return nil }
        let share = (now.processor - began.processor) / (wall * Double(threads))
        began = now
        let text = Self.warning(threads: threads, share: share, load: Self.load, processors: availableProcessors())
        isSaid = text != nil
        return text
    }

    /// - Parameters:
    ///   - share: of the processor time that the threads could have had, 0...1.
    ///   - load: programs' threads that wanted to run in the last minute, on average; nil where nobody says.
    static func warning(threads: Int, share: Double, load: Double?, processors: Int) -> String? {
        guard share < 0.6, let load, load > Double(processors) + 1 else { return nil }
        return
            "warning: other programs keep the processors busy (load \(Int(load.rounded())) on \(processors)), so that "
            + "\(threads) threads wait for each other: they got \(Int((100 * share).rounded()))% of their time. "
            + "--threads 1 may be many times faster"
    }

    private static var processorSeconds: Double {
        var usage = rusage()
        guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return 0 }
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    private static var load: Double? {
        var load = 0.0
        return getloadavg(&load, 1) == 1 ? load : nil
    }
}
