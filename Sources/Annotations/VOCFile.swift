import Base
import Geometry
import Imaging
import Markup

/// What one annotation file of VOC says.
struct VOCFile: Sendable {
    struct Object: Sendable {
        var name: String
        /// xmin, ymin, xmax, ymax as written.
        var corners: [Double]
        var isDifficult: Bool
        var score: Double?
        var place: Place
    }

    /// Name, size and what is wrong; its labels come when the class table is known.
    var picture: PictureLabels
    var objects: [Object] = []
    private let pixels: VOCPixels

    /// - Parameters:
    ///   - file: the XML file.
    ///   - id: its name without ending, as listed.
    ///   - listed: where it is listed.
    ///   - pixels: from where it counts them.
    init(_ file: String, id: String, listed: Place, _ pictures: PictureFolder, _ pixels: VOCPixels) {
        self.pixels = pixels
        picture = PictureLabels(fileName: pictures.find(stem: id) ?? id + ".jpg")
        picture.listed = listed
        func refuse(_ rule: Rule, _ place: Place, _ what: String) {
            picture.findings.add(rule, place, what)
            picture.isUsable = false
        }
        guard Files.exists(file) else {
            refuse(.fileUnreadable, listed, "there is no annotation file \(file)")
            return
        }
        let root: XMLElement
        do {
            root = try XML.parse(try Files.read(file))
        } catch let fault as MarkupFault {
            let column = fault.column.map { " (column \($0))" } ?? ""
            refuse(.fileUnreadable, Place(file: file, line: fault.line), fault.message + column)
            return
        } catch {
            refuse(.fileUnreadable, Place(file: file), "\(error)".replacing(" " + file, with: ""))
            return
        }
        guard root.name == "annotation" else {
            refuse(.fileUnreadable, Place(file: file, line: root.line), "the root is <\(root.name)>, not <annotation>")
            return
        }
        // Of several pictures of its name the tag says which.
        let namesakes = pictures.namesakes(id)
        if !namesakes.isEmpty {
            let tag = Files.name(root.first("filename")?.text ?? "")
            var meant = namesakes.filter { Files.name($0) == tag }
            if meant.isEmpty { meant = namesakes.filter { Files.name($0).lowercased() == tag.lowercased() } }
            guard meant.count == 1 else {
                refuse(.itemMalformed, Place(file: file), Self.ambiguous(id, namesakes))
                return
            }
            picture.fileName = meant[0]
        } else if pictures.find(stem: id) == nil, let tag = root.first("filename"), !tag.text.isEmpty {
            guard let name = nameInside(tag.text) else {
                refuse(
                    .imageNameOutside, Place(file: file, line: tag.line),
                    "<filename> \"\(tag.text)\" leads out of the folder of pictures")
                return
            }
            // Some tools leave the ending out, some write a folder before the name.
            picture.fileName = pictures.find(name) ?? pictures.find(Files.name(name)) ?? name
            picture.isNamedWithin = true
        }
        readSize(root, file, pictures)
        for element in root.children where element.name == "object" { readObject(element, file) }
    }

    /// What to say where several pictures have a name, apart from its ending.
    static func ambiguous(_ name: String, _ pictures: [String]) -> String {
        "several pictures are called \(name): \(pictures.joined(separator: ", ")); nobody can tell which is meant"
    }

    private mutating func readSize(_ root: XMLElement, _ file: String, _ pictures: PictureFolder) {
        let element = root.first("size")
        let place = Place(file: file, line: (element ?? root).line)
        var stated: Size?
        if let width = element?.first("width"), let height = element?.first("height") {
            if let w = Int(width.text), let h = Int(height.text), (0...1 << 20).contains(w), (0...1 << 20).contains(h) {
                // Some tools write 0 where they do not know.
                if w > 0, h > 0 { stated = Size(width: w, height: h) }
            } else {
                picture.findings.add(
                    .valueMalformed, place, "the <size> is \"\(width.text)\" x \"\(height.text)\", no number of pixels")
            }
        } else if element != nil {
            picture.findings.add(.valueMalformed, place, "<size> has no <width> or no <height>")
        }
        picture.size = stated
        let path = Files.join(pictures.root, picture.fileName)
        guard Files.exists(path) else { return }
        do throws(Failure) {
            let actual = try ImageFile.size(path)
            picture.size = actual
            if let stated, stated != actual {
                let exchanged = stated == actual.turned
                let turned = exchanged && ImageFile.hasQuarterTurn(path)
                picture.isUsable = false
                picture.findings.add(
                    turned ? .imageTurned : .imageSizeDiffers, place,
                    "the <size> is \(stated.width)x\(stated.height) and the picture \(path) is "
                        + "\(actual.width)x\(actual.height)"
                        + (turned
                            ? "; was it labelled without the turn of its EXIF?"
                            : exchanged ? "; were width and height exchanged?" : ""))
            }
        } catch {
            picture.isUsable = false
            picture.findings.add(.imageUnreadable, place, error.message)
        }
    }

