import Base
import Torch

/// What a stored tensor is, which decides what the optimiser does with it.
public enum Role: String, Sendable {
    /// A convolution's or linear layer's weights: trained, decayed.
    case kernel
    /// A bias, or a norm's scale and shift: trained, not decayed (docs/paper.md 2).
    case bias
    /// A running statistic, or what is frozen: not trained, but part of the model's state.
    case statistic
}

/// Every tensor of a model by name, in the order of registration. Names are those of torchvision's state dicts.
public final class ParameterStore {
    /// A tensor of a model.
    public struct Entry {
        /// Its full name, parts joined by dots.
        public let name: String
        /// What the optimiser does with it.
        public let role: Role
        /// The tensor itself, which `load` and the optimiser change in place.
        public let tensor: Tensor
        /// Of a running variance, what its norm adds to it.
        public var eps: Double?
    }

    /// All tensors in the order of registration.
    public private(set) var entries: [Entry] = []
    private var places: [String: Int] = [:]
    /// Where they live.
    public let device: Device
    let seed: UInt64
    let isFrozen: @Sendable (String) -> Bool
    let freezesNorms: Bool

    /// An empty store.
    ///
    /// - Parameters:
    ///   - seed: of the initial weights. Each tensor's draws depend on the seed and its name alone, so that two models
    ///     share the initial weights of the parts they have in common.
    ///   - isFrozen: the names of tensors that do not learn; norms over the batch among them use their running
    ///     statistics, which do not move.
    ///   - freezesNorms: whether all norms over the batch are frozen so.
    public init(
        seed: UInt64, device: Device = .cpu, freezesNorms: Bool = false,
        isFrozen: @escaping @Sendable (String) -> Bool = { _ in false }
    ) {
        self.seed = seed
        self.device = device
        self.isFrozen = isFrozen
        self.freezesNorms = freezesNorms
    }

    /// The scope in which names are as they are given.
    public var root: Scope { Scope(store: self, path: "") }

    /// The tensor of a full name; nil where there is none.
    public subscript(_ name: String) -> Tensor? { places[name].map { entries[$0].tensor } }

    /// What the optimiser moves.
    public var trained: [Entry] { entries.filter { $0.role != .statistic } }

    /// The number of trained numbers.
    public var parameterCount: Int { trained.reduce(0) { $0 + $1.tensor.count } }

    func register(_ name: String, _ role: Role, _ tensor: Tensor, eps: Double? = nil) -> Tensor {
        precondition(places[name] == nil, "two tensors are named \(name)")
        let role = isFrozen(name) ? .statistic : role
        if role != .statistic { tensor.requiresGradient = true }
        places[name] = entries.count
        entries.append(Entry(name: name, role: role, tensor: tensor, eps: eps))
        return tensor
    }
}

/// A place in the tree of names. Layers take one and register their tensors in it.
public struct Scope {
    let store: ParameterStore
    /// The names down to here, joined by dots; empty at the root.
    public let path: String

    /// `scope / "layer1"`
    public static func / (scope: Scope, name: String) -> Scope {
        Scope(store: scope.store, path: scope.path.isEmpty ? name : scope.path + "." + name)
    }

    /// `scope / 0`: the place of a numbered part.
    public static func / (scope: Scope, index: Int) -> Scope { scope / String(index) }

    /// Whether norms over the batch in this place keep what they are.
    var freezesNorms: Bool { store.freezesNorms || store.isFrozen(path + ".weight") }

    /// A trained tensor with its initial values; kernels of four dimensions are channels-last.
    /// - Precondition: the name is free.
    public func parameter(_ name: String, _ shape: [Int], _ role: Role, _ initializer: Initializer) -> Tensor {
        let full = (self / name).path
        var tensor: Tensor
        if store.device == .meta {
            tensor = Tensor.empty(shape, device: .meta)
        } else {
            let values = initializer.values(shape, seed: store.seed, name: full)
            tensor = Tensor(values, shape: shape, device: store.device)
        }
        if shape.count == 4 { tensor = tensor.channelsLast() }
        return store.register(full, role, tensor)
    }

    /// A tensor that is saved with the model but not trained.
    /// - Parameter eps: of a running variance, what its norm adds to it.
    public func statistic(_ name: String, _ shape: [Int], _ value: Float, eps: Double? = nil) -> Tensor {
        let tensor = Tensor.full(shape, Double(value), device: store.device)
        return store.register((self / name).path, .statistic, tensor, eps: eps)
    }
}
