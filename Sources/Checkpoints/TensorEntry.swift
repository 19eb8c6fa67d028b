import Base

/// The element types of a safetensors file that the house uses; the raw value is the file's own word.
public enum ElementType: String, CaseIterable, Sendable, Hashable {
    case f64 = "F64"
    case f32 = "F32"
    case f16 = "F16"
    case bf16 = "BF16"
    case i64 = "I64"
    case i32 = "I32"
    case i16 = "I16"
    case i8 = "I8"
    case u8 = "U8"
    case bool = "BOOL"

    /// Bytes an element takes.
    public var byteCount: Int {
        switch self {
        case .f64, .i64: 8
        case .f32, .i32: 4
        case .f16, .bf16, .i16: 2
        case .i8, .u8, .bool: 1
        }
    }
}

/// Where a tensor lies in a file: its name, element type, shape and bytes; not its values.
public struct TensorEntry: Sendable, Hashable {
    /// The name in the state dictionary, such as `layer1.0.conv1.weight`.
    public let name: String
    /// The type of one element.
    public let type: ElementType
    /// The sizes, outermost first; empty for a scalar.
    public let shape: [Int]
    /// The tensor's bytes (row-major, little-endian) as offsets into the file.
    public let range: Range<Int>

    /// The number of elements: the product of the shape, 1 for a scalar.
    public var elementCount: Int { range.count / type.byteCount }

    /// An entry as read or about to be written.
    /// - Precondition: `range` holds exactly the elements of `shape`.
    public init(name: String, type: ElementType, shape: [Int], range: Range<Int>) {
        precondition(
            byteCount(of: shape, type: type) == range.count,
            "tensor \(name) of shape \(shape) and type \(type.rawValue) does not fill \(range.count) bytes")
        self.name = name
        self.type = type
        self.shape = shape
        self.range = range
    }
}

/// The bytes a tensor takes, or nil where a size is negative or the product does not fit into an `Int`.
func byteCount(of shape: [Int], type: ElementType) -> Int? {
    var bytes = type.byteCount
    for size in shape {
        if size < 0 { return nil }
        let (product, overflow) = bytes.multipliedReportingOverflow(by: size)
        if overflow { return nil }
        bytes = product
    }
    return bytes
}
