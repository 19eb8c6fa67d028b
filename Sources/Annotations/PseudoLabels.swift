import Base
import Geometry

/// Hard pseudo-labels: a teacher's detections with at least a threshold's score, as an ordinary dataset.
///
/// Every kept box is an object, everything else is background, as in the paper (3.2). So a student trains on the set as
/// on any other; where a label comes from stays with it as `provenance`.
public struct PseudoLabels: Sendable {
    /// The pictures that train, their kept boxes with scores.
    public var dataset: Dataset
    /// What the threshold did.
    public var summary: PseudoLabelSummary
    /// What the predictions depend on.
    public var header: PredictionStore.Header
    /// The least score that was kept.
    public var threshold: Float
    /// Whether pictures without a kept box are in the set, as background.
    public var keepEmpty: Bool
    /// The file they are of, in which what was not kept is looked up when they are written.
    private let store: String
    /// The SHA-256 of each picture of `dataset`, `[examples]`.
    private var sha256: [String] = []
    private var droppedPictures: [String] = []

    /// Picks the labels of a store. It is read record by record: memory holds what is kept, and of the rest the scores.
    ///
    /// - Parameters:
    ///   - store: a finished store's file (`PredictionStore`).
    ///   - root: the pool's folder, which the records' names are relative to.
    ///   - threshold: the least score that is kept, 0...1; the paper's is 0.5.
    ///   - keepEmpty: whether pictures without a kept box stay as background; otherwise they are dropped and counted.
    /// - Returns: the labels; ids of pictures are their places in the pool, from 1.
    /// - Throws: `.usage` where the threshold is below the store's floor: boxes under it are not there to be kept; what
    ///   reading the store throws.
    public static func select(
        store: String, root: String, threshold: Float, keepEmpty: Bool = false
    ) throws(Failure) -> PseudoLabels {
        let reader = try PredictionStore.reader(store)
        let header = reader.header
        guard threshold >= header.floor, threshold <= 1 else {
            throw .usage(
                "threshold \(threshold): expected a score from \(header.floor), the least that the predictions hold, to 1"
            )
        }
        var labels = PseudoLabels(
            dataset: Dataset(root: root, classes: header.classes, examples: []),
            summary: PseudoLabelSummary(threshold: threshold, classes: header.classes), header: header,
            threshold: threshold, keepEmpty: keepEmpty, store: store)
        var nextID = 1
        while let record = try reader.next() {
            guard case .scored(let size, let detections) = record.outcome else {
                if case .refused(let reason) = record.outcome { labels.drop(record, because: "refused: \(reason)") }
                labels.summary.refused += 1
                continue
            }
            var example = Example(id: reader.count, fileName: record.fileName, size: size)
            for detection in detections {
                labels.summary.count(score: detection.score)
                if labels.reasonAgainst(detection) != nil { continue }
                labels.summary.keptPerClass[detection.label] += 1
                example.annotations.append(
                    Annotation(
                        id: nextID, box: detection.box, label: detection.label,
                        provenance: Provenance(score: detection.score)))
                nextID += 1
            }
            labels.summary.images += 1
            if !example.annotations.isEmpty { labels.summary.imagesWithBoxes += 1 }
            if example.annotations.isEmpty && !keepEmpty {
                labels.drop(record, because: "no box was kept")
                labels.summary.droppedImages += 1
            } else {
                labels.dataset.examples.append(example)
                labels.sha256.append(record.sha256)
            }
        }
        return labels
    }

    /// Why a detection is no label; nil where it is one.
    private func reasonAgainst(_ detection: Detection) -> String? {
        if detection.box.isEmpty { return "empty box" }
        return detection.score < threshold ? "score below the threshold" : nil
    }

    private mutating func drop(_ record: PredictionRecord, because reason: String) {
        droppedPictures.append(
            "{\"file_name\":\(quoted(record.fileName)),\"sha256\":\(quoted(record.sha256)),\"reason\":\(quoted(reason))}"
        )
    }

    private func notKept(_ detection: Detection, of record: PredictionRecord, because reason: String) -> String {
        "{\"file_name\":\(quoted(record.fileName)),\"category_id\":\(header.classes.ids[detection.label]),"
            + "\"bbox\":\(detection.box.cocoText),\"score\":\(decimal(shortest(detection.score))),"
            + "\"reason\":\(quoted(reason))}"
    }

    /// Goes through the store for the items of the list `not_kept`, some at a time.
    private func forEachNotKept(_ body: (_ items: [String]) throws(Failure) -> Void) throws(Failure) {
        let reader = try PredictionStore.reader(store)
        while let record = try reader.next() {
            guard case .scored(_, let detections) = record.outcome else { continue }
            let items = detections.compactMap { detection in
                reasonAgainst(detection).map { notKept(detection, of: record, because: $0) }
            }
            if !items.isEmpty { try body(items) }
        }
    }

    /// Writes a COCO annotation file (`labels.json`) that any COCO tool reads and `Dataset.coco` gives back with
    /// scores.
    ///
    /// `info.pupil` says teacher, pool, threshold and decoding; each image has its `sha256`, each annotation its
    /// `score`. Two more lists say what is not in the set and why: `not_kept` (boxes) and `dropped_images`.
    /// - Throws: `.environment` where the file cannot be written, and what reading the store throws.
    public func write(to path: String) throws(Failure) {
        let provenance: JSON = [
            "teacher": .string(header.teacher), "pool": .string(header.pool), "decoding": header.decoding,
            "threshold": .double(shortest(threshold)), "floor": .double(shortest(header.floor)),
            "keep_empty": .bool(keepEmpty), "summary": summary.json,
        ]
        try Files.writeAtomically(to: path) { descriptor throws(Failure) in
            var text = dataset.cocoBeginning(
                info: ["description": "pseudo-labels", "pupil": provenance],
                imageKeys: { ",\"sha256\":\(quoted(sha256[$0]))" })
            text += ",\n\"not_kept\":["
            var isFirst = true
            try forEachNotKept { items throws(Failure) in
                text += (isFirst ? "\n" : ",\n") + items.joined(separator: ",\n")
                isFirst = false
                if text.utf8.count > 1 << 18 {
                    try Files.writeAll(text, to: descriptor, path: path)
                    text = ""
                }
            }
            text += isFirst ? "]" : "\n]"
            text += Dataset.cocoList("dropped_images", droppedPictures) + Dataset.cocoEnd
            try Files.writeAll(text, to: descriptor, path: path)
        }
    }
}
