import Base
import Geometry
import Layers

/// The networks by name. The size of the pictures is free in all of them, in steps
/// of 32 pixels.
public enum Zoo {
    /// An entry of the zoo.
    public struct Model: Sendable {
        /// What recipes and weights files call it.
        public let name: String
        /// One line for `pupil models`.
        public let summary: String
        /// The side of the pictures it is meant for, in pixels.
        public let size: Int
        /// Classes as the paper or the published weights count them: 91 outputs for COCO, 21 for VOC, 1,000 for ImageNet.
        public let classes: Int
        /// The files that hold starts for its backbone (docs/checkpoints.md).
        public let family: String
        /// The network for K classes.
        public let spec: @Sendable (_ classes: Int) -> NetworkSpec
        /// Made for few labels, few steps and a processor: learns by AdamW where nothing is said.
        public var isLittle = false
    }

    /// All of them: small ones, the paper's, backbones with a classifier.
    public static let models: [Model] =
        little.map { model in
            var model = model
            model.isLittle = true
            return model
        } + [base] + detectors + segmenters + classifiers

    /// What two cores train.
    private static let little: [Model] = [
        detector(
            "pico", "ResNet-10 of half the width, heads of two convolutions; for demos and trials", 128, family: "none"
        ) {
            var spec = small(.resNet(10, width: 32, norm: .quick), classes: $0)
            spec.headConvolutions = 2
            return spec
        },
        detector(
            "nano", "ResNet-18, pyramid and heads of 64 channels; two cores train it in minutes", 256,
            family: "resnet18"
        ) { small(.resNet(18, norm: .quick), classes: $0) },
        detector(
            "nano-b0", "EfficientNet-B0, pyramid and heads of 64 channels", 256, family: "tf_efficientnet_b0"
        ) { small(.efficientNet(.named("b0")), classes: $0) },
        detector("small", "ResNet-34, 128 channels", 512, family: "resnet34") {
            .paper(backbone: .resNet(34, norm: .quick), classes: $0, channels: 128, norm: .quick)
        },
        Model(
            name: "seg-nano", summary: "ResNet-18, feature pyramid from C2 on, 64 channels", size: 256, classes: 21,
            family: "resnet18"
        ) {
            var neck = FPNSpec(norm: .none)
            neck.levels = 2...5
            var spec = SegmentationSpec(
                backbone: .resNet(18, norm: .quick), neck: .fpn(neck), classes: $0, channels: 64, headNorm: .quick)
            (spec.headConvolutions, spec.headStart) = (2, .linear)
            return .segmenter(spec)
        },
    ]

    private static let base = detector("base", "ResNet-50, 256 channels: retinanet-r50-640", 640, family: "resnet50") {
        .paper(backbone: .resNet(50), classes: $0)
    }

    private static let detectors: [Model] =
        [
            detector("retinanet-r50-640", "the paper's Table 4", 640, family: "resnet50") {
                .paper(backbone: .resNet(50), classes: $0)
            },
            detector("retinanet-r101-640", "the paper's Table 12", 640, family: "resnet101") {
                .paper(backbone: .resNet(101), classes: $0)
            },
            detector(
                "retinanet-r50-torchvision", "torchvision's retinanet_resnet50_fpn, convention by convention", 800,
                classes: 90, family: "retinanet_resnet50_fpn"
            ) { .torchvision(classes: $0) },
        ]
        + (0...7).map { n in
            detector(
                "retinanet-b\(n)-640", n == 7 ? "the paper's Tables 2 and 3" : "a smaller relative of retinanet-b7-640",
                640,
                family: "tf_efficientnet_b\(n)"
            ) { .paper(backbone: .efficientNet(.named("b\(n)")), classes: $0) }
        }
        + [("49s", 640), ("49", 640), ("96", 1024), ("143", 1280), ("190", 1280)].map { name, size in
            detector(
                "retinanet-spinenet\(name)-\(size)",
                name == "143" || name == "190" ? "the paper's Table 5" : "a smaller relative of retinanet-spinenet143",
                size, family: "none"
            ) { .spineNet(name, classes: $0) }
        }

