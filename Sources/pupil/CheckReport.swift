import Annotations
import Augmentation
import Base
import Geometry
import Journal
import Models
import Recipes

/// All that `pupil check` finds, and how it is said.
struct CheckReport {
    struct Part {
        /// train, val, test or unlabelled.
        let role: String
        let set: Dataset
        let facts: [PictureFacts]
        let summary: SetSummary
        /// What its reader left out or changed.
        let reading: Findings
        /// Of a set with masks.
        var masks: [MaskFacts]?
    }

    private(set) var parts: [Part] = []
    private(set) var findings = Findings()
    /// How many objects of each class of the first set no anchor reaches and the median side of their boxes in pixels of
    /// the canvas, `[K]`; and the model they were held against.
    private(set) var anchors: (model: String, size: Int, missed: [Int], medianSides: [Float])?

    /// Reads and checks everything that the settings name.
    /// - Throws: where a file cannot be read at all; what is wrong in one that can is among the findings.
    init(_ settings: Settings, threads: Int, hasMasks: Bool) throws(Failure) {
        let look: Dataset.Look = settings.bool("pixels") ? .pixels : .headers
        for (role, key, images) in [
            ("train", "data", "images"), ("val", "val", "val-images"), ("test", "test", "test-images"),
        ] {
            if hasMasks {
                try addMasked(role, settings, look, threads)
                continue
            }
            guard let path = settings.optionalString(key) else { continue }
            var reading = Findings()
            let classes = try settings.classNames("classes")
            let set = try settings.withPictures(images) { images throws(Failure) in
                reading = Findings()
                return try Dataset.read(
                    path, images: images, part: role, classes: classes, vocPixels: settings.vocPixels, into: &reading)
            }
            findings.add(reading)
            add(role, set, reading, look, threads)
            set.checkLabels(into: &findings)
            if let far = Self.boxesFarOut(reading, set) { findings.add(.boxesStickOut, Place(file: set.source), far) }
        }
        let folders = settings.strings("unlabelled")
        if !folders.isEmpty {
            let pool = try Dataset.pool(folders)
            for note in pool.notes { Console.standardError.line("\(pool.source): \(note)") }
            add("unlabelled", pool, Findings(), look, threads)
        }
        for part in parts where part.role != "unlabelled" && !hasMasks {
            part.set.checkUnlisted(besides: parts.map(\.set), into: &findings)
        }
        compare(threads)
    }

    /// What to say where so many boxes leave their pictures that their numbers may mean another thing.
    private static func boxesFarOut(_ reading: Findings, _ set: Dataset) -> String? {
        let objects = set.examples.reduce(0) { $0 + $1.annotations.count }
        return reading.boxesFarOut * 10 > objects
            ? "\(reading.boxesFarOut) of \(objects) boxes stick out by more than a tenth of their picture" : nil
    }

    /// Of a set that cannot be read at all.
    init(unreadable path: String, _ failure: Failure) {
        findings.add(.fileUnreadable, Place(file: path), failure.message)
    }

    private mutating func addMasked(
        _ role: String, _ settings: Settings, _ look: Dataset.Look, _ threads: Int
    ) throws(Failure) {
        var reading = Findings()
        let prefix = role == "train" ? "" : role + "-"
        // Nobody need name a val or test set here.
        let isNamed = [role == "train" ? "data" : role, prefix + "images", prefix + "masks", prefix + "split"]
            .contains { settings.value($0) != nil }
        guard isNamed, let set = try settings.readMaskedSet(role, path: role == "train" ? "data" : role, into: &reading)
        else { return }
        findings.add(reading)
        add(role, set, reading, look, threads)
        let masks = set.lookAtMasks(threads: threads)
        set.checkMasks(masks, parts[parts.count - 1].facts, into: &findings)
        parts[parts.count - 1].masks = masks
    }

    private mutating func add(
        _ role: String, _ set: Dataset, _ reading: Findings, _ look: Dataset.Look, _ threads: Int
    ) {
        let progress = Monitor((line: ProgressLine(label: "looking at \(role)", total: set.examples.count), done: 0))
        let facts = set.lookAtPictures(look, threads: threads) { done in
            progress.withLock {
                if done <= $0.done { return }
                $0.line.advance(to: done, items: done - $0.done)
                $0.done = done
            }
        }
        progress.withLock { $0.line.finish() }
        var pictures = Findings()
        set.check(facts, into: &pictures)
        // What nobody can read of a pool is passed over, and training begins.
        findings.add(
            role == "unlabelled"
                ? pictures.renamed([.imageMissing, .imageUnreadable], to: .poolImageUnreadable) : pictures)
        parts.append(Part(role: role, set: set, facts: facts, summary: SetSummary(set, facts), reading: reading))
    }

