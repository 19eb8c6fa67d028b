import Base

/// One picture of one batch: which source it comes from, which pass over it this is, and the place in that pass.
public struct Draw: Hashable, Sendable {
    /// Which of the sampler's sources.
    public var source: Int
    /// Which pass over the source, from 0.
    public var epoch: Int
    /// The place in that pass, 0..<count; `order` says which picture stands there.
    public var position: Int
    /// Which view of the picture.
    public var view: Int

    /// A draw, as the sampler makes them.
    public init(source: Int, epoch: Int, position: Int, view: Int = 0) {
        self.source = source
        self.epoch = epoch
        self.position = position
        self.view = view
    }
}

/// Which pictures make the batch of a step: a pure function, so that position is the whole state (law 1).
public struct Sampler: Sendable {
    /// Pictures of each source in its dataset and in a batch.
    private let counts: [Int]
    private let shares: [Int]
    private let views: [Int]
    /// Pictures of a pass: all, or as many as fill whole steps.
    private let passes: [Int]

    /// The sampler of a run.
    ///
    /// - Parameters:
    ///   - counts: pictures of each source's dataset.
    ///   - shares: pictures of each source in a batch.
    ///   - views: canvases a picture of each source fills; nil: one.
    ///   - distinct: so many pictures of a source in a row, counted from its first, are different ones, where it has as
    ///     many: the rest of a pass that does not fill a step is left for another. nil: passes go on without a break.
    /// - Precondition: one share a source, and no source is empty.
    public init(counts: [Int], shares: [Int], views: [Int]? = nil, distinct: [Int?]? = nil) {
        precondition(
            counts.count == shares.count && counts.allSatisfy { $0 > 0 }, "a sampler needs pictures in every source")
        self.counts = counts
        self.shares = shares
        self.views = views ?? counts.map { _ in 1 }
        passes = counts.enumerated().map { source, count in
            guard let step = distinct?[source], step <= count else { return count }
            return count / step * step
        }
    }

    /// The draws of a step, source by source, of a source view by view. Each source runs through its own passes: place `g`
    /// of all its draws is place `g mod n` of pass `g / n`, n the pictures of a pass.
    public func draws(step: Int) -> [Draw] {
        (0..<counts.count).flatMap { source in
            (0..<views[source]).flatMap { view in
                (0..<shares[source]).map { i in
                    let g = step * shares[source] + i
                    return Draw(source: source, epoch: g / passes[source], position: g % passes[source], view: view)
                }
            }
        }
    }

    /// The order of a pass over `count` pictures: a permutation of 0..<count, of its own for each seed, source and
    /// epoch.
    public static func order(_ count: Int, seed: UInt64, source: Int, epoch: Int) -> [Int] {
        var random = Random(seed: seed, purpose: .order, epoch: epoch, index: source)
        return random.permutation(count)
    }
}