    private mutating func readObject(_ element: XMLElement, _ file: String) {
        let place = Place(file: file, line: element.line)
        func fault(_ rule: Rule, _ what: String, line: Int? = nil) {
            picture.findings.add(rule, Place(file: file, line: line ?? element.line), what)
        }
        guard let name = element.first("name")?.text, !name.isEmpty else {
            return fault(.itemMalformed, "an <object> has no <name>")
        }
        guard let frame = element.first("bndbox") else {
            return fault(.itemMalformed, "the \(name) has no <bndbox>")
        }
        var corners: [Double] = []
        for tag in ["xmin", "ymin", "xmax", "ymax"] {
            guard let corner = frame.first(tag) else {
                return fault(.itemMalformed, "the <bndbox> of the \(name) has no <\(tag)>", line: frame.line)
            }
            guard let value = decimalNumber(Array(corner.text.utf8)[...]) else {
                return fault(.itemMalformed, "<\(tag)> is \"\(corner.text)\", not a number", line: corner.line)
            }
            corners.append(value)
        }
        let written = Self.written(corners)
        guard corners.allSatisfy({ abs($0) < 1e9 }) else {
            return fault(.boxNotFinite, "the box \(written) is not finite or absurdly large", line: frame.line)
        }
        // With both ends in it, a box between pixels can have xmin a little beyond xmax and still some width.
        func isInOrder(_ low: Double, _ high: Double) -> Bool { pixels == .one ? high - low > -1 : high >= low }
        guard isInOrder(corners[0], corners[2]), isInOrder(corners[1], corners[3]) else {
            let side = isInOrder(corners[0], corners[2]) ? "y" : "x"
            return fault(
                .boxReversed,
                "the box \(written) has \(side)min beyond \(side)max; corners were expected, smaller first",
                line: frame.line)
        }
        var isDifficult = false
        if let tag = element.first("difficult") {
            switch tag.text {
            case "", "0": break
            case "1": isDifficult = true
            default: return fault(.itemMalformed, "<difficult> is \"\(tag.text)\", not 0 or 1", line: tag.line)
            }
        }
        var score: Double?
        if let tag = element.first("score") {
            guard let value = decimalNumber(Array(tag.text.utf8)[...]), (0...1).contains(value) else {
                return fault(.itemMalformed, "<score> is \"\(tag.text)\", not a number in 0...1", line: tag.line)
            }
            score = value
        }
        objects.append(
            Object(name: name, corners: corners, isDifficult: isDifficult, score: score, place: place))
    }

    private static func written(_ corners: [Double]) -> String {
        corners.map { $0.isFinite ? decimal($0) : "\($0)" }.joined(separator: " ")
    }

    /// The picture with its labels, counted by a class table.
    ///
    /// Pixels are numbered from 1 in VOC and the last one is in the box, so x = xmin - 1 and width = xmax - xmin + 1.
    /// Where they are edges from 0, x = xmin and width = xmax - xmin.
    func labels(_ labelOfName: [String: Int], _ rules: BoxRules) -> PictureLabels {
        var picture = picture
        for object in objects {
            guard let label = labelOfName[object.name] else {
                picture.findings.add(
                    .annotationWithoutClass, object.place,
                    "no class is named \"\(object.name)\"\(didYouMean(object.name, labelOfName.keys.sorted()))")
                continue
            }
            let (c, offset) = (object.corners, pixels.offset)
            picture.add(
                Box(x1: Float(c[0] - offset), y1: Float(c[1] - offset), x2: Float(c[2]), y2: Float(c[3])), label: label,
                treatment: object.isDifficult ? .ignore : .object, score: object.score, rules: rules, at: object.place,
                written: Self.written(c))
        }
        return picture
    }

    /// The class names in a file, none where it cannot be read: those who read it say why.
    static func classNames(_ file: String) -> [String] {
        guard let bytes = try? Files.read(file), let root = try? XML.parse(bytes) else { return [] }
        return root.children.filter { $0.name == "object" }.compactMap { $0.first("name")?.text }.filter { !$0.isEmpty }
    }
}
