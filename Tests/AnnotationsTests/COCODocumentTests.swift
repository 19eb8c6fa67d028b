import Base
import Geometry
import Testing

@testable import Annotations

/// The fast path against the slow one, which is the house's own parser.
@Suite struct COCODocumentTests {
    /// What a file is read as: its items, or what is said of it.
    private enum Outcome: Equatable {
        case items(
            [COCODocument.Picture], [COCODocument.Category], [COCODocument.Label], faults: [String])
        case refused(String)
    }

    private func outcome(
        _ path: String, _ content: COCODocument.Content, window: Int, threads: Int, looksAtEach: Bool
    ) -> Outcome {
        do throws(Failure) {
            let options = COCOReading.Options(window: window, threads: threads, looksAtEach: looksAtEach)
            let it = try COCODocument.read(path, as: content, options)
            return .items(
                it.pictures, it.categories, Array(it.labels.joined()),
                faults: it.faults.map { "\($0.rule.rawValue): \($0.place(in: "F") { _ in nil }): \($0.message)" })
        } catch {
            return .refused(error.message)
        }
    }

    /// Reads `bytes` in several ways, which must agree, and with the parser of small documents about what is JSON.
    private func agree(_ bytes: [UInt8], _ content: COCODocument.Content = .annotations) throws -> Outcome {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let path = Files.join(scratch.path, "f.json")
        try Files.write(bytes, to: path)
        let slow = outcome(path, content, window: 1 << 20, threads: 1, looksAtEach: true)
        for (window, threads) in [(1 << 20, 1), (16, 2), (200, 3), (333, 1)] {
            let fast = outcome(path, content, window: window, threads: threads, looksAtEach: false)
            #expect(fast == slow, "window \(window): \(String(decoding: bytes, as: UTF8.self))")
        }
        do throws(Failure) {
            _ = try JSON.parse(bytes, file: path)
            if case .refused(let message) = slow { #expect(!message.hasPrefix(path + ":1"), "\(message)") }
        } catch {
            #expect(slow == .refused(error.message))
        }
        #expect(message { try JSON.check(path) } == message { _ = try JSON.parse(bytes, file: path) })
        return slow
    }

    private let good = """
        {"info": {"x": [1, {"y": null}], "t": true}, "licenses": [ ], "version": "1\\/2", "n": -0.5,
         "annotations" : [
           {"id": 11, "image_id": 7, "category_id": 9, "bbox": [10, 20.5, 30, 40], "area": 600.5, "iscrowd": 0,
            "segmentation": [[1, 2, 3, 4.25, 5, 6], [7,8,9]]},
           {"id": 0, "image_id": 7.0, "category_id": 2, "bbox": [-1.5, 70, 2e1, 12], "ignore": 1, "segmentation": [],
            "iscrowd": false , "area": null, "note": "a \\"q\\", {[ ]}, b"},
           {"segmentation" : {"counts": "ab\\\\", "size": [3, 4]} , "id": "12", "image_id": 3, "category_id": 2,
            "bbox": [0, 0, 100, 80], "iscrowd": 1, "score": null},
           {"id": 13, "image_id": 3, "category_id": 2, "bbox": [0,0,1,1], "score": 0.25, "treatment": "ignore"}
         ],
         "images": [{"id": 7, "file_name": "b.jpg", "width": 100, "height": 80, "license": 1},
                    {"id": 3,"file_name":"sub/\\u00e4\\/ä.png","width":64.0,"height":48, "coco_url": "http:\\/\\/x"},
          {"file_name": "c", "id": 4}],
         "categories": [{"id": 9, "name": "cat", "supercategory": "animal"}, {"id": 2, "name": "dog"}]}

        """
    private let results = """
        [{"image_id": 4, "category_id": 5, "bbox": [1, 2, 3, 4], "score": 0.5, "id": "x", "area": -1},
         {"image_id": "4", "category_id": 1, "bbox": [0, 0, 0, 0.125], "score": 1e-3, "segmentation": {"counts": "a"}},
         {"image_id": 5, "category_id": 1, "bbox": [0.1, 0.2, 0.3, 123456.789], "score": 1, "Score": 3}]
        """

    @Test func readsWhatIsThere() throws {
        guard case .items(let pictures, let categories, let labels, let faults) = try agree(Array(good.utf8)) else {
            Issue.record("refused")
            return
        }
        #expect(faults.isEmpty)
        #expect(
            pictures == [
                .init(id: 7, fileName: "b.jpg", size: Size(width: 100, height: 80)),
                .init(id: 3, fileName: "sub/ä/ä.png", size: Size(width: 64, height: 48)),
                .init(id: 4, fileName: "c", size: nil),
            ])
        #expect(categories == [.init(id: 9, name: "cat"), .init(id: 2, name: "dog")])
        #expect(labels.map(\.id) == [11, 0, 12, 13] && labels.map(\.picture) == [7, 7, 3, 3])
        #expect(labels[1].frame == .init(x: -1.5, y: 70, width: 20, height: 12))
        #expect(labels.map(\.area) == [600.5, nil, nil, nil] && labels.map(\.score) == [nil, nil, nil, 0.25])
        #expect(labels.map(\.isCrowd) == [false, false, true, false])
        #expect(labels.map(\.treatment) == [.object, .object, .ignore, .ignore])
        let bytes = Array(good.utf8)
        let shapes = labels.map { label in
            label.segmentation.map { String(decoding: bytes[$0.offset..<$0.offset + $0.length], as: UTF8.self) }
        }
        #expect(
            shapes == ["[[1, 2, 3, 4.25, 5, 6], [7,8,9]]", nil, "{\"counts\": \"ab\\\\\", \"size\": [3, 4]}", nil])
        _ = try agree([0xEF, 0xBB, 0xBF] + bytes)
        _ = try agree(Array(results.utf8), .results)
        _ = try agree(Array("[]".utf8), .results)
        _ = try agree(Array(" [ ] \n".utf8), .results)
        _ = try agree(Array(good.utf8), .results)
        _ = try agree(Array(results.utf8))
    }

    /// Whatever the windows, what is not read is kept as it stands.
    @Test(arguments: [1 << 20, 200, 16]) func keepsTheRest(window: Int) throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let lists = #""licenses": [{"id": 1}, [2, "é"] , 3], "none": [ ]"#
        let text = good.replacing("\"licenses\": [ ]", with: lists)
        let options = COCOReading.Options(window: window, threads: 3, keepsRest: true)
        let document = try COCODocument.read(try scratch.file("f.json", text), as: .annotations, options)
        let rest = document.rest
        #expect(document.pictures.count == 3 && document.labels.joined().count == 4)
        #expect(rest.info["t"] == true && rest.info["x"]?.array?.count == 2)
        #expect(rest.members.map(\.key) == ["licenses", "none", "version", "n"])
        let values: [JSON] = [[["id": 1], [2, "é"], 3], [], "1/2", -0.5]
        #expect(try rest.members.map { try JSON.parse($0.text) } == values)
        #expect(rest.text(ofPicture: 7) == ",\"license\":1" && rest.text(ofPicture: 4) == "")
        #expect(rest.text(ofPicture: 3) == ",\"coco_url\":\"http://x\"")
        #expect(rest.text(ofClass: "cat") == ",\"supercategory\":\"animal\"" && rest.text(ofClass: "dog") == "")
        let label = Annotation(id: 0, box: Box(x1: 0, y1: 0, x2: 1, y2: 1), label: 0)
        #expect(rest.text(of: label) == ",\"ignore\":1,\"note\":\"a \\\"q\\\", {[ ]}, b\"")
    }

    /// Bytes changed, removed, doubled, and the file cut: whatever comes of it, all ways of reading say the same.
    @Test(arguments: 0..<8)
    func agreesOnDamage(seed: Int) throws {
        var random = Random(seed: UInt64(seed), purpose: .test)
        let alphabet =
            Array("\"\\{}[]:,0123456789.-+eE \n\tnulltrueNaNabcd_/".utf8) + [0, 0x1F, 0x7F, 0xC3, 0xA4, 0xFF]
        let words = [
            "null", "true", "[]", "{}", "\"\"", "1e999", "-", "01", "1.", ".5", "NaN", "-Infinity",
            "\"\\ud83d\\ude00\"",
            "\"\\ud83d\"", "\"\\q\"", "1E5", "1e-400", "123456789012345678901234567890", ",", "},{", "]", "\"id\":1,",
            "9223372036854775807", "9223372036854775808", "-9223372036854775808", "9007199254740993.0", "\"Area\":1,",
            "\"i\\u0064\":5,", "/* */", "\u{FEFF}", "-0", "-0.0", "0.1e1", "5e-324", "1.7976931348623157e308",
        ].map { Array($0.utf8) }
        for round in 0..<250 {
            let content: COCODocument.Content = random.chance(0.3) ? .results : .annotations
            var bytes = Array((content == .results ? results : good).utf8)
            for _ in 0..<1 + random.below(3) {
                let at = random.below(bytes.count)
                switch random.below(6) {
                case 0: bytes[at] = alphabet[random.below(alphabet.count)]
                case 1: bytes.remove(at: at)
                case 2: bytes.insert(alphabet[random.below(alphabet.count)], at: at)
                case 3: bytes.insert(contentsOf: words[random.below(words.count)], at: at)
                case 4:
                    // A value becomes another.
                    let end = bytes[at...].firstIndex { ",]}".utf8.contains($0) } ?? bytes.count
                    bytes.replaceSubrange(at..<end, with: words[random.below(words.count)])
                default: if round % 10 == 0 { bytes.removeLast(bytes.count - at) }
                }
                if bytes.isEmpty { bytes = [0x20] }
            }
            _ = try agree(bytes, content)
        }
    }

    /// An item that is much larger than a window, between small ones.
    @Test func anItemMayBeLargerThanAWindow() throws {
        let polygon = "[" + Array(repeating: "[1.5,2.25,3,4]", count: 300_000).joined(separator: ",") + "]"
        let text = good.replacingFirst("[[1, 2, 3, 4.25, 5, 6], [7,8,9]]", by: polygon)
        let scratch = try Scratch()
        defer { scratch.remove() }
        let path = try scratch.file("f.json", text)
        for window in [16, 4096, 1 << 20] {
            guard
                case .items(let pictures, _, let labels, _) = outcome(
                    path, .annotations, window: window, threads: 2, looksAtEach: false)
            else {
                Issue.record("refused")
                return
            }
            #expect(pictures.count == 3 && labels.count == 4)
            #expect(labels[0].segmentation?.length == polygon.utf8.count)
        }
    }

    /// Many items: their order does not depend on threads and windows.
    @Test func orderIsTheFiles() throws {
        let images = (0..<2000).map { "{\"id\": \($0 * 3), \"file_name\": \"\($0).jpg\"}" }
        let labels = (0..<9000).map {
            "{\"id\": \($0), \"image_id\": \($0 * 7 % 2000 * 3), \"category_id\": 1, \"bbox\": [\($0 % 11), 2, 3.5, 4]}"
        }
        let text =
            "{\"images\": [" + images.joined(separator: ",") + "], \"annotations\": [" + labels.joined(separator: ",\n")
            + "], \"categories\": [{\"id\": 1, \"name\": \"a\"}]}"
        guard case .items(let pictures, _, let read, let faults) = try agree(Array(text.utf8)) else {
            Issue.record("refused")
            return
        }
        #expect(pictures.map(\.id) == (0..<2000).map { $0 * 3 } && faults.isEmpty)
        #expect(read.map(\.id) == Array(0..<9000))
    }
}
