import Annotations
import Augmentation
import Geometry
import Glibc
import Layers
import Loading
import Testing
import Torch

@testable import Base
@testable import Training

@Suite(.serialized) struct TrainerTests {
    let scratch: Scratch
    let human: Dataset
    let pseudo: Dataset

    init() throws {
        scratch = try Scratch()
        human = try scratch.scenes(7, seed: 1, folder: "human")
        pseudo = try scratch.scenes(5, seed: 2, folder: "pseudo")
    }

    static let sgd = OptimizerSpec.sgd(momentum: 0.9, nesterov: false, decay: 1e-4)
    static let adamW = OptimizerSpec.adamW(beta1: 0.9, beta2: 0.999, eps: 1e-8, decay: 0.05)

    private func plan(
        steps: Int = 20, images: Int = 4, micro: Int? = nil, optimizer: OptimizerSpec = Self.sgd, average: Double = 0,
        both: Bool = false
    ) -> TrainingPlan {
        var streams = [Stream(name: "human", dataset: human, policy: .s1, images: images)]
        if both { streams.append(Stream(name: "pseudo", dataset: pseudo, policy: .s1, images: images)) }
        var plan = TrainingPlan(
            streams: streams, mix: both ? .normalized(alpha: 1, decay: LossMix.paperDecay) : .weighted([1]),
            steps: steps,
            micro: micro, optimizer: optimizer,
            schedule: Schedule(base: 0.01, warmupFrom: 0.0001, warmupSteps: 3, steps: steps), clip: 5,
            averageDecay: average, precision: nil, seed: 7, canvas: Size(width: 64, height: 64))
        plan.logEvery = 1
        plan.workers = 2
        return plan
    }

    private func trainer(_ toy: Toy, _ plan: TrainingPlan, _ folder: String, identity: String = "a") throws -> Trainer {
        try Trainer(toy, plan, folder: scratch.file(folder), identity: identity, label: "test")
    }

    private func state(_ folder: String) throws -> [String: [UInt8]] {
        try tensors(scratch.file("\(folder)/state/checkpoint.safetensors"))
    }

    // MARK: Stop and go on

    struct Case: Sendable {
        var optimizer: OptimizerSpec
        var average = 0.0
        var both = false
        var micro: Int?
    }

    /// Killed between two checkpoints and begun again, a run ends with the bytes of one that never stopped: weights,
    /// averages of the optimiser, of the weights and of the losses, and the log.
    @Test(arguments: [
        Case(optimizer: Self.sgd), Case(optimizer: Self.adamW, average: 0.99, both: true),
        Case(optimizer: Self.sgd, average: 0.9, both: true, micro: 4), Case(optimizer: Self.adamW, micro: 2),
    ])
    func aResumedRunIsTheRun(_ one: Case) throws {
        var plan = plan(optimizer: one.optimizer, average: one.average, both: one.both)
        if let micro = one.micro { plan.micro = micro }
        let whole = Toy()
        try trainer(whole, plan, "whole").run()

        plan.checkpointSteps = 5
        plan.evaluateEvery = 13
        let first = try trainer(Toy(), plan, "parts")
        #expect(throws: Failure.self) {
            try first.run(evaluate: { step throws(Failure) in throw Failure(.unexpected, "killed after step \(step)") })
        }
        let cut = try timeless(scratch.file("parts/metrics.jsonl"))
        #expect(cut.count == 13)
        plan.evaluateEvery = 0
        let resumed = Toy(seed: 99)  // what it begins with does not count
        let second = try trainer(resumed, plan, "parts")
        try second.run()
        #expect(resumed.calls == (one.micro == nil ? 10 : 20))

