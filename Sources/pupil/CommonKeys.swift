import Annotations
import Augmentation
import Base
import Geometry
import Glibc
import Journal
import Models
import Recipes
import SelfTraining
import Torch
import Training

/// The settings that verbs share, so that a key means the same everywhere.
enum CommonKeys {
    /// The run folder of a verb.
    static func out(_ verb: String) -> Key {
        Key(
            "out", .path, default: .string("runs/\(verb)"), group: "run", affectsResult: false,
            help: "The run folder. The same folder with the same settings resumes.")
    }
    static let json = Key(
        "json", .bool, default: false, group: "run", affectsResult: false,
        help: "One JSON object on standard output; everything else goes to standard error.")
    static let dryRun = Key(
        "dry-run", .bool, default: false, group: "run", affectsResult: false,
        help: "Print what would be done, and stop.")
    static let device = Key(
        "device", .string, default: "auto", group: "machine", affectsResult: false, help: "auto, cpu, cuda or cuda:N.")
    static let threads = Key(
        "threads", .integer(1...1024), group: "machine", affectsResult: false,
        help:
            "Threads of the network's arithmetic. Default: the processors this process may use. Beside other busy programs "
            + "1 is many times faster than several.")
    static let workers = Key(
        "workers", .integer(1...256), group: "machine", affectsResult: false,
        help:
            "Threads that read and vary pictures; the batches do not depend on it. Default: 1, beside a GPU one less than "
            + "there are processors, at most 16.")
    static let precision = Key(
        "precision", .choice(["auto", "fp32", "bf16", "float32", "bfloat16"]), default: "auto", group: "training",
        help: "Of convolutions; auto is bf16 where the processor or GPU has it. fp32 is float32, bf16 bfloat16.")
    static let seed = Key(
        "seed", .count, default: 0, group: "training", help: "Of weights, order, augmentation and splits.")

    /// For verbs that draw nothing, so that scripts can say the same to all.
    static let unusedSeed = Key(
        "seed", .count, default: 0, group: "run", affectsResult: false,
        help: "Nothing is drawn here; taken and not used.")
    static let unusedDevice = Key(
        "device", .string, default: "cpu", group: "machine", affectsResult: false,
        help: "No network runs here; taken and not used.")

    /// What decides how a model is trained.
    static let training: [Key] =
        [
            Key(
                "model", .string, group: "model",
                help: "A name of `pupil models`. Default: nano, for segmentation seg-nano."),
            Key(
                "size", .integer(32...4096), group: "model",
                help: "Side of the square canvas in pixels, a multiple of 32. Default: the model's own."),
            Key(
                "batch", .positiveInteger, default: 8, group: "training",
                help:
                    "Pictures a step, in all passes together. A student's step has as many pseudo-labelled ones on top."
            ),
            Key(
                "micro", .positiveInteger, group: "training",
                help:
                    "The most pictures in one forward pass, which share a step evenly; gradients of several are added up. Default: as many as fit into memory."
            ),
            Key("steps", .positiveInteger, default: 1000, group: "training", help: "Steps of the optimiser."),
            Key(
                "optimizer", .choice(["adamw", "sgd"]), group: "training",
                help: "Default: adamw for pico, nano, nano-b0, small and seg-nano, the paper's sgd for others."),
            Key(
                "lr", .positiveNumber, group: "training",
                help:
                    "Peak learning rate. Default: 0.001 for adamw; for sgd 0.32 * batch / 256, segmentation 0.08 (docs/paper.md 1)."
            ),
            Key(
                "decay", .nonNegativeNumber, group: "training",
                help: "Weight decay of kernels. Default: 0.05 for adamw, 0.0001 for sgd, segmentation 0.00001."),
            Key(
                "warmup", .count, group: "training",
                help: "Steps of linear warm-up. Default: a tenth of the steps, at most 1000 (segmentation 500)."),
            Key(
                "clip", .nonNegativeNumber, group: "training",
                help: "Greatest norm of all gradients; 0 is none. Default: 10 for adamw and segmentation, else 0."),
            Key(
                "average", .number(0...0.99999), default: 0, group: "training",
                help: "Decay of weight averaging; 0 is none."),
            AugmentationKeys.policy("augment", default: "S1"), precision, seed,
        ] + TaskKeys.segmentationTraining + AugmentationKeys.changes

