import Annotations
import Base
import Geometry
import Layers
import Models
import Torch

/// A detector as a whole: network, classes and canvas. What a weights file holds and `predict` needs.
public final class Detector: TaskModel {
    /// Objects get boxes.
    public static let task = TaskName.detection
    /// 2: smaller anchors of `nano`.
    public static let format = 2

    /// Its name in the zoo.
    public let name: String
    /// What the channels of its output mean.
    public let classes: ClassTable
    /// The size of the pictures it is given, in pixels, a multiple of 32 a side.
    public let canvas: Size
    /// Its every choice, from anchors to suppression.
    public let spec: RetinaNetSpec
    /// Its weights and statistics by name.
    public let parameters: ParameterStore
    /// The network over `parameters`.
    public let model: RetinaNet
    /// The anchors of the canvas.
    public let anchors: Anchors

    /// A detector with random weights.
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
        var spec = try Zoo.detector(name, classes: classes.count)
        spec.backbone = try changes.changed(spec.backbone)
        self.spec = spec
        parameters = changes.store(spec.backbone, seed: seed, device: device)
        model = RetinaNet(parameters.root, spec)
        anchors = Anchors(spec.anchors, canvas: canvas)
    }

    /// ResNet, EfficientNet or SpineNet.
    public var backbone: BackboneSpec { spec.backbone }

    /// Focal and Huber losses over anchors.
    public func objective(_ loss: LossOptions) -> any Objective { DetectionObjective(self) }

    /// With softmax cross-entropy of the classes of other pictures.
    public func jointObjective(_ loss: LossOptions, classes: Int) throws(Failure) -> any Objective {
        try JointObjective(DetectionObjective(self), backbone, loss, classes: classes)
    }
}
