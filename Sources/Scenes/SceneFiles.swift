import Annotations
import Base
import Geometry
import Imaging
import Synchronization

/// How many pictures of a drawn set are for what.
public struct SceneShares: Hashable, Sendable {
    /// The share for validation, 0...1.
    public var val: Double
    /// The share for testing, 0...1; the rest is for training.
    public var test: Double

    /// Shares; by default a tenth for validation and a fifth for testing.
    public init(val: Double = 0.1, test: Double = 0.2) {
        precondition(val >= 0 && test >= 0 && val + test <= 1, "shares of \(val) and \(test) leave nothing to train on")
        self.val = val
        self.test = test
    }

    /// Pictures of each split out of `count`.
    public func counts(of count: Int) -> (train: Int, val: Int, test: Int) {
        let val = Int((self.val * Double(count)).rounded())
        let test = min(count - val, Int((self.test * Double(count)).rounded()))
        return (count - val - test, val, test)
    }
}

extension Scenes {
    /// Draws a set of pictures: `images/000001.jpg` and on, and `annotations/instances_{train,val,test}.json` in COCO's
    /// form, whose file names are relative to `images`. The same seed, count, style and shares give the same bytes,
    /// whatever the number of threads. With `masks`, also `masks/000001.png` and on, `classes.txt` and `splits/train.txt`
    /// and the like, for segmentation. A split without pictures gets no file. The folder appears when everything is in
    /// it.
    ///
    /// `folder` must be new or empty, or hold the very set that is asked for: then nothing is done. `progress` is
    /// called from any thread with the number of pictures done.
    /// - Throws: `Failure.usage` where the folder holds something else, `Failure.environment` where it cannot be
    ///   written.
    public static func write(
        images count: Int, seed: UInt64, to folder: String, style: SceneStyle = .demo, shares: SceneShares = .init(),
        masks: Bool = false, threads: Int = availableProcessors(), progress: (@Sendable (Int) -> Void)? = nil
    ) throws(Failure) {
        precondition(count > 0, "a set has at least one picture, not \(count)")
        let identity = identity(count, seed, style, shares, masks: masks)
        try make(folder, identity) { partial throws(Failure) in
            for name in ["images", "annotations"] + (masks ? ["masks", "splits"] : []) {
                try Files.makeFolder(Files.join(partial, name))
            }
            let drawn = try forEach(count, threads: threads, progress: progress) { i throws(Failure) in
                let scene = draw(index: i, seed: seed, style: style)
                var random = Random(seed: seed, purpose: .scene, epoch: 1, index: i)
                let name = fileName(i + 1)
                try Files.writeUnsynced(
                    scene.image.jpeg(quality: style.randomQuality(&random)), to: Files.join(partial, "images/\(name)"))
                if masks {
                    try Files.writeUnsynced(
                        scene.mask.png(), to: Files.join(partial, "masks/\(name.dropLast(4)).png"))
                }
                return Example(id: i + 1, fileName: name, size: style.size, annotations: scene.annotations)
            }
            try writeLabels(drawn, shares, masks: masks, in: partial)
        }
    }

    private static func writeLabels(
        _ drawn: [Example], _ shares: SceneShares, masks: Bool, in partial: String
    ) throws(Failure) {
        var next = 1
        let examples = drawn.map { example in
            var example = example
            for i in example.annotations.indices {
                example.annotations[i].id = next
                next += 1
                // COCO files hold hundredths of a pixel; a box of 17 digits is noise.
                example.annotations[i].box = hundredths(example.annotations[i].box)
                example.annotations[i].area = (Double(example.annotations[i].box.area) * 100).rounded() / 100
            }
            return example
        }
        let counts = shares.counts(of: drawn.count)
        var first = 0
        for (name, length) in [("train", counts.train), ("val", counts.val), ("test", counts.test)] where length > 0 {
            let part = Dataset(
                root: Files.join(partial, "images"), classes: classes, examples: Array(examples[first..<first + length])
            )
            try part.writeCOCO(to: Files.join(partial, "annotations/instances_\(name).json"))
            if masks {
                let list = part.examples.map { $0.fileName.dropLast(4) + "\n" }.joined()
                try Files.write(list, to: Files.join(partial, "splits/\(name).txt"))
            }
            first += length
        }
        if masks {
            try Files.write(
                maskClasses.names.map { $0 + "\n" }.joined(), to: Files.join(partial, "classes.txt"))
        }
    }