    /// What a key for a labelled set takes.
    static let forms =
        "A file or folder, told by its content: COCO JSON, YOLO data.yaml, VOC, Open Images CSV, CVAT (docs/formats.md)."
    static let classes = Key(
        "classes", .path, group: "data",
        help: "A file with the names of the classes in order, one a line, for masks perhaps with colours; or how many "
            + "there are. Default: what the set lists, or else has.")
    static let vocPixels = Key(
        "voc-pixels", .choice(VOCPixels.allCases.map(\.rawValue)), group: "data",
        help: "From where VOC sets count pixels: one, with the last one in the box, as VOC does; or zero, edges as in "
            + "COCO, as many tools do. Default: one.")

    /// A file or folder of detections.
    static func detections(_ help: String) -> Key {
        Key("dt", .path, group: "data", help: help + " COCO results, Open Images CSV or a folder of text files.")
    }
    static let detectionLines = Key(
        "dt-boxes", .choice(DetectionLines.allCases.map(\.rawValue)), group: "data",
        help: "How text files of --dt spell a box: class, score and xyxy, xywh (pixels) or relative; or yolo labels.")
    static let detectionClasses = Key(
        "dt-classes", .path, group: "data",
        help: "For text files with class numbers: the names they count, one a line. Default: the classes of the set.")

    /// A network of the zoo with the weights of a file.
    static let network: [Key] = [
        Key(
            "model", .string, group: "model",
            help: "A name of `pupil models`. Default: the one the weights file names, where Pupil wrote it."),
        Key(
            "weights", .path, required: true, group: "model",
            help: "safetensors or a torch file, Pupil's or another's (docs/checkpoints.md), or the folder of a run."),
        Key("weights-key", .string, group: "model", help: "Which dictionary of a torch file holds the weights."),
        Key(
            "weights-allow", .list(of: .string), default: [], group: "model",
            help: "Names of weights, * being any text, that may be missing, extra or of another shape."),
        Key(
            "weights-eps", .number(0...0.1), group: "model",
            help: "What that network's norms add to their variances, where it is not as here (docs/checkpoints.md)."),
        Key(
            "weights-pixels", .choice(PixelScale.allCases.map(\.rawValue)), default: "imagenet", group: "model",
            help: "How that network saw pixels: imagenet (torchvision, timm), inception (timm's ap), unit (SimCLR)."),
    ]

    static let othersPictures =
        "Its pictures. Default: where its form has them, or in --images where they are not there but here."

    static let trainingData: [Key] =
        [
            TaskKeys.task,
            Key(
                "train", .path, group: "data",
                help: "The set to learn from. \(forms) Segmentation: a VOC folder or a COCO panoptic file."),
            Key("images", .path, group: "data", help: "Its pictures. Default: where its form has them."),
            Key(
                "val", .path, group: "data",
                help: "The set to check with; the file of --train again where that has a part val."),
            Key("val-images", .path, group: "data", help: othersPictures),
            Key(
                "test", .path, group: "data",
                help: "The set that the reported numbers come from; without it, --val."),
            Key("test-images", .path, group: "data", help: othersPictures),
            classes, vocPixels,
            Key(
                "eval-every", .count, default: 0, group: "training",
                help: "Steps between evaluations on --val on the way; they choose weights/best. 0: at the end only."),
        ] + starts + TaskKeys.masks

    /// Where weights begin, and what of them learns.
    static let starts: [Key] = [
        Key(
            "init", .string, default: "random", group: "model",
            help: "random, or weights: a run's folder, a model's file, or a backbone's (safetensors, torch; "
                + "docs/checkpoints.md)."),
        Key("init-key", .string, group: "model", help: "Which dictionary of a torch file holds the weights."),
        Key(
            "init-allow", .list(of: .string), default: [], group: "model",
            help: "Names of weights, * being any text, that may be missing, extra or of another shape."),
        Key(
            "init-eps", .number(0...0.1), group: "model",
            help: "What that network's norms add to their variances, where it is not as here (docs/checkpoints.md)."),
        Key(
            "init-pixels", .choice(PixelScale.allCases.map(\.rawValue)), default: "imagenet", group: "model",
            help: "How that network saw pixels: imagenet (torchvision, timm), inception (timm's ap), unit (SimCLR)."),
        Key(
            "freeze", .integer(0...BackboneSpec.lastStage), group: "model",
            help: "The backbone's stem and so many of its four stages keep the weights they begin with."),
        Key(
            "freeze-norms", .bool, default: false, group: "model",
            help: "Batch norms keep their statistics, scales and shifts: for few pictures a step."),
        Key(
            "layer-decay", .number(0.01...1), default: 1.0, group: "model",
            help: "Each stage of the backbone learns so many times as fast as the one above it."),
    ]

