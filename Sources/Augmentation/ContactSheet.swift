import Geometry
import Imaging

/// Pictures as a policy's plans leave them, with their boxes and masks, side by side: what tells in a glance whether
/// labels still lie where they belong and how strong a policy is.
public struct ContactSheet: Sendable {
    /// What belongs to a picture.
    public struct Subject: Sendable {
        /// The picture, upright.
        public var image: Image
        /// Its boxes in its own pixels, each with its class and the class's name.
        public var boxes: [(box: Box, label: Int, name: String)]
        /// Boxes in which nothing is learned, crowds as a rule.
        public var ignored: [Box] = []
        /// Its mask.
        public var mask: LabelMap?
        /// Whether the mask's class 0 is shown as the picture is.
        public var isZeroBackground = true

        /// A picture with its labels.
        public init(image: Image, boxes: [(box: Box, label: Int, name: String)] = [], mask: LabelMap? = nil) {
            self.image = image
            self.boxes = boxes
            self.mask = mask
        }
    }

    /// A part of another picture that lies over one (`CutMix`).
    public struct Cut: Sendable {
        /// The part, in pixels of the canvas.
        public var rect: PixelRect
        /// The other picture.
        public var subject: Subject
        /// How it is varied.
        public var plan: Plan

        /// A part of another picture.
        public init(rect: PixelRect, subject: Subject, plan: Plan) {
            self.rect = rect
            self.subject = subject
            self.plan = plan
        }
    }

    /// One canvas with what was done to it.
    public struct Tile: Sendable {
        /// The canvas with boxes and mask drawn.
        public var image: Image
        /// The plan, in words.
        public var caption: String
    }

    /// A row a picture.
    public private(set) var rows: [[Tile]] = []

    /// An empty sheet.
    public init() {}

    /// Adds a row: the subject under each plan, with what lies over it.
    public mutating func add(_ subject: Subject, _ plans: [(plan: Plan, cut: Cut?)]) {
        rows.append(
            plans.map { plan, cut in
                var image = Self.canvas(subject, plan)
                guard let cut else { return Tile(image: image, caption: plan.description) }
                let other = Self.canvas(cut.subject, cut.plan)
                other.pixels.withUnsafeBufferPointer { other in
                    image.pixels.withUnsafeMutableBufferPointer {
                        CutMix.paste(cut.rect, of: other, over: $0, size: plan.target, channels: 3)
                    }
                }
                return Tile(image: image, caption: "\(plan), cutmix \(cut.rect) of (\(cut.plan))")
            })
    }

    private static func canvas(_ subject: Subject, _ plan: Plan) -> Image {
        var canvas = plan.preview(subject.image)
        if let mask = subject.mask {
            let padding = canvas
            canvas = canvas.overlaid(with: plan.rendered(mask), skipsZero: subject.isZeroBackground)
            // What is beyond the picture stays black, lest it look like what an operator left grey.
            let covered = plan.covered
            for y in 0..<canvas.height {
                let left = y < covered.height ? covered.width : 0
                let row = (y * canvas.width + left) * 3..<(y + 1) * canvas.width * 3
                canvas.pixels.replaceSubrange(row, with: padding.pixels[row])
            }
        }
        for box in subject.ignored {
            if let moved = plan(box) { canvas.draw(box: moved, label: "ignored", color: Color(160, 160, 160)) }
        }
        for (box, label, name) in subject.boxes {
            if let moved = plan(box) { canvas.draw(box: moved, label: name, color: Color.forClass(label)) }
        }
        return canvas
    }

    /// The sheet as one picture, captions under the tiles. Rows are as long as the longest.
    public func image() -> Image {
        let margin = 8
        let width = rows.flatMap { $0 }.map(\.image.width).max() ?? 1
        let columns = rows.map(\.count).max() ?? 0
        // Letters grow as those of boxes do.
        let scale = 1 + width / 481, line = 10 * scale
        let letters = max(8, width / (6 * scale) - 1)
        let captions = rows.map { $0.map { Self.wrapped($0.caption, letters) } }
        let heights = rows.indices.map { row in
            (rows[row].map(\.image.height).max() ?? 0) + (captions[row].map(\.count).max() ?? 0) * line + 2 * margin
        }
        var sheet = Image(
            width: max(1, columns * (width + margin) + margin), height: max(1, heights.reduce(margin, +)), red: 24,
            green: 24, blue: 28)
        var y = margin
        for (row, tiles) in rows.enumerated() {
            for (column, tile) in tiles.enumerated() {
                let x = margin + column * (width + margin)
                sheet.put(tile.image, x: x, y: y)
                for (i, text) in captions[row][column].enumerated() {
                    sheet.draw(
                        text: text, x: x, y: y + tile.image.height + 2 + i * line, background: nil, scale: scale)
                }
            }
            y += heights[row]
        }
        return sheet
    }

    /// The text in lines of at most so many letters, broken between words.
    static func wrapped(_ text: String, _ letters: Int) -> [String] {
        var lines: [String] = []
        for word in text.split(separator: " ") {
            if let last = lines.last, last.count + 1 + word.count <= letters {
                lines[lines.count - 1] = last + " " + word
            } else {
                lines.append(String(word))
            }
        }
        return lines
    }
}
