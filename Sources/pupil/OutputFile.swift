import Base

/// Where a verb may write.
enum OutputFile {
    /// - Throws: `.usage` where something is there already, which is not ours to replace, or a finished stage would be
    ///   written into.
    static func requireNew(_ path: String, key: String) throws(Failure) {
        if Files.isFolder(path) { throw .usage("\(key): \(path) is a folder; name a file") }
        if Files.exists(path) { throw .usage("\(key): \(path) is there already; name another file, or remove it") }
        if !Files.isFolder(Files.folder(path)) { throw .usage("\(key): there is no folder \(Files.folder(path))") }
        try requireOutsideStages(Files.folder(path), key: key)
    }

    /// A folder that is new, empty, or holds these files and nothing else, by which it is taken for this verb's own.
    static func requireOwn(_ folder: String, files: Set<String>, key: String) throws(Failure) {
        try requireOutsideStages(folder, key: key)
        guard Files.exists(folder) else { return }
        if !Files.isFolder(folder) { throw .usage("\(key): \(folder) is a file; name a folder") }
        let names = try Files.list(folder)
        if !names.isEmpty, Set(names) != files {
            throw .usage("\(key): \(folder) has files in it that this verb did not write; choose another folder")
        }
    }

    /// - Throws: `.usage` where what is written would lie in a folder of pictures that is read: the next run would take it for
    ///   pictures of the user's.
    static func requireOutside(_ path: String, _ folders: [String], key: String) throws(Failure) {
        let own = try resolved(path)
        for folder in folders where Files.isFolder(folder) {
            let root = try Files.absolute(folder)
            if own == root || own.hasPrefix(root + "/") {
                throw .usage(
                    "out: \(path) lies in --\(key) \(folder), whose pictures it would join; choose another folder with --out"
                )
            }
        }
    }

    /// The absolute path of what need not be there.
    private static func resolved(_ path: String) throws(Failure) -> String {
        if Files.exists(path) { return try Files.absolute(path) }
        let folder = Files.folder(path)
        return Files.join(folder == path ? try Files.absolute(".") : try resolved(folder), Files.name(path))
    }

    private static func requireOutsideStages(_ folder: String, key: String) throws(Failure) {
        var place = folder
        while !Files.exists(place), Files.folder(place) != place { place = Files.folder(place) }
        if Files.parts(try Files.absolute(place)).contains(".stages") {
            throw .usage("\(key): \(folder) belongs to a finished stage, which stays as it is")
        }
    }
}
