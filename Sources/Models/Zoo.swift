import Base
import Geometry
import Layers

/// The models by name. Each is RetinaNet in the paper's form; the size of the pictures is free.
public enum Zoo {
    /// An entry of the zoo.
    public struct Model: Sendable {
        /// What recipes and weights files call it.
        public let name: String
        /// One line for `pupil models`.
        public let summary: String
        /// The canvas side it is meant for, in pixels.
        public let size: Int
        /// The network for K classes.
        public let spec: @Sendable (_ classes: Int) -> RetinaNetSpec
    }

    /// All of them, from small to large.
    public static let models: [Model] = [
        Model(
            name: "pico", summary: "ResNet-10 of half the width, heads of two convolutions; for demos and trials",
            size: 128
        ) {
            var spec = little(.resNet(10, width: 32, norm: .quick), classes: $0)
            spec.headConvolutions = 2
            return spec
        },
        Model(
            name: "nano", summary: "ResNet-18, pyramid and heads of 64 channels; two cores train it in minutes",
            size: 256
        ) { little(.resNet(18, norm: .quick), classes: $0) },
        Model(name: "small", summary: "ResNet-34, 128 channels", size: 512) {
            .paper(backbone: .resNet(34, norm: .quick), classes: $0, channels: 128, norm: .quick)
        },
        Model(name: "base", summary: "ResNet-50, 256 channels, the paper's Table 4", size: 640) {
            .paper(backbone: .resNet(50), classes: $0)
        },
        Model(name: "large", summary: "ResNet-101, 256 channels, the paper's Table 12", size: 640) {
            .paper(backbone: .resNet(101), classes: $0)
        },
    ]

    /// For canvases of 128 to 256 pixels. The paper's smallest anchors, 32 pixels on a canvas of 640, would be an eighth
    /// of such a picture and more; these are of half the size, so that they stand to the picture as the paper's do.
    private static func little(_ backbone: ResNetSpec, classes: Int) -> RetinaNetSpec {
        var spec = RetinaNetSpec.paper(backbone: backbone, classes: classes, channels: 64, norm: .quick)
        spec.anchors.scale = 2
        return spec
    }

    /// The model of a name. - Throws: a `Failure` with `.usage` that names the nearest one.
    public static func model(_ name: String) throws(Failure) -> Model {
        guard let model = models.first(where: { $0.name == name }) else {
            let names = models.map(\.name)
            throw .usage(
                "model: there is no \(name); known are \(names.joined(separator: ", "))\(didYouMean(name, names))")
        }
        return model
    }
}
