import Testing

@testable import Base

@Suite struct RandomTests {
    /// The authors' known-answer test (Random123, kat_vectors: philox4x32 10 rounds, digits of pi).
    @Test func philoxGivesTheKnownAnswer() {
        let zero = Random.philox((0, 0, 0, 0), (0, 0))
        #expect([zero.0, zero.1, zero.2, zero.3] == [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8])
        let pi = Random.philox(
            (0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344), (0xa409_3822, 0x299f_31d0))
        #expect([pi.0, pi.1, pi.2, pi.3] == [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1])
    }

    @Test func positionIsState() {
        var a = Random(seed: 7, purpose: .order, epoch: 3, index: 5)
        var b = Random(seed: 7, purpose: .order, epoch: 3, index: 5)
        #expect((0..<100).map { _ in a.next() } == (0..<100).map { _ in b.next() })
        var c = Random(seed: 7, purpose: .order, epoch: 5, index: 3)
        var d = Random(seed: 7, purpose: .augmentation, epoch: 3, index: 5)
        let first = [a.next(), c.next(), d.next()]
        #expect(Set(first).count == 3)
    }

    @Test func uniformNumbersAreUniform() {
        var random = Random(seed: 1, purpose: .test)
        var bins = [Int](repeating: 0, count: 10)
        for _ in 0..<100_000 { bins[Int(random.uniform() * 10)] += 1 }
        // chi-square with 9 degrees of freedom stays under 27.9 with probability 0.999
        #expect(bins.reduce(0.0) { $0 + (Double($1) - 10_000) * (Double($1) - 10_000) / 10_000 } < 27.9)
    }

    @Test func permutationHoldsEachIndexOnce() {
        var random = Random(seed: 1, purpose: .order)
        #expect(random.permutation(1000).sorted() == Array(0..<1000))
        #expect(random.permutation(0).isEmpty)
    }
}
