import Annotations
import Base
import Evaluation
import Geometry
import Imaging
import Journal
import Loading
import Models
import Recipes
import SelfTraining
import Torch
import Training

/// The part of `pupil val` that scores masks: of a folder against a folder, or of a segmenter.
enum ValMasks {
    static let keys =
        [
            Key(
                "gt-masks", .path, group: "masks",
                help:
                    "Segmentation: the true masks, a folder of PNG files, a VOC folder, or a COCO panoptic file with --images."
            ),
            Key(
                "dt-masks", .path, group: "masks",
                help: "Predicted masks of the same names; a value is the number of a class, 255 none."),
            Key(
                "split", .path, group: "masks",
                help:
                    "A list of the masks that count, a name a line; of a VOC folder also a list's name. Default: all, of VOC "
                    + "--part."),
            Key(
                "mask-values", .string, group: "masks",
                help:
                    "What values of the true masks mean, such as 0:0,255:1 or 7:ignore. Default: the class of that number."
            ),
            Key("dt-mask-values", .string, group: "masks", help: "The same of the predicted masks."),
            Key(
                "boundary", .number(0.0001...0.05), group: "masks",
                help: "Also boundary F, with this distance as a part of the diagonal; 0.0075 is usual."),
        ] + PredictVerb.views.filter { $0.name != "opacity" }

    /// Nil where no masks are asked for.
    static func run(_ settings: Settings) throws(Failure) -> ExitCode? {
        guard settings.value("gt_masks") != nil else {
            if let key = keys.first(where: { settings.departs($0.name) }) {
                throw .usage("\(key.flag) goes with --gt-masks")
            }
            return nil
        }
        guard settings.value("gt") == nil, settings.value("dt") == nil else {
            throw .usage("--gt-masks goes with --dt-masks or --weights; --gt and --dt are for boxes")
        }
        guard (settings.value("dt_masks") == nil) != (settings.value("weights") == nil) else {
            throw .usage("--gt-masks needs either --dt-masks (a folder) or --weights (a segmenter)")
        }
        let boxes =
            CommonKeys.suppression + ValSettings.keys + [CommonKeys.detectionLines, CommonKeys.detectionClasses]
        let views =
            settings.value("weights") == nil ? keys.filter { ["scales", "flip", "slide"].contains($0.name) } : []
        if let key = (boxes + views).first(where: { settings.departs($0.name) }) {
            throw .usage("\(key.flag) does not go with \(views.isEmpty ? "--gt-masks" : "--dt-masks")")
        }
        let tolerance = settings.optionalDouble("boundary")
        if settings.value("out") != nil { try RunFolder.requireFit(settings) }
        if settings.bool("dry-run") {
            settings.printPlan()
            return .done
        }
        let lock = try settings.optionalString("out").map { _ throws(Failure) in try RunFolder.claim(settings) }
        defer { withExtendedLifetime(lock) {} }
        let counted = try settings.value("weights") == nil ? folders(settings, tolerance) : model(settings, tolerance)
        let metrics = SegmentationMetrics(counted.confusion, names: counted.names, boundary: counted.boundary)
        if let out = settings.optionalString("out") {
            try Files.write(metrics.json.pretty, to: Files.join(out, "metrics.json"))
        }
        print(settings.bool("json") ? metrics.json.canonical : Console.harmless(metrics.table))
        return .done
    }

    private struct Counted {
        var confusion: PixelConfusion
        var boundary: BoundaryScore?
        var names: [String]

        init(_ names: [String], _ tolerance: Double?) {
            self.names = names
            confusion = PixelConfusion(classes: names.count)
            boundary = tolerance.map { BoundaryScore(classes: names.count, tolerance: $0) }
        }

        mutating func add(_ truth: LabelMap, _ prediction: LabelMap) {
            confusion.add(truth: truth, prediction: prediction)
            boundary?.add(truth: truth, prediction: prediction)
        }
    }

    /// Mask against mask.
    private static func folders(_ settings: Settings, _ tolerance: Double?) throws(Failure) -> Counted {
        let pairs = try pairs(settings)
        let names = pairs.classes.names
        // Whole numbers are added as they come; the sums of F, whose order matters, picture by picture at the end.
        let confusion = Monitor((sum: PixelConfusion(classes: names.count), failures: [Int: Failure]()))
        let scores = parallelMap(pairs.count, threads: settings.optionalInt("threads") ?? availableProcessors()) { i in
            do throws(Failure) {
                let (truth, prediction) = try pairs.read(i)
                var picture = PixelConfusion(classes: names.count)
                picture.add(truth: truth, prediction: prediction)
                confusion.withLock { $0.sum += picture }
                return tolerance.map {
                    BoundaryScore.scores(truth, prediction, classes: names.count, tolerance: $0)
                }
            } catch {
                confusion.withLock { $0.failures[i] = error }
                return nil
            }
        }
        let counted = confusion.withLock { $0 }
        if let first = counted.failures.min(by: { $0.key < $1.key }) { throw first.value }
        let others = 1..<max(1, names.count)
        if counted.sum.ignored > 0, others.allSatisfy({ counted.sum.pixels(of: $0) == 0 }),
            let advice = pairs.binaryAdvice(ofTruth: true)
        {
            throw .data("\(settings.string("gt-masks")): \(advice)")
        }
        if counted.sum.unpredicted > 0, others.allSatisfy({ counted.sum.predicted(as: $0) == 0 }),
            let advice = pairs.binaryAdvice(ofTruth: false)
        {
            throw .data("\(settings.string("dt-masks")): \(advice)")
        }
        var all = Counted(names, tolerance)
        all.confusion = counted.sum
        for score in scores { if let score { all.boundary?.add(score) } }
        return all
    }

