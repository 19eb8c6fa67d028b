import Base
import Geometry

/// What a teacher saw in one picture of a pool, or why the picture was refused.
public struct PredictionRecord: StoredRecord, Hashable {
    /// The outcome for one picture.
    public enum Outcome: Hashable, Sendable {
        /// The upright picture's size and all detections with at least the floor's score, boxes in its pixels.
        case scored(size: Size, detections: [Detection])
        /// Why it could not be used.
        case refused(String)
    }

    /// Relative to the pool's root.
    public var fileName: String
    /// The SHA-256 of the file's bytes as 64 hexadecimal digits; empty where they could not be read.
    public var sha256: String
    /// What came of it.
    public var outcome: Outcome

    /// The record of one picture.
    public init(fileName: String, sha256: String, outcome: Outcome) {
        self.fileName = fileName
        self.sha256 = sha256
        self.outcome = outcome
    }

    /// One line of the store, without its end. Floats are written so that they read back equal.
    public var line: String {
        let head = "{\"file\":\(quoted(fileName)),\"sha256\":\(quoted(sha256)),"
        switch outcome {
        case .refused(let reason): return head + "\"refused\":\(quoted(reason))}"
        case .scored(let size, let detections):
            let items = detections.map { d in
                let box = [d.box.x1, d.box.y1, d.box.x2, d.box.y2].map { decimal(shortest($0)) }.joined(separator: ",")
                return "[\(box),\(d.label),\(decimal(shortest(d.score)))]"
            }
            return head + "\"width\":\(size.width),\"height\":\(size.height),"
                + "\"detections\":[\(items.joined(separator: ","))]}"
        }
    }

    /// Nil where a line is not whole or not a record of `classCount` classes.
    public init?(line: some Collection<UInt8>, classCount: Int) {
        guard let json = try? JSON.parse(Array(line), file: "store"), let file = json["file"]?.string,
            let sha256 = json["sha256"]?.string
        else { return nil }
        fileName = file
        self.sha256 = sha256
        if let reason = json["refused"]?.string {
            outcome = .refused(reason)
            return
        }
        guard let width = json["width"]?.int, let height = json["height"]?.int, width > 0, height > 0,
            let items = json["detections"]?.array
        else { return nil }
        var detections: [Detection] = []
        detections.reserveCapacity(items.count)
        for item in items {
            guard let n = item.array?.compactMap(\.double), n.count == 6, let label = Int(exactly: n[4]),
                (0..<classCount).contains(label)
            else { return nil }
            detections.append(
                Detection(
                    box: Box(x1: Float(n[0]), y1: Float(n[1]), x2: Float(n[2]), y2: Float(n[3])), label: label,
                    score: Float(n[5])))
        }
        outcome = .scored(size: Size(width: width, height: height), detections: detections)
    }
}
