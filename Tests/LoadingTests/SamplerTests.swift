import Base
import Testing

@testable import Loading

@Suite struct SamplerTests {
    /// Walks through steps and notes, source by source, the pictures in the order they come.
    private func walk(counts: [Int], shares: [Int], steps: Int, seed: UInt64) -> [[Int]] {
        let sampler = Sampler(counts: counts, shares: shares)
        var seen = [[Int]](repeating: [], count: counts.count)
        for step in 0..<steps {
            let draws = sampler.draws(step: step)
            #expect(draws.map(\.source) == shares.indices.flatMap { [Int](repeating: $0, count: shares[$0]) })
            for draw in draws {
                let order = Sampler.order(counts[draw.source], seed: seed, source: draw.source, epoch: draw.epoch)
                seen[draw.source].append(order[draw.position])
            }
        }
        return seen
    }

    @Test func eachPictureComesOnceAPass() {
        // 7 pictures by 3 and 5 by 2: the passes end in the middle of steps.
        let seen = walk(counts: [7, 5], shares: [3, 2], steps: 35, seed: 4)
        for (count, list) in zip([7, 5], seen) {
            var passes: Set<[Int]> = []
            for begin in stride(from: 0, through: list.count - count, by: count) {
                let pass = Array(list[begin..<begin + count])
                #expect(pass.sorted() == Array(0..<count))
                passes.insert(pass)
            }
            #expect(passes.count > 2)  // shuffled anew each time
        }
    }

    @Test func seedsAndSourcesHaveOrdersOfTheirOwn() {
        let one = walk(counts: [30, 30], shares: [10, 10], steps: 3, seed: 1)
        #expect(one[0] != one[1])
        #expect(walk(counts: [30, 30], shares: [10, 10], steps: 3, seed: 2)[0] != one[0])
        #expect(walk(counts: [30, 30], shares: [10, 10], steps: 3, seed: 1) == one)
    }

    /// A step in two passes of half the pictures draws what one pass would have drawn.
    @Test func microBatchesDivideAStep() {
        let whole = Sampler(counts: [7, 5], shares: [4, 2])
        let half = Sampler(counts: [7, 5], shares: [2, 1])
        for step in 0..<20 {
            let parts = (0..<2).flatMap { half.draws(step: 2 * step + $0) }
            for source in 0..<2 {
                #expect(parts.filter { $0.source == source } == whole.draws(step: step).filter { $0.source == source })
            }
        }
    }

    /// Where the pictures of a step are to be different ones, whatever its passes: every step is, every picture comes, and what a
    /// pass leaves over is another part each time.
    @Test func distinctPicturesOfAStep() {
        let sampler = Sampler(counts: [10], shares: [2], views: [2], distinct: [4])
        var left: Set<[Int]> = []
        for pass in 0..<30 {
            var seen: Set<Int> = []
            for step in 0..<2 {
                // Two passes of two pictures make a step, two views each.
                let draws = (0..<2).flatMap { sampler.draws(step: 4 * pass + 2 * step + $0) }
                #expect(draws.allSatisfy { $0.epoch == pass })
                let order = Sampler.order(10, seed: 1, source: 0, epoch: pass)
                let pictures = Set(draws.map { order[$0.position] })
                #expect(pictures.count == 4 && draws.count == 8 && pictures.isDisjoint(with: seen))
                seen.formUnion(pictures)
            }
            left.insert((0..<10).filter { !seen.contains($0) })
        }
        #expect(left.count > 10 && Set(left.flatMap(\.self)).count == 10)
        // Fewer pictures than a step has cannot be.
        #expect(Sampler(counts: [3], shares: [4], distinct: [4]).draws(step: 0).map(\.epoch) == [0, 0, 0, 1])
    }

    /// A set smaller than its share comes several times in one step.
    @Test func smallSetsRepeatWithinAStep() {
        let draws = Sampler(counts: [2], shares: [5]).draws(step: 1)
        #expect(draws.map(\.epoch) == [2, 3, 3, 4, 4])
        #expect(draws.map(\.position) == [1, 0, 1, 0, 1])
    }

    /// Both views of a picture have its place: first all first views of a source, then all second ones.
    @Test func viewsShareTheirPictures() {
        let sampler = Sampler(counts: [5, 4], shares: [3, 2], views: [2, 1])
        for step in 0..<4 {
            let draws = sampler.draws(step: step)
            #expect(draws.map(\.view) == [0, 0, 0, 1, 1, 1, 0, 0])
            #expect(draws.map(\.source) == [0, 0, 0, 0, 0, 0, 1, 1])
            for i in 0..<3 {
                #expect(draws[i].position == draws[3 + i].position && draws[i].epoch == draws[3 + i].epoch)
                #expect(3 * step + i == draws[i].epoch * 5 + draws[i].position)
            }
        }
    }
}
