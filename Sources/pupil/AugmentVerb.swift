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
        let pixels = count * (settings.int("draws") + 1) * (side + 8) * (side + 60)
        if pixels > 1 << 28 {
            throw .usage(
                "a sheet of \(pixels >> 20) million pixels is too large; choose fewer --pictures or --draws, or a smaller "
                    + "--size")
        }
        var chosen: [(index: Int, subject: ContactSheet.Subject)] = []
        let isBackground = settings.value("classes") == nil || set.classes.hasBackground
        for row in 0..<count {
            chosen.append(try readable(set, from: row * set.examples.count / count, isBackground: isBackground))
        }
        let subjects = chosen.map(\.subject)
        let sides = subjects.map { min($0.image.width, $0.image.height) }.sorted()
        try settings.warnOfSmallPictures(side: sides[sides.count / 2], names.filter { (try? Policy.named($0)) != nil })
        let target = Size(width: side, height: side)
        let seed = UInt64(settings.int("seed"))
        try Files.makeFolder(out)
        var sheets: [(name: String, sheet: ContactSheet)] = []
        for (name, variation) in policies {
            var sheet = ContactSheet()
            for (row, whole) in subjects.enumerated() {
                var subject = whole
                // In classification and for contrast pictures have no boxes and no mask.
                if case .fitted = variation {} else { (subject.boxes, subject.mask) = ([], nil) }
                let source = subject.image.size
                let plans = (0..<settings.int("draws")).map { draw -> (plan: Plan, cut: ContactSheet.Cut?) in
                    var random = Random(seed: seed, purpose: .augmentation, epoch: draw, index: chosen[row].index)
                    let plan = variation.plan(
                        for: source, boxes: subject.boxes.map(\.box), target: target, random: &random)
                    return (plan, cut(variation, over: row, of: subjects, target, &random))
                }
                sheet.add(subject, [(variation.evaluation(for: source, target: target), nil)] + plans)
            }
            try Files.write(sheet.image().png(), to: Files.join(out, name + ".png"))
            try Files.makeFolder(Files.join(out, name))
            for (row, tiles) in sheet.rows.enumerated() {
                for (column, tile) in tiles.enumerated() {
                    try Files.write(tile.image.jpeg(), to: Files.join(out, "\(name)/\(row)-\(column).jpg"))
                }
            }
            sheets.append((name, sheet))
        }
        try Files.write(
            AugmentPage.html(sheets, chosen.map { set.examples[$0.index].fileName }), to: Files.join(out, "index.html"))
        let files = sheets.map { Files.join(out, $0.name + ".png") } + [Files.join(out, "index.html")]
        if settings.bool("json") {
            print(
                JSON.object([
                    "out": .string(out), "pictures": .int(count), "draws": .int(settings.int("draws")),
                    "files": .array(files.map { .string($0) }),
                ]).canonical)
        } else {
            print("\(names.joined(separator: ", ")) on \(count) pictures: \(files.joined(separator: ", "))")
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

    /// The picture of that index, or, as in training, the next one of the set in the place of one that cannot be read.
    private static func readable(
        _ set: Dataset, from index: Int, isBackground: Bool
    ) throws(Failure) -> (index: Int, subject: ContactSheet.Subject) {
        var last: Failure?
        for offset in 0..<min(100, set.examples.count) {
            let at = (index + offset) % set.examples.count
            do throws(Failure) { return (at, try subject(set, at, isBackground: isBackground)) } catch {
                Console.standardError.line("warning: \(error.message)")
                last = error
            }
        }
        throw last ?? .data("there are no pictures")
    }

    /// A part of another picture of the sheet, where the policy mixes them.
    private static func cut(
        _ variation: Variation, over row: Int, of subjects: [ContactSheet.Subject], _ canvas: Size,
        _ random: inout Random
    ) -> ContactSheet.Cut? {
        guard case .fitted(let policy) = variation, subjects.count > 1,
            let rect = policy.cutMix?.rect(on: canvas, stride: 4, random: &random)
        else {
            return nil
        }
        let other = subjects[(row + 1 + random.below(subjects.count - 1)) % subjects.count]
        return ContactSheet.Cut(
            rect: rect, subject: other, plan: policy.plan(for: other.image.size, target: canvas, random: &random))
    }

    private static func subjects(_ settings: Settings) throws(Failure) -> Dataset {
        let images = settings.string("images")
        var boxes: Dataset?
        if let path = settings.optionalString("gt") {
            if settings.value("masks") != nil, settings.value("classes") != nil {
                throw .usage("--classes is of boxes or of masks; with both --gt and --masks leave it out")
            }
            boxes = try settings.readSet(path, images: "images", part: nil)
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
            boxes: example.annotations.map { ($0.box, $0.label, set.classes.names[$0.label]) })
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
    static func html(_ sheets: [(name: String, sheet: ContactSheet)], _ pictures: [String]) -> String {
        var body = ""
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
            img { width: 100%; display: block; border-radius: 3px }
            figcaption { font-size: 12px; color: #555; margin-top: 4px }
            @media (prefers-color-scheme: dark) { body { background: #18181b; color: #eee } figcaption, h3 { color: #aaa } }
            </style>
            <h1>Augmentation</h1>
            <p>The first of each row is the picture as evaluation sees it; under each other one stands what was done to it.</p>
            \(body)</html>

            """
    }
}
