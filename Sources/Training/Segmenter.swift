import Annotations
import Base
import Geometry
import Layers
import Models
import Torch

/// A segmenter as a whole: network, classes and canvas. What a weights file holds and `predict` needs.
public final class Segmenter: TaskModel {
    /// Pixels get classes.
    public static let task = TaskName.segmentation
    /// 1: the first.
    public static let format = 1
    /// Pixels of the canvas a side for each place of the network's output.
    public static let stride = 4

    /// Its name in the zoo.
    public let name: String
    /// What the channels of its output mean.
    public let classes: ClassTable
    /// The size of the pictures it is given, in pixels, a multiple of 32 a side.
    public let canvas: Size
    /// Its every choice.
    public let spec: SegmentationSpec
    /// Its weights and statistics by name.
    public let parameters: ParameterStore
    /// The network over `parameters`.
    public let model: SegmentationNet

    /// A segmenter with random weights.
    ///
    /// - Throws: a `Failure` with `.usage` where the name is unknown, the canvas is no multiple of 32 a side, or a change
    ///   does not fit the network.
    public init(
        name: String, classes: ClassTable, canvas: Size, changes: NetworkChanges, seed: UInt64, device: Device
    ) throws(Failure) {
        try requireCanvas(canvas)
        self.name = name
        self.classes = classes
        self.canvas = canvas
        var spec = try Zoo.segmenter(name, classes: classes.count)
        spec.backbone = try changes.changed(spec.backbone)
        self.spec = spec
        parameters = changes.store(spec.backbone, seed: seed, device: device)
        model = SegmentationNet(parameters.root, spec)
    }

    /// ResNet or EfficientNet.
    public var backbone: BackboneSpec { spec.backbone }

    /// Cross-entropy of pixels.
    public func objective(_ loss: LossOptions) -> any Objective { SegmentationObjective(self) }

    /// With softmax cross-entropy of the classes of other pictures.
    public func jointObjective(_ loss: LossOptions, classes: Int) throws(Failure) -> any Objective {
        try JointObjective(SegmentationObjective(self), backbone, loss, classes: classes)
    }
}
