import Base
import Testing

@testable import Checkpoints

/// What a pickle gives in the middle of a zip archive with one storage of 4 floats: "ok", or the message behind the file.
private func outcome(_ pickle: [UInt8], data: [[UInt8]] = [[UInt8](repeating: 1, count: 16)]) -> String {
    message { buffer throws(Failure) in try TorchFile.zip(buffer, file: "f", key: nil) }(Zip.torch(pickle, data).bytes)
}

private func message(
    _ read: @escaping (UnsafeRawBufferPointer) throws(Failure) -> WeightsContents
) -> ([UInt8]) -> String {
    { bytes in
        bytes.withUnsafeBytes { buffer in
            do throws(Failure) {
                _ = try read(buffer)
                return "ok"
            } catch {
                #expect(error.code == .invalidData)
                return error.message.replacing("f: a/data.pkl, ", with: "")
            }
        }
    }
}

private let expected =
    ", which is not read: tensors and plain containers were expected, as torch.save(model.state_dict(), path) writes"

@Suite struct PickleTests {
    private func ok(_ body: (inout Pickle) -> Void) -> String { outcome(Pickle.dictionary("w", body)) }

    @Test func codeIsRefusedByItsName() {
        // The classic: REDUCE of os.system. On Linux a pickle says posix.
        for (module, name) in [
            ("posix", "system"), ("os", "system"), ("builtins", "eval"), ("builtins", "getattr"),
            ("subprocess", "Popen"), ("torch.storage", "_load_from_bytes"), ("torch.hub", "load"), ("torch", "load"),
            ("collections", "namedtuple"), ("torch._utils", "_import_dotted_name"), ("numpy", "load"), ("", ""),
        ] {
            let pickle = Pickle.of { pickle in
                pickle.global(module, name)
                pickle.text("true")
                pickle.op(.tuple1)
                pickle.op(.reduce)
            }
            #expect(outcome(pickle) == "byte 2: GLOBAL names \(module).\(name)" + expected)
        }
        let stacked = Pickle.of { pickle in
            pickle.text("posix")
            pickle.text("system")
            pickle.op(.stackGlobal)
        }
        #expect(outcome(stacked) == "byte 23: STACK_GLOBAL names posix.system" + expected)
        // A class that is allowed does not lend its attributes.
        #expect(
            ok { $0.global("collections", "OrderedDict.__init__.__globals__") }
                == "byte 9: GLOBAL names collections.OrderedDict.__init__.__globals__" + expected)
    }

    /// Every opcode that state dictionaries have no use for.
    @Test(arguments: [
        PickleOpcode.float, .string, .unicode, .dict, .list, .get, .put, .persid, .inst, .obj, .ext1, .ext2, .ext4,
        .nextBuffer, .readonlyBuffer,
    ]) func opcodesAreRefusedByTheirName(_ opcode: PickleOpcode) {
        #expect(
            ok { $0.op(opcode, Array("0\n".utf8)) } == "byte 9: \(opcode.name) is not an opcode of a state dictionary")
    }

    @Test func namesOfOpcodesAreThoseOfPython() {
        let names = [
            PickleOpcode.shortBinstring: "SHORT_BINSTRING", .longBinput: "LONG_BINPUT", .tuple1: "TUPLE1",
            .newobjEx: "NEWOBJ_EX", .binunicode8: "BINUNICODE8", .bytearray8: "BYTEARRAY8", .popMark: "POP_MARK",
        ]
        for (opcode, name) in names { #expect(opcode.name == name) }
        #expect(PickleOpcode.allCases.count == 68)
    }

    @Test func brokenPicklesAreNamed() {
        let zeroes = [UInt8](repeating: 0, count: 8)
        let table: [(String, (inout Pickle) -> Void)] = [
            ("byte 9: 0xff is no opcode of a pickle", { $0.bytes.append(0xff) }),
            ("byte 9: PROTO 6: protocols to 5 are read", { $0.op(.proto, [6]) }),
            ("byte 9: FRAME of 200 bytes; 2 follow", { $0.op(.frame, [200] + zeroes[1...]) }),
            ("byte 9: the memo has nothing at 7", { $0.op(.binget, [7]) }),
            (
                "byte 9: LONG_BINPUT to 4294967295 of the memo at operation 4",
                { $0.op(.longBinput, [255, 255, 255, 255]) }
            ),
            (
                "byte 9: the pickle is cut off: 4294967295 bytes were expected, 2 follow",
                { $0.op(.binunicode, [255, 255, 255, 255]) }
            ),
            (
                "byte 9: the pickle is cut off: 9223372036854775807 bytes were expected, 2 follow",
                { $0.op(.binbytes8, [UInt8](repeating: 255, count: 8)) }
            ),
            ("byte 9: TUPLE finds no mark", { $0.op(.tuple) }),
            (
                "byte 10: TUPLE2 finds too few values",
                {
                    $0.op(.mark); $0.op(.tuple2)
                }
            ),
            (
                "byte 10: REDUCE finds no value",
                {
                    $0.op(.mark); $0.op(.reduce)
                }
            ),
            (
                "byte 11: APPENDS to text",
                {
                    $0.op(.mark); $0.op(.none); $0.op(.appends)
                }
            ),
            ("byte 9: POP_MARK finds no mark", { $0.op(.popMark) }),
            (
                "byte 11: SETITEMS with a key that has no value",
                {
                    $0.op(.mark); $0.op(.none); $0.op(.setitems)
                }
            ),
            (
                "byte 10: STACK_GLOBAL of text and None; two texts were expected",
                {
                    $0.op(.none); $0.op(.stackGlobal)
                }
            ),
            (
                "byte 11: REDUCE calls None; a class or function was expected",
                {
                    $0.op(.none); $0.op(.emptyTuple); $0.op(.reduce)
                }
            ),
            ("byte 9: INT of \"1x\"", { $0.op(.int, Array("1x\n".utf8)) }),
            ("byte 9: the pickle is cut off: a line of GLOBAL does not end", { $0.op(.global, Array("os".utf8)) }),
        ]
        for (message, body) in table { #expect(ok(body) == message) }
        #expect(outcome(Pickle.of { _ in }) == "byte 2: STOP with 0 values and 0 marks; one value was expected")
        #expect(
            outcome(
                Pickle.of {
                    $0.op(.none); $0.op(.mark)
                })
                == "byte 4: STOP with 1 values and 1 marks; one value was expected")
        #expect(outcome([]) == "byte 0: the pickle is cut off: it does not end with STOP")
        #expect(outcome(Pickle.of { $0.op(.none) }) == "f holds None; a dictionary of tensors was expected")
        #expect(outcome(Pickle.of { $0.op(.emptyDict) }) == "f holds no dictionary of tensors; it is empty")
        #expect(outcome(Pickle.of { $0.op(.emptyDict) } + [0]) == "f: a/data.pkl has 1 bytes behind its end")
    }

    @Test func buildAndCallsAreBound() {
        #expect(
            ok {
                $0.op(.emptyList); $0.op(.emptyDict); $0.op(.build)
            } == "byte 11: BUILD of a list")
        #expect(
            ok {
                $0.global("torch", "Size"); $0.op(.emptyDict); $0.op(.build)
            } == "byte 22: BUILD of a class or function")
        #expect(
            ok {
                $0.op(.emptyDict); $0.op(.newtrue); $0.op(.build)
            } == "byte 11: BUILD of a dictionary with a truth value")
        let tensor: (inout Pickle) -> Void = { $0.tensor(count: 4, shape: [4], strides: [1]) }
        #expect(ok(tensor) == "ok")
        #expect(
            ok {
                tensor(&$0); $0.op(.emptyDict); $0.op(.build)
            }.hasSuffix(": BUILD of a tensor with a dictionary"))
        #expect(
            ok {
                tensor(&$0); $0.op(.emptyTuple); $0.op(.build)
            }.hasSuffix(": BUILD of a tensor with a tuple of 0"))
        #expect(
            ok {
                $0.global("torch", "FloatStorage"); $0.op(.emptyTuple); $0.op(.reduce)
            }
                == "byte 30: REDUCE calls torch.FloatStorage")
        #expect(
            ok {
                $0.global("torch._utils", "_rebuild_parameter"); $0.op(.none); $0.op(.tuple1); $0.op(.reduce)
            }
            .hasSuffix(": a parameter of None; a tensor was expected"))
        // A rebuilding of a rebuilding of a rebuilding ends at once.
        #expect(
            ok { pickle in
                for _ in 0..<3 { pickle.global("torch._tensor", "_rebuild_from_type_v2") }
                pickle.op(.emptyTuple)
                pickle.op(.tuple3)
                pickle.op(.reduce)
            }.hasSuffix(": torch._tensor._rebuild_from_type_v2 of something else than a tensor"))
    }

    @Test func persistentIdsAreStoragesAlone() {
        #expect(
            ok {
                $0.text("0"); $0.op(.binpersid)
            } == "byte 15: BINPERSID of text; the tuple of a storage was expected")
        #expect(
            ok { pickle in
                pickle.text("module")
                pickle.op(.tuple1)
                pickle.op(.binpersid)
            } == "byte 21: a whole model; torch.save(model.state_dict(), path) writes its tensors")
        #expect(ok { $0.storage(count: -1) }.hasSuffix(": BINPERSID of something else than a storage"))
        #expect(
            ok { $0.storage(key: String(repeating: "0", count: 65), count: 1) }
                .hasSuffix(": BINPERSID of something else than a storage"))
        #expect(
            ok {
                $0.storage(count: 4); $0.op(.pop); $0.storage("HalfStorage", count: 4)
            }
            .hasSuffix(": storage 0 is described twice, in different words"))
    }

    @Test func viewsStayInTheirStorage() {
        func view(count: Int = 4, offset: Int = 0, _ shape: [Int], _ strides: [Int]) -> String {
            ok { $0.tensor(count: count, offset: offset, shape: shape, strides: strides) }
                .replacing("f: tensor \"w\" ", with: "")
        }
        #expect(view([2, 2], [1, 2]) == "ok")
        #expect(view([], []) == "ok")
        #expect(view(offset: 4, [0, 5], [5, 1]) == "ok")
        #expect(view([3, 4, 5], [0, 1, 0]) == "ok")
        #expect(
            view([5], [1]) == "reaches out of its storage of 4 elements: offset 0, shape [5], strides [1]")
        #expect(
            view(offset: 3, [2], [1]) == "reaches out of its storage of 4 elements: offset 3, shape [2], strides [1]")
        #expect(
            view([2, 2], [3, 1]) == "reaches out of its storage of 4 elements: offset 0, shape [2, 2], strides [3, 1]")
        #expect(
            view(offset: 5, [0], [1]) == "reaches out of its storage of 4 elements: offset 5, shape [0], strides [1]")
        #expect(view([1 << 62, 4], [0, 0]).hasPrefix("has a shape of more bytes than can be counted"))
        #expect(view([2, 3], [.max, .max]).hasPrefix("has a shape of more bytes than can be counted"))
        #expect(view([1 << 40], [0]).hasPrefix("takes 4398046511104 bytes out of a file of "))
        let negative = ": a tensor with an offset, size or stride that is negative or no integer"
        #expect(view([-1], [1]).hasSuffix(negative))
        #expect(view([4], [-1]).hasSuffix(negative))
        #expect(view(offset: -1, [4], [1]).hasSuffix(negative))
        #expect(view([4], [1, 1]).hasSuffix(": a tensor of 1 sizes and 2 strides"))
        let many = [Int](repeating: 1, count: 65)
        #expect(view(many, many).hasSuffix(": a tensor of 65 sizes and 65 strides"))
        #expect(view(count: 5, [4], [1]) == "f: the member a/data/0 has 16 bytes; FloatStorage of 5 takes 20")
        #expect(
            view(count: .max, [4], [1])
                == "f: the member a/data/0 has 16 bytes; FloatStorage of 9223372036854775807 takes more")
        #expect(
            ok { $0.tensor(key: "1", count: 4, shape: [4], strides: [1]) }
                == "f lacks the member a/data/1, which its tensors are in")
    }

    /// Much out of little: each is refused or cheap.
    @Test func bombsDoNotGoOff() {
        // A million nested tuples, lists and dictionaries: no depth of calls.
        for wrap in [[0x85], [0x5d, 0x62], [0x28]] as [[UInt8]] {
            var bytes: [UInt8] = [0x80, 2, 0x4e]
            for _ in 0..<1_000_000 { bytes += wrap }
            #expect(outcome(bytes + [0x2e]) != "ok")
        }
        let deep = Pickle.of { pickle in
            pickle.op(.emptyDict)
            for _ in 0..<100_000 {
                pickle.text("model")
                pickle.op(.emptyDict)
            }
            for _ in 0..<100_000 { pickle.op(.setitem) }
        }
        #expect(outcome(deep) == "f holds no dictionary of tensors; it holds \"model\"")
        // Dictionaries that hold one another twice.
        for (keys, levels) in [(["model", "net"], 40), (["a", "b"], 40), (["a", "b"], 10)] as [([String], UInt8)] {
            let laughs = Pickle.of { pickle in
                pickle.op(.emptyDict)
                for level in 0..<levels {
                    pickle.op(.binput, [level])
                    pickle.op(.pop)
                    pickle.op(.emptyDict)
                    for key in keys {
                        pickle.text(key)
                        pickle.op(.binget, [level])
                        pickle.op(.setitem)
                    }
                }
                pickle.text("w")
                pickle.tensor(count: 4, shape: [4], strides: [1])
                pickle.op(.setitem)
            }
            let prefix = String(repeating: "\(keys[0]).", count: 17)
            #expect(
                outcome(laughs) == "f: "
                    + (levels == 10
                        ? "the dictionary \"a.a.a.a.a.a.a.a.a.b\" stands in two places"
                        : "dictionaries are nested too deep below \"\(prefix)\""))
        }
        let cycle = Pickle.dictionary { pickle in
            pickle.tensor(count: 4, shape: [4], strides: [1])
            pickle.op(.setitem)
            pickle.op(.memoize)
            pickle.text("self")
            pickle.op(.binget, [0])
        }
        #expect(outcome(cycle) == "f: the dictionary \"self\" stands in two places")
        // Names of names: each level would double the text.
        let long = String(repeating: "n", count: 1000)
        let names = Pickle.of { pickle in
            pickle.op(.emptyDict)
            pickle.text("w")
            pickle.tensor(count: 4, shape: [4], strides: [1])
            pickle.op(.setitem)
            pickle.text(long)
            pickle.op(.emptyDict)
            pickle.text(long)
            pickle.op(.none)
            pickle.op(.setitem)
            pickle.op(.setitem)
        }
        #expect(outcome(names) == "f has a name of 2001 bytes; 1024 are allowed")
        // Operations without end.
        let endless = [0x80, 2, 0x4e] + [UInt8](repeating: 0x32, count: 10_000_001)
        #expect(outcome(endless) == "byte 10000001: more than 10000000 operations")
        // A list that is copied again and again.
        var copies = Pickle()
        copies.op(.emptyList)
        copies.op(.memoize)
        copies.op(.mark)
        for _ in 0..<10_000 { copies.op(.emptyTuple) }
        copies.op(.appends)
        #expect(outcome(copies.bytes + [0x2e]) == "f holds a list; a dictionary of tensors was expected")
        copies.op(.pop)
        copies.op(.emptyList)
        copies.op(.memoize)
        copies.op(.mark)
        copies.op(.none)
        copies.op(.none)
        copies.op(.tuple2)
        copies.op(.memoize)
        for _ in 0..<9_999 { copies.op(.binget, [2]) }
        copies.op(.appends)
        copies.op(.pop)
        for _ in 0..<2_000 {
            copies.global("collections", "OrderedDict")
            copies.op(.binget, [1])
            copies.op(.tuple1)
            copies.op(.reduce)
        }
        #expect(outcome(copies.bytes + [0x2e]).hasSuffix(": more than 10000000 operations"))
    }

    /// What torch wrote with Python 2, and before 0.4.
    @Test func oldWaysAreRead() throws {
        // Texts as byte strings, an OrderedDict of a list of pairs, `_rebuild_tensor`.
        let pairs = Pickle.of { pickle in
            pickle.global("collections", "OrderedDict")
            pickle.op(.emptyList)
            pickle.op(.mark)
            pickle.op(.emptyList)
            pickle.op(.mark)
            pickle.op(.shortBinstring, [1] + Array("w".utf8))
            pickle.global("torch._utils", "_rebuild_tensor")
            pickle.op(.mark)
            pickle.storage(count: 4, old: true)
            pickle.int(1)
            pickle.tuple([3])
            pickle.tuple([1])
            pickle.op(.tuple)
            pickle.op(.reduce)
            pickle.op(.appends)
            pickle.op(.appends)
            pickle.op(.tuple1)
            pickle.op(.reduce)
        }
        #expect(outcome(pairs) == "ok")
        // A tensor that BUILD fills, in a parameter to which BUILD gives its state.
        let built = Pickle.dictionary { pickle in
            pickle.global("torch.nn.parameter", "Parameter")
            pickle.global("torch", "FloatTensor")
            pickle.op(.emptyTuple)
            pickle.op(.newobj)
            pickle.op(.mark)
            pickle.storage(count: 4)
            pickle.int(0)
            pickle.tuple([2])
            pickle.tuple([1])
            pickle.op(.tuple)
            pickle.op(.build)
            pickle.op(.tuple1)
            pickle.op(.newobj)
            pickle.op(.newtrue)
            pickle.op(.newfalse)
            pickle.op(.emptyDict)
            pickle.op(.tuple3)
            pickle.op(.build)
        }
        #expect(outcome(built) == "ok")
        let unfilled = ok {
            $0.global("torch", "FloatTensor"); $0.op(.emptyTuple); $0.op(.newobj)
        }
        #expect(unfilled == "f: tensor \"w\" was made and never filled")
    }

    @Test func legacyFilesAreChecked() {
        let read = message { buffer throws(Failure) in try TorchFile.pickle(buffer, file: "f", key: nil) }
        let objects = Pickle.dictionary { $0.tensor(count: 2, shape: [2], strides: [1], old: true) }
        let data = little(2) + [UInt8](repeating: 0, count: 8)
        #expect(read(legacy(objects, keys: ["0"], data: data)) == "ok")
        #expect(read(legacy(objects, keys: ["0"], data: data + [0])) == "f has 1 bytes behind its last storage")
        #expect(
            read(legacy(objects, keys: ["0"], data: Array(data.dropLast())))
                == "f is cut off: storage 0 takes 2 elements, 7 bytes follow")
        #expect(read(legacy(objects, keys: ["0"])) == "f is cut off before the elements of storage 0")
        #expect(
            read(legacy(objects, keys: ["0"], data: little(3) + data))
                == "f: storage 0 has 3 elements; its tensors say 2")
        #expect(
            read(legacy(objects, keys: ["0"], data: little(-1) + data))
                == "f: storage 0 has -1 elements; its tensors say 2")
        #expect(read(legacy(objects, keys: [])) == "f does not have storage 0")
        let twice = "f lists a storage twice, or one that no tensor is in"
        #expect(read(legacy(objects, keys: ["0", "0"], data: data + data)) == twice)
        #expect(read(legacy(objects, keys: ["1"], data: data)) == twice)
        #expect(
            read(legacy(objects, keys: ["0"], data: data, littleEndian: false))
                == "f has the byte order \"big\"; only little-endian files are read")
        let foreign = "f is a Python pickle, but not one of torch.save"
        #expect(read(legacy(objects, keys: ["0"], data: data, version: 1002)) == foreign)
        #expect(read(Pickle.of { $0.op(.emptyDict) }) == foreign)
        let system = Pickle.of { pickle in
            pickle.global("posix", "system")
            pickle.text("true")
            pickle.op(.tuple1)
            pickle.op(.reduce)
        }
        #expect(read(system) == "f, byte 2: GLOBAL names posix.system" + expected)
        #expect(read(legacy(system)) == "f, byte 54: GLOBAL names posix.system" + expected)
    }
}
