import Annotations
import Base
import Geometry
import Imaging
import Journal
import Loading
import Recipes
import SelfTraining
import Torch
import Training

/// `pupil predict`: boxes for pictures, drawn and as COCO results, masks as PNG files and over the pictures, or classes.
enum PredictVerb {
    static let schema = Schema(
        verb: "predict",
        summary: "Predict for a picture or a folder: boxes or masks, as files and drawn over the pictures, or classes.",
        keys: [
            Key("weights", .path, required: true, group: "data", help: "A trained model, or the folder of its run."),
            Key("images", .path, required: true, group: "data", help: "A picture, or a folder of any depth."),
            scoreKey, Key("draw", .bool, default: true, group: "output", help: "Draw the pictures."),
            CommonKeys.precision,
            Key(
                "out", .path, default: "runs/predict", group: "run", affectsResult: false,
                help: "A new folder, or one of this verb with the same settings, which is written anew."),
            CommonKeys.json, CommonKeys.dryRun, CommonKeys.unusedSeed, CommonKeys.device, CommonKeys.threads,
            CommonKeys.workers,
        ] + CommonKeys.suppression + views)

    private static let scoreKey = Key(
        "score", .fraction, default: 0.3, group: "output",
        help: "Least score of a drawn box; predictions.json has all above the model's floor.")

