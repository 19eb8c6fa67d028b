import Base
import Geometry
import Imaging
import Testing

@testable import Annotations

/// Sets of pictures and masks in folders, and what can be wrong with them.
@Suite struct MaskTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func at(_ name: String) -> String { Files.join(scratch.path, name) }

    private func picture(_ name: String, _ width: Int = 6, _ height: Int = 4) throws {
        let pixels = [UInt8](repeating: 90, count: width * height * 3)
        let path = at("images/" + name)
        try Files.makeFolder(Files.folder(path))
        let image = Image(width: width, height: height, pixels: pixels)
        try Files.write(name.hasSuffix(".png") ? image.png() : image.jpeg(), to: path)
    }

    private func mask(_ name: String, _ values: [UInt8], _ width: Int = 6) throws {
        let path = at("masks/" + name)
        try Files.makeFolder(Files.folder(path))
        try Files.write(LabelMap(width: width, height: values.count / width, labels: values).greyPNG(), to: path)
    }

    private func values(_ list: UInt8...) -> [UInt8] { (0..<24).map { list[$0 % list.count] } }

    private func set(
        _ classes: MaskClasses = MaskClasses(names: ["a", "b", "c"]), list: String? = nil, values: [Int: Int?]? = nil
    ) throws -> Dataset {
        try Dataset.masked(
            images: at("images"), masks: at("masks"), list: list, classes: classes, values: values)
    }

    private func findings(_ set: Dataset) -> Findings {
        var findings = Findings()
        set.checkMasks(set.lookAtMasks(threads: 2), set.lookAtPictures(.headers), into: &findings)
        return findings
    }

    private func message(_ rule: Rule, _ findings: Findings) -> String {
        findings.list.first { $0.rule == rule }?.message ?? ""
    }

    @Test func picturesFindTheirMasks() throws {
        for name in ["a.jpg", "sub/b.png", "c.jpg"] { try picture(name) }
        try mask("a.png", values(0, 1, 255))
        try mask("sub/b.png", values(2))
        var set = try set()
        #expect(set.examples.map(\.fileName) == ["a.jpg", "sub/b.png"])
        #expect(set.notes == ["left out 1 pictures without a mask"])
        let map = try set.labelMap(of: set.examples[0])
        #expect(map.labels == values(0, 1, 255))
        #expect(findings(set).counts.isEmpty)
        set = set.counted(set.lookAtMasks())
        #expect(set.pixelsPerClass == [8, 8, 24] && set.examples[0].size == Size(width: 6, height: 4))
        #expect(set.classesWithoutObject.isEmpty)
        // A list takes names with and without endings, in its own order.
        try Files.write("sub/b\na.jpg\n", to: at("list.txt"))
        #expect(try self.set(list: at("list.txt")).examples.map(\.fileName) == ["sub/b.png", "a.jpg"])
        // Only what keeps its labels keeps its masks.
        let (labelled, rest) = try set.split(try Split(of: set, .count(1), seed: 0))
        #expect(labelled.examples.allSatisfy { $0.mask != nil } && labelled.maskCoding != nil)
        #expect(rest.examples.allSatisfy { $0.mask == nil } && rest.maskCoding == nil)
    }

    /// CamVid's own names: `x.png` and `x_L.png`.
    @Test func masksMayHaveAnEndingOfTheirOwn() throws {
        for name in ["a.jpg", "b.jpg"] { try picture(name) }
        for name in ["a_L.png", "b_L.png"] { try mask(name, values(0)) }
        let set = try set()
        #expect(set.examples.count == 2 && set.notes == ["masks are named as pictures are, with \"_L\""])
    }

    /// Numbers begin with each other: "1" with "10".
    @Test func endingsAreNotGuessedFromNumbers() throws {
        for i in 1...10 { try picture("\(i).jpg") }
        for i in 2...10 { try mask("\(i).png", values(0)) }
        #expect(try set().examples.map(\.fileName).sorted() == (2...10).map { "\($0).jpg" }.sorted())
        try Files.remove(at("masks"))
        for i in 1...10 { try mask("\(i)_mask.png", values(0)) }
        let named = try set()
        #expect(named.examples.count == 10)
        for example in named.examples {
            #expect(Files.name(example.mask?.path ?? "") == example.fileName.dropLast(4) + "_mask.png")
        }
    }

    /// In one folder the PNG files are masks, never their own pictures.
    @Test func oneFolderForBoth() throws {
        try picture("a.jpg")
        try Files.write(
            LabelMap(width: 6, height: 4, labels: values(0, 1)).greyPNG(), to: at("images/a.png"))
        let set = try Dataset.masked(
            images: at("images"), masks: at("images"), list: nil, classes: MaskClasses(names: ["a", "b"]))
        #expect(set.examples.map(\.fileName) == ["a.jpg"])
        try Files.remove(at("images/a.jpg"))
        #expect(throws: Failure.self) {
            try Dataset.masked(
                images: at("images"), masks: at("images"), list: nil, classes: MaskClasses(names: ["a", "b"]))
        }
    }

    @Test func identityFollowsTheMasks() throws {
        try picture("a.jpg")
        try mask("a.png", values(0, 1))
        let one = try set().identity
        #expect(try set().identity == one)
        #expect(try set(values: [0: 1, 1: 0]).identity != one)
        try mask("a.png", values(0, 1, 2))
        #expect(try set().identity != one)
    }

    @Test func whatIsMissingIsNamed() throws {
        func failure(_ body: () throws -> Void) -> String {
            do { try body() } catch let failure as Failure { return failure.message } catch {}
            return ""
        }
        let nowhere = failure { _ = try Dataset.masked(images: at("images"), masks: "none", list: nil, classes: .voc) }
        #expect(nowhere.contains("there is no folder"))
        try picture("street_001.jpg")
        try Files.makeFolder(at("masks"))
        #expect(failure { _ = try set() }.contains("holds no PNG file"))
        try mask("street_01.png", values(0))
        #expect(failure { _ = try set() }.contains("did you mean street_01?"))
        try Files.write("street_001\n", to: at("list.txt"))
        let listed = failure { _ = try set(list: at("list.txt")) }
        #expect(listed.contains("list.txt:1: there is no mask street_001.png"), "\(listed)")
        try Files.write("street_01\n", to: at("list.txt"))
        let unknown = failure { _ = try set(list: at("list.txt")) }
        #expect(unknown.contains("there is no picture \"street_01\"") && unknown.contains("did you mean street_001?"))
    }

    /// A value that no class has is an error with a proposal, never taken for something else.
    @Test func strangeValuesGetAProposal() throws {
        try picture("a.jpg")
        try mask("a.png", values(0, 1, 3))
        var found = findings(try set())
        #expect(found.counts[.maskValue] == 1)
        #expect(message(.maskValue, found).contains("pixel value 3 belongs to no class"))
        #expect(
            message(.maskValue, found).contains("--mask-values 1:0,2:1,3:2,0:ignore"), "\(message(.maskValue, found))")
        // CamVid's way: the void is one more than there are classes, and 0 is the first of them.
        #expect(message(.maskValue, found).contains("with --mask-values 3:ignore it is ignored, if it is the void"))
        #expect(found.list.first { $0.rule == .maskValue }?.place.file == at("masks/a.png"))
        let counted = try set(values: [0: nil, 1: 0, 2: 1, 3: 2])
        #expect(try counted.labelMap(of: counted.examples[0]).labels == values(255, 0, 2))

        try mask("a.png", values(0, 9, 12))
        found = findings(try set())
        #expect(message(.maskValue, found).contains("pixel values 9, 12 belong to no class"))
        #expect(
            message(.maskValue, found).contains("values of classes are 0 to 2; --mask-values 9:ignore"))
    }

    /// Spoken of in part, values do not fall together: that of a class that another value was given has none.
    @Test func twoValuesAreOneClassOnlyWhereBothAreNamed() throws {
        try picture("a.jpg")
        try mask("a.png", values(0, 1, 2))
        let shifted = try set(MaskClasses(names: ["a", "b"]), values: [1: 0, 2: 1])
        #expect(message(.maskValue, findings(shifted)).hasPrefix("pixel value 0 belongs to no class"))
        let both = try set(MaskClasses(names: ["a", "b"]), values: [0: 0, 1: 0, 2: 1])
        #expect(try both.labelMap(of: both.examples[0]).labels == values(0, 0, 1))
    }

    /// What a list says is ignored is, and a void among names is not learned as a class.
    @Test func listsSayWhatIsIgnored() throws {
        try picture("a.jpg")
        try mask("a.png", values(0, 1, 2))
        try Files.write("{\"classes\": [\"a\", \"b\"], \"ignore_index\": 2}", to: at("c.json"))
        let set = try set(try MaskClasses.read(at("c.json")))
        #expect(try set.labelMap(of: set.examples[0]).labels == values(0, 1, 255))
        for text in [
            "sky\nroad\nvoid\n", "[\"sky\", \"Unlabelled\"]", "{\"classes\": [\"a\", \"b\"], \"ignore_index\": \"x\"}",
        ] {
            try Files.write(text, to: at("c.txt"))
            let failure = #expect(throws: Failure.self) { _ = try MaskClasses.read(at("c.txt")) }
            let said = failure?.message ?? ""
            #expect(said.contains("would be learned as one") || said.contains("expected a value of pixels"), "\(said)")
        }
    }

    /// Two pictures of one name but for the ending, a mask without a picture, and lists as they circulate.
    @Test func picturesAndMasksAreOneToOne() throws {
        for name in ["a.jpg", "b.jpg"] { try picture(name) }
        for name in ["a.png", "b.png", "z.png"] { try mask(name, values(0, 1)) }
        #expect(try set().notes.contains("1 masks have no picture: z.png"))
        for (list, count) in [
            ("/images/a.jpg /masks/a.png\n/images/b.jpg /masks/b.png\n", 2), ("images/a.jpg\n", 1), ("a\nb\n", 2),
            ("b.jpg\tmasks/b.png", 1),
        ] {
            try Files.write(list, to: at("list.txt"))
            #expect(try set(list: at("list.txt")).examples.count == count, "\(list)")
        }
        for odd in ["a.jpg b.png\n", "a.jpg ab.png\n"] {
            try Files.write(odd, to: at("list.txt"))
            #expect(throws: Failure.self) { _ = try set(list: at("list.txt")) }
        }
        try picture("a.png")
        let twins = #expect(throws: Failure.self) { _ = try set() }
        #expect(twins?.message.contains("a.jpg and a.png have one name but for the ending") == true)
        try Files.write("b\n", to: at("list.txt"))
        #expect(try set(list: at("list.txt")).examples.map(\.fileName) == ["b.jpg"])
    }

    /// 0 and 255: 255 would be ignored, and the second class would have no pixel.
    @Test func binaryMasksAreNotIgnored() throws {
        try picture("a.jpg")
        try mask("a.png", values(0, 255))
        let two = MaskClasses(names: ["background", "cell"])
        let found = findings(try set(two))
        #expect(found.counts[.maskBinary] == 1 && message(.maskBinary, found).contains("--mask-values 0:0,255:1"))
        let mended = try set(two, values: [0: 0, 255: 1])
        #expect(findings(mended).counts.isEmpty)
        #expect(try mended.labelMap(of: mended.examples[0]).labels == values(0, 1))
        try mask("a.png", values(0, 128))
        #expect(message(.maskValue, findings(try set(two))).contains("with --mask-values 0:0,128:1 it counts as cell"))
    }

    @Test func sizesAgreeAfterTheTurn() throws {
        try picture("a.jpg", 6, 4)
        try mask("a.png", [UInt8](repeating: 0, count: 24), 4)
        #expect(findings(try set()).counts[.maskTurned] == 1)
        try mask("a.png", [UInt8](repeating: 0, count: 20), 5)
        let found = findings(try set())
        #expect(message(.maskSizeDiffers, found) == "has 5x4 pixels, its picture 6x4")
        try mask("a.png", [UInt8](repeating: 255, count: 24))
        #expect(findings(try set()).counts[.maskEmpty] == 1)
    }

    @Test func coloursAreClassesByATable() throws {
        try Files.write(
            "name,r,g,b\nsky,128,128,128\nroad,128,64,128\nvoid,0,0,0\n", to: at("classes.csv"))
        let classes = try MaskClasses.read(at("classes.csv"))
        #expect(classes.table.names == ["sky", "road"] && classes.ignoredColors == [Color(0, 0, 0)])
        try picture("a.jpg", 3, 1)
        try Files.makeFolder(at("masks"))
        let path = at("masks/a.png")
        try Files.write(
            Image(width: 3, height: 1, pixels: [128, 64, 128, 128, 128, 128, 0, 0, 0]).png(), to: path)
        let set = try set(classes)
        #expect(try set.labelMap(of: set.examples[0]).labels == [1, 0, 255])
        try Files.write(
            Image(width: 3, height: 1, pixels: [128, 64, 128, 1, 2, 3, 0, 0, 0]).png(), to: path)
        let found = findings(try self.set(classes))
        #expect(message(.maskValue, found).contains("colour (1, 2, 3) belongs to no class"))
        #expect(message(.maskValue, found).contains("name red green blue"))
        // Numbers of classes beside a list with colours.
        try Files.write(Image(width: 3, height: 1, pixels: [1, 1, 1, 0, 0, 0, 255, 255, 255]).png(), to: path)
        #expect(message(.maskValue, findings(try self.set(classes))).contains("leave the colours out of the list"))
        try Files.write(
            Image(width: 3, height: 1, pixels: [128, 64, 128, 1, 2, 3, 0, 0, 0]).png(), to: path)
        // An RGB file where values are meant says which colours it has, and how the list would look.
        let named = message(.maskValue, findings(try self.set()))
        #expect(named.hasPrefix("colours (0, 0, 0), (1, 2, 3), (128, 64, 128) belong to no class"), "\(named)")
        #expect(
            named.contains("such as \"a 0 0 0\"") && named.hasSuffix("there are 0 0 0, 1 2 3, 128 64 128"), "\(named)")
    }

    /// What is known of colours is proposed as the very lines: of two classes the black one is the first, and grey that is the
    /// number of a class is that class.
    @Test func colouredMasksGetTheLinesOfAList() throws {
        try picture("a.jpg", 3, 1)
        try Files.makeFolder(at("masks"))
        func said(_ pixels: [UInt8], _ classes: MaskClasses) throws -> String {
            try Files.write(Image(width: 3, height: 1, pixels: pixels).png(), to: at("masks/a.png"))
            let text = message(.maskValue, findings(try set(classes)))
            // What is proposed is a list that reads the mask.
            let lines = text.split(separator: "\"").map(String.init).filter { $0.split(separator: " ").count == 4 }
            try Files.write(lines.joined(separator: "\n"), to: at("proposed.txt"))
            #expect(findings(try set(try MaskClasses.read(at("proposed.txt")))).counts[.maskValue] == nil)
            return text
        }
        let two = MaskClasses(names: ["ground", "cell"])
        #expect(try said([0, 0, 0, 255, 255, 255, 0, 0, 0], two).contains("\"ground 0 0 0\" and \"cell 255 255 255\""))
        #expect(try said([9, 8, 7, 9, 8, 7, 0, 0, 0], two).contains("\"ground 0 0 0\" and \"cell 9 8 7\""))
        let three = MaskClasses(names: ["sky", "road", "tree"])
        #expect(
            try said([0, 0, 0, 2, 2, 2, 0, 0, 0], three).hasSuffix(
                "the lines \"sky 0 0 0\", \"road 1 1 1\", \"tree 2 2 2\""))
    }

    @Test func listsOfClassesAreReadInTheirForms() throws {
        func read(_ text: String) throws -> MaskClasses {
            try Files.write(text, to: at("c.txt"))
            return try MaskClasses.read(at("c.txt"))
        }
        #expect(try MaskClasses.read("3").table.names == ["0", "1", "2"])
        #expect(try read("sky\ntraffic light\n").table.names == ["sky", "traffic light"])
        #expect(try read("[\"sky\", \"road\"]").table.ids == [0, 1])
        #expect(try read("{\"classes\": [\"sky\", \"road\"], \"ignore_index\": 255}").table.names == ["sky", "road"])
        #expect(try read("0: sky\n1: traffic light\n").table.names == ["sky", "traffic light"])
        let colored = try read("128 128 128\tsky\n128 64 128 paved road\n")
        #expect(colored.table.names == ["sky", "paved road"] && colored.colors?[1] == Color(128, 64, 128))
        for (text, what) in [
            ("sky\nroad 1 2 3\n", "1 of 2 classes have no colour"), ("sky\nsky\n", "\"sky\" is there twice"),
            ("a 1 2 3\nb 1 2 3\n", "colour 1 2 3 is there twice"), ("a 1 2 300\nb 1 2 3", "is no colour"),
            ("one\n", "lists 1 classes"), ("[\"a\", 3]", "no name"),
            ("0: unlabeled\n1: person\n", "leave this line and the numbers out"),
            ("1: person\n2: bicycle\n", "has the number 1 and is class 0"),
        ] {
            do {
                _ = try read(text)
                Issue.record("\(text) was read")
            } catch let failure as Failure { #expect(failure.message.contains(what), "\(failure.message)") }
        }
        #expect(throws: Failure.self) { try MaskClasses.read("1") }
        #expect(throws: Failure.self) { try MaskClasses.read("400") }
    }

    @Test func vocsOwnLayout() throws {
        for name in ["a", "b", "c"] {
            try picture("\(name).jpg")
            try mask("\(name).png", values(0, 15, 255))
        }
        let root = at("voc")
        for folder in ["JPEGImages", "SegmentationClass", "SegmentationClassAug", "ImageSets/Segmentation"] {
            try Files.makeFolder(Files.join(root, folder))
        }
        func copy(_ from: String, _ to: String) throws {
            try Files.write(try Files.read(at(from)), to: Files.join(root, to))
        }
        for name in ["a", "b", "c"] { try copy("images/\(name).jpg", "JPEGImages/\(name).jpg") }
        for name in ["a", "b"] { try copy("masks/\(name).png", "SegmentationClass/\(name).png") }
        try copy("masks/c.png", "SegmentationClassAug/c.png")
        try Files.write("a\n", to: Files.join(root, "ImageSets/Segmentation/train.txt"))
        try Files.write("a\nb\nc\n", to: Files.join(root, "ImageSets/Segmentation/train_aug.txt"))
        #expect(Dataset.hasVOCMasks(root))
        let train = try Dataset.vocMasks(root, part: "train", classes: nil)
        #expect(train.examples.count == 1 && train.classes.count == 21 && train.classes.names[15] == "person")
        let more = try Dataset.vocMasks(root, part: "train_aug", classes: nil)
        #expect(more.examples.map(\.fileName) == ["a.jpg", "b.jpg", "c.jpg"])
        #expect(try more.labelMap(of: more.examples[2]).labels == values(0, 15, 255))
        let failure = #expect(throws: Failure.self) { try Dataset.vocMasks(root, part: "trian", classes: nil) }
        #expect(failure?.message.contains("it has train, train_aug") == true)
        #expect(failure?.message.contains("did you mean train?") == true)
    }

    /// A file of objects, or of stuff as COCO has it, is not half read as one of masks.
    @Test func objectsAreNoPanopticFile() throws {
        try Files.makeFolder(at("images"))
        try Files.write(
            """
            {"images": [{"id": 1, "file_name": "a.jpg", "width": 4, "height": 4}],
             "categories": [{"id": 92, "name": "banner"}, {"id": 93, "name": "blanket"}],
             "annotations": [{"id": 1, "image_id": 1, "category_id": 92, "bbox": [0, 0, 2, 2],
                              "segmentation": {"counts": "abc", "size": [4, 4]}}]}
            """, to: at("stuff.json"))
        var findings = Findings()
        let failure = #expect(throws: Failure.self) {
            _ = try Dataset.panoptic(at("stuff.json"), images: at("images"), masks: nil, into: &findings)
        }
        #expect(failure?.message.contains("is no COCO panoptic file") == true, "\(failure?.message ?? "")")
    }

    @Test func panopticSegmentsAreClasses() throws {
        try picture("a.jpg", 2, 2)
        try Files.makeFolder(at("pan"))
        // Segments 7, 300 (44 + 256) and 70000 (112, 17, 1), and nothing.
        try Files.write(
            Image(width: 2, height: 2, pixels: [7, 0, 0, 44, 1, 0, 112, 17, 1, 0, 0, 0]).png(),
            to: at("pan/a.png"))
        func json(_ segments: String) -> String {
            """
            {"images": [{"id": 4, "file_name": "a.jpg", "width": 2, "height": 2}],
             "annotations": [{"image_id": 4, "file_name": "a.png", "segments_info": [\(segments)]}],
             "categories": [{"id": 1, "name": "person", "isthing": 1}, {"id": 90, "name": "sky", "isthing": 0}]}
            """
        }
        func read(_ segments: String) throws -> (Dataset, Findings) {
            try Files.write(json(segments), to: at("pan.json"))
            var findings = Findings()
            let set = try Dataset.panoptic(
                at("pan.json"), images: at("images"), masks: nil, into: &findings)
            return (set, findings)
        }
        let all = #"{"id": 7, "category_id": 90}, {"id": 300, "category_id": 1}, {"id": 70000, "category_id": 90}"#
        let (set, found) = try read(all)
        #expect(found.counts.isEmpty && set.classes.names == ["person", "sky"] && set.classes.ids == [1, 90])
        #expect(try set.labelMap(of: set.examples[0]).labels == [1, 0, 1, 255])
        let (fewer, _) = try read(#"{"id": 7, "category_id": 90}"#)
        #expect(message(.maskValue, findings(fewer)).contains("segment 300, segment 70000 belong to no class"))
        // A picture that is listed twice is told and left out.
        try Files.write(
            json(all).replacing("\"images\": [{", with: "\"images\": [{\"id\": 5, \"file_name\": \"a.jpg\"}, {"),
            to: at("pan.json"))
        var twice = Findings()
        _ = try? Dataset.panoptic(at("pan.json"), images: at("images"), masks: nil, into: &twice)
        #expect(twice.counts[.imageNameTwice] == 1 && twice.counts[.maskMissing] == 1)
        let (_, wrong) = try read(all.replacing("\"category_id\": 1}", with: "\"category_id\": 5}"))
        #expect(wrong.counts[.annotationWithoutClass] == 1)
        // An item that cannot be read leaves its picture without a mask, and both are told.
        #expect(
            AnnotationsTests.message { _ = try read(#"{"id": "x", "category_id": 90}"#) }.contains(
                "no picture in it has a mask"))
    }
}
