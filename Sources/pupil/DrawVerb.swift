import Base
import Geometry
import Journal
import Recipes
import Scenes

/// `pupil draw`: a set of drawn scenes to try things on.
enum DrawVerb {
    static let schema = Schema(
        verb: "draw", summary: "Draw a set of scenes with shapes to find: JPEGs, COCO annotations, masks.",
        keys: [
            Key("images", .positiveInteger, default: 400, group: "set", help: "Pictures in all."),
            Key("seed", .count, default: 0, group: "set", help: "The same seed draws the same bytes."),
            Key(
                "size", .integer(32...2048), default: 128, group: "set", help: "Side of the square pictures in pixels."),
            Key("masks", .bool, default: false, group: "set", help: "Also masks, for segmentation."),
            Key("out", .path, required: true, group: "set", affectsResult: false, help: "A new folder."),
            CommonKeys.json, CommonKeys.dryRun,
            Key(
                "threads", .integer(1...1024), group: "machine", affectsResult: false,
                help: "Threads that draw. Default: the processors this process may use."),
        ])

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        let settings = try schema.parse(arguments)
        let out = settings.string("out")
        let side = settings.int("size")
        let count = settings.int("images")
        if settings.bool("dry-run") {
            print("would draw \(count) scenes of \(side)x\(side) pixels into \(out)")
            return .done
        }
        let progress = Monitor((line: ProgressLine(label: "draw", total: count), done: 0))
        try Scenes.write(
            images: count, seed: UInt64(settings.int("seed")), to: out,
            style: SceneStyle(size: Size(width: side, height: side)), masks: settings.bool("masks"),
            threads: settings.optionalInt("threads") ?? availableProcessors(),
            progress: { done in
                progress.withLock {
                    if done > $0.done { $0.line.advance(to: done, items: done - $0.done) }
                    $0.done = max($0.done, done)
                }
            })
        progress.withLock { $0.line.finish() }
        print(
            settings.bool("json")
                ? JSON.object(["out": .string(out), "images": .int(settings.int("images"))]).canonical
                : "drew \(settings.int("images")) scenes in \(out)")
        return .done
    }
}
