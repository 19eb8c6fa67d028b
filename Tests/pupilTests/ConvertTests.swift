import Base
import Testing

/// `pupil convert` as a user runs it, and its forms in other verbs.
@Suite(.serialized, .enabled(if: Program.isBuilt)) struct ConvertTests {
    private func withScenes(_ body: (String) throws -> Void) throws {
        try Program.withFolder { folder in
            let drawn = try Program.run(
                ["draw", "--images", "20", "--size", "64", "--seed", "3", "--out", "s"], in: folder)
            #expect(drawn.code == 0, "\(drawn.errors)")
            try body(folder)
        }
    }

    private let sets = [
        "--train", "s/annotations/instances_train.json", "--val", "s/annotations/instances_val.json",
    ]

    @Test(arguments: ["yolo", "voc"]) func aSetOfAnotherFormTrains(form: String) throws {
        try withScenes { folder in
            let made = try Program.run(["convert"] + sets + ["--to", form, "--out", "c", "--json"], in: folder)
            #expect(made.code == 0, "\(made.errors)")
            let parts = try JSON.parse(made.output)["parts"]?.array ?? []
            #expect(parts.map { $0["part"]?.string } == ["train", "val"])
            let plan = try Program.run(
                ["train", "--train", "c", "--val", "c", "--model", "pico", "--size", "64", "--dry-run"], in: folder)
            #expect(plan.code == 0 && plan.output.contains("out of \(parts[0]["pictures"]?.int ?? -1) pictures"))
            // Back, and the same boxes.
            let back = try Program.run(
                ["convert", "--from", "c", "--part", "val", "--to", "coco", "--out", "back.json"], in: folder)
            #expect(back.code == 0, "\(back.errors)")
            let (before, after) = (
                try Files.readJSON(folder + "/s/annotations/instances_val.json"),
                try Files.readJSON(folder + "/back.json")
            )
            func boxes(_ json: JSON) -> [String] {
                (json["annotations"]?.array ?? []).compactMap { $0["bbox"]?.canonical }.sorted()
            }
            #expect(!boxes(before).isEmpty && boxes(before) == boxes(after))
        }
    }

    @Test func vocMayCountFromZero() throws {
        try Program.withFolder { folder in
            try Files.makeFolder(folder + "/v")
            try Files.write(
                """
                <annotation><size><width>9</width><height>9</height></size><object><name>cat</name><bndbox>
                <xmin>2</xmin><ymin>3</ymin><xmax>6</xmax><ymax>8</ymax></bndbox></object></annotation>
                """, to: folder + "/v/a.xml")
            for (words, box) in [([], [1, 2, 5, 6]), (["--voc-pixels", "zero"], [2, 3, 4, 5])] as [([String], JSON)] {
                let out = "\(words.count).json"
                let run = try Program.run(
                    ["convert", "--from", "v", "--to", "coco", "--out", out] + words, in: folder)
                #expect(run.code == 0, "\(run.errors)")
                #expect(try Files.readJSON(Files.join(folder, out))["annotations"]?.array?.first?["bbox"] == box)
            }
            let word = try Program.run(
                ["convert", "--from", "v", "--voc-pixels", "2", "--to", "coco", "--out", "x.json"], in: folder)
            #expect(word.code == 2, "\(word.errors)")
        }
    }

    @Test func objectsAreCutOut() throws {
        try withScenes { folder in
            for name in ["a", "b"] {
                let made = try Program.run(
                    ["convert"] + sets
                        + ["--to", "imagefolder", "--margin", "0.2", "--min-side", "12", "--out", name, "--json"],
                    in: folder)
                #expect(made.code == 0, "\(made.errors)")
                let parts = try JSON.parse(made.output)["parts"]?.array ?? []
                #expect(parts.map { $0["part"]?.string } == ["train", "val"])
                let cut = try Files.walk(folder + "/" + name)
                #expect(!cut.isEmpty && cut.count == parts.reduce(0) { $0 + ($1["labels"]?.int ?? 0) })
            }
            let names = try Files.walk(folder + "/a")
            let again = try Files.walk(folder + "/b")
            #expect(names == again && names.contains { $0.hasPrefix("train/star/") })
            for name in names {
                #expect(try Files.read(folder + "/a/" + name) == Files.read(folder + "/b/" + name))
            }
            for (words, says) in [
                (["--to", "imagefolder", "--pictures", "copy"], "--pictures does not go with --to imagefolder"),
                (["--to", "yolo", "--min-side", "4"], "--min-side does not go with --to yolo"),
                (["--to", "imagefolder", "--margin", "-1"], "expected a number from 0 to 10"),
            ] {
                let run = try Program.run(["convert"] + sets + words + ["--out", "new"], in: folder)
                #expect(run.code == 2 && run.errors.contains(says), "\(words): \(run.errors)")
            }
            #expect(try Files.list(folder).allSatisfy { !$0.hasPrefix("new") })
        }
    }

    @Test func singleShapesAreDrawn() throws {
        try Program.withFolder { folder in
            for (name, threads) in [("a", "1"), ("b", "4")] {
                let drawn = try Program.run(
                    ["draw", "--singles", "--images", "24", "--size", "48", "--threads", threads, "--out", name],
                    in: folder)
                #expect(drawn.code == 0 && drawn.output == "drew 24 pictures of one shape in \(name)\n")
            }
            let names = try Files.walk(folder + "/a")
            #expect(names.count == 25 && names.contains("train/circle/000001.jpg"))
            for name in names {
                #expect(try Files.read(folder + "/a/" + name) == Files.read(folder + "/b/" + name))
            }
            let masks = try Program.run(["draw", "--singles", "--masks", "--out", "c"], in: folder)
            #expect(masks.code == 2 && masks.errors.contains("--masks goes with scenes"))
        }
    }

    @Test func nothingIsWrittenOverAndTyposAreNamed() throws {
        try withScenes { folder in
            let one = ["convert", "--val", "s/annotations/instances_val.json", "--to", "yolo", "--out"]
            #expect(try Program.run(one + ["c"], in: folder).code == 0)
            let names = try Files.walk(folder + "/c")
            let again = try Program.run(one + ["c"], in: folder)
            #expect(again.code == 2 && again.errors.contains("c has files in it already"))
            #expect(try Files.walk(folder + "/c") == names)
            #expect(try Program.run(one + ["d"], in: folder).code == 0)
            for name in names {
                #expect(try Files.read(folder + "/c/" + name) == Files.read(folder + "/d/" + name))
            }
            for (words, code, says) in [
                (
                    ["--from", "s/annotations/instances_vla.json", "--to", "yolo"], 3,
                    "did you mean instances_val.json?"
                ),
                (["--from", "c", "--to", "yollo"], 2, "did you mean yolo?"),
                (["--from", "c", "--part", "train", "--to", "coco"], 3, "it has val"),
                (["--to", "coco"], 2, "give a set"),
                (["--from", "c", "--to", "results"], 3, "has no score"),
                (["--from", "c", "--train", "c", "--to", "coco"], 2, "either --from or --train"),
            ] as [([String], Int32, String)] {
                let run = try Program.run(["convert"] + words + ["--out", "new"], in: folder)
                #expect(run.code == code && run.errors.contains(says), "\(words): \(run.errors)")
            }
            #expect(try Files.list(folder).allSatisfy { !$0.hasPrefix("new") })
        }
    }
}
