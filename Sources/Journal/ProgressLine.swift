import Base

/// How far a long piece of work is: step, loss, rate, time left and the share of time spent waiting for data.
///
/// On a terminal one line is redrawn, at most ten times a second. Elsewhere plain lines are written: the first step,
/// then every 10 seconds in the first minute, then every minute, and the last step.
public final class ProgressLine {
    private let label: String
    private let total: Int
    private let unit: String
    private let console: Console
    private let clock: () -> Double
    private let begin: Double
    private var step: Int
    private var loss: Double?
    private var tellsWaiting = false
    private var lastShown = -Double.infinity
    private var shownStep: Int
    /// Recent steps: when they ended, and how many items and seconds of waiting there were up to then.
    private var recent: [(time: Double, step: Int, items: Int, wait: Double)]
    private let window = 20.0

    /// - Parameters:
    ///   - label: what is done, such as `teacher`.
    ///   - total: its steps.
    ///   - start: steps that an earlier process did.
    ///   - unit: what is counted in the rate.
    public convenience init(label: String, total: Int, start: Int = 0, unit: String = "img") {
        self.init(
            label: label, total: total, start: start, unit: unit, console: .standardError, clock: monotonicSeconds)
    }

    init(label: String, total: Int, start: Int, unit: String, console: Console, clock: @escaping () -> Double) {
        self.label = label
        self.total = total
        self.unit = unit
        self.console = console
        self.clock = clock
        step = start
        shownStep = start
        begin = clock()
        recent = [(begin, start, 0, 0)]
    }

    /// Notes that `step` steps are done.
    /// - Parameters:
    ///   - items: images of this step.
    ///   - loss: the step's loss, where it has one.
    ///   - waited: seconds of this step in which the loop waited for data; nil where nobody measured that.
    public func advance(to step: Int, items: Int, loss: Double? = nil, waited: Double? = nil) {
        let now = clock()
        self.step = step
        self.loss = loss ?? self.loss
        tellsWaiting = tellsWaiting || waited != nil
        let last = recent[recent.count - 1]
        recent.append((now, step, last.items + items, last.wait + (waited ?? 0)))
        var old = 0
        while recent.count - old > 2, recent[old + 1].time < now - window { old += 1 }
        // Dropped in bulk, so that a step of a millisecond does not move thousands of records each time.
        if old > 64 || recent.count > 4096 { recent.removeFirst(max(old, recent.count - 2048)) }
        if isDue(now) { show(now) }
    }

    private func isDue(_ now: Double) -> Bool {
        if console.isTerminal { return now - lastShown >= 0.1 || step >= total }
        if lastShown == -Double.infinity || step >= total { return true }
        return now - lastShown >= (now - begin <= 60 ? 10 : 60)
    }

    private func show(_ now: Double) {
        lastShown = now
        shownStep = step
        let text = line(now)
        if console.isTerminal { console.redraw(text) } else { console.line(text) }
    }

    private func line(_ now: Double) -> String {
        var parts = ["\(label) \(step)/\(total)"]
        if let loss { parts.append("loss \(Self.short(loss))") }
        if let first = recent.first(where: { $0.time >= now - window }) ?? recent.last, now > first.time,
            let last = recent.last
        {
            let seconds = now - first.time
            parts.append("\(Self.short(Double(last.items - first.items) / seconds)) \(unit)/s")
            if last.step > first.step {
                let left = Double(total - step) * seconds / Double(last.step - first.step)
                parts.append("\(TextTable.duration(left)) left")
            }
            if tellsWaiting {
                parts.append("data \(Int((100 * min((last.wait - first.wait) / seconds, 1)).rounded()))%")
            }
        }
        return parts.joined(separator: "  ")
    }

    /// Ends the line: on a terminal it stays as a line of its own. Harmless when called twice.
    public func finish() {
        if console.isTerminal {
            guard lastShown != -Double.infinity else { return }
            let text = line(clock())
            console.redraw("")
            console.line(text)
            lastShown = -Double.infinity
        } else if shownStep != step {
            show(clock())
        }
    }

    /// Three or four digits.
    static func short(_ value: Double) -> String {
        if !value.isFinite { return "\(value)" }
        let digits = abs(value) >= 100 ? 0 : abs(value) >= 10 ? 1 : abs(value) >= 1 ? 2 : 4
        return TextTable.fixed(value, digits)
    }
}
