import Base
import Glibc
import Testing

@testable import Annotations

/// Files as people have them that cannot be used, with the exact message; every one ends with exit code 3. In texts and
/// messages FILE is the file's path.
@Suite struct COCOMalformedTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var old: String
        var new: String
        var message: String
        var testDescription: String { "\(old.prefix(40)) -> \(new.prefix(40))" }

        init(_ old: String, _ new: String, _ message: String) {
            self.old = old
            self.new = new
            self.message = message
        }
    }

    /// Of a change that takes away what an annotation points to.
    private static let oneMore = " (and 1 more; `pupil check --json` lists them)"

    private static let truth = """
        {"info": {"year": 2024}, "licenses": [],
        "images": [{"id": 7, "file_name": "b.jpg", "width": 100, "height": 80}, {"id": 3, "file_name": "a.png"}],
        "annotations": [
        {"id": 11, "image_id": 7, "category_id": 9, "bbox": [10, 20.5, 30, 40], "area": 600.5, "iscrowd": 0},
        {"id": 12, "image_id": 3, "category_id": 2, "bbox": [0, 0, 100, 80], "score": 0.5}],
        "categories": [{"id": 9, "name": "cat"}, {"id": 2, "name": "dog"}]}
        """

    /// One change to the file above at a time.
    private static let truthCases: [Case] = [
        // The list of pictures.
        Case("\"id\": 7, ", "", "FILE: image b.jpg: has no \"id\"\(oneMore)"),
        Case("\"id\": 7, \"f", "\"Id\": 7, \"f", "FILE: image b.jpg: has no \"id\"; it has \"Id\"\(oneMore)"),
        Case(
            "\"id\": 7, \"f", "\"id\": 7.5, \"f", "FILE: image b.jpg: \"id\" is 7.5; expected a whole number\(oneMore)"),
        Case(
            "\"id\": 7, \"f", "\"id\": null, \"f",
            "FILE: image b.jpg: \"id\" is null; expected a whole number\(oneMore)"),
        Case(
            "\"id\": 7, \"f", "\"id\": [7], \"f", "FILE: image b.jpg: \"id\" is [7]; expected a whole number\(oneMore)"),
        Case(
            "\"id\": 7, \"f", "\"id\": \"seven\", \"f",
            "FILE: image b.jpg: \"id\" is \"seven\"; ids that are names are not supported, expected a whole number\(oneMore)"
        ),
        Case(
            "\"id\": 7, \"f", "\"id\": 99999999999999999999, \"f",
            "FILE: image b.jpg: \"id\" is 1e+20; expected a whole number\(oneMore)"),
        Case("\"id\": 3, \"f", "\"id\": 7, \"f", "FILE: image a.png: has the id 7, as b.jpg has\(oneMore)"),
        Case("\"a.png\"", "\"b.jpg\"", "FILE: image b.jpg: image ids 7 and 3 both name it"),
        Case(
            "\"file_name\": \"b", "\"file_nam\": \"b", "FILE: image id 7: has no \"file_name\"; it has \"file_nam\""),
        Case(
            "\"file_name\": \"b", "\"filename\": \"b", "FILE: image id 7: has no \"file_name\"; it has \"filename\""),
        Case("\"b.jpg\"", "5", "FILE: image id 7: \"file_name\" is 5; expected a string"),
        Case("\"b.jpg\"", "null", "FILE: image id 7: \"file_name\" is null; expected a string"),
        Case("\"b.jpg\"", "\"\"", "FILE: image : \"file_name\" is \"\": no file's name, or with a control character"),
        Case(
            "\"b.jpg\"", "\"b\\n.jpg\"",
            "FILE: image b\n.jpg: \"file_name\" is \"b\\n.jpg\": no file's name, or with a control character"),
        Case(
            "\"b.jpg\"", "\"/b.jpg\"",
            "FILE: image /b.jpg: \"file_name\" is \"/b.jpg\"; it must stay inside the folder of images (no leading / "
                + "and no ..)"),
        Case(
            "\"b.jpg\"", "\"../b.jpg\"",
            "FILE: image ../b.jpg: \"file_name\" is \"../b.jpg\"; it must stay inside the folder of images (no leading "
                + "/ and no ..)"),
        Case(
            "\"b.jpg\"", "\"x/\\u002e./b.jpg\"",
            "FILE: image x/../b.jpg: \"file_name\" is \"x/../b.jpg\"; it must stay inside the folder of images (no "
                + "leading / and no ..)"),
        Case("\"width\": 100", "\"width\": 0", "FILE: image b.jpg: the size is 0x80 pixels"),
        Case("\"width\": 100", "\"width\": -100", "FILE: image b.jpg: the size is -100x80 pixels"),
        Case("\"width\": 100", "\"width\": 10000000", "FILE: image b.jpg: the size is 10000000x80 pixels"),
        Case("\"width\": 100", "\"width\": 99.5", "FILE: image b.jpg: \"width\" is 99.5; expected a whole number"),
        Case("\"height\"", "\"heigth\"", "FILE: image b.jpg: has no \"height\"; it has \"heigth\""),
        Case(
            "{\"id\": 3, \"file_name\": \"a.png\"}", "5",
            "FILE: image 2 of the list: must be an object, and is 5\(oneMore)"),
        Case(
            "{\"id\": 3, \"file_name\": \"a.png\"}", "null",
            "FILE: image 2 of the list: must be an object, and is null\(oneMore)"),
        Case(
            "{\"id\": 3, \"file_name\": \"a.png\"}", "[]",
            "FILE: image 2 of the list: must be an object, and is []\(oneMore)"),
        Case("{\"id\": 3, \"file_name\": \"a.png\"}", "{}", "FILE: image 2 of the list: has no \"id\"\(oneMore)"),
        // The list of annotations.
        Case("\"id\": 11, ", "", "FILE: image b.jpg: annotation 1 of the list: has no \"id\""),
        Case("\"id\": 12, ", "\"id\": 11, ", "FILE: image a.png: annotation id 11: another annotation has this id"),
        Case(
            "\"image_id\": 7", "\"image\": 7",
            "FILE: annotation id 11: has no \"image_id\""),
        Case(
            "\"image_id\": 7", "\"imageid\": 7",
            "FILE: annotation id 11: has no \"image_id\"; it has \"imageid\""),
        Case("\"image_id\": 7", "\"image_id\": 70", "FILE: image id 70: annotation id 11: no image has the id 70"),
        Case(
            "\"image_id\": 7", "\"image_id\": \"b.jpg\"",
            "FILE: annotation id 11: \"image_id\" is \"b.jpg\"; ids that are names are not supported, expected a whole "
                + "number"),
        Case(
            "\"category_id\": 9", "\"category_id\": 1",
            "FILE: image b.jpg: annotation id 11: no category has the id 1 (known: 2, 9)"),
        Case(
            "\"category_id\": 9", "\"category\": 9",
            "FILE: image b.jpg: annotation id 11: has no \"category_id\"; it has \"category\""),
        Case(
            "\"category_id\": 9", "\"category_id\": true",
            "FILE: image b.jpg: annotation id 11: \"category_id\" is true; expected a whole number"),
        Case(
            "\"bbox\": [10,", "\"box\": [10,", "FILE: image b.jpg: annotation id 11: has no \"bbox\"; it has \"box\""
        ),
        Case(
            "[10, 20.5, 30, 40]", "[10, 20.5, 30]",
            "FILE: image b.jpg: annotation id 11: \"bbox\" is [10,20.5,30]; expected four numbers [x, y, width, height]"
        ),
        Case(
            "[10, 20.5, 30, 40]", "[10, 20.5, 30, 40, 1]",
            "FILE: image b.jpg: annotation id 11: \"bbox\" is [10,20.5,30,40,1]; expected four numbers [x, y, width, "
                + "height]"),
        Case(
            "[10, 20.5, 30, 40]", "[]",
            "FILE: image b.jpg: annotation id 11: \"bbox\" is []; expected four numbers [x, y, width, height]"),
        Case(
            "[10, 20.5, 30, 40]", "[10, \"20.5\", 30, 40]",
            "FILE: image b.jpg: annotation id 11: \"bbox\" is [10,\"20.5\",30,40]; expected four numbers [x, y, width, "
                + "height]"),
        Case(
            "[10, 20.5, 30, 40]", "[10, null, 30, 40]",
            "FILE: image b.jpg: annotation id 11: \"bbox\" is [10,null,30,40]; expected four numbers [x, y, width, "
                + "height]"),
        Case(
            "[10, 20.5, 30, 40]", "[[10, 20.5, 30, 40]]",
            "FILE: image b.jpg: annotation id 11: \"bbox\" is [[10,20.5,30,40]]; expected four numbers [x, y, width, "
                + "height]"),
        Case(
            "[10, 20.5, 30, 40]", "{\"x\": 10}",
            "FILE: image b.jpg: annotation id 11: \"bbox\" is {\"x\":10}; expected four numbers [x, y, width, height]"),
        Case(
            "[10, 20.5, 30, 40]", "[10, 20.5, 0, 40]",
            "FILE: image b.jpg: annotation id 11: the bbox [10, 20.5, 0, 40] has no width or height; repair or remove it"
        ),
        Case(
            "[10, 20.5, 30, 40]", "[10, 20.5, 30, -40]",
            "FILE: image b.jpg: annotation id 11: the bbox [10, 20.5, 30, -40] has a negative width or height; repair "
                + "or remove it"),
        Case(
            "[10, 20.5, 30, 40]", "[10, 20.5, 1e300, 40]",
            "FILE: image b.jpg: annotation id 11: the bbox [10, 20.5, 1e+300, 40] is not finite or absurdly large"),
        Case(
            "[10, 20.5, 30, 40]", "[110, 20.5, 30, 40]",
            "FILE: image b.jpg: annotation id 11: the bbox [110, 20.5, 30, 40] lies outside its picture of 100x80 pixels"
        ),
        Case(
            "[10, 20.5, 30, 40]", "[60, 50, 90, 75]",
            "FILE: image b.jpg: annotation id 11: 1 of the file's 1 boxes stick far out of their pictures as [x, y, "
                + "width, height], and 1 lie inside as corners [x1, y1, x2, y2]; COCO's bbox is [x1, y1, x2 - x1, y2 - y1]"
        ),
        Case(
            "\"area\": 600.5", "\"area\": \"big\"",
            "FILE: image b.jpg: annotation id 11: \"area\" is \"big\"; expected a number, 0 or more"),
        Case(
            "\"area\": 600.5", "\"area\": -1",
            "FILE: image b.jpg: annotation id 11: \"area\" is -1; expected a number, 0 or more"),
        Case(
            "\"iscrowd\": 0", "\"iscrowd\": 2",
            "FILE: image b.jpg: annotation id 11: \"iscrowd\" is 2; expected 0 or 1 (without it the label can but be ignored)"
        ),
        Case(
            "\"iscrowd\": 0", "\"iscrowd\": \"0\"",
            "FILE: image b.jpg: annotation id 11: \"iscrowd\" is \"0\"; expected 0 or 1"),
        Case(
            "\"iscrowd\": 0", "\"is_crowd\": 0",
            "FILE: image b.jpg: annotation id 11: has \"is_crowd\"; did you mean iscrowd?"),
        Case(
            "\"score\": 0.5", "\"score\": \"0.5\"",
            "FILE: image a.png: annotation id 12: \"score\" is \"0.5\"; expected a number"),
        Case(
            "\"score\": 0.5", "\"treatment\": \"drop\"",
            "FILE: image a.png: annotation id 12: \"treatment\" must be \"object\" or \"ignore\" (a crowd is always "
                + "ignored)"),
        // The list of categories.
        Case(
            "\"id\": 2, \"name\"", "\"id\": 9, \"name\"",
            "FILE: category id 9: both \"cat\" and \"dog\" have this id\(oneMore)"),
        Case("\"dog\"", "\"cat\"", "FILE: category id 2: category id 9 is named \"cat\", too"),
        Case("\"name\": \"dog\"", "\"label\": \"dog\"", "FILE: category id 2: has no \"name\""),
        Case("\"dog\"", "4", "FILE: category id 2: \"name\" is 4; expected a string"),
        Case(
            "{\"id\": 2, \"name\": \"dog\"}", "\"dog\"",
            "FILE: category 2 of the list: must be an object, and is \"dog\"\(oneMore)"),
        // The file as a whole.
        Case(
            "\"annotations\"", "\"annotation\"",
            "FILE: has no \"annotations\"; it has \"annotation\" (a COCO annotation file has \"images\", "
                + "\"annotations\" and \"categories\"; unlabelled pictures need no file, only their folder)"),
        Case(
            "\"images\"", "\"Images\"",
            "FILE: has no \"images\"; it has \"Images\" (a COCO annotation file has \"images\", \"annotations\" and "
                + "\"categories\"; unlabelled pictures need no file, only their folder)"),
        Case("\"licenses\": []", "\"images\": []", "FILE:2:1: names \"images\" twice in one object"),
        Case("\"licenses\": []", "\"licenses\": [,]", "FILE:1:39: has ',' where a value was expected"),
        Case("{\"year\": 2024}", "{\"year\": 02024}", "FILE:1:19: has a number that begins with 0"),
        Case("{\"year\": 2024}", "{\"year\": 1e999}", "FILE:1:24: has a number that no double holds: 1e999"),
        Case("{\"year\": 2024}", "{\"year\": 2024, \"year\": 1}", "FILE:1:25: names \"year\" twice in one object"),
        Case("{\"year\": 2024}", "{\"year\": 2024,}", "FILE:1:24: expected a member's name"),
        Case("{\"year\": 2024}", "{'year': 2024}", "FILE:1:11: expected a member's name"),
        Case("{\"year\": 2024}", "{\"year\": None}", "FILE:1:19: has 'N' where a value was expected"),
        Case("{\"year\": 2024}", "{\"year\": \"\\x\"}", "FILE:1:22: has an unknown escape in a string"),
        Case("{\"year\": 2024}", "{\"year\": \"\\ud800\"}", "FILE:1:26: has half of a surrogate pair"),
        Case("{\"year\": 2024}", "{\"year\": \"a\tb\"}", "FILE:1:21: has a control character inside a string"),
        Case("{\"year\": 2024}", "2024 // a year", "FILE:1:15: expected ',' or '}'"),
        Case(
            "[10, 20.5, 30, 40]", "[10, 20.5, NaN, 40]",
            "FILE:4:64: has NaN, which is no JSON (Python's json writes it for a number that is not finite)"),
        Case(
            "600.5", "-Infinity",
            "FILE:4:81: has -Infinity, which is no JSON (Python's json writes it for a number that is not finite)"),
        Case("[10, 20.5, 30, 40]", "[10, 20.5, 1e999, 40]", "FILE:4:69: has a number that no double holds: 1e999"),
        Case("[10, 20.5, 30, 40]", "[10, 20.5, 30 40]", "FILE:4:67: expected ',' or ']'"),
        Case("\"iscrowd\": 0}", "\"iscrowd\": 0", "FILE:5:1: expected a member's name"),
        Case("\"iscrowd\": 0}", "\"iscrowd\": 0]", "FILE:4:100: expected ',' or '}'"),
        Case("\"dog\"}]}", "\"dog\"}]", "FILE:6:67: is cut off: expected ',' or '}'"),
        Case("\"dog\"}]}", "\"do", "FILE:6:63: is cut off inside a string"),
        Case("\"dog\"}]}", "\"dog\"}]}]", "FILE:6:68: has text after the end of the document"),
    ]

    @Test(arguments: truthCases)
    func annotations(_ it: Case) throws {
        let text = Self.truth.replacingFirst(it.old, by: it.new)
        #expect(text != Self.truth)
        try expect(it.message, Array(text.utf8)) { path throws(Failure) in _ = try Dataset.coco(path) }
    }

    private static let found = """
        [{"image_id": 4, "category_id": 5, "bbox": [1, 2, 3, 4], "score": 0.5},
        {"image_id": 4, "category_id": 5, "bbox": [1, 2, 3, 4], "score": 1}]
        """

    private static let foundCases: [Case] = [
        Case(
            "\"image_id\": 4", "\"image_id\": 5",
            "FILE: image id 5: detection 1 of the list: truth.json has no image with the id 5"),
        Case(
            "\"image_id\": 4", "\"image_id\": \"y.jpg\"",
            "FILE: detection 1 of the list: \"image_id\" is \"y.jpg\"; ids that are names are not supported, expected a "
                + "whole number"),
        Case(
            "\"image_id\"", "\"imgage_id\"",
            "FILE: detection 1 of the list: has no \"image_id\"; it has \"imgage_id\""),
        Case(
            "\"category_id\": 5", "\"category_id\": 2",
            "FILE: image y.jpg: detection 1 of the list: truth.json has no category with the id 2"),
        Case(
            "\"category_id\": 5", "\"category_id\": 0",
            "FILE: image y.jpg: detection 1 of the list: truth.json has no category with the id 0; its ids begin at 1: "
                + "were labels written instead of ids?"),
        Case(
            "[1, 2, 3, 4]", "[1, 2, -3, 4]",
            "FILE: image y.jpg: detection 1 of the list: the bbox [1, 2, -3, 4] has a negative side"),
        Case(
            "[1, 2, 3, 4]", "[1, 2, 3e9, 4]",
            "FILE: image y.jpg: detection 1 of the list: the bbox [1, 2, 3000000000, 4] is absurdly large"),
        Case(
            "[1, 2, 3, 4]", "[1, 2, 3]",
            "FILE: image y.jpg: detection 1 of the list: \"bbox\" is [1,2,3]; expected four numbers [x, y, width, "
                + "height]"),
        Case(
            "\"bbox\": [1, 2, 3, 4]", "\"segmentation\": []",
            "FILE: image y.jpg: detection 1 of the list: has no \"bbox\""),
        Case(
            "\"score\": 0.5", "\"scores\": 0.5",
            "FILE: image y.jpg: detection 1 of the list: has no \"score\"; it has \"scores\""),
        Case(
            "\"score\": 0.5", "\"score\": null",
            "FILE: image y.jpg: detection 1 of the list: \"score\" is null; expected a number"),
        Case(
            "\"score\": 1}", "\"score\": 1e40}",
            "FILE: image y.jpg: detection 2 of the list: \"score\" is too large"),
        Case(
            "\"score\": 1}", "\"score\": NaN}",
            "FILE:2:66: has NaN, which is no JSON (Python's json writes it for a number that is not finite)"),
        Case("[{", "[5, {", "FILE: detection 1 of the list: must be an object, and is 5"),
        Case("}]", "},]", "FILE:2:69: has ']' where a value was expected"),
        Case("}]", "}", "FILE:2:68: is cut off: expected ',' or ']'"),
        Case("},\n", "}\n", "FILE:2:1: expected ',' or ']'"),
    ]

    @Test(arguments: foundCases)
    func results(_ it: Case) throws {
        var set = Dataset(
            root: ".", classes: ClassTable(names: ["a", "b"], ids: [1, 5]),
            examples: [Example(id: 30, fileName: "x.jpg", size: nil), Example(id: 4, fileName: "y.jpg", size: nil)])
        set.source = "truth.json"
        let text = Self.found.replacingFirst(it.old, by: it.new)
        #expect(text != Self.found)
        try expect(it.message, Array(text.utf8)) { path throws(Failure) in _ = try COCOResults.read(path, set) }
    }

    private static let wholeFiles: [(bytes: [UInt8], message: String)] = [
        ([], "FILE:1:1: ends where a value was expected"),
        (Array(" \n ".utf8), "FILE:2:2: ends where a value was expected"),
        ([0xEF, 0xBB, 0xBF], "FILE:1:4: ends where a value was expected"),
        ([0xFF, 0xFE, 0x7B, 0, 0x7D, 0], "FILE:1:1: is UTF-16; JSON must be UTF-8"),
        ([0xFE, 0xFF, 0, 0x7B, 0, 0x7D], "FILE:1:1: is UTF-16; JSON must be UTF-8"),
        ([0x7B, 0, 0x7D, 0], "FILE:1:1: is UTF-16; JSON must be UTF-8"),
        ([0, 0, 0, 0x7B, 0, 0, 0, 0x7D], "FILE:1:1: is UTF-32; JSON must be UTF-8"),
        ([0x1F, 0x8B, 8, 0], "FILE:1:1: has the byte 0x1f where a value was expected"),
        (Array("<html>".utf8), "FILE:1:1: has '<' where a value was expected"),
        (Array("{\"images\": [".utf8), "FILE:1:13: ends where a value was expected"),
        (Array("{\"images\"".utf8), "FILE:1:10: expected ':' after \"images\""),
        (Array("{\"images\": ".utf8), "FILE:1:12: ends where a value was expected"),
        (Array("{\"images".utf8), "FILE:1:9: is cut off inside a string"),
        (Array("{\"images\\".utf8), "FILE:1:10: is cut off inside a string"),
        ([0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D], "FILE:1:4: has bytes that are not UTF-8"),
        (
            Array("{\"a\": [{\"b\": \"".utf8) + [0xC3, 0x28] + Array("\"}]}".utf8),
            "FILE:1:17: has bytes that are not UTF-8"
        ),
        (
            Array(String(repeating: "[", count: 100_000).utf8),
            "FILE:1:130: is nested deeper than 128 levels"
        ),
        (
            Array(("{\"a\":" + String(repeating: "[", count: 200) + String(repeating: "]", count: 200) + "}").utf8),
            "FILE:1:134: is nested deeper than 128 levels"
        ),
        (
            Array("5".utf8), "FILE: expected an object with \"images\", \"annotations\" and \"categories\""
        ),
        (
            Array("[]".utf8),
            "FILE: expected an object with \"images\", \"annotations\" and \"categories\"; a list of detections is a COCO "
                + "results file, not an annotation file"
        ),
        (
            Array("{\"images\": [], \"annotations\": 5, \"categories\": []}".utf8),
            "FILE: \"annotations\" must be a list"
        ),
        (Array("{\"images\": [], \"annotations\": [], \"categories\": []}".utf8), "FILE: lists no images"),
        (
            Array("{\"images\": [{\"id\": 1, \"file_name\": \"a\"}], \"annotations\": [], \"categories\": []}".utf8),
            "FILE: lists no categories"
        ),
    ]

    @Test(arguments: wholeFiles.indices)
    func files(_ index: Int) throws {
        let (bytes, message) = Self.wholeFiles[index]
        try expect(message, bytes) { path throws(Failure) in _ = try Dataset.coco(path) }
    }

    private func expect(
        _ message: String, _ bytes: [UInt8], sourceLocation: SourceLocation = #_sourceLocation,
        read: (String) throws(Failure) -> Void
    ) throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let path = Files.join(scratch.path, "labels.json")
        try Files.write(bytes, to: path)
        do throws(Failure) {
            try read(path)
            Issue.record("nothing is said of it", sourceLocation: sourceLocation)
        } catch {
            #expect(error.code == .invalidData, sourceLocation: sourceLocation)
            #expect(error.message.replacing(path, with: "FILE") == message, sourceLocation: sourceLocation)
        }
    }

    @Test func whatIsNoFile() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        func failure(_ path: String) -> Failure? {
            do throws(Failure) {
                _ = try Dataset.coco(path)
                return nil
            } catch { return error }
        }
        #expect(failure("/nowhere/labels.json") == .data("there is no file /nowhere/labels.json"))
        #expect(failure(scratch.path) == .data("\(scratch.path) is a folder; a file was expected"))
        let path = try scratch.file("secret.json", "{}")
        chmod(path, 0)
        // Root may read every file.
        if geteuid() != 0 {
            #expect(failure(path) == .environment("cannot read \(path): no permission (Permission denied)"))
        }
    }
}
