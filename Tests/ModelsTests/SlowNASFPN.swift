import Torch

// NAS-FPN (Ghiasi et al. 2019) and the segmentation head once more, straight from docs/paper.md.
//
// Laterals and cells: a convolution *with* a shift, then a norm. The published counts cannot tell whether the laterals
// have one (3,606,704 parameters with, 3,605,936 without; published 3.61 million); the original code leaves the default
// of its layers, which is to have it. A separable convolution has one shift, after the pointwise half.
//
// Where the description leaves a choice:
// - The second gate convention pools by the mean; the pooled operand is the *finer* one, the gated one the coarser:
//   out = fine + sigmoid(mean(fine)) * coarse. The first: out = coarse + sigmoid(max(coarse)) * fine. "Finer" is by the
//   level of the source; both are pooled and gated after resampling.
// - A node that is left over is found by walking the graph, over all nodes older than the cell, at output cells only.
// - Pooling down has kernel = stride = ratio and TensorFlow's SAME padding. Going up repeats pixels; where a level is
//   not an exact multiple, the nearest pixel of the target's size.

/// What a pyramid is made of.
struct SlowNASFPNNumbers {
    enum Gate { case tpu, mmdet }

    var width = 256
    var repeats = 7
    var isSeparable = true
    var gate = Gate.tpu
    var activation: (Tensor) -> Tensor = { $0.relu() }
    var momentum = 0.003  // the weight of the new value
    var eps = 1e-3
}

/// P3...P7 from C3...C5.
func slowNASFPN(
    _ features: [Tensor], weights: @escaping (String) -> Tensor, _ numbers: SlowNASFPNNumbers, training: Bool = false
) -> [Tensor] {
    let layers = SlowLayers(
        weights: weights, isSeparable: numbers.isSeparable, momentum: numbers.momentum, eps: numbers.eps,
        training: training)
    var pyramid = features.enumerated().map { i, c in
        c.size(1) == numbers.width ? c : layers.convolvedAndNormed(c, "lateral.p\(i + 3)", kernel: 1)
    }
    for _ in 6...7 { pyramid.append(samePooled(pyramid[pyramid.count - 1], kernel: 2, stride: 2)) }
    for r in 0..<numbers.repeats {
        pyramid = slowNASFPNRepeat(pyramid, "cells.\(r)", layers, numbers)
    }
    return pyramid
}

private struct NASFPNNode {
    var level: Int
    var map: Tensor
    var used = false
}

private func slowNASFPNRepeat(
    _ pyramid: [Tensor], _ name: String, _ layers: SlowLayers, _ numbers: SlowNASFPNNumbers
) -> [Tensor] {
    // (level, gated?, inputs, output?)
    let table: [(Int, Bool, [Int], Bool)] = [
        (4, true, [1, 3], false), (4, false, [1, 5], false), (3, false, [0, 6], true), (4, false, [6, 7], true),
        (5, true, [7, 8], true), (7, true, [6, 9], true), (6, true, [9, 10], true),
    ]
    var nodes = pyramid.enumerated().map { NASFPNNode(level: $0 + 3, map: $1) }
    let sizes = pyramid.map { ($0.size(2), $0.size(3)) }
    var outputs: [Int: Tensor] = [:]
    for (c, (level, isGated, inputs, isOutput)) in table.enumerated() {
        func atLevel(_ node: NASFPNNode) -> Tensor {
            if node.level < level {
                let ratio = 1 << (level - node.level)
                return samePooled(node.map, kernel: ratio, stride: ratio)
            }
            return node.level == level
                ? node.map : node.map.upsampledNearest(height: sizes[level - 3].0, width: sizes[level - 3].1)
        }
        for input in inputs { nodes[input].used = true }
        let (first, second) = (nodes[inputs[0]], nodes[inputs[1]])
        var merged: Tensor
        if isGated {
            let (coarse, fine) = first.level >= second.level ? (first, second) : (second, first)
            switch numbers.gate {
            case .tpu:
                let a = atLevel(coarse)
                merged = a + atLevel(fine) * a.max([2, 3], keep: true).sigmoid()
            case .mmdet:
                let b = atLevel(fine)
                merged = b + atLevel(coarse) * b.mean([2, 3], keep: true).sigmoid()
            }
        } else {
            merged = atLevel(first) + atLevel(second)
        }
        if isOutput {
            for j in nodes.indices where !nodes[j].used && nodes[j].level == level {
                nodes[j].used = true
                merged = merged + nodes[j].map
            }
        }
        let map = layers.convolvedAndNormed(numbers.activation(merged), "\(name).\(c)", kernel: 3)
        nodes.append(NASFPNNode(level: level, map: map))
        if isOutput { outputs[level] = map }
    }
    return (3...7).map { level in
        guard let map = outputs[level] else { preconditionFailure("no output at level \(level)") }
        return map
    }
}

/// Class log-odds `[N, K, ceil(H / 4), ceil(W / 4)]` from P3...P7: every level bilinear to level 2, their sum, three 3x3
/// convolutions (shift, norm, activation), 1x1.
///
/// Names: `{name}.{j}.conv.weight`, `.conv.bias`, `.bn.*` for j = 0, 1, 2, then `{classifier}.weight` and `.bias`.
func slowSegmentationHead(
    _ levels: [Tensor], size: (height: Int, width: Int), weights: @escaping (String) -> Tensor,
    name: String = "conv", classifier: String = "classifier", activation: (Tensor) -> Tensor = { $0.relu() },
    momentum: Double = 0.003, eps: Double = 1e-3, training: Bool = false
) -> Tensor {
    let layers = SlowLayers(weights: weights, isSeparable: false, momentum: momentum, eps: eps, training: training)
    var sum: Tensor?
    for level in levels {
        let map = level.upsampledBilinear(height: (size.height + 3) / 4, width: (size.width + 3) / 4)
        sum = sum.map { $0 + map } ?? map
    }
    guard var x = sum else { preconditionFailure("no levels") }
    for j in 0..<3 { x = activation(layers.convolvedAndNormed(x, "\(name).\(j)", kernel: 3)) }
    return x.convolved(by: weights("\(classifier).weight"), bias: weights("\(classifier).bias"))
}

/// A convolution with a shift and the norm after it.
private struct SlowLayers {
    let weights: (String) -> Tensor
    let isSeparable: Bool
    let momentum: Double
    let eps: Double
    let training: Bool

    func convolvedAndNormed(_ x: Tensor, _ name: String, kernel: Int) -> Tensor {
        var y = x
        if isSeparable {
            let depthwise = weights("\(name).depthwise.weight")
            precondition(depthwise.shape == [x.size(1), 1, kernel, kernel], "\(name).depthwise")
            y = y.convolved(by: depthwise, padding: kernel / 2, groups: x.size(1))
            y = y.convolved(by: weights("\(name).pointwise.weight"), bias: weights("\(name).pointwise.bias"))
        } else {
            let weight = weights("\(name).conv.weight")
            precondition(weight.size(2) == kernel, "\(name).conv")
            y = y.convolved(by: weight, bias: weights("\(name).conv.bias"), padding: kernel / 2)
        }
        return y.batchNormalized(
            weight: weights("\(name).bn.weight"), bias: weights("\(name).bn.bias"),
            mean: weights("\(name).bn.running_mean"), variance: weights("\(name).bn.running_var"), training: training,
            momentum: momentum, eps: eps)
    }
}
