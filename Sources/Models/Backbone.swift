import Layers
import Torch

/// A network of features: maps at several strides of a picture.
public protocol Backbone: AnyObject {
    /// The map of each level of its spec, `[N, C, ceil(H / 2^level), ceil(W / 2^level)]`, for pictures `[N, 3, H, W]`.
    func callAsFunction(_ x: Tensor, _ mode: Mode) -> [Tensor]
}

/// Which backbone, as a value.
public enum BackboneSpec: Hashable, Sendable {
    /// C2...C5.
    case resNet(ResNetSpec)
    /// C2...C5.
    case efficientNet(EfficientNetSpec)
    /// P3...P7: it is a pyramid already, and needs no neck.
    case spineNet(SpineNetSpec)

    /// ResNet-10, 18, 34, 50 or 101. - Precondition: one of these depths.
    public static func resNet(_ depth: Int, width: Int = 64, norm: Norm = .paper) -> BackboneSpec {
        .resNet(ResNetSpec.resNet(depth, width: width, norm: norm))
    }

    /// The levels it gives, at strides 2^level.
    public var levels: ClosedRange<Int> {
        switch self {
        case .resNet, .efficientNet: 2...5
        case .spineNet: 3...7
        }
    }

    /// Channels of each level.
    public var channels: [Int] {
        switch self {
        case .resNet(let spec): spec.channels
        case .efficientNet(let spec): spec.channels
        case .spineNet(let spec): spec.channels
        }
    }

    /// The network, registered in `scope`.
    public func make(_ scope: Scope) -> any Backbone {
        switch self {
        case .resNet(let spec): ResNet(scope, spec)
        case .efficientNet(let spec): EfficientNet(scope, spec)
        case .spineNet(let spec): SpineNet(scope, spec)
        }
    }
}
