import Base
import Glibc
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

    /// Mending loses no sound label: what was listed twice is united or numbered anew, what cannot be told is refused.
    @Test func mendingUnitesAndRefuses() throws {
        try Program.withFolder { folder in
            try draw(folder)
            let root = try Files.readJSON(Files.join(folder, "s/annotations/instances_train.json"))
            let labels = root["annotations"]?.array ?? [], images = root["images"]?.array ?? []
            let categories = root["categories"]?.array ?? []
            func changed(_ items: [JSON], _ key: String, _ change: (Int, JSON) -> JSON?) -> JSON {
                .array(
                    items.enumerated().map { i, item in
                        guard case .object(var members) = item, let value = change(i, members[key] ?? .null) else {
                            return item
                        }
                        members[key] = value
                        return .object(members)
                    })
            }
            func check(_ name: String, _ changes: [String: JSON]) throws -> (run: Program.Outcome, mended: JSON?) {
                guard case .object(let members) = root else { throw Failure(.unexpected, "the set has another form") }
                try Files.write(
                    JSON.object(members.merging(changes) { $1 }).canonical,
                    to: Files.join(folder, "s/annotations/\(name).json"))
                let run = try Program.run(["check", "s/annotations/\(name).json", "--fix", name], in: folder)
                let mended = Files.join(folder, "\(name)/annotations.json")
                if !Files.exists(mended) { return (run, nil) }
                let again = try Program.run(["check", "\(name)/annotations.json", "--images", "s/images"], in: folder)
                #expect(again.code == 0, "\(name): \(again.output)")
                return (run, try Files.readJSON(mended))
            }
            // All annotations have one of three ids.
            let ids = try check("ids", ["annotations": changed(labels, "id") { i, _ in .int(i % 3 + 1) }])
            #expect(ids.run.code == 3 && ids.mended?["annotations"]?.array?.count == labels.count)
            // The second class has the first one's name.
            let name = categories[0]["name"] ?? .null
            let one = try check("names", ["categories": changed(categories, "name") { i, _ in i == 1 ? name : nil }])
            #expect(one.mended?["annotations"]?.array?.count == labels.count)
            #expect(one.mended?["categories"]?.array?.count == categories.count - 1)
            // The second picture has the first one's name.
            let file = images[0]["file_name"] ?? .null
            let two = try check("pictures", ["images": changed(images, "file_name") { i, _ in i == 1 ? file : nil }])
            #expect(two.mended?["images"]?.array?.count == images.count - 1)
            #expect(two.mended?["annotations"]?.array?.count == labels.count)
            // A class without a name: its labels are counted, and no picture becomes background by it.
            let none = try check(
                "unnamed", ["categories": changed(categories, "name") { i, _ in i == 0 ? .null : nil }])
            let said = try Files.readText(Files.join(folder, "unnamed/changes.txt"))
            #expect(said.contains("category id 1: its ") && said.contains(" annotations\n"), "\(said)")
            let background = { (set: JSON?) in
                let shown = Set((set?["annotations"]?.array ?? []).compactMap { $0["image_id"]?.int })
                return (set?["images"]?.array ?? []).count { !shown.contains($0["id"]?.int ?? -1) }
            }
            #expect(background(none.mended) == background(root))
            // Whose the labels are, or what, cannot be told.
            for (name, changes, said) in [
                (
                    "imageids", ["images": changed(images, "id") { i, id in i == 1 ? images[0]["id"] : id }],
                    "nobody can tell"
                ),
                (
                    "zero", ["annotations": changed(labels, "category_id") { _, id in .int((id.int ?? 1) - 1) }],
                    "were labels written instead of ids?"
                ),
                (
                    "fractions",
                    [
                        "annotations": changed(labels, "bbox") { _, box in
                            .array((box.array ?? []).map { .number(($0.double ?? 0) / 64) })
                        }
                    ], "fractions of their pictures"
                ),
            ] as [(String, [String: JSON], String)] {
                let refused = try check(name, changes)
                #expect(refused.run.code == 3 && refused.mended == nil, "\(name)")
                #expect(
                    refused.run.errors.contains("cannot be mended: ") && refused.run.errors.contains(said),
                    "\(refused.run.errors)")
            }
        }
    }

    /// A file that cannot be read is a finding as well; a pipe is refused and not waited for; near names are told.
    @Test func whatIsNoSetIsSaid() throws {
        try Program.withFolder { folder in
            try draw(folder)
            try Files.write("{\"images\": [", to: Files.join(folder, "cut.json"))
            let cut = try Program.run(["check", "cut.json", "--json"], in: folder)
            let counts = try JSON.parse(cut.output)["counts"]
            #expect(cut.code == 3 && counts?["file-unreadable"]?.int == 1)
            #expect(mkfifo(Files.join(folder, "pipe"), 0o600) == 0)
            let pipe = try Program.run(["check", "pipe"], in: folder)
            #expect(pipe.code == 3 && pipe.errors.contains("pipe is a pipe or a device"), "\(pipe.errors)")
            let text = try Files.readText(Files.join(folder, "s/annotations/instances_train.json"))
            try Files.write(
                text.replacing("\"square\"", with: "\"Circle \""), to: Files.join(folder, "s/annotations/near.json"))
            let near = try Program.run(["check", "s/annotations/near.json"], in: folder)
            #expect(near.code == 0 && near.output.contains("class-names-alike (1)"), "\(near.output)")
            // Another way of writing boxes is doubted, not refused.
            let wide = try JSON.parse(text)
            guard case .object(var members) = wide, let labels = members["annotations"]?.array else { return }
            members["annotations"] = .array(
                labels.map { label in
                    guard case .object(var label) = label, var box = label["bbox"]?.array else { return label }
                    box[2] = .number((box[2].double ?? 0) + 64)
                    label["bbox"] = .array(box)
                    return .object(label)
                })
            try Files.write(JSON.object(members).canonical, to: Files.join(folder, "s/annotations/wide.json"))
            let far = try Program.run(["check", "s/annotations/wide.json"], in: folder)
            #expect(far.code == 0 && far.output.contains("boxes-stick-out (1)"), "\(far.output)")
            // Nothing to convert to pictures: said where nobody named a folder, an error where somebody did.
            try Files.makeFolder(Files.join(folder, "empty"))
            try Files.write(text, to: Files.join(folder, "alone.json"))
            let alone = try Program.run(["convert", "--from", "alone.json", "--to", "yolo", "--out", "y"], in: folder)
            #expect(alone.code == 0 && alone.errors.contains("the labels alone were written"), "\(alone.errors)")
            let named = try Program.run(
                ["convert", "--from", "alone.json", "--images", "empty", "--to", "yolo", "--out", "z"], in: folder)
            #expect(named.code == 3 && named.errors.contains("pictures are not there"), "\(named.errors)")
        }
    }

    /// Files of labels beside a folder that holds the pictures of all: it is said once.
    @Test func picturesOfAllSetsAreInOneFolder() throws {
        try Program.withFolder { folder in
            #expect(try Program.run(["draw", "--images", "20", "--out", "s"], in: folder).code == 0)
            for name in ["train", "val"] {
                try Files.write(
                    Files.read(Files.join(folder, "s/annotations/instances_\(name).json")),
                    to: Files.join(folder, "\(name).json"))
            }
            let sets = ["--images", "s/images", "--val", "val.json"]
            let check = try Program.run(["check", "train.json"] + sets, in: folder)
            #expect(check.code == 0, "\(check.errors)\(check.output)")
            let train = ["train", "--train", "train.json", "--steps", "1", "--out", "r", "--dry-run"]
            let plan = try Program.run(train + sets, in: folder)
            #expect(plan.code == 0, "\(plan.errors)")
            // A folder of its own is meant, whatever lies in the other.
            try Files.makeFolder(Files.join(folder, "none"))
            let own = try Program.run(train + sets + ["--val-images", "none"], in: folder)
            #expect(own.code == 3 && own.errors.contains("is not in none"), "\(own.errors)")
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

    /// Of a pool what cannot be read is passed over, so check does not end where training would not.
    @Test func brokenPicturesOfAPoolAreWarnings() throws {
        try Program.withFolder { folder in
            try draw(folder)
            try Files.makeFolder(Files.join(folder, "pool"))
            try Files.write("", to: Files.join(folder, "pool/empty.jpg"))
            try Files.write(Files.read(Files.join(folder, "s/images/000001.jpg")), to: Files.join(folder, "pool/a.jpg"))
            let check = try Program.run(
                ["check", "s/annotations/instances_train.json", "--unlabelled", "pool", "--json"], in: folder)
            #expect(check.code == 0, "\(check.errors)")
            let counts = try JSON.parse(check.output)["counts"]
            #expect(counts?["pool-image-unreadable"] == 1 && counts?["image-unreadable"] == nil)
        }
    }

    /// Shapes that are not read are counted, and a set is not written into the folder of its own pictures.
    @Test func whatIsPassedOverIsCounted() throws {
        try Program.withFolder { folder in
            try Files.makeFolder(Files.join(folder, "c/images"))
            let run = try Program.run(["draw", "--images", "2", "--size", "64", "--out", "s"], in: folder)
            #expect(run.code == 0, "\(run.errors)")
            try Files.write(
                Files.read(Files.join(folder, "s/images/000001.jpg")), to: Files.join(folder, "c/images/a.jpg"))
            try Files.write(
                "<annotations><image name=\"a.jpg\" width=\"64\" height=\"64\"><box label=\"x\" xtl=\"1\" ytl=\"1\" "
                    + "xbr=\"9\" ybr=\"9\"/><ellipse label=\"x\"/></image></annotations>",
                to: Files.join(folder, "c/annotations.xml"))
            let check = try Program.run(["check", "c", "--fix", "mended"], in: folder)
            #expect(check.code == 0 && check.output.contains("left out 1 <ellipse>"), "\(check.output)")
            #expect(check.output.contains("warning shape-left-out (1)"), "\(check.output)")
            let changes = try Files.readText(Files.join(folder, "mended/changes.txt"))
            #expect(changes.contains("<ellipse>") && !changes.contains("licenses"), "\(changes)")
            let yolo = try Program.run(["convert", "--from", "c", "--to", "yolo", "--out", "y"], in: folder)
            #expect(yolo.code == 0, "\(yolo.errors)")
            let inside = ["convert", "--from", "y", "--to", "yolo", "--out", "y/images/train/again"]
            let within = try Program.run(inside, in: folder)
            #expect(within.code == 2 && within.errors.contains("whose files it would join"), "\(within.errors)")
            let around = try Program.run(
                ["convert", "--from", "y", "--to", "yolo", "--out", "x/../y/images/train/new"], in: folder)
            #expect(around.code == 2, "\(around.errors)")
            let bare = try Program.run(inside + ["--pictures", "none"], in: folder)
            #expect(bare.code == 0, "\(bare.errors)")
            // Into a folder of XML files no XML is written; all else belongs to nobody.
            let voc = try Program.run(["convert", "--from", "c", "--to", "voc", "--out", "v"], in: folder)
            #expect(voc.code == 0, "\(voc.errors)")
            for (to, code) in [("voc", 2), ("coco", 0)] {
                let flat = ["convert", "--from", "v", "--to", to, "--out", "v/Annotations/\(to)"]
                let run = try Program.run(flat + ["--images", "c/images"], in: folder)
                #expect(run.code == code, "\(to): \(run.errors)")
            }
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
