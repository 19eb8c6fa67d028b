import Base

/// How well pixels were told apart; fractions of 1, NaN where undefined.
public struct SegmentationMetrics: Sendable, Hashable {
    /// One class.
    public struct ClassMetrics: Sendable, Hashable {
        /// What it is called.
        public var name: String
        /// Pixels of it in the truth.
        public var pixels: Int
        /// Intersection over union; NaN where neither truth nor prediction has the class.
        public var iou: Double
        /// The part of its pixels that were found; NaN where there is none.
        public var accuracy: Double
        /// The part of what was taken for it that is; NaN where nothing was.
        public var precision: Double
        /// Boundary F (`BoundaryScore`); nil where it was not asked for.
        public var boundary: Double?
    }

    /// In the order of labels.
    public var perClass: [ClassMetrics]
    /// The mean IoU over the classes that have one.
    public var meanIoU: Double
    /// The part of all pixels whose class was found.
    public var pixelAccuracy: Double
    /// The mean of the classes' accuracies.
    public var meanAccuracy: Double
    /// IoU weighted by the pixels of the truth.
    public var frequencyWeightedIoU: Double
    /// The mean boundary F over pictures; nil where it was not asked for.
    public var boundary: Double?

    /// The numbers of a matrix.
    /// - Precondition: a name for each class.
    public init(_ matrix: PixelConfusion, names: [String], boundary score: BoundaryScore? = nil) {
        precondition(names.count == matrix.classes, "\(names.count) names for \(matrix.classes) classes")
        func ratio(_ a: Int, _ b: Int) -> Double { b == 0 ? .nan : Double(a) / Double(b) }
        func mean(_ values: [Double]) -> Double {
            let defined = values.filter { !$0.isNaN }
            return defined.isEmpty ? .nan : defined.reduce(0, +) / Double(defined.count)
        }
        let all = 0..<matrix.classes
        let truth = all.map { matrix.pixels(of: $0) }
        let total = truth.reduce(0, +)
        perClass = all.map { k in
            let hit = matrix[k, k]
            let predicted = all.reduce(0) { $0 + matrix[$1, k] }
            return ClassMetrics(
                name: names[k], pixels: truth[k], iou: ratio(hit, truth[k] + predicted - hit),
                accuracy: ratio(hit, truth[k]), precision: ratio(hit, predicted), boundary: score?.perClass[k])
        }
        meanIoU = mean(perClass.map(\.iou))
        meanAccuracy = mean(perClass.map(\.accuracy))
        pixelAccuracy = ratio(all.reduce(0) { $0 + matrix[$1, $1] }, total)
        frequencyWeightedIoU =
            total == 0
            ? .nan
            : perClass.reduce(0) { $0 + ($1.pixels == 0 ? 0 : Double($1.pixels) * $1.iou) } / Double(total)
        boundary = score?.mean
    }

    /// `mIoU`, `pixel_accuracy`, `mean_accuracy`, `frequency_weighted_IoU`, `per_class` {name: IoU}, `classes` with more
    /// of each, and `boundary_F` where it was asked for; `null` where undefined.
    public var json: JSON {
        var members: [String: JSON] = [
            "mIoU": .number(meanIoU), "pixel_accuracy": .number(pixelAccuracy), "mean_accuracy": .number(meanAccuracy),
            "frequency_weighted_IoU": .number(frequencyWeightedIoU),
            "per_class": .object(
                Dictionary(
                    perClass.map { ($0.name, JSON.number($0.iou)) }, uniquingKeysWith: { first, _ in first })),
            "classes": .array(
                perClass.map { c in
                    var item: [String: JSON] = [
                        "name": .string(c.name), "pixels": .int(c.pixels), "IoU": .number(c.iou),
                        "accuracy": .number(c.accuracy), "precision": .number(c.precision),
                    ]
                    if let boundary = c.boundary { item["boundary_F"] = .number(boundary) }
                    return .object(item)
                }),
        ]
        if let boundary { members["boundary_F"] = .number(boundary) }
        return .object(members)
    }

    /// The same as a table for people, in points.
    public var table: String {
        let hasBoundary = boundary != nil
        func points(_ x: Double) -> String { x.isNaN ? "-" : Self.fixed(x * 100) }
        var rows = [["class", "IoU", "accuracy", "precision"] + (hasBoundary ? ["boundary F"] : [])]
        for c in perClass {
            rows.append(
                [c.name, points(c.iou), points(c.accuracy), points(c.precision)]
                    + (hasBoundary ? [points(c.boundary ?? .nan)] : []))
        }
        rows.append(
            ["mean", points(meanIoU), points(meanAccuracy), ""] + (hasBoundary ? [points(boundary ?? .nan)] : []))
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        let lines = rows.map { row in
            row.enumerated().map { column, cell in
                let pad = String(repeating: " ", count: widths[column] - cell.count)
                return column == 0 ? cell + pad : pad + cell
            }.joined(separator: "  ")
        }
        return
            (lines + [
                "",
                "mIoU \(points(meanIoU)), pixel accuracy \(points(pixelAccuracy)), frequency-weighted IoU "
                    + points(frequencyWeightedIoU),
            ]).joined(separator: "\n")
    }

    private static func fixed(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
