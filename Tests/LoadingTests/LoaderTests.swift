import Annotations
import Augmentation
import Base
import Geometry
import Glibc
import Imaging
import Testing
import Torch

@testable import Loading

@Suite(.serialized) struct LoaderTests {
    let scratch: Scratch
    let human: Dataset
    let pseudo: Dataset
    let sampler = Sampler(counts: [7, 5], shares: [2, 1])

    init() throws {
        scratch = try Scratch()
        human = try scratch.pictures(7, seed: 1, folder: "human")
        pseudo = try scratch.pictures(5, seed: 2, folder: "pseudo")
    }

    private func training(
        _ options: Loader.Options, from start: Int = 0, to end: Int = 8, seed: UInt64 = 3
    ) -> Loader {
        Loader(
            [Source(human, policy: .s1), Source(pseudo, policy: .s1)], .training(sampler, seed: seed), options,
            batches: start..<end)
    }

    // MARK: What is in a batch

    /// Law 1: the batch of a step is the same whatever went before and however it is made.
    @Test func batchesDependOnTheirNumberAlone() throws {
        let reference = try training(options(batch: 3)).shots()
        #expect(reference.count == 8)
        #expect(Set(reference.map(\.pixels)).count == 8)
        #expect(try training(options(batch: 3, workers: 4)).shots() == reference)
        #expect(try training(options(batch: 3, workers: 4, cache: 0)).shots() == reference)
        #expect(try training(options(batch: 3, workers: 2, cache: 20_000, prefetch: 1)).shots() == reference)
        for start in [1, 5, 7] {
            #expect(try training(options(batch: 3, workers: 3), from: start).shots() == Array(reference[start...]))
        }
        #expect(try training(options(batch: 3), seed: 4).shots() != reference)
    }

    /// The same of policies that draw operators, inside boxes as well, for one and for eight workers.
    @Test(arguments: ["S4", "S2", "autoaugment-v1", "reference"])
    func operatorsDependOnTheirNumberAlone(_ name: String) throws {
        var policy = Policy.s4
        switch name {
        case "S2": policy = .s2
        case "autoaugment-v1": policy.operators = .auto(.v1)
        case "reference": policy.rendering = .reference(contrastQuirk: true)
        default: break
        }
        func shots(_ options: Loader.Options, from start: Int = 0) throws -> [Shot] {
            try Loader(
                [Source(human, policy: policy), Source(pseudo, policy: policy)], .training(sampler, seed: 3), options,
                batches: start..<8
            ).shots()
        }
        let reference = try shots(options(batch: 3))
        #expect(Set(reference.flatMap(\.plans).map(\.operations)).count > 5)
        #expect(try shots(options(batch: 3, workers: 8)) == reference)
        #expect(try shots(options(batch: 3, workers: 2, cache: 0), from: 5) == Array(reference[5...]))
    }

    /// Against a slow loader: each draw's picture decoded, its plan drawn and rendered, one by one.
    @Test func batchesHoldWhatTheSamplerDraws() throws {
        let shots = try training(options(batch: 3, workers: 2)).shots()
        for (step, shot) in shots.enumerated() {
            #expect(shot.sources == [0, 0, 1])
            for (slot, draw) in sampler.draws(step: step).enumerated() {
                let set = draw.source == 0 ? human : pseudo
                let index = Sampler.order(set.examples.count, seed: 3, source: draw.source, epoch: draw.epoch)[
                    draw.position]
                #expect(shot.indices[slot] == index)
                let image = try ImageFile.decode(set.path(of: set.examples[index])).image
                #expect(shot.plans[slot].source == image.size && shot.plans[slot].target == canvas)
                var pixels = [Float](repeating: .nan, count: 64 * 64 * 3)
                pixels.withUnsafeMutableBufferPointer { shot.plans[slot].render(image, into: $0) }
                #expect(pixels.map(\.bitPattern) == shot.slot(slot, of: 3))
                let boxes = set.examples[index].annotations.compactMap { shot.plans[slot]($0.box) }
                #expect(shot.annotations[slot].map(\.box) == boxes && !boxes.isEmpty)
            }
        }
        // S1 flips half of the pictures and changes the scale of all.
        let plans = shots.flatMap(\.plans)
        #expect((4...20).contains(plans.count(where: \.flipped)))
        #expect(Set(plans.map(\.resized)).count > 15)
    }

