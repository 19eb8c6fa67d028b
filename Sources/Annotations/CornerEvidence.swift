import Geometry

/// Whether a file's boxes are corners `[x1, y1, x2, y2]` that are taken for `[x, y, width, height]`.
///
/// Taken for the other, a box of corners begins where it should and ends at x1 + x2: outside its picture as soon as its
/// centre lies in the right half. And few honest boxes are corners, as they need width > x and height > y. So it is
/// held to be true where nearly all boxes of a file are corners inside their pictures and a quarter of them stick out
/// as they stand, by more than a tenth of the picture, which no careless rounding does. Pictures without a size say
/// nothing.
struct CornerEvidence {
    private var boxes = 0
    private var asCorners = 0
    private var sticksOut = 0
    private var first: (piece: Int, index: Int, picture: Int)?

    /// - Parameter places: of each label's picture in `examples`, -1 where it has none.
    init(_ document: COCODocument, _ places: [[Int32]], _ examples: [Example]) {
        let sizes = examples.map(\.size)
        for (piece, labels) in document.labels.enumerated() {
            for (index, label) in labels.enumerated() {
                let picture = Int(places[piece][index])
                guard picture >= 0, let size = sizes[picture] else { continue }
                let frame = label.frame
                let (width, height) = (Double(size.width), Double(size.height))
                boxes += 1
                if frame.x >= -1, frame.y >= -1, frame.width > frame.x, frame.height > frame.y,
                    frame.width <= width + 1, frame.height <= height + 1
                {
                    asCorners += 1
                }
                if frame.x + frame.width > 1.1 * width || frame.y + frame.height > 1.1 * height {
                    sticksOut += 1
                    if first == nil { first = (piece, index, picture) }
                }
            }
        }
    }

    /// The first box that tells; nil where boxes are what they should be.
    var verdict: (piece: Int, index: Int, picture: Int)? {
        sticksOut * 4 >= boxes && asCorners * 20 >= boxes * 19 ? first : nil
    }

    /// What is said of it.
    var message: String {
        "\(sticksOut) of the file's \(boxes) boxes stick far out of their pictures as [x, y, width, height], and "
            + "\(asCorners) lie inside as corners [x1, y1, x2, y2]; COCO's bbox is [x1, y1, x2 - x1, y2 - y1]"
    }
}
