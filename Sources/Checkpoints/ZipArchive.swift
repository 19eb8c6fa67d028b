import Base

/// The members of a zip archive, as places in its bytes: of one that stores them uncompressed, as `torch.save` does.
///
/// Every number is checked against the others: directory, local headers and data lie inside the file, and no two overlap.
/// Checksums are not compared: that would read all the data, and PyTorch can be told not to write them.
struct ZipArchive {
    /// Where the data of each member lie.
    private(set) var members: [String: Range<Int>] = [:]

    /// A network has some thousands of tensors.
    static let mostMembers = 200_000
    static let longestName = 1024

    private let bytes: UnsafeRawBufferPointer
    private let file: String

    /// Reads the directory.
    /// - Throws: `.invalidData` naming the file, and the member where one is at fault.
    init(_ bytes: UnsafeRawBufferPointer, file: String) throws(Failure) {
        self.bytes = bytes
        self.file = file
        let directory = try Self.directory(bytes, file: file)
        var places: [(whole: Range<Int>, name: String)] = []
        var at = directory.range.lowerBound
        for _ in 0..<directory.count {
            let (entry, next) = try entry(at, before: directory.range.upperBound)
            at = next
            let (start, data) = try place(of: entry, before: directory.range.lowerBound)
            guard members.updateValue(data, forKey: entry.name) == nil else {
                throw .data("\(file): the member \(entry.name) is there twice")
            }
            places.append((start..<data.upperBound, entry.name))
        }
        guard at == directory.range.upperBound else {
            throw .data(
                "\(file) is damaged: its directory has \(directory.range.upperBound - at) bytes behind the last member")
        }
        places.sort { $0.whole.lowerBound < $1.whole.lowerBound }
        for (one, next) in zip(places, places.dropFirst()) where next.whole.lowerBound < one.whole.upperBound {
            throw .data("\(file): the members \(one.name) and \(next.name) overlap")
        }
    }

    /// A line of the directory.
    private struct Entry {
        var name: String
        var nameBytes: Range<Int>
        var flags: Int
        var method: Int
        var size: Int
        var stored: Int
        var header: Int
    }

