import Augmentation
import Base
import Geometry
import Layers
import Models
import Torch
import Training

/// Everything that decides how a model is trained, resolved: no key is left to a default further in.
public struct TrainingRecipe: Sendable {
    /// The update rules by the names users give.
    public enum OptimizerName: String, Sendable, CaseIterable {
        /// Momentum SGD, the paper's.
        case sgd
        /// AdamW: on few labels a small network from scratch learns several times faster with it.
        case adamw
        /// TensorFlow's RMSProp: EfficientNet's on ImageNet.
        case rmsprop
        /// Layer-wise rates for large batches: SimCLR's.
        case lars
    }

    /// A name of the zoo.
    public var model: String
    /// Side of the square canvas, in pixels.
    public var size: Int
    /// Human-labelled pictures a step, in the teacher's run; a student adds as many pseudo-labelled ones.
    public var batch: Int
    /// The most pictures in one forward pass; nil: the whole batch.
    public var micro: Int?
    /// Steps of the optimiser.
    public var steps: Int
    /// The update rule.
    public var optimizer: OptimizerName
    /// The peak of the learning rate.
    public var lr: Double
    /// Weight decay of kernels.
    public var decay: Double
    /// Steps of linear warm-up.
    public var warmup: Int
    /// The greatest norm of all gradients together; 0: not clipped.
    public var clip: Double
    /// Of weight averaging; 0: none.
    public var averageDecay: Double
    /// How training pictures come onto canvases.
    public var augment: Variation
    /// Of convolutions; nil is fp32.
    public var precision: DType?
    /// Of segmentation: pixels of the canvas a side for each label of the loss, the network's own stride of 4 or 1; nil
    /// for tasks without masks.
    public var labelStride: Int?
    /// Of weights, order, augmentation and the split.
    public var seed: UInt64
    /// How the rate falls after the warm-up.
    public var fall = Schedule.Fall.cosine
    /// What of the loss is not the task's usual.
    public var loss = LossOptions()
    /// What of the network is not the zoo's.
    public var changes = NetworkChanges()
    /// The learning rate of a backbone's stage is so many times that of the one above; 1: all learn at one rate.
    public var layerDecay = 1.0

    /// A recipe; nothing is checked before it is used.
    public init(
        model: String, size: Int, batch: Int, micro: Int? = nil, steps: Int, optimizer: OptimizerName, lr: Double,
        decay: Double, warmup: Int, clip: Double, averageDecay: Double, augment: Variation, precision: DType?,
        labelStride: Int? = nil, seed: UInt64
    ) {
        self.model = model
        self.size = size
        self.batch = batch
        self.micro = micro
        self.steps = steps
        self.optimizer = optimizer
        self.lr = lr
        self.decay = decay
        self.warmup = warmup
        self.clip = clip
        self.averageDecay = averageDecay
        self.augment = augment
        self.precision = precision
        self.labelStride = labelStride
        self.seed = seed
    }

    /// The keys that affect the result, for a stage's identity.
    public var json: JSON {
        var keys: [String: JSON] = [
            "model": .string(model), "size": .int(size), "batch": .int(batch), "micro": micro.map { .int($0) } ?? .null,
            "steps": .int(steps), "optimizer": .string(optimizer.rawValue), "lr": .double(lr), "decay": .double(decay),
            "warmup": .int(warmup), "clip": .double(clip), "average_decay": .double(averageDecay),
            "augment": augment.json, "precision": .string("\(precision ?? .float32)"),
            "seed": .string(String(seed)),
        ]
        if let labelStride { keys["label_stride"] = .int(labelStride) }
        if case .staircase(let factor, let every) = fall {
            keys["staircase"] = .array([.double(factor), .double(every)])
        }
        if layerDecay != 1 { keys["layer_decay"] = .double(layerDecay) }
        keys.merge(loss.json) { $1 }
        keys.merge(changes.json) { $1 }
        return .object(keys)
    }

    /// What does not learn as the rest does, a sentence each.
    var restraints: [String] {
        var lines: [String] = []
        if let stages = changes.frozenStages {
            lines.append("the stem and \(stages) stages of the backbone are frozen")
        }
        if changes.freezesNorms { lines.append("all batch norms are frozen") }
        if layerDecay != 1 { lines.append("each stage of the backbone learns \(layerDecay) times as fast as the next") }
        return lines
    }

    /// `size` by `size` pixels.
    public var canvas: Size { Size(width: size, height: size) }

    /// The update rule with the paper's momentum of 0.9, AdamW's usual averages (0.9, 0.999), RMSProp's of EfficientNet,
    /// LARS's trust of 0.001.
    public var optimizerSpec: OptimizerSpec {
        switch optimizer {
        case .sgd: .sgd(momentum: 0.9, nesterov: false, decay: decay)
        case .adamw: .adamW(beta1: 0.9, beta2: 0.999, eps: 1e-8, decay: decay)
        case .rmsprop: .rmsProp(rho: 0.9, momentum: 0.9, eps: 1e-3, decay: decay)
        case .lars: .lars(momentum: 0.9, trust: 0.001, decay: decay)
        }
    }

    /// Warm-up starts at a hundredth of the rate, as the paper's 0.0032 -> 0.32, for masks at an eightieth, as the 0.001 ->
    /// 0.08 of its configuration (docs/paper.md 1).
    public var schedule: Schedule {
        Schedule(
            base: lr, warmupFrom: lr / (labelStride == nil ? 100 : 80), warmupSteps: warmup, steps: steps, fall: fall)
    }

    /// The loop's plan for some streams.
    public func plan(_ streams: [Stream], _ mix: LossMix) -> TrainingPlan {
        var plan = TrainingPlan(
            streams: streams, mix: mix, steps: steps, micro: micro, optimizer: optimizerSpec, schedule: schedule,
            clip: clip, averageDecay: averageDecay, precision: precision, seed: seed, canvas: canvas)
        plan.maskStride = labelStride
        return plan
    }
}
