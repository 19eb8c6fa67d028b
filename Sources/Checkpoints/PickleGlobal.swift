/// What a name in a pickle stands for. The names are looked up here and nowhere else; nothing is ever imported or run.
enum PickleGlobal: Equatable {
    /// `OrderedDict` and its like: called, they make a dictionary.
    case dictionary
    /// `torch._utils._rebuild_tensor` and `_rebuild_tensor_v2`: a view of a storage.
    case tensor
    /// `_rebuild_parameter` and `_rebuild_parameter_with_state`: the tensor that is their first argument.
    case parameter
    /// `torch._tensor._rebuild_from_type_v2`: a tensor with attributes, which are dropped.
    case attributedTensor
    /// A tensor of a kind that is not read, and how it differs: it may stand in a file, but not in its state dictionary.
    case unreadTensor(UnreadTensor)
    /// `torch.Tensor` and `torch.FloatTensor`: before 0.4 an empty tensor that `BUILD` filled.
    case tensorClass
    /// `torch.nn.parameter.Parameter`, called with its tensor before 0.4.
    case parameterClass
    /// `torch.Size`: the tuple that is its argument.
    case size
    /// `torch.FloatStorage` and its like, which are named and not called.
    case storage(StorageKind)
    /// An element type, by its place in `elementTypeNames`.
    case elementType(Int)
    /// A class or function of harmless values that stand beside tensors. Called, it makes a value of which nothing is
    /// known but that it is there.
    case inert

    /// The meaning of a name, or nil for all that is refused.
    init?(module: String, name: String) {
        switch module {
        case "collections" where ["OrderedDict", "defaultdict", "Counter"].contains(name): self = .dictionary
        case "torch._utils":
            switch name {
            case "_rebuild_tensor", "_rebuild_tensor_v2": self = .tensor
            case "_rebuild_parameter", "_rebuild_parameter_with_state": self = .parameter
            case "_rebuild_tensor_v3": self = .unreadTensor(.newType)
            case "_rebuild_qtensor": self = .unreadTensor(.quantized)
            case "_rebuild_sparse_tensor": self = .unreadTensor(.sparse)
            case "_rebuild_nested_tensor": self = .unreadTensor(.nested)
            case "_rebuild_meta_tensor_no_storage": self = .unreadTensor(.meta)
            default: return nil
            }
        case "torch._tensor" where name == "_rebuild_from_type_v2": self = .attributedTensor
        case "torch._tensor" where name == "Tensor": self = .tensorClass
        case "torch.nn.parameter" where name == "Parameter": self = .parameterClass
        case "torch" where name == "Size": self = .size
        case "torch", "torch.cuda", "torch.storage":
            if let kind = StorageKind(rawValue: name) {
                self = .storage(kind)
            } else if name == "Tensor"
                || name.hasSuffix("Tensor") && StorageKind(rawValue: name.dropLast(6) + "Storage") != nil
            {
                self = .tensorClass
            } else if let index = Self.elementTypeNames.firstIndex(of: name), module == "torch" {
                self = .elementType(index)
            } else {
                fallthrough
            }
        default:
            guard Self.inertNames[module]?.contains(name) == true else { return nil }
            self = .inert
        }
    }

    /// `torch.float32` and the others, also those that are not read.
    static let elementTypeNames = [
        "float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool", "uint16",
        "uint32", "uint64", "complex32", "complex64", "complex128", "float8_e5m2", "float8_e4m3fn", "float8_e5m2fnuz",
        "float8_e4m3fnuz", "float8_e8m0fnu", "float4_e2m1fn_x2", "bits8", "bits16", "bits1x8", "bits2x4", "bits4x2",
        "quint8", "qint8", "qint32", "quint4x2", "quint2x4",
    ]

    private static let python: Set<String> = [
        "object", "set", "frozenset", "complex", "slice", "range", "bytearray", "list", "dict", "tuple", "int", "float",
        "bool", "str", "bytes", "long", "unicode", "xrange",
    ]
    private static let paths: Set<String> = [
        "Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath",
    ]

    /// Classes and functions of values that people keep beside their tensors: Python's own, numpy's, settings.
    private static let inertNames: [String: Set<String>] = [
        "argparse": ["Namespace"],
        "types": ["SimpleNamespace"],
        "collections": ["deque"],
        "builtins": python, "__builtin__": python,
        "copyreg": ["_reconstructor"], "copy_reg": ["_reconstructor"],
        "_codecs": ["encode"],
        "datetime": ["datetime", "date", "time", "timedelta", "timezone"],
        "pathlib": paths, "pathlib._local": paths,
        "numpy": [
            "ndarray", "dtype", "bool_", "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32",
            "uint64", "float16", "float32", "float64",
        ],
        "numpy.core.multiarray": ["scalar", "_reconstruct"], "numpy._core.multiarray": ["scalar", "_reconstruct"],
        "numpy.core.numeric": ["_frombuffer"], "numpy._core.numeric": ["_frombuffer"],
        "torch": [
            "device", "per_tensor_affine", "per_tensor_symmetric", "per_channel_affine", "per_channel_symmetric",
            "per_channel_affine_float_qparams", "contiguous_format", "channels_last", "channels_last_3d",
            "preserve_format",
        ],
        "torch.serialization": ["_get_layout"],
    ]
}

/// Kinds of tensors that are not read; the raw value ends a sentence.
enum UnreadTensor: String {
    case newType = "has an element type that is not read"
    case quantized = "is quantized"
    case sparse = "is sparse"
    case nested = "is a nested tensor"
    case meta = "is on the meta device: it has no values"
    case conjugated = "has its conj or neg bit set"
    case unfilled = "was made and never filled"
}

/// The classes of storages; the raw value is the class's own name.
enum StorageKind: String, CaseIterable {
    case double = "DoubleStorage"
    case float = "FloatStorage"
    case half = "HalfStorage"
    case bfloat16 = "BFloat16Storage"
    case long = "LongStorage"
    case int = "IntStorage"
    case short = "ShortStorage"
    case char = "CharStorage"
    case byte = "ByteStorage"
    case bool = "BoolStorage"
    case untyped = "UntypedStorage"
    case complexDouble = "ComplexDoubleStorage"
    case complexFloat = "ComplexFloatStorage"
    case qint8 = "QInt8Storage"
    case qint32 = "QInt32Storage"
    case quint8 = "QUInt8Storage"
    case quint4x2 = "QUInt4x2Storage"
    case quint2x4 = "QUInt2x4Storage"

    /// What its elements are here, or nil where they are not read.
    var elementType: ElementType? {
        switch self {
        case .double: .f64
        case .float: .f32
        case .half: .f16
        case .bfloat16: .bf16
        case .long: .i64
        case .int: .i32
        case .short: .i16
        case .char: .i8
        case .byte, .untyped: .u8
        case .bool: .bool
        case .complexDouble, .complexFloat, .qint8, .qint32, .quint8, .quint4x2, .quint2x4: nil
        }
    }

    /// Bytes an element takes, or nil where several share one.
    var byteCount: Int? {
        switch self {
        case .complexDouble: 16
        case .complexFloat: 8
        case .qint8, .quint8: 1
        case .qint32: 4
        case .quint4x2, .quint2x4: nil
        default: elementType?.byteCount
        }
    }
}
