import Annotations
import Augmentation

/// Which data feeds a run, and how much of each batch is it. The streams make the kind of training:
///
///     supervised  = [human]
///     self-train  = [human, pseudo]
public struct Stream: Sendable {
    /// `human`, `pseudo`: the prefix of its metrics.
    public var name: String
    /// The pictures and labels it draws from.
    public var dataset: Dataset
    /// How its pictures are varied.
    public var policy: Policy
    /// Pictures of it in an (effective) batch.
    public var images: Int

    /// A stream; a run needs at least one.
    public init(name: String, dataset: Dataset, policy: Policy, images: Int) {
        self.name = name
        self.dataset = dataset
        self.policy = policy
        self.images = images
    }
}
