import Layers
import Models
import Testing
import Torch

@Suite(.serialized) struct FPNTests {
    private func levels(_ sizes: [(Int, Int)], norm: Norm = .none) -> (ParameterStore, [Tensor], [Tensor]) {
        let store = ParameterStore(seed: 1)
        let fpn = FPN(store.root, from: [6, 8, 10], to: 4, FPNSpec(norm: norm))
        let features = zip(sizes, [6, 8, 10]).enumerated().map { i, size in
            Tensor(
                (0..<size.1 * size.0.0 * size.0.1).map { Float(u(i, $0)) }, shape: [1, size.1, size.0.0, size.0.1]
            ).channelsLast()
        }
        return (store, features, withoutGradients { fpn(features, .inference) })
    }

    /// 160 pixels have 20, 10 and 5 cells, then 3 and 2; 96 x 224: 12 x 28, 6 x 14, 3 x 7, 2 x 4, 1 x 2.
    @Test func sizesThatAreNoPowersOfTwo() {
        let square = levels([(20, 20), (10, 10), (5, 5)]).2
        #expect(square.map(\.shape) == [20, 10, 5, 3, 2].map { [1, 4, $0, $0] })
        let wide = levels([(12, 28), (6, 14), (3, 7)]).2
        #expect(wide.map(\.shape) == [(12, 28), (6, 14), (3, 7), (2, 4), (1, 2)].map { [1, 4, $0.0, $0.1] })
        // A level need not be twice the next: 13 cells over 7 over 4.
        #expect(levels([(13, 13), (7, 7), (4, 4)]).2.map { $0.size(2) } == [13, 7, 4, 2, 1])
    }

    /// The definition with the store's own weights: lateral, nearest upsampling, addition, 3x3.
    @Test func levelsByHand() throws {
        let (store, c, p) = levels([(13, 9), (7, 5), (4, 3)])
        func conv(_ x: Tensor, _ name: String, stride: Int = 1, padding: Int = 1) throws -> Tensor {
            x.convolved(
                by: try #require(store["\(name).weight"]), bias: store["\(name).bias"], stride: stride,
                padding: padding)
        }
        // Nearest: target i takes source floor(i * in / out).
        func enlarged(_ x: Tensor, _ h: Int, _ w: Int) -> Tensor {
            let rows = Tensor((0..<h).map { Int64($0 * x.size(2) / h) })
            let columns = Tensor((0..<w).map { Int64($0 * x.size(3) / w) })
            return x.indexed(2, rows).indexed(3, columns)
        }
        try withoutGradients {
            var top = try conv(c[2], "inner_blocks.2.0", padding: 0)
            var expected = [try conv(top, "layer_blocks.2.0")]
            for i in [1, 0] {
                top = try conv(c[i], "inner_blocks.\(i).0", padding: 0) + enlarged(top, c[i].size(2), c[i].size(3))
                expected.insert(try conv(top, "layer_blocks.\(i).0"), at: 0)
            }
            expected.append(try conv(expected[2], "extra_blocks.p6", stride: 2))
            expected.append(try conv(expected[3].relu(), "extra_blocks.p7", stride: 2))
            for (a, b) in zip(p, expected) { #expect((a - b).abs().max().item < 1e-5) }
        }
    }

    @Test func normsComeLastAndHaveNoActivation() throws {
        let (_, _, plain) = levels([(8, 8), (4, 4), (2, 2)])
        let (store, _, normed) = levels([(8, 8), (4, 4), (2, 2)], norm: .paper)
        for (i, (a, b)) in zip(plain, normed).enumerated() {
            // Fresh statistics: a division by sqrt(1 + 1e-4).
            #expect((a * (1 / 1.0001.squareRoot()) - b).abs().max().item < 1e-6, "P\(i + 3)")
        }
        #expect(normed[0].min().item < 0)
        #expect(store["norms.p7.running_var"] != nil)
    }

    /// From C2 on and no further than C5: the levels of C3...C5 are what a pyramid without P2 gives, P2 one step more.
    @Test func fromC2() throws {
        let channels = [5, 6, 8, 10]
        let sizes = [26, 13, 7, 4]
        let maps = zip(channels, sizes).enumerated().map { i, size in
            Tensor((0..<size.0 * size.1 * size.1).map { Float(u(i, $0)) }, shape: [1, size.0, size.1, size.1])
        }
        var spec = FPNSpec(norm: .none)
        let from3 = ParameterStore(seed: 2)
        let shorter = FPN(from3.root, from: Array(channels.dropFirst()), to: 4, spec)
        spec.levels = 2...5
        let from2 = ParameterStore(seed: 1)
        let longer = FPN(from2.root, from: channels, to: 4, spec)
        #expect(from2["extra_blocks.p6.weight"] == nil)
        try withoutGradients {
            for i in 0..<3 {
                for name in ["inner_blocks", "layer_blocks"] {
                    for part in ["weight", "bias"] {
                        try #require(from3["\(name).\(i).0.\(part)"]).assign(
                            try #require(from2["\(name).\(i + 1).0.\(part)"]))
                    }
                }
            }
            let all = longer(maps, .inference)
            let upper = shorter(Array(maps.dropFirst()), .inference)
            #expect(all.map { $0.size(2) } == sizes)
            for (a, b) in zip(all.dropFirst(), upper) { #expect((a - b).abs().max().item == 0) }
            func conv(_ x: Tensor, _ name: String, padding: Int) throws -> Tensor {
                x.convolved(
                    by: try #require(from2["\(name).weight"]), bias: from2["\(name).bias"], padding: padding)
            }
            let rows = (0..<4).map { i in (0..<sizes[i]).map { Int64($0 * (i < 3 ? sizes[i + 1] : 1) / sizes[i]) } }
            var top = try conv(maps[3], "inner_blocks.3.0", padding: 0)
            for i in [2, 1, 0] {
                top =
                    try conv(maps[i], "inner_blocks.\(i).0", padding: 0)
                    + top.indexed(2, Tensor(rows[i])).indexed(3, Tensor(rows[i]))
            }
            #expect((try conv(top, "layer_blocks.0.0", padding: 1) - all[0]).abs().max().item < 1e-5)
        }
    }
}
