import Base
import Testing
import Torch

/// Fused layers against libtorch's plain operators, in value and gradient. bfloat16 is held against float32 operators on
/// the same (rounded) inputs, so that the tolerance is that of rounding what comes out.
@Suite(.serialized) struct FusedTests {
    /// Numbers in [-1, 1) that look random, of a type, as a leaf.
    private func leaf(_ shape: [Int], _ seed: UInt32, _ dtype: DType = .float32) -> Tensor {
        var state = seed &* 2_654_435_761 | 1
        let values = (0..<shape.reduce(1, *)).map { _ -> Float in
            state = state &* 1_664_525 &+ 1_013_904_223
            return Float(state >> 8) / Float(1 << 23) - 1
        }
        let plain = Tensor(values, shape: shape).to(dtype)
        let x = (shape.count == 4 && shape[2] * shape[3] > 1 ? plain.channelsLast() : plain).detached()
        x.requiresGradient = true
        return x
    }

    /// A leaf in float32 of the same values.
    private func twin(_ x: Tensor) -> Tensor {
        let y = x.detached().to(.float32).clone()
        y.requiresGradient = true
        return y
    }

    /// The greatest difference over the greatest value.
    private func distance(_ a: Tensor?, _ b: Tensor?) -> Double {
        guard let a, let b else { return .infinity }
        return (a.to(.float32) - b).abs().max().item / max(b.abs().max().item, 1e-20)
    }

    /// Runs both from equal leaves and weighs their outputs with the same numbers; leaves and outputs then agree.
    private func agree(
        _ leaves: [Tensor], _ what: String, tolerance: Double, parameters: Double = 2e-5,
        fused: ([Tensor]) -> Tensor, plain: ([Tensor]) -> Tensor
    ) {
        let twins = leaves.map(twin)
        let a = fused(leaves)
        let b = plain(twins)
        #expect(a.shape == b.shape && a.dtype == leaves[0].dtype, "\(what)")
        #expect(distance(a.detached(), b.detached()) <= tolerance, "\(what): value")
        let weights = leaf(b.shape, 99, a.dtype).detached()
        (a * weights).to(.float32).sum().backward()
        (b * weights.to(.float32)).sum().backward()
        for (i, (x, y)) in zip(leaves, twins).enumerated() {
            let bound = i == 0 ? tolerance * 2 : parameters
            #expect(x.gradient?.dtype == x.dtype, "\(what): \(i)")
            #expect(distance(x.gradient, y.gradient) <= bound, "\(what): gradient \(i)")
        }
    }

    private func norm(
        _ t: ArraySlice<Tensor>, _ mean: Tensor, _ variance: Tensor, eps: Double = 1e-3
    )
        -> BatchNormTensors
    {
        let (weight, bias) = (t[t.startIndex], t[t.startIndex + 1])
        return BatchNormTensors(weight: weight, bias: bias, mean: mean, variance: variance, momentum: 0.1, eps: eps)
    }
    private func excitation(_ t: ArraySlice<Tensor>) -> ExcitationTensors {
        let i = t.startIndex
        return ExcitationTensors(
            reduceWeight: t[i], reduceBias: t[i + 1], expandWeight: t[i + 2], expandBias: t[i + 3])
    }
    /// The plain operators of `batchNormalizedExcited`.
    private func excited(_ x: Tensor, _ n: BatchNormTensors, _ e: ExcitationTensors, training: Bool) -> Tensor {
        let z = plainNorm(x, n, training: training).silu()
        let hidden = z.mean([2, 3], keep: true).convolved(by: e.reduceWeight, bias: e.reduceBias).silu()
        return z * hidden.convolved(by: e.expandWeight, bias: e.expandBias).sigmoid()
    }
    private func plainNorm(_ x: Tensor, _ n: BatchNormTensors, training: Bool) -> Tensor {
        x.batchNormalized(
            weight: n.weight, bias: n.bias, mean: n.mean, variance: n.variance, training: training,
            momentum: n.momentum, eps: n.eps)
    }

    /// With each kind of instructions this processor has.
    private func eachInstructions(_ body: () -> Void) {
        let best = FusedInstructions.current
        defer { FusedInstructions.current = best }
        for instructions in FusedInstructions.allCases where instructions <= best {
            FusedInstructions.current = instructions
            #expect(FusedInstructions.current == instructions)
            body()
        }
    }

    private let tolerances: [(DType, Double)] = [(.float32, 4e-6), (.bfloat16, 5e-3)]

