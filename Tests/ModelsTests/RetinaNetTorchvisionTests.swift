import Base
import Geometry
import Layers
import Models
import Testing
import Torch

/// torchvision's whole RetinaNet in float64, its weights filled by formula: Tools/reference/retinanet_torchvision.py.
@Suite(.serialized) struct RetinaNetTorchvisionTests {
    private struct Case {
        var spec: RetinaNetSpec
        var store: ParameterStore
        var model: RetinaNet
        var anchors: Anchors
        var pictures: Tensor
        var targets: [AnchorTargets]
        var reference: JSON
    }

    private func make(_ form: String, height: Int, width: Int) throws -> Case {
        let whole = try fixture("retinanet_torchvision.json")
        let network = try #require(whole[form])
        let reference = try #require(network["\(height)x\(width)"])
        var spec = RetinaNetSpec.torchvision(backbone: .resNet(form == "small" ? 18 : 50), classes: 6)
        spec.classes = form == "small" ? 6 : 91
        // A label is the number of its channel there.
        spec.backgroundChannel = false
        guard case .resNet(var body) = spec.backbone else { preconditionFailure("torchvision's has a ResNet") }
        body.norm = form == "small" ? .frozenBatch(eps: 1e-5) : .batch(momentum: 0.9, eps: 1e-5)
        spec.backbone = .resNet(body)
        let store = ParameterStore(seed: 0)
        let model = RetinaNet(store.root, spec)
        let sorted = store.entries.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        let listing = sorted.map { "\($0.name) \($0.tensor.shape.map(String.init).joined(separator: "x"))\n" }.joined()
        #expect(sorted.count == network["tensors"]?.int)
        #expect(Digest(of: listing).description == network["listing_sha256"]?.string)
        fillByFormula(store, u: mixedU)
        for row in try #require(reference["changes"]?.array) {
            let tensor = try #require(store[row[0].string ?? ""]).detached()
            tensor.assign(tensor * (row[1].double ?? 1) + (row[2].double ?? 0))
        }
        let anchors = Anchors(spec.anchors, canvas: Size(width: width, height: height))
        let pictures = Tensor(
            (0..<3 * 3 * height * width).map { Float(2 * mixedU(0, $0)) }, shape: [3, 3, height, width]
        ).channelsLast()
        let targets = try #require(whole["targets"]?.array).map { rows in
            spec.matcher(
                (rows.array ?? []).map { row in
                    Target(box: Box(Array(row.doubles.prefix(4))), label: Int(row.doubles[4]))
                }, anchors)
        }
        return Case(
            spec: spec, store: store, model: model, anchors: anchors, pictures: pictures, targets: targets,
            reference: reference)
    }

    @Test(arguments: [(128, 256), (128, 192)]) func anchorsAndMatches(_ size: (height: Int, width: Int)) throws {
        let one = try make("small", height: size.height, width: size.width)
        let reference = try #require(one.reference["anchors"])
        let all = (0..<one.anchors.count).flatMap { one.anchors[$0].array }
        try expectAccount(
            Tensor(all, shape: [one.anchors.count, 4]), try #require(reference["account"]), "anchors", tolerance: 1e-9)
        #expect(one.anchors.grids.map { 9 * $0.rows * $0.columns } == reference["counts"]?.ints)
        let matches = try #require(one.reference["matches"]?.array)
        for (target, expected) in zip(one.targets, matches) {
            #expect(target.positives.count == expected["positives"]?.int)
            #expect(target.labels.count { $0 == -2 } == expected["ignored"]?.int)
        }
    }

    @Test(arguments: [("small", 128, 256), ("small", 128, 192), ("r50", 128, 256)])
    func outputsAndDetections(form: String, height: Int, width: Int) throws {
        let one = try make(form, height: height, width: width)
        let output = withoutGradients { one.model(one.pictures, .inference) }
        try expectAccount(output.logits, try #require(one.reference["logits"]), "\(form): logits", tolerance: 1e-4)
        try expectAccount(output.codes, try #require(one.reference["codes"]), "\(form): codes", tolerance: 1e-4)
        for (name, found) in [("detections", one.reference), ("limited", try #require(one.reference["limited"]))] {
            var decoding = one.spec.decoding
            if name == "limited" {
                decoding.candidatesPerLevel = try #require(found["topk_candidates"]?.int)
                decoding.perImage = try #require(found["detections_per_img"]?.int)
            }
            let logits = output.logits.floats
            let codes = output.codes.floats
            for (n, expected) in try #require(found["detections"]?.array).enumerated() {
                let each = (logits.count / 3, codes.count / 3)
                let seen = logits[n * each.0..<(n + 1) * each.0].withUnsafeBufferPointer { logits in
                    codes[n * each.1..<(n + 1) * each.1].withUnsafeBufferPointer { codes in
                        decoding(
                            logits: logits, codes: codes, anchors: one.anchors, classes: one.spec.classes,
                            channelOffset: 0)
                    }
                }
                #expect(seen.map(\.label) == expected["labels"]?.ints, "\(form) \(name), picture \(n)")
                for (a, b) in zip(seen, expected["scores"]?.doubles ?? []) { #expect(near(a.score, b, 1e-4)) }
                for (a, b) in zip(seen, expected["boxes"]?.rows ?? []) {
                    #expect(zip(a.box.array, b).allSatisfy { abs(Double($0) - $1) < 0.01 }, "\(a.box), not \(b)")
                }
            }
        }
    }

    @Test(arguments: [("small", 128, 256), ("small", 128, 192), ("r50", 128, 256)])
    func lossesAndGradients(form: String, height: Int, width: Int) throws {
        let one = try make(form, height: height, width: width)
        let output = one.model(one.pictures, .inference)  // norms are frozen, or used as if they were
        let losses = one.spec.loss(output, one.targets, images: 0..<3, channelOffset: 0)
        #expect(near(losses.classes.item, try one.reference.number("classification"), 1e-4))
        #expect(near(losses.boxes.item, try one.reference.number("bbox_regression"), 1e-4))
        losses.total.backward()
        // Of these millions of ReLUs some lie so near 0 that rounding turns them over (at 128 x 192 one of the class head, at
        // 3e-8), each of which is up to 3e-3 of the greatest gradient before it; torch in fp32 is as far from its own float64.
        try expectGradients(
            one.store, one.reference, form, elements: 4e-3, norms: form == "r50" ? 3e-3 : 1e-4)
    }
}
