import Annotations
import Augmentation
import Base
import Geometry
import Testing
import Torch
import Training

@testable import SelfTraining

/// The whole way on a drawn set: a few steps teach nothing, but each stage is made, linked, shared and found again.
@Suite(.serialized) struct SelfTrainingRunTests {
    let scratch: Scratch
    let data: SelfTrainingData
    let notes = Notes()

    init() throws {
        scratch = try Scratch()
        let (train, val, test) = try scratch.scenes()
        data = SelfTrainingData(train: train, validation: val, test: test, pool: nil)
    }

    /// Lr and threshold are such that some boxes are kept after a few steps.
    private func options(seeds: Int = 1) -> SelfTrainingOptions {
        var recipe = TrainingRecipe.quick(steps: 30)
        recipe.lr = 0.01
        var student = recipe
        student.steps = 4
        return SelfTrainingOptions(
            teacher: recipe, student: student, studentStart: .teacher, labels: .count(6),
            choice: LabelChoice(threshold: 0.06),
            alpha: 1, seeds: seeds, start: .random, evaluateEvery: 0)
    }

    private func run(
        _ options: SelfTrainingOptions, data: SelfTrainingData? = nil, as name: String = "runs/a"
    ) throws -> [Fold] {
        let folder = scratch.file(name)
        try Files.makeFolder(folder)
        let log: @Sendable (String) -> Void = { [notes] in notes.add($0) }
        let stages = Stages<Detector>(
            store: StageStore(besideRun: folder), resources: Resources(device: .cpu, workers: 1), log: log)
        return try SelfTrainingRun(
            options, data ?? self.data, looking: .init(precision: nil), stages: stages, folder: folder, log: log
        ).run()
    }

    private func stages() throws -> [String] { try Files.list(scratch.file("runs/.stages")).sorted() }

    @Test func threeArmsWithTheirFolders() throws {
        let folds = try run(options())
        let fold = try #require(folds.first)
        #expect(folds.count == 1 && Set(fold.arms.keys) == [.teacher, .control, .student])
        #expect(fold.humanImages == 6 && fold.split.labelled.count == 6)
        // The control sees as many pictures as the student, all human: 4 steps of 2 + 2.
        #expect(fold.arms[.teacher]?.images == 60)
        #expect(fold.arms[.control]?.images == 16 && fold.arms[.student]?.images == 16)
        for name in [
            "teacher/weights/last.safetensors", "student/metrics.jsonl", "pseudo/round_1/labels.json",
            "eval/student/predictions.json", "split/0@6images.json",
        ] {
            #expect(Files.exists(scratch.file("runs/a/" + name)), "\(name)")
        }
        // The pool is the rest of the set; its labels are an ordinary COCO file with scores.
        let kept = try Files.readJSON(scratch.file("runs/a/pseudo/round_1/summary.json"))
        #expect(kept["images"]?.int == 8)
        let labels = try Dataset.coco(
            scratch.file("runs/a/pseudo/round_1/labels.json"), images: data.train.root)
        #expect(labels.examples.allSatisfy { !fold.split.labelled.contains($0.fileName) })
        #expect(labels.examples.flatMap(\.annotations).allSatisfy { ($0.provenance?.score ?? 0) >= 0.06 })
        #expect(labels.examples.reduce(0) { $0 + $1.annotations.count } == kept["kept_boxes"]?.int)
        #expect(abs((fold.kept?.all ?? .nan) - (kept["kept_boxes_per_image"]?.double ?? 0)) < 1e-12)

        let summary = SelfTrainingSummary(
            folds, of: Detector.self, reportedSet: "test", classes: data.train.classes.names)
        let json = summary.json
        let difference =
            try #require(json["arms"]?["student"]?["AP"]?.double) - #require(json["arms"]?["control"]?["AP"]?.double)
        #expect(abs(try #require(json["gain"]?["mean"]?.double) - difference) < 1e-12)
        // One seed has no spread.
        #expect(json["gain"]?["low"] == .null && json["gain"]?["seeds"]?.int == 1)
        #expect(summary.text.contains("one seed: no interval"))
    }

