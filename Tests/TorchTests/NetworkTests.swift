import Base
import Testing
import Torch

/// Operators of networks and rearrangements on numbers that can be worked out by hand.
@Suite(.serialized) struct NetworkTests {
    private let grid = Tensor((1...16).map { Float($0) }, shape: [1, 1, 4, 4])

    @Test func pooling() {
        #expect(grid.maxPooled(kernel: 2, stride: 2).floats == [6, 8, 14, 16])
        #expect(grid.maxPooled(kernel: 3, stride: 2, padding: 1).floats == [6, 8, 14, 16])
        #expect(grid.averagePooled(kernel: 2, stride: 2).floats == [3.5, 5.5, 11.5, 13.5])
    }

    @Test func enlarging() {
        let x = Tensor([1, 2, 3, 4] as [Float], shape: [1, 1, 2, 2])
        #expect(x.upsampledNearest(height: 4, width: 2).floats == [1, 2, 1, 2, 3, 4, 3, 4])
        #expect(x.upsampledNearest(height: 3, width: 3).floats == [1, 1, 2, 1, 1, 2, 3, 3, 4])
        // Half-pixel centres: a quarter of the way from the first to the second.
        #expect(x.upsampledBilinear(height: 2, width: 4).floats == [1, 1.25, 1.75, 2, 3, 3.25, 3.75, 4])
    }

    @Test func softmaxAndCrossEntropy() {
        let logits = Tensor([0, 1, 2, 3, 0, 0] as [Float], shape: [2, 3])
        let p = logits.softmax(1).floats
        for (a, b) in zip(p, [0.09003057, 0.24472847, 0.66524096, 0.90944301, 0.04527850, 0.04527850] as [Float]) {
            #expect(abs(a - b) < 1e-6)
        }
        #expect((logits.logSoftmax(1).exp() - logits.softmax(1)).abs().max().item < 1e-6)
        let target = Tensor([2, 0] as [Int64])
        #expect(abs(logits.crossEntropy(target).item - (0.40760596 + 0.09492300) / 2) < 1e-6)
        #expect(abs(logits.crossEntropy(target, mean: false).item - 0.50252896) < 1e-6)
        #expect(abs(logits.crossEntropy(Tensor([2, -100] as [Int64])).item - 0.40760596) < 1e-6)
        // Smoothing 0.3 spreads 0.1 on each class: 0.7 of the loss and 0.1 of every -log p.
        let smooth = 0.7 * 0.40760596 + 0.1 * (2.40760596 + 1.40760596 + 0.40760596)
        #expect(
            abs(
                logits.narrowed(0, start: 0, length: 1).crossEntropy(Tensor([2] as [Int64]), smoothing: 0.3).item
                    - smooth) < 1e-6)
    }

    @Test func rearranging() {
        let x = Tensor((0..<6).map { Float($0) }, shape: [2, 3])
        #expect(x.permuted([1, 0]).floats == [0, 3, 1, 4, 2, 5])
        #expect(x.reshaped([3, -1]).shape == [3, 2])
        #expect(x.flipped(1).floats == [2, 1, 0, 5, 4, 3])
        #expect(x.selected(1, 2).floats == [2, 5])
        #expect(x.indexed(1, Tensor([2, 0] as [Int64])).floats == [2, 0, 5, 3])
        #expect(x.gathered(1, Tensor([1, 2] as [Int64], shape: [2, 1])).floats == [1, 5])
        #expect(x.masked(x.greater(2)).floats == [3, 4, 5])
        #expect(x.filled(where: x.less(2), -1).floats == [-1, -1, 2, 3, 4, 5])
        #expect(x.greater(3.5).nonzero().array(of: Int64.self) == [1, 1, 1, 2])
        #expect(x.padded([1, 0, 0, 1], 9).floats == [9, 0, 1, 2, 9, 3, 4, 5, 9, 9, 9, 9])
        #expect(x.unsqueezed(0).shape == [1, 2, 3] && x.unsqueezed(-1).squeezed(-1).shape == [2, 3])
        #expect(x.flattened().shape == [6] && x.expanded([2, 2, 3]).shape == [2, 2, 3])
        #expect(Tensor.stacked([x, x], 1).shape == [2, 2, 3])
        #expect(Tensor([2, 0] as [Int64]).oneHot(3).array(of: Int64.self) == [0, 0, 1, 1, 0, 0])
        let top = x.topK(2)
        #expect(top.values.floats == [2, 1, 5, 4] && top.indices.array(of: Int64.self) == [2, 1, 2, 1])
        #expect(x.size(-1) == 3 && x.rank == 2)
    }

    @Test func reducing() {
        let x = Tensor([3, -1, 2, 4, 0, 5] as [Float], shape: [2, 3])
        #expect(x.max([1]).floats == [3, 5] && x.min([0]).floats == [3, -1, 2] && x.max().item == 5)
        #expect(x.argmax(1).array(of: Int64.self) == [0, 2])
        #expect(x.mean([0], keep: true).shape == [1, 3])
        #expect(x.cumulativeSum(1).floats == [3, 2, 4, 4, 4, 9])
        // Population variance: of 3, -1, 2 it is 26 / 9, of 4, 0, 5 it is 42 / 9.
        for (a, b) in zip(x.variance([1]).floats, [26.0 / 9, 14.0 / 3] as [Float]) { #expect(abs(a - b) < 1e-6) }
        #expect(abs(x.variance().item - 161.0 / 36) < 1e-6)
        #expect(x.greater(-2).all().item == 1 && x.greater(6).any().item == 0)
        #expect(Tensor([1, .nan, .infinity] as [Float]).isFinite().array(of: Bool.self) == [true, false, false])
    }

    @Test func choosing() {
        let x = Tensor([1, 2, 3] as [Float])
        let y = Tensor([9, 8, 7] as [Float])
        #expect(x.replaced(where: x.greater(1.5), by: y).floats == [1, 8, 7])
        #expect(
            x.maximum(Tensor.full([3], 2)).floats == [2, 2, 3] && x.minimum(Tensor.full([3], 2)).floats == [1, 2, 2])
        #expect(x.equal(2).or(x.equal(3)).array(of: Bool.self) == [false, true, true])
        #expect(x.equal(2).not().and(x.less(3)).array(of: Bool.self) == [true, false, false])
    }

    @Test func inPlace() {
        let x = Tensor([1, 2] as [Float])
        let y = x.clone()
        x.add(Tensor([10, 10] as [Float]), scale: 0.5)
        x.multiply(by: 2)
        #expect(x.floats == [12, 14] && y.floats == [1, 2])
        x.assign(y)
        y.fill(7)
        #expect(x.floats == [1, 2] && y.floats == [7, 7])
        let view = x.narrowed(0, start: 1, length: 1)
        view.fill(5)
        #expect(x.floats == [1, 5])
    }

    @Test func typesConvert() {
        let x = Tensor([1.5, -2.5, 0] as [Float])
        for dtype in DType.allCases where dtype.isFloatingPoint { #expect(x.to(dtype).floats == [1.5, -2.5, 0]) }
        #expect(x.to(.int32).array(of: Int32.self) == [1, -2, 0])
        #expect(x.to(.bool).array(of: Bool.self) == [true, true, false])
        #expect(DType.allCases.allSatisfy { Tensor.zeros([3], $0).bytes().count == 3 * $0.byteCount })
        #expect(Tensor.arange(3, .int32).array(of: Int32.self) == [0, 1, 2])
    }
}
