import Geometry
import Imaging

/// What happens to one picture on its way into a canvas: flipped or not, resized, cropped, padded. Pixels and boxes
/// move by the same map, so they cannot come apart.
public struct Plan: Hashable, Sendable {
    /// The upright picture's size in pixels.
    public let source: Size
    /// The canvas in pixels.
    public let target: Size
    /// The picture's size after resizing, of which the canvas shows a part. Each side is rounded on its own, so the
    /// two scales differ a little; the map uses both.
    public let resized: Size
    /// The first resized column that is shown.
    public let offsetX: Int
    /// The first resized row that is shown.
    public let offsetY: Int
    /// Whether left and right are exchanged.
    public let flipped: Bool

    /// A plan by its parts.
    /// - Precondition: sizes are positive and the offsets lie inside `resized`.
    public init(source: Size, target: Size, resized: Size, offsetX: Int = 0, offsetY: Int = 0, flipped: Bool = false) {
        precondition(
            source.width > 0 && source.height > 0 && target.width > 0 && target.height > 0,
            "a plan needs positive sizes, not \(source) into \(target)")
        precondition(
            (0..<resized.width).contains(offsetX) && (0..<resized.height).contains(offsetY),
            "offset (\(offsetX), \(offsetY)) lies outside \(resized)")
        self.source = source
        self.target = target
        self.resized = resized
        self.offsetX = offsetX
        self.offsetY = offsetY
        self.flipped = flipped
    }

    /// The plan of evaluation and prediction: fitted into the target with its aspect kept, nothing random.
    public static func evaluation(for source: Size, target: Size) -> Plan {
        Plan(source: source, target: target, resized: fit(source, target: target, scale: 1))
    }

    /// The size of `source` fitted, aspect kept, into a box of `round(scale * target)`; at least one pixel a side.
    static func fit(_ source: Size, target: Size, scale: Double) -> Size {
        func round(_ x: Double) -> Int { max(1, Int(x.rounded(.toNearestOrEven))) }
        let w = Double(source.width)
        let h = Double(source.height)
        let box = (width: round(scale * Double(target.width)), height: round(scale * Double(target.height)))
        let s = min(Double(box.height) / h, Double(box.width) / w)
        return Size(width: round(w * s), height: round(h * s))
    }

    /// The upper left part of the canvas that holds picture; the rest is padding.
    public var covered: Size {
        Size(
            width: min(target.width, resized.width - offsetX), height: min(target.height, resized.height - offsetY))
    }

    /// From pixels of the upright picture to pixels of the canvas.
    public var map: AffineMap {
        let flip = flipped ? AffineMap.flip(width: Double(source.width)) : .identity
        return flip.then(.scale(scaleX, scaleY)).then(.translation(-Double(offsetX), -Double(offsetY)))
    }

    private var scaleX: Double { Double(resized.width) / Double(source.width) }
    private var scaleY: Double { Double(resized.height) / Double(source.height) }

    /// A box of the picture on the canvas, clipped to what is covered; nil where nothing is left of it.
    ///
    /// The frame is half-open: a box is clipped to [0, width], where the paper's code clips to [0, width - 1] and so
    /// loses a pixel at the right and at the bottom.
    public func callAsFunction(_ box: Box) -> Box? {
        let m = map
        // The map is axis-aligned: two corners say it all, and no array is made for each box.
        let p = m(x: Double(box.x1), y: Double(box.y1))
        let q = m(x: Double(box.x2), y: Double(box.y2))
        let moved = Box(
            x1: Float(min(p.x, q.x)), y1: Float(p.y), x2: Float(max(p.x, q.x)), y2: Float(q.y)
        ).clipped(to: covered)
        return moved.isEmpty ? nil : moved
    }

    /// A box of the canvas in the picture, clipped to it; empty where it lies in the padding.
    public func original(_ box: Box) -> Box {
        let m = map.inverse
        let p = m(x: Double(box.x1), y: Double(box.y1))
        let q = m(x: Double(box.x2), y: Double(box.y2))
        return Box(x1: Float(min(p.x, q.x)), y1: Float(p.y), x2: Float(max(p.x, q.x)), y2: Float(q.y))
            .clipped(to: source)
    }

    /// Renders the picture into a slot of a batch: `[target.height, target.width, 3]` f32, normalised, 0 (the mean
    /// colour) where it does not cover the canvas. Every element is written.
    ///
    /// - Parameter reduction: by what the picture's sides were divided in decoding (`Decoded.reduction`). The plan keeps
    ///   speaking of the whole picture's pixels.
    /// - Precondition: the picture has the plan's `source` size, divided by `reduction` and rounded up, and the slot the
    ///   canvas's.
    public func render(
        _ image: Image, reduction: Int = 1, into slot: UnsafeMutableBufferPointer<Float>,
        normalization: Normalization = .imageNet, resampling: Resampling = .antialiased
    ) {
        let x = Double(source.width) / Double(reduction)
        let y = Double(source.height) / Double(reduction)
        precondition(
            Double(image.width) == x.rounded(.up) && Double(image.height) == y.rounded(.up),
            "a plan for 1/\(reduction) of \(source.width)x\(source.height) pixels was given a picture of "
                + "\(image.width)x\(image.height)")
        image.render(
            x: RenderAxis(
                source: image.width, extent: x, resized: resized.width, offset: offsetX, count: covered.width,
                mirrored: flipped),
            y: RenderAxis(
                source: image.height, extent: y, resized: resized.height, offset: offsetY, count: covered.height),
            scale: normalization.scale, bias: normalization.bias, resampling: resampling, into: slot, canvas: target)
    }

    /// The canvas as a picture, for people; the padding is black.
    public func preview(_ image: Image, resampling: Resampling = .antialiased) -> Image {
        let count = target.width * target.height * 3
        let values = [Float](unsafeUninitializedCapacity: count) { buffer, filled in
            render(
                image, into: UnsafeMutableBufferPointer(rebasing: buffer[0..<count]),
                normalization: Normalization(mean: [0, 0, 0], deviation: [1 / 255, 1 / 255, 1 / 255]),
                resampling: resampling)
            filled = count
        }
        return Image(width: target.width, height: target.height, rounding: values)
    }
}
