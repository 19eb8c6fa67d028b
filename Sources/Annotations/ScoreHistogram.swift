/// How many scores lie in each of 20 bins of 0.05 from 0 to 1; a score of 1 is in the last.
struct ScoreHistogram: Hashable, Sendable {
    /// Counts, `[20]`.
    private(set) var bins = [Int](repeating: 0, count: 20)

    mutating func count(_ score: Double) { bins[min(max(Self.bin(score), 0), 19)] += 1 }

    /// Counted in hundredths of thousandths, so that 0.35 is in the bin that begins with 0.35.
    private static func bin(_ score: Double) -> Int { Int((score * 20 + 1e-6).rounded(.down)) }

    /// 20 lines of text, the threshold's marked.
    func text(threshold: Float) -> String {
        let most = max(1, bins.max() ?? 1)
        return bins.enumerated().map { i, count in
            let marked = Self.bin(Double(threshold)) == i ? ">" : " "
            let bar = String(repeating: "#", count: (count * 40 + most - 1) / most)
            let number = String(count)
            let low = "0.\(i * 5 < 10 ? "0" : "")\(i * 5)"
            return "\(marked) \(low) \(String(repeating: " ", count: max(0, 8 - number.count)))\(number) \(bar)"
        }.joined(separator: "\n")
    }
}
