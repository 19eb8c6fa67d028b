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

    /// The sampler of a run.
    ///
    /// - Parameters:
    ///   - counts: pictures of each source's dataset.
    ///   - shares: pictures of each source in a batch.
    ///   - views: canvases a picture of each source fills; nil: one.
    /// - Precondition: one share a source, and no source is empty.
    public init(counts: [Int], shares: [Int], views: [Int]? = nil) {
        precondition(
            counts.count == shares.count && counts.allSatisfy { $0 > 0 }, "a sampler needs pictures in every source")
        self.counts = counts
        self.shares = shares
        self.views = views ?? counts.map { _ in 1 }
    }

    /// The draws of a step, source by source, of a source view by view. Each source runs through its own passes without a break: place `g` of all
    /// its draws is place `g mod n` of pass `g / n`.
    public func draws(step: Int) -> [Draw] {
        (0..<counts.count).flatMap { source in
            (0..<views[source]).flatMap { view in
                (0..<shares[source]).map { i in
                    let g = step * shares[source] + i
                    return Draw(source: source, epoch: g / counts[source], position: g % counts[source], view: view)
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