    private static func classes(_ settings: Settings) throws(Failure) -> MaskClasses? {
        try settings.optionalString("classes").map { word throws(Failure) in try MaskClasses.read(word) }
    }

    /// The true masks where they are more than a folder of PNG files: VOC's layout or a panoptic file.
    private static func listed(_ settings: Settings, into findings: inout Findings) throws(Failure) -> Dataset? {
        let path = settings.string("gt-masks")
        if Dataset.hasVOCMasks(path) {
            return try Dataset.vocMasks(
                path, part: settings.optionalString("split") ?? settings.string("part"), classes: try classes(settings),
                values: try settings.maskValues())
        }
        guard Files.exists(path), !Files.isFolder(path) else { return nil }
        if let key = ["split", "mask-values"].first(where: { settings.value($0) != nil }) {
            throw .usage("--\(key) does not go with a COCO panoptic file, which lists its own classes and pictures")
        }
        guard let images = settings.optionalString("images") else {
            throw .usage("--images is needed with a COCO panoptic file: its pictures")
        }
        return try Dataset.panoptic(path, images: images, masks: nil, into: &findings)
    }

    private static func pairs(_ settings: Settings) throws(Failure) -> MaskPairs {
        var findings = Findings(limit: 5)
        let predicted = try settings.maskValues("dt-mask-values")
        if let set = try listed(settings, into: &findings) {
            try findings.requireNoErrors()
            return try set.maskPairs(
                predictions: settings.string("dt-masks"), predictedValues: predicted,
                valuesAreGiven: settings.value("mask_values") != nil)
        }
        // Without them nobody would know which values are classes.
        guard let classes = try classes(settings) else {
            throw .usage("--classes is needed with --dt-masks: a file with a name a line, or how many there are")
        }
        return try Dataset.maskPairs(
            truth: settings.string("gt-masks"), predictions: settings.string("dt-masks"),
            list: settings.optionalString("split"), classes: classes, values: try settings.maskValues(),
            predictedValues: predicted)
    }

    private static func model(_ settings: Settings, _ tolerance: Double?) throws(Failure) -> Counted {
        let device = try settings.useMachine()
        let segmenter = try Segmenter(weights: settings.string("weights"), device: device)
        let path = settings.string("gt-masks")
        var findings = Findings(limit: 5)
        let set: Dataset
        if let listed = try listed(settings, into: &findings) {
            set = listed
        } else {
            guard let images = settings.optionalString("images") else {
                throw .usage("--images is needed: the pictures of --gt-masks")
            }
            // A bare number says nothing that the weights do not know better.
            let isCount = settings.optionalString("classes").flatMap { Int($0) } == segmenter.classes.count
            set = try Dataset.masked(
                images: images, masks: path, list: settings.optionalString("split"),
                classes: try isCount
                    ? MaskClasses(names: segmenter.classes.names)
                    : classes(settings) ?? MaskClasses(names: segmenter.classes.names),
                values: try settings.maskValues())
        }
        let (pictures, masks) = (set.lookAtPictures(.headers), set.lookAtMasks())
        set.check(pictures, into: &findings)
        set.checkMasks(masks, pictures, into: &findings)
        try findings.requireNoErrors()
        let own = Dataset(root: "", classes: segmenter.classes, examples: [])
        try set.requireSameClasses(as: own, naming: path, settings.string("weights"))
        var options = Segmenter.InferenceOptions(precision: Settings.precision(settings.string("precision"), device))
        options.workers = settings.workers(device)
        let scales = settings.doubles("scales")
        if !scales.isEmpty { options.scales = scales }
        try settings.requireWindows("slide", scales: options.scales)
        options.flips = settings.bool("flip")
        options.slides = settings.bool("slide")
        var all = Counted(segmenter.classes.names, tolerance)
        var quarantine = Quarantine()
        try segmenter.forEachBatch(set, options) { results throws(Failure) in
            for result in results {
                quarantine.add(result, of: set)
                guard let labels = result.labels else { continue }
                all.add(try set.labelMap(of: set.examples[result.index]), labels)
            }
            return true
        }
        for line in quarantine.lines(fate: "") { Console.standardError.line(line) }
        return all
    }
}
