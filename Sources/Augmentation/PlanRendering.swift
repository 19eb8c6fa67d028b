import Geometry
import Imaging

extension Plan {
    /// Renders the picture into a slot of a batch: `[target.height, target.width, 3]` f32, normalised, 0 (the mean
    /// colour) where it does not cover the canvas. Every element is written.
    ///
    /// - Parameter reduction: by what the picture's sides were divided in decoding (`Decoded.reduction`). The plan keeps
    ///   speaking of the whole picture's pixels.
    /// - Precondition: the picture has the plan's `source` size, divided by `reduction` and rounded up, and the slot the
    ///   canvas's. A plan in `reference` rendering takes pictures in full size.
    public func render(
        _ image: Image, reduction: Int = 1, into slot: UnsafeMutableBufferPointer<Float>,
        normalization: Normalization = .imageNet, resampling: Resampling = .antialiased
    ) {
        precondition(
            image.width == (source.width + reduction - 1) / reduction
                && image.height == (source.height + reduction - 1) / reduction,
            "a plan for 1/\(reduction) of \(source.width)x\(source.height) pixels was given a picture of "
                + "\(image.width)x\(image.height)")
        if !canvasOperations.isEmpty {
            let canvas = Plan(
                source: source, target: target, flipped: flipped, window: window, resized: resized, offsetX: offsetX,
                offsetY: offsetY, rendering: rendering
            ).preview(image, reduction: reduction, resampling: resampling)
            Plan(source: target, target: target, operations: canvasOperations, resized: target, rendering: rendering)
                .render(canvas, into: slot, normalization: normalization, resampling: resampling)
            return
        }
        // Filters see 0...1; what the network wants comes after them.
        let values = filters.isEmpty ? normalization : .none
        switch rendering {
        case .fused:
            var composition = Composition(image, reduction: reduction, plan: self)
            for operation in operations { composition.add(operation) }
            composition.render(values, resampling, into: slot)
        case .reference(let contrastQuirk):
            precondition(reduction == 1 || operations.isEmpty, "operations count the pixels of the whole picture")
            var picture = image
            for operation in operations { picture = operation.applied(to: picture, contrastQuirk: contrastQuirk) }
            var placed = Composition(picture, reduction: reduction, plan: self)
            placed.render(values, .bilinear, into: slot)
        }
        if !filters.isEmpty {
            for filter in filters { filter.apply(to: slot, size: target) }
            CanvasFilter.affine(slot, scale: 255 * normalization.scale, bias: normalization.bias)
        }
    }

    /// The mask on the canvas: for each pixel the label of the nearest, `LabelMap.ignored` where the picture was moved
    /// away and in the padding. Operations that only colour leave it as it is, `cutout` among them.
    ///
    /// - Parameter stride: of the canvas as the network's output sees it: one label for each block of so many pixels a
    ///   side, that of its centre.
    /// - Precondition: the mask has the picture's size; the stride divides the canvas.
    public func rendered(_ mask: LabelMap, stride: Int = 1) -> LabelMap {
        precondition(canvasOperations.isEmpty, "masks do not go with operations on the canvas")
        precondition(mask.size == source, "a plan for \(source) was given a mask of \(mask.size)")
        precondition(
            stride > 0 && target.width % stride == 0 && target.height % stride == 0,
            "a stride of \(stride) does not divide a canvas of \(target)")
        let grid = Size(width: target.width / stride, height: target.height / stride)
        // Blocks whose centre is covered.
        func blocks(_ pixels: Int) -> Int { (pixels - stride / 2 + stride - 1) / stride }
        let shown = Size(width: blocks(covered.width), height: blocks(covered.height))
        let placement = placement.then(.scale(1 / Double(stride), 1 / Double(stride)))
        if case .reference = rendering {
            let moved = operations.reduce(mask) { mask, operation in operation.applied(to: mask) }
            return moved.rendered(by: placement.inverse, within: [], canvas: grid, covered: shown)
        }
        var whole = AffineMap.identity
        var frames: [AffineMap] = []
        for operation in operations {
            guard let map = operation.map(in: source) else { continue }
            whole = whole.then(map)
            frames = frames.map { $0.then(map) } + [map]
        }
        let paints = frames.map { frame($0.then(placement).inverse) }
        return mask.rendered(by: whole.then(placement).inverse, within: paints, canvas: grid, covered: shown)
    }

    /// The canvas as a picture, for people; the padding is black.
    public func preview(_ image: Image, reduction: Int = 1, resampling: Resampling = .antialiased) -> Image {
        let count = target.width * target.height * 3
        let values = [Float](unsafeUninitializedCapacity: count) { buffer, filled in
            render(
                image, reduction: reduction, into: UnsafeMutableBufferPointer(rebasing: buffer[0..<count]),
                normalization: Normalization(mean: [0, 0, 0], deviation: [1 / 255, 1 / 255, 1 / 255]),
                resampling: resampling)
            filled = count
        }
        return Image(width: target.width, height: target.height, rounding: values)
    }