    /// What is wrong with pictures, labelled or not, is in the log and in the summary, whoever met it.
    @Test func refusedAndDamagedPicturesAreListed() throws {
        var data = self.data
        let folder = scratch.file("more")
        try Files.makeFolder(folder)
        let good = try Files.read(data.train.path(of: data.train.examples[0]))
        try Files.write(good, to: Files.join(folder, "a.jpg"))
        try Files.write("MM\0*", to: Files.join(folder, "b.jpg"))
        try Files.write(good.dropLast(2), to: Files.join(folder, "c.jpg"))
        data.pool = try Dataset.pool([folder])
        let test = try #require(data.test)
        let open = test.path(of: test.examples[0])
        try Files.write(try Files.read(open).dropLast(2), to: open)

        let folds = try run(options(), data: data)
        let quarantine = SelfTrainingSummary(
            folds, of: Detector.self, reportedSet: "test", classes: data.train.classes.names
        )
        .json["quarantine"]
        let refused = quarantine?["refused"]?.array ?? []
        #expect(refused.count == 1 && refused[0]["path"]?.string == Files.join(folder, "b.jpg"))
        #expect(refused[0]["reason"]?.string?.contains("a TIFF; only JPEG, PNG and WebP are read") == true)
        let damaged = quarantine?["damaged"]?.array ?? []
        #expect(Set(damaged.compactMap { $0["path"]?.string }) == [open, Files.join(folder, "c.jpg")])
        #expect(damaged.allSatisfy { $0["reason"]?.string == "no end marker; all rows are there" })
        #expect(notes.all.contains("labelling: 1 picture(s) refused; they get no labels:"))
        #expect(notes.all.contains { $0.contains("b.jpg: a TIFF") })
        #expect(notes.all.contains("student: 1 picture(s) damaged, used with all rows there:"))
        // The same from finished stages.
        #expect(try run(options(), data: data, as: "runs/b")[0].quarantine == folds[0].quarantine)
    }

    /// A pass of the whole batch, said or left unsaid, is one training; the folds so far are told after each seed.
    @Test func theWholeBatchHasOneName() throws {
        let first = try run(options())
        var said = options(seeds: 2)
        said.teacher.micro = 2
        said.student.micro = 4
        let folder = scratch.file("runs/said")
        try Files.makeFolder(folder)
        let stages = Stages<Detector>(
            store: StageStore(besideRun: folder), resources: Resources(device: .cpu, workers: 1), log: { _ in })
        var told: [Int] = []
        let folds = try SelfTrainingRun(
            said, data, looking: .init(precision: nil), stages: stages, folder: folder, log: { _ in }
        ).run { folds in
            told.append(folds.count)
        }
        #expect(told == [1, 2] && folds.count == 2)
        for arm in [ArmName.teacher, .control, .student] {
            #expect(folds[0].arms[arm]?.stage.name == first[0].arms[arm]?.stage.name)
        }
    }

    /// Student and control begin where the teacher ends: with its seed they would see its very views again.
    @Test func whatComesAfterTheTeacherSeesViewsOfItsOwn() throws {
        let recipe = options().teacher
        var lesson = Lesson(human: data.train, humanImages: 2)
        let teacher = lesson.seed(recipe)
        lesson.round = 1
        let student = lesson.seed(recipe)
        lesson.round = 2
        #expect(teacher == recipe.seed && Set([teacher, student, lesson.seed(recipe)]).count == 3)
        let arms = try run(options())[0].arms
        for (arm, round) in [(ArmName.teacher, nil), (.control, 1), (.student, 1)] {
            let stage = try #require(arms[arm]?.stage)
            let record = try Files.readJSON(stage.file("stage.json"))
            #expect(record["identity"]?["keys"]?["round"]?.int == round, "\(record["identity"]?.canonical ?? "")")
        }
    }

