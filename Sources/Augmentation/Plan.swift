import Geometry
import Imaging

/// How a plan is carried out.
public enum Rendering: Hashable, Sendable, CustomStringConvertible {
    /// In one pass: operations are composed as far as they commute, and the picture is sampled once.
    case fused
    /// As the original code does: operation after operation on 8-bit pixels in the picture's own size, nearest sampling,
    /// boxes cut to whole pixels before each, and a sliver kept of a box that left the picture.
    ///
    /// - contrastQuirk: `Contrast` departs from (number of pixels) / 256, at most 255, as the original does by mistake,
    ///   instead of from the mean grey.
    case reference(contrastQuirk: Bool)

    /// What recipes call it.
    public var description: String {
        switch self {
        case .fused: "fused"
        case .reference(false): "reference"
        case .reference(true): "reference-contrast-quirk"
        }
    }

    /// The one of that name, or nil.
    public static func named(_ name: String) -> Rendering? { all.first { $0.description == name } }

    /// Every one.
    public static let all: [Rendering] = [.fused, .reference(contrastQuirk: false), .reference(contrastQuirk: true)]
}

/// What happens to one picture on its way into a canvas: a value, with no chance left in it. In this order: operations on
/// the picture in its own size, flip, the cut of a window, resizing, the crop or pad of the canvas, operations or filters on
/// the canvas.
/// Pixels, boxes and masks move by the same maps, so they cannot come apart.
public struct Plan: Hashable, Sendable {
    /// The upright picture's size in pixels.
    public let source: Size
    /// The canvas in pixels.
    public let target: Size
    /// What is done to the picture in its own size.
    public let operations: [Operation]
    /// Whether left and right are exchanged.
    public let flipped: Bool
    /// The part of the flipped picture that is resized; as a rule all.
    public let window: PixelRect
    /// The window's size after resizing, of which the canvas shows a part. Each side is rounded on its own, so the two
    /// scales differ a little; the map uses both.
    public let resized: Size
    /// The first resized column that is shown.
    public let offsetX: Int
    /// The first resized row that is shown.
    public let offsetY: Int
    /// What is done to the canvas as to a picture of 8 bits: classification's operators, which know no boxes.
    public let canvasOperations: [Operation]
    /// What is done to the canvas at last.
    public let filters: [CanvasOperation]
    /// How it is carried out.
    public let rendering: Rendering

    /// A plan by its parts.
    /// - Precondition: sizes are positive, the window lies in the picture, the offsets lie inside `resized`; filters and
    ///   operations on the canvas want one that is covered, and not each other.
    public init(
        source: Size, target: Size, operations: [Operation] = [], flipped: Bool = false, window: PixelRect? = nil,
        resized: Size, offsetX: Int = 0, offsetY: Int = 0, canvasOperations: [Operation] = [],
        filters: [CanvasOperation] = [], rendering: Rendering = .fused
    ) {
        let window = window ?? PixelRect(source)
        precondition(
            source.width > 0 && source.height > 0 && target.width > 0 && target.height > 0,
            "a plan needs positive sizes, not \(source) into \(target)")
        precondition(
            !window.isEmpty && window.clipped(to: source) == window, "the window \(window) lies outside \(source)")
        precondition(
            (0..<resized.width).contains(offsetX) && (0..<resized.height).contains(offsetY),
            "offset (\(offsetX), \(offsetY)) lies outside \(resized)")
        self.source = source
        self.target = target
        self.operations = operations
        self.flipped = flipped
        self.window = window
        self.resized = resized
        self.offsetX = offsetX
        self.offsetY = offsetY
        self.canvasOperations = canvasOperations
        self.filters = filters
        self.rendering = rendering
        precondition(
            filters.isEmpty && canvasOperations.isEmpty || covered == target,
            "filters and operations on the canvas need one without padding")
        precondition(filters.isEmpty || canvasOperations.isEmpty, "a canvas gets either filters or operations")
    }

    /// The plan of evaluation and prediction: fitted into the target with its aspect kept, nothing random.
    public static func evaluation(for source: Size, target: Size) -> Plan {
        Plan(source: source, target: target, resized: fit(source, target: target, scale: 1))
    }

    /// The size of `source` fitted, aspect kept, into a box of `round(scale * target)`; at least one pixel a side.
    public static func fit(_ source: Size, target: Size, scale: Double) -> Size {
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

    // MARK: Maps

    /// From pixels of the upright picture to pixels of the canvas, all operations included.
    public var map: AffineMap {
        operations.reduce(AffineMap.identity) { map, operation in
            operation.map(in: source).map { map.then($0) } ?? map
        }.then(placement)
    }

    /// What comes after the operations: from pixels of the picture to pixels of the canvas.
    var placement: AffineMap {
        let flip = flipped ? AffineMap.flip(width: Double(source.width)) : .identity
        return flip.then(.translation(-Double(window.x), -Double(window.y))).then(.scale(scaleX, scaleY))
            .then(.translation(-Double(offsetX), -Double(offsetY)))
    }

    private var scaleX: Double { Double(resized.width) / Double(window.width) }
    private var scaleY: Double { Double(resized.height) / Double(window.height) }

    // MARK: Boxes

    /// A box of the picture on the canvas: the smallest one about its mapped corners, clipped to what is covered; nil where
    /// nothing is left of it.
    ///
    /// The frame is half-open: a box is clipped to [0, width], where the paper's code clips to [0, width - 1] and so
    /// loses a pixel at the right and at the bottom.
    ///
    /// - Precondition: no operation moves the canvas afterwards.
    public func callAsFunction(_ box: Box) -> Box? {
        precondition(canvasOperations.isEmpty, "boxes do not go with operations on the canvas")
        let moved: Box
        if case .reference = rendering {
            moved = placement(referenceBox(box)).clipped(to: covered)
        } else {
            moved = fusedBox(box).clipped(to: covered)
        }
        return moved.isEmpty ? nil : moved
    }

    private func fusedBox(_ box: Box) -> Box {
        guard !operations.isEmpty else { return placement(box) }
        // Corners through the whole map give the tighter box; corners cut to the picture after each operation tell what
        // has left it. Both bound what can be seen.
        var whole = AffineMap.identity
        var cut = box
        for operation in operations {
            guard let map = operation.map(in: source) else { continue }
            whole = whole.then(map)
            cut = map(cut).clipped(to: source)
            if cut.isEmpty { return cut }
        }
        let direct = whole.then(placement)(box)
        let bound = placement(cut)
        return Box(
            x1: max(direct.x1, bound.x1), y1: max(direct.y1, bound.y1), x2: min(direct.x2, bound.x2),
            y2: min(direct.y2, bound.y2))
    }

    /// A box of the canvas in the picture, clipped to it; empty where it lies in the padding. Of a turned picture it is the
    /// smallest box about the corners.
    public func original(_ box: Box) -> Box { map.inverse(box).clipped(to: source) }

    // MARK: For people

    /// "rotate -30, equalize, flip, 500x375 to 640x480 at 0,12": what is done, in this order.
    public var description: String {
        var words = operations.map(\.description)
        if flipped { words.append("flip") }
        if window != PixelRect(source) { words.append("window \(window)") }
        let offset = offsetX > 0 || offsetY > 0 ? " from \(offsetX),\(offsetY)" : ""
        words.append("\(source.width)x\(source.height) to \(resized.width)x\(resized.height)\(offset)")
        return (words + canvasOperations.map(\.description) + filters.map(\.description)).joined(separator: ", ")
    }
}

extension Plan: CustomStringConvertible {}
