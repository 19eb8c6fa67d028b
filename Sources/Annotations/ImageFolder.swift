import Base
import Imaging

extension Dataset {
    /// Which of `train`, `val` and `test` an image folder has; none where it is not parted.
    /// - Throws: `.invalidData` where there is no such folder.
    public static func imageFolderParts(_ path: String) throws(Failure) -> [String] {
        try ImageFolder.usualParts(Files.normalised(path))
    }

    /// The folders of classes, in their order.
    /// - Throws: as `imageFolder`.
    public static func imageFolderClasses(_ path: String, part: String? = nil) throws(Failure) -> [String] {
        try ImageFolder.contents(ImageFolder.root(Files.normalised(path), part: part).root).folders
    }

    /// ImageNet's layout: a folder of pictures for each class, of any depth. Classes are in the order of their folders'
    /// names, byte by byte, which is ImageNet's own order.
    ///
    /// Every picture has a target, `.hard`, and no size: none is opened. Names are relative to the folder that holds the
    /// classes. Folders that begin with a dot are not seen; what else is left out is said in `notes`.
    ///
    /// - Parameters:
    ///   - path: the folder that holds those of the classes, or one with parts (`train/CLASS`, `val/CLASS`).
    ///   - part: which of the parts; `val` is also a folder `valid` or `validation`. A folder without parts is read whole.
    ///   - names: a file with a class name a line in the order of the folders, or with lines `FOLDER NAME`, as ImageNet's
    ///     `LOC_synset_mapping.txt`. Names that stand for two folders (ImageNet has two cranes) get the folder behind
    ///     them. Without it the folders' names are the classes'.
    ///   - counted: the folders that a file of a name a line is of, in order (`imageFolderClasses`), where they are another
    ///     set's; nil: this one's.
    ///   - classes: the table to count labels by, such as that of the set that was trained on: classes without a folder
    ///     have no picture then. Without it, the folders are the classes.
    /// - Throws: `.invalidData` where there is no such part, no folder of a class or no picture; where the folders, or those
    ///   that hold pictures, are one (without `classes`), or one of them is not in `classes`; where `names` does not fit the folders.
    public static func imageFolder(
        _ path: String, part: String? = nil, names: String? = nil, counted: [String]? = nil, classes: ClassTable? = nil
    ) throws(Failure) -> Dataset {
        let (root, passedOver) = try ImageFolder.root(Files.normalised(path), part: part)
        let (folders, pictures) = try ImageFolder.contents(root)
        if folders.isEmpty {
            throw .data(
                "\(root): holds \(pictures.isEmpty ? "no" : "\(pictures.count) pictures and no") folder of a class; "
                    + "expected CLASS/picture.jpg")
        }
        let namesFile = try names.map { file throws(Failure) in
            try ClassNamesFile(file, folders: folders, counted: counted ?? folders)
        }
        let called = namesFile?.names ?? folders
        if classes == nil, called.count == 1 {
            throw .data("\(root): holds one folder alone, \"\(folders[0])\"; expected one a class")
        }
        let table = classes ?? ClassTable(names: called)
        // 16 bits of `SoftClass`.
        if table.count > 1 << 16 { throw .data("\(root): has \(table.count) classes; 65536 are possible") }
        let labels = Dictionary(table.names.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })

        var set = Dataset(root: root, classes: table, examples: [])
        set.source = path
        var empty: [String] = []
        var otherFiles = 0
        for (folder, name) in zip(folders, called) {
            guard let label = labels[name] else {
                let folder = name == folder ? "" : " (folder \(folder))"
                throw .data("\(root): \"\(name)\"\(folder) is none of the classes\(didYouMean(name, table.names))")
            }
            let (files, unreachable) = try Files.survey(Files.join(root, folder))
            let pictures = files.filter { ImageFile.isImageName($0) }
            for picture in pictures {
                var example = Example(id: set.examples.count + 1, fileName: folder + "/" + picture, size: nil)
                example.target = .hard(label)
                example.isUnreachable = unreachable.contains(picture)
                set.examples.append(example)
            }
            otherFiles += files.count - pictures.count
            if pictures.isEmpty { empty.append(folder) }
        }
        if set.examples.isEmpty { throw .data("\(root): no picture is in its \(folders.count) folders") }
        if classes == nil, let only = Set(folders).subtracting(empty).first, folders.count == empty.count + 1 {
            throw .data(
                "\(root): of its \(folders.count) folders only \"\(only)\" holds pictures; expected some of each class")
        }
        set.notes = passedOver + (namesFile?.notes ?? [])
        if !pictures.isEmpty {
            set.notes.append("left out \(pictures.count) pictures that lie beside the folders: \(firstFive(pictures))")
        }
        if otherFiles > 0 { set.notes.append("left out \(otherFiles) files that are no pictures") }
        if !empty.isEmpty { set.notes.append("\(empty.count) class folders hold no picture: \(firstFive(empty))") }
        return set
    }

    /// Pictures of each class, `[K]`, by their target or its most probable class; pictures without a target do not count.
    public var classCounts: [Int] {
        var counts = [Int](repeating: 0, count: classes.count)
        for example in examples { if let target = example.target { counts[target.label] += 1 } }
        return counts
    }
}

/// Where the classes of an image folder lie.
private enum ImageFolder {
    /// The usual parts, each with the names its folder may have.
    static let usual = [
        ("train", ["train", "training"]), ("val", ["val", "valid", "validation"]), ("test", ["test", "testing"]),
    ]

