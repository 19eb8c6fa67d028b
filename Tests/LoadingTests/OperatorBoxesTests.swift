import Annotations
import Augmentation
import Testing

@testable import Loading

@Suite(.serialized) struct OperatorBoxesTests {
    /// Operators act on objects: in a crowd, as in the original, nothing is drawn for them.
    @Test func crowdsAreNoBoxesForOperators() throws {
        let scratch = try Scratch()
        var set = try scratch.pictures(6, seed: 1, folder: "set")
        var operators = RandAugment.detection
        (operators.operators, operators.drawsNothing) = ([.boxCutout], false)
        let policy = Policy(name: "cutout", operators: .random(operators), flip: 0, jitter: 1...1)
        func operations() throws -> [[Operation]] {
            try Loader(
                [Source(set, policy: policy)], .training(Sampler(counts: [6], shares: [3]), seed: 3), options(batch: 3),
                batches: 0..<4
            ).shots().flatMap(\.plans).map(\.operations)
        }
        #expect(try operations().allSatisfy { $0.count == 2 })
        // A crowd over all of each picture changes nothing as long as there are objects beside it.
        let before = try operations()
        for i in set.examples.indices {
            var crowd = set.examples[i].annotations[0]
            crowd.treatment = .ignore
            set.examples[i].annotations.append(crowd)
        }
        #expect(try operations() == before)
        for i in set.examples.indices { set.examples[i].annotations.removeAll { $0.treatment == .object } }
        #expect(try operations().allSatisfy(\.isEmpty))
    }

    /// The share of time that a trainer waits is counted where it waits.
    @Test func waitingIsCounted() throws {
        let scratch = try Scratch()
        let set = try scratch.pictures(6, seed: 1, folder: "set")
        let loader = Loader(
            [Source(set, policy: .s1)], .training(Sampler(counts: [6], shares: [6]), seed: 3), options(batch: 6),
            batches: 0..<3)
        #expect(loader.secondsWaited == 0)
        var waited = 0.0
        while try loader.nextBatch() != nil {
            #expect(loader.secondsWaited > waited)
            waited = loader.secondsWaited
        }
        #expect(waited > 0)
    }
}
