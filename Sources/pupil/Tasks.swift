import Annotations
import Base
import Journal
import Models
import Recipes
import Reports
import SelfTraining
import Torch
import Training

/// What the command line knows of a task: its sets, its defaults, how its teachers look at a pool.
protocol CommandTask: Teacher {
    /// The model where none is named.
    static var defaultModel: String { get }
    /// The paper's update rule for momentum SGD; the rate is for a batch of 256.
    static var sgd: (rate: Double, decay: Double, warmup: Int, clip: Double) { get }
    /// - Throws: `.usage` where the zoo has no model of that name for the task.
    static func check(model name: String) throws(Failure)
    /// - Throws: `.usage` where a teacher keeps nothing of so low a score.
    static func check(threshold: Double) throws(Failure)
    /// A labelled set, `train`, `val` or `test`; nil where the settings do not name it.
    static func set(_ role: String, _ settings: Settings) throws(Failure) -> Dataset?
    /// The set with its pixels looked at, where it has masks: that takes long, so it comes when all sets are read.
    static func looked(into set: Dataset, as role: String) throws(Failure) -> Dataset
    /// How a teacher looks at a pool.
    static func looking(_ settings: Settings, precision: DType) throws(Failure) -> InferenceOptions
    /// The stride of the loss's labels; nil where the task has none.
    static func labelStride(_ settings: Settings) -> Int?
    /// The names of settings that belong to another task.
    static var foreignKeys: [String] { get }
    /// What a page shows of a fold closer than its numbers: its arms on the reported set, and pictures of the pool with what
    /// teacher and student see in them; no gallery where nothing was labelled. Last: on how many pictures of that set.
    static func closerLook(
        _ fold: Fold, _ reported: Dataset, threshold: Double, precision: DType?, resources: Resources
    ) throws(Failure) -> (details: [ArmDetails], gallery: Gallery?, pictures: Int)
}

extension CommandTask {
    static func check(threshold: Double) throws(Failure) {}
}

extension Detector: CommandTask {
    static func check(threshold: Double) throws(Failure) {
        let floor = DecodingSpec().scoreFloor
        if Float(threshold) < floor {
            throw .usage("--threshold \(threshold): a detector's boxes of a score under \(floor) are not kept")
        }
    }
    static let defaultModel = "nano"
    static let sgd = (rate: 0.32, decay: 1e-4, warmup: 1000, clip: 0.0)
    static func check(model name: String) throws(Failure) { _ = try Zoo.detector(name, classes: 1) }
    static func labelStride(_ settings: Settings) -> Int? { nil }
    static let foreignKeys =
        (TaskKeys.masks + TaskKeys.extraMasks + TaskKeys.segmentationTraining + TaskKeys.looking).map(\.name)
        + ["augment_cutmix"]

    static func set(_ role: String, _ settings: Settings) throws(Failure) -> Dataset? {
        let images = role == "train" ? "images" : role + "-images"
        guard let path = settings.optionalString(role) else {
            if role == "test" { return nil }
            throw .usage(
                "pupil \(settings.schema.verb) needs --\(role) PATH; `pupil \(settings.schema.verb) --help` explains all "
                    + "settings")
        }
        let set = try settings.checkedSet(path, images: images, part: role)
        if role == "train", set.examples.allSatisfy(\.annotations.isEmpty) {
            throw .data(
                "train: none of the \(set.examples.count) pictures of \(path) has a label, so there is nothing to learn"
            )
        }
        return set
    }

    static func looked(into set: Dataset, as role: String) throws(Failure) -> Dataset { set }

    static func looking(_ settings: Settings, precision: DType) throws(Failure) -> InferenceOptions {
        InferenceOptions(precision: precision)
    }
}

extension Segmenter: CommandTask {
    static let defaultModel = "seg-nano"
    static let sgd = (rate: 0.08, decay: 1e-5, warmup: 500, clip: 10.0)
    static func check(model name: String) throws(Failure) { _ = try Zoo.segmenter(name, classes: 2) }
    static func labelStride(_ settings: Settings) -> Int? {
        settings.optionalString("label-stride").flatMap { Int($0) }
    }
    static let foreignKeys = ["keep_empty", "voc_pixels"]

    static func set(_ role: String, _ settings: Settings) throws(Failure) -> Dataset? {
        var findings = Findings(limit: 5)
        guard let set = try settings.readMaskedSet(role, into: &findings) else { return nil }
        try findings.requireNoErrors()
        for note in set.notes { Console.standardError.line("\(set.source): \(note)") }
        return set
    }