    /// Folders and pictures right in a folder, sorted.
    static func contents(_ folder: String) throws(Failure) -> (folders: [String], pictures: [String]) {
        guard Files.isFolder(folder) else {
            if Files.exists(folder) { throw .data("\(folder) is a file; a folder was expected") }
            let names = (try? Files.list(Files.folder(folder))) ?? []
            throw .data("there is no folder \(folder)\(didYouMean(Files.name(folder), names))")
        }
        var found: (folders: [String], pictures: [String]) = ([], [])
        for name in try Files.list(folder) {
            if Files.isFolder(Files.join(folder, name)) {
                found.folders.append(name)
            } else if ImageFile.isImageName(name) {
                found.pictures.append(name)
            }
        }
        return found
    }

    /// The parts that a folder has, by their usual names.
    static func usualParts(_ path: String) throws(Failure) -> [String] {
        let folders = try contents(path).folders
        var found: [String] = []
        for (part, names) in usual {
            for name in names where folders.contains(name) && !found.contains(part) {
                if try holdsClasses(Files.join(path, name)) { found.append(part) }
            }
        }
        return found
    }

    /// The folder that holds those of the classes, and notes on what beside it was passed over.
    ///
    /// A folder has parts where one of its folders has a part's usual name and itself holds folders with pictures: a
    /// class may be called "train", but holds its pictures itself.
    static func root(_ path: String, part: String?) throws(Failure) -> (root: String, notes: [String]) {
        let folders = try contents(path).folders
        if try usualParts(path).isEmpty { return (path, []) }
        var parts: [String] = []
        for name in folders { if try holdsClasses(Files.join(path, name)) { parts.append(name) } }
        let others = folders.filter { !parts.contains($0) }

        var chosen = parts[0]
        if let part {
            let names = [part] + (usual.first { $0.0 == part }?.1 ?? [])
            guard let name = names.first(where: { parts.contains($0) }) else {
                if let other = names.first(where: { others.contains($0) }) {
                    let inside = try contents(Files.join(path, other))
                    let classes = inside.folders.isEmpty ? "no folder of a class" : "no folder with pictures"
                    throw .data(
                        "\(Files.join(path, other)): holds \(inside.pictures.count) pictures and \(classes); expected "
                            + "\(other)/CLASS/picture.jpg as in \(parts.joined(separator: ", "))")
                }
                throw .data(
                    "\(path) has no part \"\(part)\"; it has \(parts.joined(separator: ", "))\(didYouMean(part, parts))"
                )
            }
            chosen = name
        } else if parts.count > 1 {
            throw .several(parts, in: path)
        }
        let notes = others.isEmpty ? [] : ["passed over what holds no folders of classes: \(firstFive(others))"]
        return (Files.join(path, chosen), notes)
    }

    /// Whether pictures lie in folders of a folder and none in itself.
    private static func holdsClasses(_ folder: String) throws(Failure) -> Bool {
        let inside = try contents(folder)
        guard inside.pictures.isEmpty else { return false }
        for name in inside.folders {
            if try !PictureFolder(Files.join(folder, name)).names.isEmpty { return true }
        }
        return false
    }
}

/// A file that says what the classes of folders are called.
private struct ClassNamesFile {
    /// One a folder.
    var names: [String]
    var notes: [String] = []

    /// Lines `FOLDER NAME`, where the first word is a folder for half of the folders or more; else a name a line.
    /// - Parameter counted: the folders that a name a line is of, in order.
    init(_ file: String, folders: [String], counted: [String]) throws(Failure) {
        let lines = textLines(try Files.readText(file))
        let pairs = lines.map { line in Self.split(line.text) }
        let known = Set(folders)
        let fitting = pairs.count { known.contains($0.folder) && !$0.name.isEmpty }
        if fitting == 0 || fitting * 2 < folders.count {
            guard lines.count == counted.count else {
                throw .data(
                    "\(file): has \(lines.count) lines for \(counted.count) folders of classes; expected a name a line in "
                        + "the order of the folders, or lines such as \"\(folders[0]) NAME\"")
            }
            let named = Self.unlike(Array(zip(counted, lines.map(\.text))))
            let nameOf = Dictionary(zip(counted, named), uniquingKeysWith: { first, _ in first })
            // A folder that was not counted has no name, and is then none of the classes.
            names = folders.map { nameOf[$0] ?? $0 }
            return
        }
        var lineOf: [String: Int] = [:]
        for (line, pair) in zip(lines, pairs) {
            if pair.name.isEmpty {
                throw .data("\(file):\(line.line): expected a folder and a name, not \"\(line.text)\" alone")
            }
            if let before = lineOf.updateValue(line.line, forKey: pair.folder) {
                throw .data("\(file):\(line.line): the folder \"\(pair.folder)\" stands in line \(before) already")
            }
        }
        let nameOf = Dictionary(
            zip(pairs.map(\.folder), Self.unlike(pairs)), uniquingKeysWith: { first, _ in first })
        names = try folders.map { folder throws(Failure) in
            guard let name = nameOf[folder] else {
                let near = didYouMean(folder, nameOf.keys.sorted())
                throw .data("\(file): has no line for the folder \"\(folder)\"\(near)")
            }
            return name
        }
        if pairs.count > folders.count {
            notes.append("\(file) names \(pairs.count - folders.count) folders that are not there")
        }
    }

    /// At the first tab, else at the first space.
    private static func split(_ line: String) -> (folder: String, name: String) {
        guard let gap = line.firstIndex(of: "\t") ?? line.firstIndex(of: " ") else { return (line, "") }
        return (String(line[..<gap]), String(line[gap...].drop { $0.isWhitespace }))
    }

    /// The names, those that are there more than once with their folder behind them.
    private static func unlike(_ pairs: [(folder: String, name: String)]) -> [String] {
        var counts: [String: Int] = [:]
        for pair in pairs { counts[pair.name, default: 0] += 1 }
        return pairs.map { counts[$0.name] == 1 ? $0.name : "\($0.name) (\($0.folder))" }
    }
}
