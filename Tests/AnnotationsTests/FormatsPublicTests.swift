import Base
import FoundationEssentials
import Geometry
import Imaging
import Testing

@testable import Annotations

private let dataFolder = ProcessInfo.processInfo.environment["PUPIL_TEST_DATA"]

/// The same 100 pictures of VOC2012 as nine tools wrote them, and the same detections in five forms.
@Suite(.enabled(if: dataFolder != nil)) struct FormatsPublicTests {
    private func voc100(_ name: String) throws -> String { try #require(dataFolder) + "/coco_eval/voc100/" + name }
    private func pictures() throws -> String { try #require(dataFolder) + "/voc/VOC2012/JPEGImages" }

    /// Boxes by picture and class, in an order that does not depend on the file's.
    private func boxes(_ set: Dataset) -> [String: [Box]] {
        var found: [String: [Box]] = [:]
        for example in set.examples {
            for label in example.annotations {
                found["\(stem(Files.name(example.fileName))) \(set.classes.names[label.label])", default: []].append(
                    label.box)
            }
        }
        return found
    }

    /// The largest distance of an edge from that of the nearest box of the same picture and class; each box of `b` is
    /// taken once. Infinite where pictures, classes or counts differ.
    private func difference(_ a: Dataset, _ b: Dataset) -> [Float] {
        let (left, right) = (boxes(a), boxes(b))
        guard left.mapValues(\.count) == right.mapValues(\.count) else { return [.infinity] }
        var worst: [Float] = [0, 0, 0, 0]
        for (key, list) in left {
            var others = right[key] ?? []
            for box in list {
                func apart(_ o: Box) -> [Float] {
                    [abs(o.x1 - box.x1), abs(o.y1 - box.y1), abs(o.x2 - box.x2), abs(o.y2 - box.y2)]
                }
                let nearest =
                    others.indices.min { (apart(others[$0]).max() ?? 0) < (apart(others[$1]).max() ?? 0) } ?? 0
                worst = zip(worst, apart(others.remove(at: nearest))).map { max($0, $1) }
            }
        }
        return worst
    }

    /// One COCO file is what the others are held against. Bounds are those of each exporter's rounding: YOLO's six
    /// digits are 0.00025 pixels for a centre and half that for half a side; VOC counts from 1, and the exporters of the other forms took
    /// its corners as they are, so there the upper left corner is 1 pixel off and the lower right one is not.
    @Test(
        arguments: [
            ("gts_coco_v2.json", [0, 0, 0, 0]), ("gts_cvat.xml", [0, 0, 0, 0]), ("gts_pascalvoc_format", [1, 1, 0, 0]),
            ("gts_yolo_format", [4e-4, 4e-4, 4e-4, 4e-4]), ("gts_openimages.csv", [0, 0, 0, 0]),
        ] as [(String, [Float])])
    func everyFormReadsToTheSameBoxes(name: String, bounds: [Float]) throws {
        let truth = try Dataset.read(try voc100("gts_coco.json"), clip: false)
        #expect(truth.examples.count == 100)
        let set = try Dataset.read(try voc100(name), images: try pictures(), clip: false)
        let worst = difference(set, truth)
        print("\(name): \(worst)")
        #expect(zip(worst, bounds).allSatisfy { $0 <= $1 }, "\(name): \(worst)")
        #expect(set.examples.count == 100)
        let sizes = Dictionary(uniqueKeysWithValues: truth.examples.map { (stem($0.fileName), $0.size) })
        #expect(set.examples.allSatisfy { sizes[stem($0.fileName)] == $0.size })
    }

    /// The official copy of the XML files and its COCO form: equal, since both follow VOC's rule.
    @Test(arguments: ["train", "val"]) func theWholeFolder(part: String) throws {
        let folder = try #require(dataFolder) + "/voc"
        let voc = try Dataset.read(folder + "/VOC2012", part: part)
        let coco = try Dataset.read(folder + "/annotations/voc2012_\(part).json", images: voc.root)
        #expect(difference(voc, coco) == [0, 0, 0, 0])
        #expect(voc.classes.names == vocClasses && voc.examples.count == 50)
        #expect(missing(voc).isEmpty)
    }

    @Test(
        arguments: [
            ("dets_abs_xywh", DetectionLines.xywh, 0), ("dets_abs_xyx2y2", .xyxy, 0),
            ("dets_rel_xywh", .relative, 5e-4),
            ("dets_coco.json", nil, 0),
        ] as [(String, DetectionLines?, Float)])
    func detectionsOfEveryFormAreTheSame(name: String, lines: DetectionLines?, bound: Float) throws {
        let truth = try Dataset.read(try voc100("gts_coco.json"))
        let expected = try Detections.read(try voc100("dets_coco_results.json"), truth)
        let found = try Detections.read(try voc100(name), truth, lines: lines, classes: vocClasses)
        #expect(found.reduce(0) { $0 + $1.count } > 100)
        let apart = difference(truth.labelled(by: found), truth.labelled(by: expected))
        print("\(name): \(apart)")
        #expect(apart.allSatisfy { $0 <= bound }, "\(name): \(apart)")
        let scores = zip(found, expected).map { ($0.map(\.score).sorted(), $1.map(\.score).sorted()) }
        #expect(scores.allSatisfy { zip($0, $1).allSatisfy { abs($0 - $1) <= 1e-6 } })
    }

    /// Every object of VOC2007 that is no difficult or tiny one becomes a picture of what stands there.
    @Test func realObjectsAreCutOut() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let set = try Dataset.read(try #require(dataFolder) + "/voc/VOC2007", part: "val")
        let out = scratch.path + "/out"
        let count = try Conversion.writeImageFolder([.init("val", set)], to: out, margin: 0, minSide: 20)[0]
        let all = set.examples.flatMap(\.annotations)
        let objects = all.filter { $0.treatment == .object }
        #expect(count.leftOut == all.count - objects.count && count.leftOut > 0)
        #expect(count.tooSmall == objects.count { min($0.box.width, $0.box.height) < 20 } && count.tooSmall > 0)
        let crops = try Dataset.imageFolder(out)
        #expect(crops.examples.count == count.labels && count.labels == objects.count - count.tooSmall)
        var worst = 0.0
        for example in set.examples.prefix(20) {
            let image = try ImageFile.decode(set.path(of: example)).image
            for object in example.annotations where object.treatment == .object {
                let name = "\(set.classes.names[object.label])/\(stem(example.fileName))_\(object.id).jpg"
                guard crops.examples.contains(where: { $0.fileName == name }) else { continue }
                let crop = try ImageFile.decode(Files.join(crops.root, name)).image
                // VOC's corners are whole pixels.
                let box = object.box
                let rect = PixelRect(x: Int(box.x1), y: Int(box.y1), width: Int(box.width), height: Int(box.height))
                try #require(crop.size == rect.size)
                let there = image.cropped(to: rect)
                let off = zip(crop.pixels, there.pixels).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
                worst = max(worst, Double(off) / Double(crop.pixels.count))
            }
        }
        print("cut-outs: at most \(worst) levels from their place")
        #expect(worst > 0 && worst < 4)
    }

    /// Blood cells through every form and back: the same boxes to the last bit.
    @Test(arguments: ["yolo", "voc", "openimages", "coco"]) func roundTripsOfRealSetsAreExact(format: String) throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let data = try #require(dataFolder) + "/bccd/annotations/instances_"
        let parts = try ["train", "val", "test"].map { Conversion.Part($0, try Dataset.read(data + $0 + ".json")) }
        let form = try #require(DatasetFormat(rawValue: format))
        let out = Files.join(scratch.path, "out")
        let counts = try Conversion.write(parts, as: form, to: out)
        #expect(counts.map(\.pictures) == [205, 87, 72] && counts.map(\.labels) == [2804, 1137, 945])
        for part in parts {
            let path =
                switch form {
                case .coco: out + "/annotations/instances_\(part.name).json"
                case .openImages: out + "/\(part.name)-annotations-bbox.csv"
                default: out
                }
            let back = try Dataset.read(path, part: part.name)
            #expect(missing(back).isEmpty)
            #expect(difference(back, part.set) == [0, 0, 0, 0])
            #expect(back.classes.names == part.set.classes.names)
            #expect(back.examples.count == part.set.examples.count)
        }
    }
}
