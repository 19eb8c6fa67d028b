import Base

/// Precision over recall of one class at one IoU threshold.
public struct PrecisionCurve: Sendable, Hashable {
    /// The class.
    public var name: String
    /// The threshold.
    public var iou: Double
    /// Labels that count.
    public var objects: Int
    /// `[N]`: of the detections that count, falling.
    public var scores: [Double]
    /// `[N]`: precision of the detections down to this one.
    public var precision: [Double]
    /// `[N]`: recall of the detections down to this one; NaN where there are no objects.
    public var recall: [Double]
    /// `[101]`: the greatest precision at a recall of 0, 0.01, ... 1 or more, 0 where none goes so far: what AP averages.
    /// NaN where there are no objects.
    public var interpolated: [Double]

    /// The curve of detections, best first.
    init(name: String, iou: Double, objects: Int, _ detections: [(score: Double, isRight: Bool)]) {
        self.name = name
        self.iou = iou
        self.objects = objects
        scores = detections.map(\.score)
        precision = []
        recall = []
        var right = 0
        for (i, detection) in detections.enumerated() {
            right += detection.isRight ? 1 : 0
            precision.append(Double(right) / (Double(i + 1) + 0x1p-52))
            recall.append(objects > 0 ? Double(right) / Double(objects) : .nan)
        }
        var envelope = precision
        for i in envelope.indices.dropLast().reversed() { envelope[i] = max(envelope[i], envelope[i + 1]) }
        var at = 0
        interpolated = []
        for point in Accumulation.recalls {
            while at < recall.count && recall[at] < point { at += 1 }
            interpolated.append(objects == 0 ? .nan : at < envelope.count ? envelope[at] : 0)
        }
    }

    /// AP: the mean of `interpolated`.
    public var average: Double { interpolated.reduce(0, +) / Double(interpolated.count) }

    /// The members of the curve, without what the name says; `null` where undefined.
    public var json: JSON {
        [
            "iou": .double(iou), "objects": .int(objects), "scores": .array(scores.map { .number($0) }),
            "precision": .array(precision.map { .number($0) }), "recall": .array(recall.map { .number($0) }),
            "interpolated": .array(interpolated.map { .number($0) }),
        ]
    }
}
