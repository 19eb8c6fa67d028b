import Annotations
import Augmentation
import Base
import Geometry
import Imaging
import Scenes
import Testing
import Torch
import Training

@testable import SelfTraining

/// The three steps and the control with masks.
@Suite(.serialized) struct SegmentationRunTests {
    let scratch: Scratch
    let data: SelfTrainingData

    init() throws {
        scratch = try Scratch()
        let root = scratch.file("set")
        try Scenes.write(
            images: 20, seed: 5, to: root,
            style: SceneStyle(size: .init(width: 64, height: 64), objects: 1...2, sizes: 0.4...0.8), masks: true)
        func set(_ name: String) throws -> Dataset {
            let set = try Dataset.masked(
                images: Files.join(root, "images"), masks: Files.join(root, "masks"),
                list: Files.join(root, "splits/\(name).txt"),
                classes: try MaskClasses.read(Files.join(root, "classes.txt")))
            return set.counted(set.lookAtMasks())
        }
        data = SelfTrainingData(train: try set("train"), validation: try set("val"), test: try set("test"), pool: nil)
    }

    private func options() -> SelfTrainingOptions {
        var recipe = TrainingRecipe.quick(steps: 60)
        recipe.model = "seg-nano"
        recipe.labelStride = 4
        recipe.lr = 0.003
        var student = recipe
        student.steps = 3
        return SelfTrainingOptions(
            teacher: recipe, student: student, studentStart: .teacher, labels: .count(6),
            choice: LabelChoice(threshold: 0.3), alpha: 1, seeds: 1, start: .random, evaluateEvery: 0)
    }

    private func run(_ options: SelfTrainingOptions, as name: String = "runs/a", workers: Int = 1) throws -> [Fold] {
        let folder = scratch.file(name)
        try Files.makeFolder(folder)
        let stages = Stages<Segmenter>(
            store: StageStore(besideRun: folder), resources: Resources(device: .cpu, workers: workers), log: { _ in })
        var looking = Segmenter.InferenceOptions()
        looking.scales = [0.5, 1]
        return try SelfTrainingRun(
            options, data, looking: looking, stages: stages, folder: folder, log: { _ in }
        ).run()
    }

    @Test func threeArmsWithTheirMasks() throws {
        let folds = try run(options())
        let fold = try #require(folds.first)
        #expect(Set(fold.arms.keys) == [.teacher, .control, .student] && fold.humanImages == 6)
        #expect(fold.arms[.student]?.images == 12 && fold.arms[.control]?.images == 12)
        // People painted every pixel.
        #expect(abs(fold.human.all - 1) < 1e-12 && abs(fold.human.perClass.reduce(0, +) - 1) < 1e-12)
        #expect((fold.kept?.all ?? .nan) > 0 && (fold.kept?.all ?? .nan) <= 1)
        let pseudo = try PseudoMasks.read(scratch.file("runs/a/pseudo/round_1"), root: data.train.root)
        #expect(pseudo.summary.images == 8 && abs(pseudo.summary.keptShare - (fold.kept?.all ?? .nan)) < 1e-12)
        var kept = 0
        for example in pseudo.dataset.examples {
            #expect(!fold.split.labelled.contains(example.fileName))
            kept += try pseudo.dataset.labelMap(of: example).labels.count { $0 != LabelMap.ignored }
        }
        #expect(kept == pseudo.summary.kept)
        let summary = SelfTrainingSummary(
            folds, of: Segmenter.self, reportedSet: "test", classes: data.train.classes.names)
        let json = summary.json
        let gain = try #require(json["gain"]?["mean"]?.double)
        let (a, b) = (json["arms"]?["student"]?["mIoU"]?.double, json["arms"]?["control"]?["mIoU"]?.double)
        #expect(abs(gain - (try #require(a) - #require(b))) < 1e-12)
        #expect(json["arms"]?["teacher"]?["per_class"]?["background"]?.double ?? 0 > 0.3)
        #expect(
            json["kept_pixels"]?.double == (fold.kept?.all ?? .nan)
                && json["arms"]?["teacher"]?["pixel_accuracy"] != nil)
        #expect(summary.text.contains("mIoU") && summary.text.contains("% of pixels"))
        #expect(Files.exists(scratch.file("runs/a/eval/student/masks")))

