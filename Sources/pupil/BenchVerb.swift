import Base

/// `pupil bench WHAT`: the speed of one part.
enum BenchVerb {
    static let summary = "Measure the speed of a part: decode."

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        let rest = Array(arguments.dropFirst())
        switch arguments.first {
        case "decode": return try BenchDecode.run(rest)
        default:
            throw .usage(
                "bench measures decode, not \(arguments.first ?? "nothing")\(didYouMean(arguments.first ?? "", ["decode"]))"
            )
        }
    }
}
