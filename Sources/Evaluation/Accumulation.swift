import Annotations
import Base

/// One class over all images.
struct ClassCurve: Sendable {
    /// `[A]`: labels that count.
    var positives: [Int]
    /// `[A, T]`: precision, averaged over the 101 recalls, with the most detections. NaN where nothing counts.
    var precision: [Double]
    /// `[A, T]`: the greatest recall, with the most detections.
    var recall: [Double]
    /// `[M, T]`: the greatest recall over all areas for each number of detections.
    var recallByLimit: [Double]
}

/// Matches of all images put together, class by class, best first: `COCOeval.accumulate`.
struct Accumulation: Sendable {
    /// A detection among those of its class.
    struct Entry: Sendable {
        /// Rises as the score falls.
        var key: UInt64
        /// The image by rising id, then the place within the image.
        var tie: UInt64
        var outside: UInt32
        /// Row of `masks`, -1: found nothing.
        var hit: Int32
    }

    /// 0, 0.01, ... 1, as numpy.linspace makes them.
    static let recalls = (0..<100).map { Double($0) * 0.01 } + [1]

    private let settings: EvaluationSettings
    private let classes: Int
    /// By class, and in it best first.
    private let entries: [Entry]
    private let ranges: [Range<Int>]
    /// `[hits, A, 2]`.
    private let masks: [UInt64]
    private let positives: [Int]
    private let found: [Int]

    init(_ matchers: [Matcher], _ settings: EvaluationSettings, classes: Int, threads: Int) {
        self.settings = settings
        self.classes = classes
        func sum(_ lists: [[Int]]) -> [Int] {
            lists.dropFirst().reduce(into: lists[0]) { total, list in
                for i in list.indices { total[i] += list[i] }
            }
        }
        positives = sum(matchers.map(\.positives))
        found = sum(matchers.map(\.found))
        masks = Array(matchers.map(\.masks).joined())
        var starts = [Int](repeating: 0, count: classes + 1)
        for matcher in matchers { for detection in matcher.detections { starts[Int(detection.label) + 1] += 1 } }
        for k in 0..<classes { starts[k + 1] += starts[k] }
        let ranges = (0..<classes).map { starts[$0]..<starts[$0 + 1] }
        self.ranges = ranges
        let rows = 2 * settings.ranges.count
        entries = [Entry](unsafeUninitializedCapacity: starts[classes]) { buffer, initialized in
            var firstRow: Int32 = 0
            var order: UInt64 = 0
            for matcher in matchers {
                for detection in matcher.detections {
                    let at = starts[Int(detection.label)]
                    starts[Int(detection.label)] += 1
                    (buffer.baseAddress! + at).initialize(
                        to: Entry(
                            key: Self.key(detection.score), tie: UInt64(detection.image) << 32 | order & 0xFFFF_FFFF,
                            outside: detection.outside, hit: detection.hit < 0 ? -1 : detection.hit + firstRow))
                    order += 1
                }
                firstRow += Int32(truncatingIfNeeded: matcher.masks.count / rows)
            }
            initialized = buffer.count
            nonisolated(unsafe) let all = buffer
            parallelFor(ranges.count, threads: threads) { k in
                var slice = UnsafeMutableBufferPointer(rebasing: all[ranges[k]])
                slice.sort { $0.key != $1.key ? $0.key < $1.key : $0.tie < $1.tie }
            }
        }
    }

    /// Falls as the score rises; 0 and -0 are one.
    private static func key(_ score: Double) -> UInt64 {
        let bits = (score + 0).bitPattern
        return bits >> 63 == 1 ? bits : ~bits & 0x7FFF_FFFF_FFFF_FFFF
    }

    /// The score that a key was made of.
    private static func score(_ key: UInt64) -> Double {
        Double(bitPattern: key >> 63 == 1 ? key : ~key & 0x7FFF_FFFF_FFFF_FFFF)
    }

    /// `[K]`.
    func curves(threads: Int) -> [ClassCurve] {
        parallelMap(classes, threads: threads) { curve($0) }
    }

    private func curve(_ label: Int) -> ClassCurve {
        let (t, areas, limits) = (settings.iouThresholds.count, settings.ranges.count, settings.maxDetections.count)
        let nothing = [Double](repeating: .nan, count: areas * t)
        var curve = ClassCurve(
            positives: Array(positives[label * areas..<(label + 1) * areas]), precision: nothing, recall: nothing,
            recallByLimit: [Double](repeating: .nan, count: limits * t))
        if curve.positives[0] > 0 {
            for i in 0..<limits * t {
                curve.recallByLimit[i] = Double(found[label * limits * t + i]) / Double(curve.positives[0])
            }
        }
        var points = [[Double]](repeating: [], count: t)
        for a in 0..<areas where curve.positives[a] > 0 {
            precisions(label, a, &points)
            for k in 0..<t {
                curve.precision[a * t + k] = Self.average(&points[k], positives: curve.positives[a])
                curve.recall[a * t + k] = Double(points[k].count) / Double(curve.positives[a])
            }
        }
        return curve
    }

