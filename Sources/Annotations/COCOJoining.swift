import Base
import Geometry

/// The items of a COCO annotation file held against each other: classes, pictures with their labels, and what is wrong.
struct COCOJoining {
    private(set) var findings: Findings
    private(set) var classes = ClassTable(names: [])
    private(set) var examples: [Example] = []
    private(set) var notes: [String] = []

    private let path: String
    private let document: COCODocument
    private let clip: Bool
    private let emptyBoxes: EmptyBoxes
    private var labelOfID: [Int: Int] = [:]
    private var placeOfID: [Int: Int] = [:]
    /// Ids of images and categories that are in the file and left out, with what points to them.
    private var refusedPictures: Set<Int> = []
    private var refusedClasses: Set<Int> = []
    /// How many annotations went with them, by id.
    private var lostWithPicture: [Int: Int] = [:]
    private var lostWithClass: [Int: (count: Int, pictures: Set<String>)] = [:]
    /// Ids of categories that annotations have and the file has not.
    private var unknownClasses: Set<Int> = []
    /// Boxes without an area, the first of them, boxes that were cut, and whether all are corners.
    private var emptyCount = 0
    private var empty: [String] = []
    private var clipped = 0
    private var areCorners = false

    init(
        _ path: String, _ document: COCODocument, clip: Bool, emptyBoxes: EmptyBoxes, _ findings: Findings
    ) {
        self.path = path
        self.document = document
        self.clip = clip
        self.emptyBoxes = emptyBoxes
        self.findings = findings
    }

    /// By rising id.
    mutating func readClasses() {
        refusedClasses = Set(document.faults.filter { $0.kind == .category }.compactMap(\.id))
        var nameOfID: [Int: String] = [:]
        var idOfName: [String: Int] = [:]
        var united: [Int: Int] = [:]
        for category in document.categories {
            let place = Place(file: path, item: "category id \(category.id)")
            if let name = nameOfID[category.id] {
                findings.add(.classIDTwice, place, "both \"\(name)\" and \"\(category.name)\" have this id")
                findings.addObstacle(
                    "category id \(category.id) is that of \"\(name)\" and of \"\(category.name)\": nobody can tell which an "
                        + "annotation means")
            } else if let other = idOfName[category.name] {
                findings.add(.classNameTwice, place, "category id \(other) is named \"\(category.name)\", too")
                united[category.id] = other
            } else {
                nameOfID[category.id] = category.name
                idOfName[category.name] = category.id
            }
        }
        let ids = nameOfID.keys.sorted()
        classes = ClassTable(names: ids.compactMap { nameOfID[$0] }, ids: ids)
        labelOfID = Dictionary(uniqueKeysWithValues: zip(ids, ids.indices))
        for (id, other) in united { labelOfID[id] = labelOfID[other] }
    }

    /// In the order of the file.
    mutating func readPictures() {
        refusedPictures = Set(
            document.faults.filter { $0.kind == .image && $0.rule != .valueMalformed }.compactMap(\.id))
        examples.reserveCapacity(document.pictures.count)
        placeOfID.reserveCapacity(document.pictures.count)
        var idOfName: [String: Int] = [:]
        idOfName.reserveCapacity(document.pictures.count)
        for picture in document.pictures {
            let name = picture.fileName
            if let other = placeOfID[picture.id] {
                findings.add(
                    .imageIDTwice, Place(file: path, image: name),
                    "has the id \(picture.id), as \(examples[other].fileName) has")
                findings.addObstacle(
                    "image id \(picture.id) is that of \(examples[other].fileName) and of \(name): nobody can tell whose its "
                        + "annotations are")
            } else if let other = idOfName.updateValue(picture.id, forKey: name) {
                idOfName[name] = other
                // What one picture is said to show is united, but not where it may be of another.
                if let place = placeOfID[other] {
                    let known = examples[place].size
                    if known == nil || picture.size == nil || known == picture.size {
                        placeOfID[picture.id] = place
                        examples[place].size = known ?? picture.size
                    } else {
                        refusedPictures.insert(picture.id)
                        findings.addObstacle(
                            "image ids \(other) and \(picture.id) both name \(name), in two sizes: their boxes may be of two pictures"
                        )
                    }
                }
                findings.add(
                    .imageNameTwice, Place(file: path, image: name), "image ids \(other) and \(picture.id) both name it"
                )
            } else {
                placeOfID[picture.id] = examples.count
                examples.append(Example(id: picture.id, fileName: name, size: picture.size))
            }
        }
    }

