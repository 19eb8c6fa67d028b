import Base
import Geometry

/// The pixel constants of the operators: what magnitude 10 stands for. Pixels of the picture in its own size.
public struct OperatorConstants: Hashable, Sendable {
    /// Half the side of `Cutout`'s square.
    public var cutout: Double
    /// How far `TranslateX` and `TranslateY` go.
    public var translate: Double
    /// The same of `Cutout_Only_BBoxes`.
    public var cutoutInBoxes = 50.0
    /// The same of `TranslateX_Only_BBoxes` and `TranslateY_Only_BBoxes`.
    public var translateInBoxes = 120.0
    /// The greatest part of a box's side that `BBox_Cutout` covers.
    public var boxCutout = 0.75

    /// Constants; those for boxes are AutoAugment's.
    public init(cutout: Double, translate: Double) {
        self.cutout = cutout
        self.translate = translate
    }

    /// Of the AutoAugment policies: cutout 100, translate 250.
    public static let autoAugment = OperatorConstants(cutout: 100, translate: 250)
    /// Of RandAugment in the TensorFlow model garden: cutout 40, translate 100.
    public static let randAugment = OperatorConstants(cutout: 40, translate: 100)
}

/// What AutoAugment and RandAugment choose from, by its name in the original code. An operator and a magnitude (0...10,
/// and beyond) give an `Operation` (paper.md 2.4).
///
/// Those that move the picture move its boxes and its mask along, so `Rotate` is also the original's `Rotate_BBox`. Those
/// that end in `_Only_BBoxes` work inside each box by itself, and boxes stay where they are.
public enum Operator: String, CaseIterable, Sendable {
    case autoContrast = "AutoContrast"
    case equalize = "Equalize"
    case invert = "Invert"
    case posterize = "Posterize"
    case solarize = "Solarize"
    case solarizeAdd = "SolarizeAdd"
    case color = "Color"
    case contrast = "Contrast"
    case brightness = "Brightness"
    case sharpness = "Sharpness"
    case cutout = "Cutout"
    case boxCutout = "BBox_Cutout"
    case rotate = "Rotate"
    case shearX = "ShearX"
    case shearY = "ShearY"
    case translateX = "TranslateX"
    case translateY = "TranslateY"
    case rotateInBoxes = "Rotate_Only_BBoxes"
    case shearXInBoxes = "ShearX_Only_BBoxes"
    case shearYInBoxes = "ShearY_Only_BBoxes"
    case translateXInBoxes = "TranslateX_Only_BBoxes"
    case translateYInBoxes = "TranslateY_Only_BBoxes"
    case flipInBoxes = "Flip_Only_BBoxes"
    case solarizeInBoxes = "Solarize_Only_BBoxes"
    case equalizeInBoxes = "Equalize_Only_BBoxes"
    case cutoutInBoxes = "Cutout_Only_BBoxes"

    /// The operator of that name; `_BBox` at its end and case do not count.
    /// - Throws: `Failure.usage` with the nearest name.
    public static func named(_ name: String) throws(Failure) -> Operator {
        let plain = name.lowercased()
        let bare = plain.hasSuffix("_bbox") ? String(plain.dropLast(5)) : plain
        if let found = allCases.first(where: { $0.rawValue.lowercased() == bare }) { return found }
        let names = allCases.map(\.rawValue)
        throw .usage(
            "there is no augmentation operator \"\(name)\"" + didYouMean(name, names)
                + "; there are \(names.joined(separator: ", "))")
    }

    /// What is done inside each box, of the operators that work there.
    var inBoxes: Operator? {
        switch self {
        case .rotateInBoxes: .rotate
        case .shearXInBoxes: .shearX
        case .shearYInBoxes: .shearY
        case .translateXInBoxes: .translateX
        case .translateYInBoxes: .translateY
        case .solarizeInBoxes: .solarize
        case .equalizeInBoxes: .equalize
        case .cutoutInBoxes: .cutout
        case .flipInBoxes: .flipInBoxes
        default: nil
        }
    }

