import Base

/// The element types that the house uses; the raw value is the word of a safetensors file.
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
    /// Nil where the elements lie row-major one after the other. Otherwise, how many elements apart neighbours along
    /// each dimension are: PyTorch writes views (transposed, channels-last, expanded) as they lie.
    public let strides: [Int]?
    /// The bytes from the first element to the last (little-endian) as offsets into the file. Tensors that share
    /// memory, as tied weights do, have ranges that overlap.
    public let range: Range<Int>

    /// The number of elements: the product of the shape, 1 for a scalar.
    public var elementCount: Int { shape.reduce(1, *) }

    /// An entry as read or about to be written.
    /// - Precondition: `range` holds exactly the elements of `shape`, `strides` apart where there are any.
    public init(name: String, type: ElementType, shape: [Int], strides: [Int]? = nil, range: Range<Int>) {
        let needed =
            if let strides {
                span(of: shape, strides: strides).flatMap { byteCount(of: [$0], type: type) }
            } else {
                byteCount(of: shape, type: type)
            }
        precondition(byteCount(of: shape, type: type) != nil, "tensor \(name) of shape \(shape) cannot be counted")
        precondition(
            needed == range.count,
            "tensor \(name) of shape \(shape) and type \(type.rawValue) does not fill \(range.count) bytes")
        self.name = name
        self.type = type
        self.shape = shape
        self.strides = strides
        self.range = range
    }
}

/// The bytes a tensor takes row-major, or nil where a size is negative or the product does not fit into an `Int`.
func byteCount(of shape: [Int], type: ElementType) -> Int? {
    var bytes = type.byteCount
    // A size of 0 does not excuse sizes whose product cannot be counted.
    for size in shape {
        if size < 0 { return nil }
        let (product, overflow) = bytes.multipliedReportingOverflow(by: size)
        if overflow { return nil }
        bytes = product
    }
    return bytes
}

/// The elements from the first of a view to its last, or nil where a stride is negative or they cannot be counted.
func span(of shape: [Int], strides: [Int]) -> Int? {
    guard shape.count == strides.count, strides.allSatisfy({ $0 >= 0 }), shape.allSatisfy({ $0 >= 0 }) else {
        return nil
    }
    if shape.contains(0) { return 0 }
    var last = 0
    for (size, stride) in zip(shape, strides) {
        let (distance, tooFar) = stride.multipliedReportingOverflow(by: size - 1)
        let (sum, overflow) = last.addingReportingOverflow(distance)
        if tooFar || overflow { return nil }
        last = sum
    }
    return last == .max ? nil : last + 1
}

/// Whether a view of that shape is row-major; strides along sizes of 1 say nothing.
func isRowMajor(_ shape: [Int], strides: [Int]) -> Bool {
    var expected = 1
    for (size, stride) in zip(shape, strides).reversed() where size != 1 {
        if stride != expected { return false }
        expected *= size
    }
    return true
}
