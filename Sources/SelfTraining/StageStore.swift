import Base
import Glibc
import Journal
import Recipes

/// A finished piece of work: a folder named by what went into it, never changed again.
public struct Stage: Sendable {
    /// A piece of work that is done.
    public init(name: String, path: String, result: JSON) {
        self.name = name
        self.path = path
        self.result = result
    }

    /// `<kind>-<12 hex>`: what other stages name it by.
    public let name: String
    /// Its folder.
    public let path: String
    /// What the work reported.
    public let result: JSON
    /// Of a trained stage: which of its weights others take, `last` or `best`.
    public var weights = "last"

    /// The path of a file in it.
    public func file(_ name: String) -> String { Files.join(path, name) }

    /// The weights that others take.
    public var weightsFile: String { file("weights/\(weights).safetensors") }

    /// What other stages name it by where they take its weights.
    var weightsName: String { weights == "last" ? name : "\(name)-\(weights)" }
}

/// Where stages live: `runs/.stages/`, beside the run folders that link to them. Arms share what they have in common.
public struct StageStore: Sendable {
    /// The folder in which stages lie side by side.
    public let folder: String

    /// A store in a folder, which is made with the first stage.
    public init(folder: String) { self.folder = folder }

    /// The store of a run folder: `.stages` beside it, where it is a link beside the link.
    public init(besideRun run: String) {
        var run = run
        // "." has nothing beside it by its name alone.
        if [".", ".."].contains(Files.name(run)), let real = try? Files.absolute(run) { run = real }
        while run.utf8.count > 1, run.utf8.last == UInt8(ascii: "/") { run.unicodeScalars.removeLast() }
        self.init(folder: Files.join(Files.folder(run), ".stages"))
    }

    /// The stage of that identity, if it is finished.
    public func finished(_ identity: StageIdentity) throws(Failure) -> Stage? {
        let path = Files.join(folder, identity.name)
        guard Files.exists(path) else { return nil }
        let record = try Files.readJSON(Files.join(path, "stage.json"))
        guard record["identity"]?.canonical == identity.json.canonical, let result = record["result"] else {
            throw .data("\(path)/stage.json is not that of \(identity.name); remove the folder to have it made anew")
        }
        return Stage(name: identity.name, path: path, result: result)
    }

    /// The stage of that identity: at once where it is finished, else by `body`, which works in (and may find its
    /// earlier work in) a folder that gets its name only when it returns. What is in `state/` there is of use until then.
    ///
    /// Where another process is at the same stage, that one makes it and this one waits.
    /// - Parameter log: gets a sentence for the user where there is something to wait for.
    /// - Throws: what `body` throws; `.interrupted` or `.terminated` after a signal while it waits.
    public func stage(
        _ identity: StageIdentity, log: @escaping (String) -> Void = { _ in },
        _ body: (_ folder: String) throws(Failure) -> JSON
    ) throws(Failure) -> Stage {
        if let stage = try finished(identity) { return stage }
        let partial = Files.join(folder, identity.name + ".partial")
        let lock = try claim(partial) { holder in
            log("another process\(holder) is at \(identity.name); waiting for it")
        }
        // That process may have finished it, or have ended before: then this one goes on.
        if let stage = try finished(identity) {
            try Files.remove(partial)  // made anew just now, if it is there
            return stage
        }
        try Files.removeUnfinished(in: partial)
        let record = Files.join(partial, "stage.json")
        let result: JSON
        // A process may have ended between the record and the name: then all the work is done, and on the disk.
        if let left = try? Files.readJSON(record), left["identity"]?.canonical == identity.json.canonical,
            let done = left["result"]
        {
            result = done
        } else {
            result = try body(partial)
            try Files.sync(partial)
            try Files.write(JSON.object(["identity": identity.json, "result": result]).pretty, to: record)
        }
        try Files.remove(Files.join(partial, "state"))
        try Files.publish(partial, as: Files.join(folder, identity.name))
        withExtendedLifetime(lock) {}
        return Stage(name: identity.name, path: Files.join(folder, identity.name), result: result)
    }

    /// Makes a stage's unfinished folder, or takes what a killed process left of it.
    private func claim(_ partial: String, waiting: @escaping (String) -> Void) throws(Failure) -> FileLock {
        while true {
            try Files.makeFolder(partial)
            do throws(Failure) { return try FileLock(folder: partial, waiting: waiting) } catch {
                // It may get its name between the two.
                if Files.exists(partial) { throw error }
            }
        }
    }

    /// Makes `run/name` a relative link to a stage (or to a file in it), replacing an older link.
    public func link(_ target: String, from run: String, as name: String) throws(Failure) {
        let path = Files.join(run, name)
        try Files.makeFolder(Files.folder(path))
        // By the store's name: what links lead to is the store beside the run, even where that is a link itself.
        let way = try Files.way(from: Files.folder(path), to: Files.folder(folder))
        let relative = Files.join(way, Files.join(Files.name(folder), target))
        let temporary = Files.unfinished(path)
        guard symlink(relative, temporary) == 0, rename(temporary, path) == 0 else { throw Files.fault("link", path) }
    }

    /// Removes those of `folder/name` that are links to stages, and the folders in `folder` that this leaves empty.
    public func removeLinks(_ names: [String], from folder: String) throws(Failure) {
        for name in names {
            let path = Files.join(folder, name)
            guard let target = Files.target(ofLink: path), Files.parts(target).contains(".stages") else {
                continue
            }
            // Another process may be at it.
            if unlink(path) != 0, errno != ENOENT { throw Files.fault("remove", path) }
            if name.contains("/") { rmdir(Files.folder(path)) }  // refuses where something is left
        }
    }
}
