import Base
import Torch

/// An update rule as a value. Weight decay touches kernels only (docs/paper.md 2).
public enum OptimizerSpec: Hashable, Sendable {
    /// v = mu v + g + decay w; w -= lr v: the paper's, with mu 0.9. The decay is L2, added to the gradient.
    case sgd(momentum: Double, nesterov: Bool, decay: Double)
    /// Loshchilov and Hutter 2019; the decay is decoupled (lr * decay * w).
    case adamW(beta1: Double, beta2: Double, eps: Double, decay: Double)
    /// TensorFlow's, with which EfficientNet learned: s = rho s + (1 - rho) g^2 from 1; m = mu m + lr g / sqrt(s + eps);
    /// w -= m. torch's begins s at 0, has eps outside the root and lr outside m. The decay is L2, in the gradient.
    case rmsProp(rho: Double, momentum: Double, eps: Double, decay: Double)
    /// You et al. 2017 as in SimCLR: g += decay w; v = mu v + lr trust |w|/|g| g; w -= v. Biases and norms have neither the
    /// decay nor the ratio, which is 1 where |w| or |g| is 0.
    case lars(momentum: Double, trust: Double, decay: Double)
}

/// The update rule at work: its averages, one step a call, fused over all tensors of a group.
public final class Optimizer {
    private let spec: OptimizerSpec
    private let groups: [(parameters: [Tensor], names: [String], decays: Bool, rate: Double)]
    private var state: [(name: String, tensors: [Tensor])] = []  // by group, in a fixed order
    private let all: [Tensor]

    /// A rule over all trained tensors of a model, its averages at zero.
    ///
    /// - Parameter rate: of a tensor's name: a factor on the learning rate.
    public init(_ spec: OptimizerSpec, _ store: ParameterStore, rate: (String) -> Double = { _ in 1 }) {
        self.spec = spec
        let trained = store.trained
        let rates = Dictionary(uniqueKeysWithValues: trained.map { ($0.name, rate($0.name)) })
        groups = [Role.kernel, .bias].flatMap { role in
            Set(rates.values).sorted().map { rate in
                let members = trained.filter { $0.role == role && rates[$0.name] == rate }
                return (members.map(\.tensor), members.map(\.name), role == .kernel, rate)
            }
        }
        all = groups.flatMap(\.parameters)
        func zeros(_ like: [Tensor]) -> [Tensor] {
            like.map { p in
                // p's shape, device and memory layout: the fused updates walk through memory, not through indices.
                withoutGradients {
                    let zero = p.detached().clone()
                    zero.fill(0)
                    return zero
                }
            }
        }
        for group in groups {
            switch spec {
            case .sgd, .lars: state.append(("momentum", zeros(group.parameters)))
            case .rmsProp:
                state.append(("square", zeros(group.parameters)))
                withoutGradients { for tensor in state[state.count - 1].tensors { tensor.fill(1) } }
                state.append(("momentum", zeros(group.parameters)))
            case .adamW:
                state.append(("first", zeros(group.parameters)))
                state.append(("second", zeros(group.parameters)))
                state.append(("step", group.parameters.map { Tensor.zeros([], device: $0.device) }))
            }
        }
    }

    /// Applies the gradients that `backward` left, then forgets them.
    public func step(lr: Double) {
        for (i, group) in groups.enumerated() where !group.parameters.isEmpty {
            let lr = lr * group.rate
            switch spec {
            case .sgd(let momentum, let nesterov, let decay):
                Fused.sgd(
                    group.parameters, momentum: state[i].tensors, lr: lr, mu: momentum, decay: group.decays ? decay : 0,
                    nesterov: nesterov, first: false)  // averages begin at zero, so the first step needs no case
            case .adamW(let beta1, let beta2, let eps, let decay):
                Fused.adamW(
                    group.parameters, first: state[3 * i].tensors, second: state[3 * i + 1].tensors,
                    steps: state[3 * i + 2].tensors, lr: lr, beta1: beta1, beta2: beta2,
                    decay: group.decays ? decay : 0,
                    eps: eps)
            case .rmsProp(let rho, let momentum, let eps, let decay):
                withoutGradients {
                    for (j, w) in group.parameters.enumerated() {
                        guard let g = gradient(of: w, decay: group.decays ? decay : 0) else { continue }
                        let (square, m) = (state[2 * i].tensors[j], state[2 * i + 1].tensors[j])
                        square.multiply(by: rho)
                        square.add(g.square(), scale: 1 - rho)
                        m.multiply(by: momentum)
                        m.add(g * (square + eps).rsqrt(), scale: lr)
                        w.detached().add(m, scale: -1)
                    }
                }
            case .lars(let momentum, let trust, let decay):
                withoutGradients {
                    for (j, w) in group.parameters.enumerated() {
                        guard let g = gradient(of: w, decay: group.decays ? decay : 0) else { continue }
                        let v = state[i].tensors[j]
                        v.multiply(by: momentum)
                        v.add(group.decays ? g * Self.ratio(w.detached(), g, trust) : g, scale: lr)
                        w.detached().add(v, scale: -1)
                    }
                }
            }
        }
        Tensor.clearGradients(all)
    }

