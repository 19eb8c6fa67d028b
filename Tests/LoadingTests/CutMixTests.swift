import Annotations
import Augmentation
import Base
import Geometry
import Imaging
import Testing
import Torch

@testable import Loading

@Suite(.serialized) struct CutMixTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    /// Pictures of one colour and one class each: after CutMix a canvas has two colours, every label is that of its block's
    /// pixels, and nothing depends on the number of workers.
    @Test func cutMixTakesLabelsWithPixels() throws {
        try Files.makeFolder(scratch.file("flat"))
        try Files.makeFolder(scratch.file("masks"))
        let shades: [UInt8] = [0, 60, 120, 180]
        for (i, shade) in shades.enumerated() {
            let image = Image(width: 64, height: 64, pixels: [UInt8](repeating: shade, count: 64 * 64 * 3))
            try Files.write(image.png(), to: scratch.file("flat/\(i).png"))
            let mask = LabelMap(width: 64, height: 64, labels: [UInt8](repeating: UInt8(i), count: 64 * 64))
            try Files.write(mask.greyPNG(), to: scratch.file("masks/\(i).png"))
        }
        let set = try Dataset.masked(
            images: scratch.file("flat"), masks: scratch.file("masks"), list: nil,
            classes: MaskClasses(names: ["a", "b", "c", "d"]))
        func batches(_ probability: Double?, workers: Int = 1) throws -> [(pixels: [Float], labels: [UInt8])] {
            var policy = Policy.none
            policy.cutMix = probability.map { CutMix(probability: $0) }
            var asked = options(batch: 4, workers: workers)
            asked.maskStride = 4
            asked.normalization = Normalization(mean: [0, 0, 0], deviation: [1 / 255, 1 / 255, 1 / 255])
            let loader = Loader(
                [Source(set, policy: policy)], .training(Sampler(counts: [4], shares: [4]), seed: 3), asked,
                batches: 0..<4)
            var all: [(pixels: [Float], labels: [UInt8])] = []
            while let batch = try loader.nextBatch() {
                all.append(
                    (
                        batch.images.withMutableElements(of: Float.self) { Array($0) },
                        batch.masks?.withMutableElements(of: UInt8.self) { Array($0) } ?? []
                    ))
            }
            return all
        }
        let mixed = try batches(1)
        for batch in mixed {
            for slot in 0..<4 {
                let labels = batch.labels[slot * 256..<(slot + 1) * 256]
                #expect(Set(labels).count == 2)
                for (block, label) in labels.enumerated() {
                    for (y, x) in [(0, 0), (0, 3), (3, 0), (3, 3)] {
                        let pixel = (slot * 64 + block / 16 * 4 + y) * 64 + block % 16 * 4 + x
                        #expect(abs(batch.pixels[pixel * 3] - Float(shades[Int(label)])) < 0.01)
                    }
                }
            }
        }
        let again = try batches(1, workers: 3)
        #expect(again.map(\.pixels) == mixed.map(\.pixels) && again.map(\.labels) == mixed.map(\.labels))
        // Without luck nothing is mixed, and the draws before it are the same.
        let (never, without) = (try batches(0), try batches(nil))
        #expect(never.map(\.pixels) == without.map(\.pixels) && never.map(\.labels) == without.map(\.labels))
        #expect(
            never.allSatisfy { batch in (0..<4).allSatisfy { Set(batch.labels[$0 * 256..<($0 + 1) * 256]).count == 1 } }
        )
    }
}
