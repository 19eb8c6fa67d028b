/// A value of a pickle: plain data, with containers by their place in `PickleValues`. So values can share and even contain
/// one another without anything that would have to be released, and no depth of nesting is a depth of calls.
enum PickleValue {
    case none
    case bool(Bool)
    case int(Int)
    /// An integer of more than 64 bits, by its bytes.
    case long(Range<Int>)
    case float(Double)
    /// UTF-8, by its place in the pickle.
    case text(Range<Int>)
    case bytes(Range<Int>)
    /// A range of `PickleValues.items`.
    case tuple(Range<Int>)
    /// An index into `PickleValues.lists`, and so on.
    case list(Int)
    case dictionary(Int)
    case storage(Int)
    case tensor(Int)
    case global(PickleGlobal)
    /// Something that is not looked into: a set, a numpy array, settings.
    case inert

    /// For messages: "a dictionary".
    var kind: String {
        switch self {
        case .none: "None"
        case .bool: "a truth value"
        case .int, .long: "an integer"
        case .float: "a number"
        case .text: "text"
        case .bytes: "bytes"
        case .tuple: "a tuple"
        case .list: "a list"
        case .dictionary: "a dictionary"
        case .storage: "a storage"
        case .tensor: "a tensor"
        case .global: "a class or function"
        case .inert: "an object"
        }
    }
}

/// What the containers of a pickle hold.
struct PickleValues {
    /// The items of all tuples.
    var items: [PickleValue] = []
    var lists: [[PickleValue]] = []
    /// In the order of the file; a key may come twice.
    var dictionaries: [[(key: PickleValue, value: PickleValue)]] = []
    var storages: [PickleStorage] = []
    var tensors: [PickleTensor] = []

    /// The integers among the items of a tuple.
    func integers(_ range: Range<Int>) -> [Int] {
        items[range].compactMap { if case .int(let value) = $0 { value } else { nil } }
    }
}

/// Memory that tensors are views of.
struct PickleStorage: Equatable {
    var kind: StorageKind
    /// Its name in the file.
    var key: String
    /// In elements of its kind.
    var count: Int
}

/// A view of a storage as the pickle describes it; whether it fits is seen when it becomes an entry.
struct PickleTensor {
    /// Index into `PickleValues.storages`; -1 where `fault` says why there is none.
    var storage = -1
    /// The first element.
    var offset = 0
    /// Ranges of `PickleValues.items`: as many integers as each other, none negative.
    var shape = 0..<0
    var strides = 0..<0
    /// Why this tensor is not read, and the element type (`PickleGlobal.elementTypeNames`) where that is the reason.
    var fault: UnreadTensor?
    var faultType: Int?
    /// Whether the old `Parameter` made it, which `BUILD` then gives a state without values.
    var isParameter = false
}