    @Test(arguments: [3, 5], [1, 2]) func depthwiseConvolution(kernel: Int, stride: Int) {
        eachInstructions {
            let k = kernel
            for (dtype, tolerance) in tolerances {
                for (height, width) in [(1, 1), (1, 9), (8, 8), (7, 6), (19, 33), (67, 40)] {
                    for (batch, channels) in [(1, 16), (3, 24), (2, 7), (1, 48)] where height < 60 || channels == 24 {
                        for border in [
                            Border(k / 2), .same(height: height, width: width, kernel: k, stride: stride),
                            Border(top: k - 1, bottom: k - 1, left: 0, right: k - 1), Border(0),
                        ] {
                            let tall = height + border.top + border.bottom
                            guard tall >= k, width + border.left + border.right >= k else { continue }
                            agree(
                                [leaf([batch, channels, height, width], 1, dtype), leaf([channels, 1, k, k], 2)],
                                "\(dtype) \(batch) x \(channels) x \(height) x \(width), \(border)",
                                tolerance: tolerance,
                                fused: { $0[0].depthwiseConvolved(by: $0[1], stride: stride, padding: border) },
                                plain: {
                                    $0[0].padded([border.left, border.right, border.top, border.bottom], 0)
                                        .convolved(by: $0[1], stride: stride, groups: channels)
                                })
                        }
                    }
                }
            }
        }
    }

