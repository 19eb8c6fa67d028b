import Base
import Geometry
import Markup

/// The labels of one picture in YOLO's form: a line a box, `class cx cy width height`, all but the class as fractions
/// of the picture's sides; behind them a score, if there is one; or `class x1 y1 x2 y2 x3 y3 ...`, a polygon.
enum YOLOLabels {
    /// How far beyond 0...1 a rounded number may lie; Ultralytics allows the same.
    private static let slack = 0.01

    /// The boxes of a file, added to a picture whose size is known.
    static func read(_ file: String, classes: [String], rules: BoxRules, into picture: inout PictureLabels) {
        let bytes: [UInt8]
        do throws(Failure) { bytes = try Files.read(file) } catch {
            picture.findings.add(.fileUnreadable, Place(file: file), error.message.replacing(" " + file, with: ""))
            return
        }
        if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
            picture.findings.add(.fileUnreadable, Place(file: file), "is UTF-16 text; save it as UTF-8")
            return
        }
        guard let size = picture.size else { return }
        for (line, words) in wordsOfLines(bytes) {
            read(words, size, classes, rules, at: Place(file: file, line: line), into: &picture)
        }
    }

    private static func read(
        _ words: [ArraySlice<UInt8>], _ size: Size, _ classes: [String], _ rules: BoxRules, at place: Place,
        into picture: inout PictureLabels
    ) {
        func text(_ word: ArraySlice<UInt8>) -> String { String(decoding: word.prefix(40), as: UTF8.self) }
        guard words.allSatisfy({ String(validating: $0, as: UTF8.self) != nil }) else {
            picture.findings.add(.itemMalformed, place, "the line is not UTF-8 text")
            return
        }
        let isPolygon = words.count >= 7 && words.count % 2 == 1
        guard words.count == 5 || words.count == 6 || isPolygon else {
            picture.findings.add(
                .itemMalformed, place,
                "has \(words.count) columns; expected 5 (class cx cy w h), 6 (a score behind them) or a polygon "
                    + "(class x1 y1 x2 y2 x3 y3 ...)")
            return
        }
        var values: [Double] = []
        for word in words {
            guard let value = decimalNumber(word) else {
                let what = values.isEmpty ? "no class number" : "not a number"
                picture.findings.add(.itemMalformed, place, "\"\(text(word))\" is \(what)")
                return
            }
            values.append(value)
        }
        guard let label = Int(exactly: values[0]) else {
            picture.findings.add(.itemMalformed, place, "\"\(text(words[0]))\" is no class number")
            return
        }
        guard classes.indices.contains(label) else {
            picture.findings.add(
                .annotationWithoutClass, place,
                "class \(label) is none of the \(classes.count) classes 0...\(classes.count - 1)")
            return
        }
        let numbers = Array(isPolygon ? values[1...] : values[1...4])
        let written = words[1...numbers.count].map(text).joined(separator: " ")
        guard numbers.allSatisfy(\.isFinite) else {
            picture.findings.add(.boxNotFinite, place, "the box \(written) is not finite")
            return
        }
        if let (i, value) = numbers.enumerated().first(where: { $1 < -slack || $1 > 1 + slack }) {
            let name = isPolygon ? "\(i % 2 == 0 ? "x" : "y")\(i / 2 + 1)" : ["cx", "cy", "w", "h"][i]
            let most = numbers.max() ?? 0
            picture.findings.add(
                .boxNotRelative, place,
                most > 2
                    ? "the box \(written) looks like pixels; fractions of the picture's sides, 0...1, were expected"
                    : "\(name) is \(decimal(value)); a fraction of the picture's side, 0...1, was expected")
            return
        }
        let score: Double? = words.count == 6 ? values[5] : nil
        if let score, !(0...1).contains(score) {
            picture.findings.add(.itemMalformed, place, "the score \(text(words[5])) is not in 0...1")
            return
        }
        let box: Box
        if isPolygon {
            let xs = stride(from: 0, to: numbers.count, by: 2).map { numbers[$0] * Double(size.width) }
            let ys = stride(from: 1, to: numbers.count, by: 2).map { numbers[$0] * Double(size.height) }
            box = Box(
                x1: Float(xs.min() ?? 0), y1: Float(ys.min() ?? 0), x2: Float(xs.max() ?? 0), y2: Float(ys.max() ?? 0))
            picture.findings.add(.boxFromPolygon, place, "a polygon of \(xs.count) points; its box was taken")
        } else {
            box = Self.box(numbers[0], numbers[1], numbers[2], numbers[3], in: size)
        }
        picture.add(box, label: label, score: score, rules: rules, at: place, written: written)
    }

    /// The box of centre and sides, fractions of the picture's.
    static func box(_ cx: Double, _ cy: Double, _ width: Double, _ height: Double, in size: Size) -> Box {
        let (w, h) = (Double(size.width), Double(size.height))
        return Box(
            x1: Float((cx - width / 2) * w), y1: Float((cy - height / 2) * h), x2: Float((cx + width / 2) * w),
            y2: Float((cy + height / 2) * h))
    }

    /// `cx cy width height` in as few digits as lead back to this very box, at least six behind the point.
    static func text(_ box: Box, in size: Size) -> String {
        let x = centre(box.x1, box.x2, Double(size.width))
        let y = centre(box.y1, box.y2, Double(size.height))
        return "\(decimal(x.middle)) \(decimal(y.middle)) \(decimal(x.length)) \(decimal(y.length))"
    }

    private static func centre(_ low: Float, _ high: Float, _ side: Double) -> (middle: Double, length: Double) {
        let exact = (Double(high) - Double(low)) / side
        for places in [1e6, 1e8, 1e10, 1e12, 1e14, 1e15] {
            let length = (exact * places).rounded() / places
            // One digit more for the middle, so that a box at the edge, 0, is there again: middle - length / 2.
            let middle = ((Double(low) / side + length / 2) * places * 10).rounded() / (places * 10)
            if Float((middle - length / 2) * side) == low, Float((middle + length / 2) * side) == high {
                return (middle, length)
            }
        }
        return (Double(low) / side + exact / 2, exact)
    }
}