    static func looked(into set: Dataset, as role: String) throws(Failure) -> Dataset {
        var findings = Findings(limit: 5)
        let pictures = set.lookAtPictures(.headers)
        set.check(pictures, into: &findings)
        try findings.requireNoErrors()
        let progress = Monitor((line: ProgressLine(label: "masks of \(role)", total: set.examples.count), done: 0))
        let masks = set.lookAtMasks { done in
            progress.withLock {
                if done > $0.done, set.examples.count > 1000 { $0.line.advance(to: done, items: done - $0.done) }
                $0.done = max($0.done, done)
            }
        }
        if set.examples.count > 1000 { progress.withLock { $0.line.finish() } }
        set.checkMasks(masks, pictures, into: &findings)
        try findings.requireNoErrors()
        if role == "train" {
            let shown = findings.list.filter { $0.rule.severity == .warning }
            for finding in shown { Console.standardError.line("warning: \(finding)") }
            let more = findings.count(.warning) - shown.count
            if more > 0 {
                Console.standardError.line("  ... and \(more) more warnings; `pupil check --json` lists them")
            }
            if masks.allSatisfy({ $0.pixels.allSatisfy { $0 == 0 } }) {
                throw .data("train: no pixel of any mask of \(set.source) has a class, so there is nothing to learn")
            }
        }
        return set.counted(masks)
    }

    static func looking(_ settings: Settings, precision: DType) throws(Failure) -> InferenceOptions {
        var options = InferenceOptions(precision: precision)
        let scales = settings.doubles("label-scales")
        options.scales = scales.isEmpty ? InferenceOptions.labellingScales : scales
        try settings.requireWindows("label-slide", scales: options.scales)
        options.flips = settings.optionalBool("label-flip") ?? false
        options.slides = settings.optionalBool("label-slide") ?? false
        return options
    }
}

/// The settings that tell tasks apart.
enum TaskKeys {
    static let task = Key(
        "task", .choice([TaskName.detection, .segmentation].map(\.rawValue)), default: "detection", group: "data",
        help: "detection learns boxes, segmentation a class for each pixel.")

    /// Masks in folders.
    static let masks: [Key] =
        [("", "--images"), ("val-", "--val-images"), ("test-", "--test-images")].flatMap { prefix, images in
            [
                Key(
                    prefix + "masks", .path, group: "masks",
                    help: "Segmentation: a folder of PNG masks, named as the pictures of \(images) are."
                        + (prefix.isEmpty ? "" : " Default: --masks.")),
                Key(
                    prefix + "split", .path, group: "masks",
                    help:
                        "A list of its pictures, a name a line; of a VOC folder the name of a list, such as train_aug."
                ),
            ]
        } + [maskValues]

    static let maskValues = Key(
        "mask-values", .string, group: "masks",
        help:
            "What values of pixels mean, such as 0:0,255:1 or 7:ignore. Default: the class of that number; 255 is ignored."
    )

    /// Masks of another labelled set.
    static let extraMasks = [
        Key("extra-masks", .path, group: "masks", help: "Segmentation: the masks of --extra-images."),
        Key("extra-split", .path, group: "masks", help: "A list of the pictures of --extra, as --split."),
    ]

    static let segmentationTraining = [
        Key(
            "label-stride", .choice(["4", "1"]), group: "training",
            help: "Segmentation: pixels a side for a label of the loss; 4, the network's own, as in the paper, or 1. "
                + "Default: 4.")
    ]

    /// How a teacher looks at a pool of pictures.
    static let looking = [
        Key(
            "label-scales", .list(of: .number(0.1...8)), group: "labels",
            help:
                "Segmentation: the sizes in which a teacher sees a picture. Default: the paper's 0.5 0.75 1 1.25 1.5 1.75."
        ),
        Key("label-flip", .bool, group: "labels", help: "Segmentation: a teacher sees a picture mirrored, too."),
        Key(
            "label-slide", .bool, group: "labels",
            help: "Segmentation: through windows of the canvas's size where a size is larger, for less memory."),
    ]
}

extension Settings {
    /// - Throws: `.usage` where windows are asked for and no size is larger than the canvas, into which a picture is fitted.
    func requireWindows(_ key: String, scales: [Double]) throws(Failure) {
        if optionalBool(key) == true, !scales.contains(where: { $0 > 1 }) {
            let sizes = key == "slide" ? "--scales" : "--label-scales"
            throw .usage(
                "--\(key): a picture is fitted into the canvas, so only a size over 1 is seen through windows, such as "
                    + "\(sizes) 1 2")
        }
    }

    /// Runs a verb for the task of its settings. - Throws: `.usage` where a setting belongs to another task.
    func forTask(
        detection: (Settings) throws(Failure) -> ExitCode, segmentation: (Settings) throws(Failure) -> ExitCode
    ) throws(Failure) -> ExitCode {
        let isSegmentation = string("task") == TaskName.segmentation.rawValue
        for key in isSegmentation ? Segmenter.foreignKeys : Detector.foreignKeys
        where schema.key(key) != nil && departs(key) {
            throw .usage(
                "--\(key.map { $0 == "_" ? "-" : String($0) }.joined()) belongs to --task "
                    + "\(isSegmentation ? "detection" : "segmentation")")
        }
        return try isSegmentation ? segmentation(self) : detection(self)
    }