    /// What overlapping boxes of a detector do to each other.
    static let suppression: [Key] = [
        Key(
            "nms", .choice(["hard", "soft", "soft-linear", "soft-tf"]), group: "decoding",
            help:
                "Overlapping boxes: hard drops them; soft lowers scores by exp(-IoU^2 / sigma), soft-tf by exp(-IoU^2 / (2 sigma)), soft-linear by 1 - IoU. Default: the model's own (hard)."
        ),
        Key(
            "nms-iou", .fraction, group: "decoding",
            help: "The IoU above which hard and soft-linear act. Default: the model's own (0.5)."),
        Key("nms-sigma", .positiveNumber, group: "decoding", help: "Default: 0.5 for soft, 0.3 for soft-tf."),
        Key(
            "nms-agnostic", .bool, default: false, group: "decoding",
            help: "Boxes of different classes suppress each other, too."),
    ]

    static let machine: [Key] = [
        device, threads, workers,
        Key(
            "cache", .path, group: "machine", affectsResult: false,
            help: "A folder where decoded training pictures are kept, as raw pixels: for sets that do not fit into "
                + "memory. It can be removed at any time; when its disk is full, no more is kept. Default: memory alone."
        ),
        Key(
            "checkpoint-seconds", .positiveNumber, default: 60, group: "machine", affectsResult: false,
            help: "Seconds between saved states."),
        Key(
            "checkpoint-steps", .count, default: 0, group: "machine", affectsResult: false,
            help: "Also save every so many steps."),
    ]
}

extension Zoo.Model {
    /// What it is trained with where nothing is said: small networks from few labels learn several times faster with AdamW.
    var usualOptimizer: String { isLittle ? "adamw" : "sgd" }
}

extension Settings {
    /// The device, with threads set. May start the program once more (`Patience`).
    func useMachine() throws(Failure) -> Device {
        Patience.beginAgain()
        let device = try Device.named(string("device"))
        Torch.threads = optionalInt("threads") ?? availableProcessors()
        return device
    }

    /// Threads that read and vary pictures: beside a network on the processors one, since they are busy.
    func workers(_ device: Device) -> Int {
        optionalInt("workers") ?? (device == .cpu ? 1 : min(16, max(1, availableProcessors() - 1)))
    }

    /// Makes the cache's folder.
    func resources(_ device: Device) throws(Failure) -> Resources {
        var resources = Resources(
            device: device, workers: workers(device), checkpointSeconds: double("checkpoint-seconds"),
            checkpointSteps: int("checkpoint-steps"))
        resources.cacheFolder = optionalString("cache")
        if let folder = resources.cacheFolder {
            try Files.makeFolder(folder)
            // One that cannot be written at all is said at once.
            let trial = Files.join(folder, "trial.\(UInt32.random(in: 0 ... .max))")
            try Files.writeUnsynced([], to: trial)
            try Files.remove(trial)
        }
        return resources
    }

    /// Fills in every default that depends on something, so that args.yaml says what was used.
    func resolvedTraining<Task: CommandTask>(_ device: Device, _: Task.Type) throws(Failure) -> Settings {
        let model = try Zoo.model(optionalString("model") ?? Task.defaultModel)
        try Task.check(model: model.name)
        _ = try policy(string("augment"))
        var settings = self
        func fill(_ key: String, _ value: JSON) {
            if settings.value(key) == nil { settings = settings.setting(key, value) }
        }
        fill("model", .string(model.name))
        fill("size", .int(model.size))
        try requireCanvas(Size(width: settings.int("size"), height: settings.int("size")))
        fill("optimizer", .string(model.usualOptimizer))
        for (key, value) in usualRule(of: settings.string("optimizer"), Task.self) { fill(key, value) }
        fill("warmup", .int(min(Task.sgd.warmup, settings.int("steps") / 10)))
        if Task.task == .segmentation { fill("label_stride", .string("4")) }
        return settings.setting("precision", .string("\(Self.precision(string("precision"), device))"))
    }

    /// What goes with an optimiser where nothing is said.
    func usualRule<Task: CommandTask>(of optimizer: String, _: Task.Type) -> [(key: String, value: JSON)] {
        let sgd = Task.sgd
        return optimizer == "adamw"
            ? [("lr", 0.001), ("decay", 0.05), ("clip", 10.0)]
            : [
                ("lr", .double(sgd.rate * Double(int("batch")) / 256)), ("decay", .double(sgd.decay)),
                ("clip", .double(sgd.clip)),
            ]
    }

    /// bf16 where it is native, or what was asked for.
    static func precision(_ name: String, _ device: Device) -> DType {
        switch name {
        case "float32", "fp32": .float32
        case "bfloat16", "bf16": .bfloat16
        default: device != .cpu || Torch.processorHasBF16 ? .bfloat16 : .float32
        }
    }

