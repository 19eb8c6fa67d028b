import Annotations
import Base
import Checkpoints
import Geometry
import Layers
import Models
import Torch

/// A detector as a whole: network, classes and canvas. What a weights file holds and `predict` needs.
public final class Detector {
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
        guard canvas.width > 0, canvas.height > 0, canvas.width % 32 == 0, canvas.height % 32 == 0 else {
            throw .usage("size: \(canvas.width)x\(canvas.height) is no multiple of 32 pixels a side")
        }
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
        guard let text = file.metadata["pupil"] else {
            throw .data("\(path) is not a detector of ours: its metadata has no \"pupil\"")
        }
        let about = try JSON.parse(text, file: "\(path) (metadata)")
        guard about["format"]?.int == Self.format else {
            throw .data(
                "\(path): is a detector of format \(about["format"]?.canonical ?? "none"); this program reads format "
                    + "\(Self.format), since a model of the same name may mean other boxes in another; train it anew")
        }
        guard let name = about["model"]?.string, let width = about["width"]?.int, let height = about["height"]?.int,
            let names = about["classes"]?.array?.compactMap(\.string),
            let ids = about["class_ids"]?.array?.compactMap(\.int), names.count == ids.count, !names.isEmpty
        else { throw .data("\(path): the metadata lacks model, width, height, classes or class_ids") }
        do throws(Failure) {
            try self.init(
                name: name, classes: ClassTable(names: names, ids: ids), canvas: Size(width: width, height: height),
                seed: 0, device: device)
        } catch { throw .data("\(path): \(error.message)") }  // the file's fault, not the command line's
        try load(file)
    }

    /// Takes every tensor from a file that has just these.
    ///
    /// - Throws: a `Failure` that names the tensor which the file or the model lacks, or whose shape or type differs.
    public func load(_ file: SafetensorsFile) throws(Failure) {
        let known = Set(parameters.entries.map(\.name))
        if let extra = file.entries.first(where: { !known.contains($0.name) }) {
            throw .data(
                "\(file.path): \(extra.name) belongs to another model than \(name)\(didYouMean(extra.name, known))")
        }
        try TensorFile.load(parameters.entries.map { (name: $0.name, tensor: $0.tensor) }, from: file)
    }

    /// Writes the weights with what is needed to use them (model, canvas, classes, and `note`), whole or not at all.
    ///
    /// - Throws: a `Failure` where the file cannot be written.
    public func save(to path: String, note: [String: JSON] = [:]) throws(Failure) {
        var about: [String: JSON] = [
            "format": .int(Self.format), "model": .string(name), "width": .int(canvas.width),
            "height": .int(canvas.height),
            "classes": .array(classes.names.map { .string($0) }), "class_ids": .array(classes.ids.map { .int($0) }),
        ]
        about.merge(note) { $1 }
        try TensorFile.write(
            parameters.entries.map { (name: $0.name, tensor: $0.tensor) },
            metadata: ["format": "pt", "pupil": JSON.object(about).canonical], to: path)
    }
}
