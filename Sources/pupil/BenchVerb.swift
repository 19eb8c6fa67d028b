import Base

/// `pupil bench`: seconds of one part of the program, for comparing it with its peers.
enum BenchVerb {
    static let summary = "Time a part of the program: \(benches.map(\.name).joined(separator: ", "))."

    static let benches: [(name: String, run: @Sendable (_ arguments: [String]) throws(Failure) -> ExitCode)] = [
        ("train", BenchModel.train), ("infer", BenchModel.infer), ("decode", BenchDecode.run),
        ("input", BenchInput.run), ("eval", BenchEval.run),
        ("masks", BenchMasks.run), ("index", BenchIndex.run),
    ]

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        let names = benches.map(\.name)
        if let word = arguments.first, ["--help", "-h"].contains(word) {
            throw Failure(.done, "pupil bench PART: \(summary)\n`pupil bench PART --help` explains a part's settings.")
        }
        guard let name = arguments.first, !name.hasPrefix("-") else {
            throw .usage("say what to time: \(names.joined(separator: ", "))")
        }
        guard let bench = benches.first(where: { $0.name == name }) else {
            throw .usage(
                "cannot time \(name)\(didYouMean(name, names)); it times \(names.joined(separator: ", "))")
        }
        return try bench.run(Array(arguments.dropFirst()))
    }
}
