import Annotations
import Augmentation

/// Which data feeds a run, and how much of each batch is it. The streams make the kind of training:
///
///     supervised  = [human]
///     self-train  = [human, pseudo]
public struct Stream: Sendable {
    /// `human`, `pseudo`: the prefix of its metrics.
    public var name: String
    public var dataset: Dataset
    public var policy: Policy
    /// Pictures of it in an (effective) batch.
    public var images: Int

    public init(name: String, dataset: Dataset, policy: Policy, images: Int) {
        self.name = name
        self.dataset = dataset
        self.policy = policy
        self.images = images
    }
}
