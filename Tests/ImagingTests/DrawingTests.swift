import Base
import Geometry
import Glibc
import Imaging
import Testing

@Suite struct DrawingTests {
    private func color(_ image: Image, _ x: Int, _ y: Int) -> Color {
        let i = (y * image.width + x) * 3
        return Color(image.pixels[i], image.pixels[i + 1], image.pixels[i + 2])
    }

    @Test func aBoxIsAnOutlineInsideItsEdges() {
        var image = Image(width: 20, height: 10)
        let red = Color(255, 0, 0)
        image.draw(box: Box(x1: 2, y1: 3, x2: 12, y2: 9), color: red, thickness: 2)
        for y in 0..<10 {
            for x in 0..<20 {
                let inside = (2..<12).contains(x) && (3..<9).contains(y)
                let core = (4..<10).contains(x) && (5..<7).contains(y)
                #expect(color(image, x, y) == (inside && !core ? red : .black), "\(x) \(y)")
            }
        }
    }

    /// Boxes that are outside, inverted, enormous or not a number neither crash nor leak out of the rows.
    @Test func strangeBoxesAreCut() {
        var image = Image(width: 8, height: 8)
        for box in [
            Box(x1: -1e9, y1: -1e9, x2: 1e30, y2: 1e30), Box(x1: .nan, y1: 0, x2: .infinity, y2: 4),
            Box(x1: 20, y1: 20, x2: 30, y2: 30), Box(x1: 6, y1: 6, x2: 1, y2: 1),
        ] {
            image.draw(box: box, label: "circle 0.87", color: Color.forClass(1), thickness: 3, scale: 2)
        }
        #expect(image.pixels.count == 192)
        image.draw(text: "é\u{1F600}~", x: -100, y: 5, scale: 3)
        image.draw(text: "", x: 0, y: 0)
    }

    @Test func textIsInkOnAPlate() {
        var image = Image(width: 40, height: 20, red: 9, green: 9, blue: 9)
        image.draw(text: "I", x: 3, y: 2, color: .white, background: Color(1, 2, 3))
        #expect(Image.measure("I") == Size(width: 7, height: 9))
        let rows = (0..<9).map { y in
            String((0..<7).map { color(image, 3 + $0, 2 + y) == .white ? "#" : "." })
        }
        #expect(
            rows == [
                ".......", "..###..", "...#...", "...#...", "...#...", "...#...", "...#...", "..###..", ".......",
            ])
        #expect(color(image, 3, 2) == Color(1, 2, 3) && color(image, 2, 2) == Color(9, 9, 9))
    }

    @Test func classColoursDifferAndReadWell() {
        let colors = (0..<60).map { Color.forClass($0) }
        #expect(Set(colors).count == 60)
        #expect(Color.white.readable == .black && Color.black.readable == .white)
        #expect(Color(0, 0, 255).readable == .white && Color(255, 255, 0).readable == .black)
        #expect(Color(hue: 1 / 3.0, saturation: 1, value: 1) == Color(0, 255, 0))
    }

    @Test func aContactSheetHoldsEveryPicture() {
        let images = (0..<5).map { Image(width: 6 + $0, height: 4, red: UInt8(50 * $0 + 10)) }
        let sheet = Image.contactSheet(images, columns: 3, gap: 2)
        #expect(sheet.size == Size(width: 3 * 12 + 2, height: 2 * 6 + 2))
        for i in 0..<5 { #expect(color(sheet, 2 + i % 3 * 12, 2 + i / 3 * 6).red == UInt8(50 * i + 10)) }
    }

    /// For eyes: PUPIL_LOOK=FOLDER gets boxes.png: boxes with names, every class colour and the whole font.
    @Test(.enabled(if: getenv("PUPIL_LOOK") != nil))
    func look() throws {
        var image = sample(640, 480)
        for i in 0..<12 {
            let x = Float(i % 4) * 160 + 5
            let y = Float(i / 4) * 110
            let box = Box(x1: x, y1: y, x2: x + 140, y2: y + 90)
            image.draw(box: box, label: "class \(i) 0.8\(i % 10)", color: .forClass(i))
        }
        let font = (32...126).map { String(UnicodeScalar(UInt8($0))) }
        for row in 0..<3 {
            let text = font[min(95, row * 32)..<min(95, row * 32 + 32)].joined()
            image.draw(text: text, x: 4, y: 380 + row * 24, scale: 2)
        }
        try Files.write(image.png(), to: Files.join(String(cString: getenv("PUPIL_LOOK")), "boxes.png"))
    }
}
