import Base

/// Reads one pickle into plain values: a stack machine that runs no code.
///
/// A name becomes a `PickleGlobal` or is refused; calls are of those alone and only describe tensors. Opcodes that state
/// dictionaries have no use for are refused by their name.
///
/// What a pickle can cost is bounded by its length: an operation makes one value at most, texts and bytes stay where they
/// are, and there are `mostOperations` at most.
struct PickleReader {
    /// A checkpoint takes some 60 for a tensor.
    static let mostOperations = 10_000_000
    /// PyTorch's own limit.
    static let mostDimensions = 64

    private var cursor: PickleCursor
    /// The containers, storages and tensors of all values read.
    private(set) var values = PickleValues()

    private var stack: [PickleValue] = []
    private var marks: [Int] = []
    private var memo: [PickleValue?] = []
    private var storageIndices: [String: Int] = [:]
    private var operations = 0
    private var opcode = PickleOpcode.stop

    /// A reader of the pickle that begins at `at`.
    /// - Parameter file: what messages begin with.
    init(_ bytes: UnsafeRawBufferPointer, at: Int = 0, file: String) {
        cursor = PickleCursor(bytes, at: at, file: file)
    }

    /// Where reading goes on: behind `STOP` after `read`.
    var at: Int { cursor.at }

    /// The value of the pickle.
    /// - Throws: `.invalidData` naming the file, the byte, and the opcode or class at fault.
    mutating func read() throws(Failure) -> PickleValue {
        while true {
            opcode = try cursor.opcode()
            operations += 1
            if operations > Self.mostOperations { throw cursor.fault("more than \(Self.mostOperations) operations") }
            if opcode == .stop {
                guard stack.count == 1, marks.isEmpty else {
                    throw cursor.fault(
                        "STOP with \(stack.count) values and \(marks.count) marks; one value was expected")
                }
                return stack[0]
            }
            try perform(opcode)
        }
    }

    /// A longer name is no name.
    static let longestName = 1024

    /// The text of a value: of bytes too, which Python 2 wrote for it; nil for another value and for a longer text.
    func text(_ value: PickleValue, atMost limit: Int = longestName) -> String? { cursor.text(value, atMost: limit) }

