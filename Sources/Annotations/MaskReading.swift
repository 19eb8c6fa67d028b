import Base
import Geometry
import Imaging

extension Dataset {
    /// Pictures of a folder with the masks of another, found by name: `a/b.jpg` belongs to `a/b.png`, or to `a/b_x.png`
    /// where all masks end so (`_mask`, `_L`).
    ///
    /// - Parameters:
    ///   - list: a file with a name a line, with or without ending; nil: all pictures that have a mask.
    ///   - values: of pixels, to ids of classes or to nil for ignored; nil: the ids themselves.
    /// - Throws: `.invalidData` where a folder is missing or holds nothing, or a listed picture or its mask is not there.
    public static func masked(
        images: String, masks: String, list: String?, classes: MaskClasses, values: [Int: Int?]? = nil
    ) throws(Failure) -> Dataset {
        for folder in [images, masks] where !Files.isFolder(folder) {
            throw .data(
                Files.exists(folder) ? "\(folder) is a file; a folder was expected" : "there is no folder \(folder)")
        }
        let files = MaskFolder(try PictureFolder(masks))
        if files.isEmpty {
            throw .data("\(masks): holds no PNG file; a mask is a PNG, since other forms blur its edges")
        }
        var pictures = try PictureFolder(images)
        if pictures.root == files.root {
            // Of one folder the PNG files are the masks; a mask must never be its own picture.
            pictures = pictures.filtered { !$0.lowercased().hasSuffix(".png") }
            if pictures.names.isEmpty {
                throw .data(
                    "\(images): pictures and masks lie in one folder, and all are PNG; give them folders of their own")
            }
        }
        return try masked(pictures, files, list: list, classes: classes, values: values)
    }

    /// PASCAL VOC's layout: `JPEGImages`, `SegmentationClass` (of what is not there `SegmentationClassAug`), and the
    /// lists of `ImageSets/Segmentation`.
    /// - Parameter part: the name of a list, such as `train`, `val`, `trainval`, `train_aug`; or a file.
    public static func vocMasks(
        _ root: String, part: String, classes: MaskClasses?, values: [Int: Int?]? = nil
    ) throws(Failure) -> Dataset {
        let lists = Files.join(root, "ImageSets/Segmentation")
        var list = Files.join(lists, part + ".txt")
        if !Files.exists(list) {
            let known = ((try? Files.list(lists)) ?? []).filter { $0.hasSuffix(".txt") }.map { stem($0) }
            guard Files.exists(part), !Files.isFolder(part) else {
                throw .data(
                    "\(lists) has no list \(part).txt; it has "
                        + (known.isEmpty ? "none" : known.joined(separator: ", ")) + didYouMean(part, known))
            }
            list = part
        }
        var files = MaskFolder(try PictureFolder(Files.join(root, "SegmentationClass")))
        let more = Files.join(root, "SegmentationClassAug")
        if Files.isFolder(more) { files.fallback = MaskFolder(try PictureFolder(more)).files }
        var set = try masked(
            try PictureFolder(Files.join(root, "JPEGImages")), files, list: list, classes: classes ?? .voc,
            values: values)
        set.source = list
        return set
    }

    /// Whether a folder has VOC's layout of masks.
    public static func hasVOCMasks(_ root: String) -> Bool {
        Files.isFolder(Files.join(root, "SegmentationClass")) && Files.isFolder(Files.join(root, "JPEGImages"))
    }

