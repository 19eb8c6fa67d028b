import Annotations
import Base
import Geometry
import Imaging
import Journal
import Loading
import Recipes
import Torch
import Training

/// `pupil predict`: boxes for pictures, drawn and as COCO results.
enum PredictVerb {
    static let schema = Schema(
        verb: "predict",
        summary: "Detect in a picture or a folder: predictions.json and pictures with the boxes drawn.",
        keys: [
            Key("weights", .path, required: true, group: "data", help: "A detector's weights."),
            Key("images", .path, required: true, group: "data", help: "A picture, or a folder of any depth."),
            Key(
                "score", .fraction, default: 0.3, group: "output",
                help: "Least score of a drawn box; predictions.json has all above the model's floor."),
            Key("draw", .bool, default: true, group: "output", help: "Draw the pictures."),
            CommonKeys.precision,
            Key(
                "out", .path, default: "runs/predict", group: "run", affectsResult: false,
                help: "A new folder, or an earlier one of this verb, which is written anew."),
            CommonKeys.json, CommonKeys.dryRun, CommonKeys.unusedSeed, CommonKeys.device, CommonKeys.threads,
            CommonKeys.workers,
        ] + CommonKeys.suppression)

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        let settings = try schema.parse(arguments)
        let device = try settings.useMachine()
        let path = settings.string("images")
        let set = try Dataset.pictures(path)
        let detector = try Detector(weights: settings.string("weights"), device: device)
        let out = settings.string("out")
        if Files.isFolder(out), !Files.exists(Files.join(out, "predictions.json")), try !Files.list(out).isEmpty {
            throw .usage("\(out) has files in it and is no earlier output of predict; choose another --out")
        }
        if settings.bool("dry-run") {
            print(settings.yaml, terminator: "")
            print("\n\(set.examples.count) pictures to look at with a \(detector.name)")
            return .done
        }
        try Files.makeFolder(out)
        Signals.install()
        var options = Detector.InferenceOptions(precision: Settings.precision(settings.string("precision"), device))
        options.workers = settings.int("workers")
        options.suppression = try settings.suppression()
        options.skipsRefused = Files.isFolder(path)
        var results: [PictureResult] = []
        let progress = ProgressLine(label: "predict", total: set.examples.count)
        try detector.forEachBatch(set, options) { batch throws(Failure) in
            results += batch
            progress.advance(to: results.count, items: batch.count)
            if let signal = Signals.interruption { throw Failure(signal, "stopped by a signal; nothing was written") }
            return true
        }
        progress.finish()
        var named = set
        named.classes = detector.classes
        for result in results { named.examples[result.index].size = result.size }
        try COCOResults.write(results.map(\.detections), of: named, to: Files.join(out, "predictions.json"))
        try writeIndex(named, to: Files.join(out, "images.json"))
        if settings.bool("draw") { try draw(results, named, detector.classes, Float(settings.double("score")), out) }
        let refused = results.filter { $0.refusal != nil }
        var quarantine = Quarantine()
        quarantine.add(results, of: set)
        for line in quarantine.lines(fate: "left out") { Console.standardError.line(line) }
        let count = results.reduce(0) { $0 + $1.detections.count { $0.score >= Float(settings.double("score")) } }
        if settings.bool("json") {
            print(
                JSON.object([
                    "pictures": .int(results.count - refused.count), "refused": .int(refused.count),
                    "boxes": .int(count),
                    "predictions": .string(Files.join(out, "predictions.json")),
                ]).canonical)
        } else {
            print(
                "\(count) boxes of score >= \(settings.double("score")) in \(results.count - refused.count) pictures: \(out)/predictions.json"
                    + (settings.bool("draw") ? ", drawn in \(out)/pictures/" : ""))
        }
        return .done
    }

    /// Which image_id of predictions.json is which file.
    private static func writeIndex(_ set: Dataset, to path: String) throws(Failure) {
        let images = set.examples.map { example -> JSON in
            [
                "id": .int(example.id), "file_name": .string(example.fileName), "width": .int(example.size?.width ?? 0),
                "height": .int(example.size?.height ?? 0),
            ]
        }
        let categories = zip(set.classes.ids, set.classes.names).map { id, name -> JSON in
            ["id": .int(id), "name": .string(name)]
        }
        try Files.write(JSON.object(["images": .array(images), "categories": .array(categories)]).pretty, to: path)
    }

    private static func draw(
        _ results: [PictureResult], _ set: Dataset, _ classes: ClassTable, _ floor: Float, _ out: String
    ) throws(Failure) {
        let folder = Files.join(out, "pictures")
        for result in results where result.refusal == nil {
            let example = set.examples[result.index]
            var image = try ImageFile.decode(set.path(of: example)).image
            for d in result.detections.reversed() where d.score >= floor {
                let percent = Int((d.score * 100).rounded())
                image.draw(
                    box: d.box, label: "\(classes.names[d.label]) 0.\(percent < 10 ? "0" : "")\(min(percent, 99))",
                    color: .forClass(d.label))
            }
            let path = Files.join(folder, example.fileName)
            try Files.makeFolder(Files.folder(path))
            let isPNG = example.fileName.lowercased().hasSuffix(".png")
            try Files.write(isPNG ? image.png() : image.jpeg(quality: 92), to: path)
        }
    }
}
