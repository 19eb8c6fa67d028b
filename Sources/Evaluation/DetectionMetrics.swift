import Annotations
import Base

/// What COCO's evaluation says of one class; 0...1, NaN where the class has no label that counts.
public struct ClassMetrics: Sendable, Hashable {
    /// Its name in the class table.
    public var name: String
    /// Labels that count.
    public var objects: Int
    /// AP, averaged over the IoU thresholds of the settings (COCO: 0.50...0.95).
    public var ap: Double
    /// AP at IoU 0.50.
    public var ap50: Double
    /// AP at IoU 0.75.
    public var ap75: Double
    /// Recall with the most detections of the settings (COCO: 100 an image), averaged over their IoU thresholds.
    public var ar100: Double
}

/// AP and recall of objects of some sizes; 0...1, NaN where undefined.
public struct AreaMetrics: Sendable, Hashable {
    /// The range's name: "small".
    public var name: String
    /// AP over all IoU thresholds.
    public var ap: Double
    /// Recall with the most detections an image.
    public var ar: Double
}

/// Recall with some number of detections; 0...1, NaN where undefined.
public struct RecallMetrics: Sendable, Hashable {
    /// Detections an image and class.
    public var detections: Int
    /// Recall over all IoU thresholds.
    public var ar: Double
}

/// COCO's twelve numbers and those of each class; 0...1, NaN where undefined (pycocotools prints -1). With settings of
/// one's own: those that were asked for, under the same names.
public struct DetectionMetrics: Sendable, Hashable {
    /// AP over all IoU thresholds (0.50...0.95).
    public var ap: Double
    /// AP at IoU 0.50; NaN where that is none of the thresholds.
    public var ap50: Double
    /// AP at IoU 0.75; NaN where that is none of the thresholds.
    public var ap75: Double
    /// COCO's: small (up to 32^2 square pixels), medium, large (from 96^2).
    public var areas: [AreaMetrics]
    /// COCO's: with 1, 10 and 100 detections an image and class.
    public var recalls: [RecallMetrics]
    /// In the order of the class table.
    public var perClass: [ClassMetrics]

    private var numbers: [(String, Double)] {
        [("AP", ap), ("AP50", ap50), ("AP75", ap75)]
            + areas.map { ("AP" + Self.suffix($0.name), $0.ap) }
            + recalls.map { ("AR\($0.detections)", $0.ar) }
            + areas.map { ("AR" + Self.suffix($0.name), $0.ar) }
    }

    /// COCO's letters, or the name itself.
    private static func suffix(_ name: String) -> String {
        ["small": "s", "medium": "m", "large": "l"][name] ?? "_" + name
    }

    /// `{"AP": ..., ..., "per_class": {NAME: {"AP", "AP50"}}}`: 0...1, `null` where undefined. COCO's keys are AP, AP50,
    /// AP75, APs, APm, APl, AR1, AR10, AR100, ARs, ARm, ARl; an area of another name gives AP_NAME and AR_NAME.
    public var json: JSON {
        var members = Dictionary(numbers.map { ($0.0, JSON.number($0.1)) }, uniquingKeysWith: { first, _ in first })
        let classes = perClass.map { ($0.name, JSON.object(["AP": .number($0.ap), "AP50": .number($0.ap50)])) }
        members["per_class"] = .object(Dictionary(classes, uniquingKeysWith: { first, _ in first }))
        return .object(members)
    }

    /// Text for a terminal, in points (0...100); "-" where undefined.
    public var table: String {
        var lines: [String] = []
        let half = 3 + areas.count
        for row in [numbers.prefix(half), numbers.suffix(from: half)] {
            let widths = row.map { max(7, $0.0.count + 2) }
            lines.append(zip(row, widths).map { right($0.0, $1) }.joined())
            lines.append(zip(row, widths).map { right(points($0.1), $1) }.joined())
        }
        let width = max(5, perClass.map(\.name.count).max() ?? 0)
        func row(_ name: String, _ cells: [String]) -> String {
            name + String(repeating: " ", count: width - name.count) + cells.map { right($0, 9) }.joined()
        }
        lines += ["", row("class", ["objects", "AP", "AP50", "AP75", "AR\(recalls.last?.detections ?? 100)"])]
        lines += perClass.map {
            row($0.name, [String($0.objects), points($0.ap), points($0.ap50), points($0.ap75), points($0.ar100)])
        }
        return lines.joined(separator: "\n")
    }
}

extension DetectionMetrics {
    /// The means over thresholds and over classes that have labels: `COCOeval.summarize`.
    init(_ curves: [ClassCurve], _ classes: ClassTable, _ settings: EvaluationSettings) {
        let thresholds = settings.iouThresholds
        let t = thresholds.count
        func mean(_ values: [Double], _ row: Int) -> Double { values[row * t..<(row + 1) * t].reduce(0, +) / Double(t) }
        func at(_ threshold: Double, _ values: [Double]) -> Double {
            thresholds.firstIndex(of: threshold).map { values[$0] } ?? .nan
        }
        func overall(_ value: (ClassCurve) -> Double) -> Double {
            let defined = curves.map(value).filter { !$0.isNaN }
            return defined.isEmpty ? .nan : defined.reduce(0, +) / Double(defined.count)
        }
        ap = overall { mean($0.precision, 0) }
        ap50 = overall { at(0.5, $0.precision) }
        ap75 = overall { at(0.75, $0.precision) }
        areas = settings.areas.enumerated().map { a, area in
            AreaMetrics(
                name: area.name, ap: overall { mean($0.precision, a + 1) }, ar: overall { mean($0.recall, a + 1) })
        }
        recalls = settings.maxDetections.enumerated().map { m, limit in
            RecallMetrics(detections: limit, ar: overall { mean($0.recallByLimit, m) })
        }
        perClass = zip(classes.names, curves).map { name, curve in
            ClassMetrics(
                name: name, objects: curve.positives[0], ap: mean(curve.precision, 0), ap50: at(0.5, curve.precision),
                ap75: at(0.75, curve.precision), ar100: mean(curve.recall, 0))
        }
    }
}

private func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
}

private func points(_ value: Double) -> String {
    if value.isNaN { return "-" }
    let tenths = Int((value * 1000).rounded())
    return "\(tenths / 10).\(tenths % 10)"
}