    /// Sets against each other: one list of classes, no picture in two of them. A pool may share with train.
    private mutating func compare(_ threads: Int) {
        for part in parts { part.set.checkCopies(part.facts, threads: threads, into: &findings) }
        guard let train = parts.first else { return }
        for part in parts.dropFirst() where part.role != "unlabelled" {
            do throws(Failure) {
                try part.set.requireSameClasses(as: train.set, naming: part.set.source, train.set.source)
            } catch { findings.add(.classesDiffer, Place(file: part.set.source), error.message) }
        }
        for (i, part) in parts.enumerated() where part.role == "val" || part.role == "test" {
            for (j, other) in parts.enumerated() where other.role == "unlabelled" || j < i {
                other.set.checkShared(
                    other.facts, with: part.set, part.facts, named: part.role, threads: threads, into: &findings)
            }
        }
    }

    /// Holds the boxes of the first set against a model's anchors, as evaluation puts them on the canvas.
    mutating func checkAnchors(of model: String, _ spec: RetinaNetSpec, size: Int) {
        guard let part = parts.first else { return }
        let canvas = Size(width: size, height: size)
        var missed = [Int](repeating: 0, count: part.set.classes.count)
        var sides = [[Float]](repeating: [], count: missed.count)
        for (example, fact) in zip(part.set.examples, part.facts) {
            guard let picture = fact.size ?? example.size else { continue }
            let plan = Plan.evaluation(for: picture, target: canvas)
            for label in example.objects {
                guard let box = plan(label.box) else { continue }
                sides[label.label].append(box.area.squareRoot())
                if spec.anchors.bestOverlap(box, canvas: canvas) < spec.matcher.positive { missed[label.label] += 1 }
            }
        }
        let medians = sides.map { list -> Float in list.isEmpty ? .nan : list.sorted()[list.count / 2] }
        anchors = (model, size, missed, medians)
        for (k, count) in part.summary.classes.enumerated() where missed[k] * 10 > count.objects && count.objects > 0 {
            findings.add(
                .anchorsMiss, Place(file: part.set.source),
                "\(missed[k]) of \(count.objects) objects of the class \"\(count.name)\" have no anchor of \(model) with "
                    + "IoU \(spec.matcher.positive) at \(size) pixels (their median side there is "
                    + "\(TextTable.fixed(Double(medians[k]), 0)) pixels)")
        }
    }

    /// Writes the mended first set and what was changed into a new folder; returns how many changes there are.
    func writeMended(to folder: String) throws(Failure) -> Int {
        guard let part = parts.first else { return 0 }
        if let far = Self.boxesFarOut(part.reading, part.set) {
            throw .data("\(part.set.source) cannot be mended: \(far); cut at the edge, they would only look right")
        }
        let isCOCO = try DatasetFormat.of(part.set.source) == .coco
        var (set, changes) = try part.set.mended(part.facts, after: part.reading)
        set.root = try Files.absolute(set.root)
        return try Files.makeWhole(folder) { folder throws(Failure) in
            try Files.write(
                changes.joined(separator: "\n")
                    + "\n\nThe pictures lie in \(set.root); give that folder with --images.\n"
                    + (isCOCO
                        ? "What else the file holds (masks, keypoints, info, licenses, ...) is carried over, but not of annotations "
                            + "or pictures that shared an id, nor of the second of two pictures or classes of one name; whole "
                            + "numbers of more than 64 bits become the nearest double.\n" : ""),
                to: Files.join(folder, "changes.txt"))
            try set.writeCOCO(to: Files.join(folder, "annotations.json"), restOf: part.set)
            return changes.count
        }
    }
}

// MARK: - How it is said

extension CheckReport {
    var json: JSON {
        let sets = parts.map { part -> JSON in
            guard case .object(var members) = part.summary.json else { return .null }
            members["role"] = .string(part.role)
            if let masks = part.masks {
                for key in ["box_sides", "objects", "regions", "without_label"] { members[key] = nil }
                members["classes"] = .array(
                    part.set.classes.names.enumerated().map { k, name in
                        let of = masks.map { k < $0.pixels.count ? $0.pixels[k] : 0 }
                        return [
                            "id": .int(part.set.classes.ids[k]), "name": .string(name), "pixels": .int(of.reduce(0, +)),
                            "pictures": .int(of.count { $0 > 0 }),
                        ]
                    })
                members["ignored_pixels"] = .int(masks.reduce(0) { $0 + $1.ignored })
            }
            members["notes"] = .array(part.set.notes.map { .string($0) })
            members["source"] = .string(part.set.source)
            return .object(members)
        }
        let list = findings.list.map { finding -> JSON in
            [
                "rule": .string(finding.rule.rawValue), "severity": .string(finding.rule.severity.rawValue),
                "file": .string(finding.place.file), "line": finding.place.line.map { .int($0) } ?? .null,
                "image": finding.place.image.map { .string($0) } ?? .null,
                "item": finding.place.item.map { .string($0) } ?? .null, "message": .string(finding.message),
            ]
        }
        let counts = Dictionary(uniqueKeysWithValues: findings.counts.map { ($0.key.rawValue, JSON.int($0.value)) })
        var out: [String: JSON] = [
            "sets": .array(sets), "findings": .array(list), "counts": .object(counts),
            "errors": .int(findings.count(.error)), "warnings": .int(findings.count(.warning)),
            "notes": .int(findings.count(.note)),
        ]
        if let anchors, let part = parts.first {
            out["anchors"] = [
                "model": .string(anchors.model), "size": .int(anchors.size),
                "classes": .array(
                    zip(part.summary.classes, zip(anchors.missed, anchors.medianSides)).map { count, values in
                        [
                            "name": .string(count.name), "objects": .int(count.objects), "missed": .int(values.0),
                            "median_side": .number(Double(values.1)),
                        ]
                    }),
            ]
        }
        return .object(out)
    }

