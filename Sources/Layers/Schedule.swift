import Glibc

/// The learning rate as a function of the step: linear warm-up, then a half cosine down to 0 (docs/paper.md 2), or a
/// staircase.
public struct Schedule: Hashable, Sendable {
    /// How the rate falls after the warm-up.
    public enum Fall: Hashable, Sendable {
        /// base/2 (1 + cos(pi (t - w)/(T - w))).
        case cosine
        /// base factor^floor(t / every), from step 0: the EfficientNet code's, 0.97 every 2.4 epochs.
        case staircase(factor: Double, every: Double)
    }

    /// The rate at the end of the warm-up, the greatest.
    public var base: Double
    /// The rate of step 0, where there is a warm-up.
    public var warmupFrom: Double
    /// Steps of the warm-up; 0: none.
    public var warmupSteps: Int
    /// Steps in all, at the end of which a cosine's rate is 0.
    public var steps: Int
    /// What follows the warm-up.
    public var fall: Fall

    /// A schedule by its four numbers.
    public init(base: Double, warmupFrom: Double, warmupSteps: Int, steps: Int, fall: Fall = .cosine) {
        self.base = base
        self.warmupFrom = warmupFrom
        self.warmupSteps = warmupSteps
        self.steps = steps
        self.fall = fall
    }

    /// The rate of step `step`, 0..<steps: warmupFrom + (t/w)(base - warmupFrom) for t < w, then as it falls.
    public func rate(_ step: Int) -> Double {
        if step < warmupSteps { return warmupFrom + Double(step) / Double(warmupSteps) * (base - warmupFrom) }
        switch fall {
        case .cosine:
            let span = Double(max(1, steps - warmupSteps))
            return base * 0.5 * (1 + cos(.pi * Double(step - warmupSteps) / span))
        case .staircase(let factor, let every): return base * pow(factor, (Double(step) / every).rounded(.down))
        }
    }
}
