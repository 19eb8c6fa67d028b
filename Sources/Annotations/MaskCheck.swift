import Base
import Geometry
import Imaging

/// What a look into a mask says.
public struct MaskFacts: Sendable {
    /// Of the mask; nil where it cannot be read.
    public var size: Size?
    /// Pixels of each class, `[K]`.
    public var pixels: [Int] = []
    /// Pixels that are ignored.
    public var ignored = 0
    /// Whether its file holds 0 and 255 and nothing else.
    var isBinary = false
    var fault: MaskFault?
}

extension Dataset {
    /// Reads every mask, `[examples]`. Nothing throws: what is wrong is among the facts.
    /// - Parameter threads: the facts do not depend on it.
    public func lookAtMasks(
        threads: Int = availableProcessors(), progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) -> [MaskFacts] {
        guard let coding = maskCoding else { return examples.map { _ in MaskFacts() } }
        let done = Monitor(0)
        let (examples, count) = (examples, classes.count)
        return parallelMap(examples.count, threads: threads) { i in
            var facts = MaskFacts()
            if let mask = examples[i].mask {
                do throws(MaskFault) {
                    let map = try coding.read(mask)
                    facts.size = map.size
                    let histogram = map.histogram
                    facts.pixels = Array(histogram[..<count])
                    facts.ignored = histogram[Int(LabelMap.ignored)]
                    facts.isBinary =
                        facts.ignored > 0 && facts.pixels.first == map.labels.count - facts.ignored
                        && facts.ignored != map.labels.count
                } catch { facts.fault = error }
            }
            progress(
                done.withLock {
                    $0 += 1
                    return $0
                })
            return facts
        }
    }

    /// Holds masks against their pictures and classes: each readable, of its upright picture's size, with no value that
    /// no class has.
    /// - Precondition: one fact of each kind a picture.
    public func checkMasks(_ masks: [MaskFacts], _ pictures: [PictureFacts], into findings: inout Findings) {
        precondition(masks.count == examples.count && pictures.count == examples.count, "a fact for each picture")
        guard let coding = maskCoding else { return }
        var strangers = Set<MaskStranger>()
        for fact in masks { if let fault = fact.fault { strangers.formUnion(fault.strangers) } }
        let hasZero = masks.contains { $0.fault?.hasZero ?? ($0.pixels.first ?? 0 > 0) }
        let proposal = coding.proposal(for: strangers, hasZero: hasZero, of: classes)
        for (example, (mask, picture)) in zip(examples, zip(masks, pictures)) {
            guard let file = example.mask else { continue }
            func place() -> Place { Place(file: file.path, image: example.fileName) }
            if let fault = mask.fault {
                findings.add(fault.rule, place(), fault.message + (fault.rule == .maskValue ? proposal : ""))
            }
            if mask.size != nil, mask.ignored > 0, mask.pixels.allSatisfy({ $0 == 0 }) {
                findings.add(.maskEmpty, place(), "all of its pixels are ignored: it teaches nothing")
            }
            guard let size = mask.size, let upright = picture.size, size != upright else { continue }
            if size == upright.turned {
                findings.add(
                    .maskTurned, place(),
                    "has \(size.width)x\(size.height) pixels, and upright its picture has "
                        + "\(upright.width)x\(upright.height): it lies on its side, as if made without the turn that an EXIF "
                        + "orientation asks for")
            } else {
                findings.add(
                    .maskSizeDiffers, place(),
                    "has \(size.width)x\(size.height) pixels, its picture \(upright.width)x\(upright.height)")
            }
        }
        let counts = Self.pixels(masks, classes.count)
        if classes.count >= 2, counts.dropFirst().allSatisfy({ $0 == 0 }), masks.contains(where: \.isBinary),
            case .values(let table) = coding, table[255] == Int16(LabelMap.ignored)
        {
            findings.add(
                .maskBinary, Place(file: source),
                "the masks hold \(table.firstIndex(of: 0) ?? 0) and 255 alone, and 255 means ignored, so that no pixel is "
                    + "of any other class; for binary masks say --mask-values \(table.firstIndex(of: 0) ?? 0):"
                    + "\(classes.ids[0]),255:\(classes.ids[1])")
            return
        }
        for (name, count) in zip(classes.names, counts)
        where count == 0 && masks.contains(where: { $0.fault == nil && $0.size != nil }) {
            findings.add(
                .classWithoutObject, Place(file: source), "no pixel is of the class \"\(name)\": it cannot be learned")
        }
    }

