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

    /// The store of a run folder: `.stages` beside it.
    public init(besideRun run: String) {
        var run = run
        while run.count > 1, run.hasSuffix("/") { run.removeLast() }
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
    /// - Throws: what `body` throws; a `Failure` where another process is at the same stage.
    public func stage(
        _ identity: StageIdentity, _ body: (_ folder: String) throws(Failure) -> JSON
    ) throws(Failure) -> Stage {
        if let stage = try finished(identity) { return stage }
        let partial = Files.join(folder, identity.name + ".partial")
        try Files.makeFolder(partial)
        let lock = try FileLock(folder: partial)
        // Another process may have finished it while we waited for nothing.
        if let stage = try finished(identity) { return stage }
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

    /// Makes `run/name` a relative link to a stage (or to a file in it), replacing an older link.
    public func link(_ target: String, from run: String, as name: String) throws(Failure) {
        let path = Files.join(run, name)
        try Files.makeFolder(Files.folder(path))
        let depth = name.split(separator: "/").count  // from the link's folder up to the run's parent
        let relative = String(repeating: "../", count: depth) + ".stages/" + target
        let temporary = path + ".link"
        unlink(temporary)
        guard symlink(relative, temporary) == 0, rename(temporary, path) == 0 else { throw Files.fault("link", path) }
    }
}
