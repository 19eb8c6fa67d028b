import Base
import Geometry

/// COCO results files (`predictions.json`): a list of `{image_id, category_id, bbox, score}`.
public enum COCOResults {
    /// The detections of a results file, `[examples]`, each list in the order of the file (ties in score keep it).
    ///
    /// Boxes are not clipped: pycocotools scores them as written. An empty list is no error. Keys other than the four
    /// are not read.
    /// - Parameters:
    ///   - path: the JSON file, of any size.
    ///   - dataset: whose image and category ids the file uses.
    /// - Throws: `.invalidData` naming the entry: an image or category the dataset does not have, a box with a negative
    ///   side, a missing key, a wrong type.
    public static func read(_ path: String, _ dataset: Dataset) throws(Failure) -> [[Detection]] {
        var findings = Findings(limit: 1)
        let detections = try read(path, dataset, into: &findings)
        try findings.requireNoErrors(isForCheck: false)
        return detections
    }

    /// As `read` without `findings`, but an entry with an error is left out and reported, and reading goes on.
    /// - Throws: where the file cannot be read, is no JSON or no list.
    public static func read(
        _ path: String, _ dataset: Dataset, into findings: inout Findings
    ) throws(Failure) -> [[Detection]] {
        var detections = [[Detection]](repeating: [], count: dataset.examples.count)
        let target = Target(
            ids: dataset.examples.map(\.id), classes: dataset.classes, source: dataset.source,
            name: { dataset.examples[$0].fileName })
        try forEach(path, target, into: &findings) { image, found in
            detections[image].append(
                Detection(box: Box(found.frame), label: found.label, score: Float(found.score)))
        }
        return detections
    }

    /// The detections of a results file as it writes them, in double precision, `[truth.images]`: what `read` says, for
    /// evaluation.
    /// - Throws: as `read`.
    public static func scored(_ path: String, _ truth: TruthSet) throws(Failure) -> [[ScoredBox]] {
        var findings = Findings(limit: 1)
        var detections = [[ScoredBox]](repeating: [], count: truth.images.count)
        let target = Target(
            ids: truth.images.map(\.id), classes: truth.classes, source: truth.source,
            name: { truth.images[$0].fileName })
        try forEach(path, target, into: &findings) { image, found in detections[image].append(found) }
        try findings.requireNoErrors(isForCheck: false)
        return detections
    }

    /// Whose ids a results file uses.
    private struct Target {
        var ids: [Int]
        var classes: ClassTable
        var source: String
        var name: (Int) -> String
    }

    /// Each good entry in the order of the file, with the place of its image; the others are reported.
    private static func forEach(
        _ path: String, _ target: Target, into findings: inout Findings, _ body: (Int, ScoredBox) -> Void
    ) throws(Failure) {
        let document = try COCODocument.read(path, as: .results)
        let places = Dictionary(zip(target.ids, target.ids.indices), uniquingKeysWith: { first, _ in first })
        let labels = Dictionary(
            zip(target.classes.ids, target.classes.ids.indices), uniquingKeysWith: { first, _ in first })
        let truth = target.source.isEmpty ? "the labelled set" : target.source
        for fault in document.faults {
            let place = fault.place(in: path) { id in places[id].map { target.name($0) } }
            findings.add(fault.rule, place, fault.message)
        }
        for entry in document.labels.joined() {
            func place() -> Place {
                let name = places[entry.picture].map { target.name($0) } ?? "id \(entry.picture)"
                return Place(file: path, image: name, item: "detection \(entry.id + 1) of the list")
            }
            guard let image = places[entry.picture] else {
                findings.add(.annotationWithoutImage, place(), "\(truth) has no image with the id \(entry.picture)")
                continue
            }
            guard let label = labels[entry.category] else {
                let zeroBased = entry.category == 0 && target.classes.ids.first == 1
                findings.add(
                    .annotationWithoutClass, place(),
                    "\(truth) has no category with the id \(entry.category)"
                        + (zeroBased ? "; its ids begin at 1: were labels written instead of ids?" : ""))
                continue
            }
            let frame = entry.frame
            guard frame.isSane, frame.width >= 0, frame.height >= 0 else {
                findings.add(
                    frame.isSane ? .boxEmpty : .boxNotFinite, place(),
                    "the bbox \(frame) " + (frame.isSane ? "has a negative side" : "is absurdly large"))
                continue
            }
            guard let score = entry.score, abs(score) <= Double(Float.greatestFiniteMagnitude) else {
                findings.add(.itemMalformed, place(), "\"score\" is too large")
                continue
            }
            body(image, ScoredBox(frame: frame, label: label, score: score))
        }
    }

    /// Writes detections, one a line, that `read` gives back as they are.
    /// - Parameter detections: `[examples]`, boxes in pixels of the original picture.
    /// - Throws: `.environment` where the file cannot be written.
    /// - Precondition: one list an example, finite scores and boxes.
    public static func write(_ detections: [[Detection]], of dataset: Dataset, to path: String) throws(Failure) {
        precondition(
            detections.count == dataset.examples.count,
            "\(detections.count) lists of detections for \(dataset.examples.count) examples")
        var lines: [String] = []
        for (example, list) in zip(dataset.examples, detections) {
            for detection in list {
                let id = dataset.classes.ids[detection.label]
                lines.append(
                    "{\"image_id\":\(example.id),\"category_id\":\(id),\"bbox\":\(detection.box.cocoText),"
                        + "\"score\":\(decimal(shortest(detection.score)))}")
            }
        }
        try Files.write(lines.isEmpty ? "[]\n" : "[\n" + lines.joined(separator: ",\n") + "\n]\n", to: path)
    }
}
