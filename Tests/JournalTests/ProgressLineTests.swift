import Base
import Synchronization
import Testing

@testable import Journal

/// A console that keeps what is written.
final class Recorder: Sendable {
    let written = Mutex<[String]>([])

    func console(terminal: Bool, width: Int = 80) -> Console {
        Console(isTerminal: terminal, width: { width }, write: { text in self.written.withLock { $0.append(text) } })
    }

    var texts: [String] { written.withLock { $0 } }
}

@Suite struct ProgressLineTests {
    @Test func aTerminalIsRedrawnAtMostTenTimesASecond() {
        let recorder = Recorder()
        var now = 100.0
        let progress = ProgressLine(
            label: "teacher", total: 1000, start: 0, unit: "img", console: recorder.console(terminal: true),
            clock: { now })
        for step in 1...300 {
            now += 0.01
            progress.advance(to: step, items: 8, loss: 0.5, waited: 0.0025)
        }
        // 300 steps of 10 ms are 3 s
        #expect((28...31).contains(recorder.texts.count), "\(recorder.texts.count) lines")
        #expect(recorder.texts.allSatisfy { $0.hasPrefix("\r\u{1B}[K") && !$0.contains("\n") })
        // 100 steps a second of 8 images, a quarter of it waiting, 7 s left
        #expect(
            recorder.texts.last?.hasPrefix("\r\u{1B}[Kteacher ") == true
                && recorder.texts.last?.hasSuffix("/1000  loss 0.5000  800 img/s  00:07 left  data 25%") == true,
            "\(recorder.texts.last ?? "")")
    }

    @Test func aFileGetsPlainLinesNowAndThen() {
        let recorder = Recorder()
        var now = 0.0
        let progress = ProgressLine(
            label: "student", total: 600, start: 0, unit: "img", console: recorder.console(terminal: false),
            clock: { now })
        for step in 1...600 {
            now += 0.5
            progress.advance(to: step, items: 1)
        }
        progress.finish()
        let steps = recorder.texts.compactMap { Int($0.dropFirst(8).prefix { $0 != "/" }) }
        // the first, every 10 s (20 steps) up to 60 s, every 60 s (120 steps) then, and the last
        #expect(steps == [1, 21, 41, 61, 81, 101, 221, 341, 461, 581, 600])
        #expect(recorder.texts.allSatisfy { $0.hasSuffix("\n") })
    }

    @Test func theRateIsThatOfTheLastSeconds() {
        let recorder = Recorder()
        var now = 0.0
        let progress = ProgressLine(
            label: "x", total: 10_000, start: 5000, unit: "img", console: recorder.console(terminal: true),
            clock: { now })
        for step in 5001...5100 {  // 100 slow steps, then many fast ones
            now += 1
            progress.advance(to: step, items: 10)
        }
        #expect(recorder.texts.last?.contains("10.0 img/s  1:21:40 left") == true, "\(recorder.texts.last ?? "")")
        for step in 5101...9100 {
            now += 0.01
            progress.advance(to: step, items: 10)
        }
        #expect(recorder.texts.last?.contains("1000 img/s  00:09 left") == true, "\(recorder.texts.last ?? "")")
    }

    @Test func longLinesAreCutAndLogLinesStandAbove() {
        let recorder = Recorder()
        let console = recorder.console(terminal: true, width: 12)
        console.redraw("0123456789abcdef")
        console.line("logged")
        console.redraw("")
        console.line("after")
        #expect(
            recorder.texts == [
                "\r\u{1B}[K0123456789a", "\r\u{1B}[Klogged\n0123456789a", "\r\u{1B}[K", "after\n",
            ])
    }

    @Test func durationsAndNumbersAreShort() {
        #expect(TextTable.duration(3723) == "1:02:03" && TextTable.duration(59.6) == "01:00")
        #expect(TextTable.duration(.infinity) == "?" && TextTable.duration(0) == "00:00")
        #expect(
            [0.01234, 1.234, 12.34, 123.4, -0.5, 0].map(ProgressLine.short) == [
                "0.0123", "1.23", "12.3", "123", "-0.5000", "0.0000",
            ])
        #expect(ProgressLine.short(.nan) == "nan")
    }
}
