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

    /// EfficientNet's: 0.97 every 2.4 epochs, counted from step 0 and not from the end of the warm-up.
    @Test func aStaircase() {
        let stairs = Schedule(
            base: 0.256, warmupFrom: 0, warmupSteps: 5, steps: 350, fall: .staircase(factor: 0.97, every: 2.4))
        #expect(stairs.rate(0) == 0 && abs(stairs.rate(4) - 0.2048) < 1e-12)
        #expect(abs(stairs.rate(5) - 0.256 * 0.97 * 0.97) < 1e-12)  // 5 / 2.4 = 2.08
        #expect(abs(stairs.rate(7) - 0.256 * 0.97 * 0.97) < 1e-12 && abs(stairs.rate(8) - 0.256 * 0.912673) < 1e-9)
        #expect(abs(stairs.rate(349) - 0.256 * 0.0120682) < 1e-5)  // 0.97^145
    }
}
