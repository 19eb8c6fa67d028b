import Base
import CTorch
import Checkpoints

/// The element type of a tensor.
public enum DType: Int32, Sendable, CaseIterable {
    case float32 = 0
    case float64
    case float16
    case bfloat16
    case int64
    case int32
    case int16
    case int8
    case uint8
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

    public var isFloatingPoint: Bool { rawValue <= DType.bfloat16.rawValue }
}

/// A Swift type whose values a tensor can be made from and read into.
public protocol TensorElement: BitwiseCopyable, Sendable {
    static var dtype: DType { get }
    static var zero: Self { get }
}

extension Float: TensorElement { public static var dtype: DType { .float32 } }
extension Double: TensorElement { public static var dtype: DType { .float64 } }
extension Int64: TensorElement { public static var dtype: DType { .int64 } }
extension Int32: TensorElement { public static var dtype: DType { .int32 } }
extension UInt8: TensorElement { public static var dtype: DType { .uint8 } }
extension Bool: TensorElement {
    public static var dtype: DType { .bool }
    public static var zero: Bool { false }
}

/// Where a tensor lives and is computed.
public enum Device: Hashable, Sendable, CustomStringConvertible {
    case cpu
    case cuda(Int)

    var index: Int32 {
        switch self {
        case .cpu: -1
        case .cuda(let i): Int32(i)
        }
    }

    init(index: Int32) { self = index < 0 ? .cpu : .cuda(Int(index)) }

    public var description: String {
        switch self {
        case .cpu: "cpu"
        case .cuda(let i): "cuda:\(i)"
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
        guard count > 0 else { throw .environment("device \(name): CUDA is off: \(String(cString: pupil_cuda_status()))") }
        guard index < count else { throw .environment("device \(name): this machine has \(count) CUDA device(s)") }
        return .cuda(index)
    }
}