    /// Makes the folder of a set, whole or not at all: `body` fills a folder that gets its name at the end. Nothing is
    /// done where the very set is there already, which `scenes.json` says.
    /// - Throws: `.usage` where the folder holds something else.
    static func make(
        _ folder: String, _ identity: JSON, _ body: (_ partial: String) throws(Failure) -> Void
    ) throws(Failure) {
        let found = try? Files.readJSON(Files.join(folder, "scenes.json"))
        if let found, found.canonical == identity.canonical { return }
        let isFree = Files.isFolder(folder) ? try Files.list(folder).isEmpty : !Files.exists(folder)
        if !isFree {
            func shown(_ value: JSON) -> String { value.string ?? value.canonical }
            // Text is compared: a number that was written as 1.0 is read as 1.
            let differing = (identity.object ?? [:]).compactMap { key, value -> String? in
                guard let old = found?[key], old.canonical != value.canonical else { return nil }
                return "\(key): \(shown(old)) before, \(shown(value)) now"
            }
            throw .usage(
                "\(folder) holds something else already"
                    + (differing.isEmpty ? "" : " (\(differing.sorted().joined(separator: "; ")))")
                    + "; name a new folder, or remove it first")
        }
        try Files.makeWhole(folder) { partial throws(Failure) in
            try body(partial)
            try Files.write(identity.pretty, to: Files.join(partial, "scenes.json"))
        }
    }

    /// `[body(0), body(1), ...]`, computed on several threads.
    /// - Throws: what the first one to fail throws; those that have not begun then are left.
    static func forEach<T: Sendable>(
        _ count: Int, threads: Int, progress: (@Sendable (Int) -> Void)?,
        _ body: @Sendable (Int) throws(Failure) -> T
    ) throws(Failure) -> [T] {
        let state = Mutex<(results: [T?], done: Int, failure: Failure?)>((Array(repeating: nil, count: count), 0, nil))
        parallelFor(count, threads: threads) { i in
            if state.withLock({ $0.failure != nil }) { return }
            do throws(Failure) {
                let result = try body(i)
                let done = state.withLock {
                    $0.results[i] = result
                    $0.done += 1
                    return $0.done
                }
                progress?(done)
            } catch {
                state.withLock { $0.failure = $0.failure ?? error }
            }
        }
        if let failure = state.withLock({ $0.failure }) { throw failure }
        return state.withLock { $0.results.compactMap { $0 } }
    }

    /// "000001.jpg"
    static func fileName(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 6 - digits.count)) + digits + ".jpg"
    }

    private static func hundredths(_ box: Box) -> Box {
        func round(_ x: Float) -> Float { (x * 100).rounded() / 100 }
        return Box(x1: round(box.x1), y1: round(box.y1), x2: round(box.x2), y2: round(box.y2))
    }

    /// What decides the bytes of a set, so that a second run knows whether it is there. The format number goes up when
    /// the same seed draws something else.
    private static func identity(
        _ count: Int, _ seed: UInt64, _ style: SceneStyle, _ shares: SceneShares, masks: Bool
    ) -> JSON {
        var members = style.members(count, seed, shares)
        members["format"] = masks ? 3 : 2
        return .object(members)
    }
}

extension SceneStyle {
    /// What every drawn set's identity holds.
    func members(_ count: Int, _ seed: UInt64, _ shares: SceneShares) -> [String: JSON] {
        [
            "images": .int(count), "seed": .string(String(seed)), "val": .double(shares.val),
            "test": .double(shares.test), "size": [.int(size.width), .int(size.height)],
            "objects": [.int(objects.lowerBound), .int(objects.upperBound)],
            "sizes": [.double(sizes.lowerBound), .double(sizes.upperBound)], "contrast": .double(contrast),
            "clutter": .double(clutter), "turn": .double(turn), "noise": .double(noise), "blur": .double(blur),
            "hidden": .double(hidden), "quality": [.int(quality.lowerBound), .int(quality.upperBound)],
        ]
    }

    /// Of one picture.
    func randomQuality(_ random: inout Random) -> Int { quality.lowerBound + random.below(quality.count) }
}
