import Annotations
import Base

/// The pictures of a piece of work with which something is wrong: those that were refused, and those that are damaged
/// and were used all the same. No file is touched for being in it.
public struct Quarantine: Sendable, Equatable {
    /// A picture and what is wrong with it.
    public struct Entry: Sendable, Equatable {
        /// The file.
        public var path: String
        /// Why it was refused, or in what it is damaged.
        public var reason: String
    }

    private var refusals: [String: String] = [:]
    private var damages: [String: String] = [:]

    /// Nothing wrong so far.
    public init() {}

    /// What `json` wrote; empty where there is nothing of the kind.
    public init(_ json: JSON?) {
        func read(_ key: String) -> [String: String] {
            let entries = (json?[key]?.array ?? []).compactMap { entry -> (String, String)? in
                guard let path = entry["path"]?.string, let reason = entry["reason"]?.string else { return nil }
                return (path, reason)
            }
            return Dictionary(entries) { first, _ in first }
        }
        refusals = read("refused")
        damages = read("damaged")
    }

    /// Refused pictures in the order of their paths.
    public var refused: [Entry] { Self.sorted(refusals) }
    /// Damaged pictures that were used, in the order of their paths.
    public var damaged: [Entry] { Self.sorted(damages) }
    /// Whether there is nothing to say.
    public var isEmpty: Bool { refusals.isEmpty && damages.isEmpty }

    private static func sorted(_ entries: [String: String]) -> [Entry] {
        entries.map { Entry(path: $0.key, reason: $0.value) }.sorted { $0.path < $1.path }
    }

    /// What a picture is refused for, by the failure of reading it or its mask: what the bytes are, that nobody may read
    /// them, that there were none when its folder was listed.
    ///
    /// Anything else is not the picture's (a disk that does not answer, a folder that is not mounted any more, no descriptor
    /// left) and may be over the next time; work that went on without the picture would be kept all the same.
    /// - Throws: `.environment` for such a failure.
    public static func reason(
        _ failure: Failure, of example: Example, in dataset: Dataset
    ) throws(Failure) -> String {
        let paths = [dataset.path(of: example)] + (example.mask.map { [$0.path] } ?? [])
        if example.isUnreachable || paths.contains(where: Files.isUnreadable) { return failure.message }
        for path in paths where Files.isMissing(path) {
            throw .environment(
                "\(path) was there when its folder was listed and has gone; what reads it ends here, since it would be kept "
                    + "as done without it")
        }
        guard failure.code == .invalidData else { throw failure }
        return failure.message
    }

    /// Adds a picture that was not used. The first reason stays.
    public mutating func refuse(_ path: String, _ reason: String) {
        if refusals[path] == nil { refusals[path] = reason }
    }

    /// Adds a damaged picture that was used.
    public mutating func note(_ path: String, _ notes: [String]) {
        if !notes.isEmpty, damages[path] == nil { damages[path] = notes.joined(separator: "; ") }
    }

    /// Adds those of other work.
    public mutating func add(_ other: Quarantine) {
        refusals.merge(other.refusals) { first, _ in first }
        damages.merge(other.damages) { first, _ in first }
    }

    /// `{"refused": [{"path", "reason"}], "damaged": [{"path", "reason"}]}`, each in the order of paths.
    public var json: JSON {
        func list(_ entries: [Entry]) -> JSON {
            .array(entries.map { ["path": .string($0.path), "reason": .string($0.reason)] })
        }
        return ["refused": list(refused), "damaged": list(damaged)]
    }

    /// Lines for the log: how many, and each with its reason.
    ///
    /// - Parameters:
    ///   - fate: what becomes of refused pictures, such as "others took their places".
    ///   - limit: pictures of a kind that are named.
    public func lines(fate: String, limit: Int = 20) -> [String] {
        func list(_ entries: [Entry], _ what: String) -> [String] {
            if entries.isEmpty { return [] }
            let more = entries.count > limit ? ["  and \(entries.count - limit) more"] : []
            // A reason names its file as a rule, since it was an error's message.
            let named = entries.prefix(limit).map { entry in
                entry.reason.contains(entry.path) ? "  \(entry.reason)" : "  \(entry.path): \(entry.reason)"
            }
            return ["\(entries.count) picture(s) \(what):"] + named + more
        }
        return list(refused, "refused; \(fate)") + list(damaged, "damaged, used with all rows there")
    }
}
