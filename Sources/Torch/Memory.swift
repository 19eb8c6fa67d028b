import Base
import CTorch

extension Torch {
    /// Bytes in use and at most in use on a CUDA device.
    public static func memory(of device: Device) -> (allocated: Int, peak: Int)? {
        var allocated: Int64 = 0
        var peak: Int64 = 0
        guard device != .cpu, pupil_cuda_memory(device.index, &allocated, &peak) == 0 else { return nil }
        return (Int(allocated), Int(peak))
    }

    /// Bytes that could still be allocated on a device; nil where nobody says.
    public static func availableMemory(on device: Device) -> Int? {
        if device == .cpu {
            // What is only kept for the next tensor is free, too.
            pupil_release_kept_memory()
            return Base.availableMemory()
        }
        var bytes: Int64 = 0
        return pupil_cuda_free_memory(device.index, &bytes) == 0 ? Int(bytes) : nil
    }

    /// The most bytes that operators held at one time while `body` ran on this thread, over what there was before. The
    /// scratch memory of convolution libraries is not in it.
    public static func peakBytes(_ body: () -> Void) -> Int {
        withoutActuallyEscaping(body) { body in
            final class Box {
                let body: () -> Void
                init(_ body: @escaping () -> Void) { self.body = body }
            }
            let box = Box(body)
            var peak: Int64 = 0
            let status = withExtendedLifetime(box) {
                pupil_peak_bytes(
                    { context in
                        guard let context else { return }
                        Unmanaged<Box>.fromOpaque(context).takeUnretainedValue().body()
                    }, Unmanaged.passUnretained(box).toOpaque(), &peak)
            }
            if status != 0 { Handle.fault("peakBytes", []) }
            return Int(peak)
        }
    }
}