        let (a, b) = (try state("whole"), try state("parts"))
        #expect(a == b)
        let names = Set(a.keys)
        #expect(names.isSuperset(of: ["model.first.weight", "model.count"]))
        #expect(names.contains("optimizer.momentum.first.weight") == (one.optimizer == Self.sgd))
        #expect(names.contains("optimizer.second.second.bias") == (one.optimizer == Self.adamW))
        #expect(names.contains("average.count") == (one.average > 0) && names.contains("mix.1") == one.both)
        for (x, y) in zip(whole.parameters.entries, resumed.parameters.entries) {
            #expect(x.tensor.bytes() == y.tensor.bytes(), "\(x.name)")
        }
        let log = try timeless(scratch.file("whole/metrics.jsonl"))
        #expect(log == (try timeless(scratch.file("parts/metrics.jsonl"))))
        #expect(log.map { $0["step"]?.int } == Array(1...20))
        #expect(log[19]["images"]?.int == 20 * plan.batch)
        #expect((log[19]["human_to_pseudo"] != nil) == one.both)
    }

    /// Done and begun again: nothing is computed, and the model holds the final weights.
    @Test func aFinishedRunIsNotRunAgain() throws {
        let plan = plan(average: 0.9)
        let done = Toy()
        try trainer(done, plan, "run").run()
        let again = Toy(seed: 5)
        try trainer(again, plan, "run").run(evaluate: { _ in
            Issue.record("evaluated again"); return nil
        })
        #expect(again.calls == 0)
        #expect(done.parameters.entries.map { $0.tensor.bytes() } == again.parameters.entries.map { $0.tensor.bytes() })
    }

    @Test func workersAndCheckpointsChangeNothing() throws {
        var plan = plan(both: true)
        let first = Toy()
        try trainer(first, plan, "one").run()
        plan.workers = 4
        plan.checkpointSteps = 1
        plan.cacheBytes = 0
        let second = Toy()
        try trainer(second, plan, "two").run()
        #expect(try state("one") == state("two"))
        #expect(first.files == second.files)
    }

    @Test func theStateOfAnotherRunIsRefused() throws {
        try trainer(Toy(), plan(steps: 2), "run", identity: "train-aaaa").run()
        let failure = #expect(throws: Failure.self) {
            try trainer(Toy(), plan(steps: 2), "run", identity: "train-bbbb").run()
        }
        #expect(failure?.code == .usage)
        #expect(failure?.message.contains("run/state/checkpoint.safetensors") == true)
        #expect(failure?.message.contains("another run") == true)
    }

    @Test func aTornStateIsAnErrorThatNamesTheFile() throws {
        try trainer(Toy(), plan(steps: 2), "run").run()
        let path = scratch.file("run/state/checkpoint.safetensors")
        try Files.write(try Files.read(path).dropLast(10), to: path)
        let failure = #expect(throws: Failure.self) { try trainer(Toy(), plan(steps: 2), "run").run() }
        #expect(failure?.code == .invalidData && failure?.message.contains(path) == true)
    }

    /// Ctrl-C: the step ends, the state is saved, the code says so; the same run goes on to the same bytes.
    @Test func aSignalSavesAndStops() throws {
        try trainer(Toy(), plan(), "whole").run()
        Signals.install()
        defer { signal(SIGINT, SIG_DFL); signal(SIGTERM, SIG_DFL) }
        for (place, (number, code)) in [(SIGINT, ExitCode.interrupted), (SIGTERM, .terminated)].enumerated() {
            let toy = Toy()
            toy.before = { call in
                if call == 6 + place { kill(getpid(), number); while Signals.interruption == nil { usleep(500) } }
            }
            let failure = #expect(throws: Failure.self) { try trainer(toy, plan(), "parts\(place)").run() }
            Signals.forget()
            #expect(failure?.code == code && toy.calls == 7 + place)
            #expect(failure?.message.contains("after step \(7 + place) of 20") == true)
            let rest = Toy()
            try trainer(rest, plan(), "parts\(place)").run()
            #expect(rest.calls == 13 - place)
            #expect(try state("parts\(place)") == state("whole"))
        }
    }

    /// Ctrl-C in an evaluation: no step is lost, and the evaluation is made up for.
    @Test func aSignalInAnEvaluationLosesNoStep() throws {
        var plan = plan(average: 0.9)
        plan.evaluateEvery = 7
        func judged(_ step: Int) -> Trainer.Evaluation {
            Trainer.Evaluation(columns: ["AP": .number(1 / Double(step))], value: 1 / Double(step))
        }
        try trainer(Toy(), plan, "whole").run(evaluate: { judged($0) })
        for stop in [7, 20] {
            let folder = "parts\(stop)"
            let toy = Toy()
            let first = try trainer(toy, plan, folder)
            let failure = #expect(throws: Failure.self) {
                try first.run(evaluate: { step throws(Failure) in
                    if step == stop { throw Failure(.interrupted, "in the middle") }
                    return judged(step)
                })
            }
            #expect(failure?.code == .interrupted && toy.calls == stop)
            #expect(failure?.message.contains("after step \(stop) of 20; the state is saved") == true)
            let rest = Toy(seed: 99)
            var steps: [Int] = []
            let second = try trainer(rest, plan, folder)
            try second.run(evaluate: { step in
                steps.append(step)
                return judged(step)
            })
            #expect(rest.calls == 20 - stop && steps == (stop == 7 ? [7, 14, 20] : [20]))
            #expect(second.best?.step == 7)
            #expect(try state(folder) == state("whole"))
            let rows = try Files.readText(scratch.file("\(folder)/results.csv"))
            #expect(try rows == Files.readText(scratch.file("whole/results.csv")))
            // Begun once more, it is not evaluated again.
            try trainer(Toy(), plan, folder).run(evaluate: { _ in
                Issue.record("evaluated again"); return nil
            })
        }
    }

    /// An evaluation looks for a signal after each batch, and keeps nothing then.
    @Test func aSignalEndsAnEvaluation() throws {
        let detector = try Detector(
            name: "pico", classes: human.classes, canvas: Size(width: 64, height: 64), seed: 1, device: .cpu)
        let folder = scratch.file("scored")
        try Files.makeFolder(folder)
        Signals.install()
        defer { signal(SIGINT, SIG_DFL); signal(SIGTERM, SIG_DFL) }
        kill(getpid(), SIGTERM)
        while Signals.interruption == nil { usleep(500) }
        let failure = #expect(throws: Failure.self) { try detector.score(human, .init(), into: folder) }
        Signals.forget()
        #expect(failure?.code == .terminated)
        #expect(try Files.list(folder).isEmpty)
        _ = try detector.score(human, .init(), into: folder)
        #expect(try Files.list(folder) == ["predictions.json"])
    }

    // MARK: Steps in parts

    /// Without norms over the batch and with losses that are means of equal parts, two passes of 2 are one of 4.
    @Test func gradientsOfSeveralPassesAddUp() throws {
        let whole = Toy()
        try trainer(whole, plan(steps: 5), "whole").run()
        let parts = Toy()
        try trainer(parts, plan(steps: 5, micro: 2), "parts").run()
        #expect(parts.calls == 10)
        #expect(parts.files.chunks(2).map { $0.flatMap { $0 } } == whole.files)
        for (x, y) in zip(whole.parameters.entries, parts.parameters.entries) {
            for (a, b) in zip(x.tensor.floats, y.tensor.floats) {
                #expect(abs(a - b) < 1e-5 * max(1, abs(a)), "\(x.name)")
            }
        }
        let (a, b) = (
            try timeless(scratch.file("whole/metrics.jsonl")), try timeless(scratch.file("parts/metrics.jsonl"))
        )
        for key in ["loss", "human/square", "human/positives", "grad_norm", "images", "lr"] {
            for (x, y) in zip(a, b) {
                let (x, y) = (try #require(x[key]?.double), try #require(y[key]?.double))
                #expect(abs(x - y) < 1e-4 * max(1, abs(x)), "\(key)")
            }
        }
    }

    /// With two streams each pass has its share of both. The loss averages then move by the root of the decay a pass.
    @Test func everyPassHasBothStreams() throws {
        let toy = Toy()
        try trainer(toy, plan(steps: 3, micro: 2, both: true), "run").run()
        #expect(toy.calls == 12 && toy.files.allSatisfy { $0.count == 2 })
        // At most three a pass are two: passes share a step evenly.
        let three = Toy()
        try trainer(three, plan(steps: 3, micro: 3), "three").run()
        #expect(three.calls == 6 && three.files.allSatisfy { $0.count == 2 })
    }

    @Test func passesThatCannotBeSoSmallAreRefused() throws {
        for (micro, both, words) in [(1, true, "passes of at least 2"), (0, false, "passes of at least 1")] {
            let failure = #expect(throws: Failure.self) { try trainer(Toy(), plan(micro: micro, both: both), "run") }
            #expect(failure?.code == .usage)
            #expect(failure?.message.contains(words) == true, "\(failure?.message ?? "")")
        }
    }

    // MARK: The best and the last

    @Test func theBestIsKeptOverSittings() throws {
        var plan = plan(average: 0.9)
        plan.evaluateEvery = 4
        plan.checkpointSteps = 4
        let values = [4: 0.2, 8: 0.5, 12: 0.3, 16: 0.5, 20: 0.4]
        var improvements: [Int] = []
        let toy = Toy()
        var evaluated: [[UInt8]] = []
        let first = try trainer(toy, plan, "run")
        #expect(throws: Failure.self) {
            try first.run(
                evaluate: { step throws(Failure) in
                    if step == 12 { throw Failure(.unexpected, "killed") }
                    evaluated.append(toy.parameters.entries[0].tensor.bytes())
                    return .init(columns: ["AP": .number(values[step] ?? 0)], value: values[step] ?? 0)
                },
                improved: { step in
                    improvements.append(step)
                    #expect(toy.parameters.entries[0].tensor.bytes() == evaluated.last)
                })
        }
        let raw = try state("run")["model.first.weight"]
        let average = try state("run")["average.first.weight"]
        #expect(evaluated.last == average && raw != average)  // what is judged is what would be saved
        let second = try trainer(Toy(), plan, "run")
        try second.run(
            evaluate: { step in .init(columns: ["AP": .number(values[step] ?? 0)], value: values[step] ?? 0) },
            improved: { improvements.append($0) })
        #expect(improvements == [4, 8])  // a tie does not move it
        #expect(second.best?.step == 8 && second.best?.value == 0.5)
        #expect(
            try Files.readText(scratch.file("run/results.csv")) == "step,AP\n4,0.2\n8,0.5\n12,0.3\n16,0.5\n20,0.4\n")
    }

    /// An evaluation on the way leaves the training as it was.
    @Test func evaluationsDoNotDisturb() throws {
        var plan = plan(average: 0.9)
        try trainer(Toy(), plan, "without").run()
        plan.evaluateEvery = 3
        try trainer(Toy(), plan, "with").run(evaluate: { _ in .init(columns: ["AP": 0.5], value: 0.5) })
        #expect(try state("with") == state("without"))
    }

    @Test func theAveragesAreWhatIsLeftInTheModel() throws {
        let toy = Toy()
        try trainer(toy, plan(average: 0.9), "run").run()
        #expect(toy.parameters.entries[0].tensor.bytes() == (try state("run")["average.first.weight"]))
        #expect(try state("run")["model.first.weight"] != state("run")["average.first.weight"])
    }

    // MARK: Trouble

    private func report(_ toy: Toy, _ plan: TrainingPlan, _ folder: String) throws -> (Failure?, JSON) {
        let failure = #expect(throws: Failure.self) { try trainer(toy, plan, folder).run() }
        let path = scratch.file("\(folder)/state/diverged_step_8.json")
        #expect(failure?.message.contains(path) == true, "\(failure?.message ?? "")")
        return (failure, try Files.readJSON(path))
    }

    @Test func aLossThatIsNotFiniteStopsWithAReport() throws {
        var plan = plan(both: true)
        plan.checkpointSteps = 5
        let toy = Toy()
        toy.poisonedCall = 7
        let (failure, json) = try report(toy, plan, "run")
        #expect(failure?.code == .diverged && toy.calls == 8)
        #expect(json["step"]?.int == 8 && json["loss"]?.string == "nan")
        let pictures = try #require(json["pictures"]?.array)
        #expect(
            pictures.map { $0["stream"]?.string } == [String](repeating: "human", count: 4)
                + [String](repeating: "pseudo", count: 4))
        #expect(pictures.map { $0["file"]?.string } == toy.files[7].map { "\($0).png" })
        #expect(pictures.allSatisfy { $0["boxes"]?.array != nil })
        #expect(try timeless(scratch.file("run/metrics.jsonl")).count == 7)
        // The state on disk is the healthy one of before.
        #expect(try state("run").values.allSatisfy { !$0.isEmpty })
        let healthy = Toy()
        try trainer(healthy, plan, "run").run()
        try trainer(Toy(), self.plan(both: true), "whole").run()
        #expect(try state("run") == state("whole"))
    }

    @Test func aGradientThatIsNotFiniteStopsTooAndNamesThePictures() throws {
        let toy = Toy()
        toy.steepCall = 15
        let (failure, json) = try report(toy, plan(micro: 2), "run")
        #expect(failure?.code == .diverged)
        #expect(json["pictures"]?.array?.map { $0["file"]?.string } == toy.files[14...15].joined().map { "\($0).png" })
    }

    /// No step comes after the last one to find out what it left.
    @Test func theLastStepMustLeaveFiniteWeights() throws {
        var plan = plan(steps: 8)
        plan.schedule = Schedule(base: 1e39, warmupFrom: 1e39, warmupSteps: 0, steps: 8)
        plan.clip = 0
        plan.steps = 1
        let failure = #expect(throws: Failure.self) { try trainer(Toy(), plan, "run").run() }
        #expect(
            failure?.code == .diverged && failure?.message.contains("after step 1, the last") == true, "\(failure!)")
        #expect(!Files.exists(scratch.file("run/state/checkpoint.safetensors")))
    }

    @Test func refusedPicturesAreRememberedOverSittings() throws {
        try Files.write("no picture", to: human.path(of: human.examples[3]))
        var plan = plan()
        plan.checkpointSteps = 5
        plan.evaluateEvery = 13
        let first = try trainer(Toy(), plan, "run")
        #expect(throws: Failure.self) {
            try first.run(evaluate: { _ throws(Failure) in throw Failure(.unexpected, "killed") })
        }
        // From here on it can be read: only the state knows.
        let broken = human.path(of: human.examples[3])
        try Files.write(try Files.read(human.path(of: human.examples[2])), to: broken)
        let second = try trainer(Toy(), plan, "run")
        try second.run()
        #expect(second.quarantine.refused.map(\.path) == [broken])
    }

    @Test func withoutAReadablePictureTheRunEndsWithTheReason() throws {
        for example in human.examples { try Files.write("no picture", to: human.path(of: example)) }
        let failure = #expect(throws: Failure.self) { try trainer(Toy(), plan(), "run").run() }
        #expect(failure?.code == .invalidData)
    }
}

extension Array {
    fileprivate func chunks(_ length: Int) -> [[Element]] {
        stride(from: 0, to: count, by: length).map { Array(self[$0..<Swift.min($0 + length, count)]) }
    }
}