    private mutating func perform(_ opcode: PickleOpcode) throws(Failure) {
        switch opcode {
        case .proto:
            let version = try cursor.integer(UInt8.self)
            if version > 5 { throw cursor.fault("PROTO \(version): protocols to 5 are read") }
        case .frame:
            let length = try cursor.integer(UInt64.self)
            if length > UInt64(cursor.left) { throw cursor.fault("FRAME of \(length) bytes; \(cursor.left) follow") }

        case .none: stack.append(.none)
        case .newtrue: stack.append(.bool(true))
        case .newfalse: stack.append(.bool(false))
        case .binint: stack.append(.int(Int(try cursor.integer(Int32.self))))
        case .binint1: stack.append(.int(Int(try cursor.integer(UInt8.self))))
        case .binint2: stack.append(.int(Int(try cursor.integer(UInt16.self))))
        case .long1: stack.append(cursor.long(try cursor.takeRange(Int(try cursor.integer(UInt8.self)))))
        case .long4: stack.append(cursor.long(try cursor.takeRange(try cursor.length(UInt32.self))))
        case .binfloat:
            stack.append(.float(Double(bitPattern: try cursor.integer(UInt64.self).byteSwapped)))
        case .int, .long: stack.append(try cursor.number(opcode))
        case .binunicode: stack.append(.text(try cursor.takeRange(try cursor.length(UInt32.self))))
        case .shortBinunicode: stack.append(.text(try cursor.takeRange(Int(try cursor.integer(UInt8.self)))))
        case .binunicode8: stack.append(.text(try cursor.takeRange(try cursor.length(UInt64.self))))
        case .binstring, .binbytes: stack.append(.bytes(try cursor.takeRange(try cursor.length(UInt32.self))))
        case .shortBinstring, .shortBinbytes:
            stack.append(.bytes(try cursor.takeRange(Int(try cursor.integer(UInt8.self)))))
        case .binbytes8, .bytearray8: stack.append(.bytes(try cursor.takeRange(try cursor.length(UInt64.self))))

        case .mark: marks.append(stack.count)
        case .pop:
            // As Python does: a mark on top goes too.
            if marks.last == stack.count { marks.removeLast() } else { _ = try pop() }
        case .popMark: stack.removeLast(stack.count - (try popMark()))
        case .dup: stack.append(try top())
        case .binget: stack.append(try remembered(Int(try cursor.integer(UInt8.self))))
        case .longBinget: stack.append(try remembered(Int(try cursor.integer(UInt32.self))))
        case .binput: try remember(Int(try cursor.integer(UInt8.self)))
        case .longBinput: try remember(Int(try cursor.integer(UInt32.self)))
        case .memoize: try remember(memo.count)

        case .emptyTuple: stack.append(.tuple(0..<0))
        case .tuple1, .tuple2, .tuple3:
            let count = opcode == .tuple1 ? 1 : opcode == .tuple2 ? 2 : 3
            guard stack.count - count >= (marks.last ?? 0) else {
                throw cursor.fault("\(opcode.name) finds too few values")
            }
            makeTuple(from: stack.count - count)
        case .tuple: makeTuple(from: try popMark())
        case .emptyList:
            stack.append(.list(values.lists.count))
            values.lists.append([])
        case .append, .appends:
            let start = opcode == .append ? stack.count - 1 : try popMark()
            try extend(from: start)
        case .emptyDict: stack.append(makeDictionary())
        case .setitem, .setitems:
            let start = opcode == .setitem ? stack.count - 2 : try popMark()
            try setItems(from: start)
        case .emptySet: stack.append(.inert)
        case .additems:
            stack.removeLast(stack.count - (try popMark()))
            guard case .inert = try top() else { throw cursor.fault("ADDITEMS to \(try top().kind)") }
        case .frozenset:
            stack.removeLast(stack.count - (try popMark()))
            stack.append(.inert)

        case .global:
            let module = try cursor.line(opcode)
            stack.append(.global(try global(module, try cursor.line(opcode))))
        case .stackGlobal:
            let name = try pop()
            let module = try pop()
            guard let name = text(name), let module = text(module) else {
                throw cursor.fault("STACK_GLOBAL of \(module.kind) and \(name.kind); two texts were expected")
            }
            stack.append(.global(try global(module, name)))
        case .reduce, .newobj, .newobjEx:
            if opcode == .newobjEx { _ = try pop() }
            let arguments = try pop()
            let callee = try pop()
            guard case .global(let global) = callee else {
                throw cursor.fault("\(opcode.name) calls \(callee.kind); a class or function was expected")
            }
            guard case .tuple(let range) = arguments else {
                throw cursor.fault("\(opcode.name) with \(arguments.kind); a tuple of arguments was expected")
            }
            stack.append(try call(global, range))
        case .build:
            let state = try pop()
            try build(try top(), state)
        case .binpersid: stack.append(try storage(try pop()))

        case .float, .string, .unicode, .dict, .list, .get, .put, .persid, .inst, .obj, .ext1, .ext2, .ext4,
            .nextBuffer,
            .readonlyBuffer, .stop:
            throw cursor.fault("\(opcode.name) is not an opcode of a state dictionary")
        }
    }

    // MARK: Stack and memo

    private func top() throws(Failure) -> PickleValue {
        guard stack.count > (marks.last ?? 0), let value = stack.last else {
            throw cursor.fault("\(opcode.name) finds no value")
        }
        return value
    }

    private mutating func pop() throws(Failure) -> PickleValue {
        let value = try top()
        stack.removeLast()
        return value
    }

    /// Where the values behind the last mark begin; the mark is gone.
    private mutating func popMark() throws(Failure) -> Int {
        guard let start = marks.popLast() else { throw cursor.fault("\(opcode.name) finds no mark") }
        return start
    }

    private func remembered(_ slot: Int) throws(Failure) -> PickleValue {
        guard slot < memo.count, let value = memo[slot] else { throw cursor.fault("the memo has nothing at \(slot)") }
        return value
    }

    /// Writers number from 0 or 1 on, so that a slot beyond the operations done is no writer's.
    private mutating func remember(_ slot: Int) throws(Failure) {
        guard slot <= operations else {
            throw cursor.fault("\(opcode.name) to \(slot) of the memo at operation \(operations)")
        }
        let value = try top()
        while memo.count <= slot { memo.append(nil) }
        memo[slot] = value
    }

    // MARK: Containers

    private mutating func makeTuple(from start: Int) {
        let first = values.items.count
        values.items.append(contentsOf: stack[start...])
        stack.removeLast(stack.count - start)
        stack.append(.tuple(first..<values.items.count))
    }