    /// - Precondition: the settings are resolved.
    func recipe<Task: CommandTask>(
        _: Task.Type, model: String? = nil, steps: Int? = nil
    ) throws(Failure) -> TrainingRecipe {
        let recipe = TrainingRecipe(
            model: model ?? string("model"), size: int("size"), batch: int("batch"), micro: optionalInt("micro"),
            steps: steps ?? int("steps"),
            optimizer: TrainingRecipe.OptimizerName(rawValue: string("optimizer")) ?? .adamw, lr: double("lr"),
            decay: double("decay"), warmup: int("warmup"), clip: double("clip"), averageDecay: double("average"),
            augment: .fitted(try policy(string("augment"))),
            precision: string("precision") == "bfloat16" ? .bfloat16 : .float32,
            labelStride: Task.labelStride(self), seed: UInt64(int("seed")))
        return try withStart(recipe)
    }

    /// A recipe with what `CommonKeys.starts` say of learning.
    /// - Throws: `.usage` where random weights would never learn.
    func withStart(_ recipe: TrainingRecipe) throws(Failure) -> TrainingRecipe {
        var recipe = recipe
        recipe.changes.frozenStages = optionalInt("freeze")
        recipe.changes.freezesNorms = bool("freeze-norms")
        recipe.layerDecay = double("layer-decay")
        // A study's cells that begin from what is learned there say so elsewhere.
        if schema.verb != "study", string("init") == "random",
            recipe.changes.frozenStages != nil || recipe.changes.freezesNorms
        {
            throw .usage("--freeze and --freeze-norms keep weights as they begin, which --init random makes useless")
        }
        return recipe
    }

    /// With `micro` settled: what a run that was begun in this folder settled; else as asked for; else left to the whole
    /// batch where that fits into memory, or set to the most that does. A run that was begun has been checked.
    ///
    /// - Throws: a `Failure` with `.device` where nothing fits or what was asked for does not, with `.usage` where
    ///   no pass can be so small.
    func fittedToMemory<Task: TaskModel>(
        _ device: Device, _ classes: ClassTable, _ trainings: [(recipe: TrainingRecipe, streams: [Int])], _: Task.Type
    ) throws(Failure) -> Settings {
        let asked = optionalInt("micro")
        let arguments = Files.join(string("out"), "args.yaml")
        if Files.exists(arguments), let earlier = try? schema.parse(["--recipe", arguments]) {
            guard asked == nil, let settled = earlier.optionalInt("micro") else { return self }
            return setting("micro", .int(settled))
        }
        guard let available = MemoryFit.available(on: device) else {
            Console.standardError.line("nobody says how much memory is free, so it is not checked")
            return self
        }
        let fits = try MemoryFit.measured(trainings, of: Task.self, classes: classes, device: device)
        guard let micro = try MemoryFit.micro(fits, asked: asked, available: available), asked == nil else {
            return self
        }
        Console.standardError.line(
            "the whole batch does not fit into memory: passes of at most \(micro) pictures (micro)")
        return setting("micro", .int(micro))
    }

    /// The suppression that was asked for; nil: the model's own.
    func suppression() throws(Failure) -> Suppression? {
        let sigma = optionalDouble("nms-sigma").map { Float($0) }
        var rule = Suppression(isAgnostic: bool("nms-agnostic"))
        switch optionalString("nms") {
        case "soft": rule.kind = .gaussian(sigma: sigma ?? 0.5)
        case "soft-linear": rule.kind = .linear
        case "soft-tf": rule.kind = .tensorFlow(sigma: sigma ?? 0.3)
        default: break
        }
        if let iou = optionalDouble("nms-iou") { rule.iou = Float(iou) }
        switch rule.kind {
        case .hard, .linear:
            if sigma != nil { throw .usage("--nms-sigma goes with --nms soft or soft-tf") }
        case .gaussian, .tensorFlow:
            if isGiven("nms-iou") { throw .usage("--nms-iou goes with --nms hard or soft-linear; others have no IoU") }
        }
        return rule == Suppression() && !isGiven("nms") && !isGiven("nms-iou") ? nil : rule
    }

    /// What `--dry-run` prints: the settings as a recipe, with what would be done as its comments, or with `--json` one object
    /// of both.
    func printPlan(_ plan: String = "") {
        let settings = setting("dry-run", .bool(false))  // of the run that the recipe is for
        if bool("json") {
            print(JSON.object(["settings": settings.json, "plan": .string(plan)]).canonical)
        } else {
            print(settings.yaml)
            for line in plan.split(separator: "\n") { print("# \(line)") }
        }
    }
}
