import Annotations
import Augmentation
import Base
import Checkpoints
import Geometry
import Glibc
import Imaging
import Layers
import Loading
import Scenes
import Torch

@testable import Training

/// A folder of its own, removed with the object.
final class Scratch {
    let path: String

    init() throws {
        var template = Array("/tmp/pupil-training-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure.environment("no folder for a test") }
        path = template.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
    }

    deinit { try? Files.remove(path) }

    func file(_ name: String) -> String { Files.join(path, name) }

    /// Drawn pictures with their boxes.
    func scenes(
        _ count: Int, seed: UInt64, folder: String, size: Size = Size(width: 64, height: 64),
        style change: (inout SceneStyle) -> Void = { _ in }
    ) throws -> Dataset {
        try Files.makeFolder(file(folder))
        var style = SceneStyle(size: size, objects: 1...3)
        change(&style)
        var set = Dataset(root: file(folder), classes: Scenes.classes, examples: [])
        for i in 0..<count {
            let scene = Scenes.draw(index: i, seed: seed, style: style)
            let name = "\(i).png"
            try Files.write(scene.image.png(), to: Files.join(set.root, name))
            set.examples.append(Example(id: i + 1, fileName: name, size: size, annotations: scene.annotations))
        }
        return set
    }
}

/// A small model without norms, so that a step in parts is the step: two convolutions that are to say the mean number
/// of boxes; a statistic that counts pictures.
final class Toy: Objective {
    let parameters: ParameterStore
    private let first: Tensor
    private let second: Tensor
    private let bias: Tensor
    private let count: Tensor
    /// The call at which the loss is not a number, from 0.
    var poisonedCall: Int?
    /// The call at which the gradient is infinite while the loss is fine.
    var steepCall: Int?
    /// Called before each pass with its number.
    var before: ((Int) -> Void)?
    private(set) var calls = 0
    private(set) var files: [[Int]] = []

    init(seed: UInt64 = 1) {
        parameters = ParameterStore(seed: seed)
        first = parameters.root.parameter("first.weight", [4, 3, 8, 8], .kernel, .normal(std: 0.1))
        second = parameters.root.parameter("second.weight", [1, 4, 1, 1], .kernel, .normal(std: 0.5))
        bias = parameters.root.parameter("second.bias", [1], .bias, .constant(0))
        count = parameters.root.statistic("count", [1], 0)
    }

    func losses(
        _ inputs: Inputs, groups: [Range<Int>], precision: DType?, noise: Noise
    ) -> [StreamLoss] {
        before?(calls)
        defer { calls += 1 }
        let (images, items) = (inputs.images, inputs.items)
        files.append(items.map(\.index))
        withoutGradients { count.add(Tensor.full([1], Double(items.count))) }
        let said = images.convolved(by: first, stride: 8).tanh().convolved(by: second, bias: bias).mean([1, 2, 3])
        return groups.map { group in
            let targets = Tensor(items[group].map { Float($0.annotations.count) })
            var loss = (said.narrowed(0, start: group.lowerBound, length: group.count) - targets).square().mean()
            if calls == poisonedCall { loss = loss * .nan }
            // sqrt has the value 0 and an infinite slope at 0.
            if calls == steepCall { loss = loss + (bias * 0).sqrt().sum() }
            return StreamLoss(total: loss, parts: [("square", loss)], positives: group.count)
        }
    }
}

/// The tensors of a safetensors file by name, as bytes: what does not depend on the clock.
func tensors(_ path: String) throws -> [String: [UInt8]] {
    let file = try SafetensorsFile(path)
    return Dictionary(
        uniqueKeysWithValues: file.entries.map { entry in (entry.name, file.withBytes(of: entry) { [UInt8]($0) }) })
}

/// The lines of a log without what a clock decides.
func timeless(_ path: String) throws -> [JSON] {
    try Files.readText(path).split(separator: "\n").map { line in
        guard case .object(var members) = try JSON.parse(String(line), file: path) else { return .null }
        for key in members.keys where key.contains("seconds") { members[key] = nil }
        return .object(members)
    }
}
