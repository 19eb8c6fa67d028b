import Layers
import Torch

/// A pyramid P3...P7 over a backbone's C3...C5.
public protocol Neck: AnyObject {
    /// [P3, P4, P5, P6, P7] at strides 8...128, each `[N, width, ceil(H / stride), ceil(W / stride)]`.
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
}

/// Backbone and neck: the pyramid P3...P7 of pictures.
public final class Pyramid {
    private let body: any Backbone
    private let neck: (any Neck)?

    /// Registered in `scope` as `body` and `fpn`, as in torchvision.
    /// - Precondition: a neck where the backbone gives C2...C5, none where it gives P3...P7.
    public init(_ scope: Scope, _ backbone: BackboneSpec, _ spec: NeckSpec, width: Int) {
        body = backbone.make(scope / "body")
        let channels = Array(backbone.channels.suffix(3))
        switch spec {
        case .none:
            precondition(
                backbone.levels == 3...7 && backbone.channels.allSatisfy { $0 == width },
                "without a neck the backbone must give P3...P7 of \(width) channels")
            neck = nil
        case .fpn(let spec):
            precondition(backbone.levels == 2...5, "an FPN takes C3...C5")
            neck = FPN(scope / "fpn", from: channels, to: width, spec)
        case .nasFPN(let spec):
            precondition(backbone.levels == 2...5, "a NAS-FPN takes C3...C5")
            neck = NASFPN(scope / "fpn", from: channels, to: width, spec)
        }
    }

    /// [P3, P4, P5, P6, P7] of normalised pictures `[N, 3, H, W]`.
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
        neck.map { $0(Array(maps.suffix(3)), mode) } ?? maps
    }
}
