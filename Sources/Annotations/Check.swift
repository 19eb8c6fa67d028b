import Base
import Geometry
import Imaging

extension Dataset {
    /// Holds the set against its pictures: each must be there, readable, and of the size that the annotations say.
    ///
    /// With facts of `Look.headers` this is the part that every training verb asks for; facts of `Look.pixels` find
    /// damage and, within the set, copies too.
    /// - Precondition: one fact a picture.
    public func check(_ facts: [PictureFacts], into findings: inout Findings) {
        precondition(facts.count == examples.count, "\(facts.count) facts about \(examples.count) pictures")
        for (example, fact) in zip(examples, facts) {
            func place() -> Place { Place(file: source.isEmpty ? root : source, image: example.fileName) }
            if fact.isMissing {
                // Names are compared for the first ones only: where all are missing, it is the folder that is wrong.
                let hint = findings.counts[.imageMissing, default: 0] < 5 ? nearestPicture(to: example.fileName) : ""
                findings.add(.imageMissing, place(), "is not in \(root)\(hint)")
            } else if let refusal = fact.refusal {
                findings.add(.imageUnreadable, place(), refusal)
            }
            for note in fact.damage { findings.add(.imageDamaged, place(), note) }
            guard let written = example.size, let real = fact.size, written != real else { continue }
            if isWithoutTurn(example, real) {
                findings.add(
                    .imageTurned, place(),
                    "the annotations say \(written.width)x\(written.height) pixels, and upright the picture has "
                        + "\(real.width)x\(real.height): they were made on the picture as stored, without the turn that "
                        + "its EXIF orientation asks for")
            } else {
                findings.add(
                    .imageSizeDiffers, place(),
                    "the annotations say \(written.width)x\(written.height) pixels, the picture has "
                        + "\(real.width)x\(real.height)"
                        + (written == real.turned ? ": were width and height exchanged?" : ""))
            }
        }
    }

    /// Whether a picture of this size was labelled as it is stored, without the quarter turn that its EXIF asks for.
    func isWithoutTurn(_ example: Example, _ real: Size) -> Bool {
        example.size == real.turned && ImageFile.hasQuarterTurn(path(of: example))
    }

    private func nearestPicture(to name: String) -> String {
        guard let names = try? Files.list(Files.folder(Files.join(root, name))) else { return "" }
        let own = Files.name(name)
        if Files.isNotUTF8(own), names.contains(own) { return ", but for one whose name is not UTF-8: rename it" }
        if names.contains(where: { $0.utf8.elementsEqual(own.utf8) }) {
            return ", but for a link of that name, which leads nowhere"
        }
        // Strings that look alike are equal here, and are different names on disk.
        if names.contains(own) { return ", but for one whose name is written in another form of Unicode (accents)" }
        return didYouMean(Files.name(name), names)
    }

    /// Labels held against each other: classes nobody has, the same box twice, boxes of hardly a pixel, areas that no box
    /// of theirs could hold.
    public func checkLabels(into findings: inout Findings) {
        for name in classesWithoutObject {
            findings.add(
                .classWithoutObject, Place(file: source), "no picture shows the class \"\(name)\": it cannot be learned"
            )
        }
        var nameOf: [String: String] = [:]
        for name in classes.names {
            let plain = String(name.lowercased().filter { !$0.isWhitespace && $0 != "_" && $0 != "-" })
            if let other = nameOf.updateValue(name, forKey: plain) {
                findings.add(
                    .classNamesAlike, Place(file: source),
                    "the classes \"\(other)\" and \"\(name)\" have nearly one name")
            }
        }
        for example in examples {
            var seen: [LabelledBox: Int] = [:]
            for annotation in example.annotations {
                func place() -> Place {
                    Place(file: source, image: example.fileName, item: LabelID.words(annotation.id))
                }
                let box = annotation.box
                if box.width < 2 || box.height < 2 {
                    findings.add(
                        .boxTiny, place(),
                        "the box of \(decimal(shortest(box.width))) x \(decimal(shortest(box.height))) pixels is a line"
                    )
                }
                if annotation.isLargerThanItsBox {
                    findings.add(
                        .boxArea, place(),
                        "its area is \(decimal(annotation.area)) pixels, and that of its box \(decimal(Double(box.area)))"
                    )
                }
                let key = LabelledBox(annotation)
                if let other = seen.updateValue(annotation.id, forKey: key) {
                    findings.add(
                        .boxTwice, place(),
                        "\(LabelID.words(other)) is the same box of the same class \"\(classes.names[annotation.label])\""
                    )
                }
            }
        }
    }

    /// Pictures in the folder that neither the set nor one of the others lists. Only folders that hold a listed picture are
    /// looked into.
    public func checkUnlisted(besides others: [Dataset] = [], into findings: inout Findings) {
        let own = Set(examples.map(\.fileName))
        let folders = Set(
            own.map { name in name.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(name[...$0]) } ?? "" })
        var listed = own
        for other in others {
            let isSameRoot = (try? Files.absolute(other.root)) == (try? Files.absolute(root))
            for example in other.examples where isSameRoot { listed.insert(example.fileName) }
        }
        for folder in folders.sorted() {
            guard let names = try? Files.list(Files.join(root, folder)) else { continue }
            for name in names where ImageFile.isImageName(name) && !listed.contains(folder + name) {
                findings.add(
                    .imageUnlisted, Place(file: source, image: folder + name), "lies in the folder and is not listed")
            }
        }
    }

    /// Pictures of the set that are copies of each other: byte for byte, or nearly equal to look at.
    public func checkCopies(_ facts: [PictureFacts], threads: Int, into findings: inout Findings) {
        let pairs = Copies.within(self, facts, threads: threads)
        for (first, second, kind) in pairs {
            let place = Place(file: source.isEmpty ? root : source, image: examples[second].fileName)
            switch kind {
            case .equal: findings.add(.imageTwice, place, "is the same file as \(examples[first].fileName)")
            case .alike(let bits):
                findings.add(
                    .imageAlike, place, "looks like \(examples[first].fileName) (\(bits) of 256 bits differ)")
            }
        }
    }

    /// Pictures that two sets share, where they must not: what is tested on would have been learned from.
    public func checkShared(
        _ facts: [PictureFacts]?, with other: Dataset, _ otherFacts: [PictureFacts]?, named name: String,
        threads: Int, into findings: inout Findings
    ) {
        for (mine, theirs, kind) in Copies.between(self, facts, other, otherFacts, threads: threads) {
            let place = Place(file: source.isEmpty ? root : source, image: examples[mine].fileName)
            let its = other.examples[theirs].fileName
            switch kind {
            case .equal: findings.add(.setsShareImage, place, "is the same file as \(its) of \(name)")
            case .alike(let bits):
                findings.add(.setsShareAlike, place, "looks like \(its) of \(name) (\(bits) of 256 bits differ)")
            }
        }
    }
}

/// By what two labels of a picture are the same.
struct LabelledBox: Hashable {
    var box: Box
    var label: Int

    init(_ annotation: Annotation) { (box, label) = (annotation.box, annotation.label) }
}