    /// COCO panoptic: a JSON file, whose annotations list the segments of a PNG file each. Things and stuff are classes
    /// alike, in the order of its categories.
    /// - Parameters:
    ///   - masks: the folder of PNG files; nil: the one beside the file that has its name without ending.
    ///   - findings: items that cannot be used and are left out.
    public static func panoptic(
        _ file: String, images: String, masks: String?, into findings: inout Findings
    ) throws(Failure) -> Dataset {
        let document = try COCODocument.read(file, as: .panoptic)
        let odd = document.faults.filter { $0.kind == .annotation }
        if document.segmented.isEmpty, !odd.isEmpty, odd.allSatisfy({ $0.message.contains("\"file_name\"") }) {
            throw .data(
                "\(file): is no COCO panoptic file, whose annotations are a PNG file and its \"segments_info\" each; one of "
                    + "objects is for boxes, and the masks of COCO's stuff are a folder of PNG files (stuffthingmaps), for "
                    + "--masks")
        }
        let folder = masks ?? stem(file)
        for folder in [images, folder] where !Files.isFolder(folder) {
            throw .data("\(file): there is no folder \(folder) (--images and --masks say where they are)")
        }
        for fault in document.faults { findings.add(fault.rule, fault.place(in: file) { _ in nil }, fault.message) }
        guard (2...255).contains(document.categories.count) else {
            throw .data("\(file): has \(document.categories.count) categories; 2 to 255 are possible")
        }
        let names = document.categories.map(\.name)
        let ids = document.categories.map(\.id)
        guard Set(names).count == names.count, Set(ids).count == ids.count else {
            throw .data("\(file): a category is there twice")
        }
        let label = Dictionary(uniqueKeysWithValues: ids.enumerated().map { ($1, UInt8($0)) })
        var maskOf: [Int: MaskFile] = [:]
        for item in document.segmented {
            var mask = MaskFile(path: Files.join(folder, item.fileName))
            for segment in item.segments {
                guard (0..<1 << 24).contains(segment.id) else {
                    findings.add(
                        .itemMalformed, Place(file: file, item: "segment \(segment.id) of \(item.fileName)"),
                        "an id is red + 256 green + 65536 blue, 0 to 16777215")
                    continue
                }
                guard let known = label[segment.category] else {
                    findings.add(
                        .annotationWithoutClass, Place(file: file, item: "segment \(segment.id) of \(item.fileName)"),
                        "category_id \(segment.category) is none of the categories")
                    continue
                }
                mask.segments[UInt32(segment.id)] = known
            }
            if maskOf.updateValue(mask, forKey: item.picture) != nil {
                findings.add(
                    .annotationIDTwice, Place(file: file, item: "image id \(item.picture)"), "has two annotations")
            }
        }
        var set = Dataset(root: Files.normalised(images), classes: ClassTable(names: names, ids: ids), examples: [])
        set.source = file
        set.hasWrittenIDs = true
        set.maskCoding = .segments
        var seen = (ids: Set<Int>(), names: Set<String>())
        for picture in document.pictures {
            guard let name = nameInside(picture.fileName) else {
                findings.add(
                    .imageNameOutside, Place(file: file, image: picture.fileName), "leads out of the folder of pictures"
                )
                continue
            }
            let place = Place(file: file, image: name)
            guard seen.ids.insert(picture.id).inserted else {
                findings.add(.imageIDTwice, place, "another image has its id \(picture.id)")
                continue
            }
            guard seen.names.insert(name).inserted else {
                findings.add(.imageNameTwice, place, "is listed twice")
                continue
            }
            guard let mask = maskOf[picture.id] else {
                findings.add(.maskMissing, place, "has no annotation, so that it has no mask")
                continue
            }
            var example = Example(id: picture.id, fileName: name, size: picture.size)
            example.mask = mask
            set.examples.append(example)
        }
        if set.examples.isEmpty { throw .data("\(file): no picture in it has a mask") }
        return set
    }

