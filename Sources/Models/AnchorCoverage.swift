import Geometry

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
            func centre(_ middle: Float, _ side: Int) -> Float {
                let (count, stride) = cells(side, level)
                let place = (middle / Float(stride) - Float(offset)).rounded()
                return (min(max(place, 0), Float(count - 1)) + Float(offset)) * Float(stride)
            }
            let cx = centre((box.x1 + box.x2) / 2, canvas.width)
            let cy = centre((box.y1 + box.y2) / 2, canvas.height)
            for shape in shapes(level) {
                let anchor = Box(
                    x1: cx + Float(shape.x1), y1: cy + Float(shape.y1), x2: cx + Float(shape.x2),
                    y2: cy + Float(shape.y2))
                best = max(best, box.iou(anchor))
            }
        }
        return best
    }
}
