import Glibc

/// The learning rate as a function of the step: linear warm-up, then a half cosine down to 0 (paper.md 1.2).
public struct Schedule: Hashable, Sendable {
    public var base: Double
    public var warmupFrom: Double
    public var warmupSteps: Int
    public var steps: Int

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
