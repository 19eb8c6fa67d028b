import Glibc
import Layers
import Testing
import Torch

@Suite(.serialized) struct ConvolutionTests {
    /// The definition: a sum over kernel places and the channels of the group, zeros outside.
    private func slow(
        _ x: [Float], _ w: [Float], _ b: [Float]?, channels: Int, size: (h: Int, w: Int), out: Int, kernel: Int,
        stride: Int,
        padding: Int, groups: Int
    ) -> [Double] {
        let oh = (size.h + 2 * padding - kernel) / stride + 1
        let ow = (size.w + 2 * padding - kernel) / stride + 1
        let perGroup = channels / groups
        var result: [Double] = []
        for o in 0..<out {
            for y in 0..<oh {
                for x0 in 0..<ow {
                    var sum = Double(b?[o] ?? 0)
                    for c in 0..<perGroup {
                        for i in 0..<kernel {
                            for j in 0..<kernel {
                                let (yy, xx) = (y * stride + i - padding, x0 * stride + j - padding)
                                if yy < 0 || xx < 0 || yy >= size.h || xx >= size.w { continue }
                                let channel = o / (out / groups) * perGroup + c
                                sum +=
                                    Double(x[(channel * size.h + yy) * size.w + xx])
                                    * Double(w[((o * perGroup + c) * kernel + i) * kernel + j])
                            }
                        }
                    }
                    result.append(sum)
                }
            }
        }
        return result
    }

    @Test(arguments: [(1, 1, 1), (3, 1, 1), (3, 2, 1), (3, 2, 2), (7, 2, 1), (1, 2, 1)]) func equalsItsDefinition(
        _ argument: (kernel: Int, stride: Int, groups: Int)
    ) {
        let store = ParameterStore(seed: 2)
        let conv = Conv2d(
            store.root, 4, 6, kernel: argument.kernel, stride: argument.stride, groups: argument.groups, bias: true,
            biasValue: 0.5)
        let x = (0..<4 * 7 * 5).map { Float(sin(0.4 * Double($0))) }
        let y = conv(Tensor(x, shape: [1, 4, 7, 5]).channelsLast())
        let s = argument.stride
        #expect(y.shape == [1, 6, (7 + s - 1) / s, (5 + s - 1) / s])  // rounded up
        let expected = slow(
            x, conv.weight.floats, conv.bias?.floats, channels: 4, size: (7, 5), out: 6, kernel: argument.kernel,
            stride: s,
            padding: (argument.kernel - 1) / 2, groups: argument.groups)
        expectNear(y.floats, expected, 1e-5, "\(argument)")
    }

    @Test func linearIsAMatrixProduct() {
        let store = ParameterStore(seed: 2)
        let linear = Linear(store.root, 3, 2)
        linear.weight.set([1, 2, 3, -1, 0, 1])
        linear.bias?.set([0.5, -0.5])
        #expect(linear(Tensor([1, 1, 1, 2, 0, 1] as [Float], shape: [2, 3])).floats == [6.5, -0.5, 5.5, -1.5])
        #expect(Linear(store.root / "free", 3, 2, bias: false).bias == nil)
    }
}

/// What libtorch's oneDNN gets wrong and the shim keeps away from it.
@Suite(.serialized) struct ConvolutionFaultTests {
    /// A strided bf16 convolution over pictures one pixel wide: its weights' gradient was uninitialised memory.
    @Test func stridedOverOnePixelHasAFiniteGradient() {
        for _ in 0..<20 {
            let junk = Tensor.full([1 << 18], .nan)  // so that memory nobody writes shows
            withExtendedLifetime(junk) {}
            let x = Tensor.full([8, 64, 1, 1], 0.5)
            let w = Tensor.full([64, 64, 3, 3], 0.25).channelsLast()
            x.requiresGradient = true
            w.requiresGradient = true
            let y = withAutocast(.bfloat16, on: .cpu) { x.convolved(by: w, stride: 2, padding: 1) }
            #expect(y.dtype == .bfloat16)
            y.to(.float32).sum().backward()
            // Only the kernel's centre meets a pixel: 8 pictures of 0.5.
            let gradient = w.gradient?.floats ?? []
            #expect(gradient.enumerated().allSatisfy { $1 == ($0 % 9 == 4 ? 4 : 0) })
            #expect(x.gradient?.floats.allSatisfy { $0 == 16 } == true)
        }
    }
}
