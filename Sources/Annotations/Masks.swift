import Base
import Geometry
import Imaging

/// The file in which a picture's pixels have their classes.
public struct MaskFile: Hashable, Sendable {
    /// A PNG file.
    public var path: String
    /// The label of each segment of it, where the set is coded by segments (COCO panoptic); empty elsewhere.
    public var segments: [UInt32: UInt8]
    /// Pixels of each class, `[K]`; empty until somebody counted them (`Dataset.counted`).
    public var pixels: [Int] = []

    /// A mask that nobody has looked into.
    public init(path: String, segments: [UInt32: UInt8] = [:]) {
        self.path = path
        self.segments = segments
    }
}

/// How the pixels of a set's mask files name classes.
public enum MaskCoding: Hashable, Sendable {
    /// A grey value or a palette's index is the id of a class: the label of each value, `[256]`, `noClass` where it has
    /// none. 255 is ignored unless something else was said.
    case values([Int16])
    /// A colour is a class, whether the file is RGB or has a palette.
    case colors([Color: UInt8])
    /// Red + 256 green + 65536 blue is a segment, which the picture's list gives a class; 0 is ignored (COCO panoptic).
    case segments

    /// What a value that belongs to no class has in `values`.
    public static let noClass: Int16 = -1

    /// Values that are the ids of classes, and 255 where no class has it.
    /// - Parameter mapping: values that mean another class than their own, or with nil none. A value that is not in it, and
    ///   whose own class another one means by it, has none: two values are one class only where both are named.
    /// - Throws: `.usage` where a mapping leads to no class or begins outside 0...255.
    public static func ids(of classes: ClassTable, mapping: [Int: Int?]? = nil) throws(Failure) -> MaskCoding {
        var labels = [Int16](repeating: noClass, count: 256)
        labels[255] = Int16(LabelMap.ignored)
        for (label, id) in classes.ids.enumerated() where labels.indices.contains(id) { labels[id] = Int16(label) }
        if let mapping {
            for (value, id) in mapping.sorted(by: { $0.key < $1.key }) {
                guard labels.indices.contains(value) else {
                    throw .usage("mask-values: \(value) is no value of a pixel (0 to 255)")
                }
                guard let id else {
                    labels[value] = Int16(LabelMap.ignored)
                    continue
                }
                guard let label = classes.index(ofID: id) else {
                    let known = classes.ids.prefix(12).map(String.init).joined(separator: ", ")
                    throw .usage(
                        "mask-values: \(value):\(id) leads to no class; they are \(known)\(classes.count > 12 ? ", ..." : "")"
                    )
                }
                labels[value] = Int16(label)
            }
            // What nobody spoke of keeps its own number only as long as no spoken one means the same class.
            for value in labels.indices where mapping[value] == nil && labels[value] != noClass && value != 255 {
                if mapping.contains(where: {
                    $0.value != nil && classes.index(ofID: $0.value ?? -1) == Int(labels[value])
                }) {
                    labels[value] = noClass
                }
            }
        }
        return .values(labels)
    }

    /// For a stage's identity: what of the coding changes labels.
    var description: String {
        switch self {
        case .values(let labels): "values " + labels.map(String.init).joined(separator: ",")
        case .colors(let colors):
            "colors "
                + colors.map { "\($0.key.red) \($0.key.green) \($0.key.blue) \($0.value)" }.sorted()
                .joined(separator: ",")
        case .segments: "segments"
        }
    }
}

/// Why a mask cannot be used, and what it holds all the same.
struct MaskFault: Error, Sendable {
    var rule: Rule
    var message: String
    /// Values or colours that belong to no class, 256 of them at most.
    var strangers = Set<MaskStranger>()
    /// Whether it has pixels of the value 0, which some sets count as no class.
    var hasZero = false
}

/// A value, colour or segment that belongs to no class.
enum MaskStranger: Hashable, Sendable, Comparable, CustomStringConvertible {
    case value(Int)
    case color(Int)
    case segment(Int)

    var description: String {
        switch self {
        case .value(let value): "\(value)"
        case .color(let code): "(\(code & 255), \(code >> 8 & 255), \(code >> 16))"
        case .segment(let id): "segment \(id)"
        }
    }

    /// Nil of what is no colour.
    var color: Color? {
        guard case .color(let code) = self else { return nil }
        return Color(UInt8(code & 255), UInt8(code >> 8 & 255), UInt8(code >> 16))
    }

    static func < (a: MaskStranger, b: MaskStranger) -> Bool { a.code < b.code }

    var code: Int {
        switch self {
        case .value(let code), .color(let code), .segment(let code): code
        }
    }
}

