import Base

@testable import Checkpoints

/// Where Tools/reference/torch_files.py writes.
func fixture(_ name: String) -> String { Files.join(Files.folder(#filePath), "Fixtures/\(name)") }

/// The bytes of a pickle, an opcode after the other.
struct Pickle {
    var bytes: [UInt8] = []

    init(protocol version: UInt8 = 2) { bytes = [0x80, version] }

    mutating func op(_ opcode: PickleOpcode, _ operand: [UInt8] = []) { bytes += [opcode.rawValue] + operand }
    mutating func text(_ text: String) { op(.binunicode, little(UInt32(text.utf8.count)) + Array(text.utf8)) }
    mutating func int(_ value: Int) { op(.long1, [8] + little(value)) }
    mutating func global(_ module: String, _ name: String) { op(.global, Array("\(module)\n\(name)\n".utf8)) }

    mutating func tuple(_ items: [Int]) {
        op(.mark)
        for item in items { int(item) }
        op(.tuple)
    }

    mutating func storage(_ kind: String = "FloatStorage", key: String = "0", count: Int, old: Bool = false) {
        op(.mark)
        text("storage")
        global("torch", kind)
        text(key)
        text("cpu")
        int(count)
        if old { op(.none) }
        op(.tuple)
        op(.binpersid)
    }

    /// A tensor as `_rebuild_tensor_v2` gives it.
    mutating func tensor(
        _ kind: String = "FloatStorage", key: String = "0", count: Int, offset: Int = 0, shape: [Int],
        strides: [Int], old: Bool = false
    ) {
        global("torch._utils", "_rebuild_tensor_v2")
        op(.mark)
        storage(kind, key: key, count: count, old: old)
        int(offset)
        tuple(shape)
        tuple(strides)
        op(.newfalse)
        op(.emptyDict)
        op(.tuple)
        op(.reduce)
    }

    /// `{name: what body writes}` and STOP.
    static func dictionary(_ name: String = "w", _ body: (inout Pickle) -> Void) -> [UInt8] {
        var pickle = Pickle()
        pickle.op(.emptyDict)
        pickle.text(name)
        body(&pickle)
        pickle.op(.setitem)
        pickle.op(.stop)
        return pickle.bytes
    }

    /// PROTO 2, what body writes and STOP.
    static func of(_ body: (inout Pickle) -> Void) -> [UInt8] {
        var pickle = Pickle()
        body(&pickle)
        pickle.op(.stop)
        return pickle.bytes
    }
}

func little<N: FixedWidthInteger>(_ value: N) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }

/// A zip archive and, in each of its numbers, a way to get it wrong.
struct Zip {
    struct Member {
        var name: String
        var data: [UInt8]
        var flags: UInt16 = 0
        var method: UInt16 = 0
        /// What the local header says instead.
        var localName: String?
        var localSize: UInt32?
        /// What the directory says instead.
        var size: UInt32?
        var offset: UInt32?
        var wide: [UInt64] = []
    }

    var members: [Member]
    var comment = ""
    var count: UInt16?
    /// The directory's place and size by zip64.
    var wide = false

    init(_ members: [(String, [UInt8])]) { self.members = members.map { Member(name: $0.0, data: $0.1) } }

    /// What torch.save writes: `pickle`, and a storage for each of `data`.
    static func torch(_ pickle: [UInt8], _ data: [[UInt8]] = []) -> Zip {
        Zip(
            [("a/data.pkl", pickle), ("a/byteorder", Array("little".utf8))]
                + data.enumerated().map { ("a/data/\($0)", $1) })
    }

    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        var directory: [UInt8] = []
        for member in members {
            let size = UInt32(member.data.count)
            let local = member.localSize ?? size
            let localName = Array((member.localName ?? member.name).utf8)
            let at = UInt32(bytes.count)
            bytes += little(UInt32(0x0403_4b50)) + little(UInt16(20)) + little(member.flags) + little(member.method)
            bytes += little(UInt32(0)) + little(UInt32(0)) + little(local) + little(local)
            bytes += little(UInt16(localName.count)) + little(UInt16(0)) + localName + member.data
            let extra =
                member.wide.isEmpty
                ? [] : little(UInt16(1)) + little(UInt16(member.wide.count * 8)) + member.wide.flatMap { little($0) }
            directory += little(UInt32(0x0201_4b50)) + little(UInt16(20)) + little(UInt16(20)) + little(member.flags)
            directory += little(member.method) + little(UInt32(0)) + little(UInt32(0))
            directory += little(member.size ?? size) + little(member.size ?? size)
            directory += little(UInt16(member.name.utf8.count)) + little(UInt16(extra.count)) + little(UInt16(0))
            directory += [UInt8](repeating: 0, count: 8) + little(member.offset ?? at) + Array(member.name.utf8) + extra
        }
        let start = bytes.count
        bytes += directory
        if wide {
            let at = bytes.count
            bytes += little(UInt32(0x0606_4b50)) + little(UInt64(44)) + little(UInt32(0)) + little(UInt64(0))
            bytes += little(UInt64(members.count)) + little(UInt64(members.count))
            bytes += little(UInt64(directory.count)) + little(UInt64(start))
            bytes += little(UInt32(0x0706_4b50)) + little(UInt32(0)) + little(UInt64(at)) + little(UInt32(1))
        }
        let count = count ?? UInt16(members.count)
        bytes += little(UInt32(0x0605_4b50)) + little(UInt32(0)) + little(count) + little(count)
        bytes += little(wide ? .max : UInt32(directory.count)) + little(wide ? .max : UInt32(start))
        return bytes + little(UInt16(comment.utf8.count)) + Array(comment.utf8)
    }
}

/// What the old form of torch.save writes around a pickle of objects.
func legacy(
    _ pickle: [UInt8], keys: [String] = [], data: [UInt8] = [], littleEndian: Bool = true, version: Int = 1001
) -> [UInt8] {
    let magic: [UInt8] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19]
    let head = Pickle.of { $0.op(.long1, [10] + magic) } + Pickle.of { $0.int(version) }
    let system = Pickle.dictionary("little_endian") { $0.op(littleEndian ? .newtrue : .newfalse) }
    let list = Pickle.of { pickle in
        pickle.op(.emptyList)
        pickle.op(.mark)
        for key in keys { pickle.text(key) }
        pickle.op(.appends)
    }
    return head + system + pickle + list + data
}
