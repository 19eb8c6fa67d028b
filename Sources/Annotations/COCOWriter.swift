import Base
import Geometry

extension Dataset {
    /// Writes a COCO annotation file, one item a line, that `Dataset.coco` reads back as the same set.
    ///
    /// Boxes become x, y, width, height. A pseudo-label has its `score`; a label that is ignored and no crowd has
    /// `"treatment": "ignore"` (and `"ignore": 1`, for tools that know it). Masks are copied as the file has them that the
    /// set was read from; a box that was cut keeps its whole mask.
    /// - Throws: `.environment` where the file cannot be written; then none is there. `.invalidData` where the file that
    ///   the masks stand in was changed.
    public func writeCOCO(to path: String) throws(Failure) { try Files.write(try cocoTextWithMasks(), to: path) }

    /// As `writeCOCO`, for a set that was made of another one: where that is of a COCO file, with all that the file
    /// holds and nobody reads (`info`, `licenses`, keypoints, keys of one's own).
    /// - Throws: as `writeCOCO`, and where the file cannot be read anew.
    public func writeCOCO(to path: String, restOf original: Dataset) throws(Failure) {
        let file = try DatasetFormat.cocoFile(at: original.source)
        let rest = try file.map { file throws(Failure) in try COCORest(file, of: original) }
        try Files.write(try cocoTextWithMasks(rest ?? COCORest()), to: path)
    }

    /// The text of `writeCOCO`.
    func cocoTextWithMasks(_ rest: COCORest = COCORest()) throws(Failure) -> String {
        var failure: Failure?
        var text = cocoBeginning(
            info: rest.info, members: rest.members, imageKeys: { rest.text(ofPicture: examples[$0].id) },
            annotationKeys: { label in
                do throws(Failure) {
                    let mask = try segmentation(of: label).map { ",\"segmentation\":\($0.canonical)" } ?? ""
                    return mask + rest.text(of: label)
                } catch {
                    failure = failure ?? error
                    return ""
                }
            }, categoryKeys: { rest.text(ofClass: $0) })
        if let failure { throw failure }
        text += Self.cocoEnd
        return text
    }

    /// The text of the file but for `cocoEnd`, so that further lists can follow (`cocoList`).
    /// - Parameters:
    ///   - info: members of `info`.
    ///   - members: further members of the file, as JSON text.
    ///   - imageKeys: further members of each image, by its place in `examples`; JSON text such as `,"sha256":"..."`.
    ///   - annotationKeys: further members of each annotation, likewise.
    ///   - categoryKeys: further members of each category, by its name, likewise.
    func cocoBeginning(
        info: JSON = ["description": "written by pupil"], members: [(key: String, text: String)] = [],
        imageKeys: (Int) -> String = { _ in "" }, annotationKeys: (Annotation) -> String = { _ in "" },
        categoryKeys: (String) -> String = { _ in "" }
    ) -> String {
        let images = examples.enumerated().map { place, example in
            let size = example.size.map { ",\"width\":\($0.width),\"height\":\($0.height)" } ?? ""
            return "{\"id\":\(example.id),\"file_name\":\(quoted(example.fileName))\(size)\(imageKeys(place))}"
        }
        let annotations = examples.flatMap { example in
            example.annotations.map { label in
                let score = label.provenance.map { ",\"score\":\(decimal(shortest($0.score)))" } ?? ""
                let ignored =
                    label.treatment == .ignore && !label.isCrowd ? ",\"treatment\":\"ignore\",\"ignore\":1" : ""
                return "{\"id\":\(label.id),\"image_id\":\(example.id),\"category_id\":\(classes.ids[label.label]),"
                    + "\"bbox\":\(label.box.cocoText),\"area\":\(decimal(label.area)),"
                    + "\"iscrowd\":\(label.isCrowd ? 1 : 0)\(score)\(ignored)\(annotationKeys(label))}"
            }
        }
        let categories = zip(classes.ids, classes.names).map {
            "{\"id\":\($0),\"name\":\(quoted($1))\(categoryKeys($1))}"
        }
        let all = [("categories", categories), ("images", images), ("annotations", annotations)]
        let others = members.map { ",\n\(quoted($0.key)):\($0.text)" }.joined()
        return "{\n\"info\":\(info.canonical)\(others)" + all.map { Self.cocoList($0.0, $0.1) }.joined()
    }

    /// A list of the file, its items as JSON text.
    static func cocoList(_ key: String, _ items: [String]) -> String {
        ",\n\"\(key)\":[" + (items.isEmpty ? "]" : "\n" + items.joined(separator: ",\n") + "\n]")
    }

    /// The end of the file.
    static let cocoEnd = "\n}\n"
}

/// A string as JSON text.
func quoted(_ text: String) -> String { JSON.string(text).canonical }