    private static func u16(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> Int {
        Int(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt16.self)))
    }

    private static func u32(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> Int {
        Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
    }

    /// What no `Int` holds becomes the greatest one, and is refused as one outside the file.
    private static func u64(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> Int {
        Int(clamping: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)))
    }

    /// Where the directory lies and how many members it lists: by the record at the end of the file, or that of zip64
    /// before it.
    private static func directory(
        _ bytes: UnsafeRawBufferPointer, file: String
    ) throws(Failure) -> (range: Range<Int>, count: Int) {
        let cut = Failure.data("\(file) is cut off or damaged: it begins as a zip archive and does not end as one")
        // 22 bytes and a comment.
        guard bytes.count >= 22 else { throw cut }
        let last = bytes.count - 22
        guard
            let end = stride(from: last, through: max(0, last - 0xffff), by: -1).first(where: {
                u32(bytes, $0) == 0x0605_4b50 && u16(bytes, $0 + 20) == last - $0
            })
        else { throw cut }
        var (count, size, start) = (u16(bytes, end + 10), u32(bytes, end + 12), u32(bytes, end + 16))
        var limit = end
        if end >= 20, u32(bytes, end - 20) == 0x0706_4b50 {
            let wide = u64(bytes, end - 12)
            guard wide <= end - 20 - 56, u32(bytes, wide) == 0x0606_4b50 else { throw cut }
            (count, size, start) = (u64(bytes, wide + 32), u64(bytes, wide + 40), u64(bytes, wide + 48))
            limit = wide
        }
        guard start <= limit, size <= limit - start else {
            throw .data("\(file) is damaged: the directory of the archive would lie outside it")
        }
        guard count <= mostMembers else {
            throw .data("\(file): the archive would have \(count) members; \(mostMembers) are allowed")
        }
        return (start..<start + size, count)
    }

    private func u16(_ at: Int) -> Int { Self.u16(bytes, at) }
    private func u32(_ at: Int) -> Int { Self.u32(bytes, at) }

    /// The line of the directory at `at`, and where the next begins.
    private func entry(_ at: Int, before end: Int) throws(Failure) -> (Entry, next: Int) {
        guard end - at >= 46, u32(at) == 0x0201_4b50 else {
            throw .data("\(file) is damaged: byte \(at) is no line of the archive's directory")
        }
        let (nameCount, extraCount, commentCount) = (u16(at + 28), u16(at + 30), u16(at + 32))
        let next = at + 46 + nameCount + extraCount + commentCount
        guard next <= end else { throw .data("\(file) is damaged: the archive's directory is cut off at byte \(at)") }
        guard nameCount <= Self.longestName else {
            throw .data("\(file): the name of a member has \(nameCount) bytes; \(Self.longestName) are allowed")
        }
        let nameBytes = at + 46..<at + 46 + nameCount
        var entry = Entry(
            name: String(decoding: bytes[nameBytes], as: UTF8.self), nameBytes: nameBytes, flags: u16(at + 8),
            method: u16(at + 10), size: u32(at + 24), stored: u32(at + 20), header: u32(at + 42))
        // Zip64: those of the numbers that do not fit, in this order.
        let wide = wideNumbers(nameBytes.upperBound..<nameBytes.upperBound + extraCount)
        var used = 0
        for number in [\Entry.size, \Entry.stored, \Entry.header] where entry[keyPath: number] == 0xffff_ffff {
            guard used < wide.count else {
                throw .data("\(file): the member \(entry.name) lacks the numbers of zip64")
            }
            entry[keyPath: number] = wide[used]
            used += 1
        }
        if entry.flags & 1 != 0 { throw .data("\(file): the member \(entry.name) is encrypted") }
        guard entry.method == 0 else {
            throw .data(
                "\(file): the member \(entry.name) is compressed (method \(entry.method)); torch.save stores its members "
                    + "as they are"
                    + (entry.name.contains("/code/")
                        ? "; a TorchScript program (torch.jit.save) is not read, torch.save(model.state_dict(), path) writes "
                            + "its tensors" : ""))
        }
        guard entry.size == entry.stored else {
            throw .data("\(file): the member \(entry.name) has \(entry.size) bytes of which \(entry.stored) are stored")
        }
        return (entry, next)
    }

    /// The numbers in a zip64 field among the extra fields, if there is one.
    private func wideNumbers(_ extra: Range<Int>) -> [Int] {
        var at = extra.lowerBound
        while extra.upperBound - at >= 4 {
            let (id, count) = (u16(at), u16(at + 2))
            guard count <= extra.upperBound - at - 4 else { return [] }
            if id == 1 { return stride(from: 0, to: count / 8 * 8, by: 8).map { Self.u64(bytes, at + 4 + $0) } }
            at += 4 + count
        }
        return []
    }

    /// Where a member begins, with its local header, and where its data lie.
    private func place(of entry: Entry, before end: Int) throws(Failure) -> (start: Int, data: Range<Int>) {
        let at = entry.header
        guard at <= end - 30, u32(at) == 0x0403_4b50 else {
            throw .data("\(file): the member \(entry.name) has no header at byte \(at)")
        }
        let (nameCount, extraCount) = (u16(at + 26), u16(at + 28))
        let start = at + 30 + nameCount + extraCount
        guard start <= end, entry.size <= end - start else {
            throw .data(
                "\(file): the member \(entry.name) of \(entry.size) bytes reaches out of its place at byte \(at)")
        }
        // Writers that stream leave the sizes to a record behind the data, and say so by a flag.
        let sizes = [u32(at + 18), u32(at + 22)]
        let known = sizes.allSatisfy { $0 == entry.size || $0 == 0xffff_ffff || u16(at + 6) & 8 != 0 && $0 == 0 }
        guard bytes[at + 30..<at + 30 + nameCount].elementsEqual(bytes[entry.nameBytes]), u16(at + 8) == entry.method,
            known
        else { throw .data("\(file): the header of the member \(entry.name) and the directory contradict each other") }
        return (at, start..<start + entry.size)
    }
}
