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

    /// The text of `writeCOCO`.
    func cocoTextWithMasks() throws(Failure) -> String {
        var failure: Failure?
        let text = cocoText(annotationKeys: { label in
            do throws(Failure) {
                return try segmentation(of: label).map { ",\"segmentation\":\($0.canonical)" } ?? ""
            } catch {
                failure = failure ?? error
                return ""
            }
        })
        if let failure { throw failure }
        return text
    }

    /// The text of the file.
    /// - Parameters:
    ///   - info: members of `info`.
    ///   - imageKeys: further members of each image, by its place in `examples`; JSON text such as `,"sha256":"..."`.
    ///   - annotationKeys: further members of each annotation, likewise.
    ///   - lists: further lists at the end, their items as JSON text.
    func cocoText(
        info: JSON = ["description": "written by pupil"], imageKeys: (Int) -> String = { _ in "" },
        annotationKeys: (Annotation) -> String = { _ in "" },
        lists: [(key: String, items: [String])] = []
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
        let categories = zip(classes.ids, classes.names).map { "{\"id\":\($0),\"name\":\(quoted($1))}" }
        let all =
            [("categories", categories), ("images", images), ("annotations", annotations)]
            + lists.map { ($0.key, $0.items) }
        return "{\n\"info\":\(info.canonical)"
            + all.map { ",\n\"\($0.0)\":[" + ($0.1.isEmpty ? "]" : "\n" + $0.1.joined(separator: ",\n") + "\n]") }
            .joined()
            + "\n}\n"
    }
}

/// A string as JSON text.
func quoted(_ text: String) -> String { JSON.string(text).canonical }