    /// Large JPEGs are decoded at a part of their size, by what any plan may need and never by the plan that was drawn.
    @Test func largePicturesAreReducedWhateverTheCacheHolds() throws {
        let large = try scratch.photographs(
            [Size(width: 640, height: 480), Size(width: 150, height: 112), Size(width: 301, height: 333)])
        func shots(_ options: Loader.Options) throws -> [Shot] {
            try Loader(
                [Source(large, policy: .s1)], .training(Sampler(counts: [3], shares: [2]), seed: 7), options,
                batches: 0..<9
            ).shots()
        }
        let reference = try shots(options(batch: 2))
        #expect(try shots(options(batch: 2, workers: 3, cache: 0)) == reference)
        #expect(try shots(options(batch: 2, workers: 2, cache: 60_000, prefetch: 1)) == reference)
        var reductions: Set<Int> = []
        for shot in reference {
            for (slot, plan) in shot.plans.enumerated() {
                let path = large.path(of: large.examples[shot.indices[slot]])
                let picture = try ImageFile.decode(
                    path, needed: { Policy.s1.largest(for: $0, target: canvas) }, margin: Policy.decodingMargin)
                reductions.insert(picture.reduction)
                #expect(plan.source == large.examples[shot.indices[slot]].size)
                var pixels = [Float](repeating: .nan, count: 64 * 64 * 3)
                pixels.withUnsafeMutableBufferPointer {
                    plan.render(picture.image, reduction: picture.reduction, into: $0)
                }
                #expect(pixels.map(\.bitPattern) == shot.slot(slot, of: 2))
            }
        }
        #expect(reductions == [1, 2, 4])
        // In evaluation there is one plan, and less is needed.
        let once = try Loader(
            [Source(large, policy: .none)], .evaluation(skipsRefused: false), options(batch: 3), batches: 0..<1
        ).shots()
        let first = try ImageFile.decode(large.path(of: large.examples[0])) { _ in Size(width: 64, height: 48) }
        #expect(first.reduction == 4)
        var pixels = [Float](repeating: .nan, count: 64 * 64 * 3)
        pixels.withUnsafeMutableBufferPointer {
            once[0].plans[0].render(first.image, reduction: 4, into: $0)
        }
        #expect(pixels.map(\.bitPattern) == once[0].slot(0, of: 3))
        // A filter that is asked to skip pixels gets all of them.
        var plain = options(batch: 3)
        plain.resampling = .bilinear
        let skipping = try Loader(
            [Source(large, policy: .none)], .evaluation(skipsRefused: false), plain, batches: 0..<1
        ).shots()
        let whole = try ImageFile.decode(large.path(of: large.examples[0])).image
        pixels.withUnsafeMutableBufferPointer { once[0].plans[0].render(whole, into: $0, resampling: .bilinear) }
        #expect(pixels.map(\.bitPattern) == skipping[0].slot(0, of: 3))
    }

    /// What is kept in a folder is what decoding gives; a file that is not whole is made anew, and one whose picture has
    /// changed is not taken.
    @Test func picturesAreKeptInAFolder() throws {
        let large = try scratch.photographs([Size(width: 640, height: 480), Size(width: 100, height: 80)])
        let folder = scratch.file("cache")
        try Files.makeFolder(folder)
        func shots(_ folder: String?, _ policy: Policy = .s4) throws -> [Shot] {
            var options = options(batch: 2, workers: 3, cache: 0)
            options.cacheFolder = folder
            return try Loader(
                [Source(large, policy: policy)], .training(Sampler(counts: [2], shares: [2]), seed: 7), options,
                batches: 0..<6
            ).shots()
        }
        let reference = try shots(nil)
        #expect(try shots(folder) == reference)
        let files = try Files.list(folder)
        #expect(files.count == 2 && files.allSatisfy { $0.hasSuffix(".rgb") })
        #expect(try shots(folder) == reference && Files.list(folder) == files)
        for (i, name) in files.enumerated() {
            let path = Files.join(folder, name)
            try Files.write(try Files.read(path).dropLast(i == 0 ? 1 : 10_000), to: path)
        }
        #expect(try shots(folder) == reference)
        // A changed byte is seen: the folder is what pictures come from.
        let path = Files.join(folder, files[0])
        var bytes = try Files.read(path)
        for i in bytes.count - 3000..<bytes.count { bytes[i] ^= 255 }
        try Files.write(bytes, to: path)
        #expect(try shots(folder) != reference)
        // A smaller scale allows of a greater reduction, so it is another file.
        _ = try shots(folder, .s1)
        #expect(try Files.list(folder).count == 4)
        // A folder that cannot be written is read, and what is missing is decoded.
        #expect(try shots(scratch.file("nowhere")) == reference)
        // A picture that was written anew is the one it was; with other bytes it is another.
        let picture = large.path(of: large.examples[0])
        let whole = try Files.read(picture)
        try Files.write(whole, to: picture)
        _ = try shots(folder)
        #expect(try Files.list(folder).count == 4)
        try Files.write(whole + [0], to: picture)
        _ = try shots(folder)
        #expect(try Files.list(folder).count == 5)
    }

