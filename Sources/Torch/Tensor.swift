import Base
import CTorch

/// An array on a device, with libtorch's semantics: operators make new tensors, views share memory, and what is
/// computed from a tensor that requires a gradient can be differentiated.
///
/// Not `Sendable`: a tensor belongs to the thread that owns the model. A wrong shape traps with the operator and the
/// shapes; only `Torch.catching` turns such errors (out of memory above all) into Swift errors.
///
/// The C handle never leaves this room. Reading it off a temporary and passing it to C crashes, since ARC may destroy
/// the temporary in between; so every call goes through `op` or `Handle`, which hold their operands to the end.
public final class Tensor {
    let handle: OpaquePointer

    init(owning handle: OpaquePointer) { self.handle = handle }

    deinit { pupil_free(handle) }

    // MARK: Making

    /// A tensor with the given elements, row-major.
    ///
    /// - Precondition: `values.count` is the product of `shape`.
    public convenience init<T: TensorElement>(_ values: [T], shape: [Int]? = nil, device: Device = .cpu) {
        let shape = shape ?? [values.count]
        precondition(
            shape.reduce(1, *) == values.count, "Tensor: \(values.count) values do not fill the shape \(shape)")
        let handle = values.withUnsafeBytes { bytes in
            pupil_from_bytes(bytes.baseAddress, shape.map(Int64.init), Int32(shape.count), T.dtype.rawValue)
        }
        let host = Handle.made("Tensor", handle, [])
        if device == .cpu {
            self.init(owning: host)
        } else {
            let moved = pupil_to(host, T.dtype.rawValue, device.index, false)
            pupil_free(host)
            self.init(owning: Handle.made("Tensor", moved, []))
        }
    }

    /// A tensor of one value.
    public static func full(_ shape: [Int], _ value: Double, _ dtype: DType = .float32, device: Device = .cpu) -> Tensor
    {
        Tensor(
            owning: Handle.made(
                "full", pupil_full(shape.map(Int64.init), Int32(shape.count), value, dtype.rawValue, device.index), []))
    }

    /// A tensor of zeros.
    public static func zeros(_ shape: [Int], _ dtype: DType = .float32, device: Device = .cpu) -> Tensor {
        full(shape, 0, dtype, device: device)
    }

    /// A tensor of ones.
    public static func ones(_ shape: [Int], _ dtype: DType = .float32, device: Device = .cpu) -> Tensor {
        full(shape, 1, dtype, device: device)
    }

    /// A tensor of no particular values. `channelsLast` stores `[N, C, H, W]` with the channels of a pixel together;
    /// `pinned` host memory can be copied to a CUDA device while it computes.
    public static func empty(
        _ shape: [Int], _ dtype: DType = .float32, device: Device = .cpu, channelsLast: Bool = false,
        pinned: Bool = false
    ) -> Tensor {
        Tensor(
            owning: Handle.made(
                "empty",
                pupil_empty(
                    shape.map(Int64.init), Int32(shape.count), dtype.rawValue, device.index, channelsLast, pinned), []))
    }

    /// 0, 1, ..., count - 1.
    public static func arange(_ count: Int, _ dtype: DType = .int64, device: Device = .cpu) -> Tensor {
        Tensor(owning: Handle.made("arange", pupil_arange(Int64(count), dtype.rawValue, device.index), []))
    }

    // MARK: What it is

    /// The sizes of all dimensions, `[]` for a single number.
    public var shape: [Int] {
        withExtendedLifetime(self) { (0..<pupil_dims(handle)).map { Int(pupil_size(handle, $0)) } }
    }

    /// The size of one dimension; a negative one counts from the last.
    public func size(_ dim: Int) -> Int {
        withExtendedLifetime(self) {
            let dims = Int(pupil_dims(handle))
            let d = dim < 0 ? dim + dims : dim
            if Torch.hasFailed, d < 0 || d >= dims { return 1 }  // a placeholder after an error; see Torch.catching
            precondition(d >= 0 && d < dims, "size(\(dim)) of a tensor with \(dims) dimensions")
            return Int(pupil_size(handle, Int32(d)))
        }
    }