    /// The precision at each true positive, best first, for every threshold. Only there can it be greatest, and only
    /// there does the recall rise.
    private func precisions(_ label: Int, _ area: Int, _ points: inout [[Double]]) {
        let t = settings.iouThresholds.count
        let rows = 2 * settings.ranges.count
        for k in 0..<t { points[k].removeAll(keepingCapacity: true) }
        var skipped = [Int](repeating: 0, count: t)
        var place = 0
        let every: UInt64 = t == 64 ? .max : 1 << UInt64(t) - 1
        for entry in entries[ranges[label]] {
            var hit: UInt64 = 0
            var ignored: UInt64 = 0
            if entry.hit >= 0 {
                hit = masks[Int(entry.hit) * rows + 2 * area]
                ignored = masks[Int(entry.hit) * rows + 2 * area + 1]
            }
            // Where it found nothing and is outside the range, it neither counts nor punishes.
            if entry.outside >> UInt32(area) & 1 == 1 {
                if hit == 0 { continue }
                ignored |= every & ~hit
            }
            place += 1
            hit &= ~ignored
            while ignored != 0 {
                skipped[ignored.trailingZeroBitCount] += 1
                ignored &= ignored - 1
            }
            while hit != 0 {
                let k = hit.trailingZeroBitCount
                let right = Double(points[k].count + 1)
                let wrong = Double(place - skipped[k]) - right
                points[k].append(right / (wrong + right + 0x1p-52))
                hit &= hit - 1
            }
        }
    }

    /// Precision at the 101 recalls, averaged; makes `points` fall, as the greatest precision at this recall or more.
    private static func average(_ points: inout [Double], positives: Int) -> Double {
        for i in points.indices.dropLast().reversed() { points[i] = max(points[i], points[i + 1]) }
        var sum = 0.0
        var at = 0
        for recall in recalls {
            while at < points.count && Double(at + 1) / Double(positives) < recall { at += 1 }
            if at == points.count { break }
            sum += points[at]
        }
        return sum / Double(recalls.count)
    }

    /// `[K]`: every detection that counts, whatever its area, at one threshold.
    func precisionCurves(_ threshold: Int, _ classes: ClassTable) -> [PrecisionCurve] {
        let rows = 2 * settings.ranges.count
        return (0..<classes.count).map { label in
            var hits: [(score: Double, isRight: Bool)] = []
            for entry in entries[ranges[label]] {
                let bit = UInt64(1) << UInt64(threshold)
                let hit = entry.hit >= 0 && masks[Int(entry.hit) * rows] & bit != 0
                if hit && masks[Int(entry.hit) * rows + 1] & bit != 0 { continue }
                if !hit && entry.outside & 1 == 1 { continue }
                hits.append((Self.score(entry.key), hit))
            }
            return PrecisionCurve(
                name: classes.names[label], iou: settings.iouThresholds[threshold],
                objects: positives[label * settings.ranges.count], hits)
        }
    }

    /// What became of the detections of each class; its objects are left for the caller to count.
    /// - Parameter places: the rank of each picture.
    func records(pictures: Int, places: [Int]) -> BoxRecords {
        let rows = 2 * settings.ranges.count
        let every: UInt64 = settings.iouThresholds.count == 64 ? .max : 1 << UInt64(settings.iouThresholds.count) - 1
        var pictureOf = [Int](repeating: 0, count: pictures)
        for (picture, rank) in places.enumerated() { pictureOf[rank] = picture }
        let perClass = (0..<classes).map { label in
            var c = BoxRecords.Class(objects: [], objectPictures: [], pictures: [], hits: [], ignored: [])
            for entry in entries[ranges[label]] {
                let hit = entry.hit >= 0 ? masks[Int(entry.hit) * rows] : 0
                var ignored = entry.hit >= 0 ? masks[Int(entry.hit) * rows + 1] : 0
                if entry.outside & 1 == 1 {
                    if hit == 0 { continue }
                    ignored |= every & ~hit
                }
                c.pictures.append(pictureOf[Int(entry.tie >> 32)])
                c.hits.append(hit)
                c.ignored.append(ignored)
            }
            return c
        }
        return BoxRecords(pictures: pictures, thresholds: settings.iouThresholds.count, classes: perClass)
    }
}
