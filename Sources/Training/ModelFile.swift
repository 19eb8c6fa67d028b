import Annotations
import Base
import Checkpoints
import Geometry
import Layers
import Torch

/// What a weights file of ours says of itself: enough to make the network again and to know what its channels mean.
struct ModelFile {
    /// The word of `--task`: `detection`, `segmentation`.
    var task: String
    /// Raised when a model of the zoo becomes another one with the same tensors.
    var format: Int
    /// Its name in the zoo.
    var model: String
    var canvas: Size
    var classes: ClassTable

    /// - Parameter expected: the task, and the format that this program writes for it.
    /// - Throws: a `Failure` that names the file and what is missing in it or other than expected.
    init(_ file: SafetensorsFile, expected: (task: TaskName, format: Int)) throws(Failure) {
        let path = file.path
        let about = try Self.metadata(file)
        task = Self.task(about)
        guard task == expected.task.rawValue else {
            throw .data("\(path): is a model for \(task), and one for \(expected.task.rawValue) was expected")
        }
        guard about["format"]?.int == expected.format else {
            throw .data(
                "\(path): is of format \(about["format"]?.canonical ?? "none"); this program reads format "
                    + "\(expected.format), since a model of the same name may mean something else in another; train it anew"
            )
        }
        guard let model = about["model"]?.string, let width = about["width"]?.int, let height = about["height"]?.int,
            let names = about["classes"]?.array?.compactMap(\.string),
            let ids = about["class_ids"]?.array?.compactMap(\.int), names.count == ids.count,
            !names.isEmpty || !expected.task.hasClasses
        else { throw .data("\(path): the metadata lacks model, width, height, classes or class_ids") }
        format = expected.format
        self.model = model
        canvas = Size(width: width, height: height)
        classes = ClassTable(names: names, ids: ids)
    }

    init(task: TaskName, format: Int, model: String, canvas: Size, classes: ClassTable) {
        self.task = task.rawValue
        self.format = format
        self.model = model
        self.canvas = canvas
        self.classes = classes
    }

    /// What a file says of itself.
    static func metadata(_ file: SafetensorsFile) throws(Failure) -> JSON {
        guard let text = file.metadata["pupil"] else {
            throw .data("\(file.path) is no trained model of ours: its metadata has no \"pupil\"")
        }
        return try JSON.parse(text, file: "\(file.path) (metadata)")
    }

    /// The classes that a file of ours names; nil in a file of others, which says nothing of them.
    static func classNames(_ metadata: [String: String]) -> [String]? {
        guard let text = metadata["pupil"], let about = try? JSON.parse(text) else { return nil }
        return about["classes"]?.array?.compactMap(\.string)
    }

    static func task(_ about: JSON) -> String { about["task"]?.string ?? TaskName.detection.rawValue }

    /// Writes the weights of `parameters` with this, whole or not at all.
    func write(_ parameters: ParameterStore, note: [String: JSON], to path: String) throws(Failure) {
        var about: [String: JSON] = [
            "task": .string(task), "format": .int(format), "model": .string(model), "width": .int(canvas.width),
            "height": .int(canvas.height), "classes": .array(classes.names.map { .string($0) }),
            "class_ids": .array(classes.ids.map { .int($0) }),
        ]
        about.merge(note) { $1 }
        try TensorFile.write(
            parameters.entries.filter { !$0.name.hasPrefix(JointObjective.scope + ".") }.map {
                (name: $0.name, tensor: $0.tensor)
            },
            metadata: ["format": "pt", "pupil": JSON.object(about).canonical], to: path)
    }
}

extension WeightsFile {
    /// The model that a file of ours is of, and the side of its pictures; nil in a file of others.
    public var about: (model: String, size: Int)? {
        guard let text = metadata["pupil"], let about = try? JSON.parse(text), let model = about["model"]?.string,
            let width = about["width"]?.int
        else { return nil }
        return (model, width)
    }
}

extension ParameterStore {
    /// Takes every tensor from a file that has just these.
    ///
    /// - Throws: a `Failure` that names the tensor which the file or the model lacks, or whose shape or type differs.
    func loadAll(from file: SafetensorsFile, model name: String) throws(Failure) {
        let known = Set(entries.map(\.name))
        if let extra = file.entries.first(where: { !known.contains($0.name) }) {
            throw .data(
                "\(file.path): \(extra.name) belongs to another model than \(name)\(didYouMean(extra.name, known))")
        }
        try TensorFile.load(entries.map { (name: $0.name, tensor: $0.tensor) }, from: file)
    }
}

/// For networks without a pyramid any size will do.
/// - Throws: `.usage` where a side has under 32 pixels, of which nothing would be left on the deepest maps.
public func requireSides(_ canvas: Size) throws(Failure) {
    guard min(canvas.width, canvas.height) >= 32 else {
        throw .usage("size: \(canvas.width)x\(canvas.height) is less than 32 pixels a side")
    }
}

/// - Throws: `.usage` where a side is no multiple of 32, the stride of the networks' deepest maps.
public func requireCanvas(_ canvas: Size) throws(Failure) {
    guard canvas.width > 0, canvas.height > 0, canvas.width % 32 == 0, canvas.height % 32 == 0 else {
        throw .usage("size: \(canvas.width)x\(canvas.height) is no multiple of 32 pixels a side")
    }
}
