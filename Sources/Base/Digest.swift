import CBase

/// A SHA-256 digest. Files, stages and splits are named by it.
public struct Digest: Hashable, Sendable, CustomStringConvertible {
    /// 32 bytes, the most significant first.
    public let bytes: [UInt8]

    /// 64 lower-case hexadecimal digits.
    public var description: String { hex(32) }

    /// The first `count` bytes as hexadecimal digits; a stage's name takes 6 (12 digits).
    public func hex(_ count: Int) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: bytes.prefix(count).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// The digest of a string's UTF-8.
    public init(of text: String) {
        var hasher = Hasher256()
        var text = text
        text.withUTF8 { hasher.update(UnsafeRawBufferPointer($0)) }
        self = hasher.finish()
    }

    /// The digest of bytes.
    public init(of bytes: [UInt8]) {
        var hasher = Hasher256()
        bytes.withUnsafeBytes { hasher.update($0) }
        self = hasher.finish()
    }

    init(bytes: [UInt8]) { self.bytes = bytes }
}

/// SHA-256 over pieces, for what does not fit into memory at once.
public struct Hasher256 {
    private var state: OpaquePointer?

    /// The hasher of an empty message.
    public init() {
        guard let state = pupil_sha256_new() else { fatalError("libcrypto gives no SHA-256") }
        self.state = state
    }

    /// Appends `bytes` to the message.
    /// - Precondition: `finish` was not called.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let state else { preconditionFailure("Hasher256 was used after finish()") }
        pupil_sha256_update(state, bytes.baseAddress, bytes.count)
    }

    /// The digest of all that was appended; it ends the hasher.
    /// - Precondition: called once.
    public mutating func finish() -> Digest {
        guard let state else { preconditionFailure("Hasher256.finish() was called twice") }
        var digest = [UInt8](repeating: 0, count: 32)
        pupil_sha256_finish(state, &digest)
        self.state = nil
        return Digest(bytes: digest)
    }
}