        // Again with more workers: every stage is found; another threshold scores nothing anew.
        let before = try Files.list(scratch.file("runs/.stages")).sorted()
        #expect(try run(options(), workers: 3)[0].kept == fold.kept)
        #expect(try Files.list(scratch.file("runs/.stages")).sorted() == before)
        var other = options()
        other.choice.threshold = 0.25
        #expect(try run(other, as: "runs/b")[0].kept?.all ?? 0 >= (fold.kept?.all ?? .nan))
        let added = Set(try Files.list(scratch.file("runs/.stages"))).subtracting(before)
        #expect(added.map { $0.prefix { $0 != "-" } }.sorted() == ["eval", "pseudo", "train"], "\(added)")
    }

    /// Pictures with classes have no mask, and go through the loop beside those that have one.
    @Test func jointTrainingAndHumanMasksOfThePool() throws {
        var options = options()
        options.teacher.steps = 40
        var classes = data.validation.withoutLabels
        classes.classes = ClassTable(names: ["a", "b"])
        for i in classes.examples.indices { classes.examples[i].target = .hard(i % 2) }
        options.joint = JointOptions(set: classes, augment: .plain, images: 2)
        options.arms = Set(ArmName.allCases)
        let fold = try #require(try run(options).first)
        #expect(Set(fold.arms.keys) == Set(ArmName.allCases))
        #expect(fold.arms[.both]?.images == 18 && fold.arms[.human]?.images == 12)
        for arm in ["joint", "both"] {
            let line = try #require(
                try Files.readText(scratch.file("runs/a/\(arm)/metrics.jsonl")).split(separator: "\n").last)
            #expect(try JSON.parse(String(line))["classes/ce"]?.double ?? 0 > 0.1)
        }
        // The whole set has its masks again.
        let human = try Files.readJSON(try #require(fold.arms[.human]).stage.file("stage.json"))
        #expect(human["identity"]?["inputs"]?.array?.first?.string == "human-\(try data.train.identity.hex(16))")
    }

    /// Killed between pictures and in the middle of one, labelling goes on after the last whole batch and gives the same.
    @Test func labellingGoesOnWhereItStopped() throws {
        let segmenter = try Segmenter(
            name: "seg-nano", classes: data.train.classes, canvas: .init(width: 64, height: 64), seed: 4, device: .cpu)
        var options = Segmenter.InferenceOptions()
        options.scales = [0.5, 1]
        var pool = data.train
        pool.maskCoding = nil
        struct Stop: Error {}
        func label(_ folder: String, stopAfter: Int? = nil) throws -> Int {
            try Files.makeFolder(folder)
            var calls = 0
            do throws(Failure) {
                try segmenter.label(pool, options, as: "t", poolID: "p", into: folder) { _, batch throws(Failure) in
                    // The masks of a batch are written by now, its records are not.
                    if calls == stopAfter { throw .data("stop") }
                    calls += 1
                    try batch.store()
                }
            } catch { if stopAfter == nil { throw error } }
            return calls
        }
        let whole = try label(scratch.file("whole"))
        #expect(whole > 1)
        #expect(try label(scratch.file("parts"), stopAfter: 1) == 1)
        #expect(try label(scratch.file("parts")) == whole - 1)
        for name in try Files.walk(scratch.file("whole")) {
            #expect(
                try Files.digest(Files.join(scratch.file("whole"), name))
                    == Files.digest(Files.join(scratch.file("parts"), name)), "\(name)")
        }
    }

    @Test func aTeacherThatIsNeverSureStopsTheRun() throws {
        var options = options()
        options.teacher.steps = 1
        options.choice.threshold = 0.999
        let failure = #expect(throws: Failure.self) { _ = try run(options) }
        #expect(failure?.code == .invalidData && failure?.message.contains("too few pseudo-labels") == true)
    }
}
