import Base
import Glibc
import Journal
import Recipes
import Torch

/// The folder of one run: what was asked for, on which machine, what was said; results are links to stages.
final class RunFolder {
    let path: String
    let log: RunLog
    private let lock: FileLock
    private let began = ContinuousClock.now

    /// Opens a new or an earlier run's folder and writes `args.yaml` and `env.json`.
    ///
    /// - Throws: a `Failure` with `.usage` that names the keys in which the folder's earlier run differs.
    init(_ settings: Settings) throws(Failure) {
        path = settings.string("out")
        lock = try Self.claim(settings)
        let said = Console.standardError.lines
        log = try RunLog(path: Files.join(path, "train.log"))
        try Files.write(Self.environment(settings).pretty, to: Files.join(path, "env.json"))
        log(
            "pupil \(settings.schema.verb)\n" + settings.yaml.split(separator: "\n").dropFirst().joined(separator: "\n")
        )
        for line in said { log.keep(line) }
    }

    /// Makes the folder where there is none, and leaves in it, as `args.yaml`, by which settings it was made.
    /// - Returns: its lock, to be held for as long as something is written.
    /// - Throws: as `init`.
    static func claim(_ settings: Settings) throws(Failure) -> FileLock {
        let path = settings.string("out")
        try requireFit(settings)
        try Files.makeFolder(path)
        let lock = try FileLock(folder: path)
        // Another process may have come first.
        try requireFit(settings)
        try Files.removeUnfinished(in: path)
        try Files.write(settings.yaml, to: Files.join(path, "args.yaml"))
        return lock
    }

    /// Whether the run was begun before, with these settings.
    /// - Throws: as `init`; nothing is written.
    @discardableResult static func requireFit(_ settings: Settings) throws(Failure) -> Bool {
        let path = settings.string("out")
        try OutputFile.requireOutsideStages(path, key: "out")
        if Files.exists(path), !Files.isFolder(path) { throw .usage("out: \(path) is a file; name a folder") }
        let argsPath = Files.join(path, "args.yaml")
        if Files.exists(argsPath) {
            let earlier: Settings
            do throws(Failure) { earlier = try settings.schema.parse(["--recipe", argsPath]) } catch {
                throw .usage("\(path) holds another kind of run (\(error)); choose another --out")
            }
            let differences = Settings.differences(earlier, settings)
            if !differences.isEmpty {
                throw .usage(
                    "\(path) holds a run with other settings; choose another --out or these:\n  "
                        + differences.map(\.description).joined(separator: "\n  "))
            }
            return true
        }
        let isOurs = { (name: String) in
            name.hasPrefix("args.yaml.") && Files.isUnfinished(name)
        }
        if Files.exists(path), try !Files.list(path).allSatisfy(isOurs) {
            throw .usage("\(path) has files in it and is no run of ours; choose another --out")
        }
        return false
    }

    /// Says how long this took, from the folder's opening on: trainings, evaluations and all between them.
    func logTime() {
        let seconds = (ContinuousClock.now - began) / .seconds(1)
        log("all of it took \(TextTable.duration(seconds)) now; what was done before is not counted")
    }

    func file(_ name: String) -> String { Files.join(path, name) }

    private static func environment(_ settings: Settings) -> JSON {
        [
            "pupil": .string(Pupil.version), "libtorch": .string(Torch.version),
            "instruction_set": .string(Torch.instructionSet), "threads": .int(Torch.threads),
            "processors": .int(availableProcessors()), "bf16": .bool(Torch.processorHasBF16),
            "cuda": .string(Torch.cudaStatus), "device": .string(settings.string("device")),
            "gomp_spincount": .string(getenv("GOMP_SPINCOUNT").map { String(cString: $0) } ?? ""),
            "time": .number(wallSeconds().rounded()),
        ]
    }
}