    /// What lies outside the picture in a frame to which `map` leads from the canvas.
    fileprivate func frame(_ map: AffineMap) -> Paint {
        Paint(map: map, x: 0..<Double(source.width), y: 0..<Double(source.height), isOutside: true)
    }
}

/// The operations of a plan, composed for as long as they commute: what is done to pixels where they are, then one map,
/// then what is painted over. Where an operation does not commute with what has gathered (one inside a box or one that
/// counts values, of a picture that was moved or painted over), the picture is made at its own size and gathering begins
/// anew.
///
/// What is not exactly as in `reference`: sampling is bilinear and antialiased; sharpening acts before a move that came
/// before it; the mean grey of `contrast` is that of the channels' means.
private struct Composition {
    /// A colour over a part of the picture.
    private struct Layer {
        /// From the frame of the rectangle to that of the picture as it is now.
        var map: AffineMap
        var rect: PixelRect
        var isOutside: Bool
        var color: Color
    }

    /// What is done to pixels where they are.
    private enum Step {
        case table(ColorTable)
        case saturate(Double)
        case sharpen(Double)
    }

    private let plan: Plan
    private let reduction: Int
    private var image: Image
    private var steps: [Step] = []
    /// From the frame of `image` (in whole pixels) to that of the picture as it is now.
    private var map = AffineMap.identity
    private var layers: [Layer] = []

    init(_ image: Image, reduction: Int, plan: Plan) {
        self.image = image
        self.reduction = reduction
        self.plan = plan
    }

    // MARK: Gathering

    mutating func add(_ operation: Operation) {
        switch operation {
        case .cutout(let rect):
            layers.append(Layer(map: .identity, rect: rect, isOutside: false, color: Operation.fill))
        case .color(let factor):
            steps.append(.saturate(factor))
            recolor {
                let pixel = Image(width: 1, height: 1, red: $0.red, green: $0.green, blue: $0.blue).saturated(factor)
                return Color(pixel.pixels[0], pixel.pixels[1], pixel.pixels[2])
            }
        case .sharpness(let factor):
            steps.append(.sharpen(factor))
        case .inside(let rect, let inner):
            flush()
            let part = reduced(rect)
            if part.isEmpty { return }
            let patch = inner.reduced(by: reduction)
                .applied(to: image.cropped(to: part), contrastQuirk: false)
            image.put(patch, x: part.x, y: part.y)
        case .autoContrast, .equalize, .contrast:
            if map != .identity || !layers.isEmpty { flush() }
            let counts = histogram()
            if let table = operation.table({ counts }) { add(table) }
        default:
            if let move = operation.map(in: plan.source) {
                map = map.then(move)
                for i in layers.indices { layers[i].map = layers[i].map.then(move) }
                layers.append(
                    Layer(map: move, rect: PixelRect(plan.source), isOutside: true, color: Operation.fill))
            } else if let table = operation.table({ preconditionFailure("\(operation) counts values") }) {
                add(table)
            } else {
                preconditionFailure("there is no rendering for \(operation)")
            }
        }
    }

    private mutating func add(_ table: ColorTable) {
        if case .table(let last) = steps.last {
            steps[steps.count - 1] = .table(last.then(table))
        } else {
            steps.append(.table(table))
        }
        recolor { table($0) }
    }

    private mutating func recolor(_ change: (Color) -> Color) {
        for i in layers.indices { layers[i].color = change(layers[i].color) }
    }

    /// Of the picture as it is now.
    /// - Precondition: nothing moved it or was painted over it.
    private mutating func histogram() -> Histogram {
        if steps.isEmpty { return Histogram(image) }
        if case .table(let only) = steps[0], steps.count == 1 { return Histogram(image).after(only) }
        work(in: PixelRect(image.size))
        return Histogram(image)
    }

    private func reduced(_ rect: PixelRect) -> PixelRect {
        if reduction == 1 { return rect }
        let x = rect.x / reduction, y = rect.y / reduction
        return PixelRect(
            x: x, y: y, width: (rect.x + rect.width) / reduction - x, height: (rect.y + rect.height) / reduction - y)
    }

    // MARK: Carrying out

    /// Does the steps to the pixels of `rect`, with which the picture is then all that is needed.
    private mutating func work(in rect: PixelRect) {
        for step in steps {
            switch step {
            case .table(let table): image = image.applying(table, in: rect)
            case .saturate(let factor): image = image.saturated(factor, in: rect)
            case .sharpen(let factor): image = image.sharpened(factor, in: rect)
            }
        }
        steps = []
    }

