import Base
import Testing

/// What must not happen to somebody's files and hours.
@Suite(.serialized, .enabled(if: Program.isBuilt)) struct UserFilesTests {
    private let sets = [
        "--train", "set/annotations/instances_train.json", "--val", "set/annotations/instances_val.json",
    ]

    private func withSet(_ body: (String, ([String]) throws -> Program.Outcome) throws -> Void) throws {
        try Program.withFolder { folder in
            let drawn = try Program.run(
                ["draw", "--images", "20", "--size", "64", "--seed", "3", "--out", "set"], in: folder)
            #expect(drawn.code == 0, "\(drawn.errors)")
            try body(folder) { try Program.run($0, in: folder) }
        }
    }

    /// No verb writes over a file that it did not make, nor into a finished stage.
    @Test func nothingIsWrittenOver() throws {
        try withSet { folder, run in
            let gt = "set/annotations/instances_val.json"
            let before = try Files.read(Files.join(folder, gt))
            try Files.write("[]", to: Files.join(folder, "dt.json"))
            let details = try run(["val", "--gt", gt, "--dt", "dt.json", "--details", gt])
            #expect(details.code == 2 && details.errors.contains("is there already"), "\(details.errors)")
            #expect(try Files.read(Files.join(folder, gt)) == before)
            let lost = try run(["val", "--gt", gt, "--dt", "dt.json", "--out", "x"])
            #expect(lost.code == 2 && lost.errors.contains("--out goes with --weights"), "\(lost.errors)")

            let short = ["--model", "pico", "--size", "64", "--batch", "2", "--steps", "2", "--threads", "1"]
            let trained = try run(["train", "--out", "runs/a"] + sets + short)
            #expect(trained.code == 0, "\(trained.errors)")
            try Files.write("mine", to: Files.join(folder, "keep.npy"))
            try Files.makeFolder(Files.join(folder, "mine"))
            try Files.write("{}", to: Files.join(folder, "mine/metrics.json"))
            let weights = Files.join(folder, "runs/a/weights/last.safetensors")
            let digest = try Files.digest(weights)
            try Files.makeFolder(Files.join(folder, "theirs"))
            try Files.write("[]", to: Files.join(folder, "theirs/predictions.json"))
            for (words, what) in [
                (["embed", "--images", "set/images", "--out", "keep.npy"], "is there already"),
                (["export", "--out", "keep.npy"], "is there already"),
                (["export", "--out", "runs/a/weights/other.safetensors"], "finished stage"),
                (["val", "--gt", gt, "--out", "mine"], "no run of ours"),
                (["val", "--gt", gt, "--out", "theirs"], "no run of ours"),
                (["val", "--gt", gt, "--out", "runs/a/weights"], "finished stage"),
            ] {
                let refused = try run(words + ["--weights", "runs/a"])
                #expect(refused.code == 2 && refused.errors.contains(what), "\(words): \(refused.errors)")
            }
            #expect(try Files.readText(Files.join(folder, "keep.npy")) == "mine")
            #expect(try Files.digest(weights) == digest)
            // A folder that looks like predict's is not taken for one.
            try Files.write("{\"images\": [{\"file_name\": \"a.jpg\"}]}", to: Files.join(folder, "mine/images.json"))
            try Files.makeFolder(Files.join(folder, "mine/pictures"))
            try Files.write("mine", to: Files.join(folder, "mine/pictures/a.jpg"))
            let taken = try run(["predict", "--weights", "runs/a", "--images", "set/images", "--out", "mine"])
            #expect(taken.code == 2 && taken.errors.contains("no run of ours"), "\(taken.errors)")
            #expect(try Files.readText(Files.join(folder, "mine/pictures/a.jpg")) == "mine")
            // Its own output it writes again.
            for _ in 0..<2 {
                let own = try run(["val", "--gt", gt, "--weights", "runs/a", "--out", "scored"])
                #expect(own.code == 0, "\(own.errors)")
            }
            let stricter = try run([
                "val", "--gt", gt, "--weights", "runs/a", "--out", "scored", "--iou", "0.5",
            ])
            #expect(stricter.code == 2 && stricter.errors.contains("--iou:"), "\(stricter.errors)")
            // Another way to spell a path is no other setting; a dry run says what the run would.
            let spelled = ["--images", "./set/images/"] + sets + short
            #expect(try run(["train", "--out", "runs/c", "--images", "set/images"] + sets + short).code == 0)
            #expect(try run(["train", "--out", "runs/c"] + spelled).code == 0)
            let dry = try run(["train", "--out", "runs/c", "--lr", "0.1", "--dry-run"] + spelled)
            #expect(dry.code == 2 && dry.errors.contains("--lr:"), "\(dry.errors)")
            let table = try Files.readText(Files.join(folder, "runs/c/results.csv")).split(separator: "\n")
            #expect(table.count == 2 && table[0] == "step,AP,AP50,AP75" && table[1].hasPrefix("2,"))
            // Of a picture that has gone, nothing is left; of other settings nothing is written.
            let predict = ["predict", "--weights", "runs/a", "--out", "seen", "--images"]
            #expect(try run(predict + ["set/images"]).code == 0)
            #expect(try Files.list(Files.join(folder, "seen/pictures")).count == 20)
            let one = try run(predict + ["set/images/000002.jpg"])
            #expect(one.code == 2 && one.errors.contains("--images: set/images before"), "\(one.errors)")
            try Files.remove(Files.join(folder, "set/images/000002.jpg"))
            let fewer = try run(predict + ["set/images"])
            #expect(fewer.code == 0, "\(fewer.errors)")
            let left = try Files.list(Files.join(folder, "seen/pictures"))
            #expect(left.count == 19 && !left.contains("000002.jpg"))
        }
    }

    /// What cannot work is said before anything is trained; what would be done is one object with --json.
    @Test func whatCannotWorkIsSaidAtOnce() throws {
        try withSet { folder, run in
            let plan = ["selftrain", "--labels", "5", "--steps", "300", "--student-steps", "40", "--dry-run"] + sets
            let shown = try run(plan + ["--json"])
            let object = try JSON.parse(shown.output)
            #expect(object["settings"]?["steps"] == 300 && object["plan"]?.string?.contains("teacher") == true)
            // Teacher and student warm up over their own steps, unless somebody says otherwise.
            #expect(object["settings"]?["warmup"] == 30 && object["settings"]?["student_warmup"] == 4)
            let warm = try JSON.parse(try run(plan + ["--json", "--warmup", "7"]).output)
            #expect(warm["settings"]?["warmup"] == 7 && warm["settings"]?["student_warmup"] == 7)
            // A student of another kind is trained as is usual for its kind, unless somebody says otherwise.
            for (words, optimizer, rate, clip) in [
                ([], nil, nil, nil), (["--student-model", "base"], "sgd", 0.01, 0),
                (["--student-model", "base", "--optimizer", "adamw"], nil, nil, nil),
                (["--student-model", "base", "--student-optimizer", "adamw", "--lr", "0.1"], "adamw", nil, nil),
                (["--student-model", "base", "--lr", "0.1", "--student-clip", "3"], "sgd", 0.01, 3),
                (["--student-lr", "0.2"], nil, 0.2, nil),
            ] as [([String], String?, Double?, Double?)] {
                let settings = try JSON.parse(try run(plan + ["--json", "--size", "64"] + words).output)["settings"]
                #expect(
                    settings?["student_optimizer"]?.string == optimizer && settings?["student_lr"]?.double == rate
                        && settings?["student_clip"]?.double == clip && settings?["optimizer"] == "adamw",
                    "\(words): \(settings?.canonical ?? "")")
            }
            // What is printed is a recipe.
            try Files.write(try run(plan).output, to: Files.join(folder, "plan.yaml"))
            let again = try run(["selftrain", "--recipe", "plan.yaml", "--dry-run"])
            #expect(try again.output == Files.readText(Files.join(folder, "plan.yaml")), "\(again.errors)")
            for (words, what) in [
                (["--hold-out", "0.2"], "cannot be held out"),
                (["--threshold", "0.03"], "are not kept"),
                (["--no-control", "--fail-on-no-gain"], "needs the control"),
                (["--fail-on-no-gain", "--seeds", "2"], "needs --seeds 3 or more"),
                (["--student-model", "pico", "--student-init", "start"], "use random"),
            ] {
                let refused = try run(plan + words)
                #expect(refused.code == 2 && refused.errors.contains(what), "\(words): \(refused.errors)")
            }
            let typo = try run(["study", "--init", "simlcr", "--dry-run"] + sets)
            #expect(typo.code == 3 && typo.errors.contains("did you mean simclr?"), "\(typo.errors)")
            var json = try Files.readText(Files.join(folder, "set/annotations/instances_train.json"))
            let start = try #require(json.firstRange(of: "\"annotations\""))
            let open = try #require(json[start.upperBound...].firstIndex(of: "["))
            var (depth, end) = (0, open)
            for i in json[open...].indices {
                if json[i] == "[" { depth += 1 }
                if json[i] == "]" { depth -= 1 }
                if depth == 0 {
                    end = i
                    break
                }
            }
            json.replaceSubrange(open...end, with: "[]")
            try Files.write(json, to: Files.join(folder, "set/annotations/bare.json"))
            let bare = try run(["train", "--train", "set/annotations/bare.json", "--dry-run"] + sets.suffix(2))
            #expect(bare.code == 3 && bare.errors.contains("nothing to learn"), "\(bare.errors)")
        }
    }

    /// Values of true and of predicted masks mean what is said of each.
    @Test func valuesOfMasksAreSaid() throws {
        try Program.withFolder { folder in
            let drawn = try Program.run(
                ["draw", "--images", "10", "--size", "64", "--seed", "3", "--masks", "--out", "set"], in: folder)
            #expect(drawn.code == 0)
            let val = ["val", "--dt-masks", "set/masks", "--json", "--classes", "7", "--gt-masks", "set/masks"]
            // All shapes as ignored: 0 and 255 are left.
            let binary = try Program.run(
                val + ["--mask-values", "0:0,1:ignore,2:ignore,3:ignore,4:ignore,5:ignore,6:ignore"], in: folder)
            #expect(binary.code == 0, "said on purpose: \(binary.errors)")
            let two = try Program.run(
                [
                    "val", "--classes", "2", "--json", "--gt-masks", "set/masks", "--dt-masks", "set/masks",
                    "--dt-mask-values", "0:0,1:1,2:1,3:1,4:1,5:1,6:1", "--mask-values", "0:0,1:1,2:1,3:1,4:1,5:1,6:1",
                ], in: folder)
            #expect(try JSON.parse(two.output)["mIoU"] == 1, "\(two.errors)")
            let strange = try Program.run(
                ["val", "--classes", "6", "--gt-masks", "set/masks", "--dt-masks", "set/masks"], in: folder)
            #expect(strange.code == 3 && strange.errors.contains("--mask-values 6:ignore"), "\(strange.errors)")
        }
    }

    /// What would fail after hours is said before the first step: a picture of the measured sets that cannot be read, a
    /// start of another model.
    @Test func saidBeforeTraining() throws {
        try withSet { folder, run in
            let short = ["--model", "pico", "--size", "64", "--batch", "2", "--steps", "2", "--threads", "1"]
            #expect(try run(["train", "--out", "runs/a"] + sets + short).code == 0)
            let other = ["--size", "64", "--steps", "2", "--model", "nano", "--dry-run", "--out", "x"]
            for words in [
                ["train", "--init", "runs/a"] + sets, ["selftrain", "--labels", "50%", "--init", "runs/a"] + sets,
                ["study", "--labels", "50%", "--init", "random", "runs/a"] + sets,
                ["pretrain", "simclr", "--images", "set/images", "--init", "runs/a"],
            ] {
                let refused = try run(words + other)
                #expect(refused.code == 3 && refused.errors.contains("does not fit this model"), "\(refused.errors)")
            }
            #expect(try run(["train", "--init", "runs/a", "--dry-run", "--out", "x"] + sets + short).code == 0)
            // A student may have a start of its own, of its own model.
            let student =
                ["selftrain", "--labels", "50%", "--size", "64", "--steps", "2", "--dry-run", "--out", "x"] + sets
            let own = try run(student + ["--model", "nano", "--student-model", "pico", "--student-init", "runs/a"])
            #expect(own.code == 0, "\(own.errors)")
            for (words, says) in [
                (
                    ["--model", "pico", "--student-model", "nano", "--student-init", "runs/a"],
                    "does not fit this model"
                ),
                (["--model", "pico", "--student-init", "techer"], "did you mean teacher?"),
                (
                    ["--model", "pico", "--init", "runs/a", "--freeze", "2", "--student-init", "random"],
                    "would keep random weights"
                ),
            ] {
                let refused = try run(student + words)
                #expect([2, 3].contains(refused.code) && refused.errors.contains(says), "\(refused.errors)")
            }

            let json = try Files.readJSON(Files.join(folder, "set/annotations/instances_val.json"))
            let name = try #require(json["images"]?.array?.first?["file_name"]?.string)
            let picture = Files.join(folder, "set/images/\(name)")
            try Files.write(Array(try Files.read(picture).prefix(700)), to: picture)
            for words in [["train"], ["selftrain", "--labels", "50%"], ["study", "--labels", "50%"]] {
                let refused = try run(words + ["--out", "runs/b"] + sets + short)
                #expect(refused.code == 3 && refused.errors.contains(name), "\(refused.errors)")
                #expect(!Files.exists(Files.join(folder, "runs/b")))
            }
        }
    }

    /// The folder of a run that chose its weights on held-out labels means those.
    @Test func aRunsFolderMeansTheWeightsItReports() throws {
        try withSet { folder, run in
            let arms = ["runs/mine/seed_0/student", "runs/mine/student", "runs/mine/teacher", "runs/other/student"]
            let settings = ["--labels", "5", "--dry-run"] + sets
            for (name, share) in [("mine", "0.2"), ("other", "0")] {
                var recipe = try run(["selftrain", "--out", "x"] + settings).output
                recipe.replace("hold_out: 0.0\n", with: "hold_out: \(share)\n")
                try Files.makeFolder(Files.join(folder, "runs/\(name)"))
                try Files.write(recipe, to: Files.join(folder, "runs/\(name)/args.yaml"))
            }
            for arm in arms {
                let stage = "runs/.stages/\(arm.split(separator: "/").joined(separator: "-"))"
                try Files.makeFolder(Files.join(folder, stage + "/weights"))
                for name in ["last", "best"] {
                    try Files.write("", to: Files.join(folder, "\(stage)/weights/\(name).safetensors"))
                }
                try Files.makeFolder(Files.folder(Files.join(folder, arm)))
                try Files.link(Files.join(folder, stage), at: Files.join(folder, arm))
            }
            for (place, file) in [
                ("runs/mine", "runs/mine/student/weights/best"),
                ("runs/mine/teacher", "runs/mine/teacher/weights/best"),
                ("runs/mine/seed_0/student", "runs/mine/seed_0/student/weights/best"),
                ("runs/other", "runs/other/student/weights/last"),
            ] {
                let refused = try run(["predict", "--weights", place, "--images", "set/images", "--out", "p"])
                #expect(refused.code == 3 && refused.errors.contains(file + ".safetensors"), "\(refused.errors)")
            }
        }
    }

    /// A study in which nothing came to an end says so by its exit status, too.
    @Test func aStudyOfNothing() throws {
        try withSet { folder, run in
            let study = try run(
                ["study", "--out", "runs/s", "--labels", "50%", "--lr", "1e30", "--model", "pico", "--size", "64"]
                    + ["--batch", "2", "--steps", "6", "--warmup", "0", "--clip", "0", "--threads", "1"] + sets)
            #expect(study.code == 5 && study.errors.contains("no arm of the study came to an end"), "\(study.errors)")
            #expect(Files.exists(Files.join(folder, "runs/s/report.md")))
        }
    }
}