    private static func masked(
        _ pictures: PictureFolder, _ masks: MaskFolder, list: String?, classes: MaskClasses, values: [Int: Int?]?
    ) throws(Failure) -> Dataset {
        var set = Dataset(root: pictures.root, classes: classes.table, examples: [])
        set.maskCoding = try classes.coding(values)
        set.source = list ?? masks.root
        let suffix = masks.suffix(for: pictures.names.map { stem($0) })
        func requireOne(_ name: String) throws(Failure) {
            guard pictures.several[stem(name)] != nil else { return }
            let twins = pictures.names.filter { stem($0) == stem(name) }
            throw .data(
                "\(pictures.root): \(twins.prefix(3).joined(separator: " and ")) have one name but for the ending, so that nobody "
                    + "knows whose mask \(stem(name))\(suffix).png is")
        }
        func add(_ name: String, _ mask: String) {
            var example = Example(id: set.examples.count + 1, fileName: name, size: nil)
            example.mask = MaskFile(path: mask)
            set.examples.append(example)
        }
        func missing(_ name: String, at place: Place) -> Failure {
            .data("\(place): there is no mask \(stem(name))\(suffix).png in \(masks.root)\(masks.nearest(stem(name)))")
        }
        if let list {
            var lineOf: [String: Int] = [:]
            for (line, text) in textLines(try Files.readText(list)) {
                let place = Place(file: list, line: line)
                guard let name = listed(text, in: pictures, suffix: suffix) else {
                    let near = didYouMean(stem(text), pictures.names.lazy.prefix(5000).map { stem($0) })
                    throw .data("\(place): there is no picture \"\(text)\" in \(pictures.root)\(near)")
                }
                if let before = lineOf.updateValue(line, forKey: name) {
                    throw .data("\(place): \(text) stands in line \(before) already")
                }
                try requireOne(name)
                guard let mask = masks.find(stem(name) + suffix) else { throw missing(name, at: place) }
                add(name, mask)
            }
            if set.examples.isEmpty { throw .data("\(list): lists no picture") }
        } else {
            for name in pictures.names {
                guard let mask = masks.find(stem(name) + suffix) else { continue }
                try requireOne(name)
                add(name, mask)
            }
            if set.examples.isEmpty {
                throw .data(
                    "no picture of \(pictures.root) has a mask of its name in \(masks.root)"
                        + (pictures.names.first.map { masks.nearest(stem($0)) } ?? ""))
            }
            let without = pictures.names.count - set.examples.count
            if without > 0 { set.notes.append("left out \(without) pictures without a mask") }
            let used = Set(set.examples.map { stem($0.fileName) + suffix })
            let alone = masks.files.keys.filter { !used.contains($0) }.sorted()
            if !alone.isEmpty {
                set.notes.append("\(alone.count) masks have no picture: \(firstFive(alone.map { $0 + ".png" }))")
            }
        }
        if !suffix.isEmpty { set.notes.append("masks are named as pictures are, with \"\(suffix)\"") }
        return set
    }
}

/// True and predicted masks of the same names.
public struct MaskPairs: Sendable {
    fileprivate var pairs: [(truth: MaskFile, prediction: MaskFile)] = []
    fileprivate var truthCoding: MaskCoding
    fileprivate var predictionCoding: MaskCoding
    /// Of both.
    public fileprivate(set) var classes: ClassTable
    fileprivate var valuesAreGiven: Bool
    fileprivate var predictedValuesAreGiven: Bool
    /// Of predicted masks that are painted, where the classes have colours.
    fileprivate var predictedColors: MaskCoding?

    /// Where masks of two classes turn out to hold 0 and 255 alone: 255 means ignored, so that nothing would be measured of
    /// true ones, and predicted ones would miss all of a class. Nil where their values were given a meaning.
    ///
    /// - Parameter ofTruth: of the true masks, else of the predicted ones.
    public func binaryAdvice(ofTruth: Bool) -> String? {
        let coding = ofTruth ? truthCoding : predictionCoding
        guard !(ofTruth ? valuesAreGiven : predictedValuesAreGiven), classes.count == 2,
            case .values(let table) = coding,
            table[255] == Int16(LabelMap.ignored)
        else {
            return nil
        }
        let zero = table.firstIndex(of: 0) ?? 0
        let ids = ofTruth ? classes.ids : [0, 1]
        return
            "the \(ofTruth ? "true" : "predicted") masks hold \(zero) and 255 alone, and 255 means "
            + (ofTruth ? "ignored, so that no pixel is of any other class" : "that no class was predicted")
            + "; for binary masks say --\(ofTruth ? "" : "dt-")mask-values \(zero):\(ids[0]),255:\(ids[1])"
            + (ofTruth ? ", and --dt-mask-values of the same where predictions are written so, too" : "")
    }

