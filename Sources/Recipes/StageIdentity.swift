import Base

/// What a stage's result depends on, and the name of its folder (law 2 of docs/architecture.md).
public struct StageIdentity: Sendable, Hashable {
    /// The kind of stage, such as `train`: lower-case letters, digits and underscores.
    public let kind: String
    /// Raised when the results of this kind of stage change for the same settings.
    public let format: Int
    /// The settings that affect the result.
    public let keys: JSON
    /// The identities of what goes in: names of earlier stages, digests of files and pools.
    public let inputs: [String]

    /// An identity. The order of `inputs` counts: first the labelled set, then the pool, is another stage than
    /// reversed.
    /// - Precondition: `kind` can be part of a folder's name.
    public init(kind: String, format: Int, keys: JSON, inputs: [String]) {
        let allowed = kind.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F }
        precondition(allowed && !kind.isEmpty, "a kind of stage cannot be called \"\(kind)\"")
        self.kind = kind
        self.format = format
        self.keys = keys
        self.inputs = inputs
    }

    /// The record that is hashed, and written beside the stage so that a name can be explained.
    public var json: JSON {
        ["kind": .string(kind), "format": .int(format), "keys": keys, "inputs": .array(inputs.map { .string($0) })]
    }

    /// `<kind>-<12 hexadecimal digits>`: the beginning of the SHA-256 of the canonical JSON.
    public var name: String { "\(kind)-\(Digest(of: json.canonical).hex(6))" }
}
