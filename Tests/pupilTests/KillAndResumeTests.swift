import Base
import Glibc
import Testing

/// `make test-all` runs a hundred trials, `make test` three.
private let trials = getenv("PUPIL_TEST_ALL") != nil ? 100 : 3

/// Exact resume: `selftrain` killed with SIGKILL at any moments and started again ends with the bytes of a run that was
/// left alone.
@Suite(.serialized, .enabled(if: Program.isBuilt)) struct KillAndResumeTests {

    /// The rate and the threshold are such that a teacher of 30 steps has boxes to give.
    private func command(threads: Int, steps: Int = 30) -> [String] {
        [
            "selftrain", "--train", "set/annotations/instances_train.json", "--val",
            "set/annotations/instances_val.json", "--labels", "10", "--model", "pico", "--size", "64", "--batch", "2",
            "--lr", "0.01", "--steps", "\(steps)", "--student-steps", "10", "--threshold", "0.1", "--checkpoint-steps",
            "3", "--threads", "\(threads)", "--eval-every", "7", "--out", "runs/a",
        ]
    }

    private func draw(in folder: String) throws {
        let draw = ["draw", "--images", "30", "--size", "64", "--seed", "3", "--masks", "--out", "set"]
        #expect(try Program.run(draw, in: folder).code == 0)
    }

    /// Masks: half of its time a run labels the pool, in two sizes.
    private func segmentation() -> [String] {
        [
            "selftrain", "--task", "segmentation", "--images", "set/images", "--masks", "set/masks", "--split",
            "set/splits/train.txt", "--val-split", "set/splits/val.txt", "--classes", "set/classes.txt", "--labels",
            "6",
            "--size", "64", "--batch", "2", "--lr", "0.003", "--steps", "20", "--student-steps", "4", "--threshold",
            "0.145", "--label-scales", "1", "2", "--checkpoint-steps", "3", "--threads", "1", "--out", "runs/a",
        ]
    }

    /// Other threads, other bits: each number of threads is compared with itself.
    @Test(arguments: [1, 2]) func aKilledRunEndsAsIfNothingHadHappened(threads: Int) throws {
        try check(command(threads: threads), trials: (trials + 2 - threads) / 2, epoch: threads)
    }

    @Test func aKilledSegmentationEndsAsIfNothingHadHappened() throws {
        try check(segmentation(), trials: trials > 3 ? 30 : 1, epoch: 3)
    }

    private func check(_ command: [String], trials: Int, epoch: Int) throws {
        try Program.withFolder { folder in
            try draw(in: folder)
            let start = monotonicSeconds()
            let whole = try Program.run(command, in: folder)
            let seconds = monotonicSeconds() - start
            try #require(whole.code == 0, "\(whole.errors)")
            let expected = try digests(folder)
            #expect(expected.count > 15)
            try Files.remove(Files.join(folder, "runs"))

            var kills = 0
            var trial = 0
            // Beside other work a run may end before its kill; then another one is tried.
            while trial < trials || kills == 0 && trial < trials + 5 {
                defer { trial += 1 }
                var random = Random(seed: 11, purpose: .test, epoch: epoch, index: trial)
                var code: Int32 = -1
                // At the fifth kill a trial has shown what it can; then it may finish.
                for sitting in 0..<6 where code != 0 {
                    let delay = random.uniform(0.05, 0.7) * seconds
                    let run =
                        sitting < 5
                        ? try Program.run(command, in: folder, signal: SIGKILL, after: delay)
                        : try Program.run(command, in: folder)
                    code = run.code
                    if code == 128 + SIGKILL { kills += 1 } else { try #require(code == 0, "\(run.errors)") }
                }
                let found = try digests(folder)
                let differing = Set(expected.keys).union(found.keys).filter { expected[$0] != found[$0] }
                #expect(differing.isEmpty, "trial \(trial): \(differing.sorted())")
                try Files.remove(Files.join(folder, "runs"))
            }
            #expect(kills > 0)
        }
    }

    /// Ctrl-C saves and says so with 130; the same command goes on from there, other settings are refused.
    @Test func anInterruptedRunSavesAndGoesOn() throws {
        try Program.withFolder { folder in
            try draw(in: folder)
            let long = command(threads: 1, steps: 3000)
            var stopped = try Program.run(long, in: folder, signal: SIGINT, after: 2)
            // A slow machine may not have come to the loop yet: then the signal ended it before there was a state.
            if !stopped.errors.contains("the state is saved") {
                stopped = try Program.run(long, in: folder, signal: SIGINT, after: 15)
            }
            #expect(stopped.code == 130 && stopped.errors.contains("the state is saved"), "\(stopped.errors)")
            func step(_ text: String) -> Int? {
                let words = text.split(separator: " ")
                return words.lastIndex(of: "step").flatMap { Int(words[$0 + 1]) }
            }
            let again = try Program.run(long, in: folder, signal: SIGINT, after: 6)
            if again.errors.contains("the state is saved") {  // else it was ended before it came to the loop
                #expect(try #require(step(again.errors)) > #require(step(stopped.errors)), "\(again.errors)")
            }
            let other = try Program.run(command(threads: 1), in: folder)
            #expect(other.code == 2 && other.errors.contains("--steps: 3000 before, 30 now"), "\(other.errors)")
        }
    }

    /// Every file of every stage by its digest, times left out.
    private func digests(_ folder: String) throws -> [String: String] {
        let root = Files.join(folder, "runs/.stages")
        var found: [String: String] = [:]
        for stage in try Files.list(root) {
            for name in try Files.walk(Files.join(root, stage)) where !name.contains("tensorboard") {
                let path = Files.join(root, stage + "/" + name)
                if name.hasSuffix(".lock") { continue }
                if name == "metrics.jsonl" || name == "stage.json" {
                    let times = ["time_seconds", "data_wait_seconds", "seconds"]
                    let lines = try Files.readText(path).split(whereSeparator: { ",\n".contains($0) })
                    let kept = lines.filter { line in !times.contains { line.contains("\"\($0)\"") } }
                    found[stage + "/" + name] = Digest(of: kept.joined(separator: "\n")).description
                } else {
                    found[stage + "/" + name] = try Files.digest(path).description
                }
            }
        }
        return found
    }
}
