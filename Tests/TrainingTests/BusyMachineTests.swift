import Testing

@testable import Training

@Suite struct BusyMachineTests {
    @Test func onlyABusyMachineIsSpokenOf() throws {
        let said = try #require(BusyMachine.warning(threads: 2, share: 0.22, load: 4.94, processors: 2))
        #expect(said.contains("load 5 on 2") && said.contains("22%") && said.contains("--threads 1"))
        // Busy with this training alone; threads that have their time; nobody knows.
        #expect(BusyMachine.warning(threads: 2, share: 0.22, load: 2.4, processors: 2) == nil)
        #expect(BusyMachine.warning(threads: 2, share: 0.9, load: 4.94, processors: 2) == nil)
        #expect(BusyMachine.warning(threads: 2, share: 0.22, load: nil, processors: 2) == nil)
    }

    /// Not before there is something to tell, nor of one thread.
    @Test func nothingIsSaidAtOnce() {
        var machine = BusyMachine(threads: 64)
        #expect(machine.warning() == nil)
        var single = BusyMachine(threads: 1)
        #expect(single.warning() == nil)
    }
}
