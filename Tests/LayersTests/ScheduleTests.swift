import Base
import Layers
import Testing

@Suite struct ScheduleTests {
    @Test func ratesEqualTheReference() throws {
        let reference = try fixture("optim.json")
        let arguments = try #require(reference["schedule_arguments"])
        let schedule = Schedule(
            base: try arguments.number("base"), warmupFrom: try arguments.number("first"),
            warmupSteps: Int(try arguments.number("warmup")), steps: Int(try arguments.number("total")))
        for (step, expected) in try #require(reference["schedule"]).doubles.enumerated() {
            #expect(abs(schedule.rate(step) - expected) < 1e-9, "step \(step)")
        }
    }

    @Test func theEndsOfASchedule() {
        let plain = Schedule(base: 0.3, warmupFrom: 0, warmupSteps: 0, steps: 10)
        #expect(plain.rate(0) == 0.3)
        #expect(abs(plain.rate(5) - 0.15) < 1e-12 && abs(plain.rate(10)) < 1e-12)
        // Nothing but warm-up: no division by zero.
        let short = Schedule(base: 1, warmupFrom: 0.5, warmupSteps: 4, steps: 4)
        #expect((0..<4).map(short.rate) == [0.5, 0.625, 0.75, 0.875])
        #expect(short.rate(4) == 1)
        // It falls all the way after the warm-up.
        let long = Schedule(base: 1, warmupFrom: 0.1, warmupSteps: 10, steps: 100)
        for t in 10..<99 { #expect(long.rate(t + 1) < long.rate(t)) }
    }
}
