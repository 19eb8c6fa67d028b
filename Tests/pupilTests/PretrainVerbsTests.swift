import Base
import Glibc
import Testing

/// Pre-training and probing, as somebody types them who has a folder for each class and a folder of pictures.
@Suite(.serialized, .enabled(if: Program.isBuilt)) struct PretrainVerbsTests {
    private let short = ["--model", "pico", "--size", "32", "--steps", "24", "--threads", "1"]

    private func draw(in folder: String) throws {
        let drawn = try Program.run(
            ["draw", "--singles", "--images", "60", "--size", "48", "--seed", "3", "--out", "set"], in: folder)
        #expect(drawn.code == 0, "\(drawn.errors)")
    }

    /// Each kind, killed with SIGKILL after growing times and started again, ends with the bytes of a run that was never
    /// stopped; each killed run lives in a store of its own.
    @Test(arguments: [
        ["supervised", "--images", "set", "--batch", "8", "--average", "0.9", "--augment", "randaugment"],
        [
            "noisy-student", "--images", "set", "--unlabelled", "set/test", "--batch", "4", "--threshold", "0.05",
            "--rounds", "2",
        ], ["simclr", "--images", "set", "--batch", "8", "--micro", "4"],
    ])
    func everyKindResumes(_ kind: [String]) throws {
        try Program.withFolder { folder in
            try draw(in: folder)
            let words = ["pretrain"] + kind + short + ["--checkpoint-steps", "3"]
            let start = monotonicSeconds()
            let whole = try Program.run(words + ["--out", "whole/run"], in: folder)
            try #require(whole.code == 0, "\(whole.errors)")
            let length = monotonicSeconds() - start
            var kills = 0
            for part in 1...6 {
                let killed = try Program.run(
                    words + ["--out", "parts/run"], in: folder, signal: SIGKILL,
                    after: length * (0.4 + 0.1 * Double(part)))
                if killed.code == 128 + SIGKILL {
                    kills += 1
                } else {
                    try #require(killed.code == 0, "\(killed.errors)")
                }
                if kills == 2 { break }
            }
            #expect(kills > 0)
            let rest = try Program.run(words + ["--out", "parts/run"], in: folder)
            try #require(rest.code == 0, "\(rest.errors)")
            func weights(_ run: String) throws -> [UInt8] {
                try Files.read(Files.join(folder, run + "/run/weights/last.safetensors"))
            }
            #expect(try weights("whole") == weights("parts"))
        }
    }

    /// What evaluation sees of a picture changes what is measured and not what is learned; pictures that are measured on
    /// and learned from are said; a step of SimCLR takes no picture twice.
    @Test func measuredAsAsked() throws {
        try Program.withFolder { folder in
            try draw(in: folder)
            func run(_ words: [String]) throws -> Program.Outcome { try Program.run(["pretrain"] + words, in: folder) }
            let supervised = ["supervised", "--images", "set", "--batch", "8"] + short
            var found: [[UInt8]] = []
            for (i, crop) in ["0.1", "1"].enumerated() {
                let ran = try run(supervised + ["--eval-crop", crop, "--out", "runs/\(i)"])
                try #require(ran.code == 0, "\(ran.errors)")
                #expect(ran.errors.contains("done before") == (i == 1), "\(ran.errors)")
                found.append(try Files.read(Files.join(folder, "runs/\(i)/predictions.csv")))
            }
            #expect(found[0] != found[1])
            // Measured by itself it is what the run said, and of a smaller crop what that run said.
            for (i, crop) in ["0.1", "1"].enumerated() {
                let val = try Program.run(
                    [
                        "val", "--weights", "runs/0", "--gt", "set", "--eval-crop", crop, "--out", "val\(i)",
                        "--threads", "1",
                    ],
                    in: folder)
                #expect(val.code == 0 && val.output.contains("top-1"), "\(val.errors) \(val.output)")
                #expect(try Files.read(Files.join(folder, "val\(i)/predictions.csv")) == found[i])
            }
            let boxes = try Program.run(
                ["val", "--weights", "runs/0", "--gt", "set", "--nms", "soft"], in: folder)
            #expect(boxes.code == 2 && boxes.errors.contains("--nms does not go with a classifier"), "\(boxes.errors)")
            let same = try run(["supervised", "--images", "set/train", "--val", "set/train", "--dry-run"] + short)
            #expect(same.code == 0 && same.errors.contains("so the numbers on it flatter"), "\(same.errors)")
            let pool = try run(["noisy-student", "--images", "set", "--unlabelled", "set/train", "--dry-run"] + short)
            #expect(pool.code == 2 && pool.errors.contains("are pictures of --images"), "\(pool.errors)")
            let simclr = ["simclr", "--images", "set/test", "--dry-run"] + short
            let few = try run(simclr)
            #expect(few.code == 0 && few.output.contains("\nbatch: 12\n"), "\(few.output)")
            let many = try run(simclr + ["--batch", "13"])
            #expect(many.code == 2 && many.errors.contains("at most 12"), "\(many.errors)")
            // Without a pyramid any size will do.
            let odd = try run(["simclr", "--images", "set", "--size", "41", "--dry-run"])
            #expect(odd.code == 0 && odd.output.contains("\nsize: 41\n"), "\(odd.errors)")
            let small = try run(["simclr", "--images", "set", "--size", "20", "--dry-run"])
            #expect(small.code == 2 && small.errors.contains("from 32 to 4096"), "\(small.errors)")
        }
    }

    /// Teacher and students warm up over their own steps, and the settings that are written say so.
    @Test func studentsHaveTheirOwnWarmUp() throws {
        try Program.withFolder { folder in
            try draw(in: folder)
            let words = [
                "pretrain", "noisy-student", "--images", "set", "--unlabelled", "set/test", "--dry-run", "--json",
            ]
            func settings(_ more: String...) throws -> JSON? {
                try JSON.parse(Program.run(words + more, in: folder).output)["settings"]
            }
            let own = try settings("--model", "pico", "--steps", "100", "--student-steps", "40")
            #expect(own?["warmup"] == 5 && own?["student_warmup"] == 2, "\(own?.canonical ?? "")")
            #expect(try settings("--model", "pico", "--steps", "100", "--warmup", "9")?["student_warmup"] == 9)
        }
    }

    /// A network with layers between backbone and classifier: each kind of run begins from each other, and is probed at the
    /// size it learned at.
    @Test func startsOfAnEfficientNetPassOn() throws {
        try Program.withFolder { folder in
            try draw(in: folder)
            func run(_ words: [String]) throws -> Program.Outcome { try Program.run(words, in: folder) }
            let tiny = [
                "--images", "set", "--model", "nano-b0", "--size", "32", "--batch", "2", "--steps", "1", "--threads",
                "1",
            ]
            for (kind, start, name) in [
                ("simclr", "random", "a"), ("supervised", "a", "b"), ("simclr", "b", "c"), ("simclr", "a", "d"),
            ] {
                let ran = try run(["pretrain", kind] + tiny + ["--init", start, "--out", name])
                #expect(ran.code == 0, "\(kind) from \(start): \(ran.errors)")
                if start != "random" { #expect(ran.errors.contains("tensors taken"), "\(ran.errors)") }
            }
            let seen = try run([
                "probe", "--weights", "a", "--images", "set", "--method", "knn", "--json", "--threads", "1",
            ])
            #expect(seen.code == 0, "\(seen.errors)")
            let said = try JSON.parse(seen.output)
            #expect(said["size"] == 32 && said["neighbours"] == 20 && said["level"] == "pooled", "\(seen.output)")
            let encoder = try run(["val", "--weights", "a", "--gt", "set"])
            #expect(encoder.code == 2 && encoder.errors.contains("pupil probe"), "\(encoder.errors)")
            let dry = try run(["pretrain", "supervised"] + tiny + ["--init", "a", "--dry-run", "--out", "e"])
            #expect(
                dry.code == 0 && dry.errors.contains("init: ") && dry.errors.contains("tensors taken"), "\(dry.errors)")
        }
    }

    /// What a student cannot be is said before its teacher learns; one of another family learns as its family does.
    @Test func studentsOfAnotherModel() throws {
        try Program.withFolder { folder in
            try draw(in: folder)
            let words =
                ["pretrain", "noisy-student", "--images", "set", "--unlabelled", "set/test", "--batch", "4"] + short
            let survival = try Program.run(words + ["--student-survival", "0.5"], in: folder)
            #expect(survival.code == 2 && survival.errors.contains("stochastic depth"), "\(survival.errors)")
            #expect(!survival.errors.contains("teacher"), "\(survival.errors)")
            let other = try Program.run(
                words + [
                    "--threshold", "0.05", "--student-steps", "2", "--student-model", "nano-b0", "--student-size", "64",
                ],
                in: folder)
            #expect(other.code == 0 && other.errors.contains("nano-b0 at 64 px"), "\(other.errors)")
        }
    }

    @Test func aStartIsProbedAndTaken() throws {
        try Program.withFolder { folder in
            try draw(in: folder)
            func run(_ words: [String]) throws -> Program.Outcome { try Program.run(words, in: folder) }
            // `valid` is val.
            #expect(rename(Files.join(folder, "set/val"), Files.join(folder, "set/valid")) == 0)
            let trained = try run(
                ["pretrain", "supervised", "--images", "set", "--batch", "8", "--json", "--out", "start"] + short)
            #expect(trained.code == 0, "\(trained.errors)")
            let last = try JSON.parse(trained.output, file: "pretrain")["last"]
            #expect(last?["images"]?.int == 6 && last?["top5"]?.double != nil)
            let seen = try run([
                "predict", "--weights", "start", "--images", "set/valid", "--out", "seen", "--json",
            ])
            #expect(seen.code == 0, "\(seen.errors)")
            let counts = try JSON.parse(seen.output, file: "predict")["classes"]?.object?.values.compactMap(\.int)
            #expect(counts?.count == 6 && counts?.reduce(0, +) == 6)
            let pictures = try Files.readJSON(Files.join(folder, "seen/predictions.json")).array ?? []
            #expect(pictures.count == 6 && pictures[0]["file_name"]?.string?.hasSuffix(".jpg") == true)
            let scores = pictures[0]["classes"]?.array?.compactMap { $0["score"]?.double } ?? []
            #expect(scores.count == 5 && scores == scores.sorted(by: >) && scores.reduce(0, +) <= 1.000_01)
            let boxes = try run(["predict", "--weights", "start", "--images", "set/valid", "--score", "0.5"])
            #expect(boxes.code == 2 && boxes.errors.contains("--score does not go with"), "\(boxes.errors)")
            let probe = ["probe", "--images", "set", "--size", "32", "--json"]
            for weights in [["--weights", "start"], ["--weights", "random", "--model", "pico"]] {
                let probed = try run(probe + weights)
                #expect(probed.code == 0, "\(probed.errors)")
                let json = try JSON.parse(probed.output, file: "probe")
                #expect(json["measured_on"] == 6 && json["knn"]?["top1"]?.double != nil)
                #expect(json["linear"]?["decay"]?.double != nil)
            }
            _ = try run(["draw", "--images", "20", "--size", "64", "--out", "scenes"])
            let notes = "scenes/annotations/instances_"
            let detector = try run(
                [
                    "train", "--train", notes + "train.json", "--val", notes + "val.json", "--model", "pico", "--size",
                    "64", "--steps", "2", "--batch", "2", "--init", "start", "--freeze", "1", "--freeze-norms",
                    "--layer-decay", "0.5", "--out", "detector",
                ])
            #expect(
                detector.code == 0 && detector.errors.contains("tensors taken (resnet backbone)"), "\(detector.errors)")
        }
    }

    @Test(arguments: [
        (["pretrain"], "pretrain needs to know what to learn from"),
        (["pretrain", "simclrr", "--images", "set"], "did you mean simclr?"),
        (["pretrain", "supervised", "--images", "nowhere"], "there is no folder nowhere"),
        (["pretrain", "supervised", "--images", "set", "--freeze", "2"], "which --init random makes useless"),
        (["pretrain", "supervised", "--images", "set", "--crop-area", "2-3"], "range of parts above 0"),
        (["pretrain", "supervised", "--images", "set", "--eval-crop", "half"], "not \"half\""),
        (
            ["pretrain", "supervised", "--images", "set/test", "--val", "set", "--eval-every", "2", "--val-size", "3"],
            "--val-size"
        ),
        (["pretrain", "supervised", "--images", "set", "--model", "retinanet-spinenet49-640"], "has no classifier"),
        (["pretrain", "simclr", "--images", "set", "--batch", "1"], "at least two pictures"),
        (["probe", "--images", "set", "--weights", "random"], "needs --model"),
        (["probe", "--images", "set/test", "--weights", "random", "--model", "pico"], "pictures to measure on"),
    ])
    func mistakesAreExplained(_ words: [String], _ says: String) throws {
        try Program.withFolder { folder in
            try draw(in: folder)
            let outcome = try Program.run(words, in: folder)
            #expect(
                [2, 3].contains(outcome.code) && outcome.errors.contains(says), "\(outcome.code) \(outcome.errors)")
            #expect(outcome.output.isEmpty && !Files.exists(Files.join(folder, "runs")))
        }
    }

    /// What joint training and another labelled set need is said before anything is made.
    @Test func jointTrainingAsTyped() throws {
        try Program.withFolder { folder in
            for (seed, out) in [("3", "set"), ("4", "more")] {
                let draw = ["draw", "--images", "20", "--size", "64", "--seed", seed, "--out", out]
                #expect(try Program.run(draw, in: folder).code == 0)
            }
            let singles = ["draw", "--singles", "--images", "40", "--size", "64", "--out", "classes"]
            #expect(try Program.run(singles, in: folder).code == 0)
            func run(_ more: [String], labels: String = "6") throws -> Program.Outcome {
                try Program.run(
                    [
                        "selftrain", "--train", "set/annotations/instances_train.json", "--val",
                        "set/annotations/instances_val.json", "--model", "pico", "--size", "64", "--batch", "2",
                        "--steps", "10", "--labels", labels, "--dry-run",
                    ] + more, in: folder)
            }
            let extra = "more/annotations/instances_train.json"
            let plan = try run(["--joint", "classes", "--joint-batch", "3", "--extra", extra, "--human-pool"])
            #expect(plan.code == 0, "\(plan.errors)")
            for (arm, images) in [("control", 40), ("student", 40), ("joint", 70), ("both", 70), ("human", 40)] {
                let row = plan.output.split(separator: "\n").last { $0.hasPrefix("# \(arm) ") }
                #expect(row?.hasSuffix(" \(images)") == true, "\(arm): \(row ?? "")")
            }
            #expect(plan.output.contains("\n# human "))
            // All of it, Table 8: the pool is the other set.
            let all = try run(["--extra", extra, "--human-pool"], labels: "100%")
            #expect(all.code == 0 && all.output.contains("14 + 14"), "\(all.output)")
            for (words, said) in [
                (["--joint-weight", "1"], "--joint-weight goes with --joint"),
                (["--joint", "set"], "only \"images\" holds pictures"),
                (["--extra-images", "more/images"], "--extra-images goes with --extra"),
                (["--extra", "set/annotations/instances_train.json"], "are pictures of --train"),
                (["--human-pool", "--unlabelled", "more/images"], "nobody has labelled"),
            ] {
                let run = try run(words)
                #expect(run.code != 0 && run.errors.contains(said), "\(words): \(run.errors)")
            }
            #expect(!Files.exists(Files.join(folder, "runs")))
        }
    }
}
