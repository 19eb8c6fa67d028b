import Base
import Glibc
import Testing

/// A study as somebody types it. `make test-all` kills it twenty times, `make test` three.
@Suite(.serialized, .enabled(if: Program.isBuilt)) struct StudyVerbTests {
    private let recipe = """
        train: set/annotations/instances_train.json
        val: set/annotations/instances_val.json
        test: set/annotations/instances_test.json
        init: [random, simclr]
        labels: ["8"]
        supervised_labels: ["12", "16"]
        supervised_seeds: 1
        steps: [16]
        student_steps: 4
        model: pico
        size: 64
        batch: 2
        lr: 0.01
        threshold: 0.06
        pretrain_steps: 2
        pretrain_batch: 4
        seeds: 3
        threads: 1
        checkpoint_steps: 3
        """

    private func draw(_ folder: String) throws {
        let draw = ["draw", "--images", "24", "--size", "64", "--seed", "3", "--out", "set"]
        #expect(try Program.run(draw, in: folder).code == 0)
        try Files.write(recipe, to: Files.join(folder, "recipe.yaml"))
    }

    /// What a study says, without its times.
    private func said(_ folder: String) throws -> [String] {
        let arms = try Files.readText(Files.join(folder, "runs/study/arms.csv")).split(separator: "\n").map { line in
            line.split(separator: ",", omittingEmptySubsequences: false).enumerated().filter { $0.0 != 9 }.map {
                String($0.1)
            }.joined(separator: ",")
        }
        return arms + [try Files.readText(Files.join(folder, "runs/study/contrasts.csv"))]
    }

    /// Killed at any moments and started again, a study says what it says when it is left alone.
    @Test func aKilledStudySaysTheSame() throws {
        let kills = getenv("PUPIL_TEST_ALL") != nil ? 20 : 3
        try Program.withFolder { folder in
            try draw(folder)
            let command = ["study", "recipe.yaml"]
            let start = monotonicSeconds()
            let whole = try Program.run(command, in: folder)
            let seconds = monotonicSeconds() - start
            try #require(whole.code == 0, "\(whole.errors)")
            let expected = try said(folder)
            // 2 starts x 3 seeds x 3 arms, and 2 shares of one seed; questions: self-training twice, the start.
            #expect(expected.count == 1 + 18 + 2 + 1)
            #expect(expected[expected.count - 1].split(separator: "\n").count == 4)
            #expect(whole.output.contains("start simclr instead of random (8): "))
            #expect(
                Files.exists(
                    Files.join(folder, "runs/study/cells/simclr_S1_8_16/seed_2/student/weights/last.safetensors")))
            let report = try Files.readText(Files.join(folder, "runs/study/report.md"))
            #expect(report.contains("| random | self-training |") && report.contains("### Questions"))

            try Files.remove(Files.join(folder, "runs"))
            for kill in 0..<kills {
                var random = Random(seed: 12, purpose: .test, index: kill)
                let delay = random.uniform(0.05, 1.5) * seconds / Double(kills)
                let run = try Program.run(command, in: folder, signal: SIGKILL, after: delay)
                #expect(run.code == 0 || run.code == 128 + SIGKILL, "\(run.errors)")
            }
            let last = try Program.run(command, in: folder)
            try #require(last.code == 0, "\(last.errors)")
            #expect(try said(folder) == expected)
            // Again: nothing is made anew.
            let again = try Program.run(command + ["--json"], in: folder)
            #expect(again.code == 0 && !again.errors.contains("evaluating"))
            // Of what is done nothing is left to do, learned starts among it.
            let plan = try Program.run(command + ["--dry-run"], in: folder)
            #expect(plan.output.contains("\n# 23 trainings of "), "\(plan.output)")
            #expect(plan.output.contains(": about 0 minutes ") && plan.output.contains("; 23 of them, of "))
            // Asked for less, it keeps what it has.
            let less = try Program.run(command + ["--seeds", "1"], in: folder)
            #expect(less.code == 0 && less.output.contains("keeps its report of 20 trainings"), "\(less.output)")
            #expect(try said(folder) == expected)
            #expect(try JSON.parse(again.output)["contrasts"]?.array?.count == 3)
        }
    }

    /// A seed in a process of its own on each device: stopped and begun again it says what one process says.
    @Test func seedsOnSeveralDevicesSayTheSame() throws {
        try Program.withFolder { folder in
            try draw(folder)
            let less = ["study", "recipe.yaml", "--init", "random", "supervised_labels=[]"]
            let start = monotonicSeconds()
            let whole = try Program.run(less, in: folder)
            let seconds = monotonicSeconds() - start
            try #require(whole.code == 0, "\(whole.errors)")
            let expected = try said(folder)
            try Files.remove(Files.join(folder, "runs"))
            let command = less + ["--devices", "cpu", "cpu"]
            let stopped = try Program.run(command, in: folder, signal: SIGTERM, after: 0.4 * seconds)
            #expect([0, 143].contains(stopped.code), "\(stopped.errors)")
            // Killed outright, it leaves no process that goes on.
            _ = try Program.run(command, in: folder, signal: SIGKILL, after: 0.4 * seconds)
            var isBusy = true
            for _ in 0..<100 where isBusy {
                usleep(100_000)
                isBusy = try Files.list("/proc").contains { name in
                    Int(name) != nil && (try? Files.absolute("/proc/\(name)/cwd")) == folder
                }
            }
            #expect(!isBusy)
            let last = try Program.run(command, in: folder)
            try #require(last.code == 0, "\(last.errors)")
            #expect(try said(folder) == expected)
            #expect((0..<3).allSatisfy { last.errors.contains("seed \($0) on cpu: begun") }, "\(last.errors)")
            let other = try Program.run(less + ["--only-seed", "9"], in: folder)
            #expect(other.code == 2 && other.errors.contains("the study has the seeds 0 to 2"), "\(other.errors)")
            let none = try Program.run(less + ["--only-seed", "1", "--out", "nowhere"], in: folder)
            #expect(none.code == 2 && none.errors.contains("no study was begun in nowhere"), "\(none.errors)")
            let unknown = try Program.run(less + ["--devices", "gpu"], in: folder)
            #expect(unknown.code == 2 && unknown.errors.contains("gpu is not a device"), "\(unknown.errors)")
        }
    }

    /// What cannot be trained is told, and the rest is there.
    @Test func aFailedArmDoesNotLoseTheOthers() throws {
        try Program.withFolder { folder in
            try draw(folder)
            let run = try Program.run(
                [
                    "study", "recipe.yaml", "--init", "random", "supervised_labels=[]", "--seeds", "1", "--threshold",
                    "1",
                ],
                in: folder)
            #expect(run.code == 0, "\(run.errors)")
            #expect(run.output.contains("failed: self-training, random_S1_8_16, seed 0: too few pseudo-labels"))
            #expect(
                run.output.contains("start   augment  supervised  control") && run.output.contains("random  S1"),
                "\(run.output)")
            #expect(try Files.readText(Files.join(folder, "runs/study/arms.csv")).split(separator: "\n").count == 3)
        }
    }

    @Test func theGridIsShownAndItsFaultsAreSaid() throws {
        try Program.withFolder { folder in
            try draw(folder)
            func run(_ more: [String]) throws -> Program.Outcome {
                try Program.run(["study", "recipe.yaml", "--dry-run"] + more, in: folder)
            }
            let plan = try run(["--labels", "8", "100%", "--augment", "S1", "S4"])
            #expect(plan.code == 0, "\(plan.errors)")
            // 2 starts x 2 augmentations x 3 seeds: 3 arms with 8 labels, 1 with all; 2 more shares of one seed; simclr
            // itself with 3.
            #expect(plan.output.contains("\n# 53 trainings of "), "\(plan.output)")
            #expect(plan.output.contains("random_S1_100%_16: no picture is left unlabelled"))
            #expect(!Files.exists(Files.join(folder, "runs")))
            // 64 pixels, moved by 100 of them; in proportion to 480 that is 13.
            let warning = "S4 moves pictures by up to 100 pixels, and these are 64 wide or high"
            #expect(plan.errors.contains(warning) && plan.errors.contains("--augment-translate 13 --augment-cutout 5"))
            let fitting = try run(["--labels", "8", "--augment", "S1", "S4", "--augment-translate", "10"])
            #expect(fitting.code == 0 && !fitting.errors.contains("moves pictures"), "\(fitting.errors)")
            for (words, said) in [
                (["--init", "random", "random"], "--init has random twice"), (["augment=[]"], "--augment is empty"),
                (["--methods", "joint"], "--methods joint needs pictures with classes"),
                (["--init", "classes"], "--init classes needs pictures with classes"),
                (["--steps", "5", "5"], "a length twice"), (["--labels", "8", "1000"], "the set has only"),
                (["--augment", "S5"], "one of none, S1, S2, S3, S4"),
                (["--init", "nowhere"], "there is no file nowhere"),
                (["--labels", "50%", "8"], "are the same"), (["--hold-out", "0.2"], "cannot be held out"),
                (["--freeze", "1"], "useless"), (["--pretrain-size", "20"], "an integer from 32 to 4096"),
                (["--methods", "human-pool", "--unlabelled", "set/images"], "nobody has labelled"),
            ] {
                let run = try run(words)
                #expect(run.code != 0 && run.errors.contains(said), "\(words): \(run.errors)")
            }
            let missing = try Program.run(["study", "nowhere.yaml"], in: folder)
            #expect(missing.code != 0 && missing.errors.contains("nowhere.yaml"))
        }
    }
}
