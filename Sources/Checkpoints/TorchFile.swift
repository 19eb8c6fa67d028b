import Base

/// What `torch.save` writes, in both its forms: a pickle of objects and, apart from it, the bytes of their storages.
enum TorchFile {
    /// A zip archive: `NAME/data.pkl`, and a member `NAME/data/KEY` for each storage.
    /// - Throws: `.invalidData`, as `WeightsFile.open`.
    static func zip(_ bytes: UnsafeRawBufferPointer, file: String, key: String?) throws(Failure) -> WeightsContents {
        let archive = try ZipArchive(bytes, file: file)
        let folder = try folder(of: archive, file: file)
        if let order = archive.members[folder + "byteorder"], !bytes[order].elementsEqual("little".utf8) {
            throw .data(
                "\(file) has the byte order \"\(String(decoding: bytes[order.prefix(16)], as: UTF8.self))\"; "
                    + "only little-endian files are read")
        }
        guard let place = archive.members[folder + "data.pkl"] else { throw .data("\(file) has no data.pkl") }
        let name = "\(file): \(folder)data.pkl"
        let pickle = UnsafeRawBufferPointer(rebasing: bytes[place])
        var reader = PickleReader(pickle, file: name)
        let root = try reader.read()
        guard reader.at == pickle.count else {
            throw .data("\(name) has \(pickle.count - reader.at) bytes behind its end")
        }
        var storages: [Range<Int>] = []
        for storage in reader.values.storages {
            guard let place = archive.members[folder + "data/" + storage.key] else {
                throw .data("\(file) lacks the member \(folder)data/\(storage.key), which its tensors are in")
            }
            // A storage may have bytes behind its last element where it was seen as elements of other types.
            if let width = storage.kind.byteCount {
                let (needed, overflow) = storage.count.multipliedReportingOverflow(by: width)
                guard !overflow, needed <= place.count, place.count - needed < width else {
                    throw .data(
                        "\(file): the member \(folder)data/\(storage.key) has \(place.count) bytes; "
                            + "\(storage.kind.rawValue) of \(storage.count) takes \(overflow ? "more" : "\(needed)")")
                }
            }
            storages.append(place)
        }
        var dictionary = StateDictionary(reader, storages: storages, fileSize: bytes.count, file: file)
        return try dictionary.contents(root, key: key)
    }

    /// The folder of the archive that `data.pkl` is in, with its slash.
    private static func folder(of archive: ZipArchive, file: String) throws(Failure) -> String {
        let names = archive.members.keys
        let found = names.filter { $0 == "data.pkl" || $0.hasSuffix("/data.pkl") }.sorted()
        guard let name = found.first else {
            let guess =
                if names.contains(where: { $0.hasSuffix(".npy") }) {
                    " (it looks like an archive of numpy arrays)"
                } else if names.contains(where: { $0.hasSuffix(".weights.h5") }) {
                    " (it looks like a file of Keras)"
                } else {
                    ""
                }
            throw .data("\(file) is a zip archive, but not one of torch.save: it has no data.pkl\(guess)")
        }
        if found.count > 1 { throw .data("\(file) has more than one data.pkl: \(found.joined(separator: ", "))") }
        let folder = String(name.dropLast("data.pkl".count))
        if archive.members[folder + "constants.pkl"] != nil {
            throw .data(
                "\(file) is a TorchScript program (torch.jit.save), which is not read; "
                    + "torch.save(model.state_dict(), path) writes its tensors")
        }
        return folder
    }

    /// The number that the old form begins with, 0x1950a86a20f9469cfc6c, in the bytes of a pickle.
    private static let magic: [UInt8] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19]

    /// Five pickles (magic number, version, system, objects, keys of storages), then for each key the number of elements
    /// in 8 bytes and the elements.
    /// - Throws: `.invalidData`, as `WeightsFile.open`.
    static func pickle(_ bytes: UnsafeRawBufferPointer, file: String, key: String?) throws(Failure) -> WeightsContents {
        var at = 0
        func next() throws(Failure) -> (PickleReader, PickleValue) {
            var reader = PickleReader(bytes, at: at, file: file)
            let value = try reader.read()
            at = reader.at
            return (reader, value)
        }
        let foreign = Failure.data("\(file) is a Python pickle, but not one of torch.save")
        guard case (_, .long(let number)) = try next(), bytes[number].elementsEqual(magic) else { throw foreign }
        guard case (_, .int(1001)) = try next() else { throw foreign }
        let (system, properties) = try next()
        guard case .dictionary(let index) = properties else { throw foreign }
        for (key, value) in system.values.dictionaries[index] where system.text(key) == "little_endian" {
            if case .bool(false) = value {
                throw .data("\(file) has the byte order \"big\"; only little-endian files are read")
            }
        }
        let (objects, root) = try next()
        let (keys, list) = try next()
        guard case .list(let index) = list else { throw foreign }

        let known = objects.values.storages
        var indices = Dictionary(uniqueKeysWithValues: known.enumerated().map { ($1.key, $0) })
        var storages = [Range<Int>?](repeating: nil, count: known.count)
        for item in keys.values.lists[index] {
            guard let key = keys.text(item), let index = indices.removeValue(forKey: key) else {
                throw .data("\(file) lists a storage twice, or one that no tensor is in")
            }
            let storage = known[index]
            guard let width = storage.kind.byteCount else {
                throw .data("\(file) has a storage of the class torch.\(storage.kind.rawValue), which is not read")
            }
            guard bytes.count - at >= 8 else { throw .data("\(file) is cut off before the elements of storage \(key)") }
            let count = Int(
                clamping: Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: Int64.self)))
            guard count == storage.count else {
                throw .data("\(file): storage \(key) has \(count) elements; its tensors say \(storage.count)")
            }
            at += 8
            let (needed, overflow) = count.multipliedReportingOverflow(by: width)
            guard !overflow, needed <= bytes.count - at else {
                throw .data(
                    "\(file) is cut off: storage \(key) takes \(count) elements, \(bytes.count - at) bytes follow")
            }
            storages[index] = at..<at + needed
            at += needed
        }
        if let missing = indices.keys.min() { throw .data("\(file) does not have storage \(missing)") }
        guard at == bytes.count else { throw .data("\(file) has \(bytes.count - at) bytes behind its last storage") }
        var dictionary = StateDictionary(
            objects, storages: storages.compactMap(\.self), fileSize: bytes.count, file: file)
        return try dictionary.contents(root, key: key)
    }
}
