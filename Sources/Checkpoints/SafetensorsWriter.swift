import Base

/// A tensor to be written: its description and a way to reach its bytes when their turn comes.
public struct TensorSource {
    /// The name in the state dictionary.
    public let name: String
    /// The type of one element.
    public let type: ElementType
    /// The sizes, outermost first.
    public let shape: [Int]
    /// Calls its argument once with the tensor's bytes, row-major and little-endian.
    public let withBytes: (_ body: (UnsafeRawBufferPointer) -> Void) -> Void

    /// A tensor whose bytes are fetched by `withBytes` at the time of writing, one tensor after the other, so that
    /// tensors of another device need not lie in memory all at once.
    public init(
        name: String, type: ElementType, shape: [Int],
        withBytes: @escaping (_ body: (UnsafeRawBufferPointer) -> Void) -> Void
    ) {
        self.name = name
        self.type = type
        self.shape = shape
        self.withBytes = withBytes
    }

    /// A tensor of bytes at hand.
    public init(name: String, type: ElementType, shape: [Int], bytes: [UInt8]) {
        self.init(name: name, type: type, shape: shape) { body in bytes.withUnsafeBytes { body($0) } }
    }
}

/// Writes safetensors files: whole or not at all, and the same bytes for the same input.
public enum SafetensorsWriter {
    /// Writes a file through a temporary one, `fsync` and an atomic rename.
    ///
    /// Tensors of wider elements come first, and those of one width in the order given, so that each is aligned to
    /// its element (the Python package refuses to view others). The header begins with the metadata, its keys sorted,
    /// and is filled up with spaces to a multiple of 8.
    /// - Precondition: names are distinct, not `__metadata__`, and each source gives as many bytes as its shape takes.
    /// - Throws: where the file cannot be written.
    public static func write(
        to path: String, metadata: [String: String] = [:], tensors: [TensorSource]
    ) throws(Failure) {
        let ordered = [8, 4, 2, 1].flatMap { width in tensors.filter { $0.type.byteCount == width } }
        let header = self.header(metadata: metadata, tensors: ordered)
        try Files.writeAtomically(to: path) { descriptor throws(Failure) in
            try writeAll(header, to: descriptor, path: path)
            for tensor in ordered {
                let expected = byteCount(of: tensor.shape, type: tensor.type)
                var outcome: Result<Void, Failure>?
                tensor.withBytes { bytes in
                    precondition(outcome == nil, "tensor \(tensor.name) gave its bytes twice")
                    precondition(
                        bytes.count == expected,
                        "tensor \(tensor.name) gave \(bytes.count) bytes; shape \(tensor.shape) of "
                            + "\(tensor.type.rawValue) takes \(expected ?? 0)")
                    outcome = Result { () throws(Failure) in
                        try Files.writeAll(bytes, to: descriptor, path: path)
                    }
                }
                guard let outcome else { preconditionFailure("tensor \(tensor.name) gave no bytes") }
                try outcome.get()
            }
        }
    }

    /// The length and the padded JSON, in the spelling of the Python package: no spaces, members in a fixed order.
    static func header(metadata: [String: String], tensors: [TensorSource]) -> [UInt8] {
        var members: [String] = []
        if !metadata.isEmpty {
            members.append("\"__metadata__\":" + JSON.object(metadata.mapValues { .string($0) }).canonical)
        }
        var names: Set<String> = ["__metadata__"]
        var at = 0
        for tensor in tensors {
            precondition(names.insert(tensor.name).inserted, "two tensors to write are named \(tensor.name)")
            guard let count = byteCount(of: tensor.shape, type: tensor.type) else {
                preconditionFailure("tensor \(tensor.name) has an impossible shape: \(tensor.shape)")
            }
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            members.append(
                JSON.string(tensor.name).canonical
                    + ":{\"dtype\":\"\(tensor.type.rawValue)\",\"shape\":[\(shape)],\"data_offsets\":[\(at),\(at + count)]}"
            )
            at += count
        }
        var text = Array(("{" + members.joined(separator: ",") + "}").utf8)
        while text.count % 8 != 0 { text.append(UInt8(ascii: " ")) }
        precondition(
            text.count <= SafetensorsHeader.longest, "a header of \(text.count) bytes is too long to read back")
        return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text
    }

    private static func writeAll(_ bytes: [UInt8], to descriptor: Int32, path: String) throws(Failure) {
        var outcome: Result<Void, Failure> = .success(())
        bytes.withUnsafeBytes { buffer in
            outcome = Result { () throws(Failure) in try Files.writeAll(buffer, to: descriptor, path: path) }
        }
        try outcome.get()
    }
}
