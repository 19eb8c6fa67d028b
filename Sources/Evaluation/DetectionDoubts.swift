import Annotations

extension TruthSet {
    /// Why detections may not mean what they say: boxes written in another way, or classes counted in another order. A sentence
    /// each, for people; the scores stay what they are.
    ///
    /// Held against the labels at IoU 0.5 are the best-scored detections of each picture, as many as it has labels.
    /// - Precondition: one list an image.
    public func doubts(about detections: [[ScoredBox]]) -> [String] {
        precondition(detections.count == images.count, "\(detections.count) lists for \(images.count) images")
        var (asked, right, elsewhere, asCorners, asFractions) = (0, 0, 0, 0, 0)
        for (image, found) in zip(images, detections) where !image.boxes.isEmpty {
            for box in found.sorted(by: { $0.score > $1.score }).prefix(image.boxes.count) {
                asked += 1
                let frame = box.frame
                let overlaps = image.boxes.filter { Self.overlap($0.frame, frame) >= 0.5 }
                if overlaps.contains(where: { $0.label == box.label }) {
                    right += 1
                } else if !overlaps.isEmpty {
                    elsewhere += 1
                }
                let corners = Frame(
                    x: frame.x, y: frame.y, width: frame.width - frame.x, height: frame.height - frame.y)
                if image.boxes.contains(where: { Self.overlap($0.frame, corners) >= 0.5 }) { asCorners += 1 }
                if frame.x >= 0, frame.y >= 0, frame.x + frame.width <= 1.001, frame.y + frame.height <= 1.001 {
                    asFractions += 1
                }
            }
        }
        if asked < 10 { return [] }
        if asFractions == asked {
            return ["all boxes lie between 0 and 1: fractions of their pictures, where pixels were expected?"]
        }
        var doubts: [String] = []
        if asCorners * 10 > asked, asCorners > 2 * (right + elsewhere) {
            doubts.append(
                "\(asCorners) of the \(asked) best boxes fit a label as corners [x1, y1, x2, y2] and \(right + elsewhere) as they "
                    + "are taken, [x, y, width, height]: were corners written?")
        }
        if elsewhere * 4 > asked, elsewhere > 4 * right {
            doubts.append(
                "\(elsewhere) of the \(asked) best boxes fit a label of another class and \(right) one of their own: do the class "
                    + "numbers count another list?")
        }
        return doubts
    }

    private static func overlap(_ a: Frame, _ b: Frame) -> Double {
        let width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
        let height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
        if width <= 0 || height <= 0 { return 0 }
        return width * height / (a.width * a.height + b.width * b.height - width * height)
    }
}
