import Annotations
import Base
import Geometry

/// Average precision of boxes as COCO defines it and pycocotools computes it (`iouType` "bbox").
///
/// Crowds and ignored labels neither count nor punish; areas are the annotation file's. Two things differ from
/// pycocotools 2.0: a label whose id is 0 can be matched, and scores and box corners are Float, so that two scores that
/// differ after the seventh digit are a tie (resolved by the order given, as there).
public struct COCOEvaluator: Sendable {
    /// 0.50, 0.55, ... 0.95.
    public static let standardThresholds = (0..<10).map { Double($0) * ((0.95 - 0.5) / 9) + 0.5 }
    /// All, small (to 32^2), medium and large (from 96^2) in square pixels; borders belong to both sides.
    public static let standardAreas: [ClosedRange<Double>] = [0...1e10, 0...1024, 1024...9216, 9216...1e10]

    private let thresholds: [Double]
    private let maxDetections: [Int]
    private let areas: [ClosedRange<Double>]
    /// 0, 0.01, ... 1.
    private static let recalls = (0..<100).map { Double($0) * 0.01 } + [1]

    /// COCO's settings, or others.
    /// - Parameters:
    ///   - iouThresholds: rising, at most 64.
    ///   - maxDetections: three rising numbers of detections an image and class; AP uses the last.
    ///   - areas: all, small, medium, large.
    public init(
        iouThresholds: [Double] = COCOEvaluator.standardThresholds, maxDetections: [Int] = [1, 10, 100],
        areas: [ClosedRange<Double>] = COCOEvaluator.standardAreas
    ) {
        precondition((1...64).contains(iouThresholds.count), "1 to 64 IoU thresholds, not \(iouThresholds.count)")
        precondition(
            maxDetections.count == 3 && maxDetections == maxDetections.sorted(),
            "maxDetections must be three rising numbers, not \(maxDetections)")
        precondition(areas.count == 4, "areas must be all, small, medium and large, not \(areas.count) ranges")
        thresholds = iouThresholds
        self.maxDetections = maxDetections
        self.areas = areas
    }

    /// The metrics of detections against labels.
    /// - Parameters:
    ///   - truth: the labelled set. Images count in the order of their ids, as in pycocotools.
    ///   - detections: `[truth.examples]`, boxes in pixels of the original image, in any order.
    ///   - threads: the result does not depend on it.
    /// - Precondition: one list an example; labels are of the set's classes.
    public func evaluate(
        _ truth: Dataset, _ detections: [[Detection]], threads: Int = availableProcessors()
    ) -> DetectionMetrics {
        precondition(
            detections.count == truth.examples.count,
            "\(detections.count) lists of detections for \(truth.examples.count) examples")
        let (cells, ranges) = collect(truth, detections)
        let matched = Self.parallelMap(cells.count, threads: threads) {
            cells[$0].match(thresholds: thresholds, areas: areas)
        }
        let curves = Self.parallelMap(ranges.count, threads: threads) {
            accumulate(cells[ranges[$0]], matched[ranges[$0]])
        }
        return metrics(curves, truth.classes)
    }

    /// All cells that hold anything, class by class and in each by image id; the range of each class.
    private func collect(_ truth: Dataset, _ detections: [[Detection]]) -> ([MatchingCell], [Range<Int>]) {
        let classCount = truth.classes.count
        var byClass = [[MatchingCell]](repeating: [], count: classCount)
        var slot = [Int](repeating: -1, count: classCount)
        for i in truth.examples.indices.sorted(by: { (truth.examples[$0].id, $0) < (truth.examples[$1].id, $1) }) {
            var touched: [Int] = []
            func cell(_ label: Int) -> Int {
                if slot[label] < 0 {
                    slot[label] = byClass[label].count
                    byClass[label].append(MatchingCell(truth: [], detections: []))
                    touched.append(label)
                }
                return slot[label]
            }
            for annotation in truth.examples[i].annotations {
                byClass[annotation.label][cell(annotation.label)].truth.append(annotation)
            }
            for detection in detections[i] {
                precondition(
                    (0..<classCount).contains(detection.label),
                    "a detection has the label \(detection.label) of \(classCount) classes")
                byClass[detection.label][cell(detection.label)].detections.append(detection)
            }
            for label in touched {
                let last = slot[label]
                let list = byClass[label][last].detections
                if list.count > 1 {
                    let order = list.indices.sorted { Self.precedes(list[$0].score, $0, list[$1].score, $1) }
                    byClass[label][last].detections = order.prefix(maxDetections[2]).map { list[$0] }
                }
                slot[label] = -1
            }
        }
        var ranges: [Range<Int>] = []
        for list in byClass {
            let start = ranges.last?.upperBound ?? 0
            ranges.append(start..<start + list.count)
        }
        return (Array(byClass.joined()), ranges)
    }

    private static func precedes(_ a: Float, _ i: Int, _ b: Float, _ j: Int) -> Bool { a != b ? a > b : i < j }

    /// One class over all images.
    struct Curve: Sendable {
        /// `[A]`: labels that count.
        var positives: [Int]
        /// `[A, T]`: precision, averaged over the recalls, with the most detections. NaN where nothing counts.
        var precision: [Double]
        /// `[A, T]`: the greatest recall, with the most detections.
        var recall: [Double]
        /// `[3, T]`: the greatest recall over all areas for each number of detections.
        var recallByLimit: [Double]
    }

