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

    private var columns: [String: Int] = [:]
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
        width = reader.count
        for i in 0..<width {
            guard let name = reader.text(i) else {
                throw .data("\(file):1: column \(i + 1): the name is not UTF-8 text")
            }
            if columns.updateValue(i, forKey: name) != nil {
                throw .data("\(file):1: the column \(name) is there twice")
            }
            if !Self.known.contains(name), !Self.needed.contains(name) {
                findings.add(
                    .columnUnknown, Place(file: file, line: 1),
                    "the column \"\(name)\" is not read\(didYouMean(name, Self.known.union(Self.needed).sorted()))")
            }
        }
        let names = columns.keys.sorted()
        for name in Self.needed where columns[name] == nil {
            throw .data("\(file):1: has no column \(name)\(didYouMean(name, names))")
        }
    }

    private mutating func readRow(_ reader: CSVReader, _ file: String, _ findings: inout Findings) {
        let place = Place(file: file, line: reader.line)
        guard reader.count == width else {
            findings.add(.itemMalformed, place, "has \(reader.count) fields; the first row names \(width) columns")
            return
        }
        func field(_ name: String) -> Int? { columns[name].flatMap { reader.isEmpty($0) ? nil : $0 } }
        var texts: [String] = []
        for name in ["ImageID", "LabelName"] {
            guard let i = field(name) else {
                findings.add(.itemMalformed, place, "\(name) is empty")
                return
            }
            guard let text = reader.text(i) else {
                findings.add(.itemMalformed, place, "\(name) is not UTF-8 text")
                return
            }
            texts.append(text)
        }
        guard nameInside(texts[0]) != nil else {
            findings.add(.imageNameOutside, place, "ImageID \"\(texts[0])\" leads out of the folder of pictures")
            return
        }
        var score: Double?
        if let i = field("Confidence") ?? field("Score") {
            guard let value = reader.number(i), (0...1).contains(value) else {
                findings.add(
                    .itemMalformed, place, "Confidence is \"\(reader.text(i) ?? "")\", not a number in 0...1")
                return
            }
            let isOurs = field("Source").map { reader.text($0) == Self.source } ?? false
            if value == 0, !isOurs {
                absent += 1
                findings.add(.rowLeftOut, place, "Confidence 0: \(texts[1]) was looked for and is not in the picture")
                return
            }
            if value < 1 || isOurs || columns["Score"] != nil { score = value }
        }
        var isGroup = false
        if let i = field("IsGroupOf") {
            guard let value = reader.number(i), [-1, 0, 1].contains(value) else {
                findings.add(.itemMalformed, place, "IsGroupOf is \"\(reader.text(i) ?? "")\", not 0, 1 or -1")
                return
            }
            isGroup = value == 1
        }
        guard let corners = corners(reader, place, &findings) else { return }
        rows.append(
            Row(
                image: Self.index(texts[0], &images, &indexOfImage),
                label: Self.index(texts[1], &labels, &indexOfLabel),
                corners: corners, isGroup: isGroup, score: score, line: reader.line))
    }

    private func corners(
        _ reader: CSVReader, _ place: Place, _ findings: inout Findings
    ) -> (x1: Double, y1: Double, x2: Double, y2: Double)? {
        var values: [Double] = []
        for name in ["XMin", "YMin", "XMax", "YMax"] {
            let i = columns[name] ?? 0
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
                .boxCorners, place, "\(name)Min \(decimal(low)) is beyond \(name)Max \(decimal(high))")
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
