import Base

/// The forms that labelled sets come in. The raw value is the word of `pupil convert`.
public enum DatasetFormat: String, CaseIterable, Sendable {
    case coco
    case yolo
    case voc
    case openImages = "openimages"
    case cvat

    /// What messages call it.
    public var title: String {
        switch self {
        case .coco: "a COCO annotation file"
        case .yolo: "a YOLO set"
        case .voc: "a PASCAL VOC set"
        case .openImages: "an Open Images table of boxes"
        case .cvat: "a CVAT file"
        }
    }

    /// Whether one file or folder can hold several parts, such as train and val.
    public var hasParts: Bool { self == .yolo || self == .voc }

    /// The form of what lies at a path.
    /// - Throws: `.invalidData` where nothing is there, or it is none of them; then with what it is, if that is known.
    public static func of(_ path: String) throws(Failure) -> DatasetFormat { try SetLayout.of(path).format }

    /// The COCO file at a path, or the only one in that folder; nil where the form is another.
    /// - Throws: as `of`.
    public static func cocoFile(at path: String) throws(Failure) -> String? {
        if case .coco(let file) = try SetLayout.of(path) { file } else { nil }
    }
}

/// What lies at a path: the form, and the file or folder that reading begins with.
enum SetLayout: Equatable, Sendable {
    case coco(file: String)
    /// Ultralytics' `data.yaml`.
    case yolo(file: String)
    /// Darknet's `obj.data`, as CVAT writes it.
    case darknet(file: String)
    /// `images/`, `labels/` and `classes.txt`, as labelling tools write them.
    case yoloFolder(folder: String)
    /// A folder with `Annotations/`, or one of XML files.
    case voc(folder: String)
    /// A list of `ImageSets/Main`.
    case vocList(file: String)
    case vocFile(file: String)
    case openImages(file: String)
    case cvat(file: String)

    var format: DatasetFormat {
        switch self {
        case .coco: .coco
        case .yolo, .darknet, .yoloFolder: .yolo
        case .voc, .vocList, .vocFile: .voc
        case .openImages: .openImages
        case .cvat: .cvat
        }
    }

    static func of(_ path: String) throws(Failure) -> SetLayout {
        if Files.isFolder(path) { return try ofFolder(path) }
        guard Files.exists(path) else {
            let names = (try? Files.list(Files.folder(path))) ?? []
            throw .data("there is no file or folder \(path)\(didYouMean(Files.name(path), names))")
        }
        return try ofFile(path)
    }

    /// Whether an XML file lies in a folder, or else anywhere below it.
    private static func holdsXML(_ folder: String) throws(Failure) -> Bool {
        guard Files.isFolder(folder) else { return false }
        if try Files.list(folder).contains(where: VOCFolder.isXML) { return true }
        return try Files.walk(folder).contains(where: VOCFolder.isXML)
    }

    private static func ofFolder(_ folder: String) throws(Failure) -> SetLayout {
        let names = try Files.list(folder)
        func has(_ name: String) -> Bool { names.contains(name) }
        func file(_ name: String) -> String { Files.join(folder, name) }
        func endings(_ endings: String...) -> [String] {
            names.filter { name in endings.contains { name.lowercased().hasSuffix($0) } }
        }
        for name in ["data.yaml", "data.yml", "dataset.yaml"] where has(name) { return .yolo(file: file(name)) }
        if has("obj.data") { return .darknet(file: file("obj.data")) }
        if has("Annotations"), try holdsXML(file("Annotations")) { return .voc(folder: folder) }
        if has("labels"), has("classes.txt") { return .yoloFolder(folder: folder) }
        let xml = endings(".xml")
        if let only = xml.first { return xml.count == 1 ? try ofFile(file(only)) : .voc(folder: folder) }
        let yaml = endings(".yaml", ".yml")
        if yaml.count == 1 { return .yolo(file: file(yaml[0])) }

        // None of them: what is there that could be meant?
        var candidates = endings(".json", ".csv", ".yaml", ".yml").map(file)
        if Files.isFolder(file("annotations")) {
            candidates += try Files.list(file("annotations")).filter { $0.hasSuffix(".json") }
                .map { Files.join(file("annotations"), $0) }
        }
        if candidates.count == 1 { return try ofFile(candidates[0]) }
        if !candidates.isEmpty {
            throw .data("\(folder) is a folder with several sets in it; give one of \(firstFive(candidates))")
        }
        if has("labels") {
            throw .data(
                "\(folder) has labels but no data.yaml (train, val, names) or classes.txt that names the classes")
        }
        throw .data(
            "\(folder) is no labelled set: expected data.yaml (YOLO), Annotations/*.xml (VOC) or a file of annotations "
                + "(COCO, Open Images, CVAT) in it")
    }

