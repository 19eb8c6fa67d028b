import Base
import Geometry
import Imaging

/// What is done with boxes that are odd, by every reader alike.
struct BoxRules: Sendable {
    var clip = true
    var emptyBoxes = EmptyBoxes.reject
}

/// What was read of one picture. Pictures are read side by side, and these are put together in order.
struct PictureLabels: Sendable {
    var fileName: String
    /// Nil where nobody says.
    var size: Size?
    /// Ids are given when all pictures are put together.
    var annotations: [Annotation] = []
    var findings = Findings()
    /// Where the picture is named, if not in a folder.
    var listed: Place?
    /// Whether its name is what the annotation file says inside, and not that of the file.
    var isNamedWithin = false
    /// False where the picture itself cannot be used; a finding says why.
    var isUsable = true
    fileprivate(set) var clipped = 0
    fileprivate(set) var dropped: [String] = []

    init(fileName: String, size: Size? = nil) {
        self.fileName = fileName
        self.size = size
    }

    /// Adds a label whose box obeys the rules; else a finding.
    /// - Parameters:
    ///   - box: as written, in pixels.
    ///   - written: how the file spells the box, for messages.
    mutating func add(
        _ box: Box, label: Int, treatment: Treatment = .object, isCrowd: Bool = false, score: Double? = nil,
        rules: BoxRules, at place: Place, written: @autoclosure () -> String
    ) {
        guard [box.x1, box.y1, box.x2, box.y2].allSatisfy({ abs($0) < 1e9 }) else {
            findings.add(.boxNotFinite, place, "the box \(written()) is not finite or absurdly large")
            return
        }
        var kept = box
        if box.isEmpty, rules.emptyBoxes != .keep {
            if rules.emptyBoxes == .drop {
                dropped.append("\(place)")
            } else {
                findings.add(.boxEmpty, place, "the box \(written()) has no width or no height")
            }
            return
        }
        if rules.clip, let size {
            kept = box.clipped(to: size)
            if kept.isEmpty, rules.emptyBoxes != .keep {
                findings.add(
                    .boxOutside, place,
                    "the box \(written()) lies outside its picture of \(size.width)x\(size.height) pixels")
                return
            }
            // Printed fractions are rounded: what a hundredth of a pixel sticks out is no news.
            let cut = max(abs(kept.x1 - box.x1), abs(kept.y1 - box.y1), abs(kept.x2 - box.x2), abs(kept.y2 - box.y2))
            if cut > 0.01 {
                clipped += 1
                findings.note(box, in: size)
                findings.add(
                    .boxClipped, place,
                    "the box \(written()) is cut at the edge of its picture of \(size.width)x\(size.height) pixels")
            }
        }
        annotations.append(
            Annotation(
                id: 0, box: kept, label: label, treatment: isCrowd ? .ignore : treatment, isCrowd: isCrowd,
                provenance: score.map { Provenance(score: Float($0)) }))
    }
}

extension Dataset {
    /// The set of pictures that were read, with ids 1... in their order, its notes, and all findings.
    /// - Parameter notes: what else was noticed.
    init(
        root: String, classes: ClassTable, pictures: [PictureLabels], notes: [String] = [],
        into findings: inout Findings
    ) {
        self.init(root: root, classes: classes, examples: [])
        var nextID = 1
        var namedWithin: Set<Int> = []
        var knownOf: [Int: Set<LabelledBox>] = [:]
        var listed: [Place] = []
        // By bytes: strings that look alike are equal, and are different names on disk.
        var placeOf: [[UInt8]: Int] = [:]
        func place(of picture: PictureLabels) -> Place { picture.listed ?? Place(file: root) }
        for picture in pictures {
            findings.add(picture.findings)
            if picture.findings.counts.keys.contains(where: { $0.mending == .leftOut }) {
                findings.noteLoss(of: picture.fileName)
            }
            guard picture.isUsable else { continue }
            if let at = placeOf[Array(picture.fileName.utf8)] {
                findings.add(
                    .imageNameTwice, place(of: picture), "the picture \(picture.fileName) is listed already")
                if picture.isNamedWithin || namedWithin.contains(at) {
                    findings.addObstacle(
                        "\(place(of: picture)) names the picture \(picture.fileName), which another file is of as well: nobody "
                            + "can tell whose boxes are whose")
                    continue
                }
                if let size = picture.size, let known = examples[at].size, size != known {
                    findings.addObstacle(
                        "\(place(of: picture)) has the picture \(picture.fileName) once more, in another size: its boxes may be of "
                            + "another picture")
                    continue
                }
                examples[at].size = examples[at].size ?? picture.size
                // Once more is the same list again as a rule; what is new in it joins the rest.
                var known = knownOf.removeValue(forKey: at) ?? Set(examples[at].annotations.map { LabelledBox($0) })
                defer { knownOf[at] = known }
                for var label in picture.annotations where known.insert(LabelledBox(label)).inserted {
                    label.id = nextID
                    nextID += 1
                    examples[at].annotations.append(label)
                }
                continue
            }
            placeOf[Array(picture.fileName.utf8)] = examples.count
            if picture.isNamedWithin { namedWithin.insert(examples.count) }
            var example = Example(id: examples.count + 1, fileName: picture.fileName, size: picture.size)
            example.annotations = picture.annotations
            for i in example.annotations.indices {
                example.annotations[i].id = nextID
                nextID += 1
            }
            listed.append(place(of: picture))
            examples.append(example)
        }
        for (example, place) in zip(examples, listed) where example.annotations.isEmpty {
            findings.add(
                .imageWithoutLabel, Place(file: place.file, line: place.line, image: example.fileName),
                "has no label: it is background")
        }
        self.notes = notes
        let dropped = pictures.flatMap(\.dropped)
        if !dropped.isEmpty {
            self.notes.append(
                "left out boxes without width or height: \(firstFive(dropped)) (\(dropped.count) in all)")
        }
        let clipped = pictures.reduce(0) { $0 + $1.clipped }
        if clipped > 0 { self.notes.append("cut \(clipped) boxes at the edge of their pictures") }
        let background = examples.count { $0.annotations.isEmpty }
        if background > 0 {
            self.notes.append("\(background) of \(examples.count) pictures have no label: they are background")
        }
    }
}
