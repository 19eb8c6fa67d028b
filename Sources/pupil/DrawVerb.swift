import Base
import Geometry
import Journal
import Recipes
import Scenes

/// `pupil draw`: a set of drawn scenes to try things on.
enum DrawVerb {
    static let schema = Schema(
        verb: "draw",
        summary: "Draw a set of scenes with shapes to find (JPEGs, COCO annotations, masks), or of single shapes.",
        keys: [
            Key("images", .positiveInteger, default: 400, group: "set", help: "Pictures in all."),
            Key("seed", .count, default: 0, group: "set", help: "The same seed draws the same bytes."),
            Key(
                "size", .integer(32...2048), default: 128, group: "set", help: "Side of the square pictures in pixels."),
            Key("masks", .bool, default: false, group: "set", help: "Also masks, for segmentation."),
            Key(
                "singles", .bool, default: false, group: "set",
                help: "Pictures of one shape each, an image folder, for classification: train/circle/000001.jpg."),
            Key("out", .path, required: true, group: "set", affectsResult: false, help: "A new folder."),
            CommonKeys.json, CommonKeys.dryRun,
            Key(
                "threads", .integer(1...1024), group: "machine", affectsResult: false,
                help: "Threads that draw. Default: the processors this process may use."),
            CommonKeys.unusedDevice,
        ])

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        let settings = try schema.parse(arguments)
        let out = settings.string("out")
        let size = Size(width: settings.int("size"), height: settings.int("size"))
        let count = settings.int("images")
        let seed = UInt64(settings.int("seed"))
        let singles = settings.bool("singles")
        if singles, settings.bool("masks") { throw .usage("--masks goes with scenes, not with --singles") }
        let what = singles ? "pictures of one shape" : "scenes"
        if settings.bool("dry-run") {
            settings.printPlan("\(count) \(what) of \(size.width)x\(size.height) pixels would be drawn into \(out)")
            return .done
        }
        let threads = settings.optionalInt("threads") ?? availableProcessors()
        let shown = Monitor((line: ProgressLine(label: "draw", total: count), done: 0))
        let progress: @Sendable (Int) -> Void = { done in
            shown.withLock {
                if done > $0.done { $0.line.advance(to: done, items: done - $0.done) }
                $0.done = max($0.done, done)
            }
        }
        if singles {
            try Scenes.writeSingles(
                images: count, seed: seed, to: out, style: .single(size: size), threads: threads, progress: progress)
        } else {
            try Scenes.write(
                images: count, seed: seed, to: out, style: SceneStyle(size: size), masks: settings.bool("masks"),
                threads: threads, progress: progress)
        }
        shown.withLock { $0.line.finish() }
        print(
            settings.bool("json")
                ? JSON.object(["out": .string(out), "images": .int(count)]).canonical
                : "drew \(count) \(what) in \(out)")
        return .done
    }
}
