import Annotations
import Base
import Checkpoints
import Geometry
import Layers
import Models
import Torch

/// A detector as a whole: network, classes and canvas. What a weights file holds and `predict` needs.
public final class Detector: TaskModel {
    /// Objects get boxes.
    public static let task = TaskName.detection

    /// Raised when a model of the zoo becomes another one with the same tensors: 2, smaller anchors of `nano`.
    static let format = 2

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
    /// - Throws: a `Failure` with `.usage` where the name is unknown or the canvas is no multiple of 32 a side.
    public init(name: String, classes: ClassTable, canvas: Size, seed: UInt64, device: Device) throws(Failure) {
        try requireCanvas(canvas)
        self.name = name
        self.classes = classes
        self.canvas = canvas
        spec = try Zoo.detector(name, classes: classes.count)
        parameters = ParameterStore(seed: seed, device: device)
        model = RetinaNet(parameters.root, spec)
        anchors = Anchors(spec.anchors, canvas: canvas)
    }

    /// The detector of a weights file that `save` wrote.
    ///
    /// - Throws: a `Failure` that names the file and what is wrong with it.
    public convenience init(weights path: String, device: Device) throws(Failure) {
        let file = try SafetensorsFile(path)
        let about = try ModelFile(file, expected: (Self.task, Self.format))
        do throws(Failure) {
            try self.init(name: about.model, classes: about.classes, canvas: about.canvas, seed: 0, device: device)
        } catch { throw .data("\(path): \(error.message)") }  // the file's fault, not the command line's
        try parameters.loadAll(from: file, model: name)
    }

    /// Writes the weights with what is needed to use them (model, canvas, classes, and `note`), whole or not at all.
    ///
    /// - Throws: a `Failure` where the file cannot be written.
    public func save(to path: String, note: [String: JSON] = [:]) throws(Failure) {
        try ModelFile(
            task: Self.task, format: Self.format, model: name, canvas: canvas, classes: classes
        ).write(parameters, note: note, to: path)
    }

    /// Focal and Huber losses over anchors.
    public var objective: any Objective { DetectionObjective(self) }
}
