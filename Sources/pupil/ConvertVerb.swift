import Annotations
import Base
import Evaluation
import Journal
import Recipes

/// `pupil convert`: labels, or a detector's boxes, in another tool's form.
enum ConvertVerb {
    static let schema = Schema(
        verb: "convert",
        summary:
            "Write a labelled set, or detections, in another form: COCO, YOLO, VOC, Open Images, COCO results, cut-outs.",
        keys: [
            Key("from", .path, group: "data", help: "The set to convert. \(CommonKeys.forms)"),
            Key(
                "part", .string, group: "data",
                help:
                    "Which part of --from, where it has several; also what the part is called in --out (default train)."
            ),
            Key("images", .path, group: "data", help: "The pictures of --from. Default: where its form has them."),
            Key("train", .path, group: "data", help: "Or several sets, which become parts of one: their part train,"),
            Key("val", .path, group: "data", help: "their part val,"),
            Key("test", .path, group: "data", help: "their part test."),
            Key("train-images", .path, group: "data", help: "The pictures of --train."),
            Key("val-images", .path, group: "data", help: "The pictures of --val."),
            Key("test-images", .path, group: "data", help: "The pictures of --test."),
            CommonKeys.classes, CommonKeys.vocPixels,
            CommonKeys.detections("In place of the labels of --from: detections to convert, scores kept."),
            CommonKeys.detectionLines, CommonKeys.detectionClasses,
            Key(
                "to", .choice(["coco", "yolo", "voc", "openimages", "results", "imagefolder"]), required: true,
                group: "output",
                help: "The form to write; results is a list of detections as pycocotools reads it, imagefolder the "
                    + "objects cut out, a folder for each class."),
            Key(
                "out", .path, required: true, group: "output", affectsResult: false,
                help: "A new folder; with --to coco or results also a new .json file. Nothing is written over."),
            Key(
                "pictures", .choice(["link", "copy", "none"]), default: "link", group: "output",
                help: "What becomes of the pictures in a new folder: links to them, copies, or nothing."),
            Key(
                "scores", .bool, default: true, group: "output",
                help:
                    "Write scores, where labels have some. Tools that want five columns in YOLO labels need --no-scores."
            ),
            Key(
                "margin", .number(0...10), default: 0.1, group: "imagefolder",
                help: "What is shown around an object on each side, as a share of the longer side of its box."),
            Key(
                "min-side", .positiveInteger, default: 16, group: "imagefolder",
                help: "Objects with a box less wide or high, in pixels, are left out."),
            CommonKeys.json,
        ])

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        let settings = try schema.parse(arguments)
        let out = settings.string("out")
        let to = settings.string("to")
        let isFile = ["coco", "results"].contains(to) && out.lowercased().hasSuffix(".json")
        if !isFile, [".json", ".csv", ".yaml", ".xml", ".txt"].contains(where: { out.lowercased().hasSuffix($0) }) {
            throw .usage("--to \(to) writes a folder, and --out \(out) is called like a file")
        }
        let foreign = to == "imagefolder" ? ["pictures", "scores"] : ["margin", "min-side"]
        for key in foreign where settings.isGiven(key) {
            throw .usage("--\(key) does not go with --to \(to)")
        }
        // Before anything is read: a set of a million boxes is not read in vain.
        try Conversion.requireNew(out)
        var parts = try settings.partsToConvert()
        if let detections = settings.optionalString("dt") {
            guard parts.count == 1 else { throw .usage("--dt goes with one set, --from") }
            let found = try Detections.read(
                detections, parts[0].set, lines: settings.detectionLines, classes: try settings.detectionClasses())
            for doubt in TruthSet(parts[0].set).doubts(about: found.map { $0.map { ScoredBox($0) } }) {
                Console.standardError.line("warning: \(detections): \(doubt)")
            }
            parts[0].set = parts[0].set.labelled(by: found)
        }
        let counts: [Conversion.Count]
        if to == "results" || isFile {
            guard parts.count == 1 else { throw .usage("--to \(to) into one file takes one set, --from") }
            counts = [try writeFile(parts[0], to, isFile ? out : Files.join(out, "predictions.json"), settings)]
        } else if to == "imagefolder" {
            counts = try cutOut(parts, settings)
        } else {
            guard let format = DatasetFormat(rawValue: to) else { throw .usage("there is no form \(to)") }
            counts = try Conversion.write(
                parts, as: format, to: out,
                pictures: Conversion.Pictures(rawValue: settings.string("pictures")) ?? .link,
                needsPictures: ["images", "train-images", "val-images", "test-images"].contains {
                    settings.optionalString($0) != nil
                },
                scores: settings.bool("scores"))
            let pictures = parts.lazy.flatMap { part in part.set.examples.lazy.map { part.set.path(of: $0) } }
            if settings.string("pictures") != "none", let first = pictures.first,
                !pictures.contains(where: Files.exists)
            {
                Console.standardError.line(
                    "no picture is where the labels say, such as \(first): the labels alone were written (--images says where "
                        + "pictures lie)")
            }
        }
        report(counts, parts, settings)
        return .done
    }

    private static func writeFile(
        _ part: Conversion.Part, _ to: String, _ path: String, _ settings: Settings
    ) throws(Failure) -> Conversion.Count {
        let keepsScores = to == "results" || settings.bool("scores")
        let detections = to == "results" ? try part.set.scoredLabels() : nil
        try Files.makeFolder(Files.folder(path))
        if let detections {
            try COCOResults.write(detections, of: part.set, to: path)
        } else {
            try (keepsScores ? part.set : part.set.withoutScores).writeCOCO(to: path)
        }
        return Conversion.Count(of: part, scores: keepsScores)
    }

    private static func cutOut(
        _ parts: [Conversion.Part], _ settings: Settings
    ) throws(Failure) -> [Conversion.Count] {
        let pictures = parts.reduce(0) { $0 + $1.set.examples.count }
        let shown = Monitor((line: ProgressLine(label: "cut out", total: pictures), done: 0))
        defer { shown.withLock { $0.line.finish() } }
        return try Conversion.writeImageFolder(
            parts, to: settings.string("out"), margin: settings.double("margin"), minSide: settings.int("min-side"),
            progress: { done in
                shown.withLock {
                    if done > $0.done { $0.line.advance(to: done, items: done - $0.done) }
                    $0.done = max($0.done, done)
                }
            })
    }

    private static func report(_ counts: [Conversion.Count], _ parts: [Conversion.Part], _ settings: Settings) {
        let out = settings.string("out")
        if settings.bool("json") {
            print(
                JSON.object([
                    "to": .string(settings.string("to")), "out": .string(out), "parts": .array(counts.map(\.json)),
                    "classes": .array(parts[0].set.classes.names.map { .string($0) }),
                ]).canonical)
            return
        }
        for count in counts {
            var text = "\(count.part): \(count.labels) labels on \(count.pictures) pictures"
            if count.scored > 0 { text += ", \(count.scored) of them with a score" }
            if count.leftOut > 0 {
                text += "; left out \(count.leftOut) regions to be ignored"
                if settings.string("to") == "yolo" { text += ", which YOLO cannot say" }
            }
            if count.tooSmall > 0 {
                text += "; left out \(count.tooSmall) objects of less than \(settings.int("min-side")) pixels"
            }
            if count.changed > 0 {
                text += "; \(count.changed) regions to be ignored are written as the nearest that the form has"
            }
            print(text)
        }
        print(out)
    }
}