    /// Makes the picture as it is now, at its own size.
    private mutating func flush() {
        work(in: PixelRect(image.size))
        if map == .identity, layers.isEmpty { return }
        let size = image.size
        let count = size.width * size.height * 3
        let toPicture = AffineMap.scale(Double(reduction), Double(reduction))
        let floats = [Float](unsafeUninitializedCapacity: count) { buffer, filled in
            let slot = UnsafeMutableBufferPointer(rebasing: buffer[0..<count])
            image.render(
                by: toPicture.then(map.inverse).then(toPicture.inverse), samples: 1, scale: .one, bias: .zero,
                into: slot, canvas: size, covered: size)
            paints(toPicture) { SIMD3(Float($0.red), Float($0.green), Float($0.blue)) }
                .draw(into: slot, canvas: size, covered: size)
            filled = count
        }
        image = Image(width: size.width, height: size.height, rounding: floats)
        map = .identity
        layers = []
    }

    /// - Parameter toPicture: from points of what is drawn on to points of the picture as it is now.
    private func paints(_ toPicture: AffineMap, _ values: (Color) -> SIMD3<Float>) -> [Paint] {
        layers.map { layer in
            let rect = layer.rect
            return Paint(
                map: toPicture.then(layer.map.inverse), x: Double(rect.x)..<Double(rect.x + rect.width),
                y: Double(rect.y)..<Double(rect.y + rect.height), isOutside: layer.isOutside,
                values: values(layer.color))
        }
    }

    mutating func render(
        _ normalization: Normalization, _ resampling: Resampling, into slot: UnsafeMutableBufferPointer<Float>
    ) {
        let covered = plan.covered
        let toPicture = plan.placement.inverse
        let toImage = toPicture.then(map.inverse).then(.scale(1 / Double(reduction), 1 / Double(reduction)))
        if !steps.isEmpty { work(in: seen(toImage, covered, margin: 3 + steps.count)) }
        if toImage.isAxisAligned {
            // What operations moved in from outside is painted over; the window of a crop is the edge for all others.
            let rect = operationsMove ? PixelRect(image.size) : windowOfImage
            image.render(
                x: RenderAxis(
                    window: rect.x..<rect.x + rect.width, start: toImage.tx, step: toImage.a, count: covered.width),
                y: RenderAxis(
                    window: rect.y..<rect.y + rect.height, start: toImage.ty, step: toImage.d, count: covered.height),
                scale: normalization.scale, bias: normalization.bias, resampling: resampling, into: slot,
                canvas: plan.target)
        } else {
            let shrinks = max(
                (toImage.a * toImage.a + toImage.c * toImage.c).squareRoot(),
                (toImage.b * toImage.b + toImage.d * toImage.d).squareRoot())
            // Bilinear samples reach a pixel to each side, so that a little shrinking needs no more than one.
            let samples = resampling == .bilinear ? 1 : max(1, Int(min(16, shrinks / 1.25).rounded(.up)))
            image.render(
                by: toImage, samples: samples, scale: normalization.scale, bias: normalization.bias, into: slot,
                canvas: plan.target, covered: covered)
        }
        paints(toPicture) { color in
            SIMD3(Float(color.red), Float(color.green), Float(color.blue)) * normalization.scale + normalization.bias
        }.draw(into: slot, canvas: plan.target, covered: covered)
    }

    private var operationsMove: Bool { map != .identity }

    /// The plan's window in pixels of the image, the flip taken back.
    private var windowOfImage: PixelRect {
        let w = plan.window
        let x = plan.flipped ? plan.source.width - w.x - w.width : w.x
        let rect = PixelRect(x: x, y: w.y, width: w.width, height: w.height)
        if w == PixelRect(plan.source) { return PixelRect(image.size) }
        let part = reduced(rect)
        return PixelRect(x: part.x, y: part.y, width: max(1, part.width), height: max(1, part.height))
    }

    /// The pixels of the image that the canvas shows, with those about them that filters reach.
    private func seen(_ toImage: AffineMap, _ covered: Size, margin: Int) -> PixelRect {
        let box = toImage(Box(x1: 0, y1: 0, x2: Float(covered.width), y2: Float(covered.height)))
        let reach = Int(max(abs(toImage.a) + abs(toImage.b), abs(toImage.c) + abs(toImage.d)).rounded(.up)) + margin
        let x1 = Int(box.x1.rounded(.down)) - reach, y1 = Int(box.y1.rounded(.down)) - reach
        let x2 = Int(box.x2.rounded(.up)) + reach, y2 = Int(box.y2.rounded(.up)) + reach
        let rect = PixelRect(x: x1, y: y1, width: x2 - x1, height: y2 - y1).clipped(to: image.size)
        return rect.isEmpty ? PixelRect(x: 0, y: 0, width: 1, height: 1) : rect
    }
}

extension Operation {
    /// The operation on a picture whose sides were divided.
    fileprivate func reduced(by reduction: Int) -> Operation {
        if reduction == 1 { return self }
        switch self {
        case .translateX(let pixels): return .translateX(pixels / Double(reduction))
        case .translateY(let pixels): return .translateY(pixels / Double(reduction))
        case .cutout(let rect):
            return .cutout(
                PixelRect(
                    x: rect.x / reduction, y: rect.y / reduction, width: rect.width / reduction,
                    height: rect.height / reduction))
        default: return self
        }
    }
}
