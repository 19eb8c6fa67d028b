import Base
import Testing

@testable import Checkpoints

@Suite struct ZipArchiveTests {
    private func outcome(_ zip: Zip) -> String { outcome(zip.bytes) }

    private func outcome(_ bytes: [UInt8]) -> String {
        bytes.withUnsafeBytes { buffer in
            do throws(Failure) {
                let archive = try ZipArchive(buffer, file: "f")
                for range in archive.members.values { #expect(range.upperBound <= buffer.count) }
                return "ok"
            } catch { return error.message }
        }
    }

    private let two = Zip([("a/data.pkl", [1, 2, 3]), ("a/data/0", [4, 5, 6, 7])])

    @Test func membersAreFound() throws {
        var zip = two
        for _ in 0..<2 {
            zip.comment = "a comment"
            let bytes = zip.bytes
            try bytes.withUnsafeBytes { buffer in
                let archive = try ZipArchive(buffer, file: "f")
                #expect(
                    archive.members.mapValues { Array(buffer[$0]) } == [
                        "a/data.pkl": [1, 2, 3], "a/data/0": [4, 5, 6, 7],
                    ])
            }
            zip.wide = true
        }
        // Sizes left to a record behind the data; and all numbers in zip64's own field.
        zip.members[0].flags = 8
        zip.members[0].localSize = 0
        let at = 30 + 10 + 3
        zip.members[1].size = .max
        zip.members[1].offset = .max
        zip.members[1].localSize = .max
        zip.members[1].wide = [4, 4, UInt64(at)]
        #expect(outcome(zip) == "ok")
        #expect(outcome(Zip([])) == "ok")
    }

    @Test func faultsAreNamed() {
        func changed(_ change: (inout Zip) -> Void) -> String {
            var zip = two
            change(&zip)
            return outcome(zip)
        }
        #expect(
            changed { $0.members[1].method = 8 }
                == "f: the member a/data/0 is compressed (method 8); torch.save stores its members as they are")
        #expect(changed { $0.members[1].flags = 1 } == "f: the member a/data/0 is encrypted")
        #expect(
            changed { $0.members[1].offset = 0 }
                == "f: the header of the member a/data/0 and the directory contradict each other")
        #expect(changed { $0.members[1].offset = 7 } == "f: the member a/data/0 has no header at byte 7")
        #expect(
            changed { $0.members[1].offset = 0xffff_fff0 } == "f: the member a/data/0 has no header at byte 4294967280")
        #expect(
            changed { $0.members[1].localName = "a/data/1" }
                == "f: the header of the member a/data/0 and the directory contradict each other")
        #expect(
            changed { $0.members[1].localSize = 3 }
                == "f: the header of the member a/data/0 and the directory contradict each other")
        #expect(
            changed { $0.members[1].localSize = 0 }
                == "f: the header of the member a/data/0 and the directory contradict each other")
        #expect(
            changed { $0.members[1].size = 5 }
                == "f: the member a/data/0 of 5 bytes reaches out of its place at byte 43")
        #expect(changed { $0.members[1].size = .max } == "f: the member a/data/0 lacks the numbers of zip64")
        #expect(
            changed {
                $0.members[1].size = .max; $0.members[1].wide = [.max, .max]
            }
                == "f: the member a/data/0 of 9223372036854775807 bytes reaches out of its place at byte 43")
        #expect(
            changed {
                $0.members[1].size = .max; $0.members[1].wide = [4, 3]
            }
                == "f: the member a/data/0 has 4 bytes of which 3 are stored")
        #expect(changed { $0.members.append($0.members[0]) } == "f: the member a/data.pkl is there twice")
        #expect(
            changed { $0.members[0].name = String(repeating: "n", count: 1025) }
                == "f: the name of a member has 1025 bytes; 1024 are allowed")
        #expect(changed { $0.count = 1 } == "f is damaged: its directory has 54 bytes behind the last member")
        #expect(changed { $0.count = 3 }.hasPrefix("f is damaged: byte "))
        // A member inside another's data.
        var inner = Zip([("b", [9])])
        inner.members[0].offset = UInt32(30 + 1)
        let header = Array(Zip([("b", [9])]).bytes.prefix(30 + 1 + 1))
        var outer = Zip([("a", header)])
        outer.members += inner.members
        #expect(outcome(outer) == "f: the members a and b overlap")
        // Two lines of the directory for one place.
        var shared = Zip([("a", [1]), ("a", [1])])
        shared.members[1].offset = 0
        #expect(outcome(shared) == "f: the member a is there twice")
    }

    @Test func everyCutIsRefused() {
        for zip in [
            two.bytes,
            {
                var zip = two; zip.wide = true; return zip.bytes
            }(),
        ] {
            for count in 0..<zip.count { #expect(outcome(Array(zip[..<count])) != "ok", "\(count)") }
        }
    }

    @Test func contentsOfTorchAreExpected() {
        func read(_ zip: Zip) -> String {
            zip.bytes.withUnsafeBytes { buffer in
                do throws(Failure) {
                    _ = try TorchFile.zip(buffer, file: "f", key: nil)
                    return "ok"
                } catch { return error.message }
            }
        }
        let pickle = Pickle.dictionary { $0.tensor(count: 1, shape: [1], strides: [1]) }
        let whole = Zip.torch(pickle, [[1, 2, 3, 4]])
        #expect(read(whole) == "ok")
        var big = whole
        big.members[1].data = Array("big".utf8)
        #expect(read(big) == "f has the byte order \"big\"; only little-endian files are read")
        var script = whole
        script.members.append(Zip.Member(name: "a/constants.pkl", data: []))
        #expect(
            read(script) == "f is a TorchScript program (torch.jit.save), which is not read; "
                + "torch.save(model.state_dict(), path) writes its tensors")
        var several = whole
        several.members.append(Zip.Member(name: "b/data.pkl", data: pickle))
        #expect(read(several) == "f has more than one data.pkl: a/data.pkl, b/data.pkl")
        #expect(read(Zip([("x", [])])) == "f is a zip archive, but not one of torch.save: it has no data.pkl")
        #expect(
            read(Zip([("model.weights.h5", [])]))
                == "f is a zip archive, but not one of torch.save: it has no data.pkl (it looks like a file of Keras)")
        var deflated = whole
        deflated.members[2].method = 8
        #expect(
            read(deflated)
                == "f: the member a/data/0 is compressed (method 8); torch.save stores its members as they are")
        // Two bytes behind the last element: what was seen as other elements.
        #expect(read(Zip.torch(pickle, [[1, 2, 3, 4, 5, 6]])) == "ok")
        #expect(
            read(Zip.torch(pickle, [[UInt8](repeating: 0, count: 8)]))
                == "f: the member a/data/0 has 8 bytes; FloatStorage of 1 takes 4")
    }
}
