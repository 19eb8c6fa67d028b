import Base
import Glibc

extension Dataset {
    /// A picture, or those of a folder of any depth, without labels.
    /// - Throws: a `Failure` with `.invalidData` where there is nothing of that name.
    public static func pictures(_ path: String) throws(Failure) -> Dataset {
        if Files.isFolder(path) { return try pool([path]) }
        guard Files.exists(path) else { throw .data("images: there is no file or folder \(path)") }
        return Dataset(
            root: Files.folder(path), classes: ClassTable(names: [], ids: []),
            examples: [Example(id: 1, fileName: Files.name(path), size: nil)])
    }

    /// Unlabelled pictures: all JPEG, PNG and WebP files by their extensions, in any case, under folders of any depth,
    /// sorted by name; ids from 1, no classes, sizes unknown until a picture is decoded.
    ///
    /// With one folder, names are relative to it; with several, to the deepest folder above all of them. Files whose
    /// names begin with a dot are not seen; other files are counted by extension in `notes`.
    /// - Throws: `.usage` where one folder lies inside another; `.invalidData` where one is missing or no picture is
    ///   found.
    public static func pool(_ folders: [String]) throws(Failure) -> Dataset {
        guard let only = folders.first else { throw .usage("a pool needs a folder of pictures") }
        var (names, unreachable): ([String], Set<String>) = ([], [])
        var root = only
        if folders.count == 1 {
            (names, unreachable) = try Files.survey(only)
        } else {
            let paths = try resolve(folders)
            let above = commonFolder(paths)
            root = "/" + above.joined(separator: "/")
            for (folder, path) in zip(folders, paths) {
                let prefix = path.dropFirst(above.count).joined(separator: "/")
                let own = try Files.survey(folder)
                names += own.files.map { Files.join(prefix, $0) }
                for name in own.unreachable { unreachable.insert(Files.join(prefix, name)) }
            }
            names.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        }
        var pool = Dataset(root: root, classes: ClassTable(names: [], ids: []), examples: [])
        pool.source = folders.joined(separator: ", ")
        var ignored: [String: Int] = [:]
        for name in names {
            let ending = fileExtension(name)
            if pictureExtensions.contains(ending) {
                var example = Example(id: pool.examples.count + 1, fileName: name, size: nil)
                example.isUnreachable = unreachable.contains(name)
                pool.examples.append(example)
            } else {
                ignored[ending.isEmpty ? "no extension" : "." + ending, default: 0] += 1
            }
        }
        let kinds = ignored.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.key) \($0.value)" }
        let left = "\(names.count - pool.examples.count) files that are not JPEG, PNG or WebP (\(firstFive(kinds)))"
        if pool.examples.isEmpty {
            let found = names.isEmpty ? "it is empty" : "only \(left)"
            throw .data("\(pool.source): found no .jpg, .jpeg, .png or .webp file: \(found)")
        }
        if !ignored.isEmpty { pool.notes.append("left out \(left)") }
        return pool
    }

    private static let pictureExtensions: Set<String> = ["jpg", "jpeg", "jpe", "jfif", "png", "webp"]

    private static func fileExtension(_ name: String) -> String {
        let last = Files.name(name)
        guard let dot = last.utf8.lastIndex(of: UInt8(ascii: ".")), dot != last.startIndex else { return "" }
        return last[last.index(after: dot)...].lowercased()
    }

    /// The parts of each folder's real path. - Throws: where one is missing, named twice or inside another.
    private static func resolve(_ folders: [String]) throws(Failure) -> [[Substring]] {
        var paths: [[Substring]] = []
        for folder in folders {
            guard let real = realpath(folder, nil) else { throw .data("there is no folder \(folder)") }
            paths.append(Files.parts(String(cString: real)))
            free(real)
        }
        for (i, a) in paths.enumerated() {
            for (j, b) in paths.enumerated()
            where i != j && Files.sharedParts(a, b) == b.count && (a.count > b.count || i > j) {
                let how = a.count == b.count ? "is the same folder as" : "lies inside"
                throw .usage("\(folders[i]) \(how) \(folders[j]): its pictures would count twice")
            }
        }
        return paths
    }

    /// The parts of the deepest folder above several, or of the one that they are.
    static func commonFolder(_ paths: [[Substring]]) -> [Substring] {
        guard var common = paths.first else { return [] }
        for path in paths.dropFirst() { common = Array(common.prefix(Files.sharedParts(common, path))) }
        return common
    }
}