    private static func ofFile(_ file: String) throws(Failure) -> SetLayout {
        let head = try textHead(file, count: 1 << 16)
        let text = String(decoding: head, as: UTF8.self)
        let body = text.drop { $0.isWhitespace || $0 == "\u{FEFF}" }
        switch body.first {
        case nil: throw .data("\(file) holds nothing but spaces")
        case "{", "[": return .coco(file: file)
        case "<": return try ofXML(file, body)
        default: break
        }
        if head.contains(0) {
            throw .data("\(file) is no text; expected annotations (COCO, YOLO, VOC, Open Images or CVAT)")
        }
        let lines = body.split(whereSeparator: \.isNewline)
        let first = lines.first.map(String.init) ?? ""
        if first.contains("ImageID") { return .openImages(file: file) }
        func hasKey(_ key: String, _ sign: Character) -> Bool {
            lines.contains { $0.hasPrefix(key) && $0.dropFirst(key.count).first { $0 != " " } == sign }
        }
        if ["names", "train", "val", "nc", "test"].contains(where: { hasKey($0, ":") }) { return .yolo(file: file) }
        if hasKey("names", "="), hasKey("classes", "=") || hasKey("train", "=") { return .darknet(file: file) }
        if Files.isFolder(VOCFolder.annotations(ofList: file)) { return .vocList(file: file) }
        var hint = ""
        if first.contains(",") {
            hint = "; a table of Open Images begins with a row of column names, ImageID among them"
        } else if lines.allSatisfy({ $0.split(separator: " ").count >= 5 }) {
            hint = "; for labels of one picture (YOLO) give the data.yaml of the set"
        } else if lines.contains(where: { $0.hasSuffix(".jpg") || $0.hasSuffix(".png") }) {
            hint = "; for a list of pictures (YOLO) give the data.yaml that names the classes"
        }
        throw .data("\(file) is no annotation file that is known (COCO, YOLO, VOC, Open Images, CVAT)\(hint)")
    }

    /// The first bytes of a file of text.
    /// - Throws: `.invalidData` where it is empty or of another encoding than UTF-8.
    static func textHead(_ file: String, count: Int) throws(Failure) -> [UInt8] {
        let head = try Files.head(file, count: count)
        if head.isEmpty { throw .data("\(file) is empty") }
        if head.starts(with: [0xFF, 0xFE, 0, 0]) || head.starts(with: [0, 0, 0xFE, 0xFF]) {
            throw .data("\(file) is UTF-32 text; save it as UTF-8")
        }
        if head.starts(with: [0xFF, 0xFE]) || head.starts(with: [0xFE, 0xFF]) {
            throw .data("\(file) is UTF-16 text; save it as UTF-8")
        }
        return head
    }

    /// By the name of the root element.
    private static func ofXML(_ file: String, _ text: Substring) throws(Failure) -> SetLayout {
        var rest = text
        while let open = rest.firstIndex(of: "<") {
            rest = rest[rest.index(after: open)...]
            if rest.hasPrefix("!--") {
                guard let end = rest.firstRange(of: "-->") else { break }
                rest = rest[end.upperBound...]
                continue
            }
            if rest.first == "?" { continue }
            // Another document type: the reader refuses it and names its line.
            if rest.first == "!", rest.prefix(13).lowercased() != "!doctype html" { return .vocFile(file: file) }
            let name = rest.prefix { $0.isLetter || $0.isNumber || "_-:.".contains($0) }
            switch rest.first == "!" ? "html" : name {
            case "annotation": return .vocFile(file: file)
            case "annotations": return .cvat(file: file)
            case "html", "HTML":
                throw .data("\(file) is an HTML page, often what a failed download leaves; fetch the file again")
            default:
                throw .data(
                    "\(file) is XML whose root is <\(name)>; expected <annotation> (VOC) or <annotations> (CVAT)")
            }
        }
        throw .data("\(file) is XML without an element")
    }
}
