import Base
import Geometry
import Imaging
import Testing

@testable import Annotations

/// A picture with structure, another for each seed.
private func picture(_ width: Int, _ height: Int, seed: UInt64) -> Image {
    var random = Random(seed: seed, purpose: .test)
    var image = Image(width: width, height: height, red: 90, green: 90, blue: 90)
    for _ in 0..<40 {
        let (x, y) = (random.below(width - 8), random.below(height - 8))
        let (w, h) = (8 + random.below(width / 3), 8 + random.below(height / 3))
        let value = UInt8(random.below(256))
        for yy in y..<min(height, y + h) {
            for xx in x..<min(width, x + w) { for c in 0..<3 { image.pixels[(yy * width + xx) * 3 + c] = value } }
        }
    }
    return image
}

private func labelled(_ id: Int, _ box: Box, _ label: Int = 0) -> Annotation {
    Annotation(id: id, box: box, label: label)
}

@Suite struct CheckTests {
    private func set(_ scratch: Scratch, _ names: [(String, Size?, [Annotation])], folder: String = "") -> Dataset {
        var set = Dataset(
            root: Files.join(scratch.path, folder), classes: ClassTable(names: ["cat", "dog"]),
            examples: names.enumerated().map { Example(id: $0 + 1, fileName: $1.0, size: $1.1, annotations: $1.2) })
        set.source = "labels.json"
        return set
    }

    private func write(_ image: Image, _ scratch: Scratch, _ name: String, quality: Int = 92) throws {
        let path = Files.join(scratch.path, name)
        try Files.makeFolder(Files.folder(path))
        try Files.write(name.hasSuffix("png") ? image.png() : image.jpeg(quality: quality), to: path)
    }

    @Test func factsSayWhatAPictureIs() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try write(picture(60, 40, seed: 1), scratch, "whole.jpg")
        var cut = try Files.read(scratch.path + "/whole.jpg")
        cut.removeLast(cut.count / 2)
        try Files.write(cut, to: scratch.path + "/cut.jpg")
        var endless = try Files.read(scratch.path + "/whole.jpg")
        endless.removeLast(2)
        try Files.write(endless, to: scratch.path + "/endless.jpg")
        let all = set(
            scratch,
            [
                ("whole.jpg", Size(width: 60, height: 40), []), ("cut.jpg", Size(width: 60, height: 40), []),
                ("endless.jpg", Size(width: 60, height: 40), []), ("whole.jp", nil, []),
                ("whole.jpg/", nil, []),
            ])
        let facts = all.lookAtPictures(.pixels, threads: 1)
        #expect(facts[0].size == Size(width: 60, height: 40) && facts[0].refusal == nil && facts[0].damage.isEmpty)
        #expect(facts[1].size == nil && facts[1].refusal?.contains("rows are there") == true)
        #expect(facts[2].size != nil && facts[2].damage == ["no end marker; all rows are there"])
        #expect(facts[3].bytes == nil)
        #expect(facts == all.lookAtPictures(.pixels, threads: 8))
        let headers = all.lookAtPictures(.headers)
        #expect(headers.map(\.size) == [facts[0].size, facts[0].size, facts[0].size, nil, nil])
        #expect(headers.allSatisfy { $0.hash == nil })