extension Settings {
    /// The set or sets that `convert` was given.
    fileprivate func partsToConvert() throws(Failure) -> [Conversion.Part] {
        let several = ["train", "val", "test"].filter { optionalString($0) != nil }
        if let from = optionalString("from") {
            guard several.isEmpty else { throw .usage("give either --from or --train, --val and --test") }
            let part = optionalString("part")
            if let part, part.isEmpty || part.utf8.contains(UInt8(ascii: "/")) || part.hasPrefix(".") {
                throw .usage("part \"\(part)\": expected a word such as train")
            }
            if let part, try !DatasetFormat.of(from).hasParts {
                Console.standardError.line("\(from) has no parts: all of it becomes the part \(part)")
            }
            try requireOutside(from, images: "images")
            return [Conversion.Part(part ?? "train", try readSet(from, images: "images", part: part))]
        }
        if several.isEmpty { throw .usage("give a set: --from, or --train, --val and --test") }
        if optionalString("part") != nil || optionalString("images") != nil {
            throw .usage("--part and --images belong to --from")
        }
        var parts: [Conversion.Part] = []
        for name in several {
            try requireOutside(string(name), images: name + "-images")
            parts.append(Conversion.Part(name, try readSet(string(name), images: name + "-images", part: name)))
        }
        return parts
    }

    /// - Throws: `.usage` where what is written would become a part of the set that is read.
    private func requireOutside(_ set: String, images: String) throws(Failure) {
        let (to, out) = (string("to"), string("out"))
        let isFile = out.lowercased().hasSuffix(".json") || to == "results"
        let writesPictures = !isFile && (to == "imagefolder" || string("pictures") != "none")
        for (folder, what) in try Dataset.foldersWalked(by: set, images: optionalString(images))
        where what == .annotations ? to == "voc" : writesPictures {
            try OutputFile.requireOutside(out, [folder], key: nil)
        }
    }
}
