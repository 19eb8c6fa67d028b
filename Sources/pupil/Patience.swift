import Base
import Glibc

/// How libtorch's threads (libgomp's) wait for each other.
///
/// At each barrier they go round a loop 300,000 times before they sleep (libgomp's manual, GOMP_SPINCOUNT). Beside
/// another busy process, which holds back the thread they wait for, that makes a run tens of times slower; 10,000 times
/// cost nothing on an idle machine (docs/benchmarks.md).
enum Patience {
    /// Starts the program once more with `GOMP_SPINCOUNT` set, where neither it nor `OMP_WAIT_POLICY` is: libgomp reads
    /// its settings before `main`, so setting them here is too late for this start. Returns where that is not needed
    /// or not possible.
    static func beginAgain() {
        guard getenv("GOMP_SPINCOUNT") == nil, getenv("OMP_WAIT_POLICY") == nil,
            let program = try? Files.absolute("/proc/self/exe"),
            // Not where a loader was asked to start it: /proc/self/exe is the loader then.
            let name = CommandLine.arguments.first, Files.name(name) == Files.name(program),
            setenv("GOMP_SPINCOUNT", "10000", 1) == 0
        else { return }
        execv(program, CommandLine.unsafeArgv)
    }
}
