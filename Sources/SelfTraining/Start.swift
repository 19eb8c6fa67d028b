import Annotations
import Base
import Checkpoints
import Layers
import Models
import Torch
import Training

/// Where a model's weights begin.
public enum Start: Sendable {
    /// Initial values drawn from the seed and each tensor's name.
    case random
    /// A finished training stage, its chosen weights.
    case stage(Stage)
    /// A weights file of any form, and how it is read.
    case file(String, WeightsReading)

    func identity() throws(Failure) -> String {
        switch self {
        case .random: "random"
        case .stage(let stage): stage.weightsName
        case .file(let path, let reading): "file-" + (try Files.digest(path)).description + reading.identity
        }
    }

    /// Holds a file's names and shapes against the model that would begin from it, before anything is trained.
    /// - Returns: what would be taken and what not; nil where there is no file.
    /// - Throws: what does not fit, by name; what cannot be read.
    public func check<Model: TaskModel>(
        for recipe: TrainingRecipe, classes: ClassTable, _: Model.Type
    ) throws(Failure) -> String? {
        guard case .file(let path, let reading) = self else { return nil }
        let file = try WeightsFile.open(path, key: reading.key)
        let sketch = try Model(
            name: recipe.model, classes: classes, canvas: recipe.canvas, changes: recipe.changes, seed: 0, device: .meta
        )
        do throws(Failure) {
            return try sketch.match(file, allow: reading.allow, pixels: reading.pixels).summary
        } catch {
            // The commonest cause, where the file says it.
            guard let theirs = file.about?.model, theirs != recipe.model else { throw error }
            throw Failure(error.code, "\(error.message); it is of \(theirs), and \(recipe.model) would begin from it")
        }
    }

    var reading: WeightsReading {
        if case .file(_, let reading) = self { return reading }
        return WeightsReading()
    }

    var weights: String? {
        switch self {
        case .random: nil
        case .stage(let stage): stage.weightsFile
        case .file(let path, _): path
        }
    }
}

/// How a weights file is read as a start.
public struct WeightsReading: Sendable {
    /// Which dictionary of a torch file; nil: by the rules of `WeightsFile`.
    public var key: String?
    /// Patterns of names that may be missing, extra or of another shape.
    public var allow: [String]
    /// How the file's network saw pixels.
    public var pixels: PixelScale
    /// What the norms of the file's network add to their variances; nil: as here.
    public var eps: Double?

    /// A reading; nothing but a whole fit is allowed where nothing is said.
    public init(key: String? = nil, allow: [String] = [], pixels: PixelScale = .imagenet, eps: Double? = nil) {
        self.key = key
        self.allow = allow
        self.pixels = pixels
        self.eps = eps
    }

    /// What of it changes the weights; empty where it is the usual.
    var identity: String {
        var parts: [String] = []
        if let key { parts.append("key=\(key)") }
        if !allow.isEmpty { parts.append("allow=\(allow.sorted().joined(separator: ","))") }
        if pixels != .imagenet { parts.append("pixels=\(pixels.rawValue)") }
        if let eps { parts.append("eps=\(eps)") }
        return parts.map { "+" + $0 }.joined()
    }
}
