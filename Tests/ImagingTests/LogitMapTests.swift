import Base
import Geometry
import Glibc
import Testing

@testable import Imaging

@Suite struct LogitMapTests {
    /// The same slowly, in double precision: softmax of each map's bilinear sample, their mean, its largest.
    private func slow(
        _ maps: [LogitMap], classes: Int, size: Size
    ) -> [(label: Int, probability: Double, margin: Double)] {
        func place(_ at: Double, _ count: Int) -> (Int, Int, Double) {
            let u = min(max(at - 0.5, 0), Double(count - 1))
            let i = Int(u)
            return (i, min(i + 1, count - 1), u - Double(i))
        }
        return (0..<size.width * size.height).map { p in
            var sums = [Double](repeating: 0, count: classes)
            for map in maps {
                let at = map.map(x: Double(p % size.width) + 0.5, y: Double(p / size.width) + 0.5)
                let (x0, x1, fx) = place(at.x, map.width)
                let (y0, y1, fy) = place(at.y, map.height)
                func value(_ x: Int, _ y: Int, _ k: Int) -> Double {
                    Double(map.values[(y * map.width + x) * classes + k])
                }
                let z = (0..<classes).map { k in
                    (value(x0, y0, k) * (1 - fx) + value(x1, y0, k) * fx) * (1 - fy)
                        + (value(x0, y1, k) * (1 - fx) + value(x1, y1, k) * fx) * fy
                }
                let total = z.reduce(0) { $0 + exp($1) }
                for k in 0..<classes { sums[k] += exp(z[k]) / total / Double(maps.count) }
            }
            let sorted = sums.sorted(by: >)
            let label = sums.firstIndex(of: sorted[0]) ?? 0
            return (label, sorted[0], sorted[0] - (sorted.count > 1 ? sorted[1] : 0))
        }
    }

    private func map(_ width: Int, _ height: Int, _ classes: Int, _ map: AffineMap, _ random: inout Random) -> LogitMap
    {
        LogitMap(
            width: width, height: height, classes: classes,
            values: (0..<width * height * classes).map { _ in Float(random.uniform(-6, 6)) }, map: map)
    }

    /// Whatever the count of classes and maps; mirrored ones, single rows, beyond the edges.
    @Test(arguments: [2, 3, 11, 16, 21, 150]) func asASlowOne(classes: Int) {
        var random = Random(seed: UInt64(classes), purpose: .test)
        let size = Size(width: 37, height: 29)
        let maps = [
            map(10, 8, classes, .scale(0.25, 0.25), &random),
            map(5, 4, classes, .scale(0.131, 0.14), &random),
            map(20, 15, classes, AffineMap.flip(width: 37).then(.scale(0.5, 0.5)), &random),
            map(1, 1, classes, .scale(0.02, 0.03), &random),
        ]
        for count in 1...maps.count {
            let some = Array(maps[..<count])
            let (labels, confidence) = LabelMap.mostProbable(
                some, classes: classes, size: size, wantsConfidence: true)
            let alone = LabelMap.mostProbable(some, classes: classes, size: size, wantsConfidence: false)
            #expect(alone.labels == labels && alone.confidence == nil)
            for (p, wanted) in slow(some, classes: classes, size: size).enumerated() {
                if wanted.margin > 1e-5 { #expect(Int(labels.labels[p]) == wanted.label, "pixel \(p)") }
                let level = min(255, wanted.probability * 256)
                let said = Double(confidence?.labels[p] ?? 0)
                #expect(said <= level + 0.01 && (said == 255 || level < said + 1.01), "pixel \(p): \(said) of \(level)")
            }
        }
    }

    @Test func masksReadBackAsTheyWereWritten() throws {
        var random = Random(seed: 3, purpose: .test)
        let labels = (0..<31 * 17).map { _ in UInt8(random.below(256)) }
        let mask = LabelMap(width: 31, height: 17, labels: labels)
        #expect(try ImageFile.labels(bytes: mask.png(), name: "mask") == mask)
        #expect(try ImageFile.labels(bytes: mask.greyPNG(), name: "grey") == mask)
        // The palette is PASCAL VOC's: docs/paper.md lists its first colours.
        let colors = try ImageFile.decode(bytes: mask.png(), name: "mask").image
        let known: [UInt8: [UInt8]] = [
            0: [0, 0, 0], 1: [128, 0, 0], 2: [0, 128, 0], 15: [192, 128, 128], 20: [0, 64, 128], 255: [224, 224, 192],
        ]
        let all = LabelMap(width: 256, height: 1, labels: (0...255).map { UInt8($0) })
        let palette = try ImageFile.decode(bytes: all.png(), name: "palette").image
        for (index, color) in known { #expect(Array(palette.pixels[3 * Int(index)..<3 * Int(index) + 3]) == color) }
        #expect(colors.width == 31 && colors.height == 17)
    }
}