    /// Of 3 + 3 passes of at most 3 are three of 1 + 1, and the control's 6, which two passes of 3 would share, are divided
    /// alike.
    @Test func allArmsHaveAsManyPasses() throws {
        var few = options()
        few.student.batch = 3
        few.student.micro = 3
        let arms = try run(few)[0].arms
        for arm in [ArmName.control, .student] {
            let record = try Files.readJSON(try #require(arms[arm]?.stage).file("stage.json"))
            #expect(record["identity"]?["keys"]?["recipe"]?["micro"]?.int == 2)
        }
        #expect(notes.all.contains { $0.hasPrefix("control: pico") && $0.contains(" in passes of 2 from ") })
    }

    /// A second run makes nothing; a lower threshold scores nothing anew; a second seed adds its own alone.
    @Test func onlyWhatDiffersIsMade() throws {
        _ = try run(options())
        let first = try stages()
        let before = notes.all.count
        let folds = try run(options())
        #expect(try stages() == first)
        #expect(notes.all.dropFirst(before).filter { $0.contains("done before") }.count == 4, "\(notes.all)")
        #expect(folds[0].arms[.student]?.images == 16)

        var lower = options()
        lower.choice.threshold = 0.055
        _ = try run(lower, as: "runs/lower")
        let added = Set(try stages()).subtracting(first)
        // Teacher, scores and control are shared; labels, the student and its evaluation are not.
        #expect(added.map { $0.prefix { $0 != "-" } }.sorted() == ["eval", "pseudo", "train"], "\(added)")

        // More seeds in the folder of one: links that are of no seed go, files stay.
        try Files.write("mine", to: scratch.file("runs/a/pseudo/notes.txt"))
        let two = try run(options(seeds: 2))
        #expect(two.map(\.seed) == [0, 1])
        #expect(two[0].arms[.student]?.stage.name == folds[0].arms[.student]?.stage.name)
        #expect(two[0].split.labelled != two[1].split.labelled)
        #expect(Files.exists(scratch.file("runs/a/seed_1/student/weights/last.safetensors")))
        #expect(Files.exists(scratch.file("runs/a/seed_0/eval/student/metrics.json")))
        #expect(try Files.list(scratch.file("runs/a")) == ["pseudo", "seed_0", "seed_1", "split"])
        #expect(try Files.list(scratch.file("runs/a/pseudo")) == ["notes.txt"])
    }

    /// Classification beside human labels and beside both kinds, and people's labels of the pool: each arm has its streams
    /// and its weight, and shares all else with the others.
    @Test func jointTrainingAndHumanLabelsOfThePool() throws {
        let plain = try run(options())
        let before = try stages()
        var options = options()
        var classes = try scratch.scenes(10, seed: 9, folder: "classes").train.withoutLabels
        classes.classes = ClassTable(names: ["a", "b", "c"])
        for i in classes.examples.indices { classes.examples[i].target = .hard(i % 3) }
        options.joint = JointOptions(set: classes, augment: .plain, images: 3)
        options.arms = Set(ArmName.allCases)
        var data = data
        data.extra = try scratch.scenes(10, seed: 8, folder: "extra").train
        let folds = try run(options, data: data, as: "runs/more")
        let fold = try #require(folds.first)
        #expect(Set(fold.arms.keys) == Set(ArmName.allCases))
        // Teacher and control are those of the run without: the pool is another one, so the student is not.
        #expect(fold.arms[.control]?.stage.name == plain[0].arms[.control]?.stage.name)
        #expect(fold.arms[.student]?.stage.name != plain[0].arms[.student]?.stage.name)
        let added = Set(try stages()).subtracting(before).map { $0.prefix { $0 != "-" } }
        #expect(
            added.sorted() == ["eval", "eval", "eval", "eval", "pseudo", "score", "train", "train", "train", "train"])
        // Four steps of 2 + 2, and of 3 with classes.
        #expect(fold.arms[.student]?.images == 16 && fold.arms[.human]?.images == 16)
        #expect(fold.arms[.joint]?.images == 28 && fold.arms[.both]?.images == 28)
        #expect(try Files.readJSON(scratch.file("runs/more/pseudo/round_1/summary.json"))["images"]?.int == 8 + 7)
        func keys(_ arm: ArmName) throws -> JSON? {
            try Files.readJSON(try #require(fold.arms[arm]).stage.file("stage.json"))["identity"]?["keys"]
        }
        for (arm, weight, alpha) in [(ArmName.joint, 0.5, Double?.none), (.both, 0.2, 1)] {
            #expect(try keys(arm)?["joint"]?["weight"]?.double == weight && keys(arm)?["joint"]?["images"]?.int == 3)
            #expect(try keys(arm)?["alpha"]?.double == alpha)
            let lines = try Files.readText(scratch.file("runs/more/\(arm)/metrics.jsonl"))
            #expect(lines.contains("classes/ce") && lines.contains("pseudo/cls") == (alpha != nil))
        }
        #expect(try keys(.human)?["joint"] == nil)
        #expect(notes.all.contains { $0.contains("human: pico") && $0.contains("(21 human pictures)") })
        #expect(notes.all.contains { $0.contains("2 human + 2 pseudo + 3 classes") })

        let summary = SelfTrainingSummary(
            folds, of: Detector.self, reportedSet: "test", classes: data.train.classes.names)
        let points = summary.json["arms"]?.object?.mapValues { $0["AP"]?.double ?? .nan } ?? [:]
        for (arm, other) in [
            ("joint", "control"), ("both", "control"), ("both", "student"), ("human", "control"), ("student", "human"),
        ] {
            let mean = try #require(summary.json["contrasts"]?["\(arm)_minus_\(other)"]?["mean"]?.double)
            #expect(abs(mean - (try #require(points[arm]) - #require(points[other]))) < 1e-12)
            #expect(summary.text.contains("\n\(arm) minus \(other): "))
        }
    }

    /// A held-out part is learned from by nobody, chooses the weights, and says how many of the teacher's labels are right.
    @Test func aPartIsHeldOut() throws {
        var options = options()
        options.labels = .count(11)
        options.arms = [.control, .student, .human]
        options.holdOut = 0.2
        let failure = #expect(throws: Failure.self) { _ = try run(options) }
        #expect(failure?.code == .usage && failure?.message.contains("at least 50") == true)

        let (train, val, test) = try scratch.scenes(160, seed: 6, folder: "many")
        options.labels = .count(104)
        let folds = try run(
            options, data: SelfTrainingData(train: train, validation: val, test: test, pool: nil), as: "runs/held")
        let fold = try #require(folds.first)
        #expect(fold.humanImages == 54 && fold.split.labelled.count == 104)
        #expect(
            notes.all.contains { $0.contains("104 of 112 pictures") && $0.contains(", 50 of them held out, pool: 8") })
        for (name, arm) in fold.arms {
            #expect(arm.stage.weights == "best" && Files.exists(arm.stage.weightsFile), "\(name)")
            let rows = try Files.readText(arm.stage.file("results.csv")).split(separator: "\n").count
            #expect(rows >= 4, "\(name): \(rows)")
            let keys = try Files.readJSON(arm.evaluation.file("stage.json"))["identity"]?["keys"]
            #expect(keys?["weights"]?.string == "best")
        }
        // Not even the arm with people's labels of the pool learns from it: 112 less 50.
        #expect(notes.all.contains { $0.contains("human: pico") && $0.contains("(62 human pictures)") })
        let precision = try #require(fold.precision)
        #expect(precision.all >= 0 && precision.all <= 1 && precision.perClass.count == train.classes.count)
        let summary = SelfTrainingSummary(
            folds, of: Detector.self, reportedSet: "test", classes: train.classes.names)
        #expect(summary.json["pseudo_precision"]?.double == precision.all)
        #expect(summary.text.contains("right, %") && summary.text.contains("best on held-out pictures"))
        // The student begins from the teacher's best weights, which is another start than its last ones.
        let inputs = try Files.readJSON(try #require(fold.arms[.student]).stage.file("stage.json"))["identity"]?[
            "inputs"]
        #expect(inputs?.array?.contains { $0.string?.hasSuffix("-best") == true } == true)
    }

