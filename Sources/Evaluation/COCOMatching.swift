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
    // The cell at hand: [D, G] overlaps, [D] thresholds within reach, [P, D, T] matches; the range whose matches
    // a range shares, and where those begin.
    private var overlaps: [Double] = []
    private var reach: [Int] = []
    private var matches: [Int32] = []
    private var ignored: [Bool] = []
    private var patternOfRange: [Int] = []
    private var matchesOfPattern: [Int] = []
    private var taken: [Bool] = []

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
        let (g, d, t) = (truths.count, best.count, thresholds.count)
        judge(truth, truths, label)
        let reachesAny = d > 0 && g > 0 && measure(truth, truths, scored, best)
        if reachesAny {
            matches.removeAll(keepingCapacity: true)
            matchesOfPattern.removeAll(keepingCapacity: true)
            for a in ranges.indices {
                matchesOfPattern.append(matches.count)
                if patternOfRange[a] != a { continue }
                matches.append(contentsOf: repeatElement(-1, count: d * t))
                assign(truth, truths, d, ignored: a * g, to: matchesOfPattern[a])
            }
        }
        for i in 0..<d {
            let box = scored[order[best.lowerBound + i].place]
            let area = box.frame.area
            var outside: UInt32 = 0
            for (a, range) in ranges.enumerated() where !range.contains(area) { outside |= 1 << UInt32(a) }
            var hit: Int32 = -1
            if reachesAny, reach[i] > 0 {
                hit = Int32(masks.count / (2 * ranges.count))
                if !appendMasks(i, d, g, label) { hit = -1 }
            }
            detections.append(
                MatchedDetection(
                    score: box.score, image: Int32(truncatingIfNeeded: rank), label: Int32(truncatingIfNeeded: label),
                    outside: outside, hit: hit))
        }
    }

    /// Which labels are ignored in each range, and which ranges have the same matches: those that ignore the same, and
    /// those that ignore none or all (then no label goes before another).
    private mutating func judge(_ truth: UnsafeBufferPointer<TrueBox>, _ truths: Range<Int>, _ label: Int) {
        let g = truths.count
        ignored.removeAll(keepingCapacity: true)
        patternOfRange.removeAll(keepingCapacity: true)
        var uniform = -1
        for (a, range) in ranges.enumerated() {
            var counted = 0
            for j in truths {
                let box = truth[truthOrder[j].place]
                let isIgnored = box.isIgnored || !range.contains(box.area)
                ignored.append(isIgnored)
                counted += isIgnored ? 0 : 1
            }
            positives[label * ranges.count + a] += counted
            var same = a
            if counted == 0 || counted == g {
                if uniform < 0 { uniform = a }
                same = uniform
            } else if let earlier = (0..<a).first(where: { b in
                (0..<g).allSatisfy { ignored[a * g + $0] == ignored[b * g + $0] }
            }) {
                same = patternOfRange[earlier]
            }
            patternOfRange.append(same)
        }
    }

    /// Fills `overlaps` and `reach`, the number of thresholds that a detection's greatest overlap attains; false where no
    /// detection attains any. The arithmetic is that of `bbIou` in pycocotools, operation by operation.
    private mutating func measure(
        _ truth: UnsafeBufferPointer<TrueBox>, _ truths: Range<Int>, _ scored: UnsafeBufferPointer<ScoredBox>,
        _ best: Range<Int>
    ) -> Bool {
        overlaps.removeAll(keepingCapacity: true)
        reach.removeAll(keepingCapacity: true)
        var any = false
        for i in best {
            let a = scored[order[i].place].frame
            var greatest = 0.0
            for j in truths {
                let box = truth[truthOrder[j].place]
                let overlap = a.overlap(with: box.frame, isCrowd: box.isCrowd)
                overlaps.append(overlap)
                greatest = max(greatest, overlap)
            }
            var within = 0
            while within < thresholds.count && greatest >= thresholds[within] { within += 1 }
            reach.append(within)
            any = any || within > 0
        }
        return any
    }

    /// The matches of one pattern of ignored labels at all thresholds, `[D, T]` from `start`.
    private mutating func assign(
        _ truth: UnsafeBufferPointer<TrueBox>, _ truths: Range<Int>, _ d: Int, ignored first: Int, to start: Int
    ) {
        let (g, t) = (truths.count, thresholds.count)
        for k in 0..<t {
            taken.removeAll(keepingCapacity: true)
            taken.append(contentsOf: repeatElement(false, count: g))
            for i in 0..<d where reach[i] > k {
                // Labels that count first; an ignored one only where none of them will do.
                var match = -1
                for wanted in [false, true] where match < 0 {
                    var best = thresholds[k]
                    for j in 0..<g where ignored[first + j] == wanted {
                        let overlap = overlaps[i * g + j]
                        if overlap < best || (taken[j] && !truth[truthOrder[truths.lowerBound + j].place].isCrowd) {
                            continue
                        }
                        best = overlap
                        match = j
                    }
                }
                if match < 0 { continue }
                taken[match] = true
                matches[start + i * t + k] = Int32(truncatingIfNeeded: match)
            }
        }
    }

    /// Adds the row of masks of detection i and counts what it found; adds nothing and says false where it found nothing.
    private mutating func appendMasks(_ i: Int, _ d: Int, _ g: Int, _ label: Int) -> Bool {
        let t = thresholds.count
        let row = masks.count
        var any: UInt64 = 0
        for a in ranges.indices {
            var hit: UInt64 = 0
            var skipped: UInt64 = 0
            let start = matchesOfPattern[patternOfRange[a]] + i * t
            for k in 0..<reach[i] {
                let match = Int(matches[start + k])
                if match < 0 { continue }
                hit |= 1 << UInt64(k)
                if ignored[a * g + match] { skipped |= 1 << UInt64(k) }
            }
            masks.append(hit)
            masks.append(skipped)
            any |= hit
        }
        if any == 0 {
            masks.removeLast(masks.count - row)
            return false
        }
        let counted = masks[row] & ~masks[row + 1]
        for (m, limit) in limits.enumerated() where i < limit {
            for k in 0..<reach[i] where counted >> UInt64(k) & 1 == 1 {
                found[(label * limits.count + m) * t + k] += 1
            }
        }
        return true
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
