import Base
import Checkpoints

/// Tensors by name in a safetensors file: what `Checkpoints` describes, as tensors.
public enum TensorFile {
    /// Writes the tensors in the given order, whole or not at all; the same tensors give the same bytes.
    ///
    /// - Throws: a `Failure` where the file cannot be written (full disk, no permission); an older file stays as it
    ///   was.
    public static func write(
        _ tensors: [(name: String, tensor: Tensor)], metadata: [String: String], to path: String
    ) throws(Failure) {
        let sources = tensors.map { entry in
            TensorSource(name: entry.name, type: elementType(entry.tensor.dtype), shape: entry.tensor.shape) { body in
                entry.tensor.bytes().withUnsafeBytes(body)
            }
        }
        try SafetensorsWriter.write(to: path, metadata: metadata, tensors: sources)
    }

    /// Fills tensors that exist already from the entries of the same names.
    ///
    /// - Throws: a `Failure` with `.invalidData` that names the entry where one is missing or has another shape or
    ///   type.
    public static func load(_ tensors: [(name: String, tensor: Tensor)], from file: SafetensorsFile) throws(Failure) {
        for (name, tensor) in tensors {
            let entry = try file.entry(name)
            guard entry.shape == tensor.shape else {
                throw .data("\(file.path): \(name) has the shape \(entry.shape); this model needs \(tensor.shape)")
            }
            guard entry.type == elementType(tensor.dtype) else {
                throw .data(
                    "\(file.path): \(name) holds \(entry.type.rawValue); this model needs \(elementType(tensor.dtype).rawValue)"
                )
            }
            withoutGradients { file.withBytes(of: entry) { tensor.load(bytes: $0) } }
        }
    }

    /// Fills a tensor from an entry of the same shape, whose numbers may be of another type.
    ///
    /// - Precondition: the shapes are the same.
    /// - Throws: a `Failure` with `.invalidData` where the entry holds no numbers (bool).
    public static func fill(_ tensor: Tensor, from entry: TensorEntry, of file: WeightsFile) throws(Failure) {
        precondition(entry.shape == tensor.shape, "\(entry.name): \(entry.shape) into \(tensor.shape)")
        let type = dtype(entry.type)
        guard type != .bool else { throw .data("\(file.path): \(entry.name) holds truth values, not weights") }
        withoutGradients {
            if type == tensor.dtype {
                file.withBytes(of: entry) { tensor.load(bytes: $0) }
            } else {
                let source = Tensor.empty(entry.shape, type)
                file.withBytes(of: entry) { source.load(bytes: $0) }
                tensor.detached().assign(source.to(tensor.dtype).to(tensor.device))
            }
        }
    }

    /// An entry as a tensor of its own type on the processor.
    public static func tensor(_ entry: TensorEntry, of file: WeightsFile) -> Tensor {
        let tensor = Tensor.empty(entry.shape, dtype(entry.type))
        file.withBytes(of: entry) { tensor.load(bytes: $0) }
        return tensor
    }

    static func dtype(_ type: ElementType) -> DType {
        switch type {
        case .f32: .float32
        case .f64: .float64
        case .f16: .float16
        case .bf16: .bfloat16
        case .i64: .int64
        case .i32: .int32
        case .i16: .int16
        case .i8: .int8
        case .u8: .uint8
        case .bool: .bool
        }
    }

    static func elementType(_ dtype: DType) -> ElementType {
        switch dtype {
        case .float32: .f32
        case .float64: .f64
        case .float16: .f16
        case .bfloat16: .bf16
        case .int64: .i64
        case .int32: .i32
        case .int16: .i16
        case .int8: .i8
        case .uint8: .u8
        case .bool: .bool
        }
    }
}
