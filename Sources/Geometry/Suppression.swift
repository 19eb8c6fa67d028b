import Glibc

/// What becomes of a box that overlaps a better one: it is dropped, or its score is lowered by their IoU.
public struct Suppression: Hashable, Sendable, CustomStringConvertible {
    /// How an overlap weighs.
    public enum Kind: Hashable, Sendable {
        /// Dropped where the IoU is greater than the threshold.
        case hard
        /// Score * (1 - IoU) where the IoU is greater than the threshold (Bodla et al. 2017, equation 2).
        case linear
        /// Score * exp(-IoU^2 / sigma), at any IoU (Bodla et al. 2017, equation 3; there sigma is 0.5).
        case gaussian(sigma: Float)
        /// Score * exp(-IoU^2 / (2 sigma)), at any IoU: `tf.image.non_max_suppression_with_scores`, whose sigma is half of
        /// the other's. The paper's SpineNet rows have 0.3 (docs/paper.md 3.3).
        case tensorFlow(sigma: Float)
    }

    /// How an overlap weighs.
    public var kind: Kind
    /// The IoU above which `hard` and `linear` act; the other kinds have none.
    public var iou: Float
    /// Boxes of different classes suppress each other, too.
    public var isAgnostic: Bool

    /// Hard suppression within each class where nothing else is said.
    public init(_ kind: Kind = .hard, iou: Float = 0.5, isAgnostic: Bool = false) {
        self.kind = kind
        self.iou = iou
        self.isAgnostic = isAgnostic
    }

    /// "hard 0.5", "soft-linear 0.5", "soft 0.5", "soft-tf 0.3 agnostic": the kind with its one number.
    public var description: String {
        let text =
            switch kind {
            case .hard: "hard \(iou)"
            case .linear: "soft-linear \(iou)"
            case .gaussian(let sigma): "soft \(sigma)"
            case .tensorFlow(let sigma): "soft-tf \(sigma)"
            }
        return text + (isAgnostic ? " agnostic" : "")
    }

    /// What a box's score is multiplied by for its IoU with a better box.
    @inlinable
    public func weight(_ overlap: Float) -> Float {
        switch kind {
        case .hard: overlap > iou ? 0 : 1
        case .linear: overlap > iou ? 1 - overlap : 1
        case .gaussian(let sigma): exp(-overlap * overlap / sigma)
        case .tensorFlow(let sigma): exp(-0.5 / sigma * overlap * overlap)
        }
    }
}

/// The boxes that suppression of any kind keeps, best first, each with its score as it was when it was chosen.
///
/// The plain O(n^2) reference: the box of the greatest score is chosen (equal scores: the earlier index), the scores of
/// all others (of its class, unless agnostic) are lowered, and so on while a score is above the floor.
///
/// - Parameters:
///   - boxes: `[N]`, xyxy in pixels of one image.
///   - scores: `[N]`, 0...1; NaN is a caller's mistake.
///   - labels: `[N]`.
///   - floor: boxes whose score is at or below it, before or after it was lowered, are dropped.
///   - limit: at most this many are kept.
/// - Precondition: the three lists are of one length.
public func suppressed(
    _ boxes: [Box], scores: [Float], labels: [Int], _ suppression: Suppression, floor: Float = 0, limit: Int = .max
) -> [(index: Int, score: Float)] {
    precondition(
        boxes.count == scores.count && boxes.count == labels.count,
        "suppression needs one score and one label a box: \(boxes.count) boxes, \(scores.count) scores, "
            + "\(labels.count) labels")
    precondition(scores.allSatisfy { !$0.isNaN }, "suppression was given a score that is NaN")
    var left = scores.indices.map { (index: $0, score: scores[$0]) }
    var kept: [(index: Int, score: Float)] = []
    while kept.count < limit {
        left.removeAll { $0.score <= floor }
        guard let best = left.max(by: { $0.score != $1.score ? $0.score < $1.score : $0.index > $1.index }) else {
            break
        }
        kept.append(best)
        left.removeAll { $0.index == best.index }
        for i in left.indices where suppression.isAgnostic || labels[left[i].index] == labels[best.index] {
            left[i].score *= suppression.weight(boxes[best.index].iou(boxes[left[i].index]))
        }
    }
    return kept
}
