import Annotations
import Base
import Checkpoints
import Evaluation
import Geometry
import Layers
import Loading
import Models
import Torch

/// A network for a task, with its classes: what can be trained, measured, saved. `Detector`, `Segmenter`, `Classifier`
/// and, without labels, `ContrastiveEncoder`.
public protocol TaskModel: AnyObject {
    /// What is learned.
    static var task: TaskName { get }
    /// Raised when a model of the zoo becomes another one with the same tensors.
    static var format: Int { get }
    /// What its answers depend on beside the weights.
    associatedtype InferenceOptions: InferenceChoices

    /// Its name in the zoo.
    var name: String { get }
    /// What the channels of its output mean.
    var classes: ClassTable { get }
    /// The size of the pictures it is given, in pixels, a multiple of 32 a side.
    var canvas: Size { get }
    /// What it stands on.
    var backbone: BackboneSpec { get }
    /// Its weights and statistics by name.
    var parameters: ParameterStore { get }

    /// A model of the zoo with random weights.
    /// - Throws: `.usage` where the name is unknown or of another task, the canvas does not fit, or a change does not.
    init(
        name: String, classes: ClassTable, canvas: Size, changes: NetworkChanges, seed: UInt64, device: Device
    ) throws(Failure)

    /// What the loop trains it by.
    func objective(_ loss: LossOptions) -> any Objective
    /// The same with classification of other pictures on its backbone, as joint training has it.
    /// - Throws: `.usage` where the model cannot.
    func jointObjective(_ loss: LossOptions, classes: Int) throws(Failure) -> any Objective
    /// Scores a labelled set.
    /// - Parameter folder: gets what was predicted; nil: nothing is kept.
    /// - Throws: `.interrupted` or `.terminated` after a signal, what reading throws.
    func score(_ set: Dataset, _ options: InferenceOptions, into folder: String?) throws(Failure) -> TaskScore
}

extension TaskModel {
    /// A model of the zoo as it is, with random weights.
    public init(
        name: String, classes: ClassTable, canvas: Size, seed: UInt64, device: Device
    ) throws(Failure) {
        try self.init(
            name: name, classes: classes, canvas: canvas, changes: NetworkChanges(), seed: seed, device: device)
    }

    /// The model of a weights file that `save` wrote.
    /// - Throws: a `Failure` that names the file and what is wrong with it.
    public init(weights path: String, device: Device) throws(Failure) {
        let file = try SafetensorsFile(path)
        let about = try ModelFile(file, expected: (Self.task, Self.format))
        do throws(Failure) {
            try self.init(name: about.model, classes: about.classes, canvas: about.canvas, seed: 0, device: device)
        } catch { throw .data("\(path): \(error.message)") }  // the file's fault, not the command line's
        try parameters.loadAll(from: file, model: name)
    }

    /// Writes the weights with what is needed to use them (model, canvas, classes, and `note`), whole or not at all.
    /// - Throws: a `Failure` where the file cannot be written.
    public func save(to path: String, note: [String: JSON] = [:]) throws(Failure) {
        try ModelFile(
            task: Self.task, format: Self.format, model: name, canvas: canvas, classes: classes
        ).write(parameters, note: note, to: path)
    }

    /// Takes the weights of another model, or of a backbone. Class heads are kept apart: a file that says that its classes
    /// are others gives no prediction layer, however many classes there are.
    ///
    /// - Returns: what was taken and what was not.
    /// - Throws: what cannot be read, and what does not fit, by name.
    public func begin(
        from file: WeightsFile, allow: [String] = [], pixels: PixelScale = .imagenet, eps: Double? = nil
    ) throws(Failure) -> WeightMatch {
        try parameters.load(file, allow: allow, pixels: pixels, eps: eps, isOfOtherClasses: isOfOtherClasses(file))
    }

    /// How `begin` would take a file; the model may be on `meta`.
    /// - Throws: what `begin` throws.
    public func match(
        _ file: WeightsFile, allow: [String] = [], pixels: PixelScale = .imagenet
    ) throws(Failure) -> WeightMatch {
        try parameters.match(file, allow: allow, pixels: pixels, isOfOtherClasses: isOfOtherClasses(file))
    }

    private func isOfOtherClasses(_ file: WeightsFile) -> Bool {
        let theirs = ModelFile.classNames(file.metadata)
        return theirs != nil && theirs != classes.names
    }

    /// The objective with the task's usual loss.
    public var objective: any Objective { objective(LossOptions()) }

    /// Where nothing else is said, a model learns one thing at a time.
    public func jointObjective(_ loss: LossOptions, classes: Int) throws(Failure) -> any Objective {
        throw .usage("joint: a model for \(Self.task.rawValue) is not trained jointly with classification")
    }
}

/// What a recipe decides about the loss.
public struct LossOptions: Hashable, Sendable {
    /// Of classification: the part of the target that is spread over all classes evenly.
    public var smoothing: Double
    /// Of contrastive learning: what similarities are divided by.
    public var temperature: Double

    /// Options; without more the plain loss, and the paper's temperature.
    public init(smoothing: Double = 0, temperature: Double = 0.1) {
        self.smoothing = smoothing
        self.temperature = temperature
    }

    /// What of it departs from the plain loss, for the identity of a run.
    public var json: [String: JSON] {
        var keys: [String: JSON] = [:]
        if smoothing != 0 { keys["smoothing"] = .double(smoothing) }
        if temperature != 0.1 { keys["temperature"] = .double(temperature) }
        return keys
    }
}

/// What is learned.
public enum TaskName: String, CaseIterable, Sendable {
    /// Boxes.
    case detection
    /// A class for each pixel.
    case segmentation
    /// A class for each picture.
    case classification
    /// What pictures have in common, without labels.
    case contrastive

    /// Whether its models have classes.
    var hasClasses: Bool { self != .contrastive }
}

extension TaskName {
    /// The task of the model in a weights file that we wrote.
    /// - Throws: `.invalidData` where it is no such file.
    public init(ofWeights path: String) throws(Failure) {
        let name = ModelFile.task(try ModelFile.metadata(try SafetensorsFile(path)))
        guard let task = TaskName(rawValue: name) else {
            throw .data("\(path): is a model for \(name), which this program does not know")
        }
        self = task
    }
}

/// How a model runs over a dataset.
public protocol InferenceChoices: Sendable {
    /// The model's own ways.
    init(precision: DType?)
    /// Of convolutions; nil is fp32.
    var precision: DType? { get set }
    /// Threads that decode pictures.
    var workers: Int { get set }
    /// Skip pictures that cannot be read instead of failing.
    var skipsRefused: Bool { get set }
    /// What of it changes answers, without the precision; empty where nothing departs from the model's own.
    var keys: [String: JSON] { get }
}

/// What a set says of a model.
public struct TaskScore: Sendable {
    /// `metrics.json`: fractions of 1.
    public var json: JSON
    /// The same for people, in points.
    public var table: String
    /// Columns of `results.csv`.
    public var columns: [String: JSON]
    /// By which the best weights are chosen, greater being better.
    public var value: Double
    /// What was wrong with pictures.
    public var quarantine: Quarantine
    /// What was found in each picture, where it is kept.
    public var records: PictureRecords?
}
