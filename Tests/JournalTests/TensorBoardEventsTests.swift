import Base
import Glibc
import Testing

@testable import Journal

/// An independent reader of protocol buffers: fields by number, wire type 0 as integer, 1 and 5 as bits, 2 as bytes.
private struct Fields {
    var integers: [Int: UInt64] = [:]
    var bits: [Int: UInt64] = [:]
    var bytes: [Int: [[UInt8]]] = [:]

    init(_ data: [UInt8]) {
        var at = 0
        func varint() -> UInt64 {
            var value: UInt64 = 0
            var shift: UInt64 = 0
            while data[at] >= 0x80 {
                value |= UInt64(data[at] & 0x7F) << shift
                shift += 7
                at += 1
            }
            value |= UInt64(data[at]) << shift
            at += 1
            return value
        }
        while at < data.count {
            let tag = varint()
            let field = Int(tag >> 3)
            switch tag & 7 {
            case 0: integers[field] = varint()
            case 2:
                let count = Int(varint())
                bytes[field, default: []].append(Array(data[at..<at + count]))
                at += count
            case let wire:
                let count = wire == 1 ? 8 : 4
                bits[field] = data[at..<at + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
                at += count
            }
        }
    }
}

/// The checksum bit by bit, from its definition: reflected, polynomial 0x1EDC6F41.
private func slowChecksum(_ data: ArraySlice<UInt8>) -> UInt32 {
    var crc: UInt32 = 0xFFFF_FFFF
    for byte in data {
        for bit in 0..<8 {
            let high = crc >> 31 ^ UInt32(byte >> UInt8(bit) & 1)
            crc <<= 1
            if high == 1 { crc ^= 0x1EDC_6F41 }
        }
    }
    var reversed: UInt32 = 0
    for bit in 0..<32 where crc >> UInt32(bit) & 1 == 1 { reversed |= 1 << UInt32(31 - bit) }
    let sum = reversed ^ 0xFFFF_FFFF
    return (sum >> 15 | sum << 17) &+ 0xA282_EAD8
}

private func records(_ path: String) throws -> [[UInt8]] {
    let data = try Files.read(path)
    var found: [[UInt8]] = []
    var at = 0
    func number(_ count: Int) -> UInt64 { data[at..<at + count].reversed().reduce(0) { $0 << 8 | UInt64($1) } }
    while at < data.count {
        let count = Int(number(8))
        let header = slowChecksum(data[at..<at + 8])
        at += 8
        #expect(UInt32(number(4)) == header)
        at += 4
        found.append(Array(data[at..<at + count]))
        let body = slowChecksum(data[at..<at + count])
        at += count
        #expect(UInt32(number(4)) == body)
        at += 4
    }
    return found
}

@Suite struct TensorBoardEventsTests {
    let folder = JournalFolder()

    /// RFC 3720, appendix B.4.
    @Test func theChecksumGivesTheKnownAnswers() {
        #expect(CRC32C.of([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(CRC32C.of([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
        #expect(CRC32C.of(Array(0..<32)) == 0x46DD_794E)
        #expect(CRC32C.of(Array("123456789".utf8)) == 0xE306_9283)
    }

    @Test func scalarsReadBack() throws {
        let events = try TensorBoardEvents(folder: folder.file("tb"), resumingAt: 0, time: 1_700_000_000.25)
        try events.append(step: 300, ["loss/total": 0.5, "lr": 0.125], time: 1_700_000_001)
        #expect(Files.name(events.path).hasPrefix("events.out.tfevents.1700000000."))
        let found = try records(events.path).map(Fields.init)
        #expect(found.count == 2)
        #expect(found[0].bytes[3]?.first.map { String(decoding: $0, as: UTF8.self) } == "brain.Event:2")
        #expect(found[0].bits[1] == (1_700_000_000.25).bitPattern)
        #expect(found[1].integers[2] == 300)
        let summary = Fields(try #require(found[1].bytes[5]?.first))
        let values = try #require(summary.bytes[1]).map(Fields.init)
        #expect(values.map { $0.bytes[1]?.first.map { String(decoding: $0, as: UTF8.self) } } == ["loss/total", "lr"])
        #expect(values.map { $0.bits[2].map { Float(bitPattern: UInt32($0)) } } == [0.5, 0.125])
    }

    @Test func aResumedRunStartsASession() throws {
        let first = try TensorBoardEvents(folder: folder.path, resumingAt: 0, time: 5)
        let second = try TensorBoardEvents(folder: folder.path, resumingAt: 40, time: 5)
        #expect(first.path != second.path)
        let event = try #require(try records(second.path).map(Fields.init).last)
        #expect(event.integers[2] == 41)
        #expect(Fields(try #require(event.bytes[7]?.first)).integers[1] == 1)
    }
}
