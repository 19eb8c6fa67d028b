import Annotations
import Base
import Geometry
import Imaging

extension SceneStyle {
    /// Of pictures that show one shape each (`Scenes.drawSingle`), 30 to 90 % of the shorter side large.
    public static func single(size: Size = Size(width: 128, height: 128)) -> SceneStyle {
        SceneStyle(size: size, objects: 1...1, sizes: 0.3...0.9, hidden: 0)
    }
}

extension Scenes {
    /// Picture `index` of a seed, always the same: one shape on a ground like those of `draw`, at a random place and all
    /// of it inside. The longer side of its box is of `style.sizes`; shapes come in turn, so that classes are balanced.
    /// - Returns: the picture, the shape's box in its pixels and its place in `classes`, `index` modulo 6.
    public static func drawSingle(
        index: Int, seed: UInt64, style: SceneStyle = .single()
    ) -> (image: Image, box: Box, label: Int) {
        var random = Random(seed: seed, purpose: .scene, epoch: 2, index: index)
        let kind = Kind.allCases[index % Kind.allCases.count]
        let (image, shapes) = paint(style, random: &random) { side, random in
            let length = side * random.uniform(style.sizes.lowerBound, style.sizes.upperBound)
            let aspect = random.uniform(0.75, 1.35)
            let angle = random.uniform(-style.turn, style.turn)
            let detail = random.uniform()
            func make(_ x: Double, _ y: Double, _ size: Double) -> Shape {
                Shape(kind, x: x, y: y, size: size, aspect: aspect, angle: angle, detail: detail)
            }
            // Boxes grow in proportion, so the one of size 1 around 0 tells the others.
            let unit = make(0, 0, 1).box
            let size = length / Double(max(unit.width, unit.height))
            func place(_ low: Float, _ high: Float, in width: Int) -> Double {
                let (low, high) = (Double(low) * size, Double(high) * size)
                return -low + random.uniform() * max(0, Double(width) - (high - low))
            }
            let x = place(unit.x1, unit.x2, in: style.size.width)
            let y = place(unit.y1, unit.y2, in: style.size.height)
            return [Placed(shape: make(x, y, size), moved: { make(x + $0, y + $1, size) })]
        }
        return (image, shapes[0].shape.box.clipped(to: style.size), kind.rawValue)
    }

    /// Draws a set for classification, an image folder: `train/circle/000001.jpg` and on, `val/...`, `test/...`; a picture
    /// has one shape and lies in the folder of its name. The same seed, count, style and shares give the same bytes,
    /// whatever the number of threads. A part without pictures is not there. The folder appears when everything is in it.
    ///
    /// `folder` must be new or empty, or hold the very set that is asked for: then nothing is done. `progress` is called
    /// from any thread with the number of pictures done.
    /// - Throws: `Failure.usage` where the folder holds something else, `Failure.environment` where it cannot be
    ///   written.
    public static func writeSingles(
        images count: Int, seed: UInt64, to folder: String, style: SceneStyle = .single(),
        shares: SceneShares = .init(), threads: Int = availableProcessors(), progress: (@Sendable (Int) -> Void)? = nil
    ) throws(Failure) {
        precondition(count > 0, "a set has at least one picture, not \(count)")
        let counts = shares.counts(of: count)
        let parts = [("train", counts.train), ("val", counts.val), ("test", counts.test)].filter { $0.1 > 0 }
        let partOf = parts.flatMap { [String](repeating: $0.0, count: $0.1) }
        var identity = style.members(count, seed, shares)
        identity["format"] = 1
        identity["kind"] = "singles"
        try make(folder, .object(identity)) { partial throws(Failure) in
            for part in parts {
                for name in classes.names { try Files.makeFolder(Files.join(partial, "\(part.0)/\(name)")) }
            }
            _ = try forEach(count, threads: threads, progress: progress) { i throws(Failure) in
                let single = drawSingle(index: i, seed: seed, style: style)
                var random = Random(seed: seed, purpose: .scene, epoch: 3, index: i)
                let name = "\(partOf[i])/\(classes.names[single.label])/\(fileName(i + 1))"
                try Files.writeUnsynced(
                    single.image.jpeg(quality: style.randomQuality(&random)), to: Files.join(partial, name))
            }
        }
    }
}
