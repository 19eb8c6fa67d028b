import Annotations
import Base
import Evaluation
import Imaging
import Journal
import Recipes

/// `pupil bench masks`: mIoU of a folder of masks against another, reading and counting timed apart.
enum BenchMasks {
    static let schema = Schema(
        verb: "bench masks", summary: "Seconds to read true and predicted masks and to count their pixels.",
        keys: [
            Key("gt-masks", .path, required: true, group: "data", help: "A folder of true masks."),
            Key("dt-masks", .path, required: true, group: "data", help: "Predicted masks of the same names."),
            Key("classes", .string, required: true, group: "data", help: "How many classes, or a file of their names."),
            Key("rounds", .positiveInteger, default: 3, group: "work", help: "Passes; the best one counts."),
            CommonKeys.threads, CommonKeys.json,
        ])

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        let settings = try schema.parse(arguments)
        let threads = settings.optionalInt("threads") ?? availableProcessors()
        let classes = try MaskClasses.read(settings.string("classes"))
        let names = classes.table.names
        let pairs = try Dataset.maskPairs(
            truth: settings.string("gt-masks"), predictions: settings.string("dt-masks"), list: nil, classes: classes)
        var (reading, counting) = (Double.infinity, Double.infinity)
        var sum = PixelConfusion(classes: names.count)
        for _ in 0..<settings.int("rounds") {
            let begin = monotonicSeconds()
            let masks = parallelMap(pairs.count, threads: threads) { i in
                Result { () throws(Failure) in try pairs.read(i) }
            }
            let read = monotonicSeconds()
            let counted = try masks.map { mask throws(Failure) in try mask.get() }
            let start = monotonicSeconds()
            let parts = parallelMap(threads, threads: threads) { worker in
                var part = PixelConfusion(classes: names.count)
                for i in stride(from: worker, to: counted.count, by: threads) {
                    part.add(truth: counted[i].truth, prediction: counted[i].prediction)
                }
                return part
            }
            sum = parts.reduce(into: PixelConfusion(classes: names.count)) { $0 += $1 }
            reading = min(reading, read - begin)
            counting = min(counting, monotonicSeconds() - start)
        }
        let metrics = SegmentationMetrics(sum, names: names)
        if settings.bool("json") {
            let json: JSON = [
                "value": .double(reading + counting), "unit": "seconds", "read": .double(reading),
                "score": .double(counting), "masks": .int(pairs.count), "threads": .int(threads),
                "mIoU": .number(metrics.meanIoU),
                "confusion": .array(
                    names.indices.map { row in .array(names.indices.map { .int(sum[row, $0]) }) }),
            ]
            print(json.canonical)
        } else {
            print(
                "\(pairs.count) pairs: \(TextTable.fixed(reading, 3)) s reading, \(TextTable.fixed(counting, 4)) s counting"
            )
        }
        return .done
    }
}
