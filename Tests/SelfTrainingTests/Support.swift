import Annotations
import Augmentation
import Base
import Geometry
import Glibc
import Scenes
import Synchronization
import Torch

@testable import SelfTraining

/// A folder of its own with a small drawn set in it, removed with the object.
final class Scratch {
    let path: String

    init() throws {
        var template = Array("/tmp/pupil-selftraining-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure.environment("no folder for a test") }
        path = template.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
    }

    deinit { try? Files.remove(path) }

    func file(_ name: String) -> String { Files.join(path, name) }

    /// train 14, val 2, test 4 of `count` 20, of 64 pixels a side.
    func scenes(
        _ count: Int = 20, seed: UInt64 = 5, folder: String = "set"
    ) throws -> (train: Dataset, val: Dataset, test: Dataset) {
        try Scenes.write(
            images: count, seed: seed, to: file(folder),
            style: SceneStyle(size: Size(width: 64, height: 64), objects: 1...2, sizes: 0.3...0.6))
        func set(_ name: String) throws -> Dataset {
            try Dataset.coco(file("\(folder)/annotations/instances_\(name).json"), images: file("\(folder)/images"))
        }
        return (try set("train"), try set("val"), try set("test"))
    }
}

/// What a run said, line by line.
final class Notes: Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }
    func add(_ line: String) { lines.withLock { $0.append(line) } }
}

extension TrainingRecipe {
    /// A few steps of `pico`; teaches nothing, but walks the whole way.
    static func quick(steps: Int = 4, seed: UInt64 = 0) -> TrainingRecipe {
        TrainingRecipe(
            model: "pico", size: 64, batch: 2, steps: steps, optimizer: .adamw, lr: 1e-3, decay: 0.05, warmup: 1,
            clip: 10, averageDecay: 0, augment: .fitted(.s1), precision: nil, seed: seed)
    }
}
