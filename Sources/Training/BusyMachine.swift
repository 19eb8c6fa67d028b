import Base
import Glibc

/// Tells when other programs keep a training's threads from each other: at each barrier they wait for the one that is not
/// running, and two threads are then many times slower than one (docs/benchmarks.md).
struct BusyMachine {
    private let threads: Int
    private let began = (wall: monotonicSeconds(), processor: Self.processorSeconds)
    private var isSaid = false

    init(threads: Int) { self.threads = threads }

    /// A sentence for the user, once, after some seconds of training.
    mutating func warning() -> String? {
        let wall = monotonicSeconds() - began.wall
        if isSaid || threads < 2 || wall < 20 { return nil }
        isSaid = true
        return Self.warning(
            threads: threads, share: (Self.processorSeconds - began.processor) / (wall * Double(threads)),
            load: Self.load, processors: availableProcessors())
    }

    /// - Parameters:
    ///   - share: of the processor time that the threads could have had, 0...1.
    ///   - load: programs' threads that wanted to run in the last minute, on average; nil where nobody says.
    static func warning(threads: Int, share: Double, load: Double?, processors: Int) -> String? {
        guard share < 0.5, let load, load > Double(processors) + 1 else { return nil }
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
