import Base
import Glibc
import Journal
import Recipes

/// A verb: what it takes and what it does.
struct Verb: Sendable {
    let name: String
    let summary: String
    let run: @Sendable (_ arguments: [String]) throws(Failure) -> ExitCode
}

/// The command line. No logic of its own: each verb stands in a file of its name.
@main
struct Pupil {
    static let verbs: [Verb] = [
        Verb(name: "selftrain", summary: SelfTrainVerb.schema.summary, run: SelfTrainVerb.run),
        Verb(name: "study", summary: StudyVerb.schema.summary, run: StudyVerb.run),
        Verb(name: "train", summary: TrainVerb.schema.summary, run: TrainVerb.run),
        Verb(name: "pretrain", summary: PretrainVerb.summary, run: PretrainVerb.run),
        Verb(name: "probe", summary: ProbeVerb.schema.summary, run: ProbeVerb.run),
        Verb(name: "label", summary: LabelVerb.schema.summary, run: LabelVerb.run),
        Verb(name: "predict", summary: PredictVerb.schema.summary, run: PredictVerb.run),
        Verb(name: "val", summary: ValVerb.schema.summary, run: ValVerb.run),
        Verb(name: "check", summary: CheckVerb.schema.summary, run: CheckVerb.run),
        Verb(name: "convert", summary: ConvertVerb.schema.summary, run: ConvertVerb.run),
        Verb(name: "augment", summary: AugmentVerb.schema.summary, run: AugmentVerb.run),
        Verb(name: "draw", summary: DrawVerb.schema.summary, run: DrawVerb.run),
        Verb(name: "embed", summary: EmbedVerb.schema.summary, run: EmbedVerb.run),
        Verb(name: "export", summary: ExportVerb.schema.summary, run: ExportVerb.run),
        Verb(name: "models", summary: ModelsVerb.schema.summary, run: ModelsVerb.run),
        Verb(name: "bench", summary: BenchVerb.summary, run: BenchVerb.run),
        Verb(name: "doctor", summary: DoctorVerb.schema.summary, run: DoctorVerb.run),
    ]

    static func main() {
        var code = run(Array(CommandLine.arguments.dropFirst()))
        // What nobody could read was not said: a full disk, a closed pipe.
        if fflush(nil) != 0 {
            let reason = String(cString: strerror(errno))
            Console.standardError.line("pupil: standard output cannot be written: \(reason)")
            if code == .done { code = .environment }
        }
        exit(code.rawValue)
    }

    static func run(_ arguments: [String]) -> ExitCode {
        // `pupil help train` is `pupil train --help`.
        if arguments.count > 1, arguments[0] == "help" { return run(Array(arguments.dropFirst()) + ["--help"]) }
        guard let name = arguments.first, !["help", "--help", "-h"].contains(name) else {
            print(usage, terminator: "")
            return arguments.isEmpty ? .usage : .done
        }
        if name == "--version" || name == "version" {
            print("pupil \(version)")
            return .done
        }
        do throws(Failure) {
            guard let verb = verbs.first(where: { $0.name == name }) else {
                throw .usage("there is no verb \(name)\(didYouMean(name, verbs.map(\.name))) (`pupil help` lists them)")
            }
            return try verb.run(Array(arguments.dropFirst()))
        } catch {
            if error.code == .done {
                print(error.message)
            } else {
                // Some messages begin with the verb already.
                let place = "pupil \(name)"
                Console.standardError.line(
                    error.message.hasPrefix(place + " ") ? error.message : "\(place): \(error.message)")
            }
            return error.code
        }
    }

    static let version = "0.1.0"

    static var usage: String {
        let width = verbs.map(\.name.count).max() ?? 0
        let lines = verbs.map { verb in
            "  \(verb.name)\(String(repeating: " ", count: width - verb.name.count))  \(verb.summary)\n"
        }
        return """
            Pupil: does my detector gain from unlabelled pictures?

            usage: pupil VERB [--key value | --key=value | key=value]...

            \(lines.joined())
            `pupil VERB --help` explains a verb's settings; --recipe FILE.yaml reads them from a file.

            """
    }
}
