import Base
import Testing

/// What a new user types, and what comes back.
@Suite(.serialized, .enabled(if: Program.isBuilt)) struct CommandLineTests {
    @Test func aTypoGetsTheNearestWordAndExitTwo() throws {
        try Program.withFolder { folder in
            let verb = try Program.run(["trian"], in: folder)
            #expect(verb.code == 2 && verb.errors.contains("did you mean train?"))
            let key = try Program.run(["train", "--stesp", "3"], in: folder)
            #expect(key.code == 2 && key.errors.contains("--steps"))
            // What a setting is called elsewhere.
            for (verb, theirs, ours) in [
                ("train", "--epochs", "here it is --steps (steps are batches"),
                ("train", "--imgsz", "here it is --size"),
                ("train", "--train-images", "here it is --images"), ("train", "--pretrained", "here it is --init"),
                ("predict", "--conf", "here it is --score"), ("label", "--conf", "here it is --threshold"),
                ("val", "--iou-thr", "here it is --nms-iou"), ("selftrain", "--project", "here it is --out"),
                ("check", "--data-root", "here it is --images"), ("selftrain", "--ema", "here it is --average"),
            ] {
                let run = try Program.run([verb, theirs, "3"], in: folder)
                #expect(run.code == 2 && run.errors.contains(ours), "\(verb) \(theirs): \(run.errors)")
            }
            let value = try Program.run(["draw", "--images", "many", "--out", "x"], in: folder)
            #expect(value.code == 2 && value.errors.contains("many"))
            #expect(try Program.run([], in: folder).code == 2)
            let help = try Program.run(["selftrain", "--help"], in: folder)
            #expect(help.code == 0 && help.output.contains("--threshold") && help.errors.isEmpty)
        }
    }

    @Test func dataThatCannotBeUsedIsExitThreeAndNamesTheFile() throws {
        try Program.withFolder { folder in
            let absent = try Program.run(["train", "--train", "none.json", "--val", "none.json"], in: folder)
            #expect(absent.code == 3 && absent.errors.contains("none.json"))
            try Files.write("{\"images\": [", to: Files.join(folder, "cut.json"))
            let cut = try Program.run(["val", "--gt", "cut.json", "--dt", "cut.json"], in: folder)
            #expect(cut.code == 3 && cut.errors.contains("cut.json"))
        }
    }

    @Test func readingIsTimed() throws {
        try Program.withFolder { folder in
            try Files.write(
                """
                {"images": [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 100}],
                 "categories": [{"id": 7, "name": "dot"}],
                 "annotations": [{"id": 1, "image_id": 1, "category_id": 7, "bbox": [10, 10, 40, 40]}]}
                """, to: Files.join(folder, "gt.json"))
            let run = try Program.run(["bench", "index", "--gt", "gt.json", "--repeat", "3", "--json"], in: folder)
            #expect(run.code == 0)
            let json = try JSON.parse(run.output)
            #expect(json["unit"] == "seconds" && json["images"] == 1 && json["labels"] == 1)
            #expect((json["value"]?.double ?? 0) > 0 && (json["peak_bytes"]?.int ?? 0) > 1 << 20)
            let wrong = try Program.run(["bench", "indx", "--gt", "gt.json"], in: folder)
            #expect(wrong.code == 2 && wrong.errors.contains("did you mean index?"))
        }
    }

    @Test func resultsAreScoredAndOneObjectIsPrinted() throws {
        try Program.withFolder { folder in
            try Files.write(
                """
                {"images": [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 100}],
                 "categories": [{"id": 7, "name": "dot"}],
                 "annotations": [{"id": 1, "image_id": 1, "category_id": 7, "bbox": [10, 10, 40, 40], "area": 1600, "iscrowd": 0}]}
                """, to: Files.join(folder, "gt.json"))
            // IoU 40 * 36 / 1600 = 0.9: right at 9 of 10 thresholds.
            try Files.write(
                "[{\"image_id\": 1, \"category_id\": 7, \"bbox\": [10, 10, 40, 36], \"score\": 0.8}]",
                to: Files.join(folder, "dt.json"))
            let run = try Program.run(["val", "--gt", "gt.json", "--dt", "dt.json", "--json"], in: folder)
            #expect(run.code == 0)
            let json = try JSON.parse(run.output)
            #expect(abs((json["AP"]?.double ?? 0) - 0.9) < 1e-9)
            #expect(json["APs"] == .null && (json["per_class"]?["dot"]?["AP50"]?.double ?? 0) > 0.999_999)
            let val = ["val", "--gt", "gt.json", "--dt", "dt.json"]
            let own = try Program.run(
                val + ["--iou", "0.9", "0.95", "--areas", "mine:1600:1600", "--details", "d.json", "--json"], in: folder
            )
            #expect(abs((try JSON.parse(own.output)["AP_mine"]?.double ?? 0) - 0.5) < 1e-9, "\(own.errors)")
            let details = try Files.readJSON(Files.join(folder, "d.json"))
            #expect(details["confusion"] == [[1, 0], [0, 0]])
            #expect(details["images"]?.array?.first?["labels"]?.array?.first?["outcome"] == "found")
            let voc = try Program.run(val + ["--metric", "voc07", "--json"], in: folder)
            #expect(try JSON.parse(voc.output)["mAP"] == 1)
            let bench = try Program.run(["bench", "eval"] + val.dropFirst() + ["--json"], in: folder)
            let timed = try JSON.parse(bench.output)
            #expect(timed["unit"] == "seconds" && timed["detections"] == 1 && (timed["value"]?.double ?? 0) > 0)
            for wrong in [
                ["--iou", "0.9", "0.5"], ["--areas", "a:2:1"], ["--metric", "voc", "--max-detections", "3"],
                ["--max-detections", "0"], ["--nms", "soft"],
            ] {
                let run = try Program.run(val + wrong, in: folder)
                #expect(run.code == 2 && run.errors.contains(wrong[0] == "--metric" ? wrong[2] : wrong[0]), "\(wrong)")
            }
            #expect(try Program.run(["bench", "evl"], in: folder).errors.contains("did you mean eval"))
        }
    }

    /// The program starts itself once more with libgomp's spinning bounded, and is then the same program: its words,
    /// its folder, its exit code. In that folder `micro` stays what the first run settled.
    @Test func itBeginsAgainWithPatience() throws {
        try Program.withFolder { folder in
            #expect(
                try Program.run(["draw", "--images", "20", "--size", "64", "--seed", "3", "--out", "s"], in: folder)
                    .code
                    == 0)
            let train = [
                "train", "--train", "s/annotations/instances_train.json", "--val", "s/annotations/instances_val.json",
                "--model", "pico", "--size", "64", "--steps", "2", "--batch", "2", "--out", "runs/a",
            ]
            let first = try Program.run(train + ["--micro", "1"], in: folder, unset: "GOMP_SPINCOUNT")
            #expect(first.code == 0, "\(first.errors)")
            let environment = try Files.readJSON(Files.join(folder, "runs/a/env.json"))
            #expect(environment["gomp_spincount"]?.string == "10000")
            let again = try Program.run(train, in: folder, unset: "GOMP_SPINCOUNT")
            #expect(again.code == 0 && again.errors.contains("done before"), "\(again.errors)")
            let typo = try Program.run(["train", "--stesp", "3"], in: folder, unset: "GOMP_SPINCOUNT")
            #expect(typo.code == 2)
        }
    }

    /// A folder with something else in it is refused, and nothing in it is touched.
    @Test func aFolderOfTheUsersIsLeftAlone() throws {
        try Program.withFolder { folder in
            #expect(
                try Program.run(["draw", "--images", "20", "--size", "64", "--seed", "3", "--out", "s"], in: folder)
                    .code
                    == 0)
            try Files.makeFolder(Files.join(folder, "mine"))
            try Files.write("x", to: Files.join(folder, "mine/backup.2024.partial"))
            let run = try Program.run(
                [
                    "train", "--train", "s/annotations/instances_train.json", "--val",
                    "s/annotations/instances_val.json", "--model", "pico", "--size", "64", "--steps", "2", "--out",
                    "mine",
                ], in: folder)
            #expect(run.code == 2 && run.errors.contains("no run of ours"), "\(run.errors)")
            #expect(try Files.list(Files.join(folder, "mine")) == ["backup.2024.partial"])
        }
    }

    @Test func theSameSeedDrawsTheSameBytes() throws {
        try Program.withFolder { folder in
            for name in ["a", "b"] {
                #expect(try Program.run(["draw", "--images", "6", "--seed", "4", "--out", name], in: folder).code == 0)
            }
            let names = try Files.walk(Files.join(folder, "a"))
            #expect(names.count > 6)
            for name in names {
                let a = try Files.read(Files.join(folder, "a/" + name))
                #expect(try a == Files.read(Files.join(folder, "b/" + name)), "\(name) differs")
            }
        }
    }

    /// Every recipe of the repository is one that its verb reads: all that it lacks on a machine without the paper's data is
    /// the data.
    @Test func recipesAreRead() throws {
        let root = Place.repository
        var count = 0
        for folder in ["Recipes/paper", "Recipes/twins", "Recipes/sets"] {
            for name in try Files.list(Files.join(root, folder)) where name.hasSuffix(".yaml") {
                let path = Files.join(root, folder + "/" + name)
                let command = try Files.readText(path).split(separator: "\n").filter { $0.hasPrefix("# pupil ") }
                    .last { $0.contains(folder) }
                let words = try #require(command, "\(name)").split(separator: " ").dropFirst(2).map(String.init)
                let run = try Program.withFolder { folder in
                    try Program.run(
                        words.map { $0.hasPrefix("Recipes/") ? Files.join(root, $0) : $0 } + ["--dry-run"], in: folder)
                }
                // 3: the data is not there. 2 would be a setting that the verb does not take.
                #expect(run.code == 3 && run.errors.contains("there is no f"), "\(name): \(run.code) \(run.errors)")
                count += 1
            }
        }
        #expect(count >= 61)
    }
}

private enum Place {
    /// Three folders above this file.
    static let repository = Files.folder(Files.folder(Files.folder(#filePath)))
}
