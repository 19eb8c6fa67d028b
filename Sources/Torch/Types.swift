import Base
import CTorch
import Checkpoints

/// The element type of a tensor.
public enum DType: Int32, Sendable, CaseIterable {
    /// 32-bit floating point: weights, losses, box arithmetic.
    case float32 = 0
    /// 64-bit floating point.
    case float64
    /// IEEE's 16-bit floating point.
    case float16
    /// The upper half of a float32: its range with 8 bits of precision.
    case bfloat16
    /// 64-bit integers: indices, as libtorch wants them.
    case int64
    /// 32-bit integers: the labels of anchors.
    case int32
    /// 16-bit integers.
    case int16
    /// 8-bit integers.
    case int8
    /// Bytes: pixels.
    case uint8
    /// Truth values, a byte each: masks.
    case bool

    /// Bytes an element takes.
    public var byteCount: Int {
        switch self {
        case .float64, .int64: 8
        case .float32, .int32: 4
        case .float16, .bfloat16, .int16: 2
        case .int8, .uint8, .bool: 1
        }
    }

    /// True for the four types that a gradient can have.
    public var isFloatingPoint: Bool { rawValue <= DType.bfloat16.rawValue }
}

/// A Swift type whose values a tensor can be made from and read into.
public protocol TensorElement: BitwiseCopyable, Sendable {
    /// The element type whose memory layout is this type's.
    static var dtype: DType { get }
    /// What fills memory before it is read into.
    static var zero: Self { get }
}

/// `float32`.
extension Float: TensorElement {
    /// 4 bytes an element.
    public static var dtype: DType { .float32 }
}
/// `float64`.
extension Double: TensorElement {
    /// 8 bytes an element.
    public static var dtype: DType { .float64 }
}
/// `int64`.
extension Int64: TensorElement {
    /// 8 bytes an element.
    public static var dtype: DType { .int64 }
}
/// `int32`.
extension Int32: TensorElement {
    /// 4 bytes an element.
    public static var dtype: DType { .int32 }
}
/// `uint8`.
extension UInt8: TensorElement {
    /// A byte an element.
    public static var dtype: DType { .uint8 }
}
/// `bool`.
extension Bool: TensorElement {
    /// A byte an element, 0 or 1.
    public static var dtype: DType { .bool }
    /// False.
    public static var zero: Bool { false }
}

/// Where a tensor lives and is computed.
public enum Device: Hashable, Sendable, CustomStringConvertible {
    /// The processor and its memory.
    case cpu
    /// A CUDA device, counted from 0.
    case cuda(Int)
    /// Nowhere: tensors have shapes and no elements. For counting what a model needs.
    case meta

    var index: Int32 {
        switch self {
        case .cpu: -1
        case .cuda(let i): Int32(i)
        case .meta: -2
        }
    }

    init(index: Int32) { self = index == -2 ? .meta : index < 0 ? .cpu : .cuda(Int(index)) }

    /// The name `named` takes: `cpu`, `cuda:0`.
    public var description: String {
        switch self {
        case .cpu: "cpu"
        case .cuda(let i): "cuda:\(i)"
        case .meta: "meta"
        }
    }

    /// The device a user named: `cpu`, `cuda`, `cuda:1`, or `auto` (the first CUDA device, else the processor).
    ///
    /// - Throws: a `Failure` with `.usage` for another word; with `.environment` where CUDA is asked for and absent,
    ///   with the reason.
    public static func named(_ name: String) throws(Failure) -> Device {
        let count = Int(pupil_cuda_device_count())
        if name == "cpu" { return .cpu }
        if name == "auto" { return count > 0 ? .cuda(0) : .cpu }
        var index: Int? = name == "cuda" ? 0 : nil
        if name.hasPrefix("cuda:") { index = Int(name.dropFirst(5)) }
        guard let index, index >= 0 else {
            throw .usage("device: \(name) is not a device; expected auto, cpu, cuda or cuda:N")
        }
        guard count > 0 else {
            throw .environment("device \(name): CUDA is off: \(String(cString: pupil_cuda_status()))")
        }
        guard index < count else { throw .environment("device \(name): this machine has \(count) CUDA device(s)") }
        return .cuda(index)
    }
}
