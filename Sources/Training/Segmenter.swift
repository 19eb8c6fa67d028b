import Annotations
import Base
import Checkpoints
import Geometry
import Layers
import Models
import Torch

/// A segmenter as a whole: network, classes and canvas. What a weights file holds and `predict` needs.
public final class Segmenter: TaskModel {
    /// Pixels get classes.
    public static let task = TaskName.segmentation
    static let format = 1
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
    /// - Throws: a `Failure` with `.usage` where the name is unknown or the canvas is no multiple of 32 a side.
    public init(name: String, classes: ClassTable, canvas: Size, seed: UInt64, device: Device) throws(Failure) {
        try requireCanvas(canvas)
        self.name = name
        self.classes = classes
        self.canvas = canvas
        spec = try Zoo.segmenter(name, classes: classes.count)
        parameters = ParameterStore(seed: seed, device: device)
        model = SegmentationNet(parameters.root, spec)
    }

    /// The segmenter of a weights file that `save` wrote.
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

    /// Cross-entropy of pixels.
    public var objective: any Objective { SegmentationObjective(self) }
}
