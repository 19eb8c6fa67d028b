import Base
import Imaging
import Testing

@Suite struct LabelMapTests {
    /// Masks of runs, of noise and of both, of lengths around the step of the counting; labels under 5 and 255.
    private func mask(_ count: Int, run: Int, seed: UInt64) -> LabelMap {
        var random = Random(seed: seed, purpose: .weights)
        var label: UInt8 = 0
        let labels = (0..<count).map { i -> UInt8 in
            if i % run == 0 { label = [0, 1, 2, 3, 4, 255][Int(random.uniform() * 6)] }
            return label
        }
        return LabelMap(width: count, height: 1, labels: labels)
    }

    @Test(arguments: [0, 1, 7, 8, 9, 15, 16, 17, 1000, 40_099]) func countedAsPixelByPixel(count: Int) {
        for (seed, run) in [1, 3, 32, 70, 500].enumerated() {
            let a = mask(count, run: run, seed: UInt64(seed))
            let b = mask(count, run: run + seed % 2, seed: UInt64(seed) + 100)
            var histogram = [Int](repeating: 0, count: 256)
            var pairs = [UInt32](repeating: 0, count: 36)
            for (x, y) in zip(a.labels, b.labels) {
                histogram[Int(x)] += 1
                pairs[min(Int(x), 5) * 6 + min(Int(y), 5)] += 1
            }
            #expect(a.histogram == histogram)
            #expect(a.pairs(with: b, classes: 5) == pairs)
            let table = (0..<256).map { UInt8(255 - $0) }
            var changed = a
            changed.relabel(table)
            #expect(changed.labels == a.labels.map { 255 - $0 })
        }
    }

    /// 255 classes leave 255 itself for what is ignored.
    @Test func asManyClassesAsThereCanBe() {
        let all = LabelMap(width: 256, height: 1, labels: (0...255).map { UInt8($0) })
        let pairs = all.pairs(with: all, classes: 255)
        #expect(pairs.enumerated().allSatisfy { $1 == ($0 / 256 == $0 % 256 ? 1 : 0) })
    }

    @Test func aLabelOfNoClass() async {
        await #expect(processExitsWith: .failure) {
            let mask = LabelMap(width: 40, height: 1, labels: [UInt8](repeating: 0, count: 39) + [7])
            _ = mask.pairs(with: mask, classes: 7)
        }
        await #expect(processExitsWith: .failure) {
            let mask = LabelMap(width: 40, height: 1, labels: [UInt8](repeating: 7, count: 40))
            _ = mask.pairs(with: mask, classes: 7)
        }
        // Where there are no runs it is counted otherwise.
        await #expect(processExitsWith: .failure) {
            let mask = LabelMap(width: 9001, height: 1, labels: (0..<9000).map { UInt8($0 % 3) } + [7])
            _ = mask.pairs(with: mask, classes: 7)
        }
    }
}
