import Annotations
import Base

/// What was found in each picture of a set, so that the metric can be told of any of its pictures, each any number of times:
/// what an interval over pictures needs. The metric of all pictures once is that of the evaluation, to the last digits.
public enum PictureRecords: Sendable, Hashable {
    /// Of boxes: COCO's AP.
    case boxes(BoxRecords)
    /// Of masks: the mean IoU.
    case pixels(PixelRecords)

    /// Pictures of the set.
    public var pictures: Int {
        switch self {
        case .boxes(let records): records.pictures
        case .pixels(let records): records.pictures
        }
    }

    /// The metric, 0...1, where picture i counts `counts[i]` times; NaN where no class is there.
    /// - Precondition: a count for each picture.
    public func metric(_ counts: [Int]) -> Double {
        precondition(counts.count == pictures, "\(counts.count) counts for \(pictures) pictures")
        return switch self {
        case .boxes(let records): records.ap(counts)
        case .pixels(let records): records.meanIoU(counts)
        }
    }

    /// The pictures by which the metric of some draw can differ. The others have nothing that counts: a draw may have
    /// them, and they are no evidence.
    public var telling: Set<Int> {
        switch self {
        case .boxes(let records): records.telling
        case .pixels(let records): records.telling
        }
    }

    /// The metric of the set as it is.
    public var metric: Double { metric([Int](repeating: 1, count: pictures)) }

    /// `records.json` of an evaluation.
    public var json: JSON {
        func list<T: BinaryInteger>(_ values: [T]) -> JSON { .array(values.map { .int(Int($0)) }) }
        switch self {
        case .boxes(let records):
            return [
                "kind": "boxes", "pictures": .int(records.pictures), "thresholds": .int(records.thresholds),
                "classes": .array(
                    records.classes.map { c in
                        [
                            "objects": list(c.objects), "object_pictures": list(c.objectPictures),
                            "pictures": list(c.pictures), "hits": list(c.hits), "ignored": list(c.ignored),
                        ]
                    }),
            ]
        case .pixels(let records):
            return [
                "kind": "pixels", "pictures": .int(records.pictures), "classes": .int(records.classes),
                "hits": list(records.hits), "truth": list(records.truth), "predicted": list(records.predicted),
            ]
        }
    }

    /// What `json` wrote.
    /// - Throws: `.invalidData` where it is something else.
    public init(_ json: JSON, path: String) throws(Failure) {
        func list(_ json: JSON?, _ count: Int? = nil, below limit: Int = .max) throws(Failure) -> [Int] {
            guard let array = json?.array, array.count == count ?? array.count else {
                throw .data("\(path): are no records of an evaluation")
            }
            let values = array.compactMap(\.int)
            guard values.count == array.count, values.allSatisfy({ $0 >= 0 && $0 < limit }) else {
                throw .data("\(path): are no records of an evaluation")
            }
            return values
        }
        guard let pictures = json["pictures"]?.int, pictures >= 0 else {
            throw .data("\(path): are no records of an evaluation")
        }
        switch (json["kind"]?.string, json["thresholds"]?.int, json["classes"]) {
        case ("boxes", let thresholds?, .array(let classes)?) where (1...64).contains(thresholds):
            var records = BoxRecords(pictures: pictures, thresholds: thresholds, classes: [])
            let masks = thresholds >= 63 ? Int.max : 1 << thresholds
            for c in classes {
                let (places, holders) = (
                    try list(c["pictures"], below: pictures), try list(c["object_pictures"], below: pictures)
                )
                records.classes.append(
                    BoxRecords.Class(
                        objects: try list(c["objects"], holders.count), objectPictures: holders, pictures: places,
                        hits: try list(c["hits"], places.count, below: masks).map { UInt64($0) },
                        ignored: try list(c["ignored"], places.count, below: masks).map { UInt64($0) }))
            }
            self = .boxes(records)
        case ("pixels", nil, .int(let classes)?) where (1...255).contains(classes) && pictures < 1 << 40:
            let count = pictures * classes
            self = .pixels(
                PixelRecords(
                    pictures: pictures, classes: classes, hits: try list(json["hits"], count),
                    truth: try list(json["truth"], count), predicted: try list(json["predicted"], count)))
        default: throw .data("\(path): are no records of an evaluation")
        }
    }
}

/// What became of every detection that counts, whatever its area, class by class and best first.
public struct BoxRecords: Sendable, Hashable {
    /// One class.
    public struct Class: Sendable, Hashable {
        /// Labels that count, of each picture that has any.
        public var objects: [Int]
        /// Those pictures.
        public var objectPictures: [Int]
        /// The picture of each detection.
        public var pictures: [Int]
        /// Bit t: it found a label at threshold t.
        public var hits: [UInt64]
        /// Bit t: at threshold t it neither counts nor punishes.
        public var ignored: [UInt64]
    }

    /// Pictures of the set.
    public var pictures: Int
    /// IoU thresholds.
    public var thresholds: Int
    /// In the order of the class table.
    public var classes: [Class]

    /// Pictures with a label that counts, or with a wrong detection that is surer than a right one of its class:
    /// precision is taken where one is right, so that what comes after the last of them changes nothing.
    var telling: Set<Int> {
        var found: Set<Int> = []
        for c in classes {
            for (picture, objects) in zip(c.objectPictures, c.objects) where objects > 0 { found.insert(picture) }
            var later: UInt64 = 0  // thresholds at which one is right that is less sure
            for i in c.pictures.indices.reversed() {
                if later & ~c.ignored[i] != 0 { found.insert(c.pictures[i]) }
                later |= c.hits[i] & ~c.ignored[i]
            }
        }
        return found
    }

