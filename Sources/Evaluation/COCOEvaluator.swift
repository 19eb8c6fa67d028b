import Annotations
import Base

/// Average precision of boxes as COCO defines it and pycocotools computes it (`iouType` "bbox"), image by image.
///
/// Crowds and ignored labels neither count nor punish; areas are the annotation file's. The arithmetic is that of
/// pycocotools 2.0 in double precision, with one deviation: a label whose id is 0 can be matched (docs/evaluation.md).
///
/// What it keeps of a detection is its score and what it found, 24 bytes (and 80 more where it found something), so the
/// detections themselves need not be kept. Neither the order of images nor the number of threads changes a result.
public struct COCOEvaluator: Sendable {
    /// The labels that detections are scored against.
    public let truth: TruthSet
    /// What is asked.
    public let settings: EvaluationSettings
    private let ranks: [Int]
    private var isAdded: [Bool]
    private var matchers: [Matcher]

    /// An evaluation of no detection yet.
    public init(_ truth: TruthSet, _ settings: EvaluationSettings = .init()) {
        self.truth = truth
        self.settings = settings
        ranks = Self.ranks(truth)
        isAdded = [Bool](repeating: false, count: truth.images.count)
        matchers = [Matcher(settings, classes: truth.classes.count)]
    }

    /// Each image's place by rising id, which is the order that pycocotools has.
    private static func ranks(_ truth: TruthSet) -> [Int] {
        let ids = truth.images.map(\.id)
        var ranks = [Int](repeating: 0, count: ids.count)
        for (rank, place) in ids.indices.sorted(by: { (ids[$0], $0) < (ids[$1], $1) }).enumerated() {
            ranks[place] = rank
        }
        return ranks
    }

    /// Takes the detections of one image, in any order; equal scores count in the order given.
    /// - Parameter image: index into `truth.images`.
    /// - Precondition: each image is added at most once; labels are of the set's classes, no score is NaN.
    public mutating func add(image: Int, detections: [ScoredBox]) {
        precondition(!isAdded[image], "image id \(truth.images[image].id) was added before")
        isAdded[image] = true
        matchers[0].add(truth.images[image].boxes, detections, rank: ranks[image])
    }

    /// The metrics of what was added; an image that was not counts as one in which nothing was detected.
    /// - Parameter threads: the result does not depend on it.
    public func finish(threads: Int = availableProcessors()) -> DetectionMetrics {
        DetectionMetrics(parts(threads: threads).curves(threads: threads), truth.classes, settings)
    }

    /// Precision over recall of each class at one of the thresholds, whatever the size of objects.
    /// - Parameter threshold: index into `settings.iouThresholds`.
    public func precisionCurves(threshold: Int, threads: Int = availableProcessors()) -> [PrecisionCurve] {
        parts(threads: threads).precisionCurves(threshold, truth.classes)
    }

    /// What was found in each picture.
    public func records(threads: Int = availableProcessors()) -> BoxRecords {
        var records = parts(threads: threads).records(pictures: truth.images.count, places: ranks)
        for (picture, image) in truth.images.enumerated() {
            var objects = [Int](repeating: 0, count: truth.classes.count)
            for box in image.boxes where !box.isIgnored && settings.ranges[0].contains(box.area) {
                objects[box.label] += 1
            }
            for (label, count) in objects.enumerated() where count > 0 {
                records.classes[label].objects.append(count)
                records.classes[label].objectPictures.append(picture)
            }
        }
        return records
    }

    /// The metrics of all detections at once.
    /// - Parameter detections: `[truth.images]`.
    /// - Precondition: one list an image; and as `add`.
    public static func evaluate(
        _ truth: TruthSet, _ detections: [[ScoredBox]], _ settings: EvaluationSettings = .init(),
        threads: Int = availableProcessors()
    ) -> DetectionMetrics {
        COCOEvaluator(truth, detections, settings, threads: threads).finish(threads: threads)
    }

    /// The metrics of a network's detections in pictures of a dataset.
    /// - Parameter detections: `[dataset.examples]`, boxes in pixels of the original images.
    public static func evaluate(
        _ dataset: Dataset, _ detections: [[Detection]], _ settings: EvaluationSettings = .init(),
        threads: Int = availableProcessors()
    ) -> DetectionMetrics {
        evaluate(TruthSet(dataset), detections.map { $0.map { ScoredBox($0) } }, settings, threads: threads)
    }

    /// An evaluation to which all images have been added, by several threads.
    public init(
        _ truth: TruthSet, _ detections: [[ScoredBox]], _ settings: EvaluationSettings = .init(),
        threads: Int = availableProcessors()
    ) {
        precondition(
            detections.count == truth.images.count,
            "\(detections.count) lists of detections for \(truth.images.count) images")
        self.init(truth, settings)
        let ranks = self.ranks
        let count = truth.images.count
        let parts = max(1, min(threads * 4, count / 16))
        matchers = parallelMap(parts, threads: threads) { part in
            var matcher = Matcher(settings, classes: truth.classes.count)
            let images = part * count / parts..<(part + 1) * count / parts
            matcher.reserve(images.reduce(0) { $0 + detections[$1].count })
            for i in images { matcher.add(truth.images[i].boxes, detections[i], rank: ranks[i]) }
            return matcher
        }
        isAdded = [Bool](repeating: true, count: count)
    }

    private func parts(threads: Int) -> Accumulation {
        var all = matchers
        if isAdded.contains(false) {
            var rest = Matcher(settings, classes: truth.classes.count)
            for i in isAdded.indices where !isAdded[i] { rest.add(truth.images[i].boxes, [], rank: ranks[i]) }
            all.append(rest)
        }
        return Accumulation(all, settings, classes: truth.classes.count, threads: threads)
    }
}
