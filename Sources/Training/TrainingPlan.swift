import Base
import Geometry
import Layers
import Torch

/// A run of the loop as a value: what is fed, how the losses join, how weights move.
public struct TrainingPlan: Sendable {
    /// What each batch is made of, in this order.
    public var streams: [Stream]
    /// How the losses of the streams become one.
    public var mix: LossMix
    /// Steps of the optimiser.
    public var steps: Int
    /// The most pictures in one forward pass (`passes`).
    public var micro: Int
    /// The update rule.
    public var optimizer: OptimizerSpec
    /// The learning rate of each step.
    public var schedule: Schedule
    /// The greatest norm of all gradients together; 0: not clipped.
    public var clip: Double
    /// Weight averaging; 0: none. With it the averages are what is saved.
    public var averageDecay: Double
    /// Of convolutions; nil is fp32. Losses and weights are fp32 in any case.
    public var precision: DType?
    /// A factor on the learning rate of a tensor, by its name.
    public var rate: @Sendable (String) -> Double = { _ in 1 }
    /// Of the order of pictures and their augmentation; the weights have begun already.
    public var seed: UInt64
    /// The size of the pictures in a batch, in pixels.
    public var canvas: Size
    /// Pixels of the canvas a side for each label of a mask; nil: no masks are made.
    public var maskStride: Int?

    // What follows does not change results.
    /// Threads that decode and render.
    public var workers = 1
    /// Memory for decoded pictures.
    public var cacheBytes = 1 << 30
    /// A folder for decoded pictures; nil: none.
    public var cacheFolder: String?
    /// Seconds between saved states.
    public var checkpointSeconds = 60.0
    /// Also after so many steps; 0: by time alone.
    public var checkpointSteps = 0
    /// Steps between lines of `metrics.jsonl`.
    public var logEvery = 10
    /// Steps between evaluations on the way; 0: none.
    public var evaluateEvery = 0

    /// Pictures a step, over all streams.
    public var batch: Int { streams.reduce(0) { $0 + $1.images } }

    /// The forward passes of a step: the fewest that share each stream evenly and take no more than `micro` pictures each.
    ///
    /// - Parameters:
    ///   - images: pictures a step, of each stream.
    ///   - micro: the most pictures in one pass.
    /// - Throws: a `Failure` with `.usage` where a pass cannot be so small, since it has a picture of each stream.
    public static func passes(_ images: [Int], micro: Int) throws(Failure) -> Int {
        let batch = images.reduce(0, +)
        let shared = (1...max(1, images.max() ?? 1)).lazy.filter { passes in images.allSatisfy { $0 % passes == 0 } }
        guard let passes = shared.first(where: { batch / $0 <= micro }) else {
            throw .usage(
                "micro: a step of \(images.map(String.init).joined(separator: " + ")) pictures has passes of at least "
                    + "\(batch / (shared.last ?? 1)), which share each part evenly; \(micro) is fewer")
        }
        return passes
    }

    /// A plan; without `micro` the whole batch is one forward pass.
    public init(
        streams: [Stream], mix: LossMix, steps: Int, micro: Int? = nil, optimizer: OptimizerSpec, schedule: Schedule,
        clip: Double, averageDecay: Double = 0, precision: DType?, seed: UInt64, canvas: Size
    ) {
        self.streams = streams
        self.mix = mix
        self.steps = steps
        self.optimizer = optimizer
        self.schedule = schedule
        self.clip = clip
        self.averageDecay = averageDecay
        self.precision = precision
        self.seed = seed
        self.canvas = canvas
        self.micro = micro ?? streams.reduce(0) { $0 + $1.images }
    }
}