    /// AP over thresholds and classes, where picture i counts `counts[i]` times.
    func ap(_ counts: [Int]) -> Double {
        var sum = 0.0
        var defined = 0
        var points = [[(recall: Int, precision: Double)]](repeating: [], count: thresholds)
        for c in classes {
            var positives = 0
            for (picture, objects) in zip(c.objectPictures, c.objects) { positives += counts[picture] * objects }
            if positives == 0 { continue }
            walk(c, counts, &points)
            for t in 0..<thresholds { sum += Self.average(&points[t], positives: positives) }
            defined += 1
        }
        return defined == 0 ? .nan : sum / Double(defined * thresholds)
    }

    /// Found labels and precision after each detection that found one, best first, for every threshold.
    private func walk(_ c: Class, _ counts: [Int], _ points: inout [[(recall: Int, precision: Double)]]) {
        for t in 0..<thresholds { points[t].removeAll(keepingCapacity: true) }
        var skipped = [Int](repeating: 0, count: thresholds)
        var place = 0
        for i in c.pictures.indices {
            let weight = counts[c.pictures[i]]
            if weight == 0 { continue }
            place += weight
            var ignored = c.ignored[i]
            while ignored != 0 {
                skipped[ignored.trailingZeroBitCount] += weight
                ignored &= ignored - 1
            }
            var hit = c.hits[i] & ~c.ignored[i]
            while hit != 0 {
                let t = hit.trailingZeroBitCount
                let right = (points[t].last?.recall ?? 0) + weight
                points[t].append((right, Double(right) / (Double(place - skipped[t]) + 0x1p-52)))
                hit &= hit - 1
            }
        }
    }

    /// Precision at the 101 recalls, averaged, as `Accumulation` has it.
    private static func average(_ points: inout [(recall: Int, precision: Double)], positives: Int) -> Double {
        for i in points.indices.dropLast().reversed() {
            points[i].precision = max(points[i].precision, points[i + 1].precision)
        }
        var sum = 0.0
        var at = 0
        for recall in Accumulation.recalls {
            while at < points.count && Double(points[at].recall) / Double(positives) < recall { at += 1 }
            if at == points.count { break }
            sum += points[at].precision
        }
        return sum / Double(Accumulation.recalls.count)
    }
}

/// Pixels by class in each picture, `[pictures, K]`.
public struct PixelRecords: Sendable, Hashable {
    /// Pictures of the set.
    public var pictures: Int
    /// K.
    public var classes: Int
    /// Of the class, and taken for it.
    public var hits: [Int]
    /// Of the class.
    public var truth: [Int]
    /// Taken for it.
    public var predicted: [Int]

    /// Counts of no picture yet.
    public init(classes: Int) { self.init(pictures: 0, classes: classes, hits: [], truth: [], predicted: []) }

    init(pictures: Int, classes: Int, hits: [Int], truth: [Int], predicted: [Int]) {
        self.pictures = pictures
        self.classes = classes
        self.hits = hits
        self.truth = truth
        self.predicted = predicted
    }

    /// Adds the next picture.
    public mutating func add(_ picture: PixelConfusion) {
        precondition(picture.classes == classes, "a picture of \(picture.classes) classes among \(classes)")
        pictures += 1
        for k in 0..<classes {
            hits.append(picture[k, k])
            truth.append(picture.pixels(of: k))
            predicted.append((0..<classes).reduce(0) { $0 + picture[$1, k] })
        }
    }

    /// Pictures with a pixel that has a label.
    var telling: Set<Int> {
        Set((0..<pictures).filter { picture in (0..<classes).contains { truth[picture * classes + $0] > 0 } })
    }

    /// The mean over the classes that have an IoU in the pictures of this draw, as `SegmentationMetrics` of them: a
    /// class that is only predicted there has 0, one that is not even that is left out.
    func meanIoU(_ counts: [Int]) -> Double {
        var sum = 0.0
        var defined = 0
        for k in 0..<classes {
            var (hit, union) = (0, 0)
            for i in 0..<pictures where counts[i] > 0 {
                let at = i * classes + k
                hit += counts[i] * hits[at]
                union += counts[i] * (truth[at] + predicted[at] - hits[at])
            }
            if union == 0 { continue }
            sum += Double(hit) / Double(union)
            defined += 1
        }
        return defined == 0 ? .nan : sum / Double(defined)
    }
}

/// Draws of as many pictures as there are, with replacement: the same for every arm, so that what all owe to the pictures
/// cancels in their differences.
public struct PictureResampling: Sendable {
    /// Draws.
    public let count: Int
    private let pictures: Int

    /// - Parameter count: of draws; a variance of a thousand is known to about 5%.
    public init(pictures: Int, count: Int = 1000) {
        self.pictures = pictures
        self.count = count
    }

    /// How often each picture is in a draw.
    public subscript(draw: Int) -> [Int] {
        var random = Random(seed: 0, purpose: .bootstrap, index: draw)
        var counts = [Int](repeating: 0, count: pictures)
        for _ in 0..<pictures { counts[random.below(pictures)] += 1 }
        return counts
    }

    /// The metric of each draw.
    public func metrics(_ records: PictureRecords, threads: Int = availableProcessors()) -> [Double] {
        precondition(records.pictures == pictures, "records of \(records.pictures) pictures, draws of \(pictures)")
        return parallelMap(count, threads: threads) { records.metric(self[$0]) }
    }
}
