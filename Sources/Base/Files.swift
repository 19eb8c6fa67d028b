import CBase
import FoundationEssentials
import Glibc

/// File access for the house: plain paths, errors that name the file, and writes that are whole or not there.
public enum Files {
    /// True where `path` leads to something, through links too. A broken link leads to nothing.
    public static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// True where `path` leads to a folder, through links too.
    public static func isFolder(_ path: String) -> Bool {
        var info = stat()
        return stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR
    }

    /// Whether there is nothing of that name, or nothing where its link leads.
    public static func isMissing(_ path: String) -> Bool {
        var info = stat()
        return stat(path, &info) != 0 && (errno == ENOENT || errno == ENOTDIR)
    }

    /// Whether what is there can never be read by this process: for want of permission, since links lead in a circle, or
    /// since it is no file (a socket).
    public static func isUnreadable(_ path: String) -> Bool {
        if access(path, R_OK) != 0 { return [EACCES, EPERM, ELOOP, ENAMETOOLONG].contains(errno) }
        var info = stat()
        return stat(path, &info) == 0 && info.st_mode & S_IFMT != S_IFREG
    }

    /// Size in bytes and time of the last change in nanoseconds since 1970.
    ///
    /// - Throws: where there is no such file or it cannot be reached.
    public static func stamp(_ path: String) throws(Failure) -> (size: Int, modified: Int) {
        var info = stat()
        guard stat(path, &info) == 0 else { throw fault("read", path) }
        return (Int(info.st_size), Int(info.st_mtim.tv_sec) * 1_000_000_000 + Int(info.st_mtim.tv_nsec))
    }

