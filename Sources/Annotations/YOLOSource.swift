import Base
import Markup

/// Where a YOLO set has its pictures and what its classes are called: what `data.yaml`, `obj.data` or a folder says.
struct YOLOSource {
    /// For messages.
    var file: String
    var names: [String] = []
    /// Folders of pictures, or lists of them, as written.
    var locations: [String] = []
    /// What locations are relative to, the first that fits.
    var bases: [String]
    var findings = Findings()

    /// Ultralytics' data file.
    /// - Throws: where it is no mapping, names no classes, or has not the part that is asked for.
    static func dataFile(_ file: String, part: String?) throws(Failure) -> YOLOSource {
        let root = try YAML.parse(try Files.readText(file), file: file, code: .invalidData)
        guard case .mapping(let members) = root.content else {
            throw .data("\(file):\(root.line): expected the keys train, val and names")
        }
        func node(_ key: String) -> YAMLNode? {
            guard let node = members.first(where: { $0.name.text == key })?.value, node.json != .null else {
                return nil
            }
            return node
        }
        var source = YOLOSource(file: file, bases: [])
        try source.readNames(node("names"), count: node("nc"), keys: members.map(\.name.text))

        let usual = ["train", "val", "validation", "valid", "test"]
        let parts = usual.filter { node($0) != nil }
        let wanted: String
        switch part {
        case "val": wanted = ["val", "validation", "valid"].first { node($0) != nil } ?? "val"
        case let part?: wanted = part
        case nil where parts.count == 1: wanted = parts[0]
        case nil:
            throw parts.isEmpty
                ? .data("\(file) has no train, val or test") : .several(parts, in: file)
        }
        guard let value = node(wanted) else {
            let known = parts.isEmpty ? "" : "; it has \(parts.joined(separator: ", "))"
            throw .data("\(file) has no part \"\(wanted)\"\(known)")
        }
        switch value.content {
        case .scalar(let text, _): source.locations = [text]
        case .list(let items):
            for item in items {
                guard case .scalar(let text, _) = item.content else {
                    throw .data(
                        "\(file):\(item.line): \"\(wanted)\" must be a folder, a list of folders or a text file")
                }
                source.locations.append(text)
            }
        case .mapping:
            throw .data("\(file):\(value.line): \"\(wanted)\" must be a folder, a list of folders or a text file")
        }

        let folder = Files.folder(file)
        source.bases = [folder]
        if let path = node("path")?.json.string {
            source.bases = [Files.join(folder, path), path].filter { Files.isFolder($0) } + [folder]
        }
        return source
    }

    private mutating func readNames(_ names: YAMLNode?, count: YAMLNode?, keys: [String]) throws(Failure) {
        let number = count?.json.int
        if let count, (number ?? 0) < 1 {
            throw .data("\(file):\(count.line): \"nc\" must be the number of classes")
        }
        switch names?.content {
        case .list(let items):
            for item in items { self.names.append(try name(item)) }
        case .mapping(let members):
            var byNumber: [Int: String] = [:]
            for (key, value) in members {
                guard let index = Int(key.text), (0..<members.count).contains(index) else {
                    throw .data(
                        "\(file):\(key.line): \"\(key.text)\" is no class number; \(members.count) names are numbered "
                            + "0...\(members.count - 1)")
                }
                byNumber[index] = try name(value)
            }
            for index in members.indices {
                guard let name = byNumber[index] else { throw .data("\(file): class \(index) has no name") }
                self.names.append(name)
            }
        case .scalar:
            throw .data("\(file):\(names?.line ?? 1): \"names\" must be a list or a mapping 0: name")
        case nil:
            guard let number, number <= 100_000 else {
                throw .data("\(file) has no \"names\"\(itHas("names", keys))")
            }
            self.names = (0..<number).map { "class_\($0)" }  // as Ultralytics calls them
        }
        if self.names.isEmpty { throw .data("\(file):\(names?.line ?? 1): \"names\" is empty") }
        if let number, number != self.names.count {
            findings.add(
                .classCountDiffers, Place(file: file, line: count?.line),
                "nc is \(number) and names lists \(self.names.count)")
        }
        makeNamesDistinct(line: names?.line)
    }

