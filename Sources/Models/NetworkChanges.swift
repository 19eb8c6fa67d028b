import Base
import Layers
import Torch

/// What a recipe changes of a network of the zoo, without a change in its tensors.
public struct NetworkChanges: Hashable, Sendable {
    /// Dropout before a classifier's last layer; nil: the network's own.
    public var dropout: Double?
    /// The survival of stochastic depth at the last block; nil: the network's own.
    public var survival: Double?
    /// The stem and so many stages of the backbone do not learn, 1 being that of C2; nil: all learns.
    public var frozenStages: Int?
    /// Norms over the batch keep their statistics, scales and shifts, in the whole network.
    public var freezesNorms: Bool

    /// Changes; without more there are none.
    public init(
        dropout: Double? = nil, survival: Double? = nil, frozenStages: Int? = nil, freezesNorms: Bool = false
    ) {
        self.dropout = dropout
        self.survival = survival
        self.frozenStages = frozenStages
        self.freezesNorms = freezesNorms
    }

    /// What of it departs from the network's own, for the identity of a run.
    public var json: [String: JSON] {
        var keys: [String: JSON] = [:]
        if let dropout { keys["dropout"] = .double(dropout) }
        if let survival { keys["survival"] = .double(survival) }
        if let frozenStages { keys["frozen_stages"] = .int(frozenStages) }
        if freezesNorms { keys["frozen_norms"] = true }
        return keys
    }

    /// A backbone with them.
    /// - Throws: `.usage` where it has no stochastic depth.
    public func changed(_ backbone: BackboneSpec) throws(Failure) -> BackboneSpec {
        guard let survival else { return backbone }
        guard case .efficientNet(var spec) = backbone else {
            throw .usage("survival: only EfficientNets have stochastic depth to be changed")
        }
        spec.survival = survival
        return .efficientNet(spec)
    }

    /// An empty store for a network with them, on such a backbone.
    public func store(_ backbone: BackboneSpec, seed: UInt64, device: Device) -> ParameterStore {
        let stages = frozenStages
        return ParameterStore(seed: seed, device: device, freezesNorms: freezesNorms) { name in
            guard let stages, let stage = backbone.stage(of: name) else { return false }
            return stage <= stages
        }
    }
}

extension BackboneSpec {
    /// The number of the last stage.
    public static let lastStage = 4

    /// Where a tensor of a network on this backbone stands: 0 in the stem, 1...4 in what comes up to C2...C5; nil above
    /// the backbone. Of a SpineNet, whose blocks have no such order, all but the stem is 4.
    ///
    /// - Parameter name: at the root, as in a classifier, or under `backbone.body`.
    public func stage(of name: String) -> Int? {
        var parts = name.split(separator: ".")
        if parts.starts(with: ["backbone", "body"]) { parts.removeFirst(2) }
        guard let first = parts.first else { return nil }
        switch self {
        case .resNet:
            if ["conv1", "bn1"].contains(first) { return 0 }
            return first.hasPrefix("layer") ? Int(first.dropFirst(5)) : nil
        case .efficientNet:
            if ["conv_stem", "bn1"].contains(first) { return 0 }
            guard first == "blocks", parts.count > 1, let i = Int(parts[1]) else { return nil }
            return [1, 1, 2, 3, 3, 4, 4][i]
        case .spineNet:
            if ["conv1", "bn1", "stem"].contains(first) { return 0 }
            return ["resample", "blocks", "endpoint"].contains(first) ? Self.lastStage : nil
        }
    }

    /// The factor on the learning rate of a tensor: 1 above the backbone, `decay` times less for each stage further down.
    public func rate(of name: String, decay: Double) -> Double {
        guard let stage = stage(of: name) else { return 1 }
        return (stage...Self.lastStage).reduce(1.0) { rate, _ in rate * decay }
    }
}