    /// Of items that could not be read.
    mutating func reportFaults() {
        if document.faults.contains(where: { $0.kind == .image && $0.rule == .valueMalformed }),
            examples.allSatisfy({ $0.size == nil })
        {
            findings.addObstacle("no picture's size can be read, so that nobody can tell whether its boxes mean pixels")
        }
        for fault in document.faults {
            findings.add(
                fault.rule, fault.place(in: path) { id in placeOfID[id].map { examples[$0].fileName } }, fault.message)
        }
    }

    /// Each to its picture, in the order of the file.
    mutating func readLabels() {
        let places = placesOfLabels()
        let corners = CornerEvidence(document, places, examples)
        if let at = corners.verdict {
            areCorners = true
            let (label, name) = (document.labels[at.piece][at.index], examples[at.picture].fileName)
            report(.boxCorners, label, name, corners.message)
        }
        var ids: Set<Int> = []
        ids.reserveCapacity(labelCount)
        var examples = examples
        self.examples = []  // the one reference is local now, so appending copies nothing
        for (labels, places) in zip(document.labels, places) {
            for (written, at) in zip(labels, places) {
                let label = areCorners ? written.fromCorners : written
                // Only a fault needs the name: it lies far from here in memory.
                func name() -> String? { at < 0 ? nil : examples[Int(at)].fileName }
                guard let index = classIndex(label, at, &ids, name()),
                    let box = box(of: label, in: examples[Int(at)].size, name())
                else { continue }
                // Of a box that was cut, the area is at most what is left.
                let isWhole = box == Box(label.frame)
                let most = isWhole ? Double.infinity : Double(box.area)
                examples[Int(at)].annotations.append(
                    Annotation(
                        id: label.id, box: box, label: index,
                        area: min(label.area ?? label.frame.width * label.frame.height, most),
                        treatment: label.treatment, isCrowd: label.isCrowd,
                        provenance: label.score.map { Provenance(score: Float($0)) },
                        segmentation: label.segmentation))
            }
        }
        self.examples = examples
        if emptyBoxes == .drop, emptyCount > 0 {
            notes.append("left out boxes without width or height: \(firstFive(empty)) (\(emptyCount) in all)")
        }
        if clipped > 0 { notes.append("cut \(clipped) boxes at the edge of their pictures") }
        reportLost()
        reportFractions()
        reportBackground()
    }

    private var labelCount: Int { document.labels.reduce(0) { $0 + $1.count } }

    /// The class of a label that has one, a picture and an id of its own; else nil, and the fault is reported.
    private mutating func classIndex(
        _ label: COCODocument.Label, _ at: Int32, _ ids: inout Set<Int>, _ name: @autoclosure () -> String?
    ) -> Int? {
        guard let index = labelOfID[label.category] else {
            if refusedClasses.contains(label.category) {
                lostWithClass[label.category, default: (0, [])].count += 1
                if let name = name() { lostWithClass[label.category]?.pictures.insert(name) }
            } else {
                unknownClasses.insert(label.category)
                let known =
                    (1...20).contains(classes.count)
                    ? " (known: \(classes.ids.map(String.init).joined(separator: ", ")))" : ""
                report(
                    .annotationWithoutClass, label, name(), "no category has the id \(label.category)\(known)")
            }
            return nil
        }
        guard at >= 0 else {
            if refusedPictures.contains(label.picture) {
                lostWithPicture[label.picture, default: 0] += 1
            } else {
                report(.annotationWithoutImage, label, nil, "no image has the id \(label.picture)")
            }
            return nil
        }
        if !ids.insert(label.id).inserted {
            report(.annotationIDTwice, label, name(), "another annotation has this id")
        }
        return index
    }

    /// The labels for evaluation, as written: each to its picture, in the order of the file.
    mutating func readTruth() -> [TruthSet.Image] {
        var images = examples.map { TruthSet.Image(id: $0.id, fileName: $0.fileName) }
        var ids: Set<Int> = []
        ids.reserveCapacity(labelCount)
        for (labels, places) in zip(document.labels, placesOfLabels()) {
            for (label, at) in zip(labels, places) {
                func name() -> String? { at < 0 ? nil : images[Int(at)].fileName }
                guard let index = classIndex(label, at, &ids, name()) else { continue }
                guard label.frame.isSane else {
                    report(.boxNotFinite, label, name(), "the bbox \(label.frame) is not finite or absurdly large")
                    continue
                }
                images[Int(at)].boxes.append(
                    TrueBox(
                        id: label.id, label: index, frame: label.frame, area: label.area,
                        isIgnored: label.treatment == .ignore, isCrowd: label.isCrowd))
            }
        }
        return images
    }

