import Base

/// What a threshold did to a teacher's predictions, in numbers.
public struct PseudoLabelSummary: Hashable, Sendable {
    /// The least score that was kept.
    public let threshold: Float
    /// What `keptPerClass` counts.
    public let classes: ClassTable
    /// Pictures that the teacher scored.
    public var images = 0
    /// Pictures that could not be used.
    public var refused = 0
    /// Scored pictures with a kept box.
    public var imagesWithBoxes = 0
    /// Scored pictures that were dropped because no box was kept.
    public var droppedImages = 0
    /// Kept boxes, `[K]`.
    public var keptPerClass: [Int]
    /// Stored detections by score: 20 bins of 0.05 from 0 to 1; a score of 1 is in the last.
    public var histogram: [Int] { binned.bins }
    private var binned = ScoreHistogram()
    private var scores: [Float] = []

    init(threshold: Float, classes: ClassTable) {
        self.threshold = threshold
        self.classes = classes
        keptPerClass = [Int](repeating: 0, count: classes.count)
    }

    mutating func count(score: Float) {
        binned.count(Double(score))
        scores.append(score)
    }

    /// Kept boxes in all.
    public var kept: Int { keptPerClass.reduce(0, +) }
    /// Kept boxes a *scored* picture, with or without boxes: what compares with human labels a picture.
    public var keptPerImage: Double { images == 0 ? 0 : Double(kept) / Double(images) }

    /// The threshold at which as many boxes a scored picture would be kept as `boxesPerImage`, or nil where the store
    /// does not hold so many.
    public func threshold(forBoxesPerImage boxesPerImage: Double) -> Float? {
        let wanted = Int((boxesPerImage * Double(images)).rounded())
        guard wanted > 0, wanted <= scores.count else { return nil }
        return scores.sorted(by: >)[wanted - 1]
    }

    /// Holds the density of pseudo-labels against that of human ones.
    ///
    /// - Parameter humanBoxesPerImage: `Dataset.objectsPerImage` of the labelled set.
    /// - Returns: a warning where the density is under 30 % of the human one, else nil.
    /// - Throws: `.invalidData` where no box was kept or the density is under 5 %, with the histogram of scores and the
    ///   threshold that would give the human density.
    public func check(humanBoxesPerImage human: Double) throws(Failure) -> String? {
        let share = human > 0 ? keptPerImage / human : 1
        if kept > 0 && (0.3...3).contains(share) { return nil }
        if images == 0, refused > 0 {
            throw .data("there is nothing to learn from: none of the \(refused) pictures of the pool can be read")
        }
        let best = scores.max().map { "the highest score is \(Self.short($0))" } ?? "the teacher found nothing"
        let found =
            kept == 0
            ? "no box of \(images) pictures has a score of \(Self.short(threshold)) or more (\(best))"
            : "\(kept) boxes of \(images) pictures have a score of \(Self.short(threshold)) or more: "
                + "\(Self.fixed(keptPerImage)) a picture, \(Self.fixed(100 * share)) % of the \(Self.fixed(human)) of "
                + "human labels"
        let advice =
            threshold(forBoxesPerImage: human).map {
                "a threshold of \(Self.short($0)) would keep as many as people drew"
            }
            ?? "no threshold would keep as many as people drew: the teacher has not learnt enough, or the pool is of another kind"
        if share > 3 { return "many pseudo-labels: \(found); \(advice)" }
        if kept > 0 && share >= 0.05 { return "few pseudo-labels: \(found); \(advice)" }
        throw .data("too few pseudo-labels to train on: \(found); \(advice)\n\(histogramText)")
    }

    /// The histogram as 20 lines of text, the threshold marked.
    public var histogramText: String { binned.text(threshold: threshold) }

    /// The numbers as JSON, for `summary.json` and `labels.json`.
    public var json: JSON {
        [
            "threshold": .double(shortest(threshold)), "images": .int(images), "refused": .int(refused),
            "images_with_boxes": .int(imagesWithBoxes), "dropped_images": .int(droppedImages), "kept_boxes": .int(kept),
            "kept_boxes_per_image": .number(keptPerImage),
            "kept_per_class": .object(
                Dictionary(
                    zip(classes.names, keptPerClass.map { JSON.int($0) }), uniquingKeysWith: { first, _ in first })),
            "score_histogram": .array(histogram.map { .int($0) }),
        ]
    }

    /// Two decimals.
    private static func fixed(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        let rest = String(abs(hundredths % 100))
        return "\(hundredths / 100).\(rest.count == 1 ? "0" : "")\(rest)"
    }

    /// At most three decimals, rounded down so that a threshold keeps the box it was taken from.
    private static func short(_ value: Float) -> String { decimal((Double(value) * 1000 + 1e-4).rounded(.down) / 1000) }
}