    var text: String {
        (parts.map(text(of:)) + [anchorsText, findingsText]).filter { !$0.isEmpty }.joined(separator: "\n")
    }

    private func text(of part: Part) -> String {
        let s = part.summary
        var out = "\(part.role): \(part.set.source)\n  \(s.pictures) pictures"
        if let sizes = s.pictureSizes {
            let (a, b) = (sizes.smallest, sizes.largest)
            out += a == b ? " of \(a.width)x\(a.height)" : " of \(a.width)x\(a.height) to \(b.width)x\(b.height)"
        }
        if part.role == "unlabelled" { return out + "\n" }
        if let masks = part.masks {
            let notes = part.set.notes.map { "\n  " + $0 }.joined()
            return out + notes + "\n\n" + masksText(part.set, masks)
        }
        out += ", \(s.withoutLabel) without a label; \(s.objects) objects, \(s.regions) ignored regions\n"
        out += part.set.notes.map { "  \($0)\n" }.joined() + "\n"
        var table = TextTable(["id", "class", "objects", "pictures"])
        for c in s.classes { table.add(["\(c.id)", c.name, "\(c.objects)", "\(c.pictures)"]) }
        out += table.text + "\n"
        var sides = TextTable(["side of a box, px", "objects", ""])
        let most = max(1, s.boxSides.max() ?? 1)
        for (k, count) in s.boxSides.enumerated() {
            let low = k == 0 ? 0 : SetSummary.sideBounds[k - 1]
            let name = k < SetSummary.sideBounds.count ? "\(low) to \(SetSummary.sideBounds[k])" : "\(low) and more"
            sides.add([name, "\(count)", String(repeating: "#", count: (count * 40 + most - 1) / most)])
        }
        return out + sides.text
    }

    /// Pixels and pictures of each class.
    private func masksText(_ set: Dataset, _ masks: [MaskFacts]) -> String {
        var table = TextTable(["id", "class", "% of pixels", "pictures"])
        let all = masks.reduce(0) { $0 + $1.pixels.reduce(0, +) + $1.ignored }
        func share(_ pixels: Int) -> String { TextTable.fixed(100 * Double(pixels) / Double(max(1, all)), 2) }
        for (k, name) in set.classes.names.enumerated() {
            let of = masks.map { k < $0.pixels.count ? $0.pixels[k] : 0 }
            table.add([
                "\(set.classes.ids[k])", name, share(of.reduce(0, +)), "\(of.count { $0 > 0 })",
            ])
        }
        table.add(["", "ignored", share(masks.reduce(0) { $0 + $1.ignored }), "\(masks.count { $0.ignored > 0 })"])
        return table.text
    }

    private var anchorsText: String {
        guard let anchors, let part = parts.first else { return "" }
        var table = TextTable(["class", "objects", "no anchor fits", "median side, px"])
        for (k, c) in part.summary.classes.enumerated() {
            table.add([
                c.name, "\(c.objects)", "\(anchors.missed[k])", TextTable.fixed(Double(anchors.medianSides[k]), 0),
            ])
        }
        return "anchors of \(anchors.model) on a canvas of \(anchors.size) pixels\n\n" + table.text
    }

    private var findingsText: String {
        if findings.counts.isEmpty { return "nothing to complain about\n" }
        var out = ""
        let rules = findings.counts.keys.sorted { ($1.severity, $0.rawValue) < ($0.severity, $1.rawValue) }
        for rule in rules {
            let count = findings.counts[rule] ?? 0
            out += "\(rule.severity.rawValue) \(rule.rawValue) (\(count)): \(rule.advice)\n"
            for finding in findings.list.lazy.filter({ $0.rule == rule }).prefix(5) { out += "    \(finding)\n" }
            if count > 5 { out += "    ... and \(count - 5) more (--json lists them)\n" }
        }
        return out
            + "\n\(findings.count(.error)) errors, \(findings.count(.warning)) warnings, \(findings.count(.note)) notes\n"
    }
}
