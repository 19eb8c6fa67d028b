import Geometry
import Glibc

/// The anchors of a canvas: level by level from P3, row by row, cell by cell, and in a cell as in `AnchorSpec`.
/// Coordinates are xyxy pixels of the canvas, kept by column so that loops over them are dense.
public struct Anchors: Sendable {
    /// Left edges, `[A]`.
    public let x1: [Float]
    /// Upper edges, `[A]`.
    public let y1: [Float]
    /// Right edges, `[A]`.
    public let x2: [Float]
    /// Lower edges, `[A]`. Anchors may reach beyond the canvas.
    public let y2: [Float]
    /// (rows, columns) of each level.
    public let grids: [(rows: Int, columns: Int)]
    /// Anchors a cell.
    public let perCell: Int
    /// The canvas they lie on.
    public let canvas: Size

    /// A: all anchors of the canvas.
    public var count: Int { x1.count }

    /// The anchors of a spec on a canvas, whose sides need not be multiples of the strides.
    public init(_ spec: AnchorSpec, canvas: Size) {
        var boxes: [[Float]] = [[], [], [], []]
        var grids: [(rows: Int, columns: Int)] = []
        for level in spec.levels {
            let (rows, height) = spec.cells(canvas.height, level)
            let (columns, width) = spec.cells(canvas.width, level)
            grids.append((rows, columns))
            let shapes = spec.shapes(level)
            for row in 0..<rows {
                let cy = (Double(row) + spec.offset) * Double(height)
                for column in 0..<columns {
                    let cx = (Double(column) + spec.offset) * Double(width)
                    for shape in shapes {
                        boxes[0].append(Float(cx + shape.x1))
                        boxes[1].append(Float(cy + shape.y1))
                        boxes[2].append(Float(cx + shape.x2))
                        boxes[3].append(Float(cy + shape.y2))
                    }
                }
            }
        }
        (x1, y1, x2, y2) = (boxes[0], boxes[1], boxes[2], boxes[3])
        self.grids = grids
        perCell = spec.perCell
        self.canvas = canvas
    }

    /// One anchor as a box.
    public subscript(_ i: Int) -> Box { Box(x1: x1[i], y1: y1[i], x2: x2[i], y2: y2[i]) }
}

/// The box code: a box as seen from an anchor, (ty, tx, th, tw) in the paper's code; here (dx, dy, dw, dh).
///
/// dx = (cx - cxa) / wa, dy = (cy - cya) / ha, dw = ln(w / wa), dh = ln(h / ha); no variances (docs/paper.md 3.1).
public enum BoxCode {
    /// dw and dh are capped at ln(1000 / 16) when decoding.
    public static let limit: Float = 4.135166556742356

    /// The code (dx, dy, dw, dh) of a box; both in pixels of one canvas, neither empty.
    @inline(__always)
    public static func encode(_ box: Box, anchor: Box) -> (Float, Float, Float, Float) {
        let wa = anchor.width
        let ha = anchor.height
        return (
            ((box.x1 + box.x2) - (anchor.x1 + anchor.x2)) / 2 / wa,
            ((box.y1 + box.y2) - (anchor.y1 + anchor.y2)) / 2 / ha,
            log(box.width / wa), log(box.height / ha)
        )
    }

    /// The box of a code, dw and dh capped at `limit`. `sizesPlusOne` takes anchor sizes with + 1 and the result with -
    /// 1, as the TPU code does here and not when it encodes.
    @inline(__always)
    public static func decode(
        _ dx: Float, _ dy: Float, _ dw: Float, _ dh: Float, anchor: Box, sizesPlusOne: Bool = false
    ) -> Box {
        let one: Float = sizesPlusOne ? 1 : 0
        let wa = anchor.width + one
        let ha = anchor.height + one
        let cx = anchor.x1 + wa / 2 + dx * wa
        let cy = anchor.y1 + ha / 2 + dy * ha
        let w = exp(min(dw, limit)) * wa
        let h = exp(min(dh, limit)) * ha
        return Box(x1: cx - w / 2, y1: cy - h / 2, x2: cx + w / 2 - one, y2: cy + h / 2 - one)
    }
}
