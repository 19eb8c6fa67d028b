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

    /// - Throws: `.usage` where what is written would lie in a folder of pictures that is read: the next run would take it for
    ///   pictures of the user's.
    /// - Parameter key: the setting that named the folders; nil: a set did.
    static func requireOutside(_ path: String, _ folders: [String], key: String?) throws(Failure) {
        // Before links are followed, as the folder will be made.
        let own = try resolved(Files.normalised(path))
        for folder in folders where Files.isFolder(folder) {
            let root = try Files.absolute(folder)
            if own == root || own.hasPrefix(root + "/") {
                throw .usage(
                    "out: \(path) lies in \(folder)\(key.map { " (--\($0))" } ?? ""), whose files it would join; choose another folder "
                        + "with --out"
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

    /// - Throws: `.usage` where a folder, or the one that it would be made in, is a stage's.
    static func requireOutsideStages(_ folder: String, key: String) throws(Failure) {
        var place = folder
        while !Files.exists(place), Files.folder(place) != place { place = Files.folder(place) }
        if Files.parts(try Files.absolute(place)).contains(".stages") {
            throw .usage("\(key): \(folder) belongs to a finished stage, which stays as it is")
        }
    }
}
