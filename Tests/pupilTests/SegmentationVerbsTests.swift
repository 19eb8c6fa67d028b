import Base
import Geometry
import Imaging
import Testing

/// The verbs with masks, as somebody types them who has a folder of pictures and one of masks.
@Suite(.serialized, .enabled(if: Program.isBuilt)) struct SegmentationVerbsTests {
    private let set = [
        "--images", "set/images", "--masks", "set/masks", "--classes", "set/classes.txt", "--split",
        "set/splits/train.txt", "--val-split", "set/splits/val.txt",
    ]

    private func draw(in folder: String) throws {
        let drawn = try Program.run(
            ["draw", "--images", "20", "--size", "64", "--seed", "3", "--masks", "--out", "set"], in: folder)
        #expect(drawn.code == 0, "\(drawn.errors)")
    }

    @Test func fromMasksToNumbers() throws {
        try Program.withFolder { folder in
            try draw(in: folder)
            func run(_ words: String..., more: [String] = []) throws -> Program.Outcome {
                try Program.run(words + more, in: folder)
            }
            let check = try run("check", "--json", more: set)
            let report = try JSON.parse(check.output, file: "check")
            #expect(check.code == 0 && report["sets"]?.array?.count == 2, "\(check.errors)")
            let classes = report["sets"]?.array?.first?["classes"]?.array ?? []
            #expect(classes.count == 7 && classes.first?["name"]?.string == "background")
            #expect(classes.first?["pixels"]?.int ?? 0 > 14 * 64 * 64 / 3)

            let short = ["--size", "64", "--batch", "2", "--steps", "6", "--threads", "1"]
            let train = try run("train", "--task", "segmentation", "--out", "runs/a", "--json", more: set + short)
            #expect(train.code == 0, "\(train.errors)")
            let last = try JSON.parse(train.output, file: "train")["last"]
            #expect(last?["mIoU"]?.double != nil && last?["per_class"]?["background"]?.double != nil)
            // What a run wrote of itself runs again, and is that run.
            let again = try run("train", "--recipe", "runs/a/args.yaml", "--json")
            #expect(again.code == 0 && again.output == train.output, "\(again.errors)")

            let weights = ["--weights", "runs/a/weights/last.safetensors", "--threads", "1"]
            let predict = try run("predict", "--images", "set/images", "--out", "seen", "--json", more: weights)
            #expect(predict.code == 0, "\(predict.errors)")
            #expect(try JSON.parse(predict.output, file: "predict")["pictures"]?.int == 20)
            #expect(try Files.list(Files.join(folder, "seen/masks")).count == 20)
            #expect(try Files.list(Files.join(folder, "seen/pictures")).count == 20)
            // In the same folder again; of fewer pictures only their masks are left.
            try Files.makeFolder(Files.join(folder, "few"))
            for name in ["few/a.jpg", "few/b.jpg"] {
                try Files.write(
                    try Files.read(Files.join(folder, "set/images/000001.jpg")), to: Files.join(folder, name))
            }
            for masks in [["a.png", "b.png"], ["a.png"]] {
                #expect(try run("predict", "--images", "few", "--out", "seen-few", more: weights).code == 0)
                #expect(try Files.list(Files.join(folder, "seen-few/masks")).sorted() == masks)
                try Files.remove(Files.join(folder, "few/b.jpg"))
            }

            // The masks that training wrote of the validation set, scored from disk and by the model, are its numbers.
            let names = ["--classes", "set/classes.txt", "--split", "set/splits/val.txt", "--json"]
            let scored = try run("val", "--gt-masks", "set/masks", "--dt-masks", "runs/a/masks", more: names)
            #expect(scored.code == 0, "\(scored.errors)")
            #expect(try JSON.parse(scored.output, file: "val")["mIoU"]?.double == last?["mIoU"]?.double)
            let live = try run("val", "--gt-masks", "set/masks", "--images", "set/images", more: weights + names)
            #expect(try JSON.parse(live.output, file: "val")["mIoU"]?.double == last?["mIoU"]?.double, "\(live.errors)")
            let bounded = try run(
                "val", "--gt-masks", "set/masks", "--dt-masks", "set/masks", "--boundary", "0.01", more: names)
            #expect(try JSON.parse(bounded.output, file: "val")["boundary_F"]?.double == 1)

            let label = try run(
                "label", "--unlabelled", "set/images", "--threshold", "0.145", "--label-scales", "1", "--out", "runs/l",
                more: weights)
            #expect(label.code == 0, "\(label.errors)")
            #expect(Files.exists(Files.join(folder, "runs/l/masks/000001.png")))
            let relabel = try run("label", "--recipe", "runs/l/args.yaml")
            #expect(relabel.code == 0 && relabel.errors.contains("done before"), "\(relabel.errors)")
            let within = try run("predict", "--images", "set/images", "--out", "set/images/seen", more: weights)
            #expect(within.code == 2 && within.errors.contains("(--images)"), "\(within.errors)")
            let inside = try run("label", "--unlabelled", "set/images", "--out", "set/images/l", more: weights)
            #expect(inside.code == 2 && inside.errors.contains("(--unlabelled)"), "\(inside.errors)")
            let none = try run(
                "label", "--unlabelled", "set/images", "--threshold", "0.9999", "--label-scales", "1", "--out",
                "runs/n", more: weights)
            #expect(none.code == 0 && none.errors.contains("nothing was kept"), "\(none.errors)")
            // What it labelled is a set like another.
            let student = try run(
                "train", "--task", "segmentation", "--images", "set/images", "--masks", "runs/l/masks", "--val-split",
                "set/splits/val.txt", "--classes", "set/classes.txt", "--out", "runs/b", "--dry-run", more: short)
            #expect(student.code == 0 && student.output.contains("out of 20 pictures"), "\(student.errors)")
        }
    }

    @Test func mistakesAreExplained() throws {
        try Program.withFolder { folder in
            try draw(in: folder)
            let train = ["train", "--task", "segmentation"]
            func message(_ words: [String], _ code: Int32 = 2) throws -> String {
                let outcome = try Program.run(words, in: folder)
                #expect(outcome.code == code, "\(words): \(outcome.code) \(outcome.errors)")
                return outcome.errors
            }
            #expect(try message(train).contains("segmentation needs --images and --masks"))
            #expect(try message(train + ["--images", "set/images"]).contains("--images and --masks go together"))
            let folders = train + ["--images", "set/images", "--masks", "set/masks"]
            #expect(try message(folders).contains("--classes is needed with masks"))
            #expect(try message(folders + ["--classes", "7"]).contains("segmentation needs --val-split"))
            let whole = folders + ["--classes", "7", "--val-split", "set/splits/val.txt"]
            #expect(try message(whole + ["--model", "nano"]).contains("gives no classes to pixels"))
            #expect(try message(whole + ["--split", "set/splits/trian.txt"], 3).contains("there is no file"))
            // Masks of --val-images are looked for in --masks, too.
            #expect(try Program.run(whole + ["--val-images", "set/images", "--dry-run"], in: folder).code == 0)
            #expect(
                try message(folders + ["--classes", "3", "--val-split", "set/splits/val.txt"], 3).contains(
                    "to no class"))
            #expect(try message(whole + ["--mask-values", "3"]).contains("no VALUE:CLASS"))
            #expect(try message(whole + ["--mask-values", "3:9"]).contains("leads to no class"))
            #expect(try message(["train", "--label-scales", "1"]).contains("pupil train has no"))
            #expect(
                try message(["selftrain", "--label-scales", "1"]).contains(
                    "--label-scales belongs to --task segmentation"))
            #expect(
                try message(["val", "--gt-masks", "set/masks", "--dt-masks", "set/masks"]).contains(
                    "--classes is needed"))
            #expect(
                try message(["val", "--gt-masks", "set/masks", "--dt-masks", "set/images", "--classes", "7"], 3)
                    .contains("has no mask 000001.png"))
            #expect(try message(["val", "--scales", "1"]).contains("--scales goes with --gt-masks"))
            // Binary masks with 255 are nobody's miss.
            try Files.makeFolder(Files.join(folder, "binary"))
            try Files.makeFolder(Files.join(folder, "truth"))
            for (name, one) in [("binary", UInt8(255)), ("truth", 1)] {
                let labels = (0..<64).map { $0 < 20 ? one : 0 }
                try Files.write(
                    LabelMap(width: 8, height: 8, labels: labels).greyPNG(), to: Files.join(folder, name + "/a.png"))
            }
            let two = ["val", "--gt-masks", "truth", "--dt-masks", "binary", "--classes", "2", "--json"]
            #expect(try message(two, 3).contains("--dt-mask-values 0:0,255:1"))
            let meant = try Program.run(two + ["--dt-mask-values", "0:0,255:1"], in: folder)
            #expect(try JSON.parse(meant.output)["mIoU"] == 1, "\(meant.errors)")
            // Nothing that could be learned is an error before anything is.
            try Files.makeFolder(Files.join(folder, "void"))
            for name in try Files.list(Files.join(folder, "set/masks")) {
                let size = try ImageFile.labels(Files.join(folder, "set/masks/" + name)).size
                let void = LabelMap(
                    width: size.width, height: size.height,
                    labels: [UInt8](repeating: 255, count: size.width * size.height))
                try Files.write(void.greyPNG(), to: Files.join(folder, "void/" + name))
            }
            let blank =
                train + [
                    "--images", "set/images", "--masks", "void", "--classes", "7", "--val-split", "set/splits/val.txt",
                    "--val-masks", "set/masks",
                ]
            #expect(try message(blank, 3).contains("there is nothing to learn"))
            #expect(try message(["check"]).contains("give DATA"))
        }
    }
}
