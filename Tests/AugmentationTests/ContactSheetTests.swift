import Base
import Geometry
import Imaging
import Testing

@testable import Augmentation

@Suite struct ContactSheetTests {
    @Test func captionsAreBrokenBetweenWords() {
        #expect(ContactSheet.wrapped("rotate -30, equalize, flip", 12) == ["rotate -30,", "equalize,", "flip"])
        #expect(ContactSheet.wrapped("averyveryverylongword", 5) == ["averyveryverylongword"])
        #expect(ContactSheet.wrapped("", 5).isEmpty)
    }

    /// Tiles stand in rows and columns with their boxes in the classes' colours; what is written stands below.
    @Test func tilesLieInRowsAndColumns() {
        let image = Image(width: 40, height: 40, red: 90, green: 90, blue: 90)
        let subject = ContactSheet.Subject(
            image: image, boxes: [(Box(x1: 8, y1: 8, x2: 32, y2: 32), 1, "b")],
            mask: LabelMap(width: 40, height: 40, labels: (0..<1600).map { $0 < 800 ? 0 : 3 }))
        let target = Size(width: 64, height: 64)
        var sheet = ContactSheet()
        let plan = Plan.evaluation(for: image.size, target: target)
        sheet.add(
            subject, [(plan, nil), (Plan(source: image.size, target: target, flipped: true, resized: target), nil)])
        sheet.add(subject, [(plan, nil)])
        #expect(sheet.rows.map(\.count) == [2, 1])
        #expect(sheet.rows[0][1].caption == "flip, 40x40 to 64x64")
        let whole = sheet.image()
        #expect(whole.width == 2 * 64 + 3 * 8 && whole.height > 2 * 64 + 24)
        func pixel(_ x: Int, _ y: Int) -> Color {
            let at = (y * whole.width + x) * 3
            return Color(whole.pixels[at], whole.pixels[at + 1], whole.pixels[at + 2])
        }
        // The picture, its box's edge, and the lower half under the colour of class 3.
        #expect(pixel(8 + 2, 8 + 2) == Color(90, 90, 90))
        #expect(pixel(8 + 13, 8 + 28) == Color.forClass(1))
        let over = pixel(8 + 2, 8 + 60), third = Color.forClass(3)
        #expect(abs(Int(over.red) - (90 + Int(third.red)) / 2) <= 1 && over != Color(90, 90, 90))
        // Between the tiles is the ground; ink under the first.
        #expect(pixel(4, 40) == Color(24, 24, 28))
        var ink = 0
        for y in 8 + 64..<8 + 64 + 14 { for x in 8..<72 where pixel(x, y) == .white { ink += 1 } }
        #expect(ink > 30)
    }
}
