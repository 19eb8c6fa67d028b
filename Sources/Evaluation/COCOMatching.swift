import Annotations

/// What became of one detection that AP has to know of.
struct MatchedDetection: Sendable {
    var score: Double
    /// The image's place by rising id: equal scores are resolved by it, as in pycocotools.
    var image: Int32
    var label: Int32
    /// Bit a: the detection's area is outside range a.
    var outside: UInt32
    /// Which row of masks says what it found; -1 where it found nothing at any threshold, as most do.
    var hit: Int32
}

/// The matching of labels and detections, image by image, with room that is used again.
///
/// The rules are those of `COCOeval.evaluateImg` of pycocotools: each detection, best first, takes the free label of
/// greatest IoU (the last of equals) at or above the threshold; labels that count come before ignored ones; a crowd can
/// be taken again and again. One deviation: a label whose id is 0 can be matched (pycocotools takes id 0 for none).
struct Matcher: Sendable {
    let thresholds: [Double]
    let ranges: [ClosedRange<Double>]
    let limits: [Int]
    let floor: Double
    let classes: Int

    /// In the order of images added, and in an image and class best first.
    private(set) var detections: [MatchedDetection] = []
    /// `[hits, A, 2]`, bit t for threshold t: where a label was found, and where that label is an ignored one.
    private(set) var masks: [UInt64] = []
    /// `[K, A]`: labels that count.
    private(set) var positives: [Int]
    /// `[K, M, T]`: labels that count and were found by the best so many detections of each image, whatever their area.
    private(set) var found: [Int]

    // The image at hand: places in its lists, by class; labels keep their order, detections go best first.
    private var truthOrder: [(label: Int, place: Int)] = []
    private var order: [(label: Int, score: Double, place: Int)] = []
    // The class at hand. Only pairs of a detection and a label that overlap by the least threshold are kept.
    private var labels: [CellLabel] = []
    private var pairs: [Pair] = []
    private var pairsOf: [Range<Int>] = []
    /// `[A, G]`.
    private var isIgnored: [Bool] = []
    /// `[A]`.
    private var patterns: [Pattern] = []
    /// `[A, G]`: the thresholds at which a label is taken.
    private var taken: [UInt64] = []

    /// A label of the class at hand.
    private struct CellLabel {
        var x1, y1, x2, y2, area: Double
        var isCrowd: Bool
    }

    /// A detection's overlap with a label, as the thresholds that it attains.
    private struct Pair {
        var overlap: Double
        var reach: UInt64
        var label: Int
    }

    /// Which labels a range of areas ignores. Ranges that ignore the same have the same matches, and so have all that
    /// ignore none or all, since then no label goes before another.
    private struct Pattern {
        /// The first range with these matches.
        var first: Int
        var ignoresNone: Bool
        var ignoresAll: Bool
    }

    init(_ settings: EvaluationSettings, classes: Int) {
        thresholds = settings.iouThresholds.map { min($0, 1 - 1e-10) }
        ranges = settings.ranges
        limits = settings.maxDetections
        floor = settings.scoreFloor
        self.classes = classes
        positives = [Int](repeating: 0, count: classes * ranges.count)
        found = [Int](repeating: 0, count: classes * limits.count * thresholds.count)
    }

    mutating func reserve(_ count: Int) { detections.reserveCapacity(count) }

    /// - Parameter rank: the image's place by rising id.
    mutating func add(_ truth: [TrueBox], _ scored: [ScoredBox], rank: Int) {
        truthOrder.removeAll(keepingCapacity: true)
        for (place, box) in truth.enumerated() {
            precondition((0..<classes).contains(box.label), "a label is of class \(box.label) of \(classes)")
            truthOrder.append((box.label, place))
        }
        truthOrder.sort { ($0.label, $0.place) < ($1.label, $1.place) }
        order.removeAll(keepingCapacity: true)
        for (place, box) in scored.enumerated() {
            precondition((0..<classes).contains(box.label), "a detection is of class \(box.label) of \(classes)")
            precondition(!box.score.isNaN, "a detection's score is NaN")
            if box.score >= floor { order.append((box.label, box.score, place)) }
        }
        order.sort {
            if $0.label != $1.label { return $0.label < $1.label }
            return $0.score != $1.score ? $0.score > $1.score : $0.place < $1.place
        }
        truth.withUnsafeBufferPointer { truth in
            scored.withUnsafeBufferPointer { scored in
                var (t, d) = (0, 0)
                while t < truthOrder.count || d < order.count {
                    let label = min(
                        t < truthOrder.count ? truthOrder[t].label : .max, d < order.count ? order[d].label : .max)
                    let (firstTruth, first) = (t, d)
                    while t < truthOrder.count && truthOrder[t].label == label { t += 1 }
                    while d < order.count && order[d].label == label { d += 1 }
                    let last = min(d, first + limits[limits.count - 1])
                    match(truth, firstTruth..<t, scored, first..<last, label, rank)
                }
            }
        }
    }

    /// One class of one image.
    private mutating func match(
        _ truth: UnsafeBufferPointer<TrueBox>, _ truths: Range<Int>, _ scored: UnsafeBufferPointer<ScoredBox>,
        _ best: Range<Int>, _ label: Int, _ rank: Int
    ) {
        judge(truth, truths, label)
        measure(truth, truths, scored, best)
        if !pairs.isEmpty {
            taken.removeAll(keepingCapacity: true)
            taken.append(contentsOf: repeatElement(0, count: isIgnored.count))
        }
        for i in 0..<best.count {
            let box = scored[order[best.lowerBound + i].place]
            let area = box.frame.area
            var outside: UInt32 = 0
            for (a, range) in ranges.enumerated() where !range.contains(area) { outside |= 1 << UInt32(a) }
            detections.append(
                MatchedDetection(
                    score: box.score, image: Int32(truncatingIfNeeded: rank), label: Int32(truncatingIfNeeded: label),
                    outside: outside, hit: pairsOf[i].isEmpty ? -1 : take(pairsOf[i], place: i, label)))
        }
    }