        var findings = Findings()
        all.check(facts, into: &findings)
        #expect(findings.counts == [.imageUnreadable: 1, .imageDamaged: 1, .imageMissing: 2])
        let missing = findings.list.filter { $0.rule == .imageMissing }
        #expect(missing[0].description.hasSuffix("did you mean whole.jpg?"))
        #expect(message { try findings.requireNoErrors() }.contains("(and 2 more; `pupil check --json` lists them)"))
    }

    @Test func sizesAreHeldAgainstTheAnnotations() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try write(picture(60, 40, seed: 1), scratch, "a.jpg")
        try write(picture(60, 40, seed: 2), scratch, "b.png")
        try write(picture(50, 50, seed: 3), scratch, "c.png")
        // As stored 60x40, with EXIF's quarter turn.
        let turn = [UInt8](
            [0xFF, 0xE1, 0, 34] + "Exif\0\0II*\0\u{8}\0\0\0\u{1}\0".utf8 + [
                0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0,
            ])
        let plain = try Files.read(scratch.path + "/a.jpg")
        try Files.write(plain[..<2] + turn + plain[2...], to: scratch.path + "/d.jpg")
        let all = set(
            scratch,
            [
                ("a.jpg", Size(width: 40, height: 60), []), ("b.png", Size(width: 120, height: 80), []),
                ("c.png", Size(width: 50, height: 50), []), ("d.jpg", Size(width: 60, height: 40), []),
            ])
        var findings = Findings()
        let facts = all.lookAtPictures(.headers)
        all.check(facts, into: &findings)
        #expect(findings.list.map(\.rule) == [.imageSizeDiffers, .imageSizeDiffers, .imageTurned])
        #expect(
            findings.list.map(\.message)[..<2] == [
                "the annotations say 40x60 pixels, the picture has 60x40: were width and height exchanged?",
                "the annotations say 120x80 pixels, the picture has 60x40",
            ])
        #expect(
            try all.mended(facts).changes == [
                "left out the picture a.jpg: it was labelled at 40x60 and has 60x40 pixels",
                "left out the picture b.png: it was labelled at 120x80 and has 60x40 pixels",
                "left out the picture d.jpg: it was labelled without its EXIF turn",
            ])
    }

    @Test func whatCannotBeReachedIsNotMissing() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let long = String(repeating: "x", count: 300) + ".jpg"
        try Files.link("nowhere.jpg", at: scratch.path + "/link.jpg")
        let all = set(scratch, [(long, nil, []), ("link.jpg", nil, [])])
        var findings = Findings()
        all.check(all.lookAtPictures(.headers), into: &findings)
        #expect(findings.list.map(\.rule) == [.imageUnreadable, .imageMissing])
        #expect(findings.list[0].message.hasSuffix("File name too long"))
        #expect(findings.list[1].message.hasSuffix(", but for a link of that name, which leads nowhere"))
    }

    /// What is wrong beside a box does not cost the box, and what is wrong with a size not the picture.
    @Test func mendingKeepsItemsWithoutTheirBadValues() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try write(picture(60, 40, seed: 1), scratch, "a.png")
        let file = try scratch.file(
            "labels.json",
            """
            {"images":[{"id":1,"file_name":"a.png","width":60}],"categories":[{"id":3,"name":"cat"}],
             "annotations":[
              {"id":7,"image_id":1,"category_id":3,"bbox":[1,2,10,10],"area":"big"},
              {"image_id":1,"category_id":3,"bbox":[2,2,10,10]},
              {"id":8,"image_id":1,"category_id":3,"bbox":[3,2,10,10],"iscrowd":"no","score":"high"},
              {"image_id":1,"category_id":3,"bbox":[4,2,10,10],"area":50},
              {"id":-3,"image_id":1,"category_id":3,"bbox":[5,2,10,10],"iscrowd":"0"},
              {"id":1,"image_id":1,"category_id":3,"bbox":[6,2,10,10],"is_crowd":1},
              {"id":2,"image_id":1,"category_id":3,"bbox":[7,2,10,10],"area":"big","treatment":"drop"}]}
            """)
        var findings = Findings()
        let set = try Dataset.read(file, into: &findings)
        // Of the last one the item itself is at fault.
        #expect(findings.counts == [.valueMalformed: 8, .itemMalformed: 1])
        #expect(message { try findings.requireNoErrors() }.contains("image a.png: has no \"height\" (and 8 more"))
        // Whether boxes fit their pictures cannot be told where no size is known.
        #expect(message { _ = try set.mended(set.lookAtPictures(.pixels), after: findings) }.contains("mean pixels"))
        try write(picture(60, 40, seed: 2), scratch, "b.png")
        let two = try scratch.file(
            "two.json",
            Files.readText(file).replacing(
                "\"images\":[", with: "\"images\":[{\"id\":2,\"file_name\":\"b.png\",\"width\":60,\"height\":40},"))
        findings = Findings()
        let both = try Dataset.read(two, into: &findings)
        let (mended, changes) = try both.mended(both.lookAtPictures(.pixels), after: findings)
        let labels = mended.examples[1].annotations
        #expect(mended.examples.map(\.size) == [Size(width: 60, height: 40), Size(width: 60, height: 40)])
        #expect(labels.map(\.id) == [7, 9, 8, 10, -3, 1] && labels.map(\.area) == [100, 100, 100, 50, 100, 100])
        #expect(labels.map(\.treatment) == [.object, .object, .ignore, .object, .object, .ignore])
        #expect(labels.map(\.isCrowd) == [false, false, false, false, false, true] && labels[2].provenance == nil)
        #expect(changes.contains("a.png: annotation 2 of the list: has the id 9 now"), "\(changes)")
        let out = scratch.path + "/mended.json"
        try mended.writeCOCO(to: out)
        #expect(try Dataset.coco(out, images: scratch.path).examples.map(\.annotations) == [[], labels])
    }

    /// What has lost all its labels is no background, and what is all ignored teaches nothing.
    @Test func mendingMakesNoBackground() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        for name in ["a.png", "b.png"] { try write(picture(60, 40, seed: 1), scratch, name) }
        var ignored = labelled(1, Box(x1: 5, y1: 5, x2: 25, y2: 25))
        let all = set(
            scratch, [("a.png", nil, [ignored]), ("b.png", nil, [labelled(2, Box(x1: 70, y1: 5, x2: 80, y2: 9))])])
        let facts = all.lookAtPictures(.headers)
        #expect(try all.mended(facts).set.examples.map(\.fileName) == ["a.png"])
        ignored.treatment = .ignore
        let nothing = set(scratch, [("a.png", nil, [ignored]), ("b.png", nil, [])])
        #expect(message { _ = try nothing.mended(facts) }.contains("no label is left that is not ignored"))
    }

    @Test func labelsAreHeldAgainstEachOther() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let box = Box(x1: 1, y1: 2, x2: 11, y2: 12)
        let beside = Box(x1: 21, y1: 2, x2: 31, y2: 12)
        let all = set(
            scratch,
            [
                ("a.jpg", nil, [labelled(1, box), labelled(2, box), labelled(3, box, 0)]),
                ("b.jpg", nil, [labelled(4, box), labelled(5, Box(x1: 0, y1: 0, x2: 30, y2: 1.5))]),
                (
                    "c.jpg", nil,
                    [
                        Annotation(id: 6, box: box, label: 0, area: 101),
                        Annotation(id: 7, box: beside, label: 0, area: 103),
                    ]
                ),
            ])
        var findings = Findings()
        all.checkLabels(into: &findings)
        #expect(findings.counts == [.classWithoutObject: 1, .boxTwice: 2, .boxTiny: 1, .boxArea: 1])
        #expect(
            findings.list.suffix(2).map(\.description) == [
                "labels.json: image b.jpg: annotation id 5: the box of 30 x 1.5 pixels is a line",
                "labels.json: image c.jpg: annotation id 7: its area is 103 pixels, and that of its box 100",
            ])
        #expect(findings.count(.warning) == 5 && findings.count(.error) == 0)
        try findings.requireNoErrors()
    }

    @Test func copiesAreFound() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        for seed in 0..<12 { try write(picture(90, 70, seed: UInt64(seed)), scratch, "p/\(seed).jpg") }
        try Files.write(Files.read(scratch.path + "/p/3.jpg"), to: scratch.path + "/p/copy.jpg")
        try write(picture(90, 70, seed: 5), scratch, "p/weak.jpg", quality: 40)
        try write(picture(90, 70, seed: 6).resized(to: Size(width: 64, height: 50)), scratch, "p/small.png")
        try write(Image(width: 40, height: 40, red: 9, green: 9, blue: 9), scratch, "p/plain1.png")
        try write(Image(width: 50, height: 50, red: 200, green: 9, blue: 9), scratch, "p/plain2.png")
        let names = try Files.list(scratch.path + "/p")
        let all = set(scratch, names.map { ($0, nil, []) }, folder: "p")
        let facts = all.lookAtPictures(.pixels)
        var findings = Findings()
        all.checkCopies(facts, threads: 2, into: &findings)
        let said = findings.list.map { "\($0.place.image ?? "") \($0.message)" }
        #expect(findings.counts == [.imageTwice: 1, .imageAlike: 2], "\(said)")
        #expect(said.contains("copy.jpg is the same file as 3.jpg"))
        #expect(said.contains { $0.hasPrefix("weak.jpg looks like 5.jpg (") })
        #expect(said.contains { $0.hasPrefix("small.png looks like 6.jpg (") })

        try write(picture(80, 80, seed: 77), scratch, "q/new.jpg")
        try Files.write(Files.read(scratch.path + "/p/4.jpg"), to: scratch.path + "/q/other name.jpg")
        try write(picture(90, 70, seed: 8), scratch, "q/again.jpg", quality: 50)
        let other = set(scratch, ["again.jpg", "new.jpg", "other name.jpg"].map { ($0, nil, []) }, folder: "q")
        for looked in [true, false] {
            var shared = Findings()
            other.checkShared(
                looked ? other.lookAtPictures(.pixels) : nil, with: all, looked ? facts : nil, named: "val", threads: 1,
                into: &shared)
            #expect(shared.counts == (looked ? [.setsShareImage: 1, .setsShareAlike: 1] : [.setsShareImage: 1]))
            #expect(shared.list.last { $0.rule == .setsShareImage }?.message == "is the same file as 4.jpg of val")
        }
    }

    @Test func picturesThatNobodyListsAreNoted() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        for name in ["a/1.jpg", "a/2.jpg", "a/notes.txt", "b/3.png", "c/4.jpg"] { _ = try scratch.file(name) }
        var findings = Findings()
        set(scratch, [("a/1.jpg", nil, []), ("b/3.png", nil, [])]).checkUnlisted(into: &findings)
        #expect(findings.list.map(\.place.image) == ["a/2.jpg"])
    }

    @Test func summaryCounts() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        var crowd = labelled(9, Box(x1: 0, y1: 0, x2: 50, y2: 50))
        crowd.treatment = .ignore
        let all = set(
            scratch,
            [
                ("a.jpg", Size(width: 100, height: 80), [labelled(1, Box(x1: 0, y1: 0, x2: 3, y2: 3)), crowd]),
                (
                    "b.jpg", Size(width: 50, height: 40),
                    [
                        labelled(2, Box(x1: 0, y1: 0, x2: 32, y2: 32)),
                        labelled(3, Box(x1: 0, y1: 0, x2: 400, y2: 400), 1),
                    ]
                ),
                ("c.jpg", nil, []),
            ])
        let summary = SetSummary(all)
        #expect(summary.pictures == 3 && summary.withoutLabel == 1 && summary.objects == 3 && summary.regions == 1)
        #expect(summary.classes.map(\.objects) == [2, 1] && summary.classes.map(\.pictures) == [2, 1])
        #expect(summary.boxSides == [1, 0, 0, 0, 1, 0, 0, 0, 1])
        #expect(summary.pictureSizes?.smallest == Size(width: 50, height: 40))
        #expect(summary.json["box_sides"]?.array?.first == ["from": 0, "below": 4, "objects": 1])
    }

    @Test func masksSurviveMending() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try write(picture(60, 40, seed: 1), scratch, "images/a.png")
        let file = try scratch.file(
            "annotations/labels.json",
            """
            {"images":[{"id":1,"file_name":"a.png","width":60,"height":40}],"categories":[{"id":3,"name":"cat"}],
             "annotations":[
              {"id":1,"image_id":1,"category_id":3,"bbox":[1,2,10,10],"iscrowd":0,"segmentation":[[1, 2, 11.5,2, 11,12]]},
              {"id":2,"image_id":9,"category_id":3,"bbox":[1,2,10,10],"segmentation":[[0,0,1,1,2,2]]},
              {"id":3,"image_id":1,"category_id":3,"bbox":[5,5,9,9],"iscrowd":1,
               "segmentation":{"counts":[5,7],"size":[40,60]}},
              {"id":4,"image_id":1,"category_id":3,"bbox":[7,7,9,9]}]}
            """)
        // Also where the folder above was given.
        for path in [file, scratch.path] {
            var findings = Findings()
            let set = try Dataset.read(path, into: &findings)
            #expect(findings.counts == [.annotationWithoutImage: 1])
            let out = scratch.path + "/mended/x/mended.json"
            try Files.makeFolder(Files.folder(out))
            try set.mended(set.lookAtPictures(.pixels)).set.writeCOCO(to: out)
            let labels = try Files.readJSON(out)["annotations"]?.array ?? []
            #expect(labels.map { $0["id"]?.int } == [1, 3, 4])
            #expect(labels[0]["segmentation"] == [[1, 2, 11.5, 2, 11, 12]])
            #expect(labels[1]["segmentation"] == ["counts": [5, 7], "size": [40, 60]])
            #expect(labels[2]["segmentation"] == nil)
        }
    }

    @Test func whatIsNotReadSurvivesMending() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try write(picture(60, 40, seed: 1), scratch, "images/a.png")
        let file = try scratch.file(
            "annotations/labels.json",
            """
            {"info":{"year":2024},"licenses":[{"id":1,"name":"CC"}, {"id":2}],"type":"instances","empty":[],
             "images":[{"id":1,"file_name":"a.png","width":60,"height":40,"license":2,"coco_url":"http://x/a"}],
             "categories":[{"id":3,"name":"cat","keypoints":["nose"],"skeleton":[[1,1]]},{"id":5,"name":"dog"}],
             "annotations":[
              {"id":1,"image_id":1,"category_id":3,"bbox":[1,2,10,10],"keypoints":[3,4,2],"ignore":1},
              {"id":7,"image_id":1,"category_id":3,"bbox":[20,2,10,10],"note":"first"},
              {"id":7,"image_id":1,"category_id":3,"bbox":[30,2,10,10],"note":"second"},
              {"id":8,"image_id":9,"category_id":3,"bbox":[1,2,10,10],"note":"of no picture"},
              {"id":2,"image_id":1,"category_id":3,"bbox":[1,20,10,10],"iscrowd":1,"ignore":1,"note":"kept"}]}
            """)
        var findings = Findings()
        let set = try Dataset.read(file, into: &findings)
        let out = scratch.path + "/mended.json"
        try set.mended(set.lookAtPictures(.pixels)).set.writeCOCO(to: out, restOf: set)
        let json = try Files.readJSON(out)
        #expect(json["info"] == ["year": 2024] && json["type"] == "instances" && json["empty"] == [])
        let licenses: JSON = [["id": 1, "name": "CC"], ["id": 2]]
        let categories: JSON = [
            ["id": 3, "name": "cat", "keypoints": ["nose"], "skeleton": [[1, 1]]], ["id": 5, "name": "dog"],
        ]
        #expect(json["licenses"] == licenses && json["categories"] == categories)
        #expect(json["images"]?.array?.first?["license"] == 2)
        #expect(json["images"]?.array?.first?["coco_url"] == "http://x/a")
        let labels = json["annotations"]?.array ?? []
        // The second of two with one id has a new one, which one had that was left out.
        #expect(labels.map { $0["id"]?.int } == [1, 7, 8, 2])
        #expect(labels.map { $0["note"]?.string } == [nil, nil, nil, "kept"])
        #expect(labels[0]["keypoints"] == [3, 4, 2] && labels[0]["ignore"] == 1 && labels[3]["ignore"] == nil)
        #expect(try Dataset.coco(out, images: set.root).examples[0].annotations.count == 4)
        // Of another form there is nothing of the kind.
        var other = set
        try scratch.write(GoodSets.voc, in: "voc")
        other.source = scratch.path + "/voc"
        try other.writeCOCO(to: out, restOf: other)
        #expect(try Files.readJSON(out)["licenses"] == nil)
    }

    /// A copy has no fault that the set had: not a misspelled key, nor a number that there is none above.
    @Test func aMendedCopyIsClean() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try write(picture(60, 40, seed: 1), scratch, "images/a.png")
        let file = try scratch.file(
            "labels.json",
            """
            {"images":[{"id":1,"file_name":"a.png","width":60,"height":40}],
             "categories":[{"id":3,"name":"cat","supercategory":"pet"},{"id":4,"name":"cat"}],
             "annotations":[
              {"id":9223372036854775807,"image_id":1,"category_id":3,"bbox":[1,2,10,10],"Score":0.9,"is_crowd":0},
              {"id":9223372036854775807,"image_id":1,"category_id":3,"bbox":[20,2,10,10]},
              {"id":1,"image_id":1,"category_id":3,"bbox":[30,2,10,10]}]}
            """)
        var findings = Findings()
        let set = try Dataset.read(file, images: scratch.path + "/images", into: &findings)
        #expect(findings.counts[.valueMalformed] == 2)
        let out = scratch.path + "/mended.json"
        try set.mended(set.lookAtPictures(.pixels), after: findings).set.writeCOCO(to: out, restOf: set)
        var again = Findings()
        let mended = try Dataset.read(out, images: set.root, into: &again)
        #expect(again.list.filter { $0.rule.severity == .error }.isEmpty, "\(again.list)")
        #expect(mended.examples[0].annotations.map(\.id) == [.max, 2, 1])
    }

    @Test func mendingLeavesOutAndCuts() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        for name in ["a.png", "b.png", "turned.png", "resized.png"] {
            try write(picture(60, 40, seed: 1), scratch, name)
        }
        let box = Box(x1: 5, y1: 5, x2: 25, y2: 25)
        let all = set(
            scratch,
            [
                ("a.png", Size(width: 60, height: 40), [labelled(1, box), labelled(1, box), labelled(1, box, 1)]),
                (
                    "b.png", nil,
                    [
                        labelled(2, Box(x1: 50, y1: 30, x2: 80, y2: 80)),
                        labelled(3, Box(x1: 70, y1: 50, x2: 80, y2: 60)),
                    ]
                ),
                ("resized.png", Size(width: 90, height: 90), [labelled(6, box)]),
                ("turned.png", Size(width: 40, height: 60), [labelled(4, box)]), ("gone.png", nil, [labelled(5, box)]),
            ])
        let (mended, changes) = try all.mended(all.lookAtPictures(.pixels))
        #expect(mended.examples.map(\.fileName) == ["a.png", "b.png"])
        #expect(mended.examples[0].annotations.map(\.id) == [1, 7])
        #expect(mended.examples[1].annotations.map(\.box) == [Box(x1: 50, y1: 30, x2: 60, y2: 40)])
        #expect(mended.examples[1].annotations[0].area == 100 && mended.examples[1].size == Size(width: 60, height: 40))
        #expect(changes.count == 7, "\(changes)")
        var findings = Findings()
        mended.check(mended.lookAtPictures(.headers), into: &findings)
        mended.checkLabels(into: &findings)
        #expect(findings.counts.isEmpty)
        try mended.writeCOCO(to: scratch.path + "/mended.json")
        let read = try Dataset.coco(scratch.path + "/mended.json", images: scratch.path)
        #expect(read.examples.map(\.annotations) == mended.examples.map(\.annotations))
    }
}

@Suite struct RuleTests {
    @Test func everyRuleIsDocumentedUnderItsSeverity() throws {
        let path = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let text = try Files.readText("/" + path + "/docs/check.md")
        for (severity, heading) in [(Rule.Severity.error, "## Errors"), (.warning, "## Warnings"), (.note, "## Notes")]
        {
            let lines = text.split(separator: "\n").drop { $0 != heading }.dropFirst().prefix { !$0.hasPrefix("## ") }
            let named = lines.filter { $0.hasPrefix("| `") }.flatMap { line in
                line.split(separator: "|")[0].split(separator: "`").filter { $0.first?.isLetter == true }.map(
                    String.init)
            }
            #expect(named.sorted() == Rule.allCases.filter { $0.severity == severity }.map(\.rawValue).sorted())
        }
        #expect(Set(Rule.allCases.map(\.advice)).count >= Rule.allCases.count - 1)
    }
}
