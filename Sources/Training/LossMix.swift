import Glibc
import Torch

/// How the losses of several streams become one.
public enum LossMix: Hashable, Sendable {
    /// sum of w_i L_i
    case weighted([Double])
    /// 1/(1 + a) (L_0 + a (avg L_0 / avg L_1) L_1): the paper's normalised joint loss (docs/paper.md 5), which keeps
    /// the size of the loss apart from alpha. The averages are exponential with `decay`, updated before use, constants
    /// to the gradient. They begin at 0: the bias of that start cancels in their ratio. Of further streams w_i L_i is
    /// added (joint training, docs/pretraining.md).
    case normalized(alpha: Double, decay: Double, plus: [Double] = [])

    /// The paper's decay.
    public static let paperDecay = 0.9997
}

/// A mix at work, with its averages. They stay on the device: no step waits for a number.
public final class LossMixer {
    private let mix: LossMix
    private let averages: [Tensor]

    /// A mix before its first step: averages of 0, on the device of the losses.
    public init(_ mix: LossMix, device: Device) {
        self.mix = mix
        if case .normalized = mix {
            averages = [Tensor.zeros([], device: device), Tensor.zeros([], device: device)]
        } else {
            averages = []
        }
    }

    /// The one loss, shape [].
    ///
    /// - Parameters:
    ///   - losses: one a stream, shape [], fp32.
    ///   - share: the part of a step that these losses stand for, 1 without gradient accumulation. The averages move by
    ///     `decay^share`, so that their memory is counted in steps whatever the micro-batch.
    public func callAsFunction(_ losses: [Tensor], share: Double = 1) -> Tensor {
        switch mix {
        case .weighted(let weights):
            precondition(weights.count == losses.count, "\(weights.count) weights for \(losses.count) losses")
            return Tensor.stacked(zip(weights, losses).map { $1 * $0 }).sum()
        case .normalized(let alpha, let decay, let plus):
            precondition(
                losses.count == 2 + plus.count,
                "the normalised loss joins two streams and \(plus.count) more, not \(losses.count)")
            let keep = pow(decay, share)
            withoutGradients {
                for (average, loss) in zip(averages, losses) {
                    average.multiply(by: keep)
                    average.add(loss.detached(), scale: 1 - keep)
                }
            }
            let most = Double(Float.greatestFiniteMagnitude)  // the averages are fp32
            let ratio = withoutGradients { averages[0] / averages[1].clamped(1e-12, most) }
            let joint = (losses[0] + losses[1] * ratio * alpha) * (1 / (1 + alpha))
            return zip(plus, losses.dropFirst(2)).reduce(joint) { $0 + $1.1 * $1.0 }
        }
    }

    /// avg L_0 and avg L_1 by name, for checkpoints and the log; empty for a plain sum.
    public var tensors: [(name: String, tensor: Tensor)] { averages.enumerated().map { ("mix.\($0)", $1) } }
}