    /// Which labels are ignored in each range, and which ranges have the same matches.
    private mutating func judge(_ truth: UnsafeBufferPointer<TrueBox>, _ truths: Range<Int>, _ label: Int) {
        let g = truths.count
        isIgnored.removeAll(keepingCapacity: true)
        patterns.removeAll(keepingCapacity: true)
        for (a, range) in ranges.enumerated() {
            var counted = 0
            for j in truths {
                let box = truth[truthOrder[j].place]
                let ignores = box.isIgnored || !range.contains(box.area)
                isIgnored.append(ignores)
                counted += ignores ? 0 : 1
            }
            positives[label * ranges.count + a] += counted
            var pattern = Pattern(first: a, ignoresNone: counted == g, ignoresAll: counted == 0)
            for (b, earlier) in patterns.enumerated() {
                if pattern.ignoresNone || pattern.ignoresAll
                    ? earlier.ignoresNone || earlier.ignoresAll
                    : (0..<g).allSatisfy({ isIgnored[a * g + $0] == isIgnored[b * g + $0] })
                {
                    pattern.first = earlier.first
                    break
                }
            }
            patterns.append(pattern)
        }
    }

    /// Finds the pairs of each detection, the greatest overlap first, of equals the last label. The arithmetic is that
    /// of `bbIou` in pycocotools, operation by operation.
    private mutating func measure(
        _ truth: UnsafeBufferPointer<TrueBox>, _ truths: Range<Int>, _ scored: UnsafeBufferPointer<ScoredBox>,
        _ best: Range<Int>
    ) {
        labels.removeAll(keepingCapacity: true)
        for j in truths {
            let box = truth[truthOrder[j].place]
            let f = box.frame
            labels.append(
                CellLabel(x1: f.x, y1: f.y, x2: f.x + f.width, y2: f.y + f.height, area: f.area, isCrowd: box.isCrowd))
        }
        pairs.removeAll(keepingCapacity: true)
        pairsOf.removeAll(keepingCapacity: true)
        let least = thresholds[0]
        for i in best {
            let f = scored[order[i].place].frame
            let (x2, y2, area) = (f.x + f.width, f.y + f.height, f.area)
            let start = pairs.count
            for j in labels.indices {
                let b = labels[j]
                let w = min(x2, b.x2) - max(f.x, b.x1)
                let h = min(y2, b.y2) - max(f.y, b.y1)
                if w <= 0 || h <= 0 { continue }
                let shared = w * h
                let overlap = shared / (b.isCrowd ? area : area + b.area - shared)
                if overlap < least { continue }
                var reach: UInt64 = 0
                for (k, threshold) in thresholds.enumerated() where overlap >= threshold { reach |= 1 << UInt64(k) }
                var at = pairs.count
                while at > start && pairs[at - 1].overlap <= overlap { at -= 1 }
                pairs.insert(Pair(overlap: overlap, reach: reach, label: j), at: at)
            }
            pairsOf.append(start..<pairs.count)
        }
    }

    /// Lets a detection take labels, at all thresholds at once: each of its pairs, best first, gives the thresholds that
    /// it attains and at which its label is free; labels that count go before ignored ones. Says in which row of masks
    /// that stands, or -1 where it found nothing.
    private mutating func take(_ own: Range<Int>, place: Int, _ label: Int) -> Int32 {
        let g = labels.count
        let row = masks.count
        var any: UInt64 = 0
        for a in ranges.indices {
            let pattern = patterns[a]
            var hit: UInt64 = 0
            var skipped: UInt64 = 0
            if pattern.first < a {
                hit = masks[row + 2 * pattern.first]
                skipped = masks[row + 2 * pattern.first + 1]
            } else {
                for pass in 0..<2 {
                    for pair in pairs[own] where isIgnored[a * g + pair.label] == (pass == 1) {
                        let at = a * g + pair.label
                        let free = pair.reach & ~hit & (labels[pair.label].isCrowd ? .max : ~taken[at])
                        taken[at] |= free
                        hit |= free
                        if pass == 1 { skipped |= free }
                    }
                }
            }
            if pattern.ignoresNone { skipped = 0 } else if pattern.ignoresAll { skipped = hit }
            masks.append(hit)
            masks.append(skipped)
            any |= hit
        }
        if any == 0 {
            masks.removeLast(masks.count - row)
            return -1
        }
        let counted = masks[row] & ~masks[row + 1]
        let t = thresholds.count
        for (m, limit) in limits.enumerated() where place < limit {
            for k in 0..<t where counted >> UInt64(k) & 1 == 1 { found[(label * limits.count + m) * t + k] += 1 }
        }
        return Int32(truncatingIfNeeded: row / (2 * ranges.count))
    }
}

extension Frame {
    /// IoU, or with a crowd the share of this box that lies inside it; 0 where they do not overlap.
    func overlap(with other: Frame, isCrowd: Bool = false) -> Double {
        let w = min(x + width, other.x + other.width) - max(x, other.x)
        if w <= 0 { return 0 }
        let h = min(y + height, other.y + other.height) - max(y, other.y)
        if h <= 0 { return 0 }
        let shared = w * h
        return shared / (isCrowd ? area : area + other.area - shared)
    }
}