    /// A descriptor to read a file or to look at a folder by, to be closed.
    ///
    /// - Throws: where it is missing or unreadable, or a pipe, at which a reader would wait for ever.
    public static func opened(_ path: String) throws(Failure) -> Int32 {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw fault("read", path) }
        var info = stat()
        if fstat(descriptor, &info) == 0, ![S_IFREG, S_IFDIR].contains(info.st_mode & S_IFMT) {
            close(descriptor)
            throw .data("\(path) is a pipe or a device; a file was expected")
        }
        return descriptor
    }

    /// The whole file.
    ///
    /// - Throws: where it is missing, unreadable or a folder.
    public static func read(_ path: String) throws(Failure) -> [UInt8] {
        let descriptor = try opened(path)
        defer { close(descriptor) }
        var info = stat()
        guard fstat(descriptor, &info) == 0 else { throw fault("read", path) }
        if info.st_mode & S_IFMT == S_IFDIR { throw .data("\(path) is a folder; a file was expected") }
        var failed = false
        let bytes = [UInt8](unsafeUninitializedCapacity: max(Int(info.st_size), 4096)) { buffer, count in
            while count < buffer.count {
                let n = Glibc.read(descriptor, buffer.baseAddress! + count, buffer.count - count)
                if n < 0 { failed = errno != EINTR }
                if failed || n == 0 { break }
                if n > 0 { count += n }
            }
        }
        if failed { throw fault("read", path) }
        return bytes
    }

    /// The first bytes of a file, at most `count`.
    ///
    /// - Throws: as `read`.
    public static func head(_ path: String, count: Int) throws(Failure) -> [UInt8] { try read(path, 0, count) }

    /// A part of a file: `length` bytes from `offset` on, or fewer where it ends before.
    ///
    /// - Throws: where it is missing or unreadable.
    public static func read(_ path: String, _ offset: Int, _ length: Int) throws(Failure) -> [UInt8] {
        let descriptor = try opened(path)
        defer { close(descriptor) }
        var failed = false
        let bytes = [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
            while count < length {
                let n = pread(descriptor, buffer.baseAddress! + count, length - count, off_t(offset + count))
                if n < 0 { failed = errno != EINTR }
                if failed || n == 0 { break }
                if n > 0 { count += n }
            }
        }
        if failed { throw fault("read", path) }
        return bytes
    }

    /// The whole file as text.
    ///
    /// - Throws: as `read`, and where the bytes are not UTF-8.
    public static func readText(_ path: String) throws(Failure) -> String {
        guard let text = String(validating: try read(path), as: UTF8.self) else {
            throw .data("\(path) is not UTF-8 text")
        }
        return text
    }

    /// The JSON document in a file.
    ///
    /// - Throws: as `read`, and where it is not valid JSON, with line and column.
    public static func readJSON(_ path: String) throws(Failure) -> JSON { try JSON.parse(try read(path), file: path) }

    /// The SHA-256 of a file's bytes, read in pieces.
    public static func digest(_ path: String) throws(Failure) -> Digest {
        let descriptor = try opened(path)
        defer { close(descriptor) }
        var hasher = Hasher256()
        var piece = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let n = Glibc.read(descriptor, &piece, piece.count)
            if n < 0 { throw fault("read", path) }
            if n == 0 { return hasher.finish() }
            piece.withUnsafeBytes { hasher.update(UnsafeRawBufferPointer(rebasing: $0[0..<n])) }
        }
    }

    /// Writes a whole file or nothing: a temporary file beside it, `fsync`, then an atomic rename.
    public static func write(_ bytes: some Collection<UInt8>, to path: String) throws(Failure) {
        let contents = Array(bytes)
        try writeAtomically(to: path) { descriptor throws(Failure) in
            let whole = contents.withUnsafeBytes { attempt($0, descriptor) }
            if !whole { throw fault("write", path) }
        }
    }

    /// As `write` of bytes, for the UTF-8 of a string.
    public static func write(_ text: String, to path: String) throws(Failure) { try write(Array(text.utf8), to: path) }

    /// Writes a file that must not be there yet, without waiting for the disk: for the many files of a folder that is
    /// published when it is whole.
    public static func writeNew(_ text: String, to path: String) throws(Failure) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw fault("write", path) }
        var contents = text
        let whole = contents.withUTF8 { attempt(UnsafeRawBufferPointer($0), descriptor) }
        let reason = whole ? nil : fault("write", path)
        if close(descriptor) != 0 { throw fault("write", path) }
        if let reason { throw reason }
    }

    /// A name for a file, or a link, until it is whole, which `removeUnfinished` knows. Its number is drawn: that of the process is
    /// perhaps that of another one, too, which writes the same file on another machine or in another container.
    public static func unfinished(_ path: String) -> String { "\(path).\(UInt32.random(in: 0 ... .max)).partial" }

    /// As `write`, without waiting for the disk: for caches, whose readers look whether a file is whole. Threads may
    /// write one file at once, and so may processes.
    public static func writeUnsynced(_ bytes: [UInt8], to path: String) throws(Failure) {
        let name = unfinished(path)
        let descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw fault("write", path) }
        let whole = bytes.withUnsafeBytes { attempt($0, descriptor) }
        let reason = whole ? nil : fault("write", path)
        if close(descriptor) != 0 || reason != nil || rename(name, path) != 0 {
            let failure = reason ?? fault("write", path)
            unlink(name)
            throw failure
        }
    }

    /// Makes a symbolic link at `path` that leads to `target`.
    public static func link(_ target: String, at path: String) throws(Failure) {
        guard symlink(target, path) == 0 else { throw fault("link", path) }
    }

    /// As `write`, for a body that writes through a file descriptor.
    public static func writeAtomically(
        to path: String, _ body: (Int32) throws(Failure) -> Void
    ) throws(Failure) {
        let temporary = unfinished(path)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw fault("write", path) }
        do throws(Failure) {
            try body(descriptor)
            if fsync(descriptor) != 0 { throw fault("write", path) }
        } catch {
            close(descriptor)
            unlink(temporary)
            throw error
        }
        close(descriptor)
        guard rename(temporary, path) == 0 else {
            unlink(temporary)
            throw fault("write", path)
        }
    }

    /// Writes all of `buffer` at the descriptor's position, however many calls that takes.
    ///
    /// - Throws: a `Failure` that names `path`.
    public static func writeAll(
        _ buffer: UnsafeRawBufferPointer, to descriptor: Int32, path: String
    ) throws(Failure) {
        if !attempt(buffer, descriptor) { throw fault("write", path) }
    }

    /// As `writeAll` of bytes, for the UTF-8 of a string.
    public static func writeAll(_ text: String, to descriptor: Int32, path: String) throws(Failure) {
        var contents = text
        let whole = contents.withUTF8 { attempt(UnsafeRawBufferPointer($0), descriptor) }
        if !whole { throw fault("write", path) }
    }

    private static func attempt(_ buffer: UnsafeRawBufferPointer, _ descriptor: Int32) -> Bool {
        var done = 0
        while done < buffer.count {
            let n = Glibc.write(descriptor, buffer.baseAddress! + done, buffer.count - done)
            if n < 0 {
                if errno == EINTR { continue }
                return false
            }
            done += n
        }
        return true
    }

    /// Makes a folder and those above it.
    public static func makeFolder(_ path: String) throws(Failure) {
        if isFolder(path) { return }
        let parent = folder(path)
        if parent != path, !isFolder(parent) { try makeFolder(parent) }
        if mkdir(path, 0o755) != 0 && errno != EEXIST { throw fault("make the folder", path) }
        if !isFolder(path) { throw .environment("cannot make the folder \(path): a file of that name is there") }
    }

    /// Makes a folder with all that is in it or not at all: `body` fills `NAME.partial` beside it, which gets the name
    /// at the end. An empty folder of the name may be there. What a killed process left of `NAME.partial` is removed;
    /// that no process is at it, on this machine or another, an `flock` says.
    ///
    /// - Throws: what `body` throws; `.environment` where another process makes the folder; `.usage` where
    ///   `NAME.partial` is something else.
    public static func makeWhole<Result>(
        _ folder: String, _ body: (_ partial: String) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var plain = folder
        while plain.utf8.count > 1, plain.utf8.last == slash { plain.unicodeScalars.removeLast() }
        let partial = plain + ".partial"
        let lock = try claim(partial)
        defer { close(lock) }
        do throws(Failure) {
            for name in try list(partial) { try remove(join(partial, name)) }
            let result = try body(partial)
            try sync(partial)
            if rename(partial, plain) == 0 {
                unlink(join(plain, lockName))
                return result
            }
            // A link, a mount or the folder one stands in cannot be replaced, but filled.
            guard isFolder(plain), try list(plain).isEmpty else { throw fault("publish", plain) }
            for name in try list(partial) where rename(join(partial, name), join(plain, name)) != 0 {
                throw fault("publish", plain)
            }
            try remove(partial)
            return result
        } catch {
            try? remove(partial)
            throw error
        }
    }

    /// Not that of a run's folder, which may be called `NAME.partial`.
    private static let lockName = ".making"

    /// Makes an unfinished folder, or takes one that a killed process left.
    /// - Returns: what holds its lock until it is closed.
    private static func claim(_ partial: String) throws(Failure) -> Int32 {
        let path = join(partial, lockName)
        while true {
            if exists(partial), !exists(path), rmdir(partial) != 0, errno != ENOENT, !exists(path) {
                throw .usage("\(partial) is there and is no unfinished folder of ours; move it or choose another name")
            }
            try makeFolder(partial)
            let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
            if descriptor < 0, errno == ENOENT { continue }  // it got its name meanwhile, or was removed
            guard descriptor >= 0 else { throw fault("write", path) }
            while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
                let reason = errno
                if reason == EINTR { continue }
                close(descriptor)
                errno = reason
                guard reason == EWOULDBLOCK else { throw fault("lock", path) }
                throw .environment("another process is making \(partial); wait for it or choose another name")
            }
            // Who held it before may have published or removed the folder: then this is not the lock of what is there.
            var (held, there) = (stat(), stat())
            if fstat(descriptor, &held) == 0, stat(path, &there) == 0, held.st_ino == there.st_ino,
                held.st_dev == there.st_dev
            {
                return descriptor
            }
            close(descriptor)
        }
    }

    /// Waits until what was written without waiting, in a folder or elsewhere on its disk, is on the disk.
    public static func sync(_ folder: String) throws(Failure) {
        guard pupil_sync_file_system(folder) == 0 else { throw fault("write", folder) }
    }

    /// Moves a finished folder to its name in one step, when what was written without waiting is on the disk.
    public static func publish(_ folder: String, as name: String) throws(Failure) {
        try sync(folder)
        guard rename(folder, name) == 0 else { throw fault("publish", name) }
    }

    /// Removes a file or a folder with all that is in it; nothing happens where there is none.
    public static func remove(_ path: String) throws(Failure) {
        guard exists(path) else { return }
        do { try FileManager.default.removeItem(atPath: path) } catch { throw .environment("cannot remove \(path)") }
    }

    /// Whether a name that cannot be found came out of a folder in which it is written in other bytes than UTF-8. Such names
    /// are listed, so that they can be spoken of, and cannot be opened.
    public static func isNotUTF8(_ name: String) -> Bool { name.unicodeScalars.contains("\u{FFFD}") }

    /// The names in a folder, sorted by their UTF-8, without those that begin with a dot.
    public static func list(_ path: String) throws(Failure) -> [String] {
        guard let handle = opendir(path) else { throw fault("list", path) }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// Removes what killed processes left of files they were writing (`NAME.NUMBER.partial`) under a folder; links are
    /// not followed. For a folder of ours that no other process writes into, as its lock says.
    /// - Throws: `.environment` where one cannot be removed.
    public static func removeUnfinished(in folder: String) throws(Failure) {
        for name in try list(folder) {
            let path = join(folder, name)
            var info = stat()
            guard lstat(path, &info) == 0 else { continue }
            if info.st_mode & S_IFMT == S_IFDIR {
                try removeUnfinished(in: path)
            } else if isUnfinished(name), unlink(path) != 0, errno != ENOENT {
                throw fault("remove", path)
            }
        }
    }

    /// Whether a name is one that `writeAtomically` gives to a file until it is whole.
    public static func isUnfinished(_ name: String) -> Bool {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count >= 3 && parts[parts.count - 1] == "partial" && !parts[parts.count - 2].isEmpty
            && parts[parts.count - 2].allSatisfy { $0.isASCII && $0.isNumber }
    }

    /// Bytes that are free to this process on the disk of a folder, and that it has in all; nil where nobody says.
    public static func space(_ folder: String) -> (free: Int, total: Int)? {
        var info = statvfs()
        guard statvfs(folder, &info) == 0 else { return nil }
        return (Int(info.f_bavail) * Int(info.f_frsize), Int(info.f_blocks) * Int(info.f_frsize))
    }

    /// All files under a folder as sorted relative paths; symbolic links to folders are followed once. What cannot be
    /// reached (a link to nothing, a name that is not UTF-8) is among them.
    public static func walk(_ root: String) throws(Failure) -> [String] { try survey(root).files }

    /// As `walk`; `unreachable` are those of the files that cannot be reached.
    public static func survey(_ root: String) throws(Failure) -> (files: [String], unreachable: Set<String>) {
        var found: [String] = []
        var unreachable: Set<String> = []
        var seen: Set<[UInt64]> = []
        func visit(_ relative: String) throws(Failure) {
            let path = relative.isEmpty ? root : join(root, relative)
            var info = stat()
            guard stat(path, &info) == 0 else {
                // A link to nothing, or a name that is not UTF-8: who reads it says so.
                found.append(relative)
                unreachable.insert(relative)
                return
            }
            if info.st_mode & S_IFMT == S_IFDIR {
                guard seen.insert([UInt64(info.st_dev), UInt64(info.st_ino)]).inserted else { return }
                for name in try list(path) { try visit(relative.isEmpty ? name : relative + "/" + name) }
            } else {
                found.append(relative)
            }
        }
        guard isFolder(root) else {
            throw .data(exists(root) ? "\(root) is a file; a folder was expected" : "there is no folder \(root)")
        }
        try visit("")
        return (found.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }, unreachable)
    }

    /// The failure for the last system call, by `errno`.
    public static func fault(_ action: String, _ path: String) -> Failure {
        let code = errno
        let reason = String(cString: strerror(code))
        switch code {
        case ENOENT where action == "read" || action == "list", ENOTDIR where action == "read" || action == "list":
            let isListed = isNotUTF8(path) && (try? list(folder(path)))?.contains(name(path)) == true
            return .data("there is no file \(path)\(isListed ? ": its name is not UTF-8; rename it" : "")")
        case ENOSPC, EDQUOT: return .environment("cannot \(action) \(path): the disk is full")
        case EACCES, EPERM, EROFS: return .environment("cannot \(action) \(path): no permission (\(reason))")
        default: return .environment("cannot \(action) \(path): \(reason)")
        }
    }
}