    /// The set with each mask's pixels counted, and the sizes of pictures, which are those of their masks.
    public func counted(_ masks: [MaskFacts]) -> Dataset {
        var set = self
        for i in examples.indices {
            set.examples[i].mask?.pixels = masks[i].pixels
            set.examples[i].size = examples[i].size ?? masks[i].size
        }
        return set
    }

    /// Pixels of each class over all pictures, `[K]`.
    public var pixelsPerClass: [Int] {
        var counts = [Int](repeating: 0, count: classes.count)
        for example in examples {
            for (label, count) in (example.mask?.pixels ?? []).enumerated() { counts[label] += count }
        }
        return counts
    }

    private static func pixels(_ masks: [MaskFacts], _ classes: Int) -> [Int] {
        masks.reduce(into: [Int](repeating: 0, count: classes)) { sums, fact in
            for (label, count) in fact.pixels.enumerated() { sums[label] += count }
        }
    }
}

extension MaskCoding {
    /// What could be said to have the values taken that no class has: the end of a message.
    func proposal(for strangers: Set<MaskStranger>, hasZero: Bool, of classes: ClassTable) -> String {
        let found = strangers.sorted()
        if found.isEmpty { return "" }
        switch self {
        case .values(let table):
            let colors = found.compactMap(\.color)
            if !colors.isEmpty { return Self.table(of: colors, classes) }
            let values = found.map(\.code)
            let ids = classes.ids
            func mapping(_ pairs: [(Int, Int)]) -> String {
                "; with --mask-values " + pairs.map { "\($0):\($1)" }.joined(separator: ",")
            }
            // Binary masks of another value than 255.
            if classes.count == 2, values.count == 1 {
                return mapping([(0, ids[0]), (values[0], ids[1])]) + " it counts as \(classes.names[1])"
            }
            // The last one is one too many: the void, or counted from 1.
            if values == [classes.count], ids == Array(0..<classes.count) {
                let fromOne =
                    classes.count <= 32
                    ? mapping(ids.map { ($0 + 1, $0) }) + ",0:ignore classes count from 1; or one class is missing"
                    : "; do they count from 1? --mask-values says which value is which class"
                return hasZero
                    ? "; with --mask-values \(classes.count):ignore it is ignored, if it is the void" + fromOne
                    : fromOne
            }
            let known = table.indices.filter { table[$0] != Self.noClass && table[$0] != Int16(LabelMap.ignored) }
            let range =
                known == Array((known.first ?? 0)...max(known.first ?? 0, known.last ?? 0))
                ? "\(known.first ?? 0) to \(known.last ?? 0)" : known.map(String.init).joined(separator: ", ")
            return
                "; values of classes are \(range); --mask-values \(values[0]):ignore,... or \(values[0]):\(ids[0]),... "
                + "says what the others mean"
        case .colors:
            // Greys that are numbers of classes.
            if found.compactMap(\.color).allSatisfy({ color in
                color.red == color.green && color.green == color.blue
                    && (Int(color.red) < classes.count || color.red == 255)
            }) {
                return
                    "; they look like numbers of classes: leave the colours out of the list of classes, and the names say "
                    + "which number is which"
            }
            return "; add lines \"name red green blue\" to the list of classes, with the name ignore for what is to be "
                + "ignored"
        case .segments: return "; the file of annotations does not list such segments for this picture"
        }
    }

    /// The list of classes that would fit masks of these colours, as far as that can be known.
    private static func table(of colors: [Color], _ classes: ClassTable) -> String {
        func line(_ name: String, _ color: Color) -> String {
            "\"\(name) \(color.red) \(color.green) \(color.blue)\""
        }
        let begin = "; masks in colours need a list of classes with a colour behind each name"
        // Numbers of classes that were written as grey.
        if colors.allSatisfy({ $0.red == $0.green && $0.green == $0.blue && classes.index(ofID: Int($0.red)) != nil }) {
            let lines = zip(classes.names, classes.ids).map { line($0, Color(UInt8($1), UInt8($1), UInt8($1))) }
            return begin + ": the lines " + lines.joined(separator: ", ")
        }
        let others = colors.filter { $0 != Color(0, 0, 0) }
        if classes.count == 2, others.count == 1, let other = others.first {
            return begin + ": the lines \(line(classes.names[0], Color(0, 0, 0))) and \(line(classes.names[1], other))"
        }
        let shown = colors.prefix(24).map { "\($0.red) \($0.green) \($0.blue)" }.joined(separator: ", ")
        return begin + ", such as \(line(classes.names[0], colors[0])), and the name ignore for what is to be ignored; "
            + "there are \(shown)\(colors.count > 24 ? " and \(colors.count - 24) more" : "")"
    }
}
