import Base
import Geometry
import Imaging

/// The classes of a segmentation set as a user lists them: names, and colours where masks are painted in colours.
public struct MaskClasses: Hashable, Sendable {
    /// Names in the order of labels; ids are the values of pixels, from 0.
    public var table: ClassTable
    /// One a class where masks are in colours, else nil.
    public var colors: [Color]?
    /// Colours that are ignored.
    public var ignoredColors: [Color] = []
    /// A value of pixels that is ignored beside 255, where nothing else is said of it.
    public var ignoredValue: Int?

    /// Classes 0..<K by names.
    public init(names: [String]) { table = ClassTable(names: names, ids: Array(names.indices)) }

    /// PASCAL VOC's 21, the background first.
    public static let voc = MaskClasses(names: ["background"] + vocClasses)

    /// Lines of this name and a colour say what is ignored.
    static let ignoredNames: Set<String> = ["ignore", "ignored", "void", "unlabelled", "unlabeled"]

    /// The classes that a word of the command line means: a count, or a file with a name a line (`name`, or `name red
    /// green blue` in either order with commas, tabs or spaces), or JSON with a list of names, alone or as "classes".
    /// - Throws: `.usage` for a count under 2 or above 255; `.invalidData` naming line and fault.
    public static func read(_ word: String) throws(Failure) -> MaskClasses {
        if let count = Int(word), !Files.exists(word) {
            guard (2...255).contains(count) else {
                throw .usage("classes: \(count) classes cannot be told apart; 2 to 255 are possible")
            }
            return MaskClasses(names: (0..<count).map(String.init))
        }
        let text = try Files.readText(word)
        let classes =
            try text.first { !$0.isWhitespace }.map { "[{".contains($0) } == true
            ? json(word) : lines(text, file: word)
        guard (2...255).contains(classes.table.count) else {
            throw .data("\(word): lists \(classes.table.count) classes; 2 to 255 are possible (0 is the first)")
        }
        return classes
    }

    private static func json(_ file: String) throws(Failure) -> MaskClasses {
        let root = try Files.readJSON(file)
        guard let list = (root["classes"] ?? root["names"] ?? root).array else {
            throw .data("\(file): expected a list of names, or one as \"classes\"")
        }
        let names = list.compactMap(\.string)
        guard names.count == list.count else { throw .data("\(file): a class is no name (a string)") }
        if let twice = firstTwice(names) { throw .data("\(file): the class \"\(twice)\" is there twice") }
        try requireNoVoid(names, file)
        var classes = MaskClasses(names: names)
        if let index = root["ignore_index"], index != .null {
            guard let value = index.int, (0...255).contains(value) else {
                throw .data("\(file): ignore_index is \(index.canonical); expected a value of pixels, 0 to 255")
            }
            classes.ignoredValue = value
        }
        return classes
    }

    /// A void among classes would be learned and counted as one.
    private static func requireNoVoid(_ names: [String], _ file: String) throws(Failure) {
        guard let i = names.firstIndex(where: { ignoredNames.contains($0.lowercased()) }) else { return }
        throw .data(
            "\(file): \"\(names[i])\" stands among the classes and would be learned as one; leave it out and say "
                + "--mask-values \(i):ignore, or, if it is meant as a class, call it something else")
    }

