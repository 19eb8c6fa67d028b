import Base
import CImage
import Geometry
import Glibc
import Markup

@testable import Annotations
@testable import Checkpoints
@testable import Imaging
@testable import Recipes

/// A parser and how bytes are given to it. Whatever they are, it returns or throws; a trap, a fault of memory, an answer
/// that contradicts itself and one that takes too long are findings.
public struct FuzzTarget: Sendable {
    /// What `make fuzz` and the folders of findings call it.
    public let name: String
    /// Parses the bytes.
    public let run: @Sendable (_ bytes: [UInt8]) -> Void

    init(_ name: String, _ run: @escaping @Sendable (_ bytes: [UInt8]) -> Void) {
        self.name = name
        self.run = run
    }

    /// A parser that reads a file.
    private static func file(_ name: String, _ run: @escaping @Sendable (_ path: String) -> Void) -> FuzzTarget {
        FuzzTarget(name) { bytes in
            // A folder of its own: readers look at what lies beside a file.
            // In memory where that can be: on a disk most of the time goes by waiting for it.
            var template = Array("\(Files.isFolder("/dev/shm") ? "/dev/shm" : "/tmp")/pupil-fuzz-XXXXXX".utf8CString)
            guard mkdtemp(&template) != nil else { preconditionFailure("no folder for a file") }
            let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let path = folder + "/input"
            defer {
                unlink(path)
                rmdir(folder)
            }
            let descriptor = open(path, O_WRONLY | O_CREAT, 0o600)
            let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, bytes.count) }
            precondition(close(descriptor) == 0 && count == bytes.count, "\(path) cannot be written")
            run(path)
        }
    }

    /// All of them; a new parser is a line here, and a seed in `Fuzz/seeds.py`.
    public static let all: [FuzzTarget] = [
        FuzzTarget("json") { bytes in
            guard let json = try? JSON.parse(bytes, file: "fuzz") else { return }
            // 2.0 is written as 2, so that texts are compared.
            let text = json.canonical
            for written in [text, json.pretty] {
                let again = try? JSON.parse(written, file: "fuzz")
                precondition(again?.canonical == text, "JSON changes when it is written and read: \(text)")
            }
        },
        FuzzTarget("yaml") { bytes in
            guard let text = String(validating: bytes, as: UTF8.self) else { return }
            _ = try? YAML.parse(text, file: "fuzz").json
            _ = YAML.resolve(text)
        },
        FuzzTarget("safetensors") { bytes in
            bytes.withUnsafeBytes { buffer in
                guard let header = try? SafetensorsHeader(buffer, file: "fuzz") else { return }
                for entry in header.entries {
                    precondition(entry.range.upperBound <= buffer.count, "a tensor lies outside its file")
                    precondition(entry.shape.reduce(1, *) == entry.elementCount, "a shape of other elements")
                }
            }
        },
        // Told by content: zip archives and old pickles of torch.save.
        FuzzTarget("torch") { bytes in
            bytes.withUnsafeBytes { buffer in
                let read = FileKind(buffer) == .zip ? TorchFile.zip : TorchFile.pickle
                guard let contents = try? read(buffer, "fuzz", nil) else { return }
                check(contents, buffer)
            }
        },
        // Objects alone; the memory of their tensors is the pickle's own bytes.
        FuzzTarget("pickle") { bytes in
            bytes.withUnsafeBytes { buffer in
                var reader = PickleReader(buffer, file: "fuzz")
                guard let root = try? reader.read() else { return }
                var storages: [Range<Int>] = []
                for storage in reader.values.storages {
                    let size = storage.count.multipliedReportingOverflow(by: storage.kind.byteCount ?? 1)
                    if size.overflow || size.partialValue > buffer.count { return }
                    storages.append(0..<size.partialValue)
                }
                var dictionary = StateDictionary(reader, storages: storages, fileSize: buffer.count, file: "fuzz")
                if let contents = try? dictionary.contents(root, key: nil) { check(contents, buffer) }
            }
        },
        FuzzTarget("mask") { bytes in
            guard let mask = try? ImageFile.labels(bytes: bytes, name: "fuzz", maxPixels: 1 << 18) else { return }
            precondition(mask.labels.count == mask.width * mask.height, "labels for other pixels")
            precondition(mask.labels.reduce(0) { $0 &+ Int($1) } >= 0)
        },
        file("classes") { path in
            guard let classes = try? MaskClasses.read(path) else { return }
            precondition((2...255).contains(classes.table.count), "\(classes.table.count) classes")
            precondition(Set(classes.table.names).count == classes.table.count, "a class comes twice")
            _ = try? classes.coding(nil)
        },
        file("panoptic") { path in
            var findings = Findings(limit: 10)
            let set = try? Dataset.panoptic(path, images: "/tmp", masks: "/tmp", into: &findings)
            for example in set?.examples ?? [] {
                precondition(example.mask?.segments.values.allSatisfy { Int($0) < set?.classes.count ?? 0 } ?? false)
            }
        },
        FuzzTarget("record") { bytes in
            if let mask = MaskRecord(line: bytes, classCount: 3) {
                precondition(MaskRecord(line: Array(mask.line.utf8), classCount: 3) == mask, "a record changes")
            }
            if let classes = ClassRecord(line: bytes, classCount: 3) {
                precondition(ClassRecord(line: Array(classes.line.utf8), classCount: 3) == classes, "a record changes")
            }
            if let boxes = PredictionRecord(line: bytes, classCount: 3) {
                precondition(PredictionRecord(line: Array(boxes.line.utf8), classCount: 3) != nil, "a record is lost")
            }
        },
        FuzzTarget("jpeg", picture), FuzzTarget("png", picture), FuzzTarget("webp", picture),
        file("header") { path in
            guard let size = try? ImageFile.size(path) else { return }
            precondition(size.width > 0 && size.height > 0, "a size of \(size)")
        },
        FuzzTarget("exif") { bytes in
            let exif = Orientation.inEXIF(bytes[...])
            let xmp = Orientation.inXMP(bytes[...])
            precondition((1...8).contains(Orientation.choose(exif: exif, xmp: xmp)), "an orientation of none")
            let read = { (offset: Int, count: Int) in bytes[min(offset, bytes.count)..<min(offset + count, bytes.count)]
            }
            precondition((1...8).contains(Orientation.inPNG(read)), "an orientation of none in a PNG")
            precondition((1...8).contains(Orientation.inWebP(read)), "an orientation of none in a WebP")
        },
        file("coco") { path in
            if let set = try? Dataset.coco(path), let rest = try? COCORest(path, of: set),
                let copy = try? set.cocoTextWithMasks(rest)
            {
                precondition((try? JSON.parse(copy, file: "copy")) != nil, "a copy that is no JSON: \(copy)")
            }
            _ = try? TruthSet.coco(path)
            mend(path)
        },
        FuzzTarget("xml") { _ = try? XML.parse($0) },
        FuzzTarget("csv") { bytes in
            var reader = CSVReader(bytes)
            // A fault ends its line; the reader goes on behind it.
            for _ in 0...bytes.count {
                do throws(MarkupFault) { if try !reader.next() { return } } catch { continue }
            }
            preconditionFailure("more rows than bytes")
        },
        // Told by content: VOC and CVAT files, tables of Open Images, lists.
        file("set") { mend($0) },
        file("yolo") { path in
            var picture = PictureLabels(fileName: "a.jpg", size: Size(width: 64, height: 48))
            YOLOLabels.read(
                path, classes: ["a", "b"], rules: BoxRules(clip: true, emptyBoxes: .reject), into: &picture)
        },
        file("results") { path in
            let classes = ClassTable(names: ["a", "b"], ids: [1, 2])
            let examples = (1...3).map { Example(id: $0, fileName: "\($0).jpg", size: Size(width: 64, height: 48)) }
            _ = try? COCOResults.read(path, Dataset(root: "", classes: classes, examples: examples))
        },
    ]

    /// Reads a set of any form and mends it, as if its pictures were there: what is left has boxes inside their pictures,
    /// ids of their own, and no picture that lost all its labels.
    private static func mend(_ path: String) {
        var findings = Findings(limit: 10)
        guard let set = try? Dataset.read(path, into: &findings) else { return }
        let facts = set.examples.map { example in
            var facts = PictureFacts()
            (facts.size, facts.isMissing) = (example.size ?? Size(width: 64, height: 48), false)
            return facts
        }
        guard let mended = try? set.mended(facts, after: findings).set else { return }
        let labels = mended.examples.flatMap(\.annotations)
        precondition(Set(labels.map(\.id)).count == labels.count, "an id comes twice")
        let bare = Set(set.examples.filter { $0.annotations.isEmpty }.map(\.fileName))
        for example in mended.examples {
            guard let size = example.size else { preconditionFailure("a picture without a size") }
            precondition(example.annotations.allSatisfy { $0.box == $0.box.clipped(to: size) && !$0.box.isEmpty })
            precondition(
                !example.annotations.isEmpty
                    || (bare.contains(example.fileName) && !findings.bereft.contains(example.fileName)),
                "a picture became background")
        }
    }

    /// The entries of a file of weights lie in it, and their elements can be had.
    private static func check(_ contents: WeightsContents, _ buffer: UnsafeRawBufferPointer) {
        precondition(Set(contents.entries.map(\.name)).count == contents.entries.count, "a name comes twice")
        // Not all of many: each may take as many bytes as the file.
        for entry in contents.entries.prefix(100) {
            precondition(entry.range.lowerBound >= 0 && entry.range.upperBound <= buffer.count, "a tensor lies outside")
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[entry.range])
            guard let strides = entry.strides else {
                precondition(bytes.count == entry.elementCount * entry.type.byteCount, "a tensor of other bytes")
                continue
            }
            let copy = rowMajor(bytes, shape: entry.shape, strides: strides, width: entry.type.byteCount)
            precondition(copy.count == entry.elementCount * entry.type.byteCount, "a view of other bytes")
            precondition(copy.reduce(0) { $0 &+ Int($1) } >= 0)
        }
    }

    /// A JPEG before its turn, with or without our reader of codes; nil where it is refused.
    private static func jpeg(_ bytes: [UInt8], _ limit: Int, plain: Bool) -> [UInt8]? {
        bytes.withUnsafeBufferPointer { buffer -> [UInt8]? in
            guard let base = buffer.baseAddress, let decoder = pupil_jpeg_new(base, buffer.count) else { return nil }
            defer { pupil_decoder_close(decoder) }
            if plain { pupil_jpeg_leave_to_libjpeg(decoder) }
            var header = pupil_header()
            guard pupil_decoder_open(decoder, Int64(limit), &header) == PUPIL_DECODED else { return nil }
            var status = PUPIL_REFUSED
            let count = 3 * Int(header.width) * Int(header.height)
            let pixels = [UInt8](unsafeUninitializedCapacity: count) { pixels, filled in
                guard let base = pixels.baseAddress else { return }
                status = pupil_decoder_read(decoder, 1, base)
                filled = status == PUPIL_REFUSED ? 0 : count
            }
            return status == PUPIL_REFUSED ? nil : pixels
        }
    }

    /// A picture in full size, and reduced: the same verdict, and pixels for all that is promised.
    private static let picture: @Sendable ([UInt8]) -> Void = { bytes in
        // A limit under which a hundred scans of a progressive JPEG do not take minutes.
        let limit = 1 << 18
        let whole = try? ImageFile.decode(bytes: bytes, name: "fuzz", needed: nil, maxPixels: limit)
        let needed = { (size: Size) in Size(width: max(1, size.width / 8), height: max(1, size.height / 8)) }
        let reduced = try? ImageFile.decode(bytes: bytes, name: "fuzz", needed: needed, maxPixels: limit)
        precondition((whole == nil) == (reduced == nil), "a picture is refused in one size alone")
        if bytes.starts(with: [0xFF, 0xD8]) {
            let (ours, libjpegs) = (jpeg(bytes, limit, plain: false), jpeg(bytes, limit, plain: true))
            precondition(ours == libjpegs, "libjpeg alone sees something else")
        }
        guard let whole, let reduced else { return }
        precondition(whole.size == reduced.size && whole.image.size == whole.size, "sizes differ")
        // Every byte is looked at, so that a sanitizer sees those that were never written.
        precondition(whole.image.pixels.reduce(0) { $0 &+ Int($1) } >= 0)
        precondition(reduced.image.pixels.reduce(0) { $0 &+ Int($1) } >= 0)
    }
}
