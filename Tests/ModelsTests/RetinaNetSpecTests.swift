import Geometry
import Layers
import Models
import Testing
import Torch

@Suite(.serialized) struct RetinaNetSpecTests {
    /// The numbers of paper.md 1.3 and 3.5.
    @Test func thePapersNumbers() {
        let spec = RetinaNetSpec.paper(backbone: .resNet(50), classes: 90)
        #expect(spec.anchors.levels == 3...7 && spec.anchors.scale == 4 && spec.anchors.perCell == 9)
        #expect(spec.anchors.ratios == [1, 2, 0.5])
        #expect(spec.matcher.positive == 0.5 && spec.matcher.negative == 0.5 && spec.matcher.force == .object)
        #expect(
            spec.loss.alpha == 0.25 && spec.loss.gamma == 1.5 && spec.loss.box == .huber(delta: 0.1)
                && spec.loss.boxWeight == 50)
        #expect(
            spec.decoding.scoreFloor == 0.05 && spec.decoding.candidatesPerClass == 5000
                && spec.decoding.suppression == Suppression(.hard, iou: 0.5, isAgnostic: false))
        #expect(spec.decoding.perClass == 100 && spec.decoding.perImage == 100)
        #expect(spec.headConvolutions == 4 && spec.channels == 256)
        #expect(
            spec.neck == .fpn(FPNSpec(norm: .paper)) && spec.headNorm == .paper
                && spec.backbone == .resNet(50, norm: .paper))
        #expect(spec.classChannels == 90)
    }

    @Test func theQuirksAreOffInThePapersAndOnInTheCodes() {
        let paper = RetinaNetSpec.paper(backbone: .resNet(18, width: 4), classes: 90)
        let tpu = RetinaNetSpec.tpu(backbone: .resNet(18, width: 4), classes: 90)
        #expect(!paper.backgroundChannel && !paper.loss.dropsExactCoordinates && !paper.decoding.sizesPlusOne)
        #expect(tpu.backgroundChannel && tpu.loss.dropsExactCoordinates && tpu.decoding.sizesPlusOne)
        #expect(tpu.classChannels == 91)
        // All else is the same.
        var same = tpu
        (same.backgroundChannel, same.loss.dropsExactCoordinates, same.decoding.sizesPlusOne) = (false, false, false)
        guard case .resNet(var body) = same.backbone else { preconditionFailure("another backbone") }
        #expect(body.pooling == .same)
        body.pooling = .symmetric
        same.backbone = .resNet(body)
        #expect(same == paper)
        var small = tpu
        (small.channels, small.headConvolutions) = (4, 0)
        let store = ParameterStore(seed: 0)
        let model = RetinaNet(store.root, small)
        let output = withoutGradients { model(Tensor.zeros([1, 3, 32, 32]), .inference) }
        #expect(output.logits.size(2) == 91)
        #expect(store["head.classification_head.cls_logits.bias"]?.shape == [819])
    }
}
