import Base
import Journal
import Recipes
import Scenes

/// `pupil draw`: a set of drawn scenes to try things on.
enum DrawVerb {
    static let schema = Schema(
        verb: "draw", summary: "Draw a set of scenes with shapes to find: JPEGs and COCO annotations.",
        keys: [
            Key("images", .positiveInteger, default: 400, group: "set", help: "Pictures in all."),
            Key("seed", .count, default: 0, group: "set", help: "The same seed draws the same bytes."),
            Key("size", .integer(32...2048), default: 160, group: "set", help: "Side of the square pictures in pixels."),
            CommonKeys.out, CommonKeys.json,
        ])

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        let settings = try schema.parse(arguments)
        let out = settings.string("out")
        try Scenes.write(images: settings.int("images"), seed: UInt64(settings.int("seed")), to: out)
        print(settings.bool("json") ? JSON.object(["out": .string(out), "images": .int(settings.int("images"))]).canonical : "drew \(settings.int("images")) scenes in \(out)")
        return .done
    }
}