    private mutating func makeDictionary() -> PickleValue {
        values.dictionaries.append([])
        return .dictionary(values.dictionaries.count - 1)
    }

    /// APPEND and APPENDS: the values from `start` on go into what lies before them.
    private mutating func extend(from start: Int) throws(Failure) {
        guard start > (marks.last ?? 0), start <= stack.count else {
            throw cursor.fault("\(opcode.name) finds no list")
        }
        switch stack[start - 1] {
        case .list(let index): values.lists[index].append(contentsOf: stack[start...])
        case .inert: break
        case let other: throw cursor.fault("\(opcode.name) to \(other.kind)")
        }
        stack.removeLast(stack.count - start)
    }

    /// SETITEM and SETITEMS: likewise, keys and values in turn.
    private mutating func setItems(from start: Int) throws(Failure) {
        guard start > (marks.last ?? 0), start <= stack.count else {
            throw cursor.fault("\(opcode.name) finds no dictionary")
        }
        guard (stack.count - start) % 2 == 0 else { throw cursor.fault("SETITEMS with a key that has no value") }
        switch stack[start - 1] {
        case .dictionary(let index):
            for i in stride(from: start, to: stack.count, by: 2) {
                values.dictionaries[index].append((stack[i], stack[i + 1]))
            }
        case .inert: break
        case let other: throw cursor.fault("\(opcode.name) to \(other.kind)")
        }
        stack.removeLast(stack.count - start)
    }

    // MARK: Names and calls

    private func global(_ module: String, _ name: String) throws(Failure) -> PickleGlobal {
        guard let global = PickleGlobal(module: module, name: name) else {
            throw cursor.fault(
                "\(opcode.name) names \(module.prefix(80)).\(name.prefix(80)), which is not read: tensors and plain "
                    + "containers were expected, as torch.save(model.state_dict(), path) writes")
        }
        return global
    }

    /// What a call to one of our names gives; `arguments` is a range of the items.
    private mutating func call(_ global: PickleGlobal, _ arguments: Range<Int>) throws(Failure) -> PickleValue {
        let given = values.items[arguments]
        switch global {
        case .inert, .elementType: return .inert
        case .dictionary: return try dictionary(given.first)
        case .size:
            if case .tuple? = given.first, given.count == 1 { return given[given.startIndex] }
            if given.isEmpty { return .tuple(0..<0) }
            throw cursor.fault("torch.Size of something else than a tuple")
        case .tensor:
            guard [4, 6, 7].contains(given.count) else { throw cursor.fault("a tensor of \(given.count) arguments") }
            var tensor = try view(given.prefix(4))
            // The seventh has bits by name; an empty one is nothing.
            if given.count == 7, case .dictionary(let index)? = given.last, !values.dictionaries[index].isEmpty {
                tensor.fault = .conjugated
            }
            return make(tensor)
        case .parameter:
            guard case .tensor? = given.first else {
                throw cursor.fault("a parameter of \(given.first?.kind ?? "nothing"); a tensor was expected")
            }
            return given[given.startIndex]
        case .attributedTensor:
            let at = given.startIndex
            guard given.count == 4, case .global(let function) = given[at],
                function == .tensor || function == .parameter,
                case .global(let type) = given[at + 1], type == .tensorClass || type == .parameterClass,
                case .tuple(let range) = given[at + 2]
            else { throw cursor.fault("torch._tensor._rebuild_from_type_v2 of something else than a tensor") }
            return try call(function, range)
        case .unreadTensor(let kind):
            var tensor = PickleTensor(fault: kind)
            if kind == .newType, given.count >= 7, case .global(.elementType(let index)) = given[given.startIndex + 6] {
                tensor.faultType = index
            }
            return make(tensor)
        case .tensorClass:
            guard given.isEmpty else { throw cursor.fault("the class of a tensor is called with arguments") }
            return make(PickleTensor(fault: .unfilled))
        case .parameterClass:
            guard case .tensor(let index)? = given.first else { throw cursor.fault("a parameter without a tensor") }
            var tensor = values.tensors[index]
            tensor.isParameter = true
            return make(tensor)
        case .storage(let kind): throw cursor.fault("\(opcode.name) calls torch.\(kind.rawValue)")
        }
    }

    private mutating func make(_ tensor: PickleTensor) -> PickleValue {
        values.tensors.append(tensor)
        return .tensor(values.tensors.count - 1)
    }

