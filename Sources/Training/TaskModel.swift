import Annotations
import Base
import Checkpoints
import Geometry
import Layers
import Loading
import Torch

/// A network with its classes, for a task: what can be trained, measured, saved. `Detector` and `Segmenter`.
public protocol TaskModel: AnyObject {
    /// The word of `--task`.
    static var task: TaskName { get }
    /// What its answers depend on beside the weights.
    associatedtype InferenceOptions: InferenceChoices

    /// What the channels of its output mean.
    var classes: ClassTable { get }
    /// Its weights and statistics by name.
    var parameters: ParameterStore { get }

    /// A model of the zoo with random weights.
    /// - Throws: `.usage` where the name is unknown or of another task, or the canvas does not fit.
    init(name: String, classes: ClassTable, canvas: Size, seed: UInt64, device: Device) throws(Failure)
    /// The model of a file that `save` wrote.
    init(weights path: String, device: Device) throws(Failure)

    /// What the loop trains it by.
    var objective: any Objective { get }
    /// Writes the weights with what is needed to use them, and `note`.
    func save(to path: String, note: [String: JSON]) throws(Failure)
    /// Scores a labelled set.
    /// - Parameter folder: gets what was predicted; nil: nothing is kept.
    func score(_ set: Dataset, _ options: InferenceOptions, into folder: String?) throws(Failure) -> TaskScore
}

/// What is learned.
public enum TaskName: String, CaseIterable, Sendable {
    /// Boxes.
    case detection
    /// A class for each pixel.
    case segmentation
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
}
