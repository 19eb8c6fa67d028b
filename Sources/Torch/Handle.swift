import Base
import CTorch

/// How this room calls C: operands are held to the end of the call, faults are turned into traps or errors.
enum Handle {
    /// The handle, or what stands for it after a fault.
    static func made(_ name: String, _ handle: OpaquePointer?, _ operands: [Tensor]) -> OpaquePointer {
        if let handle { return handle }
        fault(name, operands)
        // Inside Torch.catching: a placeholder on which the following operators fail in turn, unheard.
        guard let placeholder = pupil_full(nil, 0, 0, DType.float32.rawValue, -1) else {
            fatalError("out of memory for a single number")
        }
        return placeholder
    }

    /// Runs a C function that returns 0 or -1.
    static func run(_ name: String, _ operands: [Tensor], _ body: ([OpaquePointer]) -> Int32) {
        withExtendedLifetime(operands) {
            if body(operands.map { $0.handle }) != 0 { fault(name, operands) }
        }
    }

    /// Calls `body` with the handles of a list, which lives to the end of the call.
    static func with<R>(_ list: [Tensor], _ body: ([OpaquePointer?]) -> R) -> R {
        withExtendedLifetime(list) { body(list.map { $0.handle }) }
    }

    static func fault(_ name: String, _ operands: [Tensor]) {
        let shapes = operands.map { "\($0.shape) \($0.dtype)" }.joined(separator: ", ")
        let message = "\(name)(\(shapes)): \(String(cString: pupil_error_message()))"
        let kind = pupil_error_kind()
        if Torch.record(message, kind: kind) { return }
        fatalError(message)
    }
}

@inline(__always)
func op(_ name: String, _ a: Tensor, _ body: (OpaquePointer) -> OpaquePointer?) -> Tensor {
    withExtendedLifetime(a) { Tensor(owning: body(a.handle) ?? Handle.made(name, nil, [a])) }
}

@inline(__always)
func op(_ name: String, _ a: Tensor, _ b: Tensor, _ body: (OpaquePointer, OpaquePointer) -> OpaquePointer?) -> Tensor {
    withExtendedLifetime((a, b)) { Tensor(owning: body(a.handle, b.handle) ?? Handle.made(name, nil, [a, b])) }
}

@inline(__always)
func op(
    _ name: String, _ a: Tensor, _ b: Tensor, _ c: Tensor,
    _ body: (OpaquePointer, OpaquePointer, OpaquePointer) -> OpaquePointer?
) -> Tensor {
    withExtendedLifetime((a, b, c)) {
        Tensor(owning: body(a.handle, b.handle, c.handle) ?? Handle.made(name, nil, [a, b, c]))
    }
}

func op(_ name: String, _ list: [Tensor], _ body: ([OpaquePointer?]) -> OpaquePointer?) -> Tensor {
    Handle.with(list) { Tensor(owning: body($0) ?? Handle.made(name, nil, list)) }
}
