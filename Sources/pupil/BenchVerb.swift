import Annotations
import Base
import Journal
import Recipes

/// `pupil bench WHAT`: how fast a part of the program is, by its own clock.
enum BenchVerb {
    /// What can be measured.
    enum Bench: String, CaseIterable {
        /// Reading an annotation file.
        case index
    }

    static let schema = Schema(
        verb: "bench", summary: "How fast a part of the program is: index (reading an annotation file).",
        positional: ["bench"],
        keys: [
            Key(
                "bench", .choice(Bench.allCases.map(\.rawValue)), required: true, group: "run", help: "What to measure."
            ),
            Key("gt", .path, required: true, group: "data", help: "COCO annotations."),
            Key("repeat", .positiveInteger, default: 1, group: "run", help: "How often; the fastest one counts."),
            CommonKeys.json,
        ])

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        let settings = try schema.parse(arguments)
        guard let bench = Bench(rawValue: settings.string("bench")) else { return .unexpected }
        let facts: [(String, JSON)]
        switch bench {
        case .index: facts = try index(settings)
        }
        if settings.bool("json") {
            print(JSON.object(Dictionary(facts, uniquingKeysWith: { first, _ in first })).canonical)
        } else {
            for (name, value) in facts { print("\(name): \(value.string ?? value.canonical)") }
        }
        return .done
    }

    /// The seconds that `body` takes at best, and what it gave last.
    private static func fastest<R>(of count: Int, _ body: () throws(Failure) -> R) throws(Failure) -> (Double, R) {
        var best = Double.infinity
        var last: R?
        for _ in 0..<count {
            last = nil  // two results at once would count twice in memory
            let start = monotonicSeconds()
            last = try body()
            best = min(best, monotonicSeconds() - start)
        }
        guard let last else { preconditionFailure("a bench runs at least once") }
        return (best, last)
    }

    private static func index(_ settings: Settings) throws(Failure) -> [(String, JSON)] {
        // Boxes as written: whether they are right is `check`'s business.
        let path = settings.string("gt")
        let (seconds, set) = try fastest(of: settings.int("repeat")) { () throws(Failure) in
            try Dataset.coco(path, clip: false, emptyBoxes: .keep)
        }
        let memory = processMemory()
        return [
            ("value", .double(seconds)), ("unit", "seconds"), ("images", .int(set.examples.count)),
            ("labels", .int(set.examples.reduce(0) { $0 + $1.annotations.count })),
            ("peak_bytes", memory.map { .int($0.peak) } ?? .null),
            ("anonymous_bytes", memory.map { .int($0.anonymous) } ?? .null),
        ]
    }
}
