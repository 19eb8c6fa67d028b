import Base
import Testing

/// `pupil check` as a new user runs it.
@Suite(.serialized, .enabled(if: Program.isBuilt)) struct CheckVerbTests {
    private func draw(_ folder: String) throws {
        let run = try Program.run(["draw", "--images", "20", "--size", "64", "--seed", "3", "--out", "s"], in: folder)
        #expect(run.code == 0, "\(run.errors)")
    }

    @Test func aGoodSetHasNothingWrong() throws {
        try Program.withFolder { folder in
            try draw(folder)
            let run = try Program.run(
                [
                    "check", "s/annotations/instances_train.json", "--val", "s/annotations/instances_val.json",
                    "--model",
                    "pico", "--json",
                ], in: folder)
            #expect(run.code == 0, "\(run.errors)")
            let json = try JSON.parse(run.output)
            #expect(json["errors"]?.int == 0 && json["sets"]?.array?.count == 2)
            #expect(json["sets"]?.array?[0]["role"]?.string == "train" && json["anchors"]?["model"]?.string == "pico")
            let text = try Program.run(["check", "s/annotations/instances_train.json"], in: folder)
            #expect(text.code == 0 && text.output.contains("side of a box") && text.output.contains("circle"))
        }
    }

    /// What is wrong is named with rule, file, picture and item; training refuses; the mended copy trains.
    @Test func faultsAreNamedRefusedAndMended() throws {
        try Program.withFolder { folder in
            try draw(folder)
            let path = Files.join(folder, "s/annotations/instances_train.json")
            let root = try Files.readJSON(path)
            guard case .object(var members) = root, var labels = members["annotations"]?.array,
                var images = members["images"]?.array, case .object(var image) = images[1],
                case .object(let first) = labels[0]
            else { throw Failure(.unexpected, "the drawn set has another form") }
            var stray = first
            stray["id"] = 9001
            stray["image_id"] = 777
            var flat = first
            flat["id"] = 9002
            flat["bbox"] = [3, 3, 0, 5]
            labels += [.object(stray), .object(flat), .object(first)]
            image["width"] = 99
            images[1] = .object(image)
            images.append(["id": 888, "file_name": "gone.jpg", "width": 64, "height": 64])
            members["annotations"] = .array(labels)
            members["images"] = .array(images)
            try Files.write(JSON.object(members).canonical, to: Files.join(folder, "s/annotations/bad.json"))
            let before = try Files.read(Files.join(folder, "s/annotations/bad.json"))

            let run = try Program.run(
                ["check", "s/annotations/bad.json", "--json", "--fix", "mended"], in: folder)
            #expect(run.code == 3, "\(run.errors)")
            let json = try JSON.parse(run.output)
            let counts = json["counts"]
            for rule in [
                "annotation-without-image", "box-empty", "annotation-id-twice", "image-size-differs", "image-missing",
            ] { #expect(counts?[rule]?.int == 1, "\(rule): \(run.output.prefix(400))") }
            let list = json["findings"]?.array ?? []
            let missing = list.first { $0["rule"]?.string == "image-missing" }
            #expect(missing?["image"]?.string == "gone.jpg" && missing?["severity"]?.string == "error")
            #expect(missing?["file"]?.string == "s/annotations/bad.json")

            func train(_ file: String, _ out: String) throws -> Program.Outcome {
                try Program.run(
                    [
                        "train", "--train", file, "--images", "s/images", "--val", "s/annotations/instances_val.json",
                        "--model", "pico", "--size", "64", "--steps", "2", "--batch", "2", "--out", out,
                    ], in: folder)
            }
            let refused = try train("s/annotations/bad.json", "runs/bad")
            #expect(refused.code == 3 && refused.errors.contains("pupil check"), "\(refused.errors)")
            #expect(!Files.exists(Files.join(folder, "runs/bad")))
            let good = try train("mended/annotations.json", "runs/good")
            #expect(good.code == 0, "\(good.errors)")
            #expect(try Files.read(Files.join(folder, "s/annotations/bad.json")) == before)
            #expect(try Files.readText(Files.join(folder, "mended/changes.txt")).contains("gone.jpg"))
            let again = try Program.run(["check", "s/annotations/bad.json", "--fix", "mended"], in: folder)
            #expect(again.code == 2 && again.errors.contains("choose another"))
            let clean = try Program.run(
                ["check", "mended/annotations.json", "--images", "s/images", "--json"], in: folder)
            #expect(clean.code == 0, "\(clean.output)")
        }
    }

    /// Boxes that are corners are converted, in the copy.
    @Test func cornersAreConverted() throws {
        try Program.withFolder { folder in
            try draw(folder)
            let good = Files.join(folder, "s/annotations/instances_train.json")
            guard case .object(var members) = try Files.readJSON(good) else { throw Failure(.unexpected, "no object") }
            let labels = (members["annotations"]?.array ?? []).map { label -> JSON in
                guard case .object(var keys) = label, let b = keys["bbox"]?.array?.compactMap(\.double) else {
                    return label
                }
                keys["bbox"] = [.double(b[0]), .double(b[1]), .double(b[0] + b[2]), .double(b[1] + b[3])]
                return .object(keys)
            }
            members["annotations"] = .array(labels)
            try Files.write(JSON.object(members).canonical, to: Files.join(folder, "s/annotations/corners.json"))
            let run = try Program.run(["check", "s/annotations/corners.json", "--fix", "mended", "--json"], in: folder)
            #expect(run.code == 3, "\(run.errors)")
            #expect(try JSON.parse(run.output)["counts"]?["box-corners"]?.int == 1)
            func boxes(_ path: String) throws -> [[Double]] {
                try (Files.readJSON(path)["annotations"]?.array ?? []).map { label in
                    (label["bbox"]?.array ?? []).compactMap { $0.double.map { ($0 * 100).rounded() / 100 } }
                }
            }
            #expect(try boxes(Files.join(folder, "mended/annotations.json")) == boxes(good))
            #expect(try Files.readText(Files.join(folder, "mended/changes.txt")).contains("took all boxes for corners"))
        }
    }

    /// The faults of a form with a file a picture are among the changes, too.
    @Test func whatIsLeftOutOfAYOLOSetIsNamed() throws {
        try Program.withFolder { folder in
            try draw(folder)
            let made = try Program.run(
                ["convert", "--from", "s/annotations/instances_train.json", "--to", "yolo", "--out", "y"], in: folder)
            #expect(made.code == 0, "\(made.errors)")
            let name = try Files.list(Files.join(folder, "y/labels/train"))[0]
            let path = Files.join(folder, "y/labels/train/" + name)
            try Files.write(try Files.readText(path) + "99 0.5 0.5 0.1 0.1\n", to: path)
            let run = try Program.run(["check", "y", "--fix", "mended"], in: folder)
            #expect(run.code == 3 && run.output.contains("annotation-without-class"), "\(run.errors)")
            let changes = try Files.readText(Files.join(folder, "mended/changes.txt"))
            #expect(changes.contains("left out: ") && changes.contains(name), "\(changes)")
        }
    }

    @Test func picturesThatAreTestedOnAndLearnedFromAreWarnedOf() throws {
        try Program.withFolder { folder in
            try draw(folder)
            let names =
                try Files.readJSON(Files.join(folder, "s/annotations/instances_val.json"))["images"]?.array ?? []
            let name = names.first?["file_name"]?.string ?? ""
            try Files.makeFolder(Files.join(folder, "pool"))
            try Files.write(
                Files.read(Files.join(folder, "s/images/" + name)), to: Files.join(folder, "pool/renamed.jpg"))
            let run = try Program.run(
                [
                    "check", "s/annotations/instances_train.json", "--val", "s/annotations/instances_val.json",
                    "--unlabelled", "pool", "--json",
                ], in: folder)
            #expect(run.code == 0)
            #expect(try JSON.parse(run.output)["counts"]?["sets-share-image"]?.int == 1)
            let train = try Program.run(
                [
                    "selftrain", "--train", "s/annotations/instances_train.json", "--val",
                    "s/annotations/instances_val.json", "--unlabelled", "pool", "--dry-run",
                ], in: folder)
            #expect(train.code == 0 && train.errors.contains("renamed.jpg"), "\(train.errors)")
            // A folder of everything: what is labelled is no pool.
            let all = try Program.run(
                [
                    "selftrain", "--train", "s/annotations/instances_train.json", "--val",
                    "s/annotations/instances_val.json", "--unlabelled", "s/images", "--dry-run",
                ], in: folder)
            let count =
                try Files.readJSON(Files.join(folder, "s/annotations/instances_train.json"))["images"]?.array?.count
                ?? 0
            #expect(all.code == 0 && all.errors.contains("\(count) of its "), "\(all.errors)")
            #expect(all.errors.contains("left out of the pool, as they are pictures of --train"))
        }
    }
}
