import Base
import Imaging

/// Pixels counted by what they are and what they were taken for, over a whole set: whole numbers, so that neither the
/// order of pictures nor the number of threads changes anything.
public struct PixelConfusion: Sendable, Hashable {
    /// K.
    public let classes: Int
    /// `[K, K + 1]`: row the truth, column the prediction; the last column is pixels for which none was made (255).
    public private(set) var counts: [Int]
    /// Pixels whose truth is `LabelMap.ignored`, which are none of these.
    public private(set) var ignored = 0

    /// Nothing counted yet.
    public init(classes: Int) {
        precondition((1...255).contains(classes), "a confusion of \(classes) classes")
        self.classes = classes
        counts = [Int](repeating: 0, count: classes * (classes + 1))
    }

    /// Pixels of class `truth` that were taken for `prediction`; `classes` is none.
    public subscript(truth: Int, prediction: Int) -> Int { counts[truth * (classes + 1) + prediction] }

    /// Counts a picture; pixels whose truth is `LabelMap.ignored` do not count.
    /// - Precondition: both masks are of one size; labels are under K or 255.
    public mutating func add(truth: LabelMap, prediction: LabelMap) {
        let pairs = truth.pairs(with: prediction, classes: classes)
        for i in counts.indices { counts[i] += Int(pairs[i]) }
        for pair in pairs[counts.count...] { ignored += Int(pair) }
    }

    /// Adds what another one counted.
    public static func += (a: inout PixelConfusion, b: PixelConfusion) {
        precondition(a.classes == b.classes, "matrices of \(a.classes) and \(b.classes) classes")
        for i in a.counts.indices { a.counts[i] += b.counts[i] }
        a.ignored += b.ignored
    }

    /// Pixels that were taken for this class.
    public func predicted(as prediction: Int) -> Int { (0..<classes).reduce(0) { $0 + self[$1, prediction] } }
    /// Pixels for which no prediction was made.
    public var unpredicted: Int { predicted(as: classes) }
    /// Pixels whose truth is this class.
    public func pixels(of truth: Int) -> Int { (0...classes).reduce(0) { $0 + self[truth, $1] } }
}
