import Base
import Geometry
import Imaging
import Testing

@testable import Annotations

@Suite struct ImageFolderWriterTests {
    /// A picture whose red says x and whose green says y, two levels a pixel: JPEG keeps such slopes.
    private func slope(_ width: Int, _ height: Int) -> Image {
        var image = Image(width: width, height: height)
        for y in 0..<height {
            for x in 0..<width {
                image.pixels[(y * width + x) * 3] = UInt8(2 * x)
                image.pixels[(y * width + x) * 3 + 1] = UInt8(2 * y)
            }
        }
        return image
    }

    /// How far a picture is from the part of `slope` that begins at a place.
    private func distance(_ image: Image, _ left: Int, _ top: Int) -> Int {
        var worst = 0
        for y in 0..<image.height {
            for x in 0..<image.width {
                let at = (y * image.width + x) * 3
                worst = max(worst, abs(Int(image.pixels[at]) - 2 * (x + left)))
                worst = max(worst, abs(Int(image.pixels[at + 1]) - 2 * (y + top)))
            }
        }
        return worst
    }

    private func annotation(_ id: Int, _ label: Int, _ x1: Float, _ y1: Float, _ x2: Float, _ y2: Float) -> Annotation {
        Annotation(id: id, box: Box(x1: x1, y1: y1, x2: x2, y2: y2), label: label)
    }

    /// Two pictures of one stem, one in a folder, one turned by EXIF; one whose picture is never opened.
    private func set(_ scratch: Scratch) throws -> Dataset {
        var difficult = annotation(6, 0, 0, 0, 90, 50)
        difficult.treatment = .ignore
        var crowd = annotation(7, 0, 0, 0, 90, 50)
        crowd.isCrowd = true
        // Stored lying, 60 high; upright it is the slope of 60x100.
        let upright = slope(60, 100)
        var lying = Image(width: 100, height: 60)
        for y in 0..<60 {
            for x in 0..<100 {
                for c in 0..<3 { lying.pixels[(y * 100 + x) * 3 + c] = upright.pixels[(x * 60 + 59 - y) * 3 + c] }
            }
        }
        let exif: [UInt8] =
            [0xFF, 0xE1, 0, 34] + Array("Exif\0\0II*\0".utf8)
            + [8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]
        let jpeg = lying.jpeg(quality: 95)
        try scratch.write([
            "a.png": .bytes(slope(100, 60).png()), "sub/a.jpg": .bytes(jpeg.prefix(2) + exif + jpeg.dropFirst(2)),
        ])
        return Dataset(
            root: scratch.path, classes: ClassTable(names: ["cat", "on/off", "..dots", "none"]),
            examples: [
                Example(
                    id: 1, fileName: "a.png", size: Size(width: 100, height: 60),
                    annotations: [
                        annotation(1, 0, 40, 15, 60, 35), annotation(2, 1, 0, 0, 100, 60),
                        annotation(3, 2, 10.5, 20, 40.25, 36), annotation(4, 0, 50, 10, 90, 25.9), difficult, crowd,
                    ]),
                Example(id: 2, fileName: "sub/a.jpg", size: nil, annotations: [annotation(5, 0, 20, 60, 40, 100)]),
                Example(id: 3, fileName: "gone.jpg", size: nil, annotations: [annotation(8, 0, 0, 0, 9, 90)]),
            ])
    }

