import Annotations
import Base
import Geometry
import Layers
import Loading
import Models
import Torch

/// A backbone that learns from pictures without labels (SimCLR, Chen et al. 2020), on the backbone of any model of the
/// zoo. What it saves is a backbone like any other, with its projection beside it, which nothing else takes.
public final class ContrastiveEncoder: TaskModel {
    /// No labels.
    public static let task = TaskName.contrastive
    /// 1: the first.
    public static let format = 1

    /// Of the model whose backbone it is.
    public let name: String
    /// None.
    public let classes: ClassTable
    /// The size of the views, in pixels, 32 a side at least.
    public let canvas: Size
    /// ResNet or EfficientNet.
    public let backbone: BackboneSpec
    /// Its weights and statistics by name.
    public let parameters: ParameterStore
    /// The network over `parameters`.
    public let model: ContrastiveNet

    /// An encoder with random weights.
    ///
    /// - Throws: a `Failure` with `.usage` where the name is unknown or its backbone is a SpineNet, the canvas has
    ///   under 32 pixels a side, or a change does not fit the network.
    public init(
        name: String, classes: ClassTable, canvas: Size, changes: NetworkChanges, seed: UInt64, device: Device
    ) throws(Failure) {
        try requireSides(canvas)
        self.name = name
        self.classes = classes
        self.canvas = canvas
        backbone = try changes.changed(try Zoo.classifier(name, classes: 1).backbone)
        parameters = changes.store(backbone, seed: seed, device: device)
        model = ContrastiveNet(parameters.root, backbone)
    }

    /// NT-Xent.
    public func objective(_ loss: LossOptions) -> any Objective { ContrastiveObjective(self, loss) }

    /// How it runs over a dataset: it does not.
    public struct InferenceOptions: InferenceChoices {
        /// Of convolutions; nil is fp32.
        public var precision: DType?
        /// Threads that decode pictures.
        public var workers = 1
        /// Skip pictures that cannot be read instead of failing.
        public var skipsRefused = false
        /// Nothing.
        public var keys: [String: JSON] { [:] }

        /// The defaults, in that precision.
        public init(precision: DType? = nil) { self.precision = precision }
    }

    /// - Throws: always `.usage`: without labels there is nothing to score by; `pupil probe` says what features are worth.
    public func score(_ set: Dataset, _ options: InferenceOptions, into folder: String?) throws(Failure) -> TaskScore {
        throw .usage("an encoder without classes has no score; `pupil probe` measures its features")
    }
}

/// An objective in which all pictures of a step meet: its loss needs the embeddings of every pass at once.
public protocol ContrastingObjective: Objective {
    /// `[N, D]` of the canvases of a pass.
    func embeddings(_ images: Tensor, precision: DType?, noise: Noise) -> Tensor
    /// The loss of a step's embeddings, of which row i of `a` and of `b` belong together, `[N, D]` both.
    func loss(_ a: Tensor, _ b: Tensor) -> StreamLoss
}

/// An encoder and NT-Xent over two views of each picture.
public final class ContrastiveObjective: ContrastingObjective {
    private let encoder: ContrastiveEncoder
    private let temperature: Double

    /// The objective of an encoder.
    public init(_ encoder: ContrastiveEncoder, _ loss: LossOptions = LossOptions()) {
        self.encoder = encoder
        temperature = loss.temperature
    }

    /// The encoder's.
    public var parameters: ParameterStore { encoder.parameters }
    /// Two.
    public var views: Int { 2 }

    /// The projection of each canvas.
    public func embeddings(_ images: Tensor, precision: DType?, noise: Noise) -> Tensor {
        withAutocast(precision, on: images.device) { encoder.model(images, .training(noise)) }
    }

    /// NT-Xent (`ntxent`); `positives` counts pictures.
    public func loss(_ a: Tensor, _ b: Tensor) -> StreamLoss {
        let loss = ContrastiveLoss.ntXent(a, b, temperature: temperature)
        return StreamLoss(total: loss, parts: [("ntxent", loss)], positives: a.size(0))
    }

    /// The loss of each group on its own: first views in its first half, second ones in its second.
    public func losses(_ inputs: Inputs, groups: [Range<Int>], precision: DType?, noise: Noise) -> [StreamLoss] {
        let all = embeddings(inputs.images, precision: precision, noise: noise)
        return groups.map { group in
            let half = group.count / 2
            return loss(
                all.narrowed(0, start: group.lowerBound, length: half),
                all.narrowed(0, start: group.lowerBound + half, length: half))
        }
    }
}
