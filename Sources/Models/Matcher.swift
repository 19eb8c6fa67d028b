import Geometry

/// What an image's anchors shall learn.
public struct AnchorTargets: Sendable {
    /// For each anchor: 0..<K the class of its object, -1 background, -2 not counted.
    public var labels: [Int32]
    /// The positive anchors, ascending.
    public var positives: [Int32]
    /// The box codes of the positives, four each: (dx, dy, dw, dh).
    public var codes: [Float]
}

/// A box the matcher works with.
public struct Target: Hashable, Sendable {
    /// xyxy in pixels of the canvas; an empty one is passed over.
    public var box: Box
    /// 0..<K.
    public var label: Int
    /// A region to leave alone instead of an object.
    public var ignored: Bool

    /// A box to match; it is an object unless `ignored`.
    public init(box: Box, label: Int, ignored: Bool = false) {
        self.box = box
        self.label = label
        self.ignored = ignored
    }
}

extension MatcherSpec {
    /// Assigns the boxes of one image (xyxy pixels of the canvas) to anchors.
    ///
    /// Each anchor takes the object of highest IoU, the first of equals; each object takes its best anchor in any case
    /// with `force` `.object`; an anchor that is the best of two goes to the first of them, as an argmax over objects
    /// gives it (docs/paper.md 3.1, the TPU code's matcher).
    /// - Complexity: O(anchors x boxes).
    public func callAsFunction(_ targets: [Target], _ anchors: Anchors) -> AnchorTargets {
        let count = anchors.count
        let objects = targets.filter { !$0.ignored && !$0.box.isEmpty }
        let regions = targets.filter { $0.ignored && !$0.box.isEmpty }
        var best = [Float](repeating: 0, count: count)
        var match = [Int32](repeating: -1, count: count)
        var forced: [(anchor: Int, object: Int)] = []
        var tops: [(box: Box, iou: Float)] = []
        for (j, object) in objects.enumerated() {
            let top = Self.update(&best, &match, object.box, Int32(j), anchors)
            if top.iou > 0 {
                switch force {
                case .none: break
                case .object: forced.append((top.anchor, j))
                case .ownObject: tops.append((object.box, top.iou))
                }
            }
        }
        var labels = [Int32](repeating: -1, count: count)
        for i in 0..<count where match[i] >= 0 {
            if best[i] >= positive {
                labels[i] = Int32(objects[Int(match[i])].label)
            } else if best[i] >= negative {
                labels[i] = -2
            }
        }
        for (box, iou) in tops {
            for i in 0..<count where match[i] >= 0 && Self.overlap(box, anchors, i) == iou {
                labels[i] = Int32(objects[Int(match[i])].label)
            }
        }
        for (anchor, object) in forced.reversed() {
            match[anchor] = Int32(object)
            labels[anchor] = Int32(objects[object].label)
        }
        for region in regions {
            for i in 0..<count where labels[i] == -1 {
                let anchor = anchors[i]
                if region.box.intersection(anchor) >= ignoreOverlap * anchor.area { labels[i] = -2 }
            }
        }
        var positives: [Int32] = []
        var codes: [Float] = []
        for i in 0..<count where labels[i] >= 0 {
            positives.append(Int32(i))
            let code = BoxCode.encode(objects[Int(match[i])].box, anchor: anchors[i])
            codes.append(contentsOf: [code.0, code.1, code.2, code.3])
        }
        return AnchorTargets(labels: labels, positives: positives, codes: codes)
    }

    /// The IoU of a box and an anchor, in the same arithmetic as `update`.
    private static func overlap(_ box: Box, _ anchors: Anchors, _ i: Int) -> Float {
        let w = min(box.x2, anchors.x2[i]) - max(box.x1, anchors.x1[i])
        let h = min(box.y2, anchors.y2[i]) - max(box.y1, anchors.y1[i])
        if w <= 0 || h <= 0 { return 0 }
        let area = (anchors.x2[i] - anchors.x1[i]) * (anchors.y2[i] - anchors.y1[i])
        return w * h / (box.area + area - w * h)
    }

    /// Compares one object with all anchors; returns the anchor that fits it best.
    private static func update(
        _ best: inout [Float], _ match: inout [Int32], _ box: Box, _ j: Int32, _ anchors: Anchors
    ) -> (anchor: Int, iou: Float) {
        var top = (anchor: 0, iou: Float(0))
        let area = box.area
        let (bx1, by1, bx2, by2) = (box.x1, box.y1, box.x2, box.y2)
        let count = anchors.count
        best.withUnsafeMutableBufferPointer { best in
            match.withUnsafeMutableBufferPointer { match in
                anchors.x1.withUnsafeBufferPointer { x1 in
                    anchors.y1.withUnsafeBufferPointer { y1 in
                        anchors.x2.withUnsafeBufferPointer { x2 in
                            anchors.y2.withUnsafeBufferPointer { y2 in
                                for i in 0..<count {
                                    let w = min(bx2, x2[i]) - max(bx1, x1[i])
                                    let h = min(by2, y2[i]) - max(by1, y1[i])
                                    if w <= 0 || h <= 0 { continue }
                                    let shared = w * h
                                    let iou = shared / (area + (x2[i] - x1[i]) * (y2[i] - y1[i]) - shared)
                                    if iou > best[i] {
                                        best[i] = iou
                                        match[i] = j
                                    }
                                    if iou > top.iou { top = (i, iou) }
                                }
                            }
                        }
                    }
                }
            }
        }
        return top
    }
}
