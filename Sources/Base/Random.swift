/// What a random draw is for. The purpose is part of the key, so that two users of one seed never share a stream.
public enum Purpose: UInt64, Sendable {
    case weights = 1
    case order = 2
    case augmentation = 3
    case split = 4
    case scene = 5
    case bootstrap = 6
    case dropout = 7
    case round = 8
    case test = 99
}

/// A counter-based generator: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
///
/// The stream is a pure function of (seed, purpose, epoch, index): position is state, nothing is shared between
/// threads, and a resumed run draws what the uninterrupted one would have drawn.
public struct Random: RandomNumberGenerator, Sendable {
    private let key: (UInt32, UInt32)
    private var counter: (UInt32, UInt32, UInt32, UInt32)
    private var block: (UInt64, UInt64) = (0, 0)
    private var left = 0

    /// - Parameters:
    ///   - seed: the run's seed.
    ///   - purpose: what is drawn.
    ///   - epoch: the pass over the data, or the step; 32 bits are used.
    ///   - index: the item within the pass; 32 bits are used.
    public init(seed: UInt64, purpose: Purpose, epoch: Int = 0, index: Int = 0) {
        // The purpose is mixed into the key by a full-avalanche hash (splitmix64's finaliser), so that
        // neighbouring seeds and purposes give unrelated keys.
        var k = seed &+ purpose.rawValue &* 0x9E37_79B9_7F4A_7C15
        k = (k ^ (k >> 30)) &* 0xBF58_476D_1CE4_E5B9
        k = (k ^ (k >> 27)) &* 0x94D0_49BB_1331_11EB
        k ^= k >> 31
        key = (UInt32(truncatingIfNeeded: k), UInt32(truncatingIfNeeded: k >> 32))
        counter = (0, 0, UInt32(truncatingIfNeeded: index), UInt32(truncatingIfNeeded: epoch))
    }

    /// 64 random bits: half a Philox block, the first half first.
    public mutating func next() -> UInt64 {
        if left == 0 {
            let r = Self.philox(counter, key)
            block = (UInt64(r.0) << 32 | UInt64(r.1), UInt64(r.2) << 32 | UInt64(r.3))
            left = 2
            counter.0 &+= 1
            if counter.0 == 0 { counter.1 &+= 1 }
        }
        left -= 1
        return left == 1 ? block.0 : block.1
    }

    /// A number in [0, 1) with 53 random bits.
    public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// A number in [low, high).
    public mutating func uniform(_ low: Double, _ high: Double) -> Double { low + (high - low) * uniform() }

    /// An integer in 0..<bound. - Precondition: `bound > 0`.
    public mutating func below(_ bound: Int) -> Int { Int(next(upperBound: UInt64(bound))) }

    /// True with the given probability.
    public mutating func chance(_ probability: Double) -> Bool { uniform() < probability }

    /// A permutation of 0..<count.
    public mutating func permutation(_ count: Int) -> [Int] {
        var order = Array(0..<count)
        if count > 1 {
            for i in stride(from: count - 1, to: 0, by: -1) { order.swapAt(i, below(i + 1)) }
        }
        return order
    }

    /// One Philox4x32-10 block; `internal` for the test against the authors' known answers.
    static func philox(
        _ counter: (UInt32, UInt32, UInt32, UInt32), _ key: (UInt32, UInt32)
    ) -> (UInt32, UInt32, UInt32, UInt32) {
        var c = counter
        var k = key
        for _ in 0..<10 {
            let p0 = UInt64(c.0) &* 0xD251_1F53
            let p1 = UInt64(c.2) &* 0xCD9E_8D57
            c = (
                UInt32(truncatingIfNeeded: p1 >> 32) ^ c.1 ^ k.0, UInt32(truncatingIfNeeded: p1),
                UInt32(truncatingIfNeeded: p0 >> 32) ^ c.3 ^ k.1, UInt32(truncatingIfNeeded: p0)
            )
            k = (k.0 &+ 0x9E37_79B9, k.1 &+ 0xBB67_AE85)
        }
        return c
    }
}