    /// train, val and test with one class table. - Throws: where their classes differ.
    func labelledSets<Task: CommandTask>(
        _: Task.Type
    ) throws(Failure) -> (train: Dataset, validation: Dataset, test: Dataset?) {
        guard let train = try Task.set("train", self), let val = try Task.set("val", self) else {
            throw .usage("--train and --val are needed")
        }
        try val.requireSameClasses(as: train, naming: val.source, train.source)
        if schema.verb != "study" { try warnOfSmallPictures(train) }
        let test = try Task.set("test", self)
        if let test { try test.requireSameClasses(as: train, naming: test.source, train.source) }
        return (
            try Task.looked(into: train, as: "train"), try Task.looked(into: val, as: "val"),
            try test.map { set throws(Failure) in try Task.looked(into: set, as: "test") }
        )
    }

    /// A set with masks, its pixels not looked at.
    /// - Parameter path: the key of the set's file or folder, where it is not the role's name.
    func readMaskedSet(
        _ role: String, path: String? = nil, into findings: inout Findings
    ) throws(Failure) -> Dataset? {
        let prefix = role == "train" ? "" : role + "-"
        let main = path ?? role
        let own = [main, prefix + "images", prefix + "masks", prefix + "split"]
        func value(_ name: String) -> String? { schema.key(name) == nil ? nil : optionalString(name) }
        let isNamed = own.contains { value($0) != nil }
        if !isNamed, role == "test" { return nil }
        if !isNamed {
            throw .usage(
                role == "train"
                    ? "segmentation needs --images and --masks, or --train (a VOC folder or a COCO panoptic file)"
                    : "segmentation needs --\(role)-split (a list), or --\(role)-images and --\(role)-masks, or --\(role)"
            )
        }
        let classes = try value("classes").map { word throws(Failure) in try MaskClasses.read(word) }
        let values = try maskValues()
        let split = value(prefix + "split")
        if role == "train", value(main) == nil, (value("images") == nil) != (value("masks") == nil) {
            throw .usage("--images and --masks go together")
        }
        // A list alone is of the training set's folders.
        let images = value(prefix + "images") ?? (value(main) == nil ? value("images") : nil)
        let masks = value(prefix + "masks") ?? (value(main) == nil ? value("masks") : nil)
        if let path = value(main) ?? (masks == nil ? value("train") ?? value("data") : nil) {
            if Dataset.hasVOCMasks(path) {
                if let key = ["images", "masks"].first(where: { value(prefix + $0) != nil }) {
                    throw .usage("--\(prefix)\(key) does not go with a VOC folder, which has its own")
                }
                return try Dataset.vocMasks(path, part: split ?? role, classes: classes, values: values)
            }
            guard Files.exists(path) else { throw .data("\(main): there is no file or folder \(path)") }
            guard !Files.isFolder(path), let images else {
                throw .data(
                    "\(main): \(path) "
                        + (Files.isFolder(path)
                            ? "is no VOC folder (JPEGImages and SegmentationClass); folders of pictures and masks are given "
                                + "by --images and --masks"
                            : "is a file; if it is COCO panoptic, --\(prefix)images says where its pictures are"))
            }
            if let key = ["classes", "mask_values", prefix.replacing("-", with: "_") + "split"].first(where: {
                value($0) != nil
            }) {
                throw .usage(
                    "--\(key.replacing("_", with: "-")) does not go with a COCO panoptic file, which lists its own classes "
                        + "and pictures")
            }
            return try Dataset.panoptic(path, images: images, masks: masks, into: &findings)
        }
        guard let images, let masks else {
            throw .usage("segmentation needs both --\(prefix)images and --\(prefix)masks")
        }
        guard let classes else {
            throw .usage(
                "--classes is needed with masks: a file with a name a line (and a colour), or how many there are")
        }
        return try Dataset.masked(images: images, masks: masks, list: split, classes: classes, values: values)
    }

    /// What values of pixels mean; nil: the class of that number.
    func maskValues(_ key: String = "mask-values") throws(Failure) -> [Int: Int?]? {
        guard let text = optionalString(key) else { return nil }
        var mapping: [Int: Int?] = [:]
        for part in text.split(separator: ",") {
            let words = part.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            guard words.count == 2, let value = Int(words[0]), words[1] == "ignore" || Int(words[1]) != nil else {
                throw .usage("--\(key): \"\(part)\" is no VALUE:CLASS or VALUE:ignore, such as 255:1")
            }
            if mapping.updateValue(Int(words[1]), forKey: value) != nil {
                throw .usage("--\(key): the value \(value) is there twice")
            }
        }
        return mapping
    }
}