    private func accumulate(_ cells: ArraySlice<MatchingCell>, _ matched: ArraySlice<MatchedCell>) -> Curve {
        // Detections of all images, best first; (cell, place) names one.
        var places: [(score: Float, cell: Int, place: Int)] = []
        for (c, cell) in zip(cells.indices, cells) {
            for (place, detection) in cell.detections.enumerated() { places.append((detection.score, c, place)) }
        }
        let order = places.indices.sorted { Self.precedes(places[$0].score, $0, places[$1].score, $1) }
        let t = thresholds.count
        let blank = [Double](repeating: .nan, count: areas.count * t)
        var curve = Curve(
            positives: [], precision: blank, recall: blank, recallByLimit: [Double](repeating: .nan, count: 3 * t))
        var hit = [UInt64](repeating: 0, count: order.count)
        var skipped = hit
        for a in areas.indices {
            let positives = matched.reduce(0) { $0 + $1.positives[a] }
            curve.positives.append(positives)
            if positives == 0 { continue }
            for (i, at) in order.enumerated() {
                let (_, c, place) = places[at]
                let index = a * cells[c].detections.count + place
                hit[i] = matched[c].matched[index]
                skipped[i] = matched[c].ignored[index]
            }
            for k in 0..<t {
                let (precision, recall) = Self.average(hit, skipped, bit: UInt64(k), positives: positives)
                curve.precision[a * t + k] = precision
                curve.recall[a * t + k] = recall
            }
            if a > 0 { continue }
            for (m, limit) in maxDetections.enumerated() {
                var found = [Int](repeating: 0, count: t)
                for cell in matched {
                    for i in 0..<min(limit, cell.matched.count / areas.count) {
                        let counted = cell.matched[i] & ~cell.ignored[i]
                        for k in 0..<t where counted >> UInt64(k) & 1 == 1 { found[k] += 1 }
                    }
                }
                for k in 0..<t { curve.recallByLimit[m * t + k] = Double(found[k]) / Double(positives) }
            }
        }
        return curve
    }

    /// Precision at 101 recalls, averaged, and the greatest recall. Only a true positive moves the recall, and the
    /// precision is greatest at one, so the curve is kept at those alone.
    private static func average(
        _ hit: [UInt64], _ skipped: [UInt64], bit: UInt64, positives: Int
    ) -> (precision: Double, recall: Double) {
        var precisions: [Double] = []
        var mistakes = 0
        for i in hit.indices where skipped[i] >> bit & 1 == 0 {
            if hit[i] >> bit & 1 == 1 {
                let right = Double(precisions.count + 1)
                precisions.append(right / (Double(mistakes) + right + 0x1p-52))
            } else {
                mistakes += 1
            }
        }
        for i in precisions.indices.dropLast().reversed() { precisions[i] = max(precisions[i], precisions[i + 1]) }
        var sum = 0.0
        var at = 0
        for recall in recalls {
            while at < precisions.count && Double(at + 1) / Double(positives) < recall { at += 1 }
            if at == precisions.count { break }
            sum += precisions[at]
        }
        return (sum / Double(recalls.count), Double(precisions.count) / Double(positives))
    }

    private func metrics(_ curves: [Curve], _ classes: ClassTable) -> DetectionMetrics {
        let t = thresholds.count
        /// The mean over classes that have labels (others are NaN) and thresholds.
        func mean(_ values: [Double], _ row: Int, at threshold: Double? = nil) -> Double {
            let wanted =
                threshold.map { value in thresholds.indices.filter { thresholds[$0] == value } } ?? Array(0..<t)
            let chosen = wanted.map { values[row * t + $0] }
            return chosen.isEmpty ? .nan : chosen.reduce(0, +) / Double(chosen.count)
        }
        func overall(_ value: (Curve) -> Double) -> Double {
            let defined = curves.map(value).filter { !$0.isNaN }
            return defined.isEmpty ? .nan : defined.reduce(0, +) / Double(defined.count)
        }
        let perClass = zip(classes.names, curves).map { name, curve in
            ClassMetrics(
                name: name, objects: curve.positives[0], ap: mean(curve.precision, 0),
                ap50: mean(curve.precision, 0, at: 0.5), ap75: mean(curve.precision, 0, at: 0.75),
                ar100: mean(curve.recall, 0))
        }
        return DetectionMetrics(
            ap: overall { mean($0.precision, 0) }, ap50: overall { mean($0.precision, 0, at: 0.5) },
            ap75: overall { mean($0.precision, 0, at: 0.75) }, apSmall: overall { mean($0.precision, 1) },
            apMedium: overall { mean($0.precision, 2) }, apLarge: overall { mean($0.precision, 3) },
            ar1: overall { mean($0.recallByLimit, 0) }, ar10: overall { mean($0.recallByLimit, 1) },
            ar100: overall { mean($0.recallByLimit, 2) }, arSmall: overall { mean($0.recall, 1) },
            arMedium: overall { mean($0.recall, 2) }, arLarge: overall { mean($0.recall, 3) }, perClass: perClass)
    }

    /// `[body(0), body(1), ...]`, computed by threads that each take a run of indices.
    private static func parallelMap<T: Sendable>(
        _ count: Int, threads: Int, _ body: @Sendable (Int) -> T
    ) -> [T] {
        [T](unsafeUninitializedCapacity: count) { buffer, initialized in
            nonisolated(unsafe) let out = buffer
            let block = 32
            let blocks = count < 512 ? count : (count + block - 1) / block
            let size = count < 512 ? 1 : block
            parallelFor(blocks, threads: threads) { b in
                for i in b * size..<min(count, (b + 1) * size) { (out.baseAddress! + i).initialize(to: body(i)) }
            }
            initialized = count
        }
    }
}
