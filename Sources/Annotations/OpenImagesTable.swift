import Base
import Markup

/// The rows of a table of boxes in the form of Open Images: places as fractions, pictures and classes by name.
struct OpenImagesTable {
    struct Row {
        /// Index into `images`.
        var image: Int
        /// Index into `labels`.
        var label: Int
        /// XMin, YMin, XMax, YMax: fractions of the picture's sides.
        var corners: (x1: Double, y1: Double, x2: Double, y2: Double)
        var isGroup: Bool
        var score: Double?
        var line: Int
    }

    /// What our own tables have in the column `Source` where a model made the box.
    static let source = "pupil"
    private static let needed = ["ImageID", "LabelName", "XMin", "XMax", "YMin", "YMax"]
    private static let known: Set<String> = [
        "Source", "Confidence", "Score", "IsOccluded", "IsTruncated", "IsGroupOf", "IsDepiction", "IsInside",
        "XClick1X",
        "XClick2X", "XClick3X", "XClick4X", "XClick1Y", "XClick2Y", "XClick3Y", "XClick4Y",
    ]

    /// Names of pictures in the order of their first rows.
    var images: [String] = []
    /// Names or codes of classes in the order of their first rows.
    var labels: [String] = []
    var rows: [Row] = []
    /// Rows that say that something is *not* in a picture.
    var absent = 0

    /// Places of the columns, looked up once and not for every row.
    private struct Columns {
        var image = 0
        var label = 0
        /// XMin, YMin, XMax, YMax.
        var corners: [(name: String, index: Int)] = []
        var confidence: Int?
        var isScore = false
        var source: Int?
        var isGroup: Int?
    }

    private var columns = Columns()
    private var width = 0
    private var indexOfImage: [String: Int] = [:]
    private var indexOfLabel: [String: Int] = [:]

    /// - Throws: where the first row is not that of the columns' names.
    init(_ file: String, _ findings: inout Findings) throws(Failure) {
        var reader = CSVReader(try Files.read(file))
        do throws(MarkupFault) { if try !reader.next() { throw MarkupFault(line: 1, "the file is empty") } } catch {
            throw error.failure(file)
        }
        try readHeader(reader, file, &findings)
        while true {
            do throws(MarkupFault) {
                guard try reader.next() else { break }
                readRow(reader, file, &findings)
            } catch {
                findings.add(.itemMalformed, Place(file: file, line: error.line), error.message)
            }
        }
    }

