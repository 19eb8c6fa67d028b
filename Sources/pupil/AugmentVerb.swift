import Annotations
import Augmentation
import Base
import Geometry
import Imaging
import Journal
import Recipes

/// `pupil augment`: what a policy makes of one's own pictures.
enum AugmentVerb {
    static let schema = Schema(
        verb: "augment", summary: "Show what augmentation policies make of pictures, boxes and masks: PNG and HTML.",
        keys: [
            Key("images", .path, required: true, group: "data", help: "A folder of pictures, of any depth."),
            Key("gt", .path, group: "data", help: "Their boxes. " + CommonKeys.forms),
            Key("part", .string, group: "data", help: "Which part of --gt, where it has several: train, val."),
            CommonKeys.classes, CommonKeys.vocPixels,
            Key(
                "masks", .path, group: "data",
                help:
                    "A folder of PNG masks, named as the pictures are; with --classes as training reads them, else by "
                    + "their values."),
            Key("split", .path, group: "data", help: "With --masks, a list of its pictures, a name a line."),
            TaskKeys.maskValues,
            Key(
                "policy", .choice(Policy.all.map(\.name) + CropPolicy.all.map(\.name) + [simCLR]),
                group: "augmentation",
                help:
                    "One policy; crop, autoaugment, randaugment for those of classification, simclr for contrastive views. "
                    + "Default: S1 to S4."),
            Key("size", .integer(32...2048), default: 256, group: "sheet", help: "Side of a canvas in pixels."),
            Key("pictures", .integer(1...1000), default: 4, group: "sheet", help: "Pictures, evenly from the folder."),
            Key("draws", .integer(1...100), default: 6, group: "sheet", help: "Plans that are drawn for each."),
            Key("seed", .count, default: 0, group: "sheet", help: "Of the draws."),
            Key("out", .path, required: true, group: "run", affectsResult: false, help: "A new or empty folder."),
            CommonKeys.json, CommonKeys.dryRun,
        ] + AugmentationKeys.changes)