    /// How many.
    public var count: Int { pairs.count }

    /// The masks of a pair, of one size.
    /// - Throws: `.invalidData` naming the file that cannot be read, or whose size differs.
    public func read(_ index: Int) throws(Failure) -> (truth: LabelMap, prediction: LabelMap) {
        func labels(_ mask: MaskFile, _ coding: MaskCoding) throws(Failure) -> LabelMap {
            do throws(MaskFault) { return try coding.read(mask) } catch {
                let proposal = coding.proposal(for: error.strangers, hasZero: error.hasZero, of: classes)
                throw .data("\(mask.path): \(error.message)\(error.rule == .maskValue ? proposal : "")")
            }
        }
        let pair = pairs[index]
        let truth = try labels(pair.truth, truthCoding)
        let painted = predictedColors.flatMap { ImageFile.isColoredPNG(pair.prediction.path) ? $0 : nil }
        let prediction = try labels(pair.prediction, painted ?? predictionCoding)
        guard truth.size == prediction.size else {
            throw .data(
                "\(pair.prediction.path): has \(prediction.width)x\(prediction.height) pixels, the true mask \(pair.truth.path) "
                    + "\(truth.width)x\(truth.height)")
        }
        return (truth, prediction)
    }
}

extension Dataset {
    /// The masks of two folders by their names. A true mask without a predicted one is an error.
    /// - Parameters:
    ///   - list: a file with a name a line; nil: all true masks.
    ///   - values: of the true masks' pixels.
    ///   - predictedValues: of the predicted ones'.
    public static func maskPairs(
        truth: String, predictions: String, list: String?, classes: MaskClasses, values: [Int: Int?]? = nil,
        predictedValues: [Int: Int?]? = nil
    ) throws(Failure) -> MaskPairs {
        for folder in [truth, predictions] where !Files.isFolder(folder) {
            throw .data(
                Files.exists(folder) ? "\(folder) is a file; a folder was expected" : "there is no folder \(folder)")
        }
        let (real, found) = (MaskFolder(try PictureFolder(truth)), MaskFolder(try PictureFolder(predictions)))
        if real.isEmpty { throw .data("\(truth): holds no PNG file") }
        var pairs = MaskPairs(
            truthCoding: try classes.coding(values),
            predictionCoding: try predictedValues == nil ? .ids(of: classes.table) : classes.coding(predictedValues),
            classes: classes.table, valuesAreGiven: values != nil, predictedValuesAreGiven: predictedValues != nil)
        if classes.colors != nil, predictedValues == nil { pairs.predictedColors = pairs.truthCoding }
        // True masks may be named a_L.png where predicted ones are named a.png, as pictures are.
        let ending = real.suffix(for: Array(found.files.keys))
        var names = real.files.keys.map { String($0.dropLast(ending.count)) }
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        if let list {
            let known = Set(names)
            names = textLines(try Files.readText(list)).map { known.contains($0.text) ? $0.text : stem($0.text) }
            if names.isEmpty { throw .data("\(list): lists no mask") }
            if Set(names).count < names.count { throw .data("\(list): lists a mask twice") }
        }
        for name in names {
            guard let path = real.find(name + ending) else {
                throw .data("\(list ?? truth): there is no mask \(name)\(ending).png in \(truth)\(real.nearest(name))")
            }
            guard let prediction = found.find(name) else {
                throw .data("\(predictions): has no mask \(name).png, which \(truth) has\(found.nearest(name))")
            }
            pairs.pairs.append((MaskFile(path: path), MaskFile(path: prediction)))
        }
        return pairs
    }

