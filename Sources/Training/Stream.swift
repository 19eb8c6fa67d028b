import Annotations
import Augmentation

/// Which data feeds a run, and how much of each batch is it. The streams make the kind of training:
///
///     supervised  = [human]
///     self-train  = [human, pseudo]
///     joint       = [human, classes]
///     contrastive = [unlabelled]
public struct Stream: Sendable {
    /// `human`, `pseudo`, `classes`, `unlabelled`: the prefix of its metrics.
    public var name: String
    /// The pictures and labels it draws from.
    public var dataset: Dataset
    /// How its pictures come onto canvases.
    public var variation: Variation
    /// Pictures of it in an (effective) batch, each as often as it has views.
    public var images: Int

    /// A stream; a run needs at least one.
    public init(name: String, dataset: Dataset, _ variation: Variation, images: Int) {
        self.name = name
        self.dataset = dataset
        self.variation = variation
        self.images = images
    }

    /// A stream of whole pictures.
    public init(name: String, dataset: Dataset, policy: Policy, images: Int) {
        self.init(name: name, dataset: dataset, .fitted(policy), images: images)
    }
}
