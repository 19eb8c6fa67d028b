import Base

/// Which annotation files make a VOC set, and where.
struct VOCFolder {
    /// For messages.
    var source: String
    /// The folder of XML files.
    var annotations: String
    /// Names of annotation files, without ending; the files; and where each is listed.
    var ids: [(id: String, file: String, place: Place)] = []
    /// Folders where the pictures usually are.
    var pictures: [String]
    var isSingleFile = false
    var notes: [String] = []
    var findings = Findings()

    /// A folder with `Annotations/`, of which `ImageSets/Main` may list parts; or a folder of XML files.
    /// - Throws: where it has several lists and no part is named, or not the part that is.
    static func open(_ folder: String, part: String?) throws(Failure) -> VOCFolder {
        let inside = Files.join(folder, "Annotations")
        let lists = Files.join(folder, "ImageSets/Main")
        if Files.isFolder(inside), Files.isFolder(lists) {
            let parts = try parts(lists)
            if let part, !parts.contains(part) {
                let known = parts.isEmpty ? "it is empty" : "it has \(parts.joined(separator: ", "))"
                throw .data("\(lists) has no list \(part).txt; \(known)\(didYouMean(part, parts))")
            }
            if part == nil, parts.count > 1 { throw .several(parts, in: lists) }
            if let chosen = part ?? parts.first { return try VOCFolder(list: Files.join(lists, chosen + ".txt")) }
        }
        let annotations = annotations(in: folder)
        let files = try Files.walk(annotations).filter(Self.isXML)
        var found = VOCFolder(source: folder, annotations: annotations)
        found.ids = files.map { (stem($0), Files.join(annotations, $0), Place(file: folder)) }
        if Files.isFolder(inside) {
            found.notes = ["has no lists in ImageSets/Main: all \(files.count) pictures were read"]
        }
        return found
    }

    private init(source: String, annotations: String) {
        self.source = source
        self.annotations = annotations
        pictures = ["JPEGImages", "images"].map { Files.normalised(Files.join(annotations, "../" + $0)) }
    }

    /// A list of `ImageSets/Main`, a name a line.
    init(list: String) throws(Failure) {
        self.init(source: list, annotations: Self.annotations(ofList: list))
        for (line, text) in textLines(try Files.readText(list)) {
            let place = Place(file: list, line: line)
            let words = text.split(whereSeparator: { $0 == " " || $0 == "\t" })
            if words.count == 2, ["-1", "0", "1"].contains(words[1]) {
                throw .data(
                    "\(place): \"\(text)\" is of a list for one class; give the list of all pictures, such as train.txt"
                )
            }
            guard let id = nameInside(text) else {
                findings.add(.imageNameOutside, place, "\"\(text)\" leads out of the folder of the set")
                continue
            }
            let file = Files.join(annotations, id)
            let isUpper = !Files.exists(file + ".xml") && Files.exists(file + ".XML")
            ids.append((id, file + (isUpper ? ".XML" : ".xml"), place))
        }
        if ids.isEmpty, findings.count(.error) == 0 { throw .data("\(list): lists no picture") }
    }

    /// One annotation file.
    init(file: String) {
        self.init(source: file, annotations: Files.folder(file))
        ids = [(stem(Files.name(file)), file, Place(file: file))]
        isSingleFile = true
    }

    /// By its name; case does not count.
    static func isXML(_ name: String) -> Bool { name.lowercased().hasSuffix(".xml") }

    /// The names of a `classes.txt` beside the folder of XML files, which VOC itself does not have.
    var classes: [String]? {
        get throws(Failure) {
            let file = Files.normalised(Files.join(annotations, "../classes.txt"))
            return Files.name(annotations) == "Annotations" && Files.exists(file) ? try Dataset.classNames(file) : nil
        }
    }

    /// The folder of XML files of a set's folder.
    static func annotations(in folder: String) -> String {
        let inside = Files.join(folder, "Annotations")
        return Files.isFolder(inside) ? inside : folder
    }

    /// The folder of XML files that a list of `ImageSets/Main` means.
    static func annotations(ofList list: String) -> String {
        Files.normalised(Files.join(Files.folder(list), "../../Annotations"))
    }

    /// The lists that name pictures of all classes; VOC's `aeroplane_train.txt` and so on are of one class each.
    private static func parts(_ folder: String) throws(Failure) -> [String] {
        let names = try Files.list(folder).filter { $0.hasSuffix(".txt") }.map { String($0.dropLast(4)) }
        return names.filter { name in
            guard let bar = name.lastIndex(of: "_") else { return true }
            return !names.contains(String(name[name.index(after: bar)...]))
        }
    }
}