    /// Two pictures by hand: of three boxes one covers an object of its class, one an object of another, one nothing.
    @Test func precisionOfBoxes() throws {
        func set(_ boxes: [[(Int, Float)]]) -> Dataset {
            Dataset(
                root: "", classes: ClassTable(names: ["a", "b"]),
                examples: boxes.enumerated().map { i, boxes in
                    Example(
                        id: i, fileName: "\(i)", size: nil,
                        annotations: boxes.map {
                            Annotation(id: 1, box: Box(x1: $0.1, y1: 0, x2: $0.1 + 10, y2: 10), label: $0.0)
                        })
                })
        }
        let precision = try Detector.precision(
            of: set([[(0, 1), (0, 50)], [(1, 0)]]), against: set([[(0, 0), (1, 50)], []]))
        #expect(abs(precision.all - 1.0 / 3) < 1e-12)
        #expect(precision.perClass == [0.5, 0])
        #expect(try Detector.precision(of: set([]), against: set([[(0, 0)]])).all.isNaN)
    }

    @Test func withoutControlThereIsNoGain() throws {
        var options = options()
        options.arms = [.student]
        let folds = try run(options)
        #expect(Set(folds[0].arms.keys) == [.teacher, .student])
        let summary = SelfTrainingSummary(
            folds, of: Detector.self, reportedSet: "test", classes: data.train.classes.names)
        #expect(summary.gain(over: .control) == nil && summary.json["gain"] == .null)
        #expect(summary.gain(over: .teacher) != nil)
    }

    @Test func aTeacherThatFindsNothingStopsTheRun() throws {
        var options = options()
        options.teacher.steps = 1
        options.choice.threshold = 0.9
        let failure = #expect(throws: Failure.self) { _ = try run(options) }
        #expect(failure?.code == .invalidData && failure?.message.contains("too few pseudo-labels") == true)
        // The histogram shows where the threshold stands.
        #expect(failure?.message.contains("> 0.90") == true)
    }

    @Test func allLabelsAndNoPoolIsRefused() throws {
        var options = options()
        options.labels = .percent(100)
        let failure = #expect(throws: Failure.self) { _ = try run(options) }
        #expect(failure?.code == .usage && failure?.message.contains("--unlabelled") == true)
    }

    /// With folders given, the pool is the rest of the set and the folders' pictures.
    @Test func foldersJoinTheRestOfTheSet() throws {
        let more = scratch.file("more")
        try Files.makeFolder(more)
        for (i, example) in (data.test?.examples ?? []).enumerated() {
            try Files.write(Files.read(Files.join(data.train.root, example.fileName)), to: Files.join(more, "\(i).jpg"))
        }
        var data = data
        data.pool = try Dataset.pool([more])
        _ = try run(options(), data: data)
        #expect(try Files.readJSON(scratch.file("runs/a/pseudo/round_1/summary.json"))["images"]?.int == 8 + 4)
    }
}
