import Base
import Geometry

/// What a teacher saw in one picture of a pool, pixel by pixel, or why the picture was refused. The masks themselves are
/// PNG files beside the store: `masks/NAME` and `confidence/NAME`.
public struct MaskRecord: StoredRecord, Hashable {
    /// The outcome for one picture.
    public enum Outcome: Hashable, Sendable {
        /// The upright picture's size, the name of its mask, and its pixels by their label's probability: 20 bins of 0.05
        /// from 0 to 1.
        case labelled(size: Size, mask: String, histogram: [Int])
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

    /// One line of the store, without its end.
    public var line: String {
        let head = "{\"file\":\(quoted(fileName)),\"sha256\":\(quoted(sha256)),"
        switch outcome {
        case .refused(let reason): return head + "\"refused\":\(quoted(reason))}"
        case .labelled(let size, let mask, let histogram):
            return head + "\"width\":\(size.width),\"height\":\(size.height),\"mask\":\(quoted(mask)),"
                + "\"histogram\":[\(histogram.map(String.init).joined(separator: ","))]}"
        }
    }

    /// Nil where a line is not whole or no record.
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
            let mask = json["mask"]?.string, let histogram = json["histogram"]?.array?.compactMap(\.int),
            histogram.count == 20
        else { return nil }
        outcome = .labelled(size: Size(width: width, height: height), mask: mask, histogram: histogram)
    }
}
