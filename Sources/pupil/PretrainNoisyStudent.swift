import Annotations
import Augmentation
import Base
import Journal
import Layers
import Models
import Recipes
import SelfTraining
import Torch
import Training

/// `pupil pretrain noisy-student`: a backbone from pictures with classes and others without.
enum PretrainNoisyStudent {
    static let schema = Schema(
        verb: "pretrain noisy-student",
        summary: "Learn a backbone from pictures with classes and a teacher's classes of unlabelled ones.",
        keys: PretrainSupervised.data + [
            Key(
                "unlabelled", .list(of: .path), required: true, group: "data",
                help: "Folders of pictures without labels, any depth.")
        ]
            + PretrainSupervised.keys.filter { key in
                key.name != "eval_every" && !AugmentationKeys.canvasChanges.contains { $0.name == key.name }
            } + [
                Key(
                    "rounds", .integer(1...20), default: 1, group: "self-training",
                    help: "A student is the next teacher."),
                Key(
                    "threshold", .fraction, default: 0.3, group: "self-training",
                    help: "Least probability of a picture's first class."),
                Key(
                    "per-class", .positiveInteger, group: "self-training",
                    help:
                        "Pictures of each class, the surest; a class with fewer repeats them. Default: as many as the "
                        + "class with most has."),
                Key(
                    "soft-labels", .bool, default: true, group: "self-training",
                    help: "Students learn the teacher's probabilities; else its first class."),
                Key(
                    "ratio", .integer(1...64), default: 1, group: "self-training",
                    help: "Unlabelled pictures a labelled one in a step."),
                Key(
                    "student-model", .string, group: "self-training",
                    help: "As large as the teacher's or larger. Default: the teacher's."),
                Key(
                    "student-size", .integer(32...4096), group: "self-training",
                    help: "Side of the students' pictures. Default: the teacher's."),
                Key("student-steps", .positiveInteger, group: "self-training", help: "Default: --steps."),
                Key(
                    "student-warmup", .count, group: "self-training",
                    help: "Default: --warmup; where that is not given either, the same part of --student-steps."),
                Key(
                    "student-augment", .choice(CropPolicy.all.map(\.name)), default: "randaugment",
                    group: "self-training",
                    help: "The noise of students' pictures."),
                Key(
                    "student-magnitude", .number(0...60), group: "self-training",
                    help: "RandAugment's. Default: the original's, 6 to 27 for efficientnet-b2 to b7; 10 for others."),
                Key(
                    "student-dropout", .fraction, default: 0.5, group: "self-training",
                    help: "The noise before students' last layer."),
                Key(
                    "student-survival", .number(0.01...1), group: "self-training",
                    help: "The noise in students' blocks. Default: the model's own (EfficientNet 0.8)."),
            ] + CommonKeys.starts + [CommonKeys.out("noisy-student"), CommonKeys.json, CommonKeys.dryRun]
            + CommonKeys.machine)

    /// RandAugment's magnitude in the original's scripts for its students (docs/pretraining.md).
    private static func magnitude(of model: String) -> Double {
        let known = ["b2": 6.0, "b3": 12, "b4": 15, "b5": 18, "b6": 24, "b7": 27]
        return known.first { model.hasPrefix("efficientnet-\($0.key)") }?.value ?? 10
    }

