import Base
import Geometry
import Imaging

/// Pictures that are copies of each other.
enum Copies {
    /// How two pictures are the same.
    enum Kind: Hashable, Sendable {
        /// Byte for byte.
        case equal
        /// To look at; so many bits of their hashes differ.
        case alike(Int)
    }

    /// Copies within a set: (the first one, another one, how), by rising second place; each copy is named once.
    static func within(
        _ set: Dataset, _ facts: [PictureFacts], threads: Int
    ) -> [(Int, Int, Kind)] {
        var kinds: [Int: (Int, Kind)] = [:]
        let digests = digests(of: set, sharing: Set(repeated(facts.compactMap(\.bytes))))
        var first: [Digest: Int] = [:]
        for i in set.examples.indices {
            guard let digest = digests[i] else { continue }
            if let other = first[digest] { kinds[i] = (other, .equal) } else { first[digest] = i }
        }
        let hashes = facts.map(\.hash)
        for (i, j, bits) in alike(hashes, nil, threads: threads) where kinds[j] == nil { kinds[j] = (i, .alike(bits)) }
        return kinds.map { ($1.0, $0, $1.1) }.sorted { $0.1 < $1.1 }
    }

    /// Pictures of one set that another one has, too: (place here, place there, how), by rising place here. Without
    /// facts, files alone are compared, of which only those of equal length are read.
    static func between(
        _ a: Dataset, _ aFacts: [PictureFacts]?, _ b: Dataset, _ bFacts: [PictureFacts]?, threads: Int
    ) -> [(Int, Int, Kind)] {
        let shared = Set(sizes(a, aFacts)).intersection(sizes(b, bFacts))
        var kinds: [Int: (Int, Kind)] = [:]
        if !shared.isEmpty {
            // Among very many pictures every length is somebody's: whole files are read of those alone of which a few bytes
            // are the same, too.
            let mine = sketches(of: a, sharing: shared, threads: threads)
            let theirs = sketches(of: b, sharing: shared, threads: threads)
            let common = Set(mine.values).intersection(theirs.values)
            func digests(_ set: Dataset, _ sketches: [Int: Sketch]) -> [(place: Int, digest: Digest)] {
                sketches.filter { common.contains($1) }.compactMap { i, _ in
                    (try? Files.digest(set.path(of: set.examples[i]))).map { (i, $0) }
                }
            }
            let places = Dictionary(digests(b, theirs).map { ($1, $0) }, uniquingKeysWith: { min($0, $1) })
            for (i, digest) in digests(a, mine) {
                if let j = places[digest] { kinds[i] = (j, .equal) }
            }
        }
        if let aFacts, let bFacts {
            for (i, j, bits) in alike(aFacts.map(\.hash), bFacts.map(\.hash), threads: threads) where kinds[i] == nil {
                kinds[i] = (j, .alike(bits))
            }
        }
        return kinds.map { ($0, $1.0, $1.1) }.sorted { $0.0 < $1.0 }
    }

    private static func sizes(_ set: Dataset, _ facts: [PictureFacts]?) -> [Int] {
        if let facts { return facts.compactMap(\.bytes) }
        var sizes: [Int] = []
        // A picture that is not there equals none; that it is missing is said elsewhere.
        for example in set.examples {
            if let stamp = try? Files.stamp(set.path(of: example)) { sizes.append(stamp.size) }
        }
        return sizes
    }

    /// What two equal files have alike at the least: their length, and what stands in the middle.
    private struct Sketch: Hashable {
        var length: Int
        var middle: [UInt8]
    }

    private static func sketches(of set: Dataset, sharing lengths: Set<Int>, threads: Int) -> [Int: Sketch] {
        let found = parallelMap(set.examples.count, threads: threads) { i -> Sketch? in
            let path = set.path(of: set.examples[i])
            // Empty files are no pictures, whoever has them.
            guard let length = try? Files.stamp(path).size, length > 0, lengths.contains(length),
                let middle = try? Files.read(path, length / 2, min(32, length - length / 2))
            else { return nil }
            return Sketch(length: length, middle: middle)
        }
        return Dictionary(uniqueKeysWithValues: found.enumerated().compactMap { i, sketch in sketch.map { (i, $0) } })
    }

    /// The digests of the files whose length is among those, by place; the others cannot equal any.
    private static func digests(of set: Dataset, sharing lengths: Set<Int>) -> [Int: Digest] {
        var digests: [Int: Digest] = [:]
        if lengths.isEmpty { return digests }
        for (i, example) in set.examples.enumerated() {
            let path = set.path(of: example)
            guard let length = try? Files.stamp(path).size, lengths.contains(length) else { continue }
            digests[i] = try? Files.digest(path)
        }
        return digests
    }

    private static func repeated(_ values: [Int]) -> [Int] {
        var seen: Set<Int> = []
        return values.filter { !seen.insert($0).inserted }
    }

    /// Pairs of hashes that are alike: (place in `a`, place in `b`, bits), each place of the first list with the nearest of
    /// the second; within one list, each place with the nearest before it. All pairs are compared, and a first word of 64
    /// bits rules out nearly all of them.
    private static func alike(
        _ a: [PerceptualHash?], _ b: [PerceptualHash?]?, threads: Int
    ) -> [(Int, Int, Int)] {
        let left = a.map { $0.flatMap { $0.isDistinct ? $0.bits : nil } }
        let right = b.map { $0.map { $0.flatMap { $0.isDistinct ? $0.bits : nil } } } ?? left
        let within = b == nil
        // Dense words beside their places, so that the inner loop reads eight bytes a picture.
        let places = right.indices.filter { right[$0] != nil }
        let words = places.map { right[$0]! }
        let firsts = words.map { $0[0] }
        let found = Monitor<[(Int, Int, Int)]>([])
        parallelFor(left.count, threads: threads) { i in
            guard let mine = left[i] else { return }
            var best = (place: -1, bits: PerceptualHash.alike + 1)
            for (k, first) in firsts.enumerated() {
                if within && places[k] >= i { break }
                if (first ^ mine[0]).nonzeroBitCount >= best.bits { continue }
                let bits = PerceptualHash(bits: mine).distance(to: PerceptualHash(bits: words[k]))
                if bits < best.bits { best = (places[k], bits) }
            }
            guard best.place >= 0 else { return }
            found.withLock { $0.append(within ? (best.place, i, best.bits) : (i, best.place, best.bits)) }
        }
        return found.withLock { $0.sorted { ($0.0, $0.1) < ($1.0, $1.1) } }
    }
}
