import Glibc

/// Paths as text, by bytes, as the system reads them.
extension Files {
    /// Joins two paths; an absolute second one wins.
    public static func join(_ folder: String, _ name: String) -> String {
        if isAbsolute(name) || folder.isEmpty || folder == "." { return name }
        return folder.utf8.last == slash ? folder + name : folder + "/" + name
    }

    /// The last part of a path.
    public static func name(_ path: String) -> String { String(parts(path).last ?? "/") }

    /// All but the last part of a path; "." where there is none.
    public static func folder(_ path: String) -> String {
        guard let last = path.utf8.lastIndex(of: slash) else { return "." }
        return last == path.startIndex ? "/" : String(path[..<last])
    }

    /// Whether a path begins at the root.
    public static func isAbsolute(_ path: String) -> Bool { path.utf8.first == slash }

    /// What stands between the slashes of a path, without what is empty. (By bytes, as the system reads paths: before a
    /// mark that combines with it a slash is no `Character` of its own, and a slash all the same.)
    public static func parts(_ path: String) -> [Substring] { path.utf8.split(separator: slash).map { Substring($0) } }

    /// A path without `.`, `..` and doubled slashes, as far as text alone can tell.
    public static func normalised(_ path: String) -> String {
        var parts: [Substring] = []
        for part in Files.parts(path) where part != "." {
            if part == "..", let last = parts.last, last != ".." {
                parts.removeLast()
            } else if part != ".." || !isAbsolute(path) {
                parts.append(part)
            }
        }
        let joined = parts.joined(separator: "/")
        return isAbsolute(path) ? "/" + joined : joined.isEmpty ? "." : joined
    }

    static let slash = UInt8(ascii: "/")

    /// The absolute path, links resolved. - Throws: a `Failure` where there is no such file.
    public static func absolute(_ path: String) throws(Failure) -> String {
        guard let resolved = realpath(path, nil) else { throw fault("read", path) }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// The relative path that leads from a folder to another, wherever links among their names lead.
    /// - Throws: a `Failure` where one of them is not there.
    public static func way(from folder: String, to other: String) throws(Failure) -> String {
        let (start, end) = (parts(try absolute(folder)), parts(try absolute(other)))
        let shared = sharedParts(start, end)
        let parts = [Substring](repeating: "..", count: start.count - shared) + end.dropFirst(shared)
        return parts.isEmpty ? "." : parts.joined(separator: "/")
    }

    /// How many of the first parts of two paths are the same: byte by byte, since to the system two spellings of one
    /// letter are two names.
    public static func sharedParts(_ a: [Substring], _ b: [Substring]) -> Int {
        zip(a, b).prefix { $0.utf8.elementsEqual($1.utf8) }.count
    }

    /// Where a symbolic link says that it leads; nil where there is none.
    public static func target(ofLink path: String) -> String? {
        var bytes = [CChar](repeating: 0, count: 4096)  // no path is longer
        let count = readlink(path, &bytes, 4096)
        return count < 0 ? nil : String(decoding: bytes[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
