import Base
import Models
import Recipes
import Torch
import Training

/// `pupil export`: weights as others load them.
enum ExportVerb {
    static let schema = Schema(
        verb: "export",
        summary:
            "Write weights as safetensors: of classifiers, backbones and torchvision's RetinaNet as torchvision and timm load "
            + "them, of other networks under names in the same manner.",
        keys: CommonKeys.network + [
            Key(
                "part", .choice(["all", "backbone"]), default: "all", group: "output",
                help: "All of the network, or its backbone under the names of a classifier."),
            Key("out", .path, required: true, group: "run", affectsResult: false, help: "The file to write."),
            CommonKeys.json,
        ])

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        let settings = try schema.parse(arguments).withWeightsFile()
        let out = settings.string("out")
        try OutputFile.requireNew(out, key: "out")
        let network = try settings.zooNetwork(.cpu)
        // What begins at random is not the file's, and nobody should get it for weights.
        let isBackbone = settings.string("part") == "backbone"
        if let random = isBackbone ? network.randomOfBackbone : network.match?.kept.first {
            throw .data(
                "\(settings.string("weights")) has no \(random)"
                    + (network.randomOfBackbone == nil ? "; `--part backbone` writes the backbone, which it has" : ""))
        }
        try network.write(to: out, backboneOnly: isBackbone)
        if settings.bool("json") {
            print(JSON.object(["out": .string(out), "model": .string(network.model.name)]).canonical)
        } else {
            print("\(settings.string("part")) of \(network.model.name): \(out)")
        }
        return .done
    }
}
