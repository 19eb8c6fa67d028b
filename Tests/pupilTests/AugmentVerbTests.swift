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

    /// A set of several parts, pictures that cannot be read, and classes by name and colour.
    @Test func partsAreChosenAndPicturesThatAreBrokenLeftOut() throws {
        try Program.withFolder { folder in
            try drawn(folder)
            let coco = ["train", "val", "test"].map { "set/annotations/instances_\($0).json" }
            let converted = try Program.run(
                ["convert", "--from", coco[0], "--images", "set/images", "--to", "yolo", "--out", "yolo"], in: folder)
            #expect(converted.code == 0, "\(converted.errors)")
            let yaml = try Files.list(Files.join(folder, "yolo")).first { $0.hasSuffix(".yaml") } ?? ""
            let text = try Files.readText(Files.join(folder, "yolo/\(yaml)"))
            let line = text.split(separator: "\n").first { $0.hasPrefix("train:") } ?? ""
            try Files.write(text + "\nval:\(line.dropFirst(6))\n", to: Files.join(folder, "yolo/both.yaml"))
            let augment = ["augment", "--images", "set/images", "--policy", "S2", "--size", "64", "--draws", "1"]
            let both = augment + ["--gt", "yolo/both.yaml"]
            let which = try Program.run(both + ["--out", "which"], in: folder)
            #expect(which.code == 3 && which.errors.contains("(--part)"), "\(which.errors)")
            let part = try Program.run(both + ["--part", "train", "--out", "part"], in: folder)
            #expect(part.code == 0, "\(part.errors)")
            #expect(try Files.readText(Files.join(folder, "part/index.html")).contains("</span> circle"))
            // 96 pixels, moved by up to 100; with the same share as of 480 by 20, which is magnitude 4 of 50.
            #expect(part.errors.contains("S2 moves pictures by up to 100 pixels, and these are 96 wide or high"))
            #expect(part.errors.contains("--augment-translate 50 --augment-cutout 20"), "\(part.errors)")
            let alone = try Program.run(augment + ["--part", "train", "--out", "alone"], in: folder)
            #expect(alone.code == 2 && alone.errors.contains("--part goes with --gt"))

            // Of eight pictures seven are broken: one row, and a warning for each of the others.
            try Files.makeFolder(Files.join(folder, "few"))
            let good = try Files.read(Files.join(folder, "set/images/000003.jpg"))
            for i in 0..<8 {
                try Files.write(i == 5 ? good : Array("no picture".utf8), to: Files.join(folder, "few/\(i).jpg"))
            }
            let few = ["augment", "--images", "few", "--pictures", "4", "--size", "64", "--draws", "1", "--out"]
            let one = try Program.run(few + ["one", "--json"], in: folder)
            #expect(one.code == 0, "\(one.errors)")
            #expect(try JSON.parse(one.output)["pictures"] == 1)
            #expect(
                one.errors.split(separator: "\n").count { $0.hasPrefix("warning: ") && $0.contains(" few/") } == 7,
                "\(one.errors)")
            try Files.remove(Files.join(folder, "few/5.jpg"))
            let none = try Program.run(few + ["none"], in: folder)
            #expect(none.code == 3 && none.errors.contains("none of the first 7 pictures"), "\(none.errors)")
        }
    }

    /// The warning is of what can be drawn: of a greater magnitude, too, and not of the policy on what it was made for.
    @Test func smallPicturesAreWarnedOf() throws {
        try Program.withFolder { folder in
            let run = try Program.run(["draw", "--images", "10", "--size", "512", "--out", "set"], in: folder)
            #expect(run.code == 0, "\(run.errors)")
            func errors(_ words: [String], _ out: String) throws -> String {
                let all = ["augment", "--images", "set/images", "--size", "64", "--draws", "1", "--pictures", "1"]
                let run = try Program.run(all + words + ["--out", out], in: folder)
                #expect(run.code == 0, "\(run.errors)")
                return run.errors
            }
            #expect(try errors([], "all") == "")
            #expect(try errors(["--policy", "S1", "--augment-operators", "randaugment-efficientdet"], "wide") == "")
            let strong = try errors(["--policy", "S4", "--augment-magnitude", "60"], "strong")
            // 600 pixels, where 100 * 512 / 480 would be in proportion.
            #expect(strong.contains("by up to 600 pixels, and these are 512 wide") && strong.contains("-translate 18 "))
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
