import Base

/// What COCO's evaluation says of one class; 0...1, NaN where the class has no label that counts.
public struct ClassMetrics: Sendable, Hashable {
    /// Its name in the class table.
    public var name: String
    /// Labels that count.
    public var objects: Int
    /// AP over IoU 0.50...0.95.
    public var ap: Double
    /// AP at IoU 0.50.
    public var ap50: Double
    /// AP at IoU 0.75.
    public var ap75: Double
    /// Recall with 100 detections an image, over IoU 0.50...0.95.
    public var ar100: Double
}

/// COCO's twelve numbers and those of each class; 0...1, NaN where undefined (pycocotools prints -1).
public struct DetectionMetrics: Sendable {
    /// AP over IoU 0.50...0.95.
    public var ap: Double
    /// AP at IoU 0.50.
    public var ap50: Double
    /// AP at IoU 0.75.
    public var ap75: Double
    /// Of objects up to 32^2 square pixels.
    public var apSmall: Double
    /// Of objects between the two.
    public var apMedium: Double
    /// Of objects from 96^2 square pixels.
    public var apLarge: Double
    /// Recall with one detection an image and class.
    public var ar1: Double
    /// Recall with 10.
    public var ar10: Double
    /// Recall with 100.
    public var ar100: Double
    /// Recall with 100 of small objects.
    public var arSmall: Double
    /// Recall with 100 of medium objects.
    public var arMedium: Double
    /// Recall with 100 of large objects.
    public var arLarge: Double
    /// In the order of the class table.
    public var perClass: [ClassMetrics]

    private var numbers: [(String, Double)] {
        [
            ("AP", ap), ("AP50", ap50), ("AP75", ap75), ("APs", apSmall), ("APm", apMedium), ("APl", apLarge),
            ("AR1", ar1), ("AR10", ar10), ("AR100", ar100), ("ARs", arSmall), ("ARm", arMedium), ("ARl", arLarge),
        ]
    }

    /// `{"AP": ..., ..., "per_class": {NAME: {"AP", "AP50"}}}`: 0...1, `null` where undefined.
    public var json: JSON {
        var members = Dictionary(uniqueKeysWithValues: numbers.map { ($0.0, JSON.number($0.1)) })
        let classes = perClass.map { ($0.name, JSON.object(["AP": .number($0.ap), "AP50": .number($0.ap50)])) }
        members["per_class"] = .object(Dictionary(classes, uniquingKeysWith: { first, _ in first }))
        return .object(members)
    }

    /// Text for a terminal, in points (0...100); "-" where undefined.
    public var table: String {
        func right(_ text: String, _ width: Int) -> String {
            String(repeating: " ", count: max(0, width - text.count)) + text
        }
        func points(_ value: Double) -> String {
            if value.isNaN { return "-" }
            let tenths = Int((value * 1000).rounded())
            return "\(tenths / 10).\(tenths % 10)"
        }
        var lines: [String] = []
        for row in [numbers.prefix(6), numbers.suffix(6)] {
            lines.append(row.map { right($0.0, 7) }.joined())
            lines.append(row.map { right(points($0.1), 7) }.joined())
        }
        let width = max(5, perClass.map(\.name.count).max() ?? 0)
        func row(_ name: String, _ cells: [String]) -> String {
            name + String(repeating: " ", count: width - name.count) + cells.map { right($0, 9) }.joined()
        }
        lines += ["", row("class", ["objects", "AP", "AP50", "AP75", "AR100"])]
        lines += perClass.map {
            row($0.name, [String($0.objects), points($0.ap), points($0.ap50), points($0.ap75), points($0.ar100)])
        }
        return lines.joined(separator: "\n")
    }
}
