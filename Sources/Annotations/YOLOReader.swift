import Base
import Geometry
import Imaging

/// Reads a YOLO set: pictures and beside each a text file with a line a box (docs/formats.md).
struct YOLOReader {
    private let source: YOLOSource
    /// The folder of pictures that the user named, in place of the set's own.
    private let override: PictureFolder?
    private let rules: BoxRules

    /// A picture, where its labels are, and who lists it.
    private struct Entry: Sendable {
        var picture: String
        var labels: String
        var place: Place
    }

    /// - Throws: where `images` is no folder.
    init(_ source: YOLOSource, _ images: String?, _ rules: BoxRules) throws(Failure) {
        self.source = source
        override = try images.map { path throws(Failure) in try PictureFolder(path) }
        self.rules = rules
    }

    /// The set. Sizes come from the headers of the pictures, since labels are fractions of them.
    func read(_ findings: inout Findings) throws(Failure) -> Dataset {
        let errors = findings.count(.error)
        findings.add(source.findings)
        var entries: [Entry] = []
        for location in source.locations { entries += try pictures(at: location, &findings) }
        if entries.isEmpty, findings.count(.error) == errors {
            throw .data("\(source.file): found no picture in \(source.locations.joined(separator: ", "))")
        }
        let (root, names) = try root(of: entries.map(\.picture))
        let (all, classes, rules) = (entries, source.names, self.rules)
        let read = parallelMap(all.count) { i -> (labels: PictureLabels, hasFile: Bool) in
            var picture = PictureLabels(fileName: names[i])
            picture.listed = all[i].place
            do throws(Failure) { picture.size = try ImageFile.size(all[i].picture) } catch {
                let missing = !Files.exists(all[i].picture)
                picture.findings.add(missing ? .imageMissing : .imageUnreadable, all[i].place, error.message)
                picture.isUsable = false
                return (picture, true)
            }
            guard Files.exists(all[i].labels) else { return (picture, false) }
            YOLOLabels.read(all[i].labels, classes: classes, rules: rules, into: &picture)
            return (picture, true)
        }
        if !read.isEmpty, !read.contains(where: \.hasFile) {
            throw .data(
                "\(source.file): none of the \(read.count) pictures has a file of labels; looked for "
                    + "\(entries[0].labels) and so on")
        }
        warnOfOrphans(entries, &findings)
        var notes: [String] = []
        let bare = read.count { !$0.hasFile }
        if bare > 0 { notes.append("\(bare) pictures have no file of labels, which means that nothing is on them") }
        let polygons = read.reduce(0) { $0 + ($1.labels.findings.counts[.boxFromPolygon] ?? 0) }
        if polygons > 0 { notes.append("\(polygons) labels are polygons; their boxes were taken") }
        return Dataset(
            root: root, classes: ClassTable(names: source.names), pictures: read.map(\.labels), notes: notes,
            into: &findings)
    }

    // MARK: Which pictures

    private func pictures(at location: String, _ findings: inout Findings) throws(Failure) -> [Entry] {
        guard let path = source.resolve(location) else {
            // The folder of labels can be there where that of the pictures lies elsewhere.
            if let override,
                let folder = source.candidates(location).first(where: {
                    Files.isFolder(Files.folder(Self.labels(of: Files.join($0, "x"))))
                })
            {
                return pictures(override.names, under: folder)
            }
            let near = source.bases.flatMap { (try? Files.list($0)) ?? [] }
            throw .data(
                "\(source.file): there is no folder or list \(source.candidates(location)[0])"
                    + didYouMean(Files.name(location), near))
        }
        if Files.isFolder(path) {
            if let override { return pictures(override.names, under: path) }
            return pictures(try PictureFolder(path).names, under: path)
        }
        return try list(path, &findings)
    }

    private func pictures(_ names: [String], under folder: String) -> [Entry] {
        names.map { name in
            let path = Files.join(folder, name)
            let picture = override.map { Files.join($0.root, name) } ?? path
            return Entry(
                picture: picture, labels: Self.labels(of: path), place: Place(file: source.file, image: name))
        }
    }

