/// A table for a terminal: aligned columns under a header and a rule. Columns of numbers stand to the right. Cells may
/// come out of files: their control characters are shown as numbers.
public struct TextTable: Sendable {
    private let header: [String]
    private var rows: [[String]] = []

    /// An empty table with these columns.
    public init(_ header: [String]) { self.header = header.map { Console.harmless($0, lines: false) } }

    /// Adds a row.
    /// - Precondition: as many cells as columns.
    public mutating func add(_ cells: [String]) {
        precondition(cells.count == header.count, "a row of \(cells.count) cells in a table of \(header.count) columns")
        rows.append(cells.map { Console.harmless($0, lines: false) })
    }

    /// The table's lines, each ended.
    public var text: String {
        let all = [header] + rows
        let widths = header.indices.map { column in all.map { TextWidth.of($0[column]) }.max() ?? 0 }
        let right = header.indices.map { column in
            !rows.isEmpty && rows.allSatisfy { Self.isNumeric($0[column]) } && rows.contains { $0[column] != Self.none }
        }
        func line(_ cells: [String]) -> String {
            var out = ""
            for (i, cell) in cells.enumerated() {
                let space = String(repeating: " ", count: widths[i] - TextWidth.of(cell))
                out += (i > 0 ? "  " : "") + (right[i] ? space + cell : cell + space)
            }
            while out.last == " " { out.removeLast() }
            return out + "\n"
        }
        let rule = widths.map { String(repeating: "-", count: $0) }.joined(separator: "  ")
        return line(header) + rule + "\n" + rows.map(line).joined()
    }

    /// What stands for a value that is undefined.
    public static let none = "-"

    /// A number with a fixed count of digits after the point; `-` where it is absent or not finite.
    public static func fixed(_ value: Double?, _ digits: Int) -> String {
        guard let value, value.isFinite else { return none }
        var scale = 1
        for _ in 0..<digits { scale *= 10 }
        guard abs(value) < 1e15 / Double(scale) else { return "\(value)" }
        let scaled = Int((abs(value) * Double(scale)).rounded(.toNearestOrEven))
        let sign = value < 0 && scaled > 0 ? "-" : ""
        let fraction = String(scaled % scale)
        return sign + String(scaled / scale)
            + (digits == 0 ? "" : "." + String(repeating: "0", count: digits - fraction.count) + fraction)
    }

    /// A metric of 0 to 1 in points: 0.4231 is `42.3`.
    public static func points(_ value: Double?, digits: Int = 1) -> String { fixed(value.map { $0 * 100 }, digits) }

    /// Seconds as `1:02:03` or `02:03`; `?` where there is no telling.
    public static func duration(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "?" }
        let s = Int(seconds.rounded())
        func two(_ n: Int) -> String { n < 10 ? "0\(n)" : "\(n)" }
        return (s >= 3600 ? "\(s / 3600):" : "") + "\(two(s / 60 % 60)):\(two(s % 60))"
    }

    /// Digits with what may stand beside them: signs, a point, separators, a share, a spread.
    private static func isNumeric(_ cell: String) -> Bool {
        if cell == none || cell.isEmpty { return true }
        return cell.contains { $0.isASCII && $0.isNumber }
            && cell.allSatisfy { ($0.isASCII && $0.isNumber) || "+-.,:%± []e/".contains($0) }
    }
}
