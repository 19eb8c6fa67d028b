import Base

/// Noisy Student's pseudo-labels (Xie et al. 2020; docs/pretraining.md): of a teacher's classes those it is sure enough
/// of, as many pictures of each class, as an ordinary dataset. So a student trains on the set as on any other.
public struct PseudoClasses: Sendable {
    /// What the student learns of a picture.
    public enum Labels: String, CaseIterable, Sendable {
        /// The teacher's probabilities.
        case soft
        /// The most probable class.
        case hard
    }

    /// Noisy Student's bound on the pictures of a class.
    public static let mostPerClass = 130_000

    /// The pictures that train, each with a target; a picture may be there several times.
    public var dataset: Dataset
    /// What was chosen, in numbers.
    public var summary: PseudoClassSummary

    /// Chooses from a store.
    ///
    /// A picture counts for its most probable class. Of each class the most confident pictures are taken, up to
    /// `perClass`; of equally confident ones those that the seed draws. A class with fewer is repeated: n pictures of m
    /// wanted are there m / n times rounded down, and those that the seed draws once more, so that there are m. A class of
    /// which no picture is kept stays without.
    ///
    /// - Parameters:
    ///   - header, records: the contents of a store (`ClassStore.read`).
    ///   - root: the pool's folder, which the records' names are relative to.
    ///   - threshold: the least probability of the most probable class, 0...1, rounded to 255ths as those of the store are.
    ///   - perClass: pictures of each class; nil: as many as are kept of the class with most, at most `mostPerClass`.
    ///   - labels: what the targets are.
    ///   - seed: of what is drawn. The same store and choice give the same set.
    /// - Returns: the pictures in the order of the pool, with their places there, from 1, as ids; then the repeated ones
    ///   in that order, with ids from the pool's count on. Without a picture where none is kept
    ///   (`PseudoClassSummary.check`).
    /// - Throws: `.usage` where the threshold is no probability or `perClass` is not positive.
    public static func select(
        header: ClassStore.Header, records: [ClassRecord], root: String, threshold: Float = 0.3, perClass: Int? = nil,
        labels: Labels = .soft, seed: UInt64 = 0
    ) throws(Failure) -> PseudoClasses {
        guard (0...1).contains(threshold) else {
            throw .usage("threshold \(threshold): expected a probability from 0 to 1")
        }
        if let perClass, perClass < 1 { throw .usage("per-class \(perClass): expected 1 picture or more") }
        var summary = PseudoClassSummary(threshold: threshold, labels: labels, classes: header.classes)
        var kept = [[(place: Int, weight: UInt8)]](repeating: [], count: header.classes.count)
        for (place, record) in records.enumerated() {
            guard case .labelled(let soft) = record.outcome else {
                summary.refused += 1
                continue
            }
            // The threshold is rounded as the weight was: of what was at or above it, nothing is lost.
            if summary.count(soft, isKept: Float(soft.weights[0]) >= (threshold * 255).rounded()) {
                kept[Int(soft.labels[0])].append((place, soft.weights[0]))
            }
        }
        summary.perClass = perClass ?? min(mostPerClass, summary.keptPerClass.max() ?? 0)
        var times = [Int](repeating: 0, count: records.count)
        for (label, pictures) in kept.enumerated() where !pictures.isEmpty {
            // Epoch 1: epoch 0 of this purpose splits labelled sets.
            var random = Random(seed: seed, purpose: .split, epoch: 1, index: label)
            let drawn = random.permutation(pictures.count).map { pictures[$0] }
            summary.uniquePerClass[label] = min(pictures.count, summary.perClass)
            if pictures.count >= summary.perClass {
                let order = drawn.indices.sorted {
                    drawn[$0].weight != drawn[$1].weight ? drawn[$0].weight > drawn[$1].weight : $0 < $1
                }
                for i in order.prefix(summary.perClass) { times[drawn[i].place] = 1 }
            } else {
                let (whole, rest) = summary.perClass.quotientAndRemainder(dividingBy: pictures.count)
                for (i, picture) in drawn.enumerated() { times[picture.place] = whole + (i < rest ? 1 : 0) }
            }
        }
        var set = Dataset(root: root, classes: header.classes, examples: [])
        func add(_ place: Int, id: Int) {
            guard case .labelled(let soft) = records[place].outcome else { return }
            var example = Example(id: id, fileName: records[place].fileName, size: nil)
            example.target = labels == .soft ? .soft(soft) : .hard(Int(soft.labels[0]))
            set.examples.append(example)
        }
        for place in records.indices where times[place] > 0 { add(place, id: place + 1) }
        summary.unique = set.examples.count
        for place in records.indices {
            for _ in 1..<max(1, times[place]) {
                add(place, id: max(header.count, records.count) + set.examples.count - summary.unique + 1)
            }
        }
        summary.copies = set.examples.count - summary.unique
        return PseudoClasses(dataset: set, summary: summary)
    }
}
