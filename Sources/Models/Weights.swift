import Base
import Checkpoints
import Layers
import Torch

/// How the tensors of a file find their places in a model: names are mapped, differences are listed, and nothing is left
/// out in silence.
///
/// Two cases. A file that knows the model's parts above the backbone is taken name by name. Any other file is taken as a
/// *backbone*: under whatever prefix its layers stand (`module.encoder_q.layer1...`), they go to the model's backbone, and
/// the rest of the file is somebody else's head.
public struct WeightMatch {
    /// Model tensors and the file's entries for them.
    public private(set) var pairs: [(target: ParameterStore.Entry, source: TensorEntry)] = []
    /// Model tensors that the file should have and has not.
    public private(set) var missing: [String] = []
    /// Tensors of the file that the model should have and has not.
    public private(set) var extra: [String] = []
    /// Both have it, in shapes that differ.
    public private(set) var misshapen: [String] = []
    /// Tensors of the file that were left out: heads of other tasks, prediction layers for other classes.
    public private(set) var dropped: [String] = []
    /// Model tensors that keep their initial values: what lies above a backbone, prediction layers for other classes.
    public private(set) var kept: [String] = []
    /// What the file was taken for: `resnet backbone under "encoder."`.
    public private(set) var family = ""
    /// Prefixes under which other backbones of the kind stand, none of which is known to be the one that is meant.
    private var rivals: [String] = []

    /// Matches by names and shapes; no value is read.
    ///
    /// - Parameters:
    ///   - allow: patterns (`*` is any text) of names that may be missing, extra or of another shape.
    ///   - isOfOtherClasses: prediction layers are left out although their shapes may be the same.
    public init(_ store: ParameterStore, _ file: WeightsFile, allow: [String] = [], isOfOtherClasses: Bool = false) {
        let sources = file.entries.filter { !$0.name.hasSuffix("num_batches_tracked") }
        let targets = store.entries
        let names = Set(targets.map(\.name))
        let place = Self.bodyPrefix(of: targets.map(\.name))
        let origin = Self.bodyPrefix(of: sources.map(\.name))
        // A prefix of all names is a wrapper's (torch.compile's `_orig_mod.`), and says nothing of the network.
        var wrapper = ""
        if let place, let origin, origin.prefix != place.prefix, origin.prefix.hasSuffix(place.prefix) {
            let lead = String(origin.prefix.dropLast(place.prefix.count))
            if sources.allSatisfy({ $0.name.hasPrefix(lead) }) { wrapper = lead }
        }
        func unwrapped(_ name: String) -> String { Self.renamed(String(name.dropFirst(wrapper.count))) }
        // Names of the file that are the model's own beyond the backbone make it a whole network.
        let isWhole =
            origin.map { String($0.prefix.dropFirst(wrapper.count)) } == place?.prefix
            && sources.contains {
                let name = unwrapped($0.name)
                return names.contains(name) && !Self.isBody(name, place) && !Self.isTop(name, place)
            }
        var rename: (String) -> String? = { unwrapped($0) }
        if !isWhole { rivals = Self.rivals(of: origin, in: sources.map(\.name)) }
        if !isWhole, let place, let origin, place.kind == origin.kind {
            family = "\(origin.kind) backbone" + (origin.prefix.isEmpty ? "" : " under \"\(origin.prefix)\"")
            rename = { name in
                let own = place.prefix + name.dropFirst(origin.prefix.count)
                // What some networks have on top of the backbone is taken by those that have it.
                return Self.isBody(name, origin) || Self.isTop(name, origin) && names.contains(own) ? own : nil
            }
        } else {
            family = "network"
        }
        let isBackbone = family != "network"
        func isAllowed(_ name: String) -> Bool { allow.contains { matches(name, pattern: $0) } }

        var found: [String: TensorEntry] = [:]
        for source in sources {
            guard let name = rename(source.name) else {
                dropped.append(source.name)
                continue
            }
            if names.contains(name) {
                found[name] = source
            } else if isAllowed(source.name) {
                dropped.append(source.name)
            } else {
                extra.append(source.name)
            }
        }
        for target in targets {
            guard let source = found[target.name] else {
                if isBackbone && !Self.isBody(target.name, place) || isAllowed(target.name) {
                    kept.append(target.name)
                } else {
                    missing.append(target.name)
                }
                continue
            }
            let isForeign = isOfOtherClasses && Self.isPrediction(target.name)
            if source.shape == target.tensor.shape && !isForeign {
                pairs.append((target, source))
            } else if Self.isPrediction(target.name) || isAllowed(target.name) || isAllowed(source.name) {
                dropped.append(source.name)
                kept.append(target.name)
            } else {
                misshapen.append("\(source.name) \(source.shape), here \(target.tensor.shape)")
            }
        }
    }

    /// Whether every tensor has its place.
    public var fits: Bool { missing.isEmpty && extra.isEmpty && misshapen.isEmpty && rivals.isEmpty }

