import Base
import Geometry

/// COCO results files (`predictions.json`): a list of `{image_id, category_id, bbox, score}`.
public enum COCOResults {
    /// The detections of a results file, `[examples]`, each list in the order of the file (ties in score keep it).
    ///
    /// Boxes are not clipped: pycocotools scores them as written. An empty list is no error. Keys other than the four
    /// are not read.
    /// - Parameters:
    ///   - path: the JSON file.
    ///   - dataset: whose image and category ids the file uses.
    /// - Throws: `.invalidData` naming the entry: an image or category the dataset does not have, a box with a negative
    ///   side, a missing key, a wrong type.
    public static func read(_ path: String, _ dataset: Dataset) throws(Failure) -> [[Detection]] {
        try scored(path, TruthSet(dataset)).map { list in
            list.map {
                let frame = $0.frame
                return Detection(
                    box: Box(x: frame.x, y: frame.y, width: frame.width, height: frame.height), label: $0.label,
                    score: Float($0.score))
            }
        }
    }

    /// The detections of a results file as it writes them, in double precision: what `read` says, for evaluation.
    public static func scored(_ path: String, _ dataset: TruthSet) throws(Failure) -> [[ScoredBox]] {
        let root = try Files.readJSON(path)
        guard let entries = root.array else {
            let hint = root["annotations"] != nil ? "; this is an annotation file" : ""
            throw .data("\(path): expected a list of detections {image_id, category_id, bbox, score}\(hint)")
        }
        let places = Dictionary(
            zip(dataset.images.map(\.id), dataset.images.indices), uniquingKeysWith: { first, _ in first })
        let labels = Dictionary(
            zip(dataset.classes.ids, dataset.classes.ids.indices), uniquingKeysWith: { first, _ in first })
        let truth = dataset.source.isEmpty ? "the labelled set" : dataset.source
        var detections = [[ScoredBox]](repeating: [], count: dataset.images.count)
        for (i, json) in entries.enumerated() {
            let item = Item(path, "detection", i, json)
            let image = try item.id("image_id")
            let category = try item.id("category_id")
            guard let place = places[image] else { throw item.fault("\(truth) has no image with the id \(image)") }
            guard let label = labels[category] else {
                let zeroBased = category == 0 && dataset.classes.ids.first == 1
                throw item.fault(
                    "\(truth) has no category with the id \(category)"
                        + (zeroBased ? "; its ids begin at 1: were labels written instead of ids?" : ""))
            }
            guard let bbox = item.json["bbox"]?.array, bbox.count == 4, let x = bbox[0].double, let y = bbox[1].double,
                let width = bbox[2].double, let height = bbox[3].double
            else { throw item.fault("\"bbox\" must be four numbers [x, y, width, height]") }
            guard width >= 0, height >= 0, [x, y, width, height].allSatisfy({ abs($0) < 1e9 }) else {
                throw item.fault("the bbox [\(x), \(y), \(width), \(height)] has a negative side or is absurdly large")
            }
            guard let score = item.json["score"]?.double, abs(score) <= Double(Float.greatestFiniteMagnitude) else {
                throw item.fault("\"score\" must be a number")
            }
            detections[place].append(
                ScoredBox(frame: Frame(x: x, y: y, width: width, height: height), label: label, score: score))
        }
        return detections
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