    private static let segmenters: [Model] = ["b0", "b7", "l2"].map { name in
        Model(
            name: "nasfpn-\(name)-512",
            summary: name == "b0" ? "a smaller relative of nasfpn-b7-512" : "the paper's Table 6",
            size: 512,
            classes: 21, family: "tf_efficientnet_\(name)"
        ) { .segmenter(.paper(backbone: .efficientNet(.named(name)), classes: $0)) }
    }

    private static let classifiers: [Model] =
        [18, 34, 50, 101].map { depth in
            Model(
                name: "resnet-\(depth)", summary: "with its classifier", size: 224, classes: 1000,
                family: "resnet\(depth)"
            ) { .classifier(ClassifierSpec(backbone: .resNet(depth, norm: .quick), classes: $0)) }
        }
        + (Array((0...8).map { "b\($0)" }) + ["l2"]).map { name in
            Model(
                name: "efficientnet-\(name)", summary: "with its classifier",
                size: EfficientNetSpec.table[name]?.size ?? 224, classes: 1000, family: "tf_efficientnet_\(name)"
            ) { .classifier(ClassifierSpec(backbone: .efficientNet(.named(name)), classes: $0)) }
        }

    private static func detector(
        _ name: String, _ summary: String, _ size: Int, classes: Int = 91, family: String,
        _ spec: @escaping @Sendable (_ classes: Int) -> RetinaNetSpec
    ) -> Model {
        Model(name: name, summary: summary, size: size, classes: classes, family: family) { .detector(spec($0)) }
    }

    /// For canvases of 128 to 256 pixels. The paper's smallest anchors, 32 pixels on a canvas of 640, would be an eighth
    /// of such a picture and more; these are of half the size, so that they stand to the picture as the paper's do.
    private static func small(_ backbone: BackboneSpec, classes: Int) -> RetinaNetSpec {
        var spec = RetinaNetSpec.paper(backbone: backbone, classes: classes, channels: 64, norm: .quick)
        spec.anchors.scale = 2
        return spec
    }

    /// The model of a name. - Throws: a `Failure` with `.usage` that names the nearest one.
    public static func model(_ name: String) throws(Failure) -> Model {
        guard let model = models.first(where: { $0.name == name }) else {
            throw .usage(
                "model: there is no \(name)\(didYouMean(name, models.map(\.name))); `pupil models` lists them all")
        }
        return model
    }

    /// The backbone of a model with a classifier of pictures on it.
    /// - Throws: a `Failure` with `.usage` where the name is unknown or the backbone has none (SpineNet).
    public static func classifier(_ name: String, classes: Int) throws(Failure) -> ClassifierSpec {
        let backbone = try model(name).spec(classes).backbone
        guard backbone.levels == 2...5 else {
            throw .usage("model: \(name) stands on a SpineNet, which has no classifier; `pupil models` lists others")
        }
        return ClassifierSpec(backbone: backbone, classes: classes)
    }

    /// A detector's spec for K classes.
    /// - Throws: a `Failure` with `.usage` where the name is unknown or another kind of network's.
    public static func detector(_ name: String, classes: Int) throws(Failure) -> RetinaNetSpec {
        guard case .detector(let spec) = try model(name).spec(classes) else {
            throw .usage(
                "model: \(name) gives no boxes; those that do are pico, nano, small, base and retinanet-... of `pupil models`"
            )
        }
        return spec
    }

    /// A segmenter's spec for K classes.
    /// - Throws: a `Failure` with `.usage` where the name is unknown or another kind of network's.
    public static func segmenter(_ name: String, classes: Int) throws(Failure) -> SegmentationSpec {
        guard case .segmenter(let spec) = try model(name).spec(classes) else {
            throw .usage(
                "model: \(name) gives no classes to pixels; those that do are seg-nano and nasfpn-... of `pupil models`"
            )
        }
        return spec
    }
}
