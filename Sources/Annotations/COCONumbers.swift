import Base
import Geometry

extension Box {
    /// The box of COCO's x, y, width and height in pixels.
    init(x: Double, y: Double, width: Double, height: Double) {
        self.init(x1: Float(x), y1: Float(y), x2: Float(x + width), y2: Float(y + height))
    }

    /// COCO's `[x, y, width, height]` as text: short decimals from which `init(x:y:width:height:)` makes this very box.
    var cocoText: String {
        func side(_ low: Float, _ high: Float) -> (start: Double, length: Double) {
            let start = shortest(low)
            for places in [1e2, 1e6] {  // a length with few digits will do where it leads back to `high`
                let length = ((shortest(high) - start) * places).rounded() / places
                if Float(start + length) == high { return (start, length) }
            }
            return (Double(low), Double(high) - Double(low))
        }
        let x = side(x1, x2)
        let y = side(y1, y2)
        return "[\(decimal(x.start)),\(decimal(y.start)),\(decimal(x.length)),\(decimal(y.length))]"
    }
}

/// The double with the fewest digits that is this float again: 0.1, not 0.10000000149.
func shortest(_ value: Float) -> Double { Double(value.description) ?? Double(value) }

/// JSON text of a finite number.
func decimal(_ value: Double) -> String { JSON.double(value).canonical }