    /// How a segmenter sees a picture.
    static let views = [
        Key(
            "scales", .list(of: .number(0.1...8)), group: "masks",
            help: "Of a segmenter: the sizes in which it sees a picture, 1 being fitted into the canvas. Default: 1."),
        Key("flip", .bool, default: false, group: "masks", help: "Of a segmenter: the picture mirrored, too."),
        Key(
            "slide", .bool, default: false, group: "masks",
            help: "Of a segmenter: through windows of the canvas's size where a size is larger."),
        Key("opacity", .fraction, default: 0.5, group: "masks", help: "Of the masks that are drawn over pictures."),
    ]

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        let settings = try schema.parse(arguments).withWeightsFile()
        let task = try TaskName(ofWeights: settings.string("weights"))
        let ofBoxes = CommonKeys.suppression + [scoreKey]
        let foreign: [Key]
        switch task {
        case .detection: foreign = views
        case .segmentation: foreign = ofBoxes
        case .classification: foreign = views + ofBoxes
        case .contrastive:
            throw .usage(
                "\(settings.string("weights")) was learned without classes, so it predicts none (`pupil probe` and `pupil "
                    + "embed` take it)")
        }
        if let key = foreign.first(where: { settings.departs($0.name) }) {
            throw .usage("\(key.flag) does not go with a model for \(task.rawValue)")
        }
        let device = try settings.useMachine()
        let set = try Dataset.pictures(settings.string("images"))
        for note in set.notes { Console.standardError.line("\(settings.string("images")): \(note)") }
        let out = settings.string("out")
        try OutputFile.requireOutside(out, [settings.string("images")], key: "images")
        try RunFolder.requireFit(settings)
        if settings.bool("dry-run") {
            settings.printPlan("\(set.examples.count) pictures to look at with \(settings.string("weights"))")
            return .done
        }
        switch task {
        case .detection: return try boxes(settings, device, set, out)
        case .segmentation: return try masks(settings, device, set, out)
        default: return try classes(settings, device, set, out)
        }
    }

    private static func boxes(
        _ settings: Settings, _ device: Device, _ set: Dataset, _ out: String
    ) throws(Failure) -> ExitCode {
        let detector = try Detector(weights: settings.string("weights"), device: device)
        let lock = try RunFolder.claim(settings)
        defer { withExtendedLifetime(lock) {} }
        Signals.install()
        var options = Detector.InferenceOptions(precision: Settings.precision(settings.string("precision"), device))
        options.workers = settings.workers(device)
        options.suppression = try settings.suppression()
        options.skipsRefused = Files.isFolder(settings.string("images"))
        var results: [PictureResult] = []
        let progress = ProgressLine(label: "predict", total: set.examples.count)
        try detector.forEachBatch(set, options) { batch throws(Failure) in
            results += batch
            progress.advance(to: results.count, items: batch.count)
            if let signal = Signals.interruption {
                throw Failure(signal, "stopped by a signal; no predictions were written")
            }
            return true
        }
        progress.finish()
        var named = set
        named.classes = detector.classes
        for result in results where result.refusal == nil { named.examples[result.index].size = result.size }
        try removeEarlier(in: out)
        try writeIndex(named, to: Files.join(out, "images.json"))
        try COCOResults.write(results.map(\.detections), of: named, to: Files.join(out, "predictions.json"))
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

    /// Masks go to disk picture by picture: a folder of any length needs no more memory than one picture.
    private static func masks(
        _ settings: Settings, _ device: Device, _ set: Dataset, _ out: String
    ) throws(Failure) -> ExitCode {
        let segmenter = try Segmenter(weights: settings.string("weights"), device: device)
        Signals.install()
        let lock = try RunFolder.claim(settings)
        defer { withExtendedLifetime(lock) {} }
        try removeEarlier(in: out)
        var options = Segmenter.InferenceOptions(
            precision: Settings.precision(settings.string("precision"), device))
        options.workers = settings.workers(device)
        options.skipsRefused = Files.isFolder(settings.string("images"))
        let scales = settings.doubles("scales")
        if !scales.isEmpty { options.scales = scales }
        try settings.requireWindows("slide", scales: options.scales)
        options.flips = settings.bool("flip")
        options.slides = settings.bool("slide")
        let names = maskNames(set.examples.map(\.fileName))
        var named = set
        named.classes = segmenter.classes
        // Of a run that is stopped, too, it is known whose the masks are.
        try writeIndex(named, to: Files.join(out, "images.json"))
        var pixels = [Int](repeating: 0, count: segmenter.classes.count)
        var quarantine = Quarantine()
        var (done, refused) = (0, 0)
        let progress = ProgressLine(label: "predict", total: set.examples.count)
        try segmenter.forEachBatch(set, options) { results throws(Failure) in
            for result in results {
                quarantine.add(result, of: set)
                guard let labels = result.labels else {
                    refused += 1
                    continue
                }
                let example = set.examples[result.index]
                named.examples[result.index].size = labels.size
                for label in labels.labels { pixels[Int(label)] += 1 }
                let path = Files.join(out, "masks/" + names[result.index])
                try Files.makeFolder(Files.folder(path))
                try Files.writeUnsynced(labels.png(), to: path)
                if settings.bool("draw") {
                    let image = try ImageFile.decode(set.path(of: example)).image
                    // The first class is the background as a rule, but not where all have been painted (street scenes).
                    try write(
                        image.overlaid(
                            with: labels, opacity: settings.double("opacity"),
                            skipsZero: segmenter.classes.hasBackground),
                        of: example, out)
                }
            }
            done += results.count
            progress.advance(to: done, items: results.count)
            if let signal = Signals.interruption {
                throw Failure(signal, "stopped by a signal after \(done) of \(set.examples.count) pictures")
            }
            return true
        }
        progress.finish()
        try writeIndex(named, to: Files.join(out, "images.json"))
        for line in quarantine.lines(fate: "left out") { Console.standardError.line(line) }
        let total = Double(max(1, pixels.reduce(0, +)))
        let shares = pixels.map { Double($0) / total }
        if settings.bool("json") {
            let members = zip(segmenter.classes.names, shares).map { ($0, JSON.number($1)) }
            print(
                JSON.object([
                    "pictures": .int(done - refused), "refused": .int(refused),
                    "masks": .string(Files.join(out, "masks")),
                    "pixels": .object(Dictionary(members, uniquingKeysWith: { first, _ in first })),
                ]).canonical)
        } else {
            var table = TextTable(["class", "% of pixels"])
            for (name, share) in zip(segmenter.classes.names, shares) { table.add([name, TextTable.points(share)]) }
            print(table.text)
            print(
                "\(done - refused) masks: \(out)/masks/" + (settings.bool("draw") ? ", drawn in \(out)/pictures/" : ""))
        }
        return .done
    }

    /// The five most probable classes of each picture.
    private static func classes(
        _ settings: Settings, _ device: Device, _ set: Dataset, _ out: String
    ) throws(Failure) -> ExitCode {
        let classifier = try Classifier(weights: settings.string("weights"), device: device)
        let names = classifier.classes.names
        let lock = try RunFolder.claim(settings)
        defer { withExtendedLifetime(lock) {} }
        Signals.install()
        var options = Classifier.InferenceOptions(precision: Settings.precision(settings.string("precision"), device))
        options.workers = settings.workers(device)
        options.skipsRefused = Files.isFolder(settings.string("images"))
        var (lines, counts): ([JSON], [Int]) = ([], [Int](repeating: 0, count: names.count))
        var quarantine = Quarantine()
        var done = 0
        let progress = ProgressLine(label: "predict", total: set.examples.count)
        try classifier.forEachBatch(set, options) { batch throws(Failure) in
            for result in batch {
                let example = set.examples[result.index]
                let path = set.path(of: example)
                quarantine.note(path, result.notes)
                if let refusal = result.refusal {
                    quarantine.refuse(path, refusal)
                    continue
                }
                let p = result.probabilities
                let best = p.indices.sorted { (p[$1], $0) < (p[$0], $1) }.prefix(5)
                counts[best[0]] += 1
                lines.append([
                    "image_id": .int(example.id), "file_name": .string(example.fileName),
                    "classes": .array(
                        best.map {
                            [
                                "category_id": .int(classifier.classes.ids[$0]), "name": .string(names[$0]),
                                "score": .number(Double(p[$0])),
                            ]
                        }),
                ])
            }
            done += batch.count
            progress.advance(to: done, items: batch.count)
            if let signal = Signals.interruption {
                throw Failure(signal, "stopped by a signal; no predictions were written")
            }
            return true
        }
        progress.finish()
        let predictions = Files.join(out, "predictions.json")
        try removeEarlier(in: out)
        var named = set
        named.classes = classifier.classes
        try writeIndex(named, to: Files.join(out, "images.json"))
        try Files.write(JSON.array(lines).pretty, to: predictions)
        for line in quarantine.lines(fate: "left out") { Console.standardError.line(line) }
        if settings.bool("json") {
            let members = zip(names, counts).map { ($0, JSON.int($1)) }
            print(
                JSON.object([
                    "pictures": .int(lines.count), "refused": .int(done - lines.count),
                    "predictions": .string(predictions),
                    "classes": .object(Dictionary(members, uniquingKeysWith: { first, _ in first })),
                ]).canonical)
        } else {
            var table = TextTable(["class", "pictures"])
            for (name, count) in zip(names, counts) where count > 0 { table.add([name, "\(count)"]) }
            print(table.text)
            print("\(lines.count) pictures, each with its five most probable classes: \(predictions)")
        }
        return .done
    }

    /// Removes the predictions, masks and drawn pictures of an earlier run here, so that none is of a picture which is not
    /// among these.
    private static func removeEarlier(in out: String) throws(Failure) {
        guard let names = earlier(in: out) else { return }
        try Files.remove(Files.join(out, "predictions.json"))
        for name in maskNames(names) { try Files.remove(Files.join(out, "masks/" + name)) }
        for name in names + names.map(drawnName) { try Files.remove(Files.join(out, "pictures/" + name)) }
    }

    /// The pictures of an earlier run in a folder, by its `images.json`; nil where there is none that this verb wrote.
    private static func earlier(in out: String) -> [String]? {
        guard let index = try? Files.readJSON(Files.join(out, "images.json")),
            index["info"]?["made_by"]?.string == mark,
            let names = index["images"]?.array?.compactMap({ $0["file_name"]?.string })
        else { return nil }
        // A name that leads out of the folder is none that this verb wrote.
        return names.contains { $0.isEmpty || Files.isAbsolute($0) || Files.parts($0).contains("..") }
            ? nil : names
    }

    private static let mark = "pupil predict"

    /// Which image_id of predictions.json is which file; of one that nobody could read, or needed to, no size is known.
    private static func writeIndex(_ set: Dataset, to path: String) throws(Failure) {
        let images = set.examples.map { example -> JSON in
            var image: [String: JSON] = ["id": .int(example.id), "file_name": .string(example.fileName)]
            if let size = example.size { (image["width"], image["height"]) = (.int(size.width), .int(size.height)) }
            return .object(image)
        }
        let categories = zip(set.classes.ids, set.classes.names).map { id, name -> JSON in
            ["id": .int(id), "name": .string(name)]
        }
        try Files.write(
            JSON.object([
                "info": ["made_by": .string(mark)], "images": .array(images), "categories": .array(categories),
            ]).pretty, to: path)
    }

    private static func draw(
        _ results: [PictureResult], _ set: Dataset, _ classes: ClassTable, _ floor: Float, _ out: String
    ) throws(Failure) {
        for result in results where result.refusal == nil {
            let example = set.examples[result.index]
            var image = try ImageFile.decode(set.path(of: example)).image
            for d in result.detections.reversed() where d.score >= floor {
                let percent = Int((d.score * 100).rounded())
                image.draw(
                    box: d.box, label: "\(classes.names[d.label]) 0.\(percent < 10 ? "0" : "")\(min(percent, 99))",
                    color: .forClass(d.label))
            }
            try write(image, of: example, out)
        }
    }

    /// A drawn picture: PNG where the original is, else JPEG.
    private static func write(_ image: Image, of example: Example, _ out: String) throws(Failure) {
        let path = Files.join(Files.join(out, "pictures"), drawnName(example.fileName))
        try Files.makeFolder(Files.folder(path))
        let isPNG = example.fileName.lowercased().hasSuffix(".png")
        try Files.write(isPNG ? image.png() : image.jpeg(quality: 92), to: path)
    }

    /// That of the picture it is drawn on, but WebP is not written.
    private static func drawnName(_ name: String) -> String {
        name.lowercased().hasSuffix(".webp") ? name + ".jpg" : name
    }
}
