import Base
import Imaging

/// The pictures of a folder, found by name or by name without ending.
struct PictureFolder: Sendable {
    let root: String
    /// Relative to the root, sorted.
    let names: [String]
    private let known: Set<String>
    private let byStem: [String: String]
    /// Names without ending that several pictures have, and these.
    let several: [String: [String]]

    /// - Parameter deep: whether folders in it are looked into.
    /// - Throws: where there is no such folder.
    init(_ root: String, deep: Bool = true) throws(Failure) {
        self.init(
            root: Files.normalised(root),
            names: try (deep ? Files.walk(root) : Files.list(root)).filter { ImageFile.isImageName($0) })
    }

    /// Those of a kind alone.
    func filtered(_ isIncluded: (String) -> Bool) -> PictureFolder {
        PictureFolder(root: root, names: names.filter(isIncluded))
    }

    private init(root: String, names: [String]) {
        self.root = root
        self.names = names
        known = Set(names)
        var byStem: [String: String] = [:]
        var several: [String: [String]] = [:]
        for name in names {
            let key = stem(name)
            if let first = byStem[key] { several[key, default: [first]].append(name) } else { byStem[key] = name }
        }
        (self.byStem, self.several) = (byStem, several)
    }

    /// The picture of a name, or of a name that lacks its ending.
    func find(_ name: String) -> String? { known.contains(name) ? name : byStem[name] }
    /// The picture that has this name apart from the ending.
    func find(stem: String) -> String? { byStem[stem] }

    /// The pictures that have this name apart from their endings, where there are several and none is called just so.
    func namesakes(_ name: String) -> [String] { known.contains(name) ? [] : several[name] ?? [] }

    /// The folder of a set's pictures: the one that was asked for, else the first of some that has pictures.
    /// - Parameters:
    ///   - asked: what the user said.
    ///   - usual: where the form has them, looked into at any depth.
    ///   - beside: at last, a folder of which only the pictures right in it count: it may hold anything.
    static func find(_ asked: String?, usual: [String], beside: String) throws(Failure) -> PictureFolder {
        if let asked { return try PictureFolder(asked) }
        for folder in usual where Files.isFolder(folder) {
            let found = try PictureFolder(folder)
            if !found.names.isEmpty { return found }
        }
        return try PictureFolder(beside, deep: false)
    }
}

/// A name made safe to be read relative to a folder, or nil where it leaves it: no leading slash, no `..` above the
/// folder, no control characters; `a/./b` and `a/x/../b` are `a/b`.
func nameInside(_ name: String) -> String? {
    if name.isEmpty || Files.isAbsolute(name) || name.utf8.contains(where: { $0 < 0x20 }) { return nil }
    var parts: [Substring] = []
    for part in Files.parts(name) where part != "." {
        if part != ".." {
            parts.append(part)
        } else if parts.popLast() == nil {
            return nil
        }
    }
    return parts.isEmpty ? nil : parts.joined(separator: "/")
}

/// "a/b" of "a/b.jpg"; a name without an ending is its own stem.
func stem(_ name: String) -> String {
    let slash = name.utf8.lastIndex(of: UInt8(ascii: "/"))
    guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")), dot > (slash ?? name.startIndex) else { return name }
    return String(name[..<dot])
}
