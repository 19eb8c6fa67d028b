/// What a COCO-like evaluation asks: at which overlaps, for which sizes, of how many detections.
public struct EvaluationSettings: Sendable, Hashable {
    /// A range of areas that has numbers of its own.
    public struct AreaRange: Sendable, Hashable {
        /// What it is called: "small".
        public var name: String
        /// In square pixels; both ends belong to it, so that an object on a border belongs to two ranges.
        public var range: ClosedRange<Double>

        /// A range by its name.
        public init(_ name: String, _ range: ClosedRange<Double>) {
            self.name = name
            self.range = range
        }
    }

    /// The IoUs at which AP is averaged: rising, from above 0 to 1, at most 64.
    public var iouThresholds: [Double]
    /// Rising numbers of detections an image and class, the best of it. AP uses the last; each gives a recall.
    public var maxDetections: [Int]
    /// At most 31; beside them everything is scored whatever its size.
    public var areas: [AreaRange]
    /// Detections with a smaller score are left out.
    public var scoreFloor: Double

    /// IoU 0.50, 0.55, ... 0.95.
    public static let standardThresholds = (0..<10).map { Double($0) * ((0.95 - 0.5) / 9) + 0.5 }
    /// Small (to 32^2), medium, and large (from 96^2).
    public static let standardAreas = [
        AreaRange("small", 0...1024), AreaRange("medium", 1024...9216), AreaRange("large", 9216...1e10),
    ]

    /// COCO's settings where nothing else is said.
    /// - Precondition: as each property says.
    public init(
        iouThresholds: [Double] = EvaluationSettings.standardThresholds, maxDetections: [Int] = [1, 10, 100],
        areas: [AreaRange] = EvaluationSettings.standardAreas, scoreFloor: Double = -.infinity
    ) {
        precondition(
            (1...64).contains(iouThresholds.count) && isRising(iouThresholds)
                && iouThresholds.allSatisfy { $0 > 0 && $0 <= 1 },
            "IoU thresholds must be 1 to 64 rising numbers above 0 and up to 1, not \(iouThresholds)")
        precondition(
            !maxDetections.isEmpty && isRising(maxDetections) && maxDetections[0] > 0,
            "maxDetections must be rising numbers of 1 or more, not \(maxDetections)")
        precondition(areas.count <= 31, "at most 31 ranges of area, not \(areas.count)")
        precondition(!scoreFloor.isNaN, "the score floor is NaN")
        self.iouThresholds = iouThresholds
        self.maxDetections = maxDetections
        self.areas = areas
        self.scoreFloor = scoreFloor
    }

    /// All sizes (COCO's 0 to 1e10), then `areas`.
    var ranges: [ClosedRange<Double>] { [0...1e10] + areas.map(\.range) }
}

private func isRising<T: Comparable>(_ values: [T]) -> Bool { zip(values, values.dropFirst()).allSatisfy { $0 < $1 } }
