import Base
import CTorch

/// The library itself: versions, threads, error scopes. All of it is per process or per thread, as libtorch has it.
public enum Torch {
    /// The release that was found at run time, "2.11.0+cpu".
    public static var version: String { String(cString: pupil_torch_version()) }
    /// The release that Pupil is made and tested with.
    public static let pinnedVersion = "2.11.0"
    /// libtorch's own account of how it was built and which instruction set it uses.
    public static var buildInformation: String { String(cString: pupil_torch_build()) }
    /// Where `libtorch_cpu` was found.
    public static var folder: String { String(cString: pupil_torch_folder()) }
    /// The widest instruction set libtorch's own kernels use here: "AVX512", "AVX2" or "DEFAULT".
    public static var instructionSet: String { String(cString: pupil_cpu_capability()) }
    /// "available", or why CUDA is off.
    public static var cudaStatus: String { String(cString: pupil_cuda_status()) }
    /// How many CUDA devices can be used; 0 where CUDA is off.
    public static var cudaDeviceCount: Int { Int(pupil_cuda_device_count()) }

    /// Whether the processor has a feature, by libtorch's name for it: `avx512_bf16`, `amx_bf16`, ...
    public static func processorHas(_ feature: String) -> Bool { pupil_cpu_has(feature) }
    /// Whether bf16 arithmetic is native, so that it pays.
    public static var processorHasBF16: Bool { processorHas("avx512_bf16") || processorHas("amx_bf16") }

    /// Whether the machine shows AMX but hides the shape of its tiles, as some virtual ones do; oneDNN is then
    /// kept from it.
    public static var hidesAMXTiles: Bool { pupil_amx_is_hidden() }

    /// Threads of libtorch's operators on this thread's pool.
    public static var threads: Int {
        get { Int(pupil_get_threads()) }
        set {
            precondition(newValue > 0, "a thread count must be positive")
            _ = pupil_set_threads(Int32(newValue))
        }
    }

    /// How many threads really ran in one of our own parallel loops: `threads`, unless OpenMP is missing.
    public static var parallelWidth: Int { Int(pupil_parallel_width()) }

    /// Waits until the device has done all it was given.
    public static func synchronize(_ device: Device) {
        if pupil_synchronize(device.index) != 0 { Handle.fault("synchronize", []) }
    }

    // MARK: Errors as values

    /// Runs `body`; the first operator that fails inside becomes a Swift error once `body` has returned.
    ///
    /// After a fault the remaining operators of `body` work on placeholders, so `body` must not act on their values
    /// (write a file, say) before this returns. Outside such a scope a fault traps.
    ///
    /// - Throws: a `Failure`: `.device` for memory and devices, `.unexpected` for anything else.
    public static func catching<R>(_ body: () throws(Failure) -> R) throws(Failure) -> R {
        let outer = scope
        scope = ErrorScope()
        defer { scope = outer }
        let result: Result<R, Failure>
        do throws(Failure) { result = .success(try body()) } catch { result = .failure(error) }
        if let failure = scope?.failure { throw failure }
        return try result.get()
    }

    /// Whether an operator has failed in the current error scope, so that shapes and values mean nothing any more.
    public static var hasFailed: Bool { scope?.failure != nil }

    static func record(_ message: String, kind: Int32) -> Bool {
        guard scope != nil else { return false }
        if scope?.failure == nil {
            let isMemory = Int(kind) == PUPIL_ERROR_OUT_OF_MEMORY
            let isDevice = Int(kind) == PUPIL_ERROR_DEVICE
            scope?.failure = Failure(
                isMemory || isDevice ? .device : .unexpected, (isMemory ? "out of memory: " : "") + message)
        }
        return true
    }

    private struct ErrorScope { var failure: Failure? }
    // One thread owns model and optimiser (law 4); the others never open a scope.
    nonisolated(unsafe) private static var scope: ErrorScope?
}

/// Runs `body` without recording for gradients. The mode is the thread's, so the closure is synchronous.
public func withoutGradients<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
    let before = pupil_grad_mode()
    pupil_set_grad_mode(false)
    defer { pupil_set_grad_mode(before) }
    return try body()
}

/// Runs `body` with convolutions and matrix products in `dtype` (nil: nothing changes). Weights stay in fp32 and are
/// cast once a scope; losses leave it by `to(.float32)` (law 9).
public func withAutocast<R, E: Error>(_ dtype: DType?, on device: Device, _ body: () throws(E) -> R) throws(E) -> R {
    guard let dtype, dtype != .float32 else { return try body() }
    let outer = (on: pupil_autocast_enabled(device.index) != 0, dtype: pupil_autocast_dtype(device.index))
    if pupil_enter_autocast(device.index, dtype.rawValue) != 0 { Handle.fault("withAutocast", []) }
    defer { _ = pupil_leave_autocast(device.index, outer.on, outer.dtype) }
    return try body()
}