    /// TensorFlow's rule by hand: an even side halved by 3 gets its one row of zeros below, an odd one gets one each.
    @Test func sameIsTensorFlows() {
        #expect(
            Border.same(height: 8, width: 7, kernel: 3, stride: 2) == Border(top: 0, bottom: 1, left: 1, right: 1))
        #expect(Border.same(height: 8, width: 8, kernel: 5, stride: 2) == Border(top: 1, bottom: 2, left: 1, right: 2))
        #expect(Border.same(height: 5, width: 9, kernel: 5, stride: 1) == Border(2))
    }

    @Test(arguments: FusedActivation.allCases, [true, false])
    func normAndActivation(_ activation: FusedActivation, training: Bool) {
        eachInstructions {
            for (dtype, tolerance) in tolerances {
                for (batch, channels, height, width) in [(8, 24, 1, 1), (1, 16, 7, 6), (3, 7, 9, 5), (2, 144, 40, 65)] {
                    let c = channels
                    let (mean, variance) = (leaf([c], 5).detached(), Tensor.full([c], 0.7))
                    let (mean2, variance2) = (mean.clone(), variance.clone())
                    agree(
                        [leaf([batch, c, height, width], 1, dtype), leaf([c], 2), leaf([c], 3)],
                        "\(dtype) \(batch) x \(c) x \(height) x \(width)", tolerance: 3 * tolerance,
                        fused: {
                            $0[0].batchNormalized(
                                weight: $0[1], bias: $0[2], mean: mean, variance: variance, training: training,
                                momentum: 0.1, eps: 1e-3, activation: activation)
                        },
                        plain: {
                            let y = $0[0].batchNormalized(
                                weight: $0[1], bias: $0[2], mean: mean2, variance: variance2, training: training,
                                momentum: 0.1, eps: 1e-3)
                            return activation == .silu ? y.silu() : activation == .relu ? y.relu() : y
                        })
                    #expect(distance(mean, mean2) < 4e-6 && distance(variance, variance2) < 4e-6)
                }
            }
        }
    }

    @Test(arguments: [true, false]) func normAndExcitation(training: Bool) {
        eachInstructions {
            for (dtype, tolerance) in tolerances {
                for (batch, channels, height, width) in [(8, 24, 1, 1), (2, 16, 7, 6), (3, 9, 9, 5), (2, 144, 40, 65)] {
                    let c = channels
                    let r = max(2, c / 4)
                    let (mean, variance) = (leaf([c], 5).detached(), Tensor.full([c], 0.7))
                    let (mean2, variance2) = (mean.clone(), variance.clone())
                    agree(
                        [
                            leaf([batch, c, height, width], 1, dtype), leaf([c], 2), leaf([c], 3),
                            leaf([r, c, 1, 1], 4),
                            leaf([r], 6), leaf([c, r, 1, 1], 7), leaf([c], 8),
                        ], "\(dtype) \(batch) x \(c) x \(height) x \(width)", tolerance: 3 * tolerance,
                        parameters: 2e-4,
                        fused: {
                            $0[0].batchNormalizedExcited(
                                norm($0[1...2], mean, variance), excitation($0[3...6]), training: training)
                        },
                        plain: {
                            excited($0[0], norm($0[1...2], mean2, variance2), excitation($0[3...6]), training: training)
                        })
                    #expect(distance(mean, mean2) < 4e-6 && distance(variance, variance2) < 4e-6)
                }
            }
        }
    }

    /// The middle of a mobile block: with gradients (as its parts), and without (in two passes).
    @Test(arguments: [true, false], [1, 2]) func theMiddleOfAMobileBlock(gradients: Bool, stride: Int) {
        eachInstructions {
            for (dtype, tolerance) in tolerances {
                for (channels, kernel, height, width) in [
                    (24, 3, 9, 1), (48, 3, 40, 33), (9, 5, 12, 7), (32, 5, 70, 65),
                ] {
                    for expands in [true, false] {
                        let (c, k, r) = (channels, kernel, 4)
                        let mean = leaf([c], 21).detached()
                        let variance = Tensor.full([c], 0.7)
                        let border = Border.same(height: height, width: width, kernel: k, stride: stride)
                        let leaves = [
                            leaf([2, c, height, width], 1, dtype), leaf([c, 1, k, k], 2), leaf([c], 3), leaf([c], 4),
                            leaf([r, c, 1, 1], 5), leaf([r], 6), leaf([c, r, 1, 1], 7), leaf([c], 8),
                        ]
                        func fused(_ t: [Tensor]) -> Tensor {
                            t[0].depthwiseBlock(
                                before: expands ? norm(t[2...3], mean, variance) : nil, by: t[1], stride: stride,
                                padding: border, after: norm(t[2...3], mean, variance),
                                excitation: excitation(t[4...7]),
                                training: false)
                        }
                        func plain(_ t: [Tensor]) -> Tensor {
                            let n = norm(t[2...3], mean, variance)
                            let z = expands ? plainNorm(t[0], n, training: false).silu() : t[0]
                            let y = z.padded([border.left, border.right, border.top, border.bottom], 0)
                                .convolved(by: t[1], stride: stride, groups: c)
                            return excited(y, n, excitation(t[4...7]), training: false)
                        }
                        let what = "\(dtype) \(c) x \(height) x \(width), \(k), \(expands)"
                        if gradients {
                            agree(leaves, what, tolerance: 4 * tolerance, parameters: 2e-2, fused: fused, plain: plain)
                        } else {
                            let (a, b) = withoutGradients { (fused(leaves), plain(leaves.map(twin))) }
                            #expect(a.dtype == dtype && a.isChannelsLast, "\(what)")
                            #expect(distance(a, b) <= 3 * tolerance, "\(what)")
                        }
                    }
                }
            }
        }
    }

    @Test func gateAndMean() {
        eachInstructions {
            for (dtype, tolerance) in tolerances {
                for (batch, channels, height, width) in [(3, 24, 1, 1), (2, 16, 7, 6), (1, 9, 9, 5), (2, 48, 70, 65)] {
                    let shape = [batch, channels, height, width]
                    agree(
                        [leaf(shape, 1, dtype), leaf([batch, channels, 1, 1], 2)], "gate \(dtype) \(shape)",
                        tolerance: tolerance, fused: { $0[0].gated(by: $0[1]) }, plain: { $0[0] * $0[1].sigmoid() })
                    agree(
                        [leaf(shape, 3, dtype)], "mean \(dtype) \(shape)", tolerance: 3 * tolerance,
                        fused: { $0[0].globalMean() }, plain: { $0[0].mean([2, 3], keep: true) })
                }
            }
        }
    }

    /// Where a channel does not vary, or the mean is far greater than the spread, nothing is divided by zero or lost.
    @Test func constantAndShiftedChannels() throws {
        let (mean, variance) = (Tensor.zeros([16]), Tensor.ones([16]))
        func normed(_ x: Tensor) -> Tensor {
            x.batchNormalized(
                weight: Tensor.ones([16]), bias: Tensor.zeros([16]), mean: mean, variance: variance, training: true,
                momentum: 1, eps: 1e-5, activation: .silu)
        }
        let flat = Tensor.full([2, 16, 20, 20], 1e4)
        flat.requiresGradient = true
        let y = normed(flat)
        y.sum().backward()
        #expect(y.abs().max().item < 1e-4 && variance.abs().max().item < 1e-6)
        #expect(try #require(flat.gradient).isFinite().all().item == 1)
        let shifted = leaf([2, 16, 20, 20], 1).detached() + 1000
        _ = normed(shifted)
        #expect(distance(variance, (shifted - 1000).variance([0, 2, 3]) * (800.0 / 799)) < 1e-4)
    }

    /// Sums are made of blocks of fixed size: one thread and two give the same bits.
    @Test func threadsChangeNoBit() {
        let before = Torch.threads
        defer { Torch.threads = before }
        func bits(_ threads: Int) -> [[UInt8]] {
            Torch.threads = threads
            let x = leaf([3, 48, 70, 65], 1)
            let (w, scale, shift) = (leaf([48, 1, 3, 3], 2), leaf([48], 3), leaf([48], 4))
            let inner = [leaf([12, 48, 1, 1], 5), leaf([12], 6), leaf([48, 12, 1, 1], 7), leaf([48], 8)]
            let (mean, variance) = (Tensor.zeros([48]), Tensor.ones([48]))
            let y = x.batchNormalized(
                weight: scale, bias: shift, mean: mean, variance: variance, training: true, momentum: 0.1, eps: 1e-3,
                activation: .silu
            ).depthwiseConvolved(by: w, padding: Border(1)).batchNormalizedExcited(
                norm([scale, shift], mean, variance), excitation(inner[...]), training: true)
            let quick = withoutGradients {
                x.depthwiseBlock(
                    before: norm([scale, shift], mean, variance), by: w, stride: 2, padding: Border(1),
                    after: norm([scale, shift], mean, variance), excitation: excitation(inner[...]), training: false)
            }
            (y * y).sum().backward()
            return [y.bytes(), quick.bytes(), mean.bytes(), variance.bytes()]
                + ([x, w, scale, shift] + inner).map { $0.gradient?.bytes() ?? [] }
        }
        let one = bits(1)
        #expect(one.allSatisfy { !$0.isEmpty } && one == bits(2) && one == bits(3))
        Torch.threads = 2
        #expect(Torch.parallelWidth == 2)
    }

    /// What stands between two convolutions keeps one map for the backward pass, where plain operators keep three.
    @Test func lessIsKept() {
        let x = leaf([4, 32, 64, 64], 1)
        let (scale, shift) = (leaf([32], 3), leaf([32], 4))
        let inner = [leaf([8, 32, 1, 1], 5), leaf([8], 6), leaf([32, 8, 1, 1], 7), leaf([32], 8)]
        let (mean, variance) = (Tensor.zeros([32]), Tensor.ones([32]))
        let map = 4 * 4 * 32 * 64 * 64
        let peak = Torch.peakBytes {
            let y = x.batchNormalizedExcited(
                norm([scale, shift], mean, variance), excitation(inner[...]), training: true)
            withExtendedLifetime(y) {}
        }
        #expect(peak < map + map / 8, "\(peak) bytes of maps of \(map)")
    }

    @Test func faultsAreErrors() {
        let x = leaf([2, 16, 5, 5], 1)
        let sixteen = Tensor.ones([16])
        func fails(_ word: String, _ body: () -> Void) {
            let failure = #expect(throws: Failure.self) { try Torch.catching { () throws(Failure) in body() } }
            #expect(failure?.message.contains(word) == true, "\(failure?.message ?? "nothing")")
        }
        fails("[C, 1, k, k]") { _ = x.depthwiseConvolved(by: leaf([8, 1, 3, 3], 1), padding: Border(1)) }
        fails("smaller than the kernel") { _ = x.depthwiseConvolved(by: leaf([16, 1, 7, 7], 1), padding: Border(0)) }
        fails("borders") { _ = x.depthwiseConvolved(by: leaf([16, 1, 3, 3], 1), padding: Border(-1)) }
        fails("needs parameters [16]") {
            _ = x.batchNormalized(
                weight: sixteen, bias: Tensor.ones([8]), mean: sixteen, variance: sixteen, training: false,
                momentum: 0.1, eps: 1e-3, activation: .none)
        }
        fails("[N, C, 1, 1]") { _ = x.gated(by: leaf([2, 8, 1, 1], 1)) }
        fails("need weights") {
            let wrong = excitation([leaf([4, 8, 1, 1], 1), leaf([4], 2), leaf([16, 4, 1, 1], 3), sixteen])
            _ = x.batchNormalizedExcited(norm([sixteen, sixteen], sixteen, sixteen), wrong, training: false)
        }
        // A map of 64 TB that is one number in memory: the copy in channels-last does not fit.
        fails("out of memory") { _ = Tensor.zeros([1, 16, 1, 1]).expanded([1 << 20, 16, 1024, 1024]).globalMean() }
    }
}
