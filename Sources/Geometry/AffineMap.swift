import Glibc

/// A map of the plane, `x' = a x + b y + tx`, `y' = c x + d y + ty`, in the half-open pixel frame of `Box`.
///
/// Resize, crop, flip, rotation and shear are all such maps, so a picture, its boxes and its mask move by
/// one value and cannot come apart.
public struct AffineMap: Hashable, Sendable {
    /// x' per x.
    public var a: Double
    /// x' per y.
    public var b: Double
    /// y' per x.
    public var c: Double
    /// y' per y.
    public var d: Double
    /// Added to x', in pixels of the target.
    public var tx: Double
    /// Added to y', in pixels of the target.
    public var ty: Double

    /// The map with these six numbers.
    public init(a: Double, b: Double, c: Double, d: Double, tx: Double, ty: Double) {
        self.a = a
        self.b = b
        self.c = c
        self.d = d
        self.tx = tx
        self.ty = ty
    }

    /// The map that moves nothing.
    public static let identity = AffineMap(a: 1, b: 0, c: 0, d: 1, tx: 0, ty: 0)

    /// Multiplies distances from the upper left corner, by one factor an axis.
    public static func scale(_ x: Double, _ y: Double) -> AffineMap { .init(a: x, b: 0, c: 0, d: y, tx: 0, ty: 0) }
    /// Moves everything to the right and down, in pixels.
    public static func translation(_ x: Double, _ y: Double) -> AffineMap {
        .init(a: 1, b: 0, c: 0, d: 1, tx: x, ty: y)
    }
    /// Turns the plane about the upper left corner, counterclockwise as it is seen: y points down.
    public static func rotation(degrees: Double) -> AffineMap {
        let (c, s) = (cos(degrees * .pi / 180), sin(degrees * .pi / 180))
        return .init(a: c, b: s, c: -s, d: c, tx: 0, ty: 0)
    }
    /// Mirrors left and right inside an image `width` pixels wide.
    public static func flip(width: Double) -> AffineMap { .init(a: -1, b: 0, c: 0, d: 1, tx: width, ty: 0) }

    /// The map that applies `self` first and `next` after it.
    public func then(_ next: AffineMap) -> AffineMap {
        AffineMap(
            a: next.a * a + next.b * c, b: next.a * b + next.b * d,
            c: next.c * a + next.d * c, d: next.c * b + next.d * d,
            tx: next.a * tx + next.b * ty + next.tx, ty: next.c * tx + next.d * ty + next.ty)
    }

    /// The map that undoes this one.
    /// - Precondition: the map can be inverted.
    public var inverse: AffineMap {
        let determinant = a * d - b * c
        precondition(determinant != 0, "an affine map that flattens the plane has no inverse")
        let i = AffineMap(
            a: d / determinant, b: -b / determinant, c: -c / determinant, d: a / determinant, tx: 0, ty: 0)
        return AffineMap(
            a: i.a, b: i.b, c: i.c, d: i.d, tx: -(i.a * tx + i.b * ty), ty: -(i.c * tx + i.d * ty))
    }

    /// Where a point goes.
    public func callAsFunction(x: Double, y: Double) -> (x: Double, y: Double) {
        (a * x + b * y + tx, c * x + d * y + ty)
    }

    /// Whether boxes stay boxes: nothing is turned or sheared.
    public var isAxisAligned: Bool { b == 0 && c == 0 }

    /// The smallest box around the mapped corners.
    public func callAsFunction(_ box: Box) -> Box {
        // Each coordinate is a sum of a part for x and a part for y, so its extremes are sums of theirs.
        let ax = a * Double(box.x1), ax2 = a * Double(box.x2), by = b * Double(box.y1), by2 = b * Double(box.y2)
        let cx = c * Double(box.x1), cx2 = c * Double(box.x2), dy = d * Double(box.y1), dy2 = d * Double(box.y2)
        return Box(
            x1: Float(min(ax, ax2) + min(by, by2) + tx), y1: Float(min(cx, cx2) + min(dy, dy2) + ty),
            x2: Float(max(ax, ax2) + max(by, by2) + tx), y2: Float(max(cx, cx2) + max(dy, dy2) + ty))
    }
}
