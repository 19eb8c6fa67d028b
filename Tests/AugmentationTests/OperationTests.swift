import Augmentation
import Base
import Geometry
import Imaging
import Testing

/// The operations against Tools/reference/augment.py, which was written from the formulas alone, in numpy, and compares
/// itself with Pillow and torchvision where theirs is the same operator.
@Suite struct OperationTests {
    private static let file = (try? fixture("operators.json")) ?? .null
    static let cases = file["cases"]?.array ?? []

    /// The operation of a case by the names and arguments of the script.
    private func operation(_ entry: JSON) throws -> Augmentation.Operation {
        let name = try #require(entry["operator"]?.string)
        let a = (entry["argument"]?.array ?? []).compactMap(\.double)
        let whole: Augmentation.Operation
        switch name {
        case "AutoContrast": whole = .autoContrast
        case "Equalize": whole = .equalize
        case "Invert": whole = .invert
        case "Flip": whole = .flip
        case "Posterize": whole = .posterize(bits: Int(a[0]))
        case "Solarize": whole = .solarize(threshold: Int(a[0]))
        case "SolarizeAdd": whole = .solarizeAdd(Int(a[0]))
        case "Color": whole = .color(a[0])
        case "Contrast", "Contrast_quirk": whole = .contrast(a[0])
        case "Brightness": whole = .brightness(a[0])
        case "Sharpness": whole = .sharpness(a[0])
        case "Rotate": whole = .rotate(a[0])
        case "ShearX": whole = .shearX(a[0])
        case "ShearY": whole = .shearY(a[0])
        case "TranslateX": whole = .translateX(a[0])
        case "TranslateY": whole = .translateY(a[0])
        case "Cutout", "BBox_Cutout":
            let (x, y, half) = (Int(a[0]), Int(a[1]), Int(a[2]))
            let high = a.count > 3 ? Int(a[3]) : half
            let patch = (entry["patch"]?.array ?? []).compactMap(\.int)
            let size =
                patch.isEmpty
                ? picture(entry["picture"]?.string ?? "").size
                : Size(width: patch[2] - patch[0], height: patch[3] - patch[1])
            whole = .cutout(
                PixelRect(x: x - half, y: y - high, width: 2 * half, height: 2 * high).clipped(to: size))
        default:
            Issue.record("there is no operator \(name)")
            return .invert
        }
        guard let patch = entry["patch"]?.array?.compactMap(\.int) else { return whole }
        return .inside(
            PixelRect(x: patch[0], y: patch[1], width: patch[2] - patch[0], height: patch[3] - patch[1]), whole)
    }

    @Test func thereAreCases() { #expect(Self.cases.count >= 141) }

    /// Byte by byte.
    @Test(arguments: cases.indices)
    func pixelsEqualTheReference(_ index: Int) throws {
        let entry = Self.cases[index]
        let image = picture(try #require(entry["picture"]?.string))
        let quirk = entry["operator"]?.string == "Contrast_quirk"
        let result = try operation(entry).applied(to: image, contrastQuirk: quirk)
        let expected = bytes(try #require(entry["pixels"]?.string))
        #expect(result.pixels.count == expected.count)
        let wrong = zip(result.pixels, expected).count { $0 != $1 }
        #expect(wrong == 0, "\(entry["operator"]?.string ?? "") \(entry["argument"]?.canonical ?? "")")
    }

    @Test(arguments: cases.indices.filter { cases[$0]["boxes"] != nil })
    func boxesEqualTheReference(_ index: Int) throws {
        let entry = Self.cases[index]
        let size = picture(try #require(entry["picture"]?.string)).size
        let map = try #require(try operation(entry).map(in: size))
        func box(_ json: JSON) -> Box {
            let v = (json.array ?? []).compactMap(\.double).map { Float($0) }
            return Box(x1: v[0], y1: v[1], x2: v[2], y2: v[3])
        }
        let before = (Self.file["boxes"]?.array ?? []).map(box), after = (entry["boxes"]?.array ?? []).map(box)
        #expect(before.count == after.count && !before.isEmpty)
        for (b, a) in zip(before, after) {
            let moved = map(b).clipped(to: size)
            for (x, y) in zip([moved.x1, moved.y1, moved.x2, moved.y2], [a.x1, a.y1, a.x2, a.y2]) {
                #expect(abs(x - y) < 1e-4, "\(b): \(moved), expected \(a)")
            }
        }
    }

    /// A mask moves as the picture does: labels that are the red channel stay the red channel.
    @Test func masksMoveWithPixels() throws {
        let image = picture("large")
        let mask = LabelMap(
            width: 31, height: 23, labels: stride(from: 0, to: image.pixels.count, by: 3).map { image.pixels[$0] })
        for operation: Augmentation.Operation in [.rotate(24), .shearX(-0.24), .shearY(0.13), .translateX(5), .flip] {
            let picture = operation.applied(to: image, contrastQuirk: false), labels = operation.applied(to: mask)
            var outside = 0
            for i in 0..<31 * 23 {
                if labels.labels[i] == LabelMap.ignored, picture.pixels[3 * i] == 128 {
                    outside += 1
                } else {
                    #expect(labels.labels[i] == picture.pixels[3 * i])
                }
            }
            #expect(operation == .flip || outside > 20)
        }
        #expect(Augmentation.Operation.invert.applied(to: mask) == mask)
        #expect(
            Augmentation.Operation.cutout(PixelRect(x: 2, y: 2, width: 9, height: 9)).applied(to: mask) == mask)
    }

    /// The level of the original's mistake is capped: of any picture of more than 65,280 pixels it is white.
    @Test func theContrastQuirkWhitens() {
        let image = smooth(300, 300)
        let quirk = Augmentation.Operation.contrast(0.1).applied(to: image, contrastQuirk: true)
        // 255 + 0.1 * (value - 255).
        #expect(quirk.pixels.allSatisfy { $0 >= 229 })
        let mean = Augmentation.Operation.contrast(0.1).applied(to: image, contrastQuirk: false)
        #expect(mean.pixels.allSatisfy { (100...150).contains($0) })
    }

    @Test func operationsSayWhatTheyAre() {
        let all: [(Augmentation.Operation, String)] = [
            (.rotate(-30), "rotate -30"), (.color(1.9), "color 1.9"), (.posterize(bits: 4), "posterize 4 bits"),
            (.cutout(PixelRect(x: 12, y: 40, width: 80, height: 60)), "cutout 12,40 80x60"),
            (.inside(PixelRect(x: 3, y: 4, width: 22, height: 16), .equalize), "equalize in 3,4 22x16"),
            (.shearX(0.3), "shear-x 0.3"), (.translateY(-100), "translate-y -100"),
            (.solarizeAdd(110), "solarize-add 110"),
        ]
        for (operation, text) in all { #expect(operation.description == text) }
        let plan = Plan(
            source: Size(width: 500, height: 375), target: Size(width: 320, height: 320),
            operations: [.rotate(-30), .equalize], flipped: true, resized: Size(width: 640, height: 480), offsetX: 12,
            filters: [.blur(radius: 3, sigma: 1.234)])
        #expect(
            plan.description == "rotate -30, equalize, flip, 500x375 to 640x480 from 12,0, blur 1.23 (radius 3)")
    }
}