    private static func lines(_ text: String, file: String) throws(Failure) -> MaskClasses {
        var names: [String] = []
        var colors: [Color] = []
        var ignored: [Color] = []
        for (line, numbered) in textLines(text) {
            let content = try unnumbered(numbered, place: names.count, "\(file):\(line)")
            func fault(_ what: String) -> Failure { .data("\(file):\(line): \(what)") }
            let words = content.split(whereSeparator: { $0 == "," || $0 == "\t" || $0 == " " }).map(String.init)
            // The row of names of a CSV file.
            if words.map({ $0.lowercased() }).suffix(3) == ["r", "g", "b"] { continue }
            let (name, color) = try colored(words, fault)
            guard let color else {
                names.append(content)
                continue
            }
            if ignoredNames.contains(name.lowercased()) {
                ignored.append(color)
            } else {
                names.append(name)
                colors.append(color)
            }
        }
        guard colors.isEmpty && ignored.isEmpty || colors.count == names.count else {
            throw .data("\(file): \(names.count - colors.count) of \(names.count) classes have no colour; all or none")
        }
        if let twice = firstTwice(names) { throw .data("\(file): the class \"\(twice)\" is there twice") }
        if let twice = firstTwice(colors + ignored) {
            throw .data("\(file): the colour \(twice.red) \(twice.green) \(twice.blue) is there twice")
        }
        if colors.isEmpty { try requireNoVoid(names, file) }
        var classes = MaskClasses(names: names)
        classes.colors = colors.isEmpty ? nil : colors
        classes.ignoredColors = ignored
        return classes
    }

    /// The line without the number that some lists put before each name, as in `0: road`.
    /// - Throws: where that is not the number of its place: nobody would know which value the class has.
    private static func unnumbered(_ content: String, place: Int, _ at: String) throws(Failure) -> String {
        let parts = content.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, let number = Int(parts[0]) else { return content }
        let name = parts[1].drop(while: \.isWhitespace)
        if number == 0, place == 0, ignoredNames.contains(name.lowercased()) {
            // COCO-Stuff's labels.txt, whose masks have values of one less.
            throw .data(
                "\(at): \"\(content)\": whether masks have these numbers, or count from the next line, is not known. In the "
                    + "list names stand in the order of values, the first being 0; what 0 means is then said by --mask-values "
                    + "0:ignore. For COCO's stuffthingmaps leave this line and the numbers out")
        }
        guard number == place else {
            throw .data(
                "\(at): \"\(content)\" has the number \(number) and is class \(place): names stand in the order of values, "
                    + "the first being 0, a line for each")
        }
        return String(name)
    }

    /// The name and the colour of a line; no colour where it has no three numbers at its begin or end.
    private static func colored(
        _ words: [String], _ fault: (String) -> Failure
    ) throws(Failure) -> (String, Color?) {
        func color(_ part: ArraySlice<String>) throws(Failure) -> Color? {
            let numbers = part.compactMap { Int($0) }
            guard numbers.count == 3 else { return nil }
            guard numbers.allSatisfy({ (0...255).contains($0) }) else {
                throw fault("\(numbers.map(String.init).joined(separator: " ")) is no colour: 0 to 255 each")
            }
            return Color(UInt8(numbers[0]), UInt8(numbers[1]), UInt8(numbers[2]))
        }
        guard words.count >= 4 else { return ("", nil) }
        if let last = try color(words.suffix(3)) { return (words.dropLast(3).joined(separator: " "), last) }
        if let first = try color(words.prefix(3)) { return (words.dropFirst(3).joined(separator: " "), first) }
        return ("", nil)
    }

    private static func firstTwice<T: Hashable>(_ items: [T]) -> T? {
        var seen = Set<T>()
        return items.first { !seen.insert($0).inserted }
    }

    /// How masks of these classes are coded.
    /// - Parameter mapping: values of pixels to ids of classes, nil for ignored.
    /// - Throws: `.usage` where a mapping does not fit, or goes with colours.
    func coding(_ mapping: [Int: Int?]?) throws(Failure) -> MaskCoding {
        guard let colors else {
            var mapping = mapping
            if let ignoredValue, ignoredValue != 255, mapping?[ignoredValue] == nil {
                mapping = mapping ?? [:]
                mapping?[ignoredValue] = .some(nil)
            }
            return try .ids(of: table, mapping: mapping)
        }
        if mapping != nil { throw .usage("mask-values: the classes have colours, so that masks have no values") }
        var labels: [Color: UInt8] = [:]
        for (label, color) in colors.enumerated() { labels[color] = UInt8(label) }
        for color in ignoredColors { labels[color] = LabelMap.ignored }
        return .colors(labels)
    }
}