    /// This set's masks and the predicted ones of its pictures' names. A picture without a predicted mask is an error.
    /// - Precondition: it has masks.
    public func maskPairs(
        predictions: String, predictedValues: [Int: Int?]? = nil, valuesAreGiven: Bool = false
    ) throws(Failure) -> MaskPairs {
        guard let truth = maskCoding else { preconditionFailure("a set without masks") }
        if !Files.isFolder(predictions) { throw .data("there is no folder \(predictions)") }
        let found = MaskFolder(try PictureFolder(predictions))
        // What a program predicts has the numbers of classes, whatever the ids of the truth.
        let numbers = ClassTable(names: classes.names, ids: Array(classes.names.indices))
        var pairs = MaskPairs(
            truthCoding: truth, predictionCoding: try .ids(of: numbers, mapping: predictedValues), classes: classes,
            valuesAreGiven: valuesAreGiven, predictedValuesAreGiven: predictedValues != nil)
        for example in examples {
            guard let mask = example.mask else { continue }
            let name = stem(example.fileName)
            guard let prediction = found.find(name) else {
                throw .data(
                    "\(predictions): has no mask \(name).png, for which \(source) has one\(found.nearest(name))")
            }
            pairs.pairs.append((mask, MaskFile(path: prediction)))
        }
        return pairs
    }
}

/// The picture that a line of a list names: with or without ending, with or without the folder of pictures before it; of two
/// columns, picture and mask, as some lists have them, the first, where the second has its name.
private func listed(_ text: String, in pictures: PictureFolder, suffix: String) -> String? {
    func find(_ word: String) -> String? {
        nameInside(word).flatMap { pictures.find($0) ?? pictures.find(stem: stem($0)) }
    }
    if let name = find(text) { return name }
    let words = text.split(whereSeparator: \.isWhitespace).map(String.init)
    guard (1...2).contains(words.count), let first = words.first else { return nil }
    let path = String(first.drop { $0 == "/" })
    let folder = Files.name(pictures.root) + "/"
    let inside = path.firstRange(of: folder).map { String(path[$0.upperBound...]) }
    guard let name = find(path) ?? inside.flatMap(find) else { return nil }
    if words.count == 2, Files.name(stem(words[1])) != Files.name(stem(name)) + suffix { return nil }
    return name
}

/// A folder of masks by the names of their pictures.
private struct MaskFolder {
    let root: String
    /// Paths by names without ending.
    let files: [String: String]
    /// Of names that are not in `files`.
    var fallback: [String: String] = [:]

    init(_ folder: PictureFolder) {
        root = folder.root
        let masks = folder.names.filter { $0.lowercased().hasSuffix(".png") }
        files = Dictionary(
            masks.map { (stem($0), Files.join(folder.root, $0)) }, uniquingKeysWith: { first, _ in first })
    }

    var isEmpty: Bool { files.isEmpty }

    func find(_ stem: String) -> String? { files[stem] ?? fallback[stem] }

    /// What follows the names of pictures in those of all masks, where no mask has a picture's very name.
    func suffix(for pictures: [String]) -> String {
        if pictures.contains(where: { find($0) != nil }) { return "" }
        let known = Set(pictures)
        guard let example = files.keys.min() else { return "" }
        // The first mask is some picture's name and an ending, which all masks must have.
        var ending = Substring()
        var name = example[...]
        while let last = name.popLast() {
            ending = String(last) + ending
            if known.contains(String(name)), files.keys.allSatisfy({ $0.hasSuffix(ending) }),
                pictures.count(where: { files[$0 + ending] != nil }) > pictures.count / 2
                    || files.keys.allSatisfy({ known.contains(String($0.dropLast(ending.count))) })
            {
                return String(ending)
            }
        }
        return ""
    }

    func nearest(_ stem: String) -> String { didYouMean(stem, files.keys.sorted().prefix(5000)) }
}
