import Annotations
import Base
import Journal
import Recipes

/// `pupil bench index`: how fast an annotation file is read, and in how much memory.
enum BenchIndex {
    static let schema = Schema(
        verb: "bench index", summary: "Seconds to read an annotation file.",
        keys: [
            Key("gt", .path, required: true, group: "data", help: "COCO annotations."),
            Key("repeat", .positiveInteger, default: 1, group: "run", help: "How often; the fastest one counts."),
            CommonKeys.json,
        ])

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        let settings = try schema.parse(arguments)
        let path = settings.string("gt")
        var best = Double.infinity
        var images = 0
        var labels = 0
        for _ in 0..<settings.int("repeat") {
            let start = monotonicSeconds()
            // Boxes as written: whether they are right is `check`'s business.
            let set = try Dataset.coco(path, clip: false, emptyBoxes: .keep)
            best = min(best, monotonicSeconds() - start)
            images = set.examples.count
            labels = set.examples.reduce(0) { $0 + $1.annotations.count }
        }
        let memory = processMemory()
        let facts: [(String, JSON)] = [
            ("value", .double(best)), ("unit", "seconds"), ("images", .int(images)), ("labels", .int(labels)),
            ("peak_bytes", memory.map { .int($0.peak) } ?? .null),
            ("anonymous_bytes", memory.map { .int($0.anonymous) } ?? .null),
        ]
        if settings.bool("json") {
            print(JSON.object(Dictionary(facts, uniquingKeysWith: { first, _ in first })).canonical)
        } else {
            for (name, value) in facts { print("\(name): \(value.string ?? value.canonical)") }
        }
        return .done
    }
}