    private mutating func readHeader(
        _ reader: CSVReader, _ file: String, _ findings: inout Findings
    ) throws(Failure) {
        var places: [String: Int] = [:]
        width = reader.count
        for i in 0..<width {
            guard let name = reader.text(i) else {
                throw .data("\(file):1: column \(i + 1): the name is not UTF-8 text")
            }
            if places.updateValue(i, forKey: name) != nil {
                throw .data("\(file):1: the column \(name) is there twice")
            }
            if !Self.known.contains(name), !Self.needed.contains(name) {
                findings.add(
                    .columnUnknown, Place(file: file, line: 1),
                    "the column \"\(name)\" is not read\(didYouMean(name, Self.known.union(Self.needed).sorted()))")
            }
        }
        let names = places.keys.sorted()
        for name in Self.needed where places[name] == nil {
            // One long name is a row that was not divided.
            let sign = names.count == 1 ? [";", "\t"].first { names[0].contains($0) } : nil
            throw .data(
                "\(file):1: has no column \(name)"
                    + (sign.map {
                        "; its columns seem to be divided by \($0 == ";" ? "\";\"" : "tabs"), and commas were expected"
                    }
                        ?? itHas(name, names.filter { !Self.needed.contains($0) })))
        }
        columns.image = places["ImageID"] ?? 0
        columns.label = places["LabelName"] ?? 0
        columns.corners = ["XMin", "YMin", "XMax", "YMax"].map { ($0, places[$0] ?? 0) }
        columns.isScore = places["Score"] != nil
        columns.confidence = places["Confidence"] ?? places["Score"]
        columns.source = places["Source"]
        columns.isGroup = places["IsGroupOf"]
    }

    private mutating func readRow(_ reader: CSVReader, _ file: String, _ findings: inout Findings) {
        let place = Place(file: file, line: reader.line)
        guard reader.count == width else {
            findings.add(.itemMalformed, place, "has \(reader.count) fields; the first row names \(width) columns")
            return
        }
        func filled(_ column: Int?) -> Int? { column.flatMap { reader.isEmpty($0) ? nil : $0 } }
        guard let image = name("ImageID", columns.image, reader, place, &findings),
            let label = name("LabelName", columns.label, reader, place, &findings)
        else { return }
        guard indexOfImage[image] != nil || nameInside(image) != nil else {
            findings.add(.imageNameOutside, place, "ImageID \"\(image)\" leads out of the folder of pictures")
            return
        }
        var score: Double?
        if let i = filled(columns.confidence) {
            guard let value = reader.number(i), (0...1).contains(value) else {
                findings.add(
                    .itemMalformed, place, "Confidence is \"\(reader.text(i) ?? "")\", not a number in 0...1")
                return
            }
            let isOurs = filled(columns.source).map { reader.text($0) == Self.source } ?? false
            if value == 0, !isOurs {
                absent += 1
                findings.add(.rowLeftOut, place, "Confidence 0: \(label) was looked for and is not in the picture")
                return
            }
            if value < 1 || isOurs || columns.isScore { score = value }
        }
        var isGroup = false
        if let i = filled(columns.isGroup) {
            guard let value = reader.number(i), [-1, 0, 1].contains(value) else {
                findings.add(.itemMalformed, place, "IsGroupOf is \"\(reader.text(i) ?? "")\", not 0, 1 or -1")
                return
            }
            isGroup = value == 1
        }
        guard let corners = corners(reader, place, &findings) else { return }
        rows.append(
            Row(
                image: Self.index(image, &images, &indexOfImage), label: Self.index(label, &labels, &indexOfLabel),
                corners: corners, isGroup: isGroup, score: score, line: reader.line))
    }

    private func name(
        _ name: String, _ column: Int, _ reader: CSVReader, _ place: Place, _ findings: inout Findings
    ) -> String? {
        if reader.isEmpty(column) {
            findings.add(.itemMalformed, place, "\(name) is empty")
            return nil
        }
        guard let text = reader.text(column) else {
            findings.add(.itemMalformed, place, "\(name) is not UTF-8 text")
            return nil
        }
        return text
    }

    private func corners(
        _ reader: CSVReader, _ place: Place, _ findings: inout Findings
    ) -> (x1: Double, y1: Double, x2: Double, y2: Double)? {
        var values: [Double] = []
        values.reserveCapacity(4)
        for (name, i) in columns.corners {
            guard let value = reader.number(i) else {
                findings.add(
                    .itemMalformed, place,
                    reader.isEmpty(i) ? "\(name) is empty" : "\(name) is \"\(reader.text(i) ?? "")\", not a number")
                return nil
            }
            guard value.isFinite else {
                findings.add(.boxNotFinite, place, "\(name) is not finite")
                return nil
            }
            guard value >= -0.01, value <= 1.01 else {
                findings.add(
                    .boxNotRelative, place,
                    "\(name) is \(decimal(value)); a fraction of the picture's side, 0...1, was expected"
                        + (value > 2 ? ", not pixels" : ""))
                return nil
            }
            values.append(value)
        }
        for (low, high, name) in [(values[0], values[2], "X"), (values[1], values[3], "Y")] where low > high {
            findings.add(
                .boxReversed, place, "\(name)Min \(decimal(low)) is beyond \(name)Max \(decimal(high))")
            return nil
        }
        return (values[0], values[1], values[2], values[3])
    }

    private static func index(_ name: String, _ names: inout [String], _ indexOf: inout [String: Int]) -> Int {
        if let index = indexOf[name] { return index }
        indexOf[name] = names.count
        names.append(name)
        return names.count - 1
    }

    /// Codes and names of classes: `/m/011k07,Tortoise`, with or without a row of column names.
    /// - Throws: where a row has not two fields, or a name stands twice.
    static func descriptions(_ file: String) throws(Failure) -> [(code: String, name: String)] {
        var reader = CSVReader(try Files.read(file))
        var found: [(code: String, name: String)] = []
        var seen: Set<String> = []
        do throws(MarkupFault) {
            while try reader.next() {
                guard reader.count == 2, let code = reader.text(0), let name = reader.text(1), !code.isEmpty,
                    !name.isEmpty
                else { throw MarkupFault(line: reader.line, "expected a code and a name: /m/011k07,Tortoise") }
                if code == "LabelName" { continue }
                guard seen.insert(name).inserted else {
                    throw MarkupFault(line: reader.line, "the class \"\(name)\" is there twice")
                }
                found.append((code, name))
            }
        } catch { throw error.failure(file) }
        if found.isEmpty { throw .data("\(file): lists no class") }
        return found
    }
}
