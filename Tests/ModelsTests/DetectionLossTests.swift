import Base
import Geometry
import Models
import Testing
import Torch

@testable import Models

@Suite(.serialized) struct DetectionLossTests {
    let canvas = Size(width: 160, height: 128)

    /// The fixture's picture: its targets by the real matcher, logits and codes by formula.
    private func fixtureCase() throws -> (output: RetinaNetOutput, targets: AnchorTargets, reference: JSON) {
        let file = try fixture("retinanet.json")
        let boxes = try #require(file["match"]?["boxes"]).rows.map { Box($0) }
        let labels = try #require(file["match"]?["labels"]).ints
        let anchors = Anchors(AnchorSpec(), canvas: canvas)
        let targets = MatcherSpec()(zip(boxes, labels).map { Target(box: $0, label: $1) }, anchors)
        let logits = Tensor(wave(anchors.count * 3, step: 0.37, scale: 3, plus: -2), shape: [1, anchors.count, 3])
        let codes = Tensor(wave(anchors.count * 4, step: 0.23, scale: 0.4), shape: [1, anchors.count, 4])
        logits.requiresGradient = true
        codes.requiresGradient = true
        return (RetinaNetOutput(logits: logits, codes: codes), targets, try #require(file["loss"]))
    }

    @Test func valuesAndGradientsEqualTheReference() throws {
        let (output, targets, reference) = try fixtureCase()
        let losses = DetectionLossSpec()(output, [targets], images: 0..<1, channelOffset: 0)
        #expect(losses.positives == reference["positives"]?.int)
        #expect(near(losses.classes.item, try reference.number("class_loss"), 1e-6))
        #expect(near(losses.boxes.item, 50 * (try reference.number("box_loss")), 1e-6))
        #expect(near(losses.total.item, try reference.number("total"), 1e-6))
        losses.total.backward()
        let logitGradient = try #require(output.logits.gradient).floats
        for row in try #require(reference["logit_gradient_at"]).rows {
            #expect(abs(Double(logitGradient[Int(row[0]) * 3 + Int(row[1])]) - row[2]) < 1e-6 * max(0.01, abs(row[2])))
        }
        let codeGradient = try #require(output.codes.gradient).floats
        for row in try #require(reference["code_gradient_at"]).rows {
            #expect(abs(Double(codeGradient[Int(row[0]) * 4 + Int(row[1])]) - row[2]) < 1e-5 * abs(row[2]))
        }
        for (gradient, key) in [(logitGradient, "logit_gradient_abs_sum"), (codeGradient, "code_gradient_abs_sum")] {
            #expect(near(gradient.reduce(0.0) { $0 + Double(abs($1)) }, try reference.number(key), 1e-6))
        }
    }

    @Test func otherAlphaAndGamma() throws {
        let (output, targets, reference) = try fixtureCase()
        var spec = DetectionLossSpec()
        (spec.alpha, spec.gamma, spec.boxWeight) = (0.5, 2, 7)
        let losses = spec(output, [targets], images: 0..<1, channelOffset: 0)
        #expect(near(losses.classes.item, try reference.number("class_loss_alpha_gamma_0.5_2"), 1e-6))
        #expect(near(losses.boxes.item, 7 * (try reference.number("box_loss")), 1e-6))
    }

    /// Single numbers: one logit, one coordinate at a time.
    @Test func elementsEqualTheReference() throws {
        let elements = try #require(try fixture("retinanet.json")["loss"]?["elements"])
        let spec = DetectionLossSpec()
        for (label, key) in [(Int32(0), "focal_positive"), (-1, "focal_negative")] {
            for (x, expected) in zip(try #require(elements["x"]).doubles, try #require(elements[key]).doubles) {
                let loss = spec.focal(Tensor([Float(x)], shape: [1, 1]), Tensor([label])).item
                #expect(abs(loss - expected) < 1e-6 * max(0.01, expected), "\(key) at \(x)")
            }
        }
        for (error, expected) in zip(try #require(elements["error"]).doubles, try #require(elements["huber"]).doubles) {
            let output = RetinaNetOutput(
                logits: Tensor.zeros([1, 1, 1]), codes: Tensor([Float(error), 0, 0, 0], shape: [1, 1, 4]))
            let target = AnchorTargets(labels: [0], positives: [0], codes: [0, 0, 0, 0])
            let losses = spec(output, [target], images: 0..<1, channelOffset: 0)
            // One positive, plus one.
            #expect(abs(losses.boxes.item - 50 * expected / 4 / 2) < 1e-6, "Huber at \(error)")
        }
    }

    /// Random outputs and targets of `images` pictures.
    private func randomCase(_ images: Int, classes: Int, seed: UInt64) -> (RetinaNetOutput, [AnchorTargets]) {
        var random = Random(seed: seed, purpose: .test)
        let canvas = Size(width: 64, height: 96)
        let anchors = Anchors(AnchorSpec(), canvas: canvas)
        let targets = (0..<images).map { i in
            MatcherSpec()(
                randomBoxes(2 + 3 * i, canvas, &random).map {
                    Target(box: $0, label: random.below(classes))
                } + [Target(box: Box(x1: -20, y1: 0, x2: 40, y2: 70), label: 0, ignored: true)], anchors)
        }
        func tensor(_ last: Int, _ scale: Double) -> Tensor {
            let values = (0..<images * anchors.count * last).map { _ in Float(random.uniform(-scale, scale)) }
            let tensor = Tensor(values, shape: [images, anchors.count, last])
            tensor.requiresGradient = true
            return tensor
        }
        return (RetinaNetOutput(logits: tensor(classes, 5), codes: tensor(4, 1)), targets)
    }

    @Test func theFusedPassEqualsTheOperators() throws {
        for dtype in [DType.float32, .bfloat16] {
            let (output, targets) = randomCase(2, classes: 7, seed: 3)
            let labels = Tensor(targets.flatMap(\.labels))
            #expect(Set(targets.flatMap(\.labels)).isSuperset(of: [-2, -1]))
            var results: [(value: Double, gradient: [Float])] = []
            for fused in [true, false] {
                let leaf = output.logits.detached().to(dtype)
                leaf.requiresGradient = true
                let x = leaf.reshaped([-1, 7])
                let sum =
                    fused
                    ? x.focalLossSum(labels, alpha: 0.3, gamma: 1.7)
                    : DetectionLossSpec.focalByOperators(x, labels, alpha: 0.3, gamma: 1.7)
                #expect(sum.dtype == .float32)
                (sum * 0.25).backward()
                #expect(leaf.gradient?.dtype == dtype)
                results.append((sum.item, try #require(leaf.gradient).floats))
            }
            #expect(near(results[0].value, results[1].value, 1e-5))
            let tolerance: Float = dtype == .float32 ? 1e-6 : 4e-3
            let worst = zip(results[0].gradient, results[1].gradient).map { abs($0 - $1) }.max() ?? 1
            #expect(worst <= tolerance, "\(dtype): \(worst)")
        }
    }

    @Test func theFusedPassIsSafeAtTheEnds() throws {
        let x = Tensor([200, -200, 200, -200] as [Float], shape: [4, 1])
        x.requiresGradient = true
        let loss = x.focalLossSum(Tensor([0, 0, -1, -1] as [Int32]), alpha: 0.25, gamma: 1.5)
        // A positive at -200 costs 0.25 * 200, a negative at 200 0.75 * 200; the other two nothing.
        #expect(near(loss.item, 200, 1e-6))
        loss.backward()
        #expect(try #require(x.gradient).floats == [0, -0.25, 0.75, 0])
        // A logit that is no number must not vanish: the loop stops at a loss that is none.
        #expect(
            Tensor([Float.nan], shape: [1, 1]).focalLossSum(Tensor([-1] as [Int32]), alpha: 0.25, gamma: 1.5).item.isNaN
        )
        #expect(
            Tensor([Float.nan], shape: [1, 1]).focalLossSum(Tensor([0] as [Int32]), alpha: 0.25, gamma: 1.5).item.isNaN)
    }

    /// The sum is by blocks of rows, so that the number of threads does not change a bit.
    @Test func theFusedPassIsTheSameOnAnyNumberOfThreads() {
        let before = Torch.threads
        defer { Torch.threads = before }
        let (output, targets) = randomCase(3, classes: 5, seed: 4)
        let labels = Tensor(targets.flatMap(\.labels))
        let sums = [1, 2, 3].map { threads in
            Torch.threads = threads
            return output.logits.reshaped([-1, 5]).focalLossSum(labels, alpha: 0.25, gamma: 1.5).item
        }
        #expect(Set(sums).count == 1)
    }

    /// Two streams of a batch: each is scored as if it were alone, by its own number of positives.
    @Test func groupsHaveTheirOwnNormalisers() throws {
        let (output, targets) = randomCase(4, classes: 3, seed: 5)
        let spec = DetectionLossSpec()
        var gradients: [[Float]] = []
        for group in [0..<1, 1..<4] {
            let losses = spec(output, targets, images: group, channelOffset: 0)
            let alone = RetinaNetOutput(
                logits: output.logits.detached().narrowed(0, start: group.lowerBound, length: group.count).clone(),
                codes: output.codes.detached().narrowed(0, start: group.lowerBound, length: group.count).clone())
            alone.logits.requiresGradient = true
            alone.codes.requiresGradient = true
            let single = spec(alone, Array(targets[group]), images: 0..<group.count, channelOffset: 0)
            #expect(losses.positives == targets[group].reduce(0) { $0 + $1.positives.count })
            #expect(losses.positives == single.positives && losses.positives > 0)
            #expect(losses.classes.item == single.classes.item)
            #expect(losses.boxes.item == single.boxes.item)
            // The gradient falls on the group's own pictures only.
            Tensor.clearGradients([output.logits, output.codes])
            losses.total.backward()
            single.total.backward()
            let all = try #require(output.logits.gradient)
            let own = all.narrowed(0, start: group.lowerBound, length: group.count)
            #expect(own.floats == alone.logits.gradient?.floats)
            #expect(near(all.abs().sum().item, own.abs().sum().item, 1e-6))
            #expect(
                output.codes.gradient?.narrowed(0, start: group.lowerBound, length: group.count).floats
                    == alone.codes.gradient?.floats)
            gradients.append(all.floats)
        }
        let whole = spec(output, targets, images: 0..<4, channelOffset: 0)
        #expect(whole.positives == targets.reduce(0) { $0 + $1.positives.count })
        #expect(gradients[0] != gradients[1])
    }

    @Test func aPictureWithoutObjectsHasAClassLossOnly() throws {
        let anchors = Anchors(AnchorSpec(), canvas: Size(width: 32, height: 32))
        let logits = Tensor.zeros([1, anchors.count, 2])
        let codes = Tensor.ones([1, anchors.count, 4])
        logits.requiresGradient = true
        codes.requiresGradient = true
        let losses = DetectionLossSpec()(
            RetinaNetOutput(logits: logits, codes: codes), [MatcherSpec()([], anchors)], images: 0..<1, channelOffset: 0
        )
        // 0.75 * 0.5^1.5 * ln 2 a logit, divided by 0 + 1
        #expect(near(losses.classes.item, Double(2 * anchors.count) * 0.183798402, 1e-6))
        #expect(losses.boxes.item == 0 && losses.positives == 0)
        losses.total.backward()
        #expect(try #require(codes.gradient).abs().sum().item == 0)
    }

    /// Huber's and the focal loss's slopes by central differences through the whole call.
    @Test func gradientsEqualFiniteDifferences() throws {
        let (output, targets) = randomCase(1, classes: 2, seed: 6)
        var spec = DetectionLossSpec()
        spec.boxWeight = 3
        let losses = spec(output, targets, images: 0..<1, channelOffset: 0)
        losses.total.backward()
        let logitGradient = try #require(output.logits.gradient).floats
        let codeGradient = try #require(output.codes.gradient).floats
        let logits = output.logits.detached().floats
        let codes = output.codes.detached().floats
        let count = logits.count / 2
        func value(_ logits: [Float], _ codes: [Float]) -> Double {
            let o = RetinaNetOutput(
                logits: Tensor(logits, shape: [1, count, 2]), codes: Tensor(codes, shape: [1, count, 4]))
            let l = spec(o, targets, images: 0..<1, channelOffset: 0)
            return l.classes.item + l.boxes.item
        }
        var random = Random(seed: 7, purpose: .test)
        // A random direction over all elements: enough change to be seen in fp32.
        let direction = logits.map { _ in Float(random.uniform(-1, 1)) }
        let codeDirection = codes.map { _ in Float(random.uniform(-1, 1)) }
        let step: Float = 0.01
        func moved(_ sign: Float) -> Double {
            value(
                zip(logits, direction).map { $0 + sign * step * $1 },
                zip(codes, codeDirection).map { $0 + sign * step * $1 })
        }
        let numeric = (moved(1) - moved(-1)) / Double(2 * step)
        let analytic =
            zip(logitGradient, direction).reduce(0.0) { $0 + Double($1.0 * $1.1) }
            + zip(codeGradient, codeDirection).reduce(0.0) { $0 + Double($1.0 * $1.1) }
        #expect(abs(numeric - analytic) < 1e-3 * max(0.1, abs(analytic)), "\(numeric) and \(analytic)")
    }

    // MARK: The quirks of the TPU code

    @Test func theBackgroundChannelShiftsLabels() {
        let (output, targets) = randomCase(2, classes: 4, seed: 8)
        var shifted = targets
        let three = targets.map { t in t.labels.map { $0 >= 3 ? 2 : $0 } }  // 3 classes in 4 channels
        for i in shifted.indices { shifted[i].labels = three[i].map { $0 >= 0 ? $0 + 1 : $0 } }
        var plain = targets
        for i in plain.indices { plain[i].labels = three[i] }
        let spec = DetectionLossSpec()
        let quirk = spec(output, plain, images: 0..<2, channelOffset: 1)
        let byHand = spec(output, shifted, images: 0..<2, channelOffset: 0)
        #expect(quirk.classes.item == byHand.classes.item)
        #expect(quirk.classes.item != spec(output, plain, images: 0..<2, channelOffset: 0).classes.item)
    }

    @Test func exactCoordinatesCanBeDropped() {
        let output = RetinaNetOutput(
            logits: Tensor.zeros([1, 2, 1]), codes: Tensor([1, 1, 1, 1, 0, 0, 0, 0] as [Float], shape: [1, 2, 4]))
        let target = AnchorTargets(labels: [0, -1], positives: [0], codes: [0, 0.5, 0, -1])
        var spec = DetectionLossSpec()
        // Huber of 1, 0.5, 1 and 2 with delta 0.1: 0.095, 0.045, 0.095, 0.195; times 50 / (4 * 2).
        #expect(near(spec(output, [target], images: 0..<1, channelOffset: 0).boxes.item, 0.43 * 6.25, 1e-6))
        spec.dropsExactCoordinates = true
        #expect(near(spec(output, [target], images: 0..<1, channelOffset: 0).boxes.item, 0.24 * 6.25, 1e-6))
    }
}
