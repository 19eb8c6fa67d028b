import Base

/// Whether a pass learns (batch statistics, running ones move, stochastic depth and dropout draw) or only computes.
public struct Mode: Sendable {
    /// Batch statistics are used and running ones move.
    public let isTraining: Bool
    /// What stochastic layers draw from; nil: they pass everything on.
    let noise: Noise?

    /// Running statistics are used, nothing moves, nothing is dropped.
    public static let inference = Mode(isTraining: false, noise: nil)
    /// Batch statistics, but nothing is dropped: for comparisons and for networks without stochastic layers.
    public static let training = Mode(isTraining: true, noise: nil)
    /// Training in full.
    public static func training(_ noise: Noise) -> Mode { Mode(isTraining: true, noise: noise) }
}

/// The place of a pass in a run, from which stochastic layers draw: the same at every repetition and on every device.
/// A batch of one stream draws the same however it is divided into passes. Of several streams, or views, each pass has
/// its part, so that a picture's place, and with it what is drawn, then depends on the passes.
public struct Noise: Sendable {
    /// The run's.
    public var seed: UInt64
    /// The optimiser's step.
    public var step: Int
    /// How many pictures the earlier passes of the step had.
    public var first: Int

    /// A place.
    public init(seed: UInt64, step: Int, first: Int = 0) {
        self.seed = seed
        self.step = step
        self.first = first
    }

    /// Draws for `count` pictures, `each` numbers in [0, 1) for every one.
    ///
    /// - Parameter layer: which layer draws; its number in the network.
    func uniforms(_ count: Int, each: Int = 1, layer: Int) -> [Float] {
        (0..<count).flatMap { picture -> [Float] in
            // A layer's draws are a stream of their own: its number is mixed into the seed.
            var random = Random(
                seed: seed ^ UInt64(layer + 1) &* 0xD6E8_FEB8_6659_FD93, purpose: .dropout, epoch: step,
                index: first + picture)
            return (0..<each).map { _ in Float(random.uniform()) }
        }
    }
}