    /// The box of a label in pixels of its picture, or nil where it is none.
    private mutating func box(of label: COCODocument.Label, in size: Size?, _ name: @autoclosure () -> String?) -> Box?
    {
        let frame = label.frame
        guard frame.isSane else {
            report(.boxNotFinite, label, name(), "the bbox \(frame) is not finite or absurdly large")
            return nil
        }
        let written = Box(frame)
        if written.isEmpty, emptyBoxes != .keep {
            emptyCount += 1
            if empty.count <= 5 { empty.append("image id \(label.picture) \(LabelID.words(label.id))") }
            if emptyBoxes == .reject {
                let how = frame.width < 0 || frame.height < 0 ? "a negative" : "no"
                report(.boxEmpty, label, name(), "the bbox \(frame) has \(how) width or height; repair or remove it")
            }
            return nil
        }
        guard clip, let size else { return written }
        let box = written.clipped(to: size)
        if box.isEmpty, emptyBoxes != .keep {
            report(
                .boxOutside, label, name(),
                "the bbox \(frame) lies outside its picture of \(size.width)x\(size.height) pixels")
            return nil
        }
        if box != written {
            clipped += 1
            findings.note(written, in: size)
            report(
                .boxClipped, label, name(),
                "the bbox \(frame) is cut at the edge of its picture of \(size.width)x\(size.height) pixels")
        }
        return box
    }

    /// The place in `examples` of each label's picture, -1 where there is none; room for labels is made on the way.
    private mutating func placesOfLabels() -> [[Int32]] {
        var counts = [Int32](repeating: 0, count: examples.count)
        let places = document.labels.map { labels in
            labels.map { label in
                guard let place = placeOfID[label.picture] else { return Int32(-1) }
                counts[place] += 1
                return Int32(place)
            }
        }
        for (i, count) in counts.enumerated() where count > 0 { examples[i].annotations.reserveCapacity(Int(count)) }
        return places
    }

    /// What goes with classes and pictures that could not be read.
    private mutating func reportLost() {
        func annotations(_ count: Int) -> String { "\(count) annotation\(count == 1 ? "" : "s")" }
        for (id, lost) in lostWithClass.sorted(by: { $0.key < $1.key }) {
            findings.addLoss("\(path): category id \(id): its \(annotations(lost.count))", of: lost.pictures)
        }
        for (id, count) in lostWithPicture.sorted(by: { $0.key < $1.key }) {
            findings.addLoss("\(path): image id \(id): its \(annotations(count))", of: [])
        }
        if unknownClasses == [0], classes.ids == Array(1...max(1, classes.count)),
            !document.labels.joined().contains(where: { $0.category == classes.count })
        {
            findings.addObstacle(
                "annotations have the categories 0 to \(classes.count - 1), and the file's are 1 to \(classes.count): were labels "
                    + "written instead of ids? Then every class is taken for the one before it")
        }
    }

    /// Boxes none of which has a pixel.
    private mutating func reportFractions() {
        var count = 0
        for example in examples {
            guard let size = example.size, min(size.width, size.height) > 2 else { continue }
            for label in example.annotations {
                guard label.box.x1 >= 0, label.box.y1 >= 0, label.box.x2 <= 1.001, label.box.y2 <= 1.001 else { return }
                count += 1
            }
        }
        if count >= 3, let first = examples.first(where: { !$0.annotations.isEmpty }) {
            findings.add(
                .boxFractions, Place(file: path, image: first.fileName),
                "all \(count) boxes of the file lie between 0 and 1: are they fractions of their pictures? COCO's bbox is in pixels"
            )
            findings.addObstacle("the boxes seem to be fractions of their pictures, and would be taken for pixels")
        }
    }

    private mutating func reportBackground() {
        var count = 0
        for example in examples where example.annotations.isEmpty {
            count += 1
            findings.add(
                .imageWithoutLabel, Place(file: path, image: example.fileName), "has no label: it is background")
        }
        if count > 0 { notes.append("\(count) of \(examples.count) pictures have no label: they are background") }
    }

    /// - Parameter image: its file name, nil where it is not there.
    private mutating func report(
        _ rule: Rule, _ label: COCODocument.Label, _ image: @autoclosure () -> String?,
        _ message: @autoclosure () -> String
    ) {
        let path = path
        findings.add(
            rule, Place(file: path, image: image() ?? "id \(label.picture)", item: LabelID.words(label.id)),
            message())
    }
}
