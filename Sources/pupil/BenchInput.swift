import Annotations
import Augmentation
import Base
import Geometry
import Glibc
import Imaging
import Journal
import Recipes

/// `pupil bench input`: how fast training pictures are made, from files to normalised canvases.
enum BenchInput {
    static let schema = Schema(
        verb: "bench input", summary: "Pictures a second of decoding and augmenting, into normalised fp32.",
        keys: [
            Key("images", .path, required: true, group: "data", help: "A folder of pictures, of any depth."),
            AugmentationKeys.policy("policy", default: "S1"),
            Key("size", .integer(1...8192), default: 640, group: "work", help: "Side of the canvas in pixels."),
            Key(
                "limit", .positiveInteger, default: 200, group: "work", help: "Pictures that are taken, from the first."
            ),
            Key(
                "passes", .positiveInteger, default: 3, group: "work",
                help: "Passes over the pictures, each with draws of its own, that are timed together."),
            Key("rounds", .positiveInteger, default: 3, group: "work", help: "Timings; the best one counts."),
            Key(
                "threads", .integer(1...1024), default: 1, group: "machine",
                help: "Threads that decode and render."),
            CommonKeys.json,
        ] + AugmentationKeys.changes)

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        let settings = try schema.parse(arguments)
        if settings.value("augment_cutmix") != nil {
            throw .usage("--augment-cutmix is of segmentation; here are no masks")
        }
        let policy = try settings.policy(settings.string("policy"))
        let pool = try Dataset.pool([settings.string("images")])
        let canvas = Size(width: settings.int("size"), height: settings.int("size"))
        let threads = settings.int("threads")
        // The first pass brings the files into memory and finds those that cannot be read.
        let tried = pool.examples.prefix(settings.int("limit")).map { pool.path(of: $0) }
        let files = tried.filter { (try? ImageFile.decode($0)) != nil }
        if files.isEmpty { throw .data("\(settings.string("images")): no picture can be read") }
        let count = files.count * settings.int("passes")
        // Five boxes a picture, for operators that act on boxes and because boxes have to be moved as well.
        let boxes = { @Sendable (size: Size) in
            (0..<5).map { i -> Box in
                let (w, h) = (Float(size.width), Float(size.height))
                let at = Float(i) / 6
                return Box(x1: at * w, y1: at * h, x2: (at + 0.2) * w, y2: (at + 0.3) * h)
            }
        }
        var (wall, processor) = (Double.infinity, Double.infinity)
        for _ in 0..<settings.int("rounds") {
            let (start, used) = (monotonicSeconds(), processorSeconds())
            parallelFor(threads, threads: threads) { worker in
                let slot = UnsafeMutableBufferPointer<Float>.allocate(capacity: canvas.width * canvas.height * 3)
                defer { slot.deallocate() }
                for i in stride(from: worker, to: count, by: threads) {
                    guard
                        let picture = try? ImageFile.decode(
                            files[i % files.count], needed: { policy.largest(for: $0, target: canvas) },
                            margin: Policy.decodingMargin)
                    else { continue }
                    var random = Random(seed: 0, purpose: .augmentation, epoch: i / files.count, index: i)
                    let boxes = boxes(picture.size)
                    let plan = policy.plan(for: picture.size, boxes: boxes, target: canvas, random: &random)
                    plan.render(picture.image, reduction: picture.reduction, into: slot)
                    _ = boxes.compactMap { plan($0) }
                }
            }
            wall = min(wall, monotonicSeconds() - start)
            processor = min(processor, processorSeconds() - used)
        }
        let rate = Double(count) / wall
        if settings.bool("json") {
            print(
                JSON.object([
                    "value": .number(rate), "unit": "images/s", "pictures": .int(files.count),
                    "refused": .int(tried.count - files.count),
                    "policy": .string(policy.name), "size": .int(canvas.width), "threads": .int(threads),
                    "processor_ms": .number(1000 * processor / Double(count)),
                ]).canonical)
        } else {
            print(
                "\(TextTable.fixed(rate, 1)) pictures/s, \(TextTable.fixed(1000 * processor / Double(count), 2)) ms of "
                    + "processor time each: \(policy.name) at \(canvas.width), \(threads) thread\(threads == 1 ? "" : "s"), "
                    + "\(files.count) pictures"
                    + (files.count < tried.count ? ", \(tried.count - files.count) that cannot be read left out" : ""))
        }
        return .done
    }
}
