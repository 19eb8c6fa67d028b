import Base

/// Finds the state dictionary in what was saved, and makes entries of its tensors (`WeightsFile.open` has the rule).
struct StateDictionary {
    /// Where state dictionaries are kept beside other things, in the order of preference.
    static let usualKeys = [
        "state_dict_ema", "model_ema", "ema", "state_dict", "model_state_dict", "model", "module", "net",
    ]
    /// Limits for what no network has, but a file that is made to hurt.
    static let deepest = 16
    static let mostTensors = 200_000
    static let longestText = 4096

    private let reader: PickleReader
    private let storages: [Range<Int>]
    private let fileSize: Int
    private let file: String
    /// The dictionaries in which a state dictionary was looked for.
    private var seen: Set<Int> = []

    private var values: PickleValues { reader.values }

    /// - Parameters:
    ///   - reader: what was read; its storages lie at `storages` in a file of `fileSize` bytes.
    ///   - file: named in errors.
    init(_ reader: PickleReader, storages: [Range<Int>], fileSize: Int, file: String) {
        self.reader = reader
        self.storages = storages
        self.fileSize = fileSize
        self.file = file
    }

    /// A dictionary in the file, and the keys that lead to it.
    private struct Found {
        var index: Int
        var keys: [String]
        var notes: [String] = []
    }

    /// The first few of many names.
    private struct Names {
        var few: [String] = []
        var count = 0

        mutating func append(_ name: String) {
            count += 1
            if few.count < 8 { few.append(name.count > 80 ? name.prefix(80) + "..." : name) }
        }

        var text: String { few.joined(separator: ", ") + (count > few.count ? " and \(count - few.count) more" : "") }
    }

    /// The tensors of the state dictionary in `root`; `key` says where to search.
    mutating func contents(_ root: PickleValue, key: String?) throws(Failure) -> WeightsContents {
        guard case .dictionary(let top) = root else {
            throw .data("\(file) holds \(root.kind); a dictionary of tensors was expected")
        }
        var start = top
        if let key { start = try member(key, of: top) }
        let found = try find(in: start, key: key)
        var contents = WeightsContents(metadata: texts(of: top), notes: found.notes)
        if !found.keys.isEmpty { contents.notes.insert("took \"\(found.keys.joined(separator: "."))\"", at: 0) }
        var collected = Collected()
        try collect(found.index, prefix: "", depth: 0, into: &collected)
        if collected.leftOut.count > 0 {
            contents.notes.append("left out what is no tensor: \(collected.leftOut.text)")
        }
        let (prefix, dropped) = sharedPrefix(collected.tensors.map(\.name))
        var names: Set<String> = []
        for (name, index) in collected.tensors where name != dropped {
            let name = String(name.dropFirst(prefix.count))
            guard names.insert(name).inserted else { throw .data("\(file) has two tensors named \"\(name)\"") }
            contents.entries.append(try entry(name, values.tensors[index]))
        }
        if !prefix.isEmpty { contents.notes.append("took the prefix \"\(prefix)\" off all names") }
        if let dropped { contents.notes.append("left out the counter \"\(dropped)\"") }
        return contents
    }

    // MARK: Finding

    private mutating func find(in index: Int, key: String?) throws(Failure) -> Found {
        let path = key.map { [$0] } ?? []
        if let found = usual(index, depth: 0) {
            return Found(index: found.index, keys: path + found.keys, notes: found.notes)
        }
        var names = Names()
        var only: Found?
        for (key, value) in values.dictionaries[index] {
            guard case .dictionary(let index) = value, let name = reader.text(key),
                let found = usual(index, depth: 1)
            else { continue }
            names.append("\"\(name)\"")
            only = Found(index: found.index, keys: path + [name] + found.keys, notes: found.notes)
        }
        let place = key.map { "\(file): \"\($0)\"" } ?? file
        if names.count > 1 {
            throw .data("\(place) holds several dictionaries of tensors; choose one by its key: \(names.text)")
        }
        if let only { return only }
        for (key, _) in values.dictionaries[index] { names.append(reader.text(key).map { "\"\($0)\"" } ?? key.kind) }
        throw .data(
            "\(place) holds no dictionary of tensors"
                + (names.count == 0 ? "; it is empty" : "; it holds \(names.text)"))
    }

    /// Rules 1 and 2: under a usual key, else the dictionary itself. Nil for one that was looked at before, or a few
    /// dictionaries that lead to each other would make endless ways.
    private mutating func usual(_ index: Int, depth: Int) -> Found? {
        guard depth <= Self.deepest, seen.insert(index).inserted else { return nil }
        var inner = [Int?](repeating: nil, count: Self.usualKeys.count)
        var direct = Names()
        for (key, value) in values.dictionaries[index] {
            switch value {
            case .tensor: if let name = reader.text(key) { direct.append("\"\(name)\"") }
            case .dictionary(let index):
                if let place = reader.text(key, atMost: 32).flatMap(Self.usualKeys.firstIndex) { inner[place] = index }
            default: break
            }
        }
        var taken: Found?
        var passed = Names()
        for (key, index) in zip(Self.usualKeys, inner) {
            guard let index, let found = usual(index, depth: depth + 1) else { continue }
            if taken == nil {
                taken = Found(index: found.index, keys: [key] + found.keys, notes: found.notes)
            } else {
                passed.append("\"\(key)\"")
            }
        }
        guard taken != nil else { return direct.count > 0 ? Found(index: index, keys: []) : nil }
        for names in [passed, direct] where names.count > 0 { taken?.notes.append("did not take \(names.text)") }
        return taken
    }