    /// What was taken and what was not, for the log.
    public var summary: String {
        var text = "\(pairs.count) tensors taken (\(family))"
        if !dropped.isEmpty { text += "; left out: \(Self.list(dropped))" }
        if !kept.isEmpty { text += "; \(kept.count) of the model begin at random" }
        return text
    }

    /// What does not fit, by name.
    public var faults: String {
        var parts: [String] = []
        if !rivals.isEmpty {
            parts.append(
                "it holds several backbones, under \(Self.list(rivals.map { "\"\($0)\"" })); save one of them alone")
        }
        if pairs.isEmpty && !missing.isEmpty { parts.append("no tensor has a name of this model") }
        if !missing.isEmpty { parts.append("missing: \(Self.list(missing))") }
        if !extra.isEmpty { parts.append("unknown: \(Self.list(extra))") }
        if !misshapen.isEmpty { parts.append("of another shape: \(Self.list(misshapen))") }
        return parts.joined(separator: "; ")
    }

    private static func list(_ names: [String]) -> String {
        names.prefix(6).joined(separator: ", ") + (names.count > 6 ? " and \(names.count - 6) more" : "")
    }

    // MARK: - Names

    /// A kind of backbone, told by two of its tensors, and the first parts of its names.
    private struct Kind {
        let name: String
        let marks: [String]
        let parts: Set<String>
        /// What stands between the backbone and a classifier.
        var tops: Set<String> = []
    }

    private static let kinds = [
        Kind(
            name: "resnet", marks: ["conv1.weight", "layer4.0.conv1.weight"],
            parts: ["conv1", "bn1", "layer1", "layer2", "layer3", "layer4"]),
        Kind(
            name: "efficientnet", marks: ["conv_stem.weight", "blocks.6.0.conv_dw.weight"],
            parts: ["conv_stem", "bn1", "blocks"], tops: ["conv_head", "bn2"]),
        Kind(
            name: "spinenet", marks: ["conv1.weight", "stem.0.0.conv1.weight"],
            parts: ["conv1", "bn1", "stem", "resample", "blocks", "endpoint"]),
    ]

    /// Where a backbone stands in a list of names, and of what kind it is; the first of several.
    private static func bodyPrefix(of names: [String]) -> (prefix: String, kind: String)? {
        let all = Set(names)
        for kind in kinds {
            for name in names where name.hasSuffix(kind.marks[1]) {
                let prefix = String(name.dropLast(kind.marks[1].count))
                if (prefix.isEmpty || prefix.hasSuffix(".")) && all.contains(prefix + kind.marks[0]) {
                    return (prefix, kind.name)
                }
            }
        }
        return nil
    }

    /// All prefixes under which backbones of the kind stand where there are several and the first is not known to be the one that
    /// learned: MoCo's query encoder beside its key encoder.
    private static func rivals(of origin: (prefix: String, kind: String)?, in names: [String]) -> [String] {
        guard let origin, let kind = kinds.first(where: { $0.name == origin.kind }),
            !["encoder_q.", "online_encoder.", "student."].contains(where: { origin.prefix.contains($0) })
        else { return [] }
        let all = Set(names)
        let prefixes = names.filter { $0.hasSuffix(kind.marks[1]) }.map { String($0.dropLast(kind.marks[1].count)) }
            .filter { ($0.isEmpty || $0.hasSuffix(".")) && all.contains($0 + kind.marks[0]) }
        return prefixes.count > 1 ? prefixes : []
    }

    private static func isBody(_ name: String, _ place: (prefix: String, kind: String)?) -> Bool {
        isOf(\.parts, name, place)
    }

    private static func isTop(_ name: String, _ place: (prefix: String, kind: String)?) -> Bool {
        isOf(\.tops, name, place)
    }

    private static func isOf(
        _ parts: KeyPath<Kind, Set<String>>, _ name: String, _ place: (prefix: String, kind: String)?
    ) -> Bool {
        guard let place, name.hasPrefix(place.prefix), let kind = kinds.first(where: { $0.name == place.kind }) else {
            return false
        }
        return kind[keyPath: parts].contains(String(name.dropFirst(place.prefix.count).prefix { $0 != "." }))
    }

    /// torchvision's heads of before 2022 counted activations: `conv.2.weight` is today's `conv.1.0.weight`.
    private static func renamed(_ name: String) -> String {
        for head in ["head.classification_head.conv.", "head.regression_head.conv."] where name.hasPrefix(head) {
            let parts = name.dropFirst(head.count).split(separator: ".")
            if parts.count == 2, let n = Int(parts[0]), n % 2 == 0 { return "\(head)\(n / 2).0.\(parts[1])" }
        }
        return name
    }

    /// Layers whose width is the number of classes.
    private static func isPrediction(_ name: String) -> Bool {
        ["fc", "classifier", "cls_logits"].contains { name.hasPrefix($0 + ".") || name.contains(".\($0).") }
    }
}

