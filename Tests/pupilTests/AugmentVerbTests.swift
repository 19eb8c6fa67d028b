import Base
import Testing

@Suite(.serialized, .enabled(if: Program.isBuilt)) struct AugmentVerbTests {
    private func drawn(_ folder: String) throws {
        let run = try Program.run(["draw", "--images", "20", "--size", "96", "--out", "set"], in: folder)
        #expect(run.code == 0)
    }

    @Test func sheetsAreWrittenForEachPolicy() throws {
        try Program.withFolder { folder in
            try drawn(folder)
            let all = ["augment", "--images", "set/images", "--gt", "set/annotations/instances_train.json"]
            let run = try Program.run(
                all + ["--size", "64", "--pictures", "2", "--draws", "3", "--out", "sheets", "--json"], in: folder)
            #expect(run.code == 0, "\(run.errors)")
            #expect(try JSON.parse(run.output)["files"]?.array?.count == 5)
            for policy in ["S1", "S2", "S3", "S4"] {
                #expect(Files.exists(Files.join(folder, "sheets/\(policy).png")))
                #expect(Files.exists(Files.join(folder, "sheets/\(policy)/1-3.jpg")))
            }
            let page = try Files.readText(Files.join(folder, "sheets/index.html"))
            #expect(page.contains("S4/1-3.jpg") && page.contains(" to "))
            // The same seed gives the same bytes; an output is never written over.
            let again = try Program.run(
                all + ["--size", "64", "--pictures", "2", "--draws", "3", "--policy", "S4", "--out", "more"], in: folder
            )
            #expect(again.code == 0)
            #expect(
                try Files.read(Files.join(folder, "more/S4.png")) == Files.read(Files.join(folder, "sheets/S4.png")))
            let over = try Program.run(all + ["--out", "sheets"], in: folder)
            #expect(over.code == 2 && over.errors.contains("sheets is there already"))
            let views = try Program.run(
                ["augment", "--images", "set/images", "--policy", "simclr", "--size", "64", "--out", "views"],
                in: folder)
            #expect(views.code == 0 && Files.exists(Files.join(folder, "views/simclr.png")))
            let crops = try Program.run(
                all + [
                    "--policy", "randaugment", "--augment-draws", "4", "--augment-operators", "Rotate,Color", "--size",
                    "64",
                    "--pictures", "1", "--out", "crops",
                ], in: folder)
            #expect(crops.code == 0, "\(crops.errors)")
            let plans = try Files.readText(Files.join(folder, "crops/index.html"))
            #expect(plans.contains("window ") && (plans.contains("rotate ") || plans.contains("color ")))
            let dry = try Program.run(all + ["--out", "dry", "--dry-run"], in: folder)
            #expect(dry.code == 0 && !Files.exists(Files.join(folder, "dry")))
        }
    }

    @Test func wrongWordsAreExplained() throws {
        try Program.withFolder { folder in
            try drawn(folder)
            func errors(_ arguments: [String]) throws -> String {
                let run = try Program.run(["bench", "input", "--images", "set/images"] + arguments, in: folder)
                return run.code == 2 ? run.errors : "code \(run.code)"
            }
            #expect(try errors(["--policy", "S5"]).contains("S4"))
            #expect(try errors(["--augment-operators", "Rotat,ShearX"]).contains("did you mean Rotate?"))
            #expect(try errors(["--augment-operators", "autoaugment-v9"]).contains("did you mean autoaugment-v0?"))
            #expect(try errors(["--augment-magnitude", "9"]).contains("goes with operators, and S1 has none"))
            #expect(try errors(["--policy", "S3", "--augment-draws", "1"]).contains("goes with RandAugment"))
            for range in ["2-0.5", "0.5--2", "0.5-2-", "-1-2", "0-1", "x"] {
                #expect(try errors(["--augment-jitter=\(range)"]).contains("such as 0.5-2"))
            }
            let large = try Program.run(
                [
                    "augment", "--images", "set/images", "--pictures", "1000", "--draws", "100", "--size", "2048",
                    "--out", "x",
                ],
                in: folder)
            #expect(large.code == 2 && large.errors.contains("too large"))
            let views = try Program.run(
                ["augment", "--images", "set/images", "--policy", "simclr", "--augment-flip", "0", "--out", "x"],
                in: folder)
            #expect(views.code == 2 && views.errors.contains("--augment-flip goes with S1 to S4"))
            let boxes = try Program.run(
                ["augment", "--images", "set/images", "--augment-cutmix", "1", "--out", "x"], in: folder)
            #expect(boxes.code == 2 && boxes.errors.contains("goes with --masks"))
            let jitter = try Program.run(
                ["augment", "--images", "set/images", "--policy", "crop", "--augment-jitter", "1-2", "--out", "x"],
                in: folder)
            #expect(jitter.code == 2 && jitter.errors.contains("--augment-jitter goes with S1 to S4"))
            #expect(try errors(["--augment-rendering", "quick"]).contains("fused"))
            let masks = try Program.run(
                ["augment", "--images", "set/images", "--masks", "set/annotations", "--out", "x"], in: folder)
            #expect(masks.code == 3 && masks.errors.contains("holds no PNG file"))
            let none = try Program.run(["augment", "--images", "nowhere", "--out", "x"], in: folder)
            #expect(none.code == 3 && none.errors.contains("nowhere"))
        }
    }

    /// A picture that cannot be read gives its place to the next; parts of others lie over masked ones.
    @Test func oneBadPictureIsPassedOver() throws {
        try Program.withFolder { folder in
            #expect(
                try Program.run(["draw", "--images", "8", "--size", "64", "--masks", "--out", "set"], in: folder).code
                    == 0)
            let first = try #require(try Files.list(Files.join(folder, "set/images")).min())
            try Files.remove(Files.join(folder, "set/images/\(first)"))
            try Files.write("no picture", to: Files.join(folder, "set/images/\(first)"))
            let sheet = [
                "augment", "--images", "set/images", "--masks", "set/masks", "--policy", "S1", "--augment-cutmix", "1",
                "--size", "64", "--pictures", "3", "--draws", "4",
            ]
            let run = try Program.run(sheet + ["--out", "sheet"], in: folder)
            #expect(run.code == 0 && run.errors.contains(first), "\(run.errors)")
            let page = try Files.readText(Files.join(folder, "sheet/index.html"))
            #expect(page.split(separator: ", cutmix ", omittingEmptySubsequences: false).count == 3 * 4 + 1)
        }
    }

    @Test func inputIsTimed() throws {
        try Program.withFolder { folder in
            try drawn(folder)
            for more in [[], ["--augment-rendering", "reference"], ["--augment-operators", "Rotate,Color"]] {
                let run = try Program.run(
                    [
                        "bench", "input", "--images", "set/images", "--policy", "S4", "--size", "64", "--threads", "2",
                        "--rounds", "1", "--json",
                    ] + more, in: folder)
                #expect(run.code == 0, "\(run.errors)")
                let json = try JSON.parse(run.output)
                #expect(json["unit"] == "images/s" && json["policy"] == "S4" && (json["value"]?.double ?? 0) > 1)
            }
        }
    }

    /// What is changed of a policy makes another run of it.
    @Test func aChangedPolicyIsAnotherRun() throws {
        try Program.withFolder { folder in
            try drawn(folder)
            let train = [
                "train", "--train", "set/annotations/instances_train.json", "--val",
                "set/annotations/instances_val.json", "--model", "pico", "--size", "64", "--batch", "2", "--steps", "1",
                "--augment", "S4", "--out", "run",
            ]
            #expect(try Program.run(train + ["--augment-magnitude", "12"], in: folder).code == 0)
            let page = try Files.readText(Files.join(folder, "run/report.html"))
            #expect(
                page.contains("What was learned") && page.contains("AP on val") && !page.contains("gallery-section"))
            #expect(try Files.readText(Files.join(folder, "run/report.md")).contains("supervised from random with"))
            let args = try Files.readText(Files.join(folder, "run/args.yaml"))
            #expect(args.contains("augment: S4") && args.contains("augment_magnitude: 12.0"))
            let other = try Program.run(train + ["--augment-magnitude", "13"], in: folder)
            #expect(other.code == 2 && other.errors.contains("augment-magnitude"))
        }
    }
}
