import Base

/// What Noisy Student's choice made of a teacher's classes, in numbers.
public struct PseudoClassSummary: Hashable, Sendable {
    /// The least probability that was kept.
    public let threshold: Float
    /// What the student learns of a picture.
    public let labels: PseudoClasses.Labels
    /// What `keptPerClass` counts.
    public let classes: ClassTable
    /// Pictures of each class that were wanted.
    public var perClass = 0
    /// Pictures that the teacher looked at.
    public var images = 0
    /// Pictures that could not be used.
    public var refused = 0
    /// Pictures whose most probable class is less probable than the threshold.
    public var belowThreshold = 0
    /// Pictures that are in the set, each counted once.
    public var unique = 0
    /// How often pictures were repeated beyond that: the set has `unique + copies` examples.
    public var copies = 0
    /// Pictures at or above the threshold, `[K]`.
    public var keptPerClass: [Int]
    /// Those of them that are in the set, `[K]`.
    public var uniquePerClass: [Int]
    /// The probability of each picture's most probable class: 20 bins of 0.05 from 0 to 1.
    public var histogram: [Int] { binned.bins }
    private var binned = ScoreHistogram()
    private var highest: Float = 0
    private var cut = 0.0

    init(threshold: Float, labels: PseudoClasses.Labels, classes: ClassTable) {
        self.threshold = threshold
        self.labels = labels
        self.classes = classes
        keptPerClass = [Int](repeating: 0, count: classes.count)
        uniquePerClass = keptPerClass
    }

    /// Counts a picture, and says whether it is kept.
    mutating func count(_ soft: SoftClass, isKept: Bool) -> Bool {
        let confidence = Float(soft.weights[0]) / 255
        images += 1
        highest = max(highest, confidence)
        binned.count(Double(confidence))
        if isKept {
            keptPerClass[Int(soft.labels[0])] += 1
            cut += Double(soft.cut)
        } else {
            belowThreshold += 1
        }
        return isKept
    }

    /// Pictures at or above the threshold.
    public var kept: Int { images - belowThreshold }
    /// The mean probability, over the kept pictures, of all classes that the store does not list; NaN where none is kept.
    public var meanCut: Double { kept == 0 ? .nan : cut / Double(kept) }

    /// Whether a student can be trained.
    /// - Returns: a warning where a class has no picture, else nil.
    /// - Throws: `.invalidData` where no picture is kept, with the histogram.
    public func check() throws(Failure) -> String? {
        if kept == 0 {
            let found =
                images == 0
                ? "the teacher could look at no picture"
                : "none of \(images) pictures has a class with a probability of \(decimal(shortest(threshold))) or "
                    + "more (the highest is \(decimal((Double(highest) * 1000).rounded() / 1000)))"
            throw .data(
                "no pseudo-labels to train on: \(found); a lower --threshold, with another --out, keeps more and trains no teacher anew\n"
                    + histogramText)
        }
        let without = classes.names.indices.filter { keptPerClass[$0] == 0 }.map { classes.names[$0] }
        if without.isEmpty { return nil }
        return "\(without.count) of \(classes.count) classes have no pseudo-labelled picture: \(firstFive(without))"
    }

    /// The histogram as 20 lines of text, the threshold marked.
    public var histogramText: String { binned.text(threshold: threshold) }

    /// The numbers as JSON.
    public var json: JSON {
        func perClass(_ counts: [Int]) -> JSON {
            .object(
                Dictionary(zip(classes.names, counts.map { JSON.int($0) }), uniquingKeysWith: { first, _ in first }))
        }
        return [
            "threshold": .double(shortest(threshold)), "labels": .string(labels.rawValue),
            "per_class": .int(self.perClass), "images": .int(images), "refused": .int(refused),
            "below_threshold": .int(belowThreshold), "kept": .int(kept), "unique": .int(unique), "copies": .int(copies),
            "kept_per_class": perClass(keptPerClass), "unique_per_class": perClass(uniquePerClass),
            "mean_cut": .number(meanCut), "confidence_histogram": .array(histogram.map { .int($0) }),
        ]
    }
}