/// Whether a name is a pattern's, in which `*` is any text.
func matches(_ name: String, pattern: String) -> Bool {
    let parts = pattern.split(separator: "*", omittingEmptySubsequences: false).map(String.init)
    if parts.count == 1 { return name == pattern }
    guard name.hasPrefix(parts[0]), name.count >= parts[0].count + parts[parts.count - 1].count,
        name.hasSuffix(parts[parts.count - 1])
    else { return false }
    var rest = name.dropFirst(parts[0].count).dropLast(parts[parts.count - 1].count)
    for part in parts.dropFirst().dropLast() where !part.isEmpty {
        guard let range = rest.firstRange(of: part) else { return false }
        rest = rest[range.upperBound...]
    }
    return true
}

/// How pixels were given to the network of a weights file; here they are normalised as ImageNet's.
public enum PixelScale: String, Sendable, CaseIterable {
    /// Minus (0.485, 0.456, 0.406), over (0.229, 0.224, 0.225): torchvision, most of timm.
    case imagenet
    /// Minus 0.5, over 0.5, so -1...1: timm's `tf_efficientnet_*` trained with AdvProp (`ap`).
    case inception
    /// 0...1: SimCLR.
    case unit

    var mean: [Double] {
        switch self {
        case .imagenet: [0.485, 0.456, 0.406]
        case .inception: [0.5, 0.5, 0.5]
        case .unit: [0, 0, 0]
        }
    }
    var deviation: [Double] {
        switch self {
        case .imagenet: [0.229, 0.224, 0.225]
        case .inception: [0.5, 0.5, 0.5]
        case .unit: [1, 1, 1]
        }
    }
}

extension ParameterStore {
    /// Takes the weights of a file, whatever its form and its names, as far as they belong here.
    ///
    /// - Parameters:
    ///   - allow: patterns of names that may be missing, extra or of another shape.
    ///   - pixels: how that network saw pixels. Where it is not as here, the first convolution and the norm after it are
    ///     changed so that they give the same, but for a border of three pixels where zeros meant another colour.
    ///   - eps: what that network's norms add to their variances, where it is not as here: the variances that are taken are
    ///     changed so that the sums are the same, but not below 0.
    ///   - isOfOtherClasses: prediction layers are left out although their shapes may be the same.
    /// - Returns: what was taken and what was not.
    /// - Throws: a `Failure` with `.invalidData` that lists what is missing, unknown or of another shape; with `.usage`
    ///   where other pixels are asked for and no batch norm follows the first convolution. Nothing is loaded then.
    @discardableResult
    public func load(
        _ file: WeightsFile, allow: [String] = [], pixels: PixelScale = .imagenet, eps: Double? = nil,
        isOfOtherClasses: Bool = false
    ) throws(Failure) -> WeightMatch {
        let match = try match(file, allow: allow, pixels: pixels, isOfOtherClasses: isOfOtherClasses)
        for pair in match.pairs { try TensorFile.fill(pair.target.tensor, from: pair.source, of: file) }
        if let eps {
            withoutGradients {
                for (target, _) in match.pairs {
                    guard let own = target.eps else { continue }
                    let variance = target.tensor.detached()
                    variance.assign((variance + (eps - own)).relu())
                }
            }
        }
        if pixels != .imagenet, let stem { adopt(pixels, stem.weight, stem.mean) }
        return match
    }

    /// How `load` would take a file: no value is read, so that the store may be on `meta`.
    /// - Throws: what `load` throws.
    public func match(
        _ file: WeightsFile, allow: [String] = [], pixels: PixelScale = .imagenet, isOfOtherClasses: Bool = false
    ) throws(Failure) -> WeightMatch {
        let match = WeightMatch(self, file, allow: allow, isOfOtherClasses: isOfOtherClasses)
        guard match.fits else { throw .data("\(file.path) does not fit this model: \(match.faults)") }
        if pixels != .imagenet && stem == nil {
            throw .usage("pixels: \(pixels.rawValue) needs a model whose first convolution is followed by a batch norm")
        }
        return match
    }

    /// The first convolution's weights and the running mean of the norm after it.
    private var stem: (weight: Tensor, mean: Tensor)? {
        for entry in entries where entry.tensor.rank == 4 && entry.tensor.size(1) == 3 {
            for layer in ["conv1.weight", "conv_stem.weight"] where entry.name.hasSuffix(layer) {
                if let mean = self[entry.name.dropLast(layer.count) + "bn1.running_mean"] {
                    return (entry.tensor, mean)
                }
            }
        }
        return nil
    }

    /// x as that network saw it is (x here) * s + t for each colour: s goes into the weights `[O, 3, k, k]`, t into the
    /// running mean `[O]`.
    private func adopt(_ pixels: PixelScale, _ weight: Tensor, _ mean: Tensor) {
        let ours = PixelScale.imagenet
        func colours(_ value: (Int) -> Double) -> Tensor {
            Tensor((0..<3).map { Float(value($0)) }, shape: [1, 3, 1, 1], device: device)
        }
        let scale = colours { ours.deviation[$0] / pixels.deviation[$0] }
        let shift = colours { (ours.mean[$0] - pixels.mean[$0]) / pixels.deviation[$0] }
        withoutGradients {
            let weight = weight.detached()
            mean.assign(mean - (weight * shift).sum([1, 2, 3]))
            weight.assign(weight * scale)
        }
    }
}
