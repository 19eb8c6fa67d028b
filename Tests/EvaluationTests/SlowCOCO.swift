import Annotations

@testable import Evaluation

/// COCO's definition in its plainest form: every cell, threshold and area by itself, nothing kept or skipped.
struct SlowCOCO {
    var ap: Double
    var apArea: [Double]
    var arArea: [Double]
    var ar: [Double]
    var apClass: [Double]

    init(_ truth: TruthSet, _ detections: [[ScoredBox]], _ settings: EvaluationSettings) {
        let classes = truth.classes.names.indices
        let ranges = [0...1e10] + settings.areas.map(\.range)
        let most = settings.maxDetections.max() ?? 0
        /// (AP, recall) of a class, NaN without labels.
        func cell(_ label: Int, _ area: ClosedRange<Double>, _ threshold: Double, _ limit: Int) -> (Double, Double) {
            var marks: [(score: Double, right: Bool)] = []
            var positives = 0
            for i in truth.images.indices.sorted(by: { truth.images[$0].id < truth.images[$1].id }) {
                let labels = truth.images[i].boxes.filter { $0.label == label }
                let ignored = labels.map { $0.isIgnored || $0.area < area.lowerBound || $0.area > area.upperBound }
                positives += ignored.filter { !$0 }.count
                var used = labels.map { _ in false }
                let best = detections[i].filter { $0.label == label && $0.score >= settings.scoreFloor }
                    .enumerated().sorted { ($1.element.score, $0.offset) < ($0.element.score, $1.offset) }
                    .map(\.element).prefix(limit)
                for detection in best {
                    var choice: (place: Int, overlap: Double)?
                    for wanted in [false, true] where choice == nil {
                        for j in labels.indices where ignored[j] == wanted && (!used[j] || labels[j].isCrowd) {
                            let overlap = Self.overlap(detection.frame, labels[j])
                            if overlap >= min(threshold, 1 - 1e-10), overlap >= choice?.overlap ?? 0 {
                                choice = (j, overlap)
                            }
                        }
                    }
                    if let choice {
                        used[choice.place] = true
                        if !ignored[choice.place] { marks.append((detection.score, true)) }
                    } else if area.contains(detection.frame.width * detection.frame.height) {
                        marks.append((detection.score, false))
                    }
                }
            }
            if positives == 0 { return (.nan, .nan) }
            let order = marks.indices.sorted { (marks[$1].score, $0) < (marks[$0].score, $1) }
            var curve: [(precision: Double, recall: Double)] = []
            var right = 0
            for (n, i) in order.enumerated() {
                right += marks[i].right ? 1 : 0
                curve.append((Double(right) / Double(n + 1), Double(right) / Double(positives)))
            }
            // numpy.linspace's points: 0.07 is 7 * 0.01, which is a little more than 7 / 100.
            let points = (0...100).map { r in
                curve.filter { $0.recall >= Double(r) * 0.01 }.map(\.precision).max() ?? 0
            }
            return (points.reduce(0, +) / 101, Double(right) / Double(positives))
        }
        func mean(_ values: [Double]) -> Double {
            let defined = values.filter { !$0.isNaN }
            return defined.isEmpty ? .nan : defined.reduce(0, +) / Double(defined.count)
        }
        func all(_ area: ClosedRange<Double>, _ limit: Int) -> [(Double, Double)] {
            classes.flatMap { label in settings.iouThresholds.map { cell(label, area, $0, limit) } }
        }
        ap = mean(all(ranges[0], most).map(\.0))
        apArea = ranges.dropFirst().map { mean(all($0, most).map(\.0)) }
        arArea = ranges.dropFirst().map { mean(all($0, most).map(\.1)) }
        ar = settings.maxDetections.map { mean(all(ranges[0], $0).map(\.1)) }
        apClass = classes.map { label in mean(settings.iouThresholds.map { cell(label, ranges[0], $0, most).0 }) }
    }

    private static func overlap(_ a: Frame, _ label: TrueBox) -> Double {
        let b = label.frame
        let width = max(0, min(a.x + a.width, b.x + b.width) - max(a.x, b.x))
        let height = max(0, min(a.y + a.height, b.y + b.height) - max(a.y, b.y))
        let shared = width * height
        let whole = label.isCrowd ? a.width * a.height : a.width * a.height + b.width * b.height - shared
        return whole > 0 ? shared / whole : 0
    }
}