extension Dataset {
    /// The labels of a picture's pixels, 0..<K and 255 for ignored, in the size of the mask file.
    /// - Throws: `.invalidData` naming the file where it cannot be read or a pixel belongs to no class.
    public func labelMap(of example: Example) throws(Failure) -> LabelMap {
        guard let mask = example.mask, let coding = maskCoding else {
            throw .data("\(example.fileName): has no mask")
        }
        do throws(MaskFault) { return try coding.read(mask) } catch { throw .data("\(mask.path): \(error.message)") }
    }
}

extension MaskCoding {
    /// The labels of a mask file.
    func read(_ mask: MaskFile) throws(MaskFault) -> LabelMap {
        switch self {
        case .values(let table):
            var map: LabelMap
            do throws(MaskFault) {
                map = try Self.attempt { () throws(Failure) in try ImageFile.labels(mask.path) }
            } catch {
                // Painted in colours: no class has them, and a message can say which they are.
                guard ImageFile.isColoredPNG(mask.path) else { throw error }
                return try Self.coded(mask) { _ in
                    nil
                } strangers: {
                    .color($0)
                }
            }
            let pixels = map.histogram
            let values = pixels.indices.filter { pixels[$0] > 0 }
            let strangers = values.filter { table[$0] == Self.noClass }.map { (MaskStranger.value($0), pixels[$0]) }
            if !strangers.isEmpty {
                var fault = Self.strangers(Dictionary(uniqueKeysWithValues: strangers), "pixel value")
                fault.hasZero = pixels[0] > 0
                throw fault
            }
            if values.contains(where: { Int(table[$0]) != $0 }) {
                map.relabel(table.map { UInt8(truncatingIfNeeded: $0) })
            }
            return map
        case .colors(let table):
            return try Self.coded(mask) { code in
                table[Color(UInt8(code & 255), UInt8(code >> 8 & 255), UInt8(code >> 16))]
            } strangers: {
                .color($0)
            }
        case .segments:
            return try Self.coded(mask) {
                $0 == 0 ? LabelMap.ignored : mask.segments[$0]
            } strangers: {
                .segment($0)
            }
        }
    }

    /// Labels by red + 256 green + 65536 blue. Neighbours are alike, so each run of equal pixels is looked up once.
    private static func coded(
        _ mask: MaskFile, _ label: (UInt32) -> UInt8?, strangers: (Int) -> MaskStranger
    ) throws(MaskFault) -> LabelMap {
        guard mask.path.lowercased().hasSuffix(".png") else {
            throw MaskFault(rule: .maskUnreadable, message: "a mask is a PNG file: other forms blur its colours")
        }
        let image = try attempt { () throws(Failure) in try ImageFile.decode(mask.path).image }
        var counts: [MaskStranger: Int] = [:]
        var last: (code: UInt32, label: UInt8)?
        let labels = [UInt8](unsafeUninitializedCapacity: image.width * image.height) { out, count in
            image.pixels.withUnsafeBufferPointer { pixels in
                for i in 0..<out.count {
                    let code = UInt32(pixels[3 * i]) | UInt32(pixels[3 * i + 1]) << 8 | UInt32(pixels[3 * i + 2]) << 16
                    if last?.code != code {
                        let found = label(code)
                        // Painted with smooth edges, a mask has more colours than anybody wants to know.
                        if found == nil, counts.count < 256 || counts[strangers(Int(code))] != nil {
                            counts[strangers(Int(code)), default: 0] += 1
                        }
                        last = (code, found ?? LabelMap.ignored)
                    }
                    out[i] = last?.label ?? LabelMap.ignored
                }
            }
            count = image.width * image.height
        }
        if let first = counts.keys.first {
            // A segment says itself what it is.
            throw Self.strangers(counts, first.color == nil ? "" : "colour")
        }
        return LabelMap(width: image.width, height: image.height, labels: labels)
    }

    private static func attempt<R>(_ body: () throws(Failure) -> R) throws(MaskFault) -> R {
        do throws(Failure) { return try body() } catch {
            throw MaskFault(rule: .maskUnreadable, message: error.message)
        }
    }

    private static func strangers(_ counts: [MaskStranger: Int], _ what: String) -> MaskFault {
        let most = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(6).map(\.key.description)
        let more = counts.count > 6 ? " and \(counts.count - 6)\(counts.count == 256 ? " or" : "") more" : ""
        return MaskFault(
            rule: .maskValue,
            message:
                "\(what.isEmpty ? "" : what + (counts.count == 1 ? " " : "s "))\(most.joined(separator: ", "))\(more) belong"
                + "\(counts.count == 1 ? "s" : "") to no class", strangers: Set(counts.keys))
    }
}