    /// A student that is smaller than its teacher is another method, which is allowed and said.
    private static func warnOfSmallStudent(_ settings: Settings) throws(Failure) {
        func parameters(_ name: String) throws(Failure) -> Int {
            let store = ParameterStore(seed: 0, device: .meta)
            _ = Network(store.root, .classifier(try Zoo.classifier(name, classes: 1)))
            return store.parameterCount
        }
        let (teacher, student) = (settings.string("model"), settings.string("student-model"))
        if try parameters(student) < parameters(teacher) {
            Console.standardError.line(
                "warning: \(student) is smaller than its teacher \(teacher); Noisy Student's students are as large or larger"
            )
        }
    }

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        let given = try schema.parse(arguments)
        let device = try given.useMachine()
        let defaults = try given.classifierDefaults()
        var settings = try given.resolvedPretraining(device, defaults)
        for (key, value) in [
            ("student-model", settings.value("model")), ("student-steps", settings.value("steps")),
        ] where settings.value(key) == nil {
            settings = settings.setting(key, value ?? .null)
        }
        if settings.value("student-warmup") == nil {
            let own = Int(defaults.warmup * Double(settings.int("student-steps")))
            settings = settings.setting("student-warmup", .int(given.optionalInt("warmup") ?? own))
        }
        if settings.value("student-magnitude") == nil, settings.string("student-augment") == "randaugment" {
            settings = settings.setting("student-magnitude", .double(magnitude(of: settings.string("student-model"))))
        }
        if settings.value("student-magnitude") != nil, settings.string("student-augment") != "randaugment" {
            throw .usage("--student-magnitude goes with --student-augment randaugment")
        }
        // Students of another model begin at random: the teacher's start is no start of theirs.
        let isOther = settings.string("student-model") != settings.string("model")
        let (labelled, val) = try settings.classFolders()
        let all = try Dataset.pool(settings.strings("unlabelled"))
        let pool = all.without([labelled])
        let known = all.examples.count - pool.examples.count
        if pool.examples.isEmpty { throw .usage("unlabelled: all \(known) pictures are pictures of --images") }
        if known > 0 {
            Console.standardError.line(
                "\(all.source): \(known) pictures are left out, as they are pictures of --images")
        }
        if let val {
            SharedPictures.warn(learned: [("--images", labelled), ("the pool", pool)], measured: [("--val", val)])
        }
        let start = try settings.start(for: try settings.classifierRecipe(), labelled.classes, Classifier.self)
        func student(_ settings: Settings) throws(Failure) -> TrainingRecipe {
            var own = settings
            if isOther {
                // A student of another family learns as its family does, but for what was said of both.
                let like = given.setting("model", settings.value("student-model") ?? .null)
                let resolved = try like.resolvedPretraining(device, try like.classifierDefaults())
                for key in ["model", "optimizer", "lr", "decay", "clip", "average"] {
                    if let value = resolved.value(key) { own = own.setting(key, value) }
                }
            }
            if let size = settings.value("student-size") { own = own.setting("size", size) }
            var recipe = try own.setting("augment", .string(settings.string("student-augment")))
                .classifierRecipe(model: settings.string("student-model"), steps: settings.int("student-steps"))
            recipe.warmup = settings.int("student-warmup")
            if case .cropped(var policy) = recipe.augment, case .random(var set) = policy.operators {
                set.magnitude = settings.double("student-magnitude")
                policy.operators = .random(set)
                recipe.augment = .cropped(policy)
            }
            recipe.changes.dropout = settings.double("student-dropout")
            recipe.changes.survival = settings.optionalDouble("student-survival")
            return recipe
        }
        try warnOfSmallStudent(settings)
        // What the student's network cannot be is known before the teacher is trained.
        let recipe = try student(settings)
        _ = try Classifier(
            name: recipe.model, classes: labelled.classes, canvas: recipe.canvas, changes: recipe.changes, seed: 0,
            device: .meta)
        let (batch, ratio) = (settings.int("batch"), settings.int("ratio"))
        settings = try settings.fittedToMemory(
            device, labelled.classes,
            [(try settings.classifierRecipe(), [batch]), (try student(settings), [batch, ratio * batch])],
            Classifier.self)
        var looking = Classifier.InferenceOptions(precision: Settings.precision(settings.string("precision"), device))
        looking.crop = try settings.evaluationCrop()
        let run = NoisyStudentRun(
            teacher: try settings.classifierRecipe(), student: try student(settings), rounds: settings.int("rounds"),
            ratio: ratio,
            choice: LabelChoice(
                threshold: Float(settings.double("threshold")),
                classes: ClassChoice(
                    perClass: settings.optionalInt("per-class"), labels: settings.bool("soft-labels") ? .soft : .hard,
                    seed: UInt64(settings.int("seed")))),
            start: start, studentStart: isOther ? .random : start, looking: looking)
        try RunFolder.requireFit(settings)
        if settings.bool("dry-run") {
            settings.printPlan(
                "a teacher on \(labelled.examples.count) pictures of \(labelled.classes.count) classes, then "
                    + "\(run.rounds) student(s) on them and on up to \(pool.examples.count) others")
            return .done
        }
        try settings.requireReadable(val)
        Signals.install()
        let folder = try RunFolder(settings)
        let log = folder.log
        let stages = Stages<Classifier>(
            store: StageStore(besideRun: folder.path), resources: try settings.resources(device), looking: looking,
            log: { log($0) })
        let generations = try run.run(
            labelled, pool: pool, validation: val, stages: stages,
            link: { stage, name throws(Failure) in try stages.store.link(stage.name, from: folder.path, as: name) },
            log: { log($0) })
        if let last = generations.last { try PretrainRun.link(last.stage, stages.store, from: folder) }
        let summary = JSON.array(
            generations.map { generation in
                [
                    "name": .string(generation.name), "metrics": generation.metrics ?? .null,
                    "labels": generation.labels ?? .null, "images": generation.stage.result["images"] ?? .null,
                    "seconds": generation.stage.result["seconds"] ?? .null,
                ]
            })
        try Files.write(JSON.object(["generations": summary]).pretty, to: folder.file("summary.json"))
        if settings.bool("json") {
            print(JSON.object(["generations": summary]).canonical)
            return .done
        }
        var table = TextTable(["", "top-1", "top-5", "images", "minutes"])
        for generation in generations {
            func points(_ key: String) -> String { TextTable.points(generation.metrics?[key]?.double ?? .nan) }
            table.add([
                generation.name, points("top1"), points("top5"), "\(generation.stage.result["images"]?.int ?? 0)",
                PretrainRun.minutes(generation.stage),
            ])
        }
        print(table.text)
        print("begin from the last student with --init \(folder.path)")
        return .done
    }
}
