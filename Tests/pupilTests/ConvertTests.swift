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
                (["--to", "coco"], 2, "convert needs a set"),
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
