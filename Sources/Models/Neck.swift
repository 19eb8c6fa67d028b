import Layers
import Torch

/// A pyramid over a backbone's maps.
public protocol Neck: AnyObject {
    /// Its levels, the finest first, each `[N, width, ceil(H / 2^level), ceil(W / 2^level)]`; P3...P7 where nothing else
    /// is said.
    func callAsFunction(_ features: [Tensor], _ mode: Mode) -> [Tensor]
}

/// Which pyramid, as a value.
public enum NeckSpec: Hashable, Sendable {
    /// The backbone is a pyramid itself (SpineNet).
    case none
    /// A feature pyramid network.
    case fpn(FPNSpec)
    /// A pyramid that was found by search.
    case nasFPN(NASFPNSpec)

    /// What it gives, at strides 2^level.
    public var levels: ClosedRange<Int> { if case .fpn(let spec) = self { spec.levels } else { 3...7 } }
}

/// Backbone and neck: the pyramid of pictures.
public final class Pyramid {
    private let body: any Backbone
    private let neck: (any Neck)?
    /// How many of the backbone's maps the neck takes: those of its own lowest level and above.
    private let taken: Int

    /// Registered in `scope` as `body` and `fpn`, as in torchvision.
    /// - Precondition: a neck where the backbone gives C2...C5, none where it gives P3...P7.
    public init(_ scope: Scope, _ backbone: BackboneSpec, _ spec: NeckSpec, width: Int) {
        body = backbone.make(scope / "body")
        taken = backbone.levels.upperBound + 1 - spec.levels.lowerBound
        let channels = Array(backbone.channels.suffix(taken))
        switch spec {
        case .none:
            precondition(
                backbone.levels == 3...7 && backbone.channels.allSatisfy { $0 == width },
                "without a neck the backbone must give P3...P7 of \(width) channels")
            neck = nil
        case .fpn(let spec):
            precondition(backbone.levels == 2...5, "an FPN takes maps up to C5")
            neck = FPN(scope / "fpn", from: channels, to: width, spec)
        case .nasFPN(let spec):
            precondition(backbone.levels == 2...5, "a NAS-FPN takes C3...C5")
            neck = NASFPN(scope / "fpn", from: channels, to: width, spec)
        }
    }

    /// The levels of the neck for normalised pictures `[N, 3, H, W]`.
    public func callAsFunction(_ images: Tensor, _ mode: Mode) -> [Tensor] { pyramid(of: maps(images, mode), mode) }

    /// The backbone's own maps, too.
    public func levels(_ images: Tensor, _ mode: Mode) -> (backbone: [Tensor], pyramid: [Tensor]) {
        let maps = body(images, mode)
        return (maps, pyramid(of: maps, mode))
    }

    /// The backbone's maps alone.
    public func maps(_ images: Tensor, _ mode: Mode) -> [Tensor] { body(images, mode) }

    /// The pyramid over a backbone's maps.
    public func pyramid(of maps: [Tensor], _ mode: Mode) -> [Tensor] {
        neck.map { $0(Array(maps.suffix(taken)), mode) } ?? maps
    }
}
