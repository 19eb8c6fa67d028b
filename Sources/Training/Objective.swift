import Annotations
import Base
import Geometry
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

/// What a batch is scored by: a model with its loss. The loop knows no more of a task than this.
public protocol Objective: AnyObject {
    /// What the optimiser moves and a checkpoint holds.
    var parameters: ParameterStore { get }
    /// The losses of one forward pass over a (micro-)batch, one for each group of pictures.
    ///
    /// - Parameters:
    ///   - images: `[N, 3, H, W]` on the model's device.
    ///   - items: what they show, `[N]`.
    ///   - groups: the pictures of each stream.
    ///   - noise: what stochastic layers draw from.
    func losses(
        images: Tensor, items: [Item], groups: [Range<Int>], precision: DType?, noise: Noise
    ) -> [StreamLoss]
}

/// A detector and its two losses.
public final class DetectionObjective: Objective {
    /// What is trained.
    public let detector: Detector

    /// The objective of a detector: its own loss spec over its own anchors.
    public init(_ detector: Detector) { self.detector = detector }

    /// The detector's.
    public var parameters: ParameterStore { detector.parameters }

    /// Focal and Huber losses (`cls`, `box`) of each group, over that group's positives + 1.
    public func losses(
        images: Tensor, items: [Item], groups: [Range<Int>], precision: DType?, noise: Noise
    ) -> [StreamLoss] {
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
        let output = withAutocast(precision, on: images.device) { detector.model(images, .training(noise)) }
        return groups.map { group in
            let losses = spec.loss(output, matched, images: group, channelOffset: spec.classChannels - spec.classes)
            return StreamLoss(
                total: losses.total, parts: [("cls", losses.classes), ("box", losses.boxes)],
                positives: losses.positives)
        }
    }
}

extension Target {
    init(_ annotation: Annotation) {
        self.init(box: annotation.box, label: annotation.label, ignored: annotation.treatment == .ignore)
    }
}
