import Glibc

/// The learning rate as a function of the step: linear warm-up, then a half cosine down to 0 (docs/paper.md 2).
public struct Schedule: Hashable, Sendable {
    /// The rate at the end of the warm-up, the greatest.
    public var base: Double
    /// The rate of step 0, where there is a warm-up.
    public var warmupFrom: Double
    /// Steps of the warm-up; 0: none.
    public var warmupSteps: Int
    /// Steps in all, at the end of which the rate is 0.
    public var steps: Int

    /// A schedule by its four numbers.
    public init(base: Double, warmupFrom: Double, warmupSteps: Int, steps: Int) {
        self.base = base
        self.warmupFrom = warmupFrom
        self.warmupSteps = warmupSteps
        self.steps = steps
    }

    /// The rate of step `step`, 0..<steps: warmupFrom + (t/w)(base - warmupFrom) for t < w, then
    /// base/2 (1 + cos(pi (t - w)/(T - w))).
    public func rate(_ step: Int) -> Double {
        if step < warmupSteps { return warmupFrom + Double(step) / Double(warmupSteps) * (base - warmupFrom) }
        let span = Double(max(1, steps - warmupSteps))
        return base * 0.5 * (1 + cos(.pi * Double(step - warmupSteps) / span))
    }
}
