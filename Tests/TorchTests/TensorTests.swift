import Base
import Testing

@testable import Torch

@Suite(.serialized) struct TensorTests {
    @Test func arithmeticBroadcastsAndReads() {
        let a = Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
        let b = Tensor([10, 20, 30] as [Float])
        #expect((a + b).array(of: Float.self) == [11, 22, 33, 14, 25, 36])
        #expect((a * 2 - 1).array(of: Float.self) == [1, 3, 5, 7, 9, 11])
        #expect(a.sum([1]).array(of: Float.self) == [6, 15])
        #expect(a.mean().item == 3.5)
        #expect(a.transposed(0, 1).array(of: Float.self) == [1, 4, 2, 5, 3, 6])
        #expect(Tensor.concatenated([a, a], 1).shape == [2, 6])
    }

    /// The trap of the house: a handle read off a temporary. Each line here passed only temporaries to C.
    @Test func temporariesLiveToTheEndOfACall() {
        for i in 0..<5000 {
            let n = 1 + i % 7
            let sum = (Tensor.full([n, n], 1).matmul(Tensor.full([n, n], 2))).sum().item
            #expect(sum == Double(2 * n * n * n))
            let cat = Tensor.concatenated((0..<n).map { Tensor.full([2], Double($0)) }, 0)
            #expect(cat.sum().item == Double(n * (n - 1)))
            #expect(
                Tensor.full([1, 1, 3, 3], 1).convolved(by: Tensor.full([1, 1, 3, 3], 1), bias: Tensor.zeros([1])).item
                    == 9)
        }
    }

    @Test func gradientsOfAProduct() {
        let x = Tensor([2, 3] as [Float])
        x.requiresGradient = true
        #expect(x.gradient == nil)
        (x.square() * 3).sum().backward()
        #expect(x.gradient?.array(of: Float.self) == [12, 18])
        x.square().sum().backward()
        #expect(x.gradient?.array(of: Float.self) == [16, 24])  // added up
        Tensor.clearGradients([x])
        #expect(x.gradient == nil)
        let free = withoutGradients { x * 2 }
        #expect(!free.requiresGradient)
    }

    @Test func aFaultInAScopeIsASwiftError() throws {
        let a = Tensor.zeros([2, 3])
        let failure = #expect(throws: Failure.self) {
            try Torch.catching { () throws(Failure) in
                let wrong = a.matmul(a)  // fails
                _ = (wrong + 1).reshaped([7]).size(3)  // goes on with placeholders
            }
        }
        #expect(failure?.code == .unexpected)
        #expect(failure?.message.contains("matmul([2, 3] float32, [2, 3] float32)") == true)
        #expect(try Torch.catching { () throws(Failure) in a.sum().item } == 0)  // the scope leaves nothing behind
    }

    @Test func outOfMemoryIsExitFour() {
        let failure = #expect(throws: Failure.self) {
            try Torch.catching { () throws(Failure) in _ = Tensor.zeros([1 << 46]) }
        }
        #expect(failure?.code == .device)
    }

    @Test func aFaultOutsideAScopeTrapsWithOperatorAndShapes() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Tensor.zeros([2, 3]).matmul(Tensor.zeros([2, 3]))
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("matmul([2, 3] float32, [2, 3] float32)"))
    }

    @Test func ourOwnLoopsRunOnAllThreads() {
        let before = Torch.threads
        defer { Torch.threads = before }
        Torch.threads = 2
        #expect(Torch.parallelWidth == 2)
    }

    @Test func autocastComputesInBF16AndLosesItAtTheEnd() {
        let x = Tensor.full([1, 8, 4, 4], 0.1)
        let w = Tensor.full([8, 8, 1, 1], 0.1)
        let y = withAutocast(.bfloat16, on: .cpu) { x.convolved(by: w) }
        #expect(y.dtype == .bfloat16)
        #expect(x.convolved(by: w).dtype == .float32)
    }

    @Test func elementsAreWrittenInMemoryOrder() {
        let t = Tensor.empty([1, 3, 2, 2], channelsLast: true)
        #expect(t.isChannelsLast)
        t.withMutableElements(of: Float.self) { for i in 0..<$0.count { $0[i] = Float(i) } }
        #expect(t.array(of: Float.self) == [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11])
    }

    @Test func focalLossEqualsItsDefinition() {
        // The definition of Lin et al. 2017 by libtorch's own operators, in double.
        let n = 3000
        let classes = 5
        let values = (0..<n * classes).map { Float(6 * (Double($0) * 0.37).truncatingRemainder(dividingBy: 2) - 6) }
        let labels = (0..<n).map { Int32($0 % 8 - 2) }.map { $0 < Int32(classes) ? $0 : -1 }
        let x = Tensor(values, shape: [n, classes])
        x.requiresGradient = true
        let loss = x.focalLossSum(Tensor(labels), alpha: 0.25, gamma: 1.5)
        (loss * 0.5).backward()

        let y = Tensor(values.map(Double.init), shape: [n, classes])
        y.requiresGradient = true
        var positive = [Double](repeating: 0, count: n * classes)
        var counted = [Double](repeating: 1, count: n * classes)
        for i in 0..<n {
            if labels[i] >= 0 { positive[i * classes + Int(labels[i])] = 1 }
            if labels[i] == -2 { for k in 0..<classes { counted[i * classes + k] = 0 } }
        }
        let t = Tensor(positive, shape: [n, classes])
        let p = y.sigmoid()
        let pt = p * t + (1.0 * (-p + 1)) * (-t + 1)
        let at = t * 0.25 + (-t + 1) * 0.75
        let reference = (-(at * (-pt + 1).power(1.5) * pt.log()) * Tensor(counted, shape: [n, classes])).sum()
        (reference * 0.5).backward()
        #expect(abs(loss.item - reference.item) < 1e-5 * abs(reference.item))
        let difference = (x.gradient!.to(.float64) - y.gradient!).abs().max([0, 1]).item
        #expect(difference < 1e-6)
    }
}
