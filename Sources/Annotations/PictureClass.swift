/// The class of a whole picture, as classification learns it.
public enum PictureClass: Hashable, Sendable {
    /// One class, as people say it.
    case hard(Int)
    /// A teacher's probabilities.
    case soft(SoftClass)

    /// The most probable class, 0..<K.
    public var label: Int {
        switch self {
        case .hard(let label): label
        case .soft(let soft): Int(soft.labels[0])
        }
    }
}

/// The most probable classes of a picture with their probabilities, small enough to keep a million of them: the rest of
/// the mass is cut off, and how much it was is recorded.
public struct SoftClass: Hashable, Sendable {
    /// Classes, 0..<K, the most probable first.
    public var labels: [UInt16]
    /// The probability of each in 255ths.
    public var weights: [UInt8]
    /// The probability of all classes that are not listed, 0...1, before rounding.
    public var cut: Float

    /// The `count` most probable of some probabilities `[K]`; of equal ones the first. Those that round to nothing are
    /// left out, but for the first.
    /// - Precondition: at least one class, at most 65,536.
    public init(_ probabilities: [Float], count: Int) {
        precondition(!probabilities.isEmpty && probabilities.count <= 1 << 16 && count > 0, "probabilities of no class")
        let best = probabilities.indices.sorted {
            probabilities[$0] != probabilities[$1] ? probabilities[$0] > probabilities[$1] : $0 < $1
        }
        var kept: [Int] = []
        for label in best.prefix(count) where kept.isEmpty || probabilities[label] * 255 >= 0.5 { kept.append(label) }
        labels = kept.map { UInt16($0) }
        weights = kept.map { UInt8((min(1, max(0, probabilities[$0])) * 255).rounded()) }
        cut = max(0, 1 - kept.reduce(Float(0)) { $0 + probabilities[$1] })
    }

    /// As it was stored.
    /// - Precondition: a weight for each label, and at least one.
    public init(labels: [UInt16], weights: [UInt8], cut: Float) {
        precondition(labels.count == weights.count && !labels.isEmpty, "soft labels need a weight for each class")
        self.labels = labels
        self.weights = weights
        self.cut = cut
    }

    /// The distribution to be learned, `[K]`: the weights scaled to a sum of 1, so that what was cut is shared out in
    /// proportion.
    public func distribution(classes: Int) -> [Float] {
        var all = [Float](repeating: 0, count: classes)
        let sum = Float(max(1, weights.reduce(0) { $0 + Int($1) }))
        for (label, weight) in zip(labels, weights) { all[Int(label)] = Float(weight) / sum }
        return all
    }
}
