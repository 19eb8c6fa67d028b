import Layers
import Testing
import Torch

@Suite(.serialized) struct PaddingTests {
    /// Each output of a SAME convolution by TensorFlow's definition, one product at a time.
    @Test(arguments: [(3, 1), (3, 2), (5, 1), (5, 2), (1, 2), (7, 2)], [(6, 8), (7, 5), (1, 2)])
    func sameIsTensorFlows(_ kernel: (side: Int, stride: Int), _ size: (height: Int, width: Int)) {
        let store = ParameterStore(seed: 1)
        let conv = Conv2d(store.root, 2, 3, kernel: kernel.side, stride: kernel.stride, padding: .same)
        let x = Tensor(
            (0..<2 * size.height * size.width).map { Float(($0 * 37) % 11) }, shape: [1, 2, size.height, size.width])
        let y = conv(x)
        let (h, w) = (
            (size.height + kernel.stride - 1) / kernel.stride, (size.width + kernel.stride - 1) / kernel.stride
        )
        #expect(y.shape == [1, 3, h, w])
        func before(_ size: Int, _ out: Int) -> Int { max(0, (out - 1) * kernel.stride + kernel.side - size) / 2 }
        let (top, left) = (before(size.height, h), before(size.width, w))
        let (input, weight, output) = (x.floats, conv.weight.contiguous().floats, y.contiguous().floats)
        for o in 0..<3 {
            for i in 0..<h {
                for j in 0..<w {
                    var sum = 0.0
                    for c in 0..<2 {
                        for a in 0..<kernel.side {
                            for b in 0..<kernel.side {
                                let (r, s) = (i * kernel.stride + a - top, j * kernel.stride + b - left)
                                if r < 0 || s < 0 || r >= size.height || s >= size.width { continue }
                                sum +=
                                    Double(input[(c * size.height + r) * size.width + s])
                                    * Double(weight[((o * 2 + c) * kernel.side + a) * kernel.side + b])
                            }
                        }
                    }
                    #expect(abs(sum - Double(output[(o * h + i) * w + j])) < 1e-4 * max(1, abs(sum)))
                }
            }
        }
    }

    /// The border of a max-pool counts for nothing, not for zero.
    @Test func maxPoolsBorderIsNothing() {
        let x = Tensor((0..<16).map { Float(-1 - $0) }, shape: [1, 1, 4, 4])
        #expect(x.maxPooled(kernel: 3, stride: 2, padding: .same).floats == [-1, -3, -9, -11])
        #expect(x.maxPooled(kernel: 3, stride: 2, padding: .symmetric).floats == [-1, -2, -5, -6])
    }

    @Test func separableConvolutionIsTwoInTurn() {
        let store = ParameterStore(seed: 2)
        let conv = SeparableConv2d(store.root, 4, 6, kernel: 3, bias: true)
        #expect(store.entries.map(\.name) == ["depthwise.weight", "pointwise.weight", "pointwise.bias"])
        guard let depthwise = store["depthwise.weight"], let pointwise = store["pointwise.weight"] else { return }
        let x = Tensor((0..<4 * 25).map { Float($0 % 7) }, shape: [1, 4, 5, 5]).channelsLast()
        let y = x.convolved(by: depthwise, padding: 1, groups: 4).convolved(by: pointwise)
        #expect((conv(x) - y).abs().max().item < 1e-5)
    }
}
