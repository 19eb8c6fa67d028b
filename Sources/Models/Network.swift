import Layers
import Torch

/// A network of any kind as a value.
public enum NetworkSpec: Hashable, Sendable {
    /// Boxes.
    case detector(RetinaNetSpec)
    /// A class for each pixel.
    case segmenter(SegmentationSpec)
    /// A class for each picture.
    case classifier(ClassifierSpec)

    /// What it is made on.
    public var backbone: BackboneSpec {
        switch self {
        case .detector(let spec): spec.backbone
        case .segmenter(let spec): spec.backbone
        case .classifier(let spec): spec.backbone
        }
    }
}

/// A network of any kind, for those who want its features: `pupil embed`, parity, pre-training.
public enum Network {
    /// Boxes.
    case detector(RetinaNet)
    /// A class for each pixel.
    case segmenter(SegmentationNet)
    /// A class for each picture.
    case classifier(ClassificationNet)

    /// The network of a spec, registered in `scope`.
    public init(_ scope: Scope, _ spec: NetworkSpec) {
        switch spec {
        case .detector(let spec): self = .detector(RetinaNet(scope, spec))
        case .segmenter(let spec): self = .segmenter(SegmentationNet(scope, spec))
        case .classifier(let spec): self = .classifier(ClassificationNet(scope, spec))
        }
    }

    /// A whole pass, for counting and timing.
    public func forward(_ images: Tensor, _ mode: Mode) -> [Tensor] {
        switch self {
        case .detector(let model):
            let output = model(images, mode)
            return [output.logits, output.codes]
        case .segmenter(let model): return [model(images, mode)]
        case .classifier(let model): return [model(images, mode)]
        }
    }

    /// Maps by level (`c2`...`c5`, those of the pyramid as `p3`...`p7`) and `pooled` `[N, F]`: a classifier's last features, or the mean over
    /// C5 (P5 of a backbone that is a pyramid itself).
    public func features(_ images: Tensor, _ mode: Mode) -> [String: Tensor] {
        func named(_ letter: String, _ first: Int, _ maps: [Tensor]) -> [String: Tensor] {
            Dictionary(uniqueKeysWithValues: maps.enumerated().map { ("\(letter)\($0 + first)", $1) })
        }
        func levels(_ neck: NeckSpec, _ maps: (backbone: [Tensor], pyramid: [Tensor])) -> [String: Tensor] {
            var all = named("p", neck.levels.lowerBound, maps.pyramid)
            if maps.backbone.count == 4 { all.merge(named("c", 2, maps.backbone)) { $1 } }
            all["pooled"] = (all["c5"] ?? maps.pyramid[2]).globalMean().flattened(from: 1)
            return all
        }
        switch self {
        case .detector(let model): return levels(model.spec.neck, model.features(images, mode))
        case .segmenter(let model): return levels(model.spec.neck, model.features(images, mode))
        case .classifier(let model):
            let maps = model.features(images, mode)
            return named("c", 2, maps.backbone).merging(["pooled": maps.pooled]) { $1 }
        }
    }
}