    private static let simCLR = "simclr"

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        let settings = try schema.parse(arguments)
        let out = settings.string("out")
        if Files.exists(out) {
            let isEmpty = Files.isFolder(out) ? try Files.list(out).isEmpty : false
            if !isEmpty { throw .usage("--out \(out) is there already; choose a new folder") }
        }
        let names = settings.optionalString("policy").map { [$0] } ?? ["S1", "S2", "S3", "S4"]
        var policies: [(name: String, variation: Variation)] = []
        for name in names {
            policies.append((name, try variation(name, settings, isOneOfMany: names.count > 1)))
        }
        if settings.value("augment_cutmix") != nil, settings.value("masks") == nil {
            throw .usage("--augment-cutmix goes with --masks: pictures with boxes are not mixed")
        }
        let set = try subjects(settings)
        let count = min(settings.int("pictures"), set.examples.count)
        if count == 0 { throw .data("\(settings.string("images")): there are no pictures") }
        if settings.bool("dry-run") {
            print("would show \(names.joined(separator: ", ")) on \(count) of \(set.examples.count) pictures in \(out)")
            return .done
        }
        let side = settings.int("size")
        let pixels = policies.count * count * (settings.int("draws") + 1) * (side + 8) * (side + 60)
        if pixels > 1 << 28 {
            throw .usage(
                "sheets of \(pixels >> 20) million pixels are too large; choose one --policy, fewer --pictures or --draws, "
                    + "or a smaller --size")
        }
        let chosen = try readable(set, count)
        try Files.makeFolder(out)
        let sides = chosen.map { min($0.size.width, $0.size.height) }.sorted()
        try settings.warnOfSmallPictures(side: sides[sides.count / 2], names.filter { (try? Policy.named($0)) != nil })
        let target = Size(width: side, height: side)
        let seed = UInt64(settings.int("seed"))
        let isBackground = settings.value("classes") == nil || set.classes.hasBackground
        var sheets = policies.map { (name: $0.name, sheet: ContactSheet()) }
        // Picture by picture, so that few of them are in memory at a time, whatever their size.
        for (row, (index, source)) in chosen.enumerated() {
            let whole = try subject(set, index, isBackground: isBackground)
            for (place, (_, variation)) in policies.enumerated() {
                var subject = whole
                // In classification and for contrast pictures have no boxes and no mask.
                if case .fitted = variation {
                } else {
                    (subject.boxes, subject.ignored, subject.mask) = ([], [], nil)
                }
                var plans: [(plan: Plan, cut: ContactSheet.Cut?)] = [
                    (variation.evaluation(for: source, target: target), nil)
                ]
                for draw in 0..<settings.int("draws") {
                    var random = Random(seed: seed, purpose: .augmentation, epoch: draw, index: index)
                    let plan = variation.plan(
                        for: source, boxes: subject.boxes.map(\.box), target: target, random: &random)
                    let cut = try cut(variation, target, chosen.count, &random) { step throws(Failure) in
                        try self.subject(
                            set, chosen[(row + step) % chosen.count].index, isBackground: isBackground)
                    }
                    plans.append((plan, cut))
                }
                sheets[place].sheet.add(subject, plans)
            }
        }
        for (name, sheet) in sheets {
            try Files.write(sheet.image().png(), to: Files.join(out, name + ".png"))
            try Files.makeFolder(Files.join(out, name))
            for (row, tiles) in sheet.rows.enumerated() {
                for (column, tile) in tiles.enumerated() {
                    try Files.write(tile.image.jpeg(), to: Files.join(out, "\(name)/\(row)-\(column).jpg"))
                }
            }
        }
        let hasLabels = settings.value("gt") != nil || settings.value("masks") != nil
        try Files.write(
            AugmentPage.html(
                sheets, chosen.map { set.examples[$0.index].fileName }, classes: hasLabels ? set.classes.names : []),
            to: Files.join(out, "index.html"))
        let files = sheets.map { Files.join(out, $0.name + ".png") } + [Files.join(out, "index.html")]
        if settings.bool("json") {
            print(
                JSON.object([
                    "out": .string(out), "pictures": .int(chosen.count), "draws": .int(settings.int("draws")),
                    "files": .array(files.map { .string($0) }),
                ]).canonical)
        } else {
            print(
                "\(names.joined(separator: ", ")) on \(chosen.count) picture\(chosen.count == 1 ? "" : "s"): "
                    + files.joined(separator: ", "))
        }
        return .done
    }

    /// What the policy of that name is with these settings.
    private static func variation(_ name: String, _ settings: Settings, isOneOfMany: Bool) throws(Failure) -> Variation
    {
        func refuse(_ keys: [Key], _ reason: String) throws(Failure) {
            if let key = keys.first(where: { settings.isGiven($0.name) }) {
                throw .usage("\(key.flag) goes with \(reason)")
            }
        }
        if name == simCLR {
            try refuse(AugmentationKeys.changes, "S1 to S4; contrastive views are SimCLR's")
            return .views(.simCLR)
        }
        if let known = CropPolicy.all.first(where: { $0.name == name }) {
            let own = AugmentationKeys.canvasChanges.map(\.name)
            try refuse(
                AugmentationKeys.changes.filter { !own.contains($0.name) }, "S1 to S4; \(name) is of classification")
            var policy = known.scaled(to: settings.int("size"))
            policy.operators = try settings.changed(policy.operators, of: name, skipsUnfit: false)
            return .cropped(policy)
        }
        // With all four shown, each takes the changes that it can.
        return .fitted(try settings.policy(name, skipsUnfit: isOneOfMany))
    }

    /// Pictures that can be read, evenly from the set, each once; in the place of one that cannot be read is, as in training,
    /// the next.
    private static func readable(_ set: Dataset, _ count: Int) throws(Failure) -> [(index: Int, size: Size)] {
        var (chosen, tried): ([(index: Int, size: Size)], Set<Int>) = ([], [])
        var broken = 0
        rows: for row in 0..<count {
            for offset in 0..<set.examples.count {
                let index = (row * set.examples.count / count + offset) % set.examples.count
                guard tried.insert(index).inserted else { continue }
                do throws(Failure) {
                    chosen.append((index, try subject(set, index, isBackground: true).image.size))
                    break
                } catch {
                    Console.standardError.line("warning: \(error.message)")
                    broken += 1
                    if chosen.isEmpty, tried.count == min(10, set.examples.count) {
                        throw .data(
                            "none of the first \(tried.count) pictures that were tried of \(set.source) can be read")
                    }
                    if broken == 100 {
                        Console.standardError.line("warning: no more pictures are tried")
                        break rows
                    }
                }
            }
        }
        return chosen
    }

    /// A part of another picture of the sheet, where the policy mixes them.
    /// - Parameter other: the picture that lies so many rows below.
    private static func cut(
        _ variation: Variation, _ canvas: Size, _ pictures: Int, _ random: inout Random,
        other: (Int) throws(Failure) -> ContactSheet.Subject
    ) throws(Failure) -> ContactSheet.Cut? {
        guard case .fitted(let policy) = variation, pictures > 1,
            let rect = policy.cutMix?.rect(on: canvas, stride: 4, random: &random)
        else {
            return nil
        }
        let subject = try other(1 + random.below(pictures - 1))
        return ContactSheet.Cut(
            rect: rect, subject: subject,
            plan: policy.plan(for: subject.image.size, target: canvas, random: &random))
    }

    private static func subjects(_ settings: Settings) throws(Failure) -> Dataset {
        let images = settings.string("images")
        var boxes: Dataset?
        if let path = settings.optionalString("gt") {
            if settings.value("masks") != nil, settings.value("classes") != nil {
                throw .usage("--classes is of boxes or of masks; with both --gt and --masks leave it out")
            }
            boxes = try settings.readSet(path, images: "images", part: settings.optionalString("part"))
        } else if settings.value("part") != nil {
            throw .usage("--part goes with --gt")
        }
        guard let folder = settings.optionalString("masks") else {
            if let key = ["split", "mask-values"].first(where: { settings.value($0) != nil }) {
                throw .usage("--\(key) goes with --masks")
            }
            if let boxes { return boxes }
            return try Dataset.pool([images])
        }
        // Where nobody says what the values mean, each is a class.
        let classes = try MaskClasses.read(settings.optionalString("classes") ?? "255")
        let masked = try Dataset.masked(
            images: images, masks: folder, list: settings.optionalString("split"), classes: classes,
            values: try settings.maskValues())
        for note in masked.notes { Console.standardError.line("\(folder): \(note)") }
        guard var set = boxes else { return masked }
        var masks: [String: MaskFile] = [:]
        for example in masked.examples { masks[try Files.absolute(masked.path(of: example))] = example.mask }
        set.maskCoding = masked.maskCoding
        for i in set.examples.indices {
            set.examples[i].mask = masks[try Files.absolute(set.path(of: set.examples[i]))]
        }
        set.examples.removeAll { $0.mask == nil }
        if set.examples.isEmpty { throw .data("\(folder): no picture of \(set.source) has a mask there") }
        return set
    }

    private static func subject(
        _ set: Dataset, _ index: Int, isBackground: Bool
    ) throws(Failure) -> ContactSheet.Subject {
        let example = set.examples[index]
        let image = try ImageFile.decode(set.path(of: example)).image
        var subject = ContactSheet.Subject(
            image: image,
            boxes: example.objects.map { ($0.box, $0.label, set.classes.names[$0.label]) })
        subject.ignored = example.annotations.filter { $0.treatment == .ignore }.map(\.box)
        if let file = example.mask {
            let mask = try set.labelMap(of: example)
            guard mask.size == image.size else {
                throw .data(
                    "\(file.path): a mask of \(mask.width)x\(mask.height) pixels for a picture of "
                        + "\(image.width)x\(image.height)")
            }
            subject.mask = mask
            subject.isZeroBackground = isBackground
        }
        return subject
    }
}

