import Base
import Geometry
import Glibc

/// The shapes that scenes are made of, in the order of the class table.
enum Kind: Int, CaseIterable {
    case circle, square, triangle, star, ring, cross
}

/// One placed shape: an ellipse, a ring or a polygon in pixels of the scene.
struct Shape {
    let kind: Kind
    let x: Double
    let y: Double
    /// Semi-axes in pixels, along the shape's own directions.
    private let a: Double
    private let b: Double
    private let cosine: Double
    private let sine: Double
    /// The hole's radius as a share of a ring's; 0 for a disc.
    private let hole: Double
    /// Corners in pixels; empty for discs and rings.
    private let corners: [(x: Double, y: Double)]

    /// `size` is the larger side before turning, in pixels; `aspect` one semi-axis over the other; `detail`, 0...1, the
    /// shape's own free parameter (a star's inner radius, a ring's hole, a cross's arm).
    init(_ kind: Kind, x: Double, y: Double, size: Double, aspect: Double, angle: Double, detail: Double) {
        self.kind = kind
        self.x = x
        self.y = y
        let a = size / 2 * min(1, aspect)
        let b = size / 2 * min(1, 1 / aspect)
        self.a = a
        self.b = b
        let cosine = cos(angle)
        let sine = sin(angle)
        self.cosine = cosine
        self.sine = sine
        hole = kind == .ring ? 0.48 + 0.17 * detail : 0
        var unit: [(x: Double, y: Double)] = []
        switch kind {
        case .circle, .ring: break
        case .square: unit = [(-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)]
        case .triangle: unit = (0..<3).map { Shape.onCircle(1, Double($0) / 3) }
        case .star: unit = (0..<10).map { Shape.onCircle($0 % 2 == 0 ? 1 : 0.38 + 0.14 * detail, Double($0) / 10) }
        case .cross:
            let w = 0.24 + 0.12 * detail
            unit = [
                (-w, -1), (w, -1), (w, -w), (1, -w), (1, w), (w, w), (w, 1), (-w, 1), (-w, w), (-1, w), (-1, -w),
                (-w, -w),
            ]
        }
        corners = unit.map { p in
            (x + cosine * p.x * a - sine * p.y * b, y + sine * p.x * a + cosine * p.y * b)
        }
    }

    private static func onCircle(_ radius: Double, _ turn: Double) -> (x: Double, y: Double) {
        (radius * sin(2 * .pi * turn), -radius * cos(2 * .pi * turn))
    }

    /// In square pixels, of the whole shape.
    var area: Double {
        if corners.isEmpty { return .pi * a * b * (1 - hole * hole) }
        var twice = 0.0
        for i in corners.indices {
            let p = corners[i]
            let q = corners[(i + 1) % corners.count]
            twice += p.x * q.y - q.x * p.y
        }
        return abs(twice) / 2
    }

    /// The tight box around the whole shape, which may reach out of the picture.
    var box: Box {
        if corners.isEmpty {
            let w = (a * a * cosine * cosine + b * b * sine * sine).squareRoot()
            let h = (a * a * sine * sine + b * b * cosine * cosine).squareRoot()
            return Box(x1: Float(x - w), y1: Float(y - h), x2: Float(x + w), y2: Float(y + h))
        }
        var box = Box(x1: .infinity, y1: .infinity, x2: -.infinity, y2: -.infinity)
        for p in corners {
            box.x1 = min(box.x1, Float(p.x))
            box.y1 = min(box.y1, Float(p.y))
            box.x2 = max(box.x2, Float(p.x))
            box.y2 = max(box.y2, Float(p.y))
        }
        return box
    }

    /// Calls `body` for each pixel centre of the box grown by `margin` and cut to the picture, with its signed distance
    /// to the outline in pixels, negative inside: exact for polygons, to first order for ellipses.
    func forEachPixel(
        width: Int, height: Int, margin: Double, _ body: (_ index: Int, _ x: Int, _ y: Int, _ distance: Double) -> Void
    ) {
        let box = self.box
        let x1 = max(0, Int(Double(box.x1) - margin)), x2 = min(width - 1, Int(Double(box.x2) + margin))
        let y1 = max(0, Int(Double(box.y1) - margin)), y2 = min(height - 1, Int(Double(box.y2) + margin))
        guard x1 <= x2, y1 <= y2 else { return }
        if corners.isEmpty {
            for py in y1...y2 {
                for px in x1...x2 { body(py * width + px, px, py, toEllipse(Double(px) + 0.5, Double(py) + 0.5)) }
            }
            return
        }
        corners.withUnsafeBufferPointer { corners in
            for py in y1...y2 {
                for px in x1...x2 {
                    body(py * width + px, px, py, Shape.toPolygon(corners, Double(px) + 0.5, Double(py) + 0.5))
                }
            }
        }
    }

    private func toEllipse(_ px: Double, _ py: Double) -> Double {
        let dx = px - x
        let dy = py - y
        let u = (cosine * dx + sine * dy) / a
        let v = (cosine * dy - sine * dx) / b
        let r = (u * u + v * v).squareRoot()
        // |gradient of r|, so that distances are in pixels however long the axes are.
        let slope = r > 1e-6 ? ((u / a) * (u / a) + (v / b) * (v / b)).squareRoot() / r : 1 / min(a, b)
        let outer = (r - 1) / slope
        return hole > 0 ? max(outer, (hole - r) / slope) : outer
    }

    private static func toPolygon(
        _ corners: UnsafeBufferPointer<(x: Double, y: Double)>, _ px: Double, _ py: Double
    ) -> Double {
        var nearest = Double.infinity
        var inside = false
        var p = corners[corners.count - 1]
        for q in corners {
            let ex = q.x - p.x
            let ey = q.y - p.y
            let wx = px - p.x
            let wy = py - p.y
            let t = min(max((wx * ex + wy * ey) / (ex * ex + ey * ey), 0), 1)
            let dx = wx - ex * t
            let dy = wy - ey * t
            nearest = min(nearest, dx * dx + dy * dy)
            if (p.y > py) != (q.y > py), px < ex * (py - p.y) / ey + p.x { inside.toggle() }
            p = q
        }
        return inside ? -nearest.squareRoot() : nearest.squareRoot()
    }
}
