import Geometry
import Glibc

extension AnchorSpec {
    /// The greatest IoU of a box with any anchor of a canvas, without making the anchors: of each level and shape only the
    /// cell nearest to the box's centre can be the best.
    ///
    /// Below the matcher's `positive` an object is learned from one poor anchor, or none: such objects stay unfound.
    /// - Parameters:
    ///   - box: xyxy in pixels of the canvas, not empty.
    ///   - canvas: in pixels.
    public func bestOverlap(_ box: Box, canvas: Size) -> Float {
        var best: Float = 0
        for level in levels {
            let stride = 1 << level
            func centre(_ middle: Float, _ length: Int) -> Float {
                let cells = (length + stride - 1) / stride
                let cell = min(max(Int((middle / Float(stride)).rounded(.down)), 0), cells - 1)
                return (Float(cell) + 0.5) * Float(stride)
            }
            let cx = centre((box.x1 + box.x2) / 2, canvas.width)
            let cy = centre((box.y1 + box.y2) / 2, canvas.height)
            for k in 0..<octaves {
                let side = scale * Double(stride) * exp2(Double(k) / Double(octaves))
                for ratio in ratios {
                    let w = Float(side * ratio.squareRoot() / 2)
                    let h = Float(side / ratio.squareRoot() / 2)
                    best = max(best, box.iou(Box(x1: cx - w, y1: cy - h, x2: cx + w, y2: cy + h)))
                }
            }
        }
        return best
    }
}