    @Test func objectsAreCutOutWithTheirSurroundings() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let out = scratch.path + "/out/"
        let done = Monitor(0)
        let counts = try Conversion.writeImageFolder(
            [.init("train", try set(scratch))], to: out, progress: { count in done.withLock { $0 = max($0, count) } })
        var wanted = Conversion.Count(part: "train")
        (wanted.pictures, wanted.labels, wanted.leftOut, wanted.tooSmall) = (3, 4, 2, 2)
        #expect(counts == [wanted] && done.withLock { $0 } == 3)
        #expect(counts[0].json["too_small"] == 2)
        #expect(try Files.list(out + "train") == ["_.dots", "cat", "none", "on_off"])
        #expect(
            try Files.walk(out) == [
                "train/_.dots/a_3.jpg", "train/cat/a_1.jpg", "train/cat/a_5.jpg", "train/on_off/a_2.jpg",
            ])
        // Grown by a tenth of the longer side, outwards to whole pixels, cut at the edge.
        for (name, rect) in [
            ("cat/a_1.jpg", PixelRect(x: 38, y: 13, width: 24, height: 24)),
            ("on_off/a_2.jpg", PixelRect(x: 0, y: 0, width: 100, height: 60)),
            ("_.dots/a_3.jpg", PixelRect(x: 7, y: 17, width: 37, height: 22)),
            ("cat/a_5.jpg", PixelRect(x: 16, y: 56, width: 28, height: 44)),
        ] {
            let image = try ImageFile.decode(out + "train/" + name).image
            #expect(image.size == rect.size, "\(name)")
            #expect(distance(image, rect.x, rect.y) <= 8, "\(name) \(distance(image, rect.x, rect.y))")
        }
        // It reads back as what it is, every class with its folder.
        let back = try Dataset.imageFolder(scratch.path + "/out")
        #expect(back.classes.names == ["_.dots", "cat", "none", "on_off"] && back.classCounts == [1, 2, 0, 1])
    }

    /// Against every pixel asked by itself whether it is in the grown box.
    @Test func surroundings() {
        var random = Random(seed: 3, purpose: .test)
        for _ in 0..<2000 {
            let size = Size(width: 1 + random.below(60), height: 1 + random.below(60))
            let (x, y) = (random.uniform(0, Double(size.width) - 0.5), random.uniform(0, Double(size.height) - 0.5))
            let whole = random.chance(0.3)
            func edge(_ value: Double) -> Float { Float(whole ? value.rounded() : value) }
            let box = Box(
                x1: edge(x), y1: edge(y), x2: edge(random.uniform(x + 0.5, Double(size.width))) + (whole ? 1 : 0),
                y2: edge(random.uniform(y + 0.5, Double(size.height))) + (whole ? 1 : 0)
            ).clipped(to: size)
            if box.isEmpty { continue }
            let margin = [0, 0.1, 0.25, 3][random.below(4)]
            let rect = Conversion.surroundings(of: box, margin: margin, in: size)
            let grow = margin * Double(max(box.width, box.height))
            func pixels(_ low: Float, _ high: Float, _ count: Int) -> [Int] {
                (0..<count).filter {
                    Double($0 + 1) > Double(low) - grow + 1e-3 && Double($0) < Double(high) + grow - 1e-3
                }
            }
            #expect(Array(rect.x..<rect.x + rect.width) == pixels(box.x1, box.x2, size.width), "\(box) \(margin)")
            #expect(Array(rect.y..<rect.y + rect.height) == pixels(box.y1, box.y2, size.height), "\(box) \(margin)")
        }
        let sliver = Box(x1: 9.9995, y1: 0, x2: 10, y2: 5)
        let rect = Conversion.surroundings(of: sliver, margin: 0, in: Size(width: 10, height: 5))
        #expect(rect == PixelRect(x: 9, y: 0, width: 1, height: 5))
    }

    @Test func sameBytesForAnyThreads() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        var set = try set(scratch)
        set.examples.removeLast()
        for i in 0..<12 {
            var example = set.examples[i % 2]
            for j in example.annotations.indices { example.annotations[j].id += 100 * (i + 1) }
            set.examples.append(example)
        }
        var contents: [[String: [UInt8]]] = []
        var written = 0
        for threads in [1, 8] {
            let out = scratch.path + "/out\(threads)"
            let counts = try Conversion.writeImageFolder(
                [.init("a", set), .init("b", set)], to: out, margin: 0.3, minSide: 1, threads: threads)
            var files: [String: [UInt8]] = [:]
            written = counts.reduce(0) { $0 + $1.labels }
            for name in try Files.walk(out) { files[name] = try Files.read(Files.join(out, name)) }
            contents.append(files)
        }
        #expect(written > 40 && contents[0].count == written && contents[0] == contents[1])
    }

    /// What goes wrong at a late picture leaves nothing behind.
    @Test func wholeOrNotAtAll() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let good = try set(scratch)
        let before = try Files.walk(scratch.path)
        func said(_ change: (inout Dataset) -> Void, minSide: Int = 16) -> String {
            var set = good
            set.source = "gt.json"
            change(&set)
            let said = message {
                _ = try Conversion.writeImageFolder(
                    [.init("train", good), .init("val", set)], to: scratch.path + "/out", minSide: minSide, threads: 2)
            }
            return scratch.relative(said)
        }
        #expect(said { $0.examples[2].annotations[0].box.x2 = 80 } == "there is no file gone.jpg")
        #expect(
            said { $0.examples[1].size = Size(width: 100, height: 60) }
                == "gt.json: image sub/a.jpg: is said to have 100x60 pixels and has 60x100")
        #expect(
            said { $0.examples[1].annotations[0].id = 1 }
                == "gt.json: two objects would both be cat/a_1.jpg; ids of annotations must differ")
        #expect(
            said { $0.examples[1].annotations[0].box = Box(x1: 70, y1: 0, x2: 90, y2: 20) }
                == "gt.json: image sub/a.jpg: the box of cat/a_5.jpg lies outside the picture")
        #expect(said { $0.classes.names[3] = "nine" }.hasPrefix("the classes of gt.json and  differ: only gt.json has"))
        #expect(try Files.walk(scratch.path) == before && Files.list(scratch.path) == ["a.png", "sub"])

        var clash = good
        clash.source = "gt.json"
        clash.classes.names[3] = "on_off"
        #expect(
            message { _ = try Conversion.writeImageFolder([.init("train", clash)], to: scratch.path + "/out") }
                == "gt.json: the classes \"on/off\" and \"on_off\" would share the folder on_off")
        #expect(
            scratch.relative(
                message { _ = try Conversion.writeImageFolder([.init("train", good)], to: scratch.path + "/sub") })
                == "sub has files in it already; nothing is written over them, choose another --out")
        #expect(try Files.walk(scratch.path) == before)
    }

    @Test(arguments: [
        ("cat", "cat"), ("a/b", "a_b"), ("..", "_."), (".x", "_x"), ("", "_"), ("a.b", "a.b"), ("/", "_"),
        ("tab\there\u{0}\r\n", "tab_here___"), ("Bär 🐻", "Bär 🐻"),
    ])
    func safeNames(name: String, folder: String) { #expect(Conversion.safeName(name) == folder) }
}
