import Annotations
import Augmentation
import Base
import Checkpoints
import Geometry
import Layers
import Loading
import Models
import Torch

/// A network of the zoo with the weights of a file, whoever made it: for its features, or to be written for others.
public final class ZooNetwork {
    /// Its entry in the zoo.
    public let model: Zoo.Model
    /// What was chosen out of a file that holds more than weights.
    public let notes: [String]
    /// How the file's tensors found their places; nil of random weights.
    public let match: WeightMatch?
    /// The side of the pictures it learned from, in pixels, where the file says it.
    public let learnedSize: Int?
    private let parameters: ParameterStore
    private let network: Network
    private let metadata: [String: String]

    /// - Parameters:
    ///   - name: of the zoo; nil: the one that the weights file names, where Pupil wrote it.
    ///   - weights: in any form `WeightsFile` reads; classes are the file's own where it has a last layer.
    /// - Throws: a `Failure` with `.usage` for an unknown name; `.invalidData` for weights that do not fit.
    public init(
        name: String?, weights path: String, key: String?, allow: [String], pixels: PixelScale, eps: Double? = nil,
        device: Device
    ) throws(Failure) {
        let file = try WeightsFile.open(path, key: key)
        var about: JSON?
        if let text = file.metadata["pupil"] { about = try JSON.parse(text, file: "\(path) (metadata)") }
        guard let name = name ?? about?["model"]?.string else {
            throw .usage("model: \(path) does not say which model it is of; name it with --model")
        }
        model = try Zoo.model(name)
        metadata = file.metadata
        notes = file.notes
        let listed = about?["classes"]?.array?.count ?? 0
        let classes = listed > 0 ? listed : Self.classes(of: file, for: model) ?? model.classes
        parameters = ParameterStore(seed: 0, device: device)
        network = Network(parameters.root, model.spec(classes))
        match = try parameters.load(file, allow: allow, pixels: pixels, eps: eps)
        learnedSize = file.about?.size
    }

    /// A network with random weights: what features are compared with.
    /// - Throws: a `Failure` with `.usage` for an unknown name.
    public init(random name: String, seed: UInt64, device: Device) throws(Failure) {
        model = try Zoo.model(name)
        metadata = [:]
        notes = []
        match = nil
        learnedSize = nil
        parameters = ParameterStore(seed: seed, device: device)
        network = Network(parameters.root, model.spec(model.classes))
    }

    /// Checks that a level exists and that the file had all that it needs: features of layers that begin at random would
    /// be noise under an honest name.
    /// - Throws: a `Failure` with `.usage`, or `.invalidData` naming a tensor.
    public func require(level: String) throws(Failure) {
        let store = ParameterStore(seed: 0, device: .meta)
        let shape = Network(store.root, model.spec(1))
        let picture = Tensor.empty([1, 3, 128, 128], device: .meta)
        let levels = withoutGradients { shape.features(picture, .inference).keys.sorted() }
        guard levels.contains(level) else {
            throw .usage(
                "level: \(model.name) has no \(level)\(didYouMean(level, levels)); it has \(levels.joined(separator: ", "))"
            )
        }
        let unused = ["fc.", "classifier.", "head."]
        let isPyramid = level.hasPrefix("p") && level != "pooled"
        if let random = match?.kept.first(where: { name in
            !unused.contains { name.hasPrefix($0) } && (isPyramid || !name.hasPrefix("backbone.fpn."))
                && (level == "pooled" || !["conv_head.", "bn2."].contains { name.hasPrefix($0) })
        }) {
            throw .data("the weights have no \(random), which \(level) needs")
        }
    }

    /// Writes all tensors as safetensors, under the names of torchvision and timm; `backboneOnly` those of the backbone
    /// alone, as at the root of a classifier.
    /// - Throws: a `Failure` where the file cannot be written.
    public func write(to path: String, backboneOnly: Bool) throws(Failure) {
        var tensors = parameters.entries.map { (name: $0.name, tensor: $0.tensor) }
        if backboneOnly {
            tensors = tensors.compactMap { entry in bareName(entry.name).map { ($0, entry.tensor) } }
        }
        var notes = ["format": "pt"]
        if !backboneOnly, let about = metadata["pupil"] { notes["pupil"] = about }
        try TensorFile.write(tensors, metadata: notes, to: path)
    }

    private static func classes(of file: WeightsFile, for model: Zoo.Model) -> Int? {
        if case .detector(let spec) = model.spec(1) {
            guard let outputs = file["head.classification_head.cls_logits.bias"]?.shape.first else { return nil }
            // All anchors of a cell, and perhaps a channel for the background.
            let classes = outputs / spec.anchors.perCell - (spec.classChannels - 1)
            return outputs % spec.anchors.perCell == 0 && classes > 0 ? classes : nil
        }
        return (file["fc.bias"] ?? file["classifier.bias"])?.shape.first
    }

    /// The first tensor of the backbone that the file did not give.
    public var randomOfBackbone: String? { match?.kept.first { bareName($0) != nil } }

    /// The name of a backbone's tensor as at the root of a classifier; nil of what lies above the backbone.
    private func bareName(_ name: String) -> String? {
        let prefix = "backbone.body."
        if parameters.entries.contains(where: { $0.name.hasPrefix(prefix) }) {
            return name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : nil
        }
        return ["fc.", "classifier.", "conv_head.", "bn2."].contains { name.hasPrefix($0) } ? nil : name
    }

    /// A level of normalised pictures `[N, 3, H, W]`, fp32 on the processor: `pooled` `[N, F]` or a map `[N, C, h, w]`.
    /// - Throws: a `Failure` with `.device` where memory runs out.
    public func features(_ images: Tensor, level: String, precision: DType?) throws(Failure) -> Tensor {
        try Torch.catching { () throws(Failure) in
            withoutGradients {
                let maps = withAutocast(precision, on: parameters.device) {
                    network.features(images.to(parameters.device).channelsLast(), .inference)
                }
                guard let map = maps[level] else { preconditionFailure("no level \(level)") }
                return map.to(.float32).to(.cpu).contiguous()
            }
        }
    }

    /// A level of the pictures of a dataset, in its order; those that cannot be read are left out and listed.
    ///
    /// - Parameters:
    ///   - variation: how pictures come onto the canvas; its evaluation is taken.
    ///   - body: gets the indices of a batch's pictures and their features; false ends the run.
    public func forEachBatch(
        _ dataset: Dataset, _ variation: Variation = .fitted(.none), canvas: Size, batch: Int, workers: Int,
        level: String,
        precision: DType?,
        quarantine: inout Quarantine, _ body: ([Int], Tensor) throws(Failure) -> Bool
    ) throws(Failure) {
        var options = Loader.Options(canvas: canvas, batch: batch, workers: workers)
        options.cacheBytes = 0
        let loader = Loader(
            [Source(dataset, variation)], .evaluation(skipsRefused: true), options,
            batches: Loader.batches(of: dataset.examples.count, by: batch))
        while let batch = try loader.nextBatch() {
            let features = try features(batch.images, level: level, precision: precision)
            var indices: [Int] = []
            var rows: [Int64] = []
            for (row, item) in batch.items.enumerated() {
                if let refusal = item.refusal {
                    quarantine.refuse(dataset.path(of: dataset.examples[item.index]), refusal)
                } else {
                    indices.append(item.index)
                    rows.append(Int64(row))
                }
            }
            if indices.isEmpty { continue }
            if try !body(indices, features.indexed(0, Tensor(rows))) { return }
        }
    }
}