    /// The dictionary that a key leads to: a member of that name, else one member after the other.
    private func member(_ key: String, of top: Int) throws(Failure) -> Int {
        func value(_ name: Substring, in index: Int) -> PickleValue? {
            values.dictionaries[index].last { reader.text($0.key, atMost: name.utf8.count) == String(name) }?.value
        }
        var index = top
        var rest = Substring(key)
        while true {
            var name = rest
            var found = value(rest, in: index)
            if found == nil {
                name = rest.prefix { $0 != "." }
                found = value(name, in: index)
            }
            guard let found else {
                let names = values.dictionaries[index].prefix(1000).compactMap { reader.text($0.key) }
                throw .data("\(file) has no \"\(key)\"" + didYouMean(String(name), names))
            }
            guard case .dictionary(let next) = found else {
                throw .data("\(file): \"\(key)\" leads to \(found.kind); a dictionary of tensors was expected")
            }
            index = next
            if name.count == rest.count { return index }
            rest = rest.dropFirst(name.count + 1)
        }
    }

    /// Short texts and numbers of a dictionary.
    private func texts(of index: Int) -> [String: String] {
        var texts: [String: String] = [:]
        for (key, value) in values.dictionaries[index].prefix(1000) {
            guard let name = reader.text(key) else { continue }
            switch value {
            case .bool(let value): texts[name] = String(value)
            case .int(let value): texts[name] = String(value)
            case .float(let value): texts[name] = String(value)
            case .text, .bytes: texts[name] = reader.text(value, atMost: Self.longestText)
            default: break
            }
        }
        return texts
    }

    // MARK: Tensors

    private struct Collected {
        var tensors: [(name: String, index: Int)] = []
        var leftOut = Names()
        /// The dictionaries that were gone through.
        var seen: Set<Int> = []
    }

    private func collect(_ index: Int, prefix: String, depth: Int, into found: inout Collected) throws(Failure) {
        guard depth <= Self.deepest else {
            throw .data("\(file): dictionaries are nested too deep below \"\(prefix)\"")
        }
        guard found.seen.insert(index).inserted else {
            throw .data("\(file): the dictionary \"\(prefix.dropLast())\" stands in two places")
        }
        for (key, value) in values.dictionaries[index] {
            guard let key = reader.text(key) else {
                found.leftOut.append("a member of \"\(prefix.dropLast())\" named by \(key.kind)")
                continue
            }
            let name = prefix + key
            guard name.utf8.count <= PickleReader.longestName else {
                throw .data("\(file) has a name of \(name.utf8.count) bytes; \(PickleReader.longestName) are allowed")
            }
            switch value {
            case .tensor(let index):
                found.tensors.append((name, index))
                if found.tensors.count > Self.mostTensors {
                    throw .data("\(file) has more than \(Self.mostTensors) tensors")
                }
            case .dictionary(let index): try collect(index, prefix: name + ".", depth: depth + 1, into: &found)
            default: found.leftOut.append("\"\(name)\"")
            }
        }
    }

    /// The `module.` (or several) before all names, and the counter that may stand beside them.
    private func sharedPrefix(_ names: [String]) -> (prefix: String, dropped: String?) {
        let module = "module."
        let counter = names.contains("n_averaged") && names.count > 1 ? "n_averaged" : nil
        var rest = names.filter { $0 != counter }[...]
        var prefix = ""
        while !rest.isEmpty, rest.allSatisfy({ $0.hasPrefix(module) && $0.utf8.count > module.utf8.count }) {
            prefix += module
            rest = rest.map { String($0.dropFirst(module.count)) }[...]
        }
        return (prefix, prefix.isEmpty ? nil : counter)
    }

    /// A view as an entry, if it is of a type that is read and lies in its storage.
    private func entry(_ name: String, _ tensor: PickleTensor) throws(Failure) -> TensorEntry {
        let place = "\(file): tensor \"\(name)\""
        if let fault = tensor.fault {
            let type = tensor.faultType.map { ": torch.\(PickleGlobal.elementTypeNames[$0])" } ?? ""
            throw .data("\(place) \(fault.rawValue)\(type)")
        }
        let storage = values.storages[tensor.storage]
        let shape = values.integers(tensor.shape)
        let strides = values.integers(tensor.strides)
        guard let type = storage.kind.elementType else {
            throw .data("\(place) is of \(storage.kind.rawValue), which is not read")
        }
        guard let size = byteCount(of: shape, type: type),
            let span = span(of: shape, strides: strides)
        else { throw .data("\(place) has a shape of more bytes than can be counted: \(shape)") }
        guard span <= storage.count, tensor.offset <= storage.count - span else {
            throw .data(
                "\(place) reaches out of its storage of \(storage.count) elements: offset \(tensor.offset), "
                    + "shape \(shape), strides \(strides)")
        }
        // A stride of 0 repeats elements; a small file is not to ask for all the memory there is.
        guard size <= fileSize else {
            throw .data("\(place) takes \(size) bytes out of a file of \(fileSize), by repeating elements")
        }
        let start = storages[tensor.storage].lowerBound + tensor.offset * type.byteCount
        let rowMajor = size == 0 || isRowMajor(shape, strides: strides)
        return TensorEntry(
            name: name, type: type, shape: shape, strides: rowMajor ? nil : strides,
            range: start..<start + span * type.byteCount)
    }
}