    /// An `OrderedDict`: empty, to be filled, or in Python 2 of a list of pairs. A `Counter` is of a dictionary.
    private mutating func dictionary(_ argument: PickleValue?) throws(Failure) -> PickleValue {
        if case .dictionary? = argument, let argument { return argument }
        let made = makeDictionary()
        guard case .list(let index)? = argument else { return made }
        // What is copied counts, or a list could be copied again and again.
        operations += values.lists[index].count
        for item in values.lists[index] {
            let pair: [PickleValue] =
                switch item {
                case .tuple(let range): Array(values.items[range.prefix(3)])
                case .list(let index): Array(values.lists[index].prefix(3))
                default: []
                }
            guard pair.count == 2 else { throw cursor.fault("a dictionary of \(item.kind); pairs were expected") }
            values.dictionaries[values.dictionaries.count - 1].append((pair[0], pair[1]))
        }
        return made
    }

    /// A view by (storage, offset, sizes, strides).
    private func view(_ given: ArraySlice<PickleValue>) throws(Failure) -> PickleTensor {
        let at = given.startIndex
        guard given.count == 4, case .storage(let storage) = given[at], case .int(let offset) = given[at + 1],
            case .tuple(let shape) = given[at + 2], case .tuple(let strides) = given[at + 3]
        else { throw cursor.fault("a tensor of something else than a storage, an offset, sizes and strides") }
        guard shape.count == strides.count, shape.count <= Self.mostDimensions else {
            throw cursor.fault("a tensor of \(shape.count) sizes and \(strides.count) strides")
        }
        let numbers = values.integers(shape) + values.integers(strides)
        guard numbers.count == shape.count * 2, offset >= 0, numbers.allSatisfy({ $0 >= 0 }) else {
            throw cursor.fault("a tensor with an offset, size or stride that is negative or no integer")
        }
        return PickleTensor(storage: storage, offset: offset, shape: shape, strides: strides)
    }

    /// BUILD gives an object its state. It may fill the tensors of old, and says nothing about what else is read.
    private mutating func build(_ object: PickleValue, _ state: PickleValue) throws(Failure) {
        switch object {
        case .inert: return
        case .dictionary:
            // The attributes of an OrderedDict: `_metadata`.
            switch state {
            case .dictionary, .none, .tuple: return
            default: throw cursor.fault("BUILD of a dictionary with \(state.kind)")
            }
        case .tensor(let index):
            guard case .tuple(let range) = state else { throw cursor.fault("BUILD of a tensor with \(state.kind)") }
            if values.tensors[index].fault == .unfilled, range.count == 4 {
                values.tensors[index] = try view(values.items[range])
            } else if values.tensors[index].isParameter, range.count == 3 {
                return  // whether it has a gradient, and hooks
            } else {
                throw cursor.fault("BUILD of a tensor with a tuple of \(range.count)")
            }
        default: throw cursor.fault("BUILD of \(object.kind)")
        }
    }

    /// BINPERSID: ("storage", class, key, device, count); the old form adds None, or a view as PyTorch before 0.4 had them.
    private mutating func storage(_ id: PickleValue) throws(Failure) -> PickleValue {
        guard case .tuple(let range) = id, !range.isEmpty else {
            throw cursor.fault("BINPERSID of \(id.kind); the tuple of a storage was expected")
        }
        let given = Array(values.items[range.prefix(6)])
        let tag = text(given[0])
        if tag == "module" {
            throw cursor.fault("a whole model; torch.save(model.state_dict(), path) writes its tensors")
        }
        guard tag == "storage", (5...6).contains(range.count), case .global(.storage(let kind)) = given[1],
            let key = text(given[2], atMost: 64), case .int(let count) = given[4], count >= 0
        else { throw cursor.fault("BINPERSID of something else than a storage") }
        if given.count == 6 {
            guard case .none = given[5] else { throw cursor.fault("a storage that is a view of another") }
        }
        let storage = PickleStorage(kind: kind, key: key, count: count)
        if let index = storageIndices[storage.key] {
            guard values.storages[index] == storage else {
                throw cursor.fault("storage \(storage.key) is described twice, in different words")
            }
            return .storage(index)
        }
        storageIndices[storage.key] = values.storages.count
        values.storages.append(storage)
        return .storage(values.storages.count - 1)
    }
}