    /// A damaged picture is used, and said.
    @Test func damagedPicturesAreListed() throws {
        let large = try scratch.photographs([Size(width: 80, height: 60), Size(width: 60, height: 80)])
        let path = large.path(of: large.examples[1])
        try Files.write(try Files.read(path).dropLast(2), to: path)
        let loader = Loader(
            [Source(large, policy: .s1)], .training(Sampler(counts: [2], shares: [2]), seed: 7), options(batch: 2),
            batches: 0..<2)
        let shots = try loader.shots()
        #expect(shots.allSatisfy { $0.indices.sorted() == [0, 1] })
        let wrong = loader.quarantine
        #expect(wrong.refused.isEmpty)
        #expect(wrong.damaged == [.init(path: path, reason: "no end marker; all rows are there")])
        #expect(Quarantine(wrong.json) == wrong && Quarantine(nil).isEmpty && !wrong.isEmpty)
    }

    /// The two sources of a seed are varied independently.
    @Test func sourcesDoNotShareTheirDraws() throws {
        let twice = Loader(
            [Source(human, policy: .s1), Source(human, policy: .s1)],
            .training(Sampler(counts: [7, 7], shares: [7, 7]), seed: 3), options(batch: 14), batches: 0..<1)
        let plans = try twice.shots()[0].plans
        #expect(plans[0..<7].map(\.flipped) != plans[7..<14].map(\.flipped) || plans[0].offsetX != plans[7].offsetX)
        #expect(Set(plans.map(\.resized)).count > 7)
        // Nor with anything else that is drawn from the seed: splits, orders, weights.
        for purpose in [Purpose.weights, .order, .split, .scene, .bootstrap, .dropout] {
            // Plans are coarse, so two of fourteen may well be equal by chance; with a shared stream seven are.
            let same = plans.enumerated().count { slot, plan in
                var random = Random(seed: 3, purpose: purpose, epoch: 0, index: slot % 7)
                return Policy.s1.plan(for: plan.source, target: canvas, random: &random) == plan
            }
            #expect(same < 5)
        }
    }

    /// A bright rectangle on a dark ground: where the pixels are is where the box is, flipped, scaled and cropped.
    @Test func boxesMoveWithPixels() throws {
        let box = Box(x1: 30, y1: 12, x2: 66, y2: 42)
        var image = Image(width: 96, height: 60)
        for y in 12..<42 { for x in 30..<66 { for c in 0..<3 { image.pixels[(y * 96 + x) * 3 + c] = 255 } } }
        try Files.write(image.png(), to: scratch.file("bright.png"))
        let set = Dataset(
            root: scratch.path, classes: ClassTable(names: ["bright"]),
            examples: [
                Example(
                    id: 1, fileName: "bright.png", size: image.size,
                    annotations: [Annotation(id: 1, box: box, label: 0)])
            ])
        let loader = Loader(
            [Source(set, policy: .s1)], .training(Sampler(counts: [1], shares: [1]), seed: 5), options(batch: 1),
            batches: 0..<40)
        var flips = 0
        for shot in try loader.shots() {
            let moved = try #require(shot.annotations[0].first?.box)
            let values = shot.pixels.map { Float(bitPattern: $0) }
            // Half way between black and white in the red channel's normalised values; the padding (0) is darker.
            let middle = Float((0.5 - 0.485) / 0.229) + 0.1
            var columns: [Int] = []
            var rows: [Int] = []
            for y in 0..<64 {
                for x in 0..<64 where values[(y * 64 + x) * 3] > middle { columns.append(x); rows.append(y) }
            }
            let seen = Box(
                x1: Float(columns.min() ?? 0), y1: Float(rows.min() ?? 0), x2: Float((columns.max() ?? 0) + 1),
                y2: Float((rows.max() ?? 0) + 1))
            for (a, b) in zip([seen.x1, seen.y1, seen.x2, seen.y2], [moved.x1, moved.y1, moved.x2, moved.y2]) {
                #expect(abs(a - b) <= 1, "\(seen) is where the pixels are, \(moved) where the box is")
            }
            flips += shot.plans[0].flipped ? 1 : 0
        }
        #expect((5...35).contains(flips))
    }

