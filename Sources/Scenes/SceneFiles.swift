import Annotations
import Base
import Geometry
import Glibc
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
        let marker = Files.join(folder, "scenes.json")
        if let found = try? Files.readJSON(marker), found.canonical == identity.canonical { return }
        let isFree = Files.isFolder(folder) ? try Files.list(folder).isEmpty : !Files.exists(folder)
        if !isFree {
            throw .usage("\(folder) holds something else already; name a new folder, or remove it first")
        }
        var plain = folder
        while plain.count > 1, plain.hasSuffix("/") { plain.removeLast() }
        let partial = plain + ".partial"
        try Files.remove(partial)
        try Files.makeFolder(Files.join(partial, "images"))
        try Files.makeFolder(Files.join(partial, "annotations"))
        if masks { for name in ["masks", "splits"] { try Files.makeFolder(Files.join(partial, name)) } }

        let results = Mutex<(examples: [Example?], done: Int, failure: Failure?)>(
            (Array(repeating: nil, count: count), 0, nil))
        parallelFor(count, threads: threads) { i in
            if results.withLock({ $0.failure != nil }) { return }
            let scene = draw(index: i, seed: seed, style: style)
            var random = Random(seed: seed, purpose: .scene, epoch: 1, index: i)
            let quality = style.quality.lowerBound + random.below(style.quality.count)
            let name = fileName(i + 1)
            do throws(Failure) {
                try put(scene.image.jpeg(quality: quality), Files.join(partial, "images/\(name)"))
                if masks { try put(scene.mask.png(), Files.join(partial, "masks/\(name.dropLast(4)).png")) }
            } catch {
                results.withLock { $0.failure = $0.failure ?? error }
                return
            }
            let done = results.withLock { state in
                state.examples[i] = Example(
                    id: i + 1, fileName: name, size: style.size, annotations: scene.annotations)
                state.done += 1
                return state.done
            }
            progress?(done)
        }
        if let failure = results.withLock({ $0.failure }) {
            try? Files.remove(partial)
            throw failure
        }
        var next = 1
        let examples = results.withLock { $0.examples.compactMap { $0 } }.map { example in
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
        let counts = shares.counts(of: count)
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
        try Files.write(identity.pretty, to: Files.join(partial, "scenes.json"))
        try Files.publish(partial, as: plain)
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
        .object([
            "format": masks ? 3 : 2, "images": .int(count), "seed": .string(String(seed)),
            "val": .double(shares.val), "test": .double(shares.test),
            "size": [.int(style.size.width), .int(style.size.height)],
            "objects": [.int(style.objects.lowerBound), .int(style.objects.upperBound)],
            "sizes": [.double(style.sizes.lowerBound), .double(style.sizes.upperBound)],
            "contrast": .double(style.contrast), "clutter": .double(style.clutter),
            "turn": .double(style.turn), "noise": .double(style.noise), "blur": .double(style.blur),
            "hidden": .double(style.hidden),
            "quality": [.int(style.quality.lowerBound), .int(style.quality.upperBound)],
        ])
    }

    /// A plain write: the folder is published as a whole, so its files need not be forced to the disk one by one.
    private static func put(_ bytes: [UInt8], _ path: String) throws(Failure) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Files.fault("write", path) }
        defer { close(descriptor) }
        var whole = false
        var failure: Failure?
        bytes.withUnsafeBytes { buffer in
            do throws(Failure) {
                try Files.writeAll(buffer, to: descriptor, path: path)
                whole = true
            } catch { failure = error }
        }
        if !whole { throw failure ?? Files.fault("write", path) }
    }
}
