import Base
import Geometry
import Imaging

extension Conversion {
    /// Cuts the objects out of their pictures: a set for classification, `OUT/PART/CLASS/STEM_ID.jpg` (quality 95), where
    /// ID is the annotation's. Every class has a folder in every part, so that the parts have the same classes.
    ///
    /// Regions to be ignored are left out, as are objects with a side under `minSide`; both are counted.
    ///
    /// - Parameters:
    ///   - parts: at least one; all have the same classes.
    ///   - out: the folder; it is made, and must not be there or be empty.
    ///   - margin: what is shown around a box on each side, as a share of its longer side; less at the edge of the picture.
    ///   - minSide: the least width and height of a box, in pixels.
    ///   - progress: called from any thread with the number of pictures done, of all parts together.
    /// - Returns: of each part the pictures it has and, as `labels`, the objects that were cut out.
    /// - Throws: `.usage` where something is at `out` already; `.invalidData` where a picture cannot be read, or is not of
    ///   the size its labels are for, or names of classes do not make folders; `.environment` where nothing can be
    ///   written. Then nothing is there.
    public static func writeImageFolder(
        _ parts: [Part], to out: String, margin: Double = 0.1, minSide: Int = 16, threads: Int = availableProcessors(),
        progress: (@Sendable (Int) -> Void)? = nil
    ) throws(Failure) -> [Count] {
        precondition(margin >= 0 && minSide > 0, "a margin of \(margin) and a side of \(minSide) cut nothing out")
        return try make(out, of: parts) { folder throws(Failure) in
            let folders = try folderNames(parts[0].set)
            var counts: [Count] = []
            var before = 0
            for part in parts {
                let root = Files.join(folder, part.name)
                for name in folders { try Files.makeFolder(Files.join(root, name)) }
                let set = part.set
                var count = Count(part: part.name)
                count.pictures = set.examples.count
                let cuts = try plan(set, folders, minSide: minSide, &count)
                let state = Monitor((done: before, failure: Failure?.none))
                parallelFor(cuts.count, threads: threads) { i in
                    if state.withLock({ $0.failure != nil }) { return }
                    do throws(Failure) {
                        try cutOut(cuts[i], of: set.examples[i], in: set, margin: margin, to: root)
                    } catch {
                        state.withLock { $0.failure = $0.failure ?? error }
                        return
                    }
                    progress?(
                        state.withLock {
                            $0.done += 1
                            return $0.done
                        })
                }
                if let failure = state.withLock({ $0.failure }) { throw failure }
                before += cuts.count
                counts.append(count)
            }
            return counts
        }
    }

    /// An object and the file it becomes, relative to its part's folder.
    private typealias Cut = (box: Box, file: String)

    /// What is cut out of each picture; what is not is counted.
    private static func plan(
        _ set: Dataset, _ folders: [String], minSide: Int, _ count: inout Count
    ) throws(Failure) -> [[Cut]] {
        var files: Set<String> = []
        var plan: [[Cut]] = []
        for example in set.examples {
            let name = safeName(stem(Files.name(example.fileName)))
            var cuts: [Cut] = []
            for object in example.annotations {
                if object.treatment == .ignore || object.isCrowd {
                    count.leftOut += 1
                    continue
                }
                guard min(object.box.width, object.box.height) >= Float(minSide) else {
                    count.tooSmall += 1
                    continue
                }
                let file = "\(folders[object.label])/\(name)_\(object.id).jpg"
                guard files.insert(file).inserted else {
                    throw .data("\(set.source): two objects would both be \(file); ids of annotations must differ")
                }
                cuts.append((object.box, file))
                count.labels += 1
            }
            plan.append(cuts)
        }
        return plan
    }

    private static func cutOut(
        _ cuts: [Cut], of example: Example, in set: Dataset, margin: Double, to root: String
    ) throws(Failure) {
        if cuts.isEmpty { return }
        let image = try ImageFile.decode(set.path(of: example)).image
        let item = "\(set.source): image \(example.fileName)"
        if let stated = example.size, stated != image.size {
            throw .data(
                "\(item): is said to have \(stated.width)x\(stated.height) pixels "
                    + "and has \(image.width)x\(image.height)")
        }
        for cut in cuts {
            let box = cut.box.clipped(to: image.size)
            if box.isEmpty { throw .data("\(item): the box of \(cut.file) lies outside the picture") }
            let rect = surroundings(of: box, margin: margin, in: image.size)
            if max(rect.width, rect.height) > 65500 {
                throw .data("\(item): \(cut.file) would have \(rect.width)x\(rect.height) pixels, too many for a JPEG")
            }
            try Files.writeUnsynced(image.cropped(to: rect).jpeg(quality: 95), to: Files.join(root, cut.file))
        }
    }

    /// The whole pixels of a box that is grown by a share of its longer side, inside the picture.
    static func surroundings(of box: Box, margin: Double, in size: Size) -> PixelRect {
        let grow = margin * Double(max(box.width, box.height))
        // A box that ends on a pixel's edge but for rounding takes no further pixel.
        func low(_ edge: Float) -> Int { Int(max(0, (Double(edge) - grow + 1e-3).rounded(.down))) }
        func high(_ edge: Float, _ limit: Int) -> Int {
            Int(min(Double(limit), (Double(edge) + grow - 1e-3).rounded(.up)))
        }
        let (x, y) = (min(low(box.x1), size.width - 1), min(low(box.y1), size.height - 1))
        return PixelRect(
            x: x, y: y, width: max(1, high(box.x2, size.width) - x), height: max(1, high(box.y2, size.height) - y))
    }

    /// A folder for each class, `[K]`. - Throws: where two would share one.
    private static func folderNames(_ set: Dataset) throws(Failure) -> [String] {
        var classOf: [String: String] = [:]
        return try set.classes.names.map { name throws(Failure) in
            let folder = safeName(name)
            if let other = classOf.updateValue(name, forKey: folder) {
                throw .data("\(set.source): the classes \"\(other)\" and \"\(name)\" would share the folder \(folder)")
            }
            return folder
        }
    }

    /// A name for a file or folder: "_" in place of slashes and control characters, and of a dot at its beginning, with
    /// which it would be hidden.
    static func safeName(_ name: String) -> String {
        var safe = String.UnicodeScalarView()
        for scalar in name.unicodeScalars {
            let isControl = scalar.value < 0x20 || scalar.value == 0x7F
            safe.append(isControl || scalar == "/" || (scalar == "." && safe.isEmpty) ? "_" : scalar)
        }
        return safe.isEmpty ? "_" : String(safe)
    }
}