    // MARK: Pictures that cannot be read

    @Test func aRefusedPictureGivesItsPlaceToTheNextOfThePass() throws {
        let whole = try training(options(batch: 3)).shots()
        try scratch.spoil(human, 2)
        try scratch.spoil(human, 4)
        let loader = training(options(batch: 3))
        let shots = try loader.shots()
        #expect(loader.quarantine.refused.map(\.path) == [2, 4].map { human.path(of: human.examples[$0]) })
        #expect(loader.quarantine.refused.allSatisfy { !$0.reason.isEmpty })
        var replaced = 0
        for (step, (shot, before)) in zip(shots, whole).enumerated() {
            for (slot, draw) in sampler.draws(step: step).enumerated() {
                let order = Sampler.order([7, 5][draw.source], seed: 3, source: draw.source, epoch: draw.epoch)
                var place = draw.position
                while draw.source == 0, [2, 4].contains(order[place % 7]) { place += 1 }
                #expect(shot.indices[slot] == order[place % order.count])
                if place == draw.position {
                    #expect(shot.slot(slot, of: 3) == before.slot(slot, of: 3))  // the others do not move
                } else {
                    replaced += 1
                }
            }
            #expect(shot.refusals == [nil, nil, nil])
        }
        #expect(replaced >= 4)
        #expect(try training(options(batch: 3, workers: 4)).shots() == shots)
        #expect(try training(options(batch: 3, workers: 2, cache: 0), from: 4).shots() == Array(shots[4...]))
    }

    @Test func aSetWithoutAReadablePictureIsAnError() throws {
        for i in 0..<5 { try scratch.spoil(pseudo, i) }
        for workers in [1, 4] {
            let failure = #expect(throws: Failure.self) { try training(options(batch: 3, workers: workers)).shots() }
            #expect(failure?.code == .invalidData)
            #expect(failure?.message.contains("none of 5 training pictures") == true, "\(failure?.message ?? "")")
        }
    }

    /// What is not the picture's own failure may be over the next time: nothing goes on without the picture.
    @Test(arguments: [true, false]) func aDiskThatDoesNotAnswerEndsTheWork(gone: Bool) throws {
        let path = human.path(of: human.examples[2])
        try Files.remove(path)
        // Reading the first byte of this file is an error of input and output.
        if !gone { symlink("/proc/self/mem", path) }
        for loader in [training(options(batch: 3, workers: 2)), evaluation(options(batch: 3), skips: true)] {
            let failure = #expect(throws: Failure.self) { try loader.shots() }
            #expect(failure?.code == .environment)
            #expect(failure?.message.contains(path) == true, "\(failure?.message ?? "")")
            #expect(failure?.message.contains("has gone") == gone)
            #expect(loader.quarantine.refused.isEmpty)
        }
    }

    // MARK: Evaluation

    private func evaluation(_ options: Loader.Options, skips: Bool) -> Loader {
        Loader(
            [Source(human, policy: .none)], .evaluation(skipsRefused: skips), options,
            batches: Loader.batches(of: 7, by: options.batch))
    }

    @Test func evaluationKeepsTheOrderAndEndsWithAPartOfABatch() throws {
        let shots = try evaluation(options(batch: 3), skips: false).shots()
        #expect(shots.map(\.indices) == [[0, 1, 2], [3, 4, 5], [6]])
        for shot in shots {
            for (slot, plan) in shot.plans.enumerated() {
                let example = human.examples[shot.indices[slot]]
                #expect(plan == .evaluation(for: try #require(example.size), target: canvas))
                #expect(shot.annotations[slot].count == example.annotations.count)
            }
        }
        // The places without a picture are blank, not what an earlier batch left there.
        let blank = [UInt32](repeating: 0, count: 64 * 64 * 3)
        #expect(shots[2].slot(0, of: 3) != blank)
        #expect(shots[2].slot(1, of: 3) == blank && shots[2].slot(2, of: 3) == blank)
        #expect(try evaluation(options(batch: 3, workers: 4, cache: 0, prefetch: 1), skips: false).shots() == shots)
        let later = Loader(
            [Source(human, policy: .none)], .evaluation(skipsRefused: false), options(batch: 3, workers: 2),
            batches: 1..<3)
        #expect(try later.shots() == Array(shots[1...]))
        #expect(Loader.batches(of: 0, by: 3).isEmpty && Loader.batches(of: 6, by: 3).count == 2)
    }