    /// The number of dimensions.
    public var rank: Int { withExtendedLifetime(self) { Int(pupil_dims(handle)) } }
    /// The number of elements.
    public var count: Int { withExtendedLifetime(self) { Int(pupil_count(handle)) } }
    /// The element type.
    public var dtype: DType {
        withExtendedLifetime(self) {
            guard let dtype = DType(rawValue: pupil_dtype(handle)) else {
                preconditionFailure("a tensor of an element type this house does not use")
            }
            return dtype
        }
    }
    /// Where the elements lie.
    public var device: Device { withExtendedLifetime(self) { Device(index: pupil_device(handle)) } }
    /// Whether `[N, C, H, W]` lies in memory with the channels of a pixel together.
    public var isChannelsLast: Bool { withExtendedLifetime(self) { pupil_is_channels_last(handle) } }

    // MARK: Reading and writing elements

    /// The one element as a number; waits for the device.
    public var item: Double {
        var value = 0.0
        Handle.run("item", [self]) { pupil_item($0[0], &value) }
        return value
    }

    /// All elements, row-major; waits for the device.
    ///
    /// - Precondition: `T` is the tensor's element type.
    public func array<T: TensorElement>(of type: T.Type = T.self) -> [T] {
        precondition(dtype == T.dtype, "array: a tensor of \(dtype) cannot be read as \(T.dtype)")
        let count = self.count
        return [T](unsafeUninitializedCapacity: count) { buffer, initialized in
            if let base = buffer.baseAddress, count > 0 {
                Handle.run("array", [self]) { pupil_copy_out($0[0], base, Int64(count * MemoryLayout<T>.stride)) }
            }
            initialized = count
        }
    }

    /// The elements as floats, whatever the type.
    public var floats: [Float] { (dtype == .float32 ? self : to(.float32)).array() }

    /// Calls `body` with the elements in memory order; for processor tensors.
    ///
    /// - Precondition: on the processor, of element type `T`, dense (contiguous or channels-last).
    public func withMutableElements<T: TensorElement, R>(
        of type: T.Type, _ body: (UnsafeMutableBufferPointer<T>) -> R
    ) -> R {
        withExtendedLifetime(self) {
            precondition(dtype == T.dtype, "a tensor of \(dtype) has no elements of \(T.dtype)")
            guard let data = pupil_data(handle) else {
                preconditionFailure("the elements are not in the processor's memory")
            }
            return body(UnsafeMutableBufferPointer(start: data.assumingMemoryBound(to: T.self), count: count))
        }
    }

    /// The bytes of all elements, row-major.
    public func bytes() -> [UInt8] {
        let length = count * dtype.byteCount
        return [UInt8](unsafeUninitializedCapacity: length) { buffer, initialized in
            if let base = buffer.baseAddress, length > 0 {
                Handle.run("bytes", [self]) { pupil_copy_out($0[0], base, Int64(length)) }
            }
            initialized = length
        }
    }

    /// Replaces all elements by bytes in this tensor's own element type, row-major.
    public func load(bytes: UnsafeRawBufferPointer) {
        if let base = bytes.baseAddress, bytes.count > 0 {
            Handle.run("load", [self]) { pupil_copy_in($0[0], base, Int64(bytes.count)) }
        }
    }

    // MARK: Types, places, copies

    /// The elements in another type; memory is shared where the tensor has that type already.
    public func to(_ dtype: DType) -> Tensor {
        op("to", self) { pupil_to($0, dtype.rawValue, pupil_device($0), false) }
    }

    /// On another device. `nonBlocking` from pinned memory returns before the copy is done.
    public func to(_ device: Device, nonBlocking: Bool = false) -> Tensor {
        op("to", self) { pupil_to($0, pupil_dtype($0), device.index, nonBlocking) }
    }

    /// The same elements, row-major in memory, which is shared where it is so already.
    public func contiguous() -> Tensor { op("contiguous", self) { pupil_contiguous($0, false) } }
    /// The same `[N, C, H, W]` with the channels of a pixel together in memory, which is shared where it is so already.
    public func channelsLast() -> Tensor { op("channelsLast", self) { pupil_contiguous($0, true) } }
    /// A copy with memory of its own, still part of the graph of gradients.
    public func clone() -> Tensor { op("clone", self) { pupil_clone($0) } }
    /// The same elements, cut off from the graph of gradients.
    public func detached() -> Tensor { op("detached", self) { pupil_detach($0) } }
}

extension Tensor: CustomStringConvertible {
    /// Shape, element type and device; not the elements, which may be millions and on a device.
    public var description: String { "Tensor(\(shape), \(dtype), \(device))" }
}
