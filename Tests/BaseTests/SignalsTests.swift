import Glibc
import Testing

@testable import Base

/// Sends a signal to the process (this thread may be a worker that blocks signals) and waits until it is noted.
private func send(_ signal: Int32) {
    kill(getpid(), signal)
    for _ in 0..<2000 where Signals.interruption == nil { usleep(1000) }
}

@Suite struct SignalsTests {
    @Test func theFirstSignalIsNoted() async {
        await #expect(processExitsWith: .exitCode(42)) {
            Signals.install()
            guard Signals.interruption == nil else { exit(1) }
            send(SIGTERM)
            guard Signals.interruption == .terminated else { exit(2) }
            Signals.forget()
            send(SIGINT)
            guard Signals.interruption == .interrupted else { exit(3) }
            exit(42)
        }
    }

    @Test func theSecondSignalEndsTheProcess() async {
        await #expect(processExitsWith: .exitCode(130)) {
            Signals.install()
            send(SIGINT)
            kill(getpid(), SIGINT)
            sleep(5)
            exit(1)
        }
    }
}
