import Base
import Testing

@testable import Markup

@Suite struct XMLTests {
    private func fault(_ text: String) -> String {
        do throws(MarkupFault) {
            _ = try XML.parse(Array(text.utf8))
            return "no fault"
        } catch {
            return "\(error.line):\(error.column ?? 0): \(error.message)"
        }
    }

    @Test func readsElementsAttributesAndText() throws {
        let root = try XML.parse(
            Array(
                "<?xml version=\"1.0\"?>\n<a x=\"1\" y='&lt;é'>\n  one <b>t&amp;w<!-- no -->o</b><![CDATA[ <c> ]]>\n<b/></a>"
                    .utf8))
        #expect(root.name == "a" && root["x"] == "1" && root["y"] == "<é" && root["z"] == nil)
        #expect(root.text == "one  <c>")
        #expect(root.children.map(\.name) == ["b", "b"] && root.first("b")?.text == "t&wo")
        #expect(root.line == 2 && root.children.map(\.line) == [3, 4])
    }

    @Test func readsOtherEncodings() throws {
        let latin = Array("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>".utf8) + [0xE9] + Array("</a>".utf8)
        #expect(try XML.parse(latin).text == "é")
        var wide: [UInt8] = [0xFF, 0xFE]
        for unit in "<a>é</a>".utf16 { wide += [UInt8(unit & 255), UInt8(unit >> 8)] }
        #expect(try XML.parse(wide).text == "é")
    }

    /// Long files come in pieces: nothing is lost where one ends.
    @Test func longFilesAreWhole() throws {
        let items = (0..<20_000).map { "<i n=\"\($0)\">value \($0)</i>" }.joined(separator: "\n")
        let root = try XML.parse(Array("<r>\(items)</r>".utf8))
        #expect(root.children.count == 20_000)
        #expect(root.children.enumerated().allSatisfy { $1["n"] == "\($0)" && $1.text == "value \($0)" })
    }

    @Test(arguments: [
        ("", "1:0: the file is empty"), ("<a>", "1:4: the text ends before its last element is closed"),
        ("<a></b>", "1:6: mismatched tag"), ("<a/><b/>", "1:5: junk after document element"),
        ("<a x=\"1\" x=\"2\"/>", "1:10: duplicate attribute"), ("<a>&b;</a>", "1:4: undefined entity"),
        ("<a>\u{1}</a>", "1:4: not well-formed (invalid token)"),
        (
            "<!DOCTYPE a SYSTEM \"file:///etc/passwd\">\n<a/>",
            "1:40: a document type declaration (<!DOCTYPE ...>) is not read"
        ),
        (
            "<!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]><l>&b;</l>",
            "1:13: a document type declaration (<!DOCTYPE ...>) is not read"
        ),
        ("<?xml version=\"1.0\" encoding=\"x-none\"?><a/>", "1:31: unknown encoding"),
    ]) func faultsAreAtTheirPlace(text: String, says: String) { #expect(fault(text) == says) }

    @Test func deepAndEndlessFilesAreRefused() {
        let deep = String(repeating: "<a>", count: 65) + String(repeating: "</a>", count: 65)
        #expect(fault(deep) == "1:196: the elements are nested too deeply")
        let ok = String(repeating: "<a>", count: 64) + String(repeating: "</a>", count: 64)
        #expect(fault(ok) == "no fault")
        #expect(
            fault("<a x=\"" + String(repeating: "y", count: 9 << 20) + "\"/>").contains(
                "a tag or comment of more than 4 MB"))
    }

    @Test func damagedTextNeverCrashes() {
        let whole = Array("<?xml version=\"1.0\"?><a x=\"1\"><b>two</b><!-- c --><![CDATA[d]]>&lt;<e/></a>".utf8)
        var random = Random(seed: 3, purpose: .test)
        var loaded = 0
        for _ in 0..<5000 {
            var bytes = whole
            for _ in 0...random.below(4) {
                let at = random.below(bytes.count)
                switch random.below(3) {
                case 0: bytes[at] = UInt8(random.below(256))
                case 1: bytes.remove(at: at)
                default: bytes.insert(contentsOf: Array("<>/&\"'!-]".utf8).prefix(1 + random.below(8)), at: at)
                }
            }
            if (try? XML.parse(bytes)) != nil { loaded += 1 }
        }
        #expect(loaded > 100 && loaded < 4900)
    }
}
