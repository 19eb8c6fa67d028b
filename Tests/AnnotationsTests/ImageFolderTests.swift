import Base
import Glibc
import Testing

@testable import Annotations

@Suite struct ImageFolderTests {
    private func inFolder(_ files: [String: TestFile], _ body: (Scratch) throws -> Void) throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try scratch.write(files)
        try body(scratch)
    }

    /// Pictures are not opened, so their bytes do not matter. "B" comes before "a", "a-b" before "a/": by bytes.
    private let flat: [String: TestFile] = [
        "a/2.jpg": "x", "a/sub/deep/1.JPEG": "x", "a/notes.txt": "x", "B/z.png": "x", "a-b/q.webp": "x",
        ".hidden/x.jpg": "x", "B/.x.jpg": "x",
    ]
    private let parted: [String: TestFile] = [
        "train/n01/a.jpg": "x", "train/n01/b.jpg": "x", "train/n02/c.jpg": "x", "train/n10/d.jpg": "x",
        "val/n02/e.jpg": "x", "val/n10/f.jpg": "x",
    ]

    @Test(arguments: ["", "/", "/."]) func foldersAreClasses(ending: String) throws {
        try inFolder(flat) { scratch in
            let set = try Dataset.imageFolder(scratch.path + ending)
            #expect(set.root == scratch.path && set.source == scratch.path + ending)
            #expect(set.classes == ClassTable(names: ["B", "a", "a-b"]))
            #expect(set.examples.map(\.fileName) == ["B/z.png", "a/2.jpg", "a/sub/deep/1.JPEG", "a-b/q.webp"])
            #expect(set.examples.map(\.target) == [.hard(0), .hard(1), .hard(1), .hard(2)])
            #expect(set.examples.map(\.id) == [1, 2, 3, 4])
            #expect(set.examples.allSatisfy { $0.size == nil && $0.annotations.isEmpty })
            #expect(set.classCounts == [1, 2, 1])
            #expect(set.notes == ["left out 1 files that are no pictures"])
            #expect(Files.exists(set.path(of: set.examples[2])))
            // A set without parts is read whole, whatever part is asked for.
            #expect(try Dataset.imageFolder(scratch.path, part: "val").examples.count == 4)
        }
    }

    @Test func partsAreChosen() throws {
        try inFolder(parted) { scratch in
            let train = try Dataset.imageFolder(scratch.path, part: "train")
            #expect(train.root == scratch.path + "/train" && train.classes.names == ["n01", "n02", "n10"])
            #expect(train.examples.map(\.fileName) == ["n01/a.jpg", "n01/b.jpg", "n02/c.jpg", "n10/d.jpg"])
            // The part itself is a set, too.
            #expect(try Dataset.imageFolder(scratch.path + "/train").examples.map(\.fileName).count == 4)
            func said(_ part: String?) -> String {
                scratch.relative(message { _ = try Dataset.imageFolder(scratch.path, part: part) })
            }
            #expect(said(nil) == ". has the parts train, val; say which one is meant (--part)")
            #expect(try Dataset.imageFolderParts(scratch.path) == ["train", "val"])
            #expect(said("trian") == ". has no part \"trian\"; it has train, val; did you mean train?")
            #expect(said("test") == ". has no part \"test\"; it has train, val")
        }
    }

    /// A val that lacks classes counts as train does; without the table the two differ, and that is found.
    @Test func classesOfAnotherSet() throws {
        try inFolder(parted) { scratch in
            let train = try Dataset.imageFolder(scratch.path, part: "train")
            let alone = try Dataset.imageFolder(scratch.path, part: "val")
            let differ = message { [alone] in try alone.requireSameClasses(as: train, naming: "val", "train") }
            #expect(differ == "the classes of val and train differ: only train has \"n01\" (near \"n02\")")
            let val = try Dataset.imageFolder(scratch.path, part: "val", classes: train.classes)
            try val.requireSameClasses(as: train, naming: "val", "train")
            #expect(val.classes == train.classes && val.classCounts == [0, 1, 1])
            #expect(val.examples.map(\.target) == [.hard(1), .hard(2)])
            // One class alone is enough where others are known.
            let same = try Dataset.imageFolder(scratch.path + "/train", classes: train.classes)
            #expect(same.classCounts == [2, 1, 1])
            _ = try scratch.file("val/n03/g.jpg")
            let (path, classes) = (scratch.path, train.classes)
            let said = message { _ = try Dataset.imageFolder(path, part: "val", classes: classes) }
            #expect(scratch.relative(said) == "val: \"n03\" is none of the classes; did you mean n01?")
        }
    }

    /// `valid` is val; a class called train is no part; a flat val beside a good train is named when it is wanted.
    @Test func whatIsAPart() throws {
        let files: [String: TestFile] = [
            "train/a/1.jpg": "x", "train/b/1.jpg": "x", "val/1.jpg": "x", "val/2.jpg": "x",
        ]
        try inFolder(files.merging(["valid/a/1.jpg": "x", "docs/x": "x"]) { $1 }) { scratch in
            let train = try Dataset.imageFolder(scratch.path, part: "train")
            #expect(train.notes == ["passed over what holds no folders of classes: docs, val"])
            let val = try Dataset.imageFolder(scratch.path, part: "val", classes: train.classes)
            #expect(val.root == scratch.path + "/valid")
        }
        try inFolder(files.merging(["test/a/x": "x"]) { $1 }) { scratch in
            let only = try Dataset.imageFolder(scratch.path)
            #expect(only.classes.names == ["a", "b"])
            func said(_ part: String) -> String {
                scratch.relative(message { _ = try Dataset.imageFolder(scratch.path, part: part) })
            }
            #expect(
                said("val")
                    == "val: holds 2 pictures and no folder of a class; expected val/CLASS/picture.jpg as in train")
            #expect(
                said("test")
                    == "test: holds 0 pictures and no folder with pictures; expected test/CLASS/picture.jpg as in train"
            )
        }
        try inFolder(["train/1.jpg": "x", "bus/1.jpg": "x"]) { scratch in
            let set = try Dataset.imageFolder(scratch.path, part: "train")
            #expect(set.classes.names == ["bus", "train"])
        }
    }

    @Test(arguments: [
        // As ImageNet's: a folder and its names, in any order; more than there are folders.
        (
            "n10 crane\nn02 tabby, tabby cat\nn01\tcrane\nn99 other\n",
            ["crane (n01)", "tabby, tabby cat", "crane (n10)"], 1
        ),
        // A name a line; two of them equal.
        ("crane\r\ntabby cat\r\n\r\ncrane", ["crane (n01)", "tabby cat", "crane (n10)"], 0),
        ("\u{FEFF}one\ntwo\nthree", ["one", "two", "three"], 0),
    ])
    func namesOfClasses(text: String, names: [String], notes: Int) throws {
        try inFolder(parted) { scratch in
            let file = try scratch.file("names.txt", text)
            let set = try Dataset.imageFolder(scratch.path, part: "train", names: file)
            #expect(set.classes.names == names && set.classCounts == [2, 1, 1])
            #expect(set.examples.map(\.fileName).first == "n01/a.jpg")
            #expect(set.notes == (notes == 0 ? [] : ["\(file) names \(notes) folders that are not there"]))
            // With the same file, a val that lacks a folder has the same names where the file names the folders.
            if notes > 0 {
                let val = try Dataset.imageFolder(scratch.path, part: "val", names: file, classes: set.classes)
                #expect(val.classCounts == [0, 1, 1])
            }
        }
    }

    /// A name a line is of the folders it was written for: another set may lack some, and a folder that is not among them has no
    /// class.
    @Test func aNameALineKeepsItsFolder() throws {
        try inFolder(["train/a/1.jpg": "x", "train/b/1.jpg": "x", "val/b/1.jpg": "x", "other/c/1.jpg": "x"]) {
            scratch in
            let file = try scratch.file("names.txt", "one\ntwo")
            let train = try Dataset.imageFolder(scratch.path, part: "train", names: file)
            let counted = try Dataset.imageFolderClasses(scratch.path, part: "train")
            #expect(counted == ["a", "b"])
            let val = try Dataset.imageFolder(
                scratch.path, part: "val", names: file, counted: counted, classes: train.classes)
            #expect(val.classCounts == [0, 1])
            let said = message {
                _ = try Dataset.imageFolder(
                    scratch.path, part: "other", names: file, counted: counted, classes: train.classes)
            }
            #expect(said.contains("\"c\" is none of the classes"), "\(said)")
        }
    }

    @Test(arguments: [
        (
            "one\ntwo",
            "names.txt: has 2 lines for 3 folders of classes; expected a name a line in the order of the folders, or lines such as \"n01 NAME\""
        ),
        (
            "1\n2\n3\n4",
            "names.txt: has 4 lines for 3 folders of classes; expected a name a line in the order of the folders, or lines such as \"n01 NAME\""
        ),
        ("n01 one\nn02 two\nn11 three", "names.txt: has no line for the folder \"n10\"; did you mean n01?"),
        ("n01 one\nn02 two\nn02 three", "names.txt:3: the folder \"n02\" stands in line 2 already"),
        ("n01 one\nn02 two\n\nn10", "names.txt:4: expected a folder and a name, not \"n10\" alone"),
        (
            "",
            "names.txt: has 0 lines for 3 folders of classes; expected a name a line in the order of the folders, or lines such as \"n01 NAME\""
        ),
    ])
    func namesThatDoNotFit(text: String, says: String) throws {
        try inFolder(parted) { scratch in
            let file = try scratch.file("names.txt", text)
            let said = message { _ = try Dataset.imageFolder(scratch.path, part: "train", names: file) }
            #expect(scratch.relative(said) == says)
        }
    }

    @Test func aClassOfTheTableIsNamedWithItsFolder() throws {
        try inFolder(parted) { scratch in
            let file = try scratch.file("names.txt", "n01 one\nn02 two\nn10 three")
            let said = message {
                _ = try Dataset.imageFolder(
                    scratch.path, part: "val", names: file, classes: ClassTable(names: ["tow", "three"]))
            }
            #expect(scratch.relative(said) == "val: \"two\" (folder n02) is none of the classes; did you mean tow?")
        }
    }

    @Test func emptyFoldersAndStrayPicturesAreNoted() throws {
        var files = flat
        files["stray.jpg"] = "x"
        files["list.csv"] = "x"
        try inFolder(files) { scratch in
            try Files.makeFolder(scratch.path + "/empty/in")
            let set = try Dataset.imageFolder(scratch.path)
            #expect(set.classes.names == ["B", "a", "a-b", "empty"] && set.classCounts == [1, 2, 1, 0])
            #expect(
                set.notes == [
                    "left out 1 pictures that lie beside the folders: stray.jpg",
                    "left out 1 files that are no pictures", "1 class folders hold no picture: empty",
                ])
        }
    }

    @Test(
        arguments: [
            (
                ["1.jpg": "x", "2.png": "x"], "",
                ".: holds 2 pictures and no folder of a class; expected CLASS/picture.jpg"
            ),
            ([:], "", ".: holds no folder of a class; expected CLASS/picture.jpg"),
            (["a/x.txt": "x", "b/y.txt": "x"], "", ".: no picture is in its 2 folders"),
            (["only/1.jpg": "x"], "", ".: holds one folder alone, \"only\"; expected one a class"),
            (["pets/a/1.jpg": "x"], "/pest", "there is no folder pest; did you mean pets?"),
            (["a.jpg": "x"], "/a.jpg", "a.jpg is a file; a folder was expected"),
        ] as [([String: TestFile], String, String)])
    func whatIsNoImageFolder(files: [String: TestFile], path: String, says: String) throws {
        try inFolder(files) { scratch in
            #expect(scratch.relative(message { _ = try Dataset.imageFolder(scratch.path + path) }) == says)
        }
    }

    /// A link to a folder is a folder; one that leads back ends.
    @Test func linksAreFollowed() throws {
        try inFolder(["store/a/1.jpg": "x", "set/b/2.jpg": "x"]) { scratch in
            try Files.link(scratch.path + "/store/a", at: scratch.path + "/set/a")
            try Files.link(scratch.path + "/set/b", at: scratch.path + "/set/b/loop")
            let set = try Dataset.imageFolder(scratch.path + "/set")
            #expect(set.examples.map(\.fileName) == ["a/1.jpg", "b/2.jpg"])
        }
    }

    @Test func countsOfSoftTargets() {
        var set = Dataset(root: "", classes: ClassTable(names: ["a", "b", "c"]), examples: [])
        for target: PictureClass? in [.hard(2), .soft(SoftClass([0.2, 0.5, 0.3], count: 2)), nil, .hard(1)] {
            var example = Example(id: set.examples.count + 1, fileName: "x", size: nil)
            example.target = target
            set.examples.append(example)
        }
        #expect(set.classCounts == [0, 2, 1])
    }
}