/// The page of `pupil augment`.
private enum AugmentPage {
    static func html(
        _ sheets: [(name: String, sheet: ContactSheet)], _ pictures: [String], classes: [String]
    ) -> String {
        var body = ""
        if !classes.isEmpty {
            let colours = classes.enumerated().map { label, name in
                let color = Color.forClass(label)
                return
                    "<span style=\"background: rgb(\(color.red) \(color.green) \(color.blue))\"></span> \(name.asHTML)"
            }
            body += "<p class=classes>\(colours.joined(separator: "&ensp;\n"))</p>\n"
        }
        for (name, sheet) in sheets {
            body += "<h2>\(name.asHTML)</h2>\n"
            for (row, tiles) in sheet.rows.enumerated() {
                body += "<h3>\(pictures[row].asHTML)</h3>\n<div class=row>\n"
                for (column, tile) in tiles.enumerated() {
                    body +=
                        "<figure><img src=\"\(name.asHTML)/\(row)-\(column).jpg\" alt=\"\" loading=lazy>"
                        + "<figcaption>\(tile.caption.asHTML)</figcaption></figure>\n"
                }
                body += "</div>\n"
            }
        }
        return """
            <!doctype html>
            <html lang=en>
            <meta charset=utf-8>
            <meta name=viewport content="width=device-width, initial-scale=1">
            <title>Augmentation</title>
            <style>
            body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem; background: #fff; color: #222 }
            h3 { font-weight: 500; color: #666; margin-bottom: .4rem }
            .row { display: flex; flex-wrap: wrap; gap: 12px }
            figure { margin: 0; width: 256px }
            .classes span { display: inline-block; width: .8em; height: .8em; border-radius: 2px }
            img { width: 100%; display: block; border-radius: 3px }
            figcaption { font-size: 12px; color: #555; margin-top: 4px }
            @media (prefers-color-scheme: dark) { body { background: #18181b; color: #eee } figcaption, h3 { color: #aaa } }
            </style>
            <h1>Augmentation</h1>
            <p>The first of each row is the picture as evaluation sees it; under each other one stands what was done to it.
            Black is padding, which the network sees as the mean colour; grey is what an operator moved in or covered; a white veil
            is of pixels, a grey box of a region, in which nothing is learned.</p>
            \(body)</html>

            """
    }
}