    /// The gradient of a tensor with L2 decay in it; nil where it has none.
    private func gradient(of w: Tensor, decay: Double) -> Tensor? {
        w.gradient.map { decay == 0 ? $0 : $0 + w.detached() * decay }
    }

    /// trust |w| / |g|, shape []; 1 where either norm is 0. No number leaves the device.
    private static func ratio(_ w: Tensor, _ g: Tensor, _ trust: Double) -> Tensor {
        let (a, b) = (w.square().sum().sqrt(), g.square().sum().sqrt())
        let one = Tensor.ones([], device: w.device)
        return (a / b * trust).replaced(where: (a * b).equal(0), by: one)
    }

    /// The norm of all gradients together, before clipping, shape []. Above `maximum` (when positive) the gradients are
    /// scaled down to it, on their device, without waiting for the number.
    @discardableResult
    public func clipGradients(to maximum: Double) -> Tensor {
        let norm = Fused.gradientNorm(all)
        if maximum > 0 {
            let factor = (norm + 1e-6).reciprocal() * maximum
            Fused.scaleGradients(all, by: factor.clamped(0, 1))
        }
        return norm
    }

    /// The averages by name (`momentum.<parameter>`, ...), for checkpoints.
    public var tensors: [(name: String, tensor: Tensor)] {
        let perGroup = state.count / groups.count
        return state.enumerated().flatMap { i, slot in
            zip(groups[i / perGroup].names, slot.tensors).map { (name: "\(slot.name).\($0)", tensor: $1) }
        }
    }
}

/// A running average of weights and statistics: a += (1 - decay) (w - a), with decay = min(decay, (1 + t) / (10 + t)),
/// TensorFlow's `num_updates` rule (docs/paper.md 2 has 0.9999 for classification).
public final class WeightAverage {
    private let decay: Double
    private let entries: [ParameterStore.Entry]
    private let averages: [Tensor]

    /// Averages that begin at the tensors' values now.
    /// - Precondition: the decay lies between 0 and 1.
    public init(_ store: ParameterStore, decay: Double) {
        precondition(decay > 0 && decay < 1, "a decay lies between 0 and 1")
        self.decay = decay
        entries = store.entries
        averages = withoutGradients { store.entries.map { $0.tensor.detached().clone() } }
    }

    /// Moves the averages after step `step` (from 1).
    public func update(step: Int) {
        let decay = min(decay, (1 + Double(step)) / (10 + Double(step)))
        withoutGradients {
            Fused.average(averages, towards: entries.map { $0.tensor.detached() }, weight: 1 - decay)
        }
    }

    /// Runs `body` with the averages in the model's place.
    public func applied<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        func swap() {
            withoutGradients {
                for (entry, average) in zip(entries, averages) {
                    let kept = entry.tensor.detached().clone()
                    entry.tensor.detached().assign(average)
                    average.assign(kept)
                }
            }
        }
        swap()
        defer { swap() }
        return try body()
    }

    /// Puts the averages in the model's place for good.
    public func install() {
        withoutGradients { for (entry, average) in zip(entries, averages) { entry.tensor.detached().assign(average) } }
    }

    /// The averages by name (`average.<parameter>`), for checkpoints.
    public var tensors: [(name: String, tensor: Tensor)] {
        zip(entries, averages).map { (name: "average.\($0.name)", tensor: $1) }
    }
}