    @Test func aRefusedPictureOfAPoolIsABlankPlace() throws {
        let whole = try evaluation(options(batch: 3), skips: true).shots()
        try scratch.spoil(human, 4)
        let loader = evaluation(options(batch: 3, workers: 2), skips: true)
        let shots = try loader.shots()
        #expect(shots.map(\.indices) == whole.map(\.indices))
        #expect(shots[0] == whole[0] && shots[2] == whole[2])
        #expect(shots[1].refusals.map { $0 == nil } == [true, false, true])
        #expect(shots[1].annotations[1].isEmpty)
        #expect(shots[1].slot(1, of: 3).allSatisfy { $0 == 0 })
        #expect(shots[1].slot(2, of: 3) == whole[1].slot(2, of: 3))
        #expect(loader.quarantine.refused.map(\.path) == [human.path(of: human.examples[4])])
    }

    /// Nobody hangs, and the message names the file, whichever worker meets it.
    @Test func aRefusedPictureOfAValidationSetIsAnError() throws {
        try scratch.spoil(human, 6)
        for workers in [1, 4] {
            let loader = evaluation(options(batch: 2, workers: workers), skips: false)
            let failure = #expect(throws: Failure.self) { try loader.shots() }
            #expect(failure?.code == .invalidData)
            #expect(failure?.message.contains("picture 6.png") == true, "\(failure?.message ?? "")")
            #expect(throws: Failure.self) { try loader.nextBatch() }  // and again
        }
    }

    // MARK: Ends

    /// A loader can go at any moment: before its threads began, while they write, while a batch is held.
    @Test func aLoaderCanBeClosedEarly() throws {
        for round in 0..<50 {
            let loader = training(
                options(batch: 3, workers: 1 + round % 4, cache: round % 2 == 0 ? 0 : 1 << 20), to: 1000)
            for _ in 0..<round % 3 { #expect(try loader.nextBatch() != nil) }
        }
    }

    /// A batch's memory is its own even when the loader is gone.
    @Test func aBatchOutlivesItsLoader() throws {
        var loader: Loader? = training(options(batch: 3))
        let first = try #require(try loader?.nextBatch())
        let before = Shot(first)
        loader = nil
        #expect(Shot(first) == before)
    }

    @Test func afterTheLastBatchThereIsNone() throws {
        let loader = training(options(batch: 3, workers: 2), to: 2)
        #expect(try loader.shots().count == 2)
        #expect(try loader.nextBatch() == nil)
        #expect(try training(options(batch: 3), from: 4, to: 4).nextBatch() == nil)
    }
}

@Suite struct PictureCacheTests {
    @Test func theFirstPicturesThatFitStay() throws {
        let scratch = try Scratch()
        let set = try scratch.pictures(3, seed: 9, folder: "set")
        let paths = set.examples.map { set.path(of: $0) }
        let bytes = 72 * 48 * 3  // of the first picture
        let cache = PictureCache(capacity: bytes)
        let first = try cache.image(source: 0, index: 0, path: paths[0]).image
        _ = try cache.image(source: 0, index: 1, path: paths[1])
        for path in paths { try Files.remove(path) }
        #expect(try cache.image(source: 0, index: 0, path: paths[0]).image == first)
        #expect(throws: Failure.self) { try cache.image(source: 0, index: 1, path: paths[1]) }
        // Another source's picture of that number is another picture.
        #expect(throws: Failure.self) { try cache.image(source: 1, index: 0, path: paths[0]) }
    }

    /// By content: a copy is found, another picture under the same name, size and time is not taken for it.
    @Test func theFolderGoesByContent() throws {
        let scratch = try Scratch()
        let folder = scratch.file("cache")
        try Files.makeFolder(folder)
        func image(_ path: String) throws -> Image {
            try PictureCache(capacity: 0, folder: folder).image(source: 0, index: 0, path: path).image
        }
        func file(_ red: UInt8) -> [UInt8] { Image(width: 8, height: 8, red: red, green: 0, blue: 0).png() }
        let other = try #require((2...255).first { file($0).count == file(1).count })
        let (a, b) = (scratch.file("a.png"), scratch.file("b.png"))
        try Files.write(file(1), to: a)
        try Files.write(file(1), to: b)
        let then = [timeval(tv_sec: 1_000_000_000, tv_usec: 0), timeval(tv_sec: 1_000_000_000, tv_usec: 0)]
        try #require(utimes(b, then) == 0)
        let first = try image(a)
        #expect(try image(b) == first && Files.list(folder).count == 1)
        try Files.write(file(other), to: b)
        try #require(utimes(b, then) == 0)
        #expect(try image(b).pixels[0] == other && Files.list(folder).count == 2)
    }
}
