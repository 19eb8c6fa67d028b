import Annotations
import Base
import Geometry
import Imaging
import Layers
import Loading
import Models
import Torch

/// What one stream's pictures of a batch cost.
public struct StreamLoss {
    /// What is differentiated, shape [], fp32.
    public let total: Tensor
    /// Its parts by name, for the log.
    public let parts: [(name: String, loss: Tensor)]
    /// Positive anchors, or whatever the objective counts.
    public let positives: Int
}

/// A (micro-)batch as an objective sees it.
public struct Inputs {
    /// `[N, 3, H, W]` on the model's device.
    public var images: Tensor
    /// `[N, H / s, W / s]` u8 in the processor's memory, where the task learns from masks (`Batch.masks`).
    public var masks: Tensor?
    /// The same on the model's device.
    public var labels: Tensor?
    /// What the pictures show, `[N]`.
    public var items: [Item]

    /// The inputs of a pass.
    public init(images: Tensor, masks: Tensor? = nil, labels: Tensor? = nil, items: [Item]) {
        self.images = images
        self.masks = masks
        self.labels = labels ?? masks?.to(images.device)
        self.items = items
    }
}

/// What a batch is scored by: a model with its loss. The loop knows no more of a task than this.
public protocol Objective: AnyObject {
    /// What the optimiser moves and a checkpoint holds.
    var parameters: ParameterStore { get }
    /// Canvases that it wants of each picture.
    var views: Int { get }
    /// The losses of one forward pass over a (micro-)batch, one for each group of pictures.
    ///
    /// - Parameters:
    ///   - groups: the pictures of each stream.
    ///   - noise: what stochastic layers draw from.
    func losses(_ inputs: Inputs, groups: [Range<Int>], precision: DType?, noise: Noise) -> [StreamLoss]
}

extension Objective {
    /// As a rule one.
    public var views: Int { 1 }
}

/// An objective over a backbone that others can look at, too.
public protocol BackboneObjective: Objective {
    /// The backbone's maps of pictures `[N, 3, H, W]`.
    func maps(_ images: Tensor, _ mode: Mode) -> [Tensor]
    /// As `losses` of an `Objective`, for the maps of the inputs' pictures.
    func losses(
        maps: [Tensor], _ inputs: Inputs, groups: [Range<Int>], precision: DType?, noise: Noise
    ) -> [StreamLoss]
}

extension BackboneObjective {
    /// The losses of one forward pass.
    public func losses(_ inputs: Inputs, groups: [Range<Int>], precision: DType?, noise: Noise) -> [StreamLoss] {
        let maps = withAutocast(precision, on: inputs.images.device) { self.maps(inputs.images, .training(noise)) }
        return losses(maps: maps, inputs, groups: groups, precision: precision, noise: noise)
    }
}

/// A detector and its two losses.
public final class DetectionObjective: BackboneObjective {
    /// What is trained.
    public let detector: Detector

    /// The objective of a detector: its own loss spec over its own anchors.
    public init(_ detector: Detector) { self.detector = detector }

    /// The detector's.
    public var parameters: ParameterStore { detector.parameters }

    /// C2...C5, or a SpineNet's levels.
    public func maps(_ images: Tensor, _ mode: Mode) -> [Tensor] { detector.model.maps(images, mode) }

    /// Focal and Huber losses (`cls`, `box`) of each group, over that group's positives + 1.
    public func losses(
        maps: [Tensor], _ inputs: Inputs, groups: [Range<Int>], precision: DType?, noise: Noise
    ) -> [StreamLoss] {
        let (images, items) = (inputs.images, inputs.items)
        let spec = detector.spec
        let anchors = detector.anchors
        var targets = [AnchorTargets?](repeating: nil, count: items.count)
        targets.withUnsafeMutableBufferPointer { slots in
            // Each picture is its own slot, so the writes do not meet.
            nonisolated(unsafe) let slots = slots
            parallelFor(items.count) { i in
                slots[i] = spec.matcher(items[i].annotations.map(Target.init), anchors)
            }
        }
        let matched = targets.compactMap { $0 }
        let output = withAutocast(precision, on: images.device) { detector.model(maps: maps, .training(noise)) }
        return groups.map { group in
            let losses = spec.loss(output, matched, images: group, channelOffset: spec.classChannels - spec.classes)
            return StreamLoss(
                total: losses.total, parts: [("cls", losses.classes), ("box", losses.boxes)],
                positives: losses.positives)
        }
    }
}

/// A segmenter and its loss: softmax cross-entropy, the mean over the pixels of a stream that are not ignored
/// (docs/paper.md 1). A stream all of whose pixels are ignored costs 0.
public final class SegmentationObjective: BackboneObjective {
    /// What is trained.
    public let segmenter: Segmenter

    /// The objective of a segmenter. Where masks come at a finer stride than its output, logits are brought to theirs.
    public init(_ segmenter: Segmenter) { self.segmenter = segmenter }

    /// The segmenter's.
    public var parameters: ParameterStore { segmenter.parameters }

    /// C2...C5.
    public func maps(_ images: Tensor, _ mode: Mode) -> [Tensor] { segmenter.model.maps(images, mode) }

    /// The cross-entropy (`ce`) of each group; `positives` counts pixels.
    public func losses(
        maps: [Tensor], _ inputs: Inputs, groups: [Range<Int>], precision: DType?, noise: Noise
    ) -> [StreamLoss] {
        guard let masks = inputs.masks, let all = inputs.labels else {
            preconditionFailure("a segmenter learns from masks")
        }
        let (height, width) = (inputs.images.size(2), inputs.images.size(3))
        let logits = withAutocast(precision, on: inputs.images.device) {
            segmenter.model(maps: maps, height: (height + 3) / 4, width: (width + 3) / 4, .training(noise))
        }
        let counts = Self.pixels(masks)
        return groups.map { group in
            let labels = all.narrowed(0, start: group.lowerBound, length: group.count)
            var part = logits.narrowed(0, start: group.lowerBound, length: group.count).to(.float32)
            let (height, width) = (labels.size(1), labels.size(2))
            if part.size(2) != height || part.size(3) != width {
                part = part.upsampledBilinear(height: height, width: width)
            }
            let sum = part.crossEntropy(
                labels.to(.int64), ignore: Int(LabelMap.ignored), mean: false)
            let pixels = counts[group].reduce(0, +)
            let loss = sum * (1 / Double(max(1, pixels)))
            return StreamLoss(total: loss, parts: [("ce", loss)], positives: pixels)
        }
    }

    /// Pixels of each picture that are not ignored.
    private static func pixels(_ masks: Tensor) -> [Int] {
        let size = masks.size(1) * masks.size(2)
        return masks.withMutableElements(of: UInt8.self) { labels in
            (0..<masks.size(0)).map { i in labels[i * size..<(i + 1) * size].count { $0 != LabelMap.ignored } }
        }
    }
}

extension Target {
    init(_ annotation: Annotation) {
        self.init(box: annotation.box, label: annotation.label, ignored: annotation.treatment == .ignore)
    }
}
