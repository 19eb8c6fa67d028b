import Geometry

extension Image {
    /// Draws a box's outline, inside the picture: `thickness` pixels inwards from the box's rounded edges.
    public mutating func draw(box: Box, color: Color, thickness: Int = 2) {
        let x1 = pixel(box.x1, width), x2 = pixel(box.x2, width)
        let y1 = pixel(box.y1, height), y2 = pixel(box.y2, height)
        let t = max(1, thickness)
        fill(x: x1, y: y1, width: x2 - x1, height: min(t, y2 - y1), color: color)
        fill(x: x1, y: max(y1, y2 - t), width: x2 - x1, height: min(t, y2 - y1), color: color)
        fill(x: x1, y: y1, width: min(t, x2 - x1), height: y2 - y1, color: color)
        fill(x: max(x1, x2 - t), y: y1, width: min(t, x2 - x1), height: y2 - y1, color: color)
    }

    /// Draws a box with its name on a plate: above the box where there is room, else inside it, and always inside the
    /// picture. The text is black or white, whichever reads better on `color`.
    ///
    /// `label` is printable ASCII, such as "circle 0.87"; other characters show as "?". `scale` is pixels a font pixel;
    /// nil takes 1 up to 480 pixels of picture and one more for each further 480.
    public mutating func draw(box: Box, label: String, color: Color, thickness: Int? = nil, scale: Int? = nil) {
        let automatic = 1 + max(width, height) / 481
        let scale = scale ?? automatic
        draw(box: box, color: color, thickness: thickness ?? automatic + (max(width, height) > 200 ? 1 : 0))
        let plate = Image.measure(label, scale: scale)
        let x = max(0, min(pixel(box.x1, width), width - plate.width))
        var y = pixel(box.y1, height) - plate.height
        if y < 0 { y = min(pixel(box.y1, height), max(0, height - plate.height)) }
        draw(text: label, x: x, y: y, color: color.readable, background: color, scale: scale)
    }

    /// Draws one line of text, its plate's upper left corner at (x, y); what lies outside the picture is cut.
    /// `background` fills the plate, nil lets the picture show through; `scale` is pixels a font pixel (the font is 5
    /// by 7).
    public mutating func draw(
        text: String, x: Int, y: Int, color: Color = .white, background: Color? = .black, scale: Int = 1
    ) {
        let scale = max(1, scale)
        if let background {
            let plate = Image.measure(text, scale: scale)
            fill(x: x, y: y, width: plate.width, height: plate.height, color: background)
        }
        var left = x + scale
        for character in text.unicodeScalars.map({ $0.isASCII ? UInt8($0.value) : 63 }) {
            for row in 0..<Font.height {
                for column in 0..<Font.width where Font.ink(character, x: column, y: row) {
                    fill(
                        x: left + column * scale, y: y + scale + row * scale, width: scale, height: scale, color: color)
                }
            }
            left += Font.advance * scale
        }
    }

    /// The size of a text's plate: a margin of one font pixel all round.
    public static func measure(_ text: String, scale: Int = 1) -> Size {
        Size(
            width: (text.unicodeScalars.count * Font.advance + 1) * max(1, scale),
            height: (Font.height + 2) * max(1, scale))
    }

    /// Fills a rectangle; what lies outside the picture is cut.
    public mutating func fill(x: Int, y: Int, width: Int, height: Int, color: Color) {
        let x1 = max(0, x), x2 = min(self.width, x + width)
        let y1 = max(0, y), y2 = min(self.height, y + height)
        guard x1 < x2, y1 < y2 else { return }
        let stride = self.width * 3
        pixels.withUnsafeMutableBufferPointer { p in
            for row in y1..<y2 {
                var i = row * stride + x1 * 3
                for _ in x1..<x2 {
                    p[i] = color.red
                    p[i + 1] = color.green
                    p[i + 2] = color.blue
                    i += 3
                }
            }
        }
    }

    /// Copies another picture onto this one, its upper left corner at (x, y); what lies outside is cut.
    public mutating func paste(_ other: Image, x: Int, y: Int) {
        let x1 = max(0, x), x2 = min(width, x + other.width)
        let y1 = max(0, y), y2 = min(height, y + other.height)
        guard x1 < x2 else { return }
        for row in y1..<max(y1, y2) {
            let source = ((row - y) * other.width + x1 - x) * 3
            let target = (row * width + x1) * 3
            let count = (x2 - x1) * 3
            pixels.replaceSubrange(target..<target + count, with: other.pixels[source..<source + count])
        }
    }

    /// Pictures side by side in rows of `columns`, each in a cell of the largest one's size, a gap between them.
    /// - Precondition: there is a picture.
    public static func contactSheet(
        _ images: [Image], columns: Int, gap: Int = 4, background: Color = Color(32, 32, 32)
    ) -> Image {
        precondition(!images.isEmpty && columns > 0, "a contact sheet needs a picture and a column")
        let columns = min(columns, images.count)
        let rows = (images.count + columns - 1) / columns
        let w = images.reduce(0) { max($0, $1.width) }
        let h = images.reduce(0) { max($0, $1.height) }
        var sheet = Image(
            width: columns * (w + gap) + gap, height: rows * (h + gap) + gap, red: background.red,
            green: background.green, blue: background.blue)
        for (i, image) in images.enumerated() {
            sheet.paste(image, x: gap + i % columns * (w + gap), y: gap + i / columns * (h + gap))
        }
        return sheet
    }

    /// A coordinate as a pixel border inside 0...limit; not-a-number is 0.
    private func pixel(_ value: Float, _ limit: Int) -> Int {
        value.isNaN ? 0 : Int(min(max(value.rounded(), 0), Float(limit)))
    }
}
