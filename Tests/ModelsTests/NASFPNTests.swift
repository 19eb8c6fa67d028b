import Layers
import Models
import Testing
import Torch

@Suite(.serialized) struct NASFPNTests {
    /// Against the slow walk over the same table: both gates, separable and ordinary convolutions, sizes that divide and
    /// sizes that do not, a lateral that is needed and one that is not.
    @Test(arguments: [NASFPNSpec.Gate.tpu, .mmdet], [(true, 96, 128), (false, 64, 64), (true, 72, 104)])
    func equalsTheSlowWalk(gate: NASFPNSpec.Gate, _ form: (isSeparable: Bool, height: Int, width: Int)) throws {
        var spec = NASFPNSpec(norm: .batch(momentum: 0.997, eps: 1e-3))
        (spec.repeats, spec.isSeparable, spec.gate) = (2, form.isSeparable, gate)
        let store = ParameterStore(seed: 0)
        let model = NASFPN(store.root, from: [12, 16, 20], to: 16, spec)
        #expect(store["lateral.p4.bn.weight"] == nil && store["lateral.p5.bn.weight"] != nil)
        fillByFormula(store, u: mixedU)
        let maps = [12, 16, 20].enumerated().map { i, c in
            let stride = 8 << i
            let (h, w) = ((form.height + stride - 1) / stride, (form.width + stride - 1) / stride)
            // So many that the batch's own statistics are of more than a few places of the smallest maps.
            return Tensor((0..<16 * c * h * w).map { Float(2 * mixedU(i + 50, $0)) }, shape: [16, c, h, w])
                .channelsLast()
        }
        var numbers = SlowNASFPNNumbers()
        (numbers.width, numbers.repeats, numbers.isSeparable) = (16, 2, form.isSeparable)
        numbers.gate = gate == .tpu ? .tpu : .mmdet
        func weight(_ name: String) -> Tensor {
            guard let tensor = store[name] else { preconditionFailure("no \(name)") }
            return tensor
        }
        for training in [false, true] {
            func pass(_ outputs: [Tensor]) -> [Tensor] {
                Tensor.clearGradients(store.trained.map(\.tensor))
                scalar(outputs).backward()
                return outputs.map { $0.detached() }
                    + store.trained.map { $0.tensor.gradient?.clone() ?? Tensor.zeros([1]) }
            }
            let ours = pass(model(maps, training ? .training : .inference))
            let theirs = pass(slowNASFPN(maps, weights: weight, numbers, training: training))
            let greatest = theirs.dropFirst(5).map { $0.abs().max().item }.max() ?? 0
            for (i, (a, b)) in zip(ours, theirs).enumerated() {
                let unit = b.abs().max().item
                let difference = (a - b).abs().max().item
                // A shift before a norm has no gradient but rounding, of which the batch's own statistics make more.
                let none = (training ? 1e-5 : 1e-6) * greatest
                let allowed = i >= 5 && unit < 1e-5 * greatest ? none : 1e-4 * unit
                #expect(
                    a.shape == b.shape && difference <= allowed,
                    "tensor \(i), training \(training): \(difference / unit) of its greatest, \(unit / greatest) of all"
                )
            }
        }
    }

    @Test func segmentationHeadEqualsTheSlowOne() {
        let store = ParameterStore(seed: 0)
        var spec = SegmentationSpec.paper(backbone: .resNet(18, width: 4, norm: .quick), classes: 5, channels: 8)
        var neck = NASFPNSpec(norm: .quick)
        neck.repeats = 1
        spec.neck = .nasFPN(neck)
        let model = SegmentationNet(store.root, spec)
        fillByFormula(store, u: mixedU)
        let picture = formulaPicture(count: 2, height: 96, width: 64)
        withoutGradients {
            let logits = model(picture, .inference)
            let slow = slowSegmentationHead(
                model.features(picture, .inference).pyramid, size: (96, 64),
                weights: { name in
                    let ours = name.replacing(".conv.", with: ".0.").replacing(".bn.", with: ".1.")
                    return store["head." + ours] ?? Tensor.zeros([1])
                })
            #expect(logits.shape == [2, 5, 24, 16])
            #expect((logits - slow).abs().max().item <= 1e-4 * slow.abs().max().item)
        }
    }
}
