import Annotations
import Augmentation
import Base
import Geometry
import Glibc
import Imaging
import Journal
import Recipes

/// `pupil bench decode`: how fast pictures are read and brought into a canvas.
enum BenchDecode {
    static let schema = Schema(
        verb: "bench decode", summary: "Pictures a second of decoding, and of decoding and rendering.",
        keys: [
            Key("images", .path, required: true, group: "data", help: "A folder of pictures, of any depth."),
            Key("size", .integer(1...8192), default: 256, group: "work", help: "Side of the canvas in pixels."),
            Key(
                "limit", .positiveInteger, default: 200, group: "work", help: "Pictures that are taken, from the first."
            ),
            Key("rounds", .positiveInteger, default: 5, group: "work", help: "Passes; the best one counts."),
            CommonKeys.workers, CommonKeys.json,
        ])

    /// One kind of work over all pictures.
    private struct Timing {
        var wall = Double.infinity
        var processor = Double.infinity
    }

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        let settings = try schema.parse(arguments)
        let pool = try Dataset.pool([settings.string("images")])
        let paths = pool.examples.prefix(settings.int("limit")).map { pool.path(of: $0) }
        let canvas = Size(width: settings.int("size"), height: settings.int("size"))
        let workers = settings.optionalInt("workers") ?? 1
        let fit = { @Sendable (size: Size) in Plan.evaluation(for: size, target: canvas).resized }
        // The first pass brings the files into memory and finds those that cannot be read.
        var usable: [String] = []
        for path in paths where (try? ImageFile.decode(path)) != nil { usable.append(path) }
        if usable.isEmpty { throw .data("\(settings.string("images")): no picture can be read") }
        let count = usable.count
        let files = usable
        var (decoding, both) = (Timing(), Timing())
        for _ in 0..<settings.int("rounds") {
            take(&decoding) { parallelFor(count, threads: workers) { _ = try? ImageFile.decode(files[$0]) } }
            take(&both) {
                parallelFor(workers, threads: workers) { worker in
                    let slot = UnsafeMutableBufferPointer<Float>.allocate(capacity: canvas.width * canvas.height * 3)
                    defer { slot.deallocate() }
                    for i in stride(from: worker, to: count, by: workers) {
                        guard let picture = try? ImageFile.decode(files[i], needed: fit) else { continue }
                        Plan.evaluation(for: picture.size, target: canvas)
                            .render(picture.image, reduction: picture.reduction, into: slot)
                    }
                }
            }
        }
        if settings.bool("json") {
            func json(_ timing: Timing) -> JSON {
                [
                    "value": .number(Double(count) / timing.wall), "unit": "pictures/s",
                    "processor_ms": .number(1000 * timing.processor / Double(count)),
                ]
            }
            print(
                JSON.object([
                    "value": .number(Double(count) / both.wall), "unit": "pictures/s", "pictures": .int(count),
                    "size": .int(canvas.width), "workers": .int(workers), "decode": json(decoding),
                    "decode_and_render": json(both),
                ]).canonical)
        } else {
            var table = TextTable(["work", "pictures/s", "processor ms a picture"])
            for (name, timing) in [("decode, whole", decoding), ("decode and render to \(canvas.width)", both)] {
                table.add([
                    name, TextTable.fixed(Double(count) / timing.wall, 1),
                    TextTable.fixed(1000 * timing.processor / Double(count), 2),
                ])
            }
            print(table.text, terminator: "")
            print("\(count) pictures, \(workers) worker(s), best of \(settings.int("rounds")) passes")
        }
        return .done
    }

    /// Keeps the least wall and processor seconds of a pass.
    private static func take(_ timing: inout Timing, _ work: () -> Void) {
        let (wall, processor) = (monotonicSeconds(), processorSeconds())
        work()
        timing.wall = min(timing.wall, monotonicSeconds() - wall)
        timing.processor = min(timing.processor, processorSeconds() - processor)
    }
}