    /// The pictures that a text file lists, one a line, relative to the file, to the set or to nothing.
    private func list(_ file: String, _ findings: inout Findings) throws(Failure) -> [Entry] {
        let folder = Files.folder(file)
        let errors = findings.count(.error)
        var entries: [Entry] = []
        for (line, text) in textLines(try Files.readText(file)) {
            let place = Place(file: file, line: line)
            var candidates = [Files.normalised(Files.join(folder, text))] + source.candidates(text)
            if !text.hasPrefix("./") { candidates.append(Files.normalised(text)) }
            if !Files.isAbsolute(text), text.contains("..") {
                let bases = (source.bases + [folder]).map { Files.normalised($0) }
                candidates.removeAll { path in !bases.contains { isInside(path, $0) } }
                if candidates.isEmpty {
                    findings.add(.imageNameOutside, place, "\"\(text)\" leads out of the folder of the set")
                    continue
                }
            }
            let picture: String
            var labels: String?
            if let override {
                guard let name = override.find(Files.normalised(text)) ?? override.find(Files.name(text)) else {
                    findings.add(.imageMissing, place, "there is no picture \(Files.name(text)) in \(override.root)")
                    continue
                }
                picture = Files.join(override.root, name)
                labels = candidates.map { Self.labels(of: $0) }.first { Files.exists($0) }
            } else {
                guard let found = candidates.first(where: { Files.exists($0) }) else {
                    findings.add(
                        .imageMissing, place,
                        "there is no picture \(candidates[0]); say where the pictures are (images) if elsewhere")
                    continue
                }
                picture = found
            }
            entries.append(
                Entry(picture: picture, labels: labels ?? Self.labels(of: picture), place: place))
        }
        if entries.isEmpty, findings.count(.error) == errors { throw .data("\(file): lists no picture") }
        return entries
    }

    /// Where the labels of a picture are: the last `/images/` of its path becomes `/labels/`, its ending `.txt`.
    static func labels(of picture: String) -> String {
        var path = Array("/\(stem(picture)).txt".utf8)
        let (images, labels) = (Array("/images/".utf8), Array("/labels/".utf8))
        // From behind: of /images/images/ it is the second, with which the first shares a slash.
        for start in stride(from: path.count - images.count, through: 0, by: -1)
        where path[start...].starts(with: images) {
            path.replaceSubrange(start..<start + images.count, with: labels)
            break
        }
        return String(decoding: path.dropFirst(), as: UTF8.self)
    }

    /// The set's own folder where all pictures are in it, else the deepest folder above all of them; and the names of
    /// the pictures relative to it.
    private func root(of pictures: [String]) throws(Failure) -> (root: String, names: [String]) {
        let own = override.map { [$0.root] } ?? source.bases.map { Files.normalised($0) }
        for base in own where pictures.allSatisfy({ isInside($0, base) }) {
            let count = base == "." ? 0 : base.utf8.count + 1
            return (base, pictures.map { String(Substring($0.utf8.dropFirst(count))) })
        }
        let here = try Files.absolute(".")
        let paths = pictures.map { Files.parts(Files.normalised(Files.join(here, $0))) }
        var common = Array(paths.first?.dropLast() ?? [])
        for path in paths { common = Array(common.prefix(Files.sharedParts(common, path.dropLast()))) }
        return ("/" + common.joined(separator: "/"), paths.map { $0.dropFirst(common.count).joined(separator: "/") })
    }

    // MARK: Labels without a picture

    private func warnOfOrphans(_ entries: [Entry], _ findings: inout Findings) {
        let known = Set(entries.map(\.labels))
        var pictureFolderOf: [String: String] = [:]
        for entry in entries where pictureFolderOf[Files.folder(entry.labels)] == nil {
            pictureFolderOf[Files.folder(entry.labels)] = Files.folder(entry.picture)
        }
        for (folder, pictures) in pictureFolderOf.sorted(by: { $0.key < $1.key }) {
            // Where labels lie beside the pictures, other texts do, too.
            guard Files.parts(folder).contains("labels"), let names = try? Files.list(folder) else { continue }
            let there = Set(((try? Files.list(pictures)) ?? []).filter { ImageFile.isImageName($0) }.map { stem($0) })
            for name in names where name.hasSuffix(".txt") && name != "classes.txt" {
                let path = Files.join(folder, name)
                if known.contains(path) || there.contains(stem(name)) { continue }
                findings.add(.labelWithoutImage, Place(file: path), "there is no picture of this name in \(pictures)")
            }
        }
    }
}
