import Base
import Geometry
import Imaging
import Markup

/// Reads a table of boxes in the form of Open Images (docs/formats.md).
struct OpenImagesReader {
    private let file: String
    private let images: String?
    private let classes: [String]?
    private let rules: BoxRules

    init(_ file: String, _ images: String?, _ classes: [String]?, _ rules: BoxRules) {
        self.file = file
        self.images = images
        self.classes = classes
        self.rules = rules
    }

    /// The set. Sizes come from the headers of the pictures, since boxes are fractions of them; rows of pictures that
    /// are not in the folder are left out and counted, since tables are of more pictures than people fetch.
    func read(_ findings: inout Findings) throws(Failure) -> Dataset {
        var table = try OpenImagesTable(file, &findings)
        let prefix = Self.prefix(of: file)
        let folder = Files.folder(file)
        try listPictures(Files.join(folder, prefix.map { $0 + "-images.csv" } ?? "images.csv"), in: &table)
        let (names, labels) = try Self.classTable(table.labels, file, classes)
        let usual = [prefix, "images", "data"].compactMap { $0 }
        let pictures = try PictureFolder.find(
            images,
            usual: usual.flatMap { [Files.join(folder, $0), Files.normalised(Files.join(folder, "../" + $0))] },
            beside: folder)
        var rowsOf = [[OpenImagesTable.Row]](repeating: [], count: table.images.count)
        for row in table.rows { rowsOf[row.image].append(row) }
        let (ids, codes, all, file, rules) = (table.images, table.labels, rowsOf, self.file, self.rules)
        let read = parallelMap(ids.count) { i -> PictureLabels in
            var picture = PictureLabels(fileName: pictures.find(ids[i]) ?? ids[i])
            let place = Place(file: file, line: all[i].first?.line, image: ids[i])
            guard pictures.find(ids[i]) != nil else {
                picture.isUsable = false
                picture.findings.add(
                    .rowLeftOut, place,
                    "there is no such picture in \(pictures.root); its \(all[i].count) rows are left out")
                return picture
            }
            let namesakes = pictures.namesakes(ids[i])
            if !namesakes.isEmpty {
                picture.isUsable = false
                picture.findings.add(.itemMalformed, place, VOCFile.ambiguous(ids[i], namesakes))
                return picture
            }
            let size: Size
            do throws(Failure) { size = try ImageFile.size(Files.join(pictures.root, picture.fileName)) } catch {
                picture.isUsable = false
                picture.findings.add(.imageUnreadable, place, error.message)
                return picture
            }
            picture.size = size
            for row in all[i] {
                let place = Place(file: file, line: row.line)
                guard let label = labels[row.label] else {
                    picture.findings.add(
                        .annotationWithoutClass, place, Self.unknown(codes[row.label], names))
                    continue
                }
                let c = row.corners
                picture.add(
                    Self.box(c.x1, c.y1, c.x2, c.y2, in: size), label: label, isCrowd: row.isGroup, score: row.score,
                    rules: rules, at: place,
                    written: "\(decimal(c.x1)) \(decimal(c.y1)) \(decimal(c.x2)) \(decimal(c.y2))")
            }
            return picture
        }
        let missing = ids.filter { pictures.find($0) == nil }
        if missing.count == ids.count, !ids.isEmpty {
            throw .data(
                "\(file): none of its \(ids.count) pictures is in \(pictures.root): \(firstFive(missing)); say where they "
                    + "are (images)")
        }
        var notes: [String] = []
        if table.absent > 0 { notes.append("left out \(table.absent) rows with Confidence 0: verified to be absent") }
        if !missing.isEmpty {
            let rows = zip(ids, all).reduce(0) { $0 + (pictures.find($1.0) == nil ? $1.1.count : 0) }
            findings.addLoss("\(file): \(rows) rows of \(missing.count) pictures that are not there", of: [])
            notes.append(
                "left out \(rows) rows of \(missing.count) pictures that are not in \(pictures.root): \(firstFive(missing))"
            )
        }
        return Dataset(
            root: pictures.root, classes: ClassTable(names: names), pictures: read, notes: notes, into: &findings)
    }

    static func unknown(_ label: String, _ names: [String]) -> String {
        "no class is named \"\(label)\"\(didYouMean(label, names))"
            + (label.hasPrefix("/m/") ? "; class-descriptions-boxable.csv has the names of such codes" : "")
    }

    /// The box of fractions of a picture's sides.
    static func box(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, in size: Size) -> Box {
        let (w, h) = (Double(size.width), Double(size.height))
        return Box(x1: Float(x1 * w), y1: Float(y1 * h), x2: Float(x2 * w), y2: Float(y2 * h))
    }

    /// "train" of "oidv6-train-annotations-bbox.csv"; nil where the name is another.
    static func prefix(of file: String) -> String? {
        guard let range = Files.name(file).firstRange(of: "-annotations-bbox") else { return nil }
        let prefix = Files.name(file)[..<range.lowerBound]
        let part = prefix.split(separator: "-").last.map(String.init)
        return prefix.hasPrefix("oidv") ? part : String(prefix)
    }

    /// Our own list of all pictures, which has those without a box, too.
    private func listPictures(_ list: String, in table: inout OpenImagesTable) throws(Failure) {
        guard Files.exists(list) else { return }
        var reader = CSVReader(try Files.read(list))
        var order: [String] = []
        do throws(MarkupFault) {
            while try reader.next() {
                guard let id = reader.text(0), nameInside(id) != nil else {
                    throw MarkupFault(line: reader.line, "expected a name of a picture")
                }
                if id != "ImageID" { order.append(id) }
            }
        } catch { throw error.failure(list) }
        var places = Dictionary(order.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        guard places.count == order.count else { throw .data("\(list): a picture is there twice") }
        for image in table.images where places[image] == nil {
            places[image] = order.count
            order.append(image)
        }
        for i in table.rows.indices { table.rows[i].image = places[table.images[table.rows[i].image]] ?? 0 }
        table.images = order
    }

    /// The class names, and the label of each name or code in a table, nil where it is none of them.
    static func classTable(
        _ labels: [String], _ file: String, _ asked: [String]?
    ) throws(Failure) -> (names: [String], labels: [Int?]) {
        let folder = Files.folder(file)
        let described = try description(in: [
            folder, Files.join(folder, "metadata"), Files.normalised(Files.join(folder, "../metadata")),
        ]).map { path throws(Failure) in try OpenImagesTable.descriptions(path) }
        let nameOfCode = Dictionary(
            (described ?? []).map { ($0.code, $0.name) }, uniquingKeysWith: { first, _ in first })
        let spoken = labels.map { nameOfCode[$0] ?? $0 }
        let names = asked ?? described?.map(\.name) ?? classNames(occurring: Set(spoken))
        let indexOf = Dictionary(names.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        return (names, spoken.map { indexOf[$0] })
    }

    private static func description(in folders: [String]) throws(Failure) -> String? {
        for folder in folders where Files.isFolder(folder) {
            let names = try Files.list(folder)
            let endings = ["class-descriptions-boxable.csv", "class-descriptions.csv", "classes.csv"]
            for ending in endings {
                if let name = names.first(where: { $0.hasSuffix(ending) }) { return Files.join(folder, name) }
            }
        }
        return nil
    }
}