    /// Draws what is to be done to a picture.
    ///
    /// - Parameters:
    ///   - magnitude: 0...10, or more.
    ///   - probability: with which the operator acts; inside boxes on each box by itself with a third of it.
    ///   - size: of the picture.
    ///   - boxes: where they are when the operator comes to act.
    /// - Returns: nothing where chance or a lack of boxes says so.
    func draw(
        magnitude: Double, probability: Double, size: Size, boxes: [Box], _ constants: OperatorConstants,
        _ random: inout Random
    ) -> [Operation] {
        if let inner = inBoxes {
            // The sign is one for all boxes, as the original draws its argument once.
            let sign = random.chance(0.5) ? 1.0 : -1
            var drawn: [Operation] = []
            for index in random.permutation(boxes.count) where random.chance(probability / 3) {
                let rect = boxes[index].pixels.clipped(to: size)
                if rect.isEmpty { continue }
                var inside = constants
                inside.cutout = constants.cutoutInBoxes
                inside.translate = constants.translateInBoxes
                let operation = inner.operation(magnitude, sign, rect.size, inside, &random)
                drawn.append(.inside(rect, operation))
            }
            return drawn
        }
        guard random.chance(probability) else { return [] }
        if self == .boxCutout {
            guard !boxes.isEmpty else { return [] }
            let box = boxes[random.below(boxes.count)]
            let x = Double(box.x1) + random.uniform() * Double(box.width)
            let y = Double(box.y1) + random.uniform() * Double(box.height)
            let share = magnitude / 10 * constants.boxCutout / 2
            let (width, height) = (Int(share * Double(box.width)), Int(share * Double(box.height)))
            return [Self.cutout(Int(x), Int(y), width, height, size)]
        }
        let sign = random.chance(0.5) ? 1.0 : -1
        return [operation(magnitude, sign, size, constants, &random)]
    }

    private func operation(
        _ m: Double, _ sign: Double, _ size: Size, _ constants: OperatorConstants, _ random: inout Random
    ) -> Operation {
        // As the original cuts to whole numbers; 0.18 * 10 must not be cut below what it stands for.
        func whole(_ x: Double) -> Int { Int(x + 1e-9) }
        let factor = 0.18 * m + 0.1
        switch self {
        case .autoContrast: return .autoContrast
        case .equalize, .equalizeInBoxes: return .equalize
        case .invert: return .invert
        case .posterize: return .posterize(bits: min(8, whole(0.4 * m)))
        case .solarize, .solarizeInBoxes: return .solarize(threshold: whole(25.6 * m))
        case .solarizeAdd: return .solarizeAdd(whole(11 * m))
        case .color: return .color(factor)
        case .contrast: return .contrast(factor)
        case .brightness: return .brightness(factor)
        case .sharpness: return .sharpness(factor)
        case .rotate, .rotateInBoxes: return .rotate(sign * 3 * m)
        case .shearX, .shearXInBoxes: return .shearX(sign * 0.03 * m)
        case .shearY, .shearYInBoxes: return .shearY(sign * 0.03 * m)
        case .translateX, .translateXInBoxes: return .translateX(sign * m / 10 * constants.translate)
        case .translateY, .translateYInBoxes: return .translateY(sign * m / 10 * constants.translate)
        case .flipInBoxes: return .flip
        case .cutout, .cutoutInBoxes, .boxCutout:
            let (x, y) = (random.below(size.width), random.below(size.height))
            let half = whole(m / 10 * constants.cutout)
            return Self.cutout(x, y, half, half, size)
        }
    }

    /// Of a rectangle about a point what lies in the picture.
    private static func cutout(_ x: Int, _ y: Int, _ halfWidth: Int, _ halfHeight: Int, _ size: Size) -> Operation {
        let rect = PixelRect(x: x - halfWidth, y: y - halfHeight, width: 2 * halfWidth, height: 2 * halfHeight)
        return .cutout(rect.clipped(to: size))
    }
}

extension Box {
    /// The whole pixels that it touches.
    var pixels: PixelRect {
        let x = Int(x1.rounded(.down)), y = Int(y1.rounded(.down))
        return PixelRect(x: x, y: y, width: Int(x2.rounded(.up)) - x, height: Int(y2.rounded(.up)) - y)
    }
}
