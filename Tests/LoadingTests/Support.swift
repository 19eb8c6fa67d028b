import Annotations
import Augmentation
import Base
import Geometry
import Glibc
import Imaging
import Scenes
import Torch

@testable import Loading

/// A folder of its own, removed with the object.
final class Scratch {
    let path: String

    init() throws {
        var template = Array("/tmp/pupil-loading-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure.environment("no folder for a test") }
        path = template.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
    }

    deinit { try? Files.remove(path) }

    func file(_ name: String) -> String { Files.join(path, name) }

    /// Drawn pictures of three shapes (wide, high, square) with their boxes.
    func pictures(_ count: Int, seed: UInt64, folder: String) throws -> Dataset {
        try Files.makeFolder(file(folder))
        let sizes = [Size(width: 72, height: 48), Size(width: 40, height: 64), Size(width: 56, height: 56)]
        var set = Dataset(root: file(folder), classes: Scenes.classes, examples: [])
        for i in 0..<count {
            let size = sizes[i % sizes.count]
            let scene = Scenes.draw(index: i, seed: seed, style: SceneStyle(size: size, objects: 2...3))
            let name = "picture \(i).png"
            try Files.write(scene.image.png(), to: Files.join(set.root, name))
            set.examples.append(Example(id: i + 1, fileName: name, size: size, annotations: scene.annotations))
        }
        return set
    }

    /// Unlabelled JPEGs of these sizes.
    func photographs(_ sizes: [Size]) throws -> Dataset {
        var set = Dataset(root: file("photographs"), classes: Scenes.classes, examples: [])
        try Files.makeFolder(set.root)
        for (i, size) in sizes.enumerated() {
            let scene = Scenes.draw(index: i, seed: 5, style: SceneStyle(size: size, objects: 2...3))
            try Files.write(scene.image.jpeg(), to: Files.join(set.root, "\(i).jpg"))
            set.examples.append(Example(id: i + 1, fileName: "\(i).jpg", size: size))
        }
        return set
    }

    /// Makes a picture unreadable.
    func spoil(_ set: Dataset, _ index: Int) throws {
        try Files.write("no picture", to: set.path(of: set.examples[index]))
    }
}

/// All that a batch holds, as values.
struct Shot: Equatable {
    var pixels: [UInt32]
    var sources: [Int]
    var indices: [Int]
    var plans: [Plan]
    var annotations: [[Annotation]]
    var refusals: [String?]

    init(_ batch: Batch) {
        // In the order of memory, so that a slot's pixels lie together.
        pixels = batch.images.withMutableElements(of: Float.self) { $0.map(\.bitPattern) }
        sources = batch.items.map(\.source)
        indices = batch.items.map(\.index)
        plans = batch.items.map(\.plan)
        annotations = batch.items.map(\.annotations)
        refusals = batch.items.map(\.refusal)
    }

    func slot(_ i: Int, of count: Int) -> [UInt32] {
        let length = pixels.count / count
        return Array(pixels[i * length..<(i + 1) * length])
    }
}

extension Loader {
    /// What is left, batch by batch.
    func shots() throws -> [Shot] {
        var shots: [Shot] = []
        while let batch = try nextBatch() { shots.append(Shot(batch)) }
        return shots
    }
}

let canvas = Size(width: 64, height: 64)

func options(batch: Int, workers: Int = 1, cache: Int = 1 << 30, prefetch: Int = 3) -> Loader.Options {
    var options = Loader.Options(canvas: canvas, batch: batch, workers: workers)
    options.cacheBytes = cache
    options.prefetch = prefetch
    return options
}
