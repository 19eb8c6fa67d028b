import Annotations
import Base
import Evaluation
import Journal
import Recipes

/// `pupil bench eval`: a whole COCO evaluation, both files read and scored.
enum BenchEval {
    static let schema = Schema(
        verb: "bench eval", summary: "Seconds to read annotations and results and to score them.",
        keys: [
            Key("gt", .path, required: true, group: "data", help: "COCO annotations."),
            Key("dt", .path, required: true, group: "data", help: "COCO results."),
            CommonKeys.threads, CommonKeys.json,
        ])

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        let settings = try schema.parse(arguments)
        let threads = settings.optionalInt("threads") ?? availableProcessors()
        let cpu = processorSeconds()
        let begin = monotonicSeconds()
        let truth = try TruthSet.coco(settings.string("gt"))
        let detections = try COCOResults.scored(settings.string("dt"), truth)
        let read = monotonicSeconds()
        let metrics = COCOEvaluator.evaluate(truth, detections, threads: threads)
        let end = monotonicSeconds()
        let used = processorSeconds() - cpu
        if settings.bool("json") {
            let json: JSON = [
                "value": .double(end - begin), "unit": "seconds", "read": .double(read - begin),
                "score": .double(end - read), "cpu": .double(used),
                "memory_mb": .double(Double(processMemory()?.peak ?? 0) / 0x1p20),
                "threads": .int(threads), "images": .int(truth.images.count),
                "detections": .int(detections.reduce(0) { $0 + $1.count }), "AP": .number(metrics.ap),
                "AP50": .number(metrics.ap50),
            ]
            print(json.canonical)
        } else {
            func text(_ seconds: Double) -> String { TextTable.fixed(seconds, 3) }
            print(
                "\(text(end - begin)) s: \(text(read - begin)) reading, \(text(end - read)) scoring; "
                    + "\(text(used)) s of processor time")
        }
        return .done
    }
}
