import Base
import Geometry
import Markup

/// Reads "CVAT for images" (`annotations.xml`): a file with all pictures, boxes as corners in pixels (docs/formats.md).
struct CVATReader {
    private let file: String
    private let images: String?
    private let rules: BoxRules

    init(_ file: String, _ images: String?, _ rules: BoxRules) {
        self.file = file
        self.images = images
        self.rules = rules
    }

    func read(_ findings: inout Findings) throws(Failure) -> Dataset {
        let root: XMLElement
        do {
            root = try XML.parse(try Files.read(file))
        } catch let fault as MarkupFault {
            throw fault.failure(file)
        } catch {
            throw (error as? Failure) ?? .data("\(file): \(error)")
        }
        guard root.name == "annotations" else {
            throw .data("\(file):\(root.line): the root is <\(root.name)>, not <annotations>")
        }
        if let track = root.first("track") {
            throw .data(
                "\(file):\(track.line): has <track>s, the labels of a film; export \"CVAT for images\" instead")
        }
        let elements = root.children.filter { $0.name == "image" }
        if elements.isEmpty { throw .data("\(file): lists no <image>") }
        let names = try classNames(root, elements)
        let labelOfName = Dictionary(names.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        var others: [String: Int] = [:]
        let read = elements.map { picture($0, labelOfName, &others) }
        var notes: [String] = []
        let polygons = read.reduce(0) { $0 + ($1.findings.counts[.boxFromPolygon] ?? 0) }
        if polygons > 0 { notes.append("\(polygons) labels are polygons; their boxes were taken") }
        if !others.isEmpty {
            let kinds = others.sorted { $0.key < $1.key }.map { "\($0.value) <\($0.key)>" }
            notes.append("left out \(kinds.joined(separator: ", ")): neither boxes nor polygons")
        }
        let folder = Files.folder(file)
        let pictures = try PictureFolder.find(
            images, usual: [Files.join(folder, "images"), Files.normalised(Files.join(folder, "../images"))],
            beside: folder)
        return Dataset(
            root: pictures.root, classes: ClassTable(names: names), pictures: read, notes: notes, into: &findings)
    }

    /// The labels of the task in their order, else the names that occur.
    private func classNames(_ root: XMLElement, _ images: [XMLElement]) throws(Failure) -> [String] {
        func labels(_ element: XMLElement, _ depth: Int) -> XMLElement? {
            if let found = element.first("labels") { return found }
            if depth == 0 { return nil }
            for child in element.children { if let found = labels(child, depth - 1) { return found } }
            return nil
        }
        let listed = root.first("meta").flatMap { labels($0, 3) }?.children.compactMap { $0.first("name") } ?? []
        if listed.isEmpty {
            return Annotations.classNames(occurring: Set(images.flatMap(\.children).compactMap { $0["label"] }))
        }
        var names: [String] = []
        for name in listed {
            if names.contains(name.text) {
                throw .data("\(file):\(name.line): the label \"\(name.text)\" is there twice")
            }
            names.append(name.text)
        }
        return names
    }

    private func picture(
        _ element: XMLElement, _ labelOfName: [String: Int], _ others: inout [String: Int]
    ) -> PictureLabels {
        let place = Place(file: file, line: element.line)
        let written = element["name"] ?? ""
        var picture = PictureLabels(fileName: nameInside(written) ?? "")
        picture.listed = place
        if picture.fileName.isEmpty {
            picture.isUsable = false
            picture.findings.add(
                element["name"] == nil ? .itemMalformed : .imageNameOutside, place,
                element["name"] == nil
                    ? "an <image> has no name" : "the name \"\(written)\" leads out of the folder of pictures")
            return picture
        }
        if let width = element["width"].flatMap({ Int($0) }), let height = element["height"].flatMap({ Int($0) }),
            (1...1 << 20).contains(width), (1...1 << 20).contains(height)
        {
            picture.size = Size(width: width, height: height)
        } else {
            picture.findings.add(.valueMalformed, place, "the <image> \(written) has no width or no height in pixels")
        }
        for shape in element.children {
            let place = Place(file: file, line: shape.line, image: written)
            guard ["box", "polygon"].contains(shape.name) else {
                if shape.name == "tag" { continue }
                others[shape.name, default: 0] += 1
                picture.findings.add(.shapeLeftOut, place, "a <\(shape.name)> is neither a box nor a polygon")
                continue
            }
            guard let name = shape["label"], let label = labelOfName[name] else {
                let what = shape["label"].map { "no label of the task is named \"\($0)\"" } ?? "has no label"
                picture.findings.add(.annotationWithoutClass, place, "a <\(shape.name)>: \(what)")
                continue
            }
            if let corners = corners(shape, place, &picture) {
                picture.add(
                    Box(x1: Float(corners[0]), y1: Float(corners[1]), x2: Float(corners[2]), y2: Float(corners[3])),
                    label: label, rules: rules, at: place, written: corners.map(decimal).joined(separator: " "))
            }
        }
        return picture
    }

    private func corners(_ shape: XMLElement, _ place: Place, _ picture: inout PictureLabels) -> [Double]? {
        if shape.name == "polygon" {
            let numbers = (shape["points"] ?? "").split { $0 == ";" || $0 == "," }.map {
                decimalNumber(Array($0.utf8)[...]) ?? .nan
            }
            guard numbers.count >= 6, numbers.count % 2 == 0, numbers.allSatisfy(\.isFinite) else {
                picture.findings.add(.itemMalformed, place, "a <polygon> needs three points x,y;x,y;x,y or more")
                return nil
            }
            picture.findings.add(
                .boxFromPolygon, place, "a polygon of \(numbers.count / 2) points; its box was taken")
            let xs = stride(from: 0, to: numbers.count, by: 2).map { numbers[$0] }
            let ys = stride(from: 1, to: numbers.count, by: 2).map { numbers[$0] }
            return [xs.min() ?? 0, ys.min() ?? 0, xs.max() ?? 0, ys.max() ?? 0]
        }
        var corners: [Double] = []
        for key in ["xtl", "ytl", "xbr", "ybr"] {
            guard let text = shape[key], let value = decimalNumber(Array(text.utf8)[...]) else {
                picture.findings.add(
                    .itemMalformed, place,
                    shape[key].map { "\(key) is \"\($0)\", not a number" } ?? "a <box> has no \(key)")
                return nil
            }
            corners.append(value)
        }
        if corners[0] > corners[2] || corners[1] > corners[3] {
            picture.findings.add(
                .boxReversed, place,
                "the box \(corners.map(decimal).joined(separator: " ")) has its corners the wrong way round")
            return nil
        }
        if let angle = shape["rotation"].flatMap({ decimalNumber(Array($0.utf8)[...]) }), angle != 0 {
            picture.findings.add(
                .itemMalformed, place, "a <box> is turned by \(decimal(angle)) degrees; upright boxes are read only")
            return nil
        }
        return corners
    }
}