    private func name(_ node: YAMLNode) throws(Failure) -> String {
        guard case .scalar(let text, _) = node.content, !text.isEmpty else {
            throw .data("\(file):\(node.line): a class name must be a word")
        }
        return text
    }

    /// A class table has no name twice; what is read past the fault is for lists of faults only.
    private mutating func makeNamesDistinct(line: Int?) {
        var first: [String: Int] = [:]
        for (i, name) in names.enumerated() {
            if let before = first[name] {
                findings.add(
                    .classNameTwice, Place(file: file, line: line),
                    "classes \(before) and \(i) are both named \"\(name)\"")
                names[i] = "\(name) (\(i))"
            }
            first[names[i]] = i
        }
    }

    /// Darknet's data file, as CVAT exports it: `names = data/obj.names`, `train = data/train.txt`.
    static func darknet(_ file: String, part: String?) throws(Failure) -> YOLOSource {
        var values: [String: String] = [:]
        for (line, text) in textLines(try Files.readText(file)) where !text.hasPrefix("#") {
            guard let sign = text.firstIndex(of: "=") else {
                throw .data("\(file):\(line): \"\(text.prefix(60))\" is no setting, expected name = value")
            }
            let key = String(text[..<sign].filter { $0 != " " })
            values[key] = String(text[text.index(after: sign)...].drop { $0 == " " })
        }
        let parts = ["train", "valid", "test"].filter { values[$0] != nil }
        let wanted = part == "val" ? "valid" : part ?? (parts.count == 1 ? parts[0] : "")
        if part == nil, parts.count > 1 { throw .several(parts, in: file) }
        guard let list = values[wanted] else {
            throw .data("\(file) has no part \"\(part ?? "train")\"; it has \(parts.joined(separator: ", "))")
        }
        let folder = Files.folder(file)
        var source = YOLOSource(file: file, locations: [list], bases: [folder])
        guard let names = values["names"], let path = source.resolve(names) else {
            throw .data("\(file): the file of class names is not there (names = \(values["names"] ?? ""))")
        }
        source.names = try Dataset.classNames(path)
        return source
    }

    /// A folder with `images/`, `labels/` and `classes.txt`.
    static func folder(_ folder: String) throws(Failure) -> YOLOSource {
        let names = try Dataset.classNames(Files.join(folder, "classes.txt"))
        return YOLOSource(file: folder, names: names, locations: ["images"], bases: [folder])
    }

    /// What a location leads to: under a base; without a leading `../` (which Roboflow writes) or `data/` (which CVAT
    /// writes) under a base. Nil where nothing is there.
    func resolve(_ location: String) -> String? {
        candidates(location).first { Files.exists($0) }
    }

    /// Where a location may lie, the likeliest first.
    func candidates(_ location: String) -> [String] {
        var found = bases.map { Files.normalised(Files.join($0, location)) }
        for prefix in ["../", "data/"] where location.hasPrefix(prefix) {
            found += bases.map { Files.normalised(Files.join($0, String(location.dropFirst(prefix.count)))) }
        }
        return found
    }
}

extension Failure {
    /// A set has several parts and nobody said which.
    static func several(_ parts: [String], in path: String) -> Failure {
        .data("\(path) has the parts \(parts.joined(separator: ", ")); say which one is meant (--part)")
    }
}

/// Whether a normalised path lies in a normalised folder, as far as text alone can tell.
func isInside(_ path: String, _ folder: String) -> Bool {
    folder == "."
        ? !Files.isAbsolute(path) && Files.parts(path).first != ".." : path.utf8.starts(with: (folder + "/").utf8)
}
