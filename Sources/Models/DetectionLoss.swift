import Base
import Layers
import Torch

/// The two losses of a group of images, fp32, shape [].
public struct DetectionLosses {
    /// Focal loss over its normaliser.
    public let classes: Tensor
    /// Huber loss over 4 (positives + 1), or the other forms of the spec, times the box weight.
    public let boxes: Tensor
    /// Positive anchors in the group.
    public let positives: Int

    /// What is differentiated: classes + boxes (the box weight is in).
    public var total: Tensor { classes + boxes }
}

extension DetectionLossSpec {
    /// The losses of images `range` of a batch, normalised by that group's own positives + 1 (docs/paper.md 3.2), or
    /// picture by picture.
    ///
    /// - Parameters:
    ///   - output: of the whole batch.
    ///   - targets: one for each image of the batch.
    ///   - channelOffset: 1 where channel 0 is the unused background, else 0.
    public func callAsFunction(
        _ output: RetinaNetOutput, _ targets: [AnchorTargets], images range: Range<Int>, channelOffset: Int
    ) -> DetectionLosses {
        // Out of memory further up: these are placeholders, and the scope is about to report it.
        if Torch.hasFailed { return DetectionLosses(classes: output.logits, boxes: output.codes, positives: 0) }
        precondition(
            output.logits.size(0) == targets.count && range.upperBound <= targets.count,
            "\(targets.count) targets for outputs \(output.logits.shape), images \(range)")
        let positives = targets[range].reduce(0) { $0 + $1.positives.count }
        switch normalizer {
        case .batchPositives:
            let sums = self.sums(output, targets, range, channelOffset)
            let share = 1 / (Double(positives) + 1)
            return DetectionLosses(
                classes: sums.classes * share, boxes: sums.boxes * (boxWeight * share / 4), positives: positives)
        case .picturePositives:
            var classes: [Tensor] = []
            var boxes: [Tensor] = []
            for i in range {
                let sums = self.sums(output, targets, i..<i + 1, channelOffset)
                let share = 1 / Double(max(1, targets[i].positives.count)) / Double(range.count)
                classes.append(sums.classes * share)
                boxes.append(sums.boxes * (boxWeight * share))
            }
            return DetectionLosses(
                classes: Tensor.stacked(classes).sum(), boxes: Tensor.stacked(boxes).sum(), positives: positives)
        }
    }

    /// The focal loss summed over anchors and classes, and the box loss summed over positives and coordinates, of some
    /// pictures.
    private func sums(
        _ output: RetinaNetOutput, _ targets: [AnchorTargets], _ range: Range<Int>, _ channelOffset: Int
    ) -> (classes: Tensor, boxes: Tensor) {
        let device = output.logits.device
        let anchors = output.logits.size(1)
        var labels: [Int32] = []
        labels.reserveCapacity(range.count * anchors)
        for target in targets[range] {
            precondition(target.labels.count == anchors, "\(target.labels.count) labels for \(anchors) anchors")
            labels.append(contentsOf: target.labels)
        }
        if channelOffset != 0 { for i in labels.indices where labels[i] >= 0 { labels[i] += Int32(channelOffset) } }
        let logits = output.logits.narrowed(0, start: range.lowerBound, length: range.count)
        let classes = focal(logits.reshaped([range.count * anchors, -1]), Tensor(labels, device: device))

        var places: [Int64] = []
        var codes: [Float] = []
        for (i, target) in targets[range].enumerated() {
            places.append(contentsOf: target.positives.map { Int64(i * anchors) + Int64($0) })
            codes.append(contentsOf: target.codes)
        }
        let predicted = output.codes.narrowed(0, start: range.lowerBound, length: range.count)
            .reshaped([range.count * anchors, 4]).indexed(0, Tensor(places, device: device)).to(.float32)
        let wanted = Tensor(codes, shape: [places.count, 4], device: device)
        var cost = cost(predicted - wanted)
        if dropsExactCoordinates { cost = cost * wanted.notEqual(0).to(.float32) }
        return (classes, cost.sum())
    }

    /// The summed focal loss: the fused pass on the processor, libtorch's operators elsewhere.
    func focal(_ logits: Tensor, _ labels: Tensor) -> Tensor {
        if logits.device == .cpu { return logits.focalLossSum(labels, alpha: alpha, gamma: gamma) }
        return Self.focalByOperators(logits, labels, alpha: alpha, gamma: gamma)
    }

    /// The same sum by libtorch's operators, for any device; logits `[R, K]`, labels `[R]` int32.
    static func focalByOperators(_ logits: Tensor, _ labels: Tensor, alpha: Double, gamma: Double) -> Tensor {
        let x = logits.to(.float32)
        let classes = Tensor.arange(x.size(1), .int32, device: x.device).unsqueezed(0)
        let positive = labels.unsqueezed(1).equal(classes).to(.float32)  // [R, K]
        let sign = positive * 2 - 1
        let z = x * sign
        let weight = positive * (2 * alpha - 1) + (1 - alpha)
        let loss = -(weight * ((-z).logSigmoid() * gamma).exp() * z.logSigmoid())
        return (loss * labels.greater(-2).to(.float32).unsqueezed(1)).sum()
    }

    /// Of each coordinate's difference d. Huber: d^2 / 2 up to delta, then delta (|d| - delta / 2).
    private func cost(_ d: Tensor) -> Tensor {
        let a = d.abs()
        switch box {
        case .l1: return a
        case .huber(let delta):
            let quadratic = a.clamped(0, delta)
            return quadratic.square() * 0.5 + (a - quadratic) * delta
        }
    }
}
