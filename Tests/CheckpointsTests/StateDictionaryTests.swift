import Base
import Testing

@testable import Checkpoints

/// A dictionary of dictionaries in which `t` is a tensor; written as a pickle.
private indirect enum Tree {
    case t, one
    case of([(String, Tree)])

    func write(to pickle: inout Pickle) {
        switch self {
        case .t: pickle.tensor(count: 1, shape: [1], strides: [1])
        case .one: pickle.int(1)
        case .of(let members):
            pickle.op(.emptyDict)
            for (name, tree) in members {
                pickle.text(name)
                tree.write(to: &pickle)
                pickle.op(.setitem)
            }
        }
    }
}

@Suite struct StateDictionaryTests {
    /// The names and notes, or the message.
    private func outcome(_ members: [(String, Tree)], key: String? = nil) -> (names: [String], notes: [String]) {
        let pickle = Pickle.of { Tree.of(members).write(to: &$0) }
        return Zip.torch(pickle, [[0, 0, 0, 0]]).bytes.withUnsafeBytes { buffer in
            do throws(Failure) {
                let contents = try TorchFile.zip(buffer, file: "f", key: key)
                return (contents.entries.map(\.name), contents.notes)
            } catch { return ([], [error.message]) }
        }
    }

    private let weights = Tree.of([("a.w", .t)])

    @Test func usualKeysHaveAnOrder() {
        for i in StateDictionary.usualKeys.indices {
            let members = StateDictionary.usualKeys[i...].reversed().map { ($0, weights) }
            let found = outcome(members + [("epoch", .one)])
            #expect(found.names == ["a.w"])
            #expect(found.notes.first == "took \"\(StateDictionary.usualKeys[i])\"")
        }
        let both = outcome([("model", weights), ("state_dict", .of([("b", .t)])), ("mean", .t)])
        #expect(both.names == ["b"])
        #expect(both.notes == ["took \"state_dict\"", "did not take \"model\"", "did not take \"mean\""])
        // One that holds no tensors is none; one in another is found.
        #expect(outcome([("ema", .one), ("state_dict", .of([])), ("model", weights)]).names == ["a.w"])
        let deeper = outcome([("model", .of([("state_dict", weights)]))])
        #expect(deeper.names == ["a.w"] && deeper.notes == ["took \"model.state_dict\""])
    }

    @Test func dictionariesInsideAreJoinedByDots() {
        let found = outcome([("a", .of([("w", .t), ("n", .one), ("b", .of([("w", .t)]))])), ("c", .t)])
        #expect(found.names == ["a.w", "a.b.w", "c"])
        #expect(found.notes == ["left out what is no tensor: \"a.n\""])
        #expect(outcome([("a", .of([("w", .t)])), ("a.w", .t)]).notes == ["f has two tensors named \"a.w\""])
    }

    @Test func theOnlyOneIsTakenAndOneOfSeveralIsChosen() {
        let only = outcome([("resnet", weights), ("epoch", .one)])
        #expect(only.names == ["a.w"] && only.notes == ["took \"resnet\""])
        let two: [(String, Tree)] = [
            ("resnet", .of([("body", weights), ("head", .of([("w", .t)]))])), ("x", weights), ("y.z", weights),
        ]
        #expect(
            outcome(two).notes == ["f holds several dictionaries of tensors; choose one by its key: \"x\", \"y.z\""])
        #expect(outcome(two, key: "y.z").names == ["a.w"])
        #expect(outcome(two, key: "resnet.head").names == ["w"])
        #expect(
            outcome(two, key: "resnet").notes == [
                "f: \"resnet\" holds several dictionaries of tensors; choose one by its key: \"body\", \"head\""
            ])
        #expect(outcome(two, key: "resnet.haed").notes == ["f has no \"resnet.haed\"; did you mean head?"])
        #expect(outcome(two, key: "backbone").notes == ["f has no \"backbone\""])
        #expect(
            outcome([("epoch", .one), ("lr", .one)]).notes
                == ["f holds no dictionary of tensors; it holds \"epoch\", \"lr\""])
    }

    @Test func aSharedPrefixIsTakenOff() {
        let all = outcome([("module.a", .t), ("module.b", .t)])
        #expect(all.names == ["a", "b"] && all.notes == ["took the prefix \"module.\" off all names"])
        #expect(outcome([("module.module.a", .t)]).names == ["a"])
        #expect(outcome([("module.a", .t), ("b", .t)]).names == ["module.a", "b"])
        #expect(outcome([("module.", .t)]).names == ["module."])
        #expect(outcome([("modules.a", .t)]).names == ["modules.a"])
        let averaged = outcome([("n_averaged", .t), ("module.a", .t)])
        #expect(averaged.names == ["a"] && averaged.notes.last == "left out the counter \"n_averaged\"")
        #expect(outcome([("n_averaged", .t), ("a", .t)]).names == ["n_averaged", "a"])
    }
}
