import Base
import Glibc
import Journal
import Recipes

/// A verb: what it takes and what it does.
struct Verb: Sendable {
    let name: String
    let summary: String
    /// Whether it runs a network for long.
    var computes = false
    let run: @Sendable (_ arguments: [String]) throws(Failure) -> ExitCode
}

/// The command line. No logic of its own: each verb stands in a file of its name.
@main
struct Pupil {
    static let verbs: [Verb] = [
        Verb(name: "selftrain", summary: SelfTrainVerb.schema.summary, computes: true, run: SelfTrainVerb.run),
        Verb(name: "train", summary: TrainVerb.schema.summary, computes: true, run: TrainVerb.run),
        Verb(name: "label", summary: LabelVerb.schema.summary, computes: true, run: LabelVerb.run),
        Verb(name: "predict", summary: PredictVerb.schema.summary, computes: true, run: PredictVerb.run),
        Verb(name: "val", summary: ValVerb.schema.summary, run: ValVerb.run),
        Verb(name: "draw", summary: DrawVerb.schema.summary, run: DrawVerb.run),
        Verb(name: "models", summary: ModelsVerb.schema.summary, run: ModelsVerb.run),
        Verb(name: "doctor", summary: DoctorVerb.schema.summary, run: DoctorVerb.run),
    ]

    static func main() {
        exit(run(Array(CommandLine.arguments.dropFirst())).rawValue)
    }

    static func run(_ arguments: [String]) -> ExitCode {
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
            if verb.computes { beginAgainWithPatience() }
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

    /// Starts the program once more, where it was started without a word on how libtorch's threads (libgomp's) wait.
    ///
    /// At each barrier they spin for 10 ms before they sleep. Beside another busy process, which holds back the thread
    /// they wait for, that makes a run tens of times slower; 0.3 ms cost nothing on an idle machine
    /// (docs/benchmarks.md). libgomp reads its settings before `main`, so setting them here is too late for this start.
    private static func beginAgainWithPatience() {
        if getenv("GOMP_SPINCOUNT") != nil || getenv("OMP_WAIT_POLICY") != nil { return }
        setenv("GOMP_SPINCOUNT", "10000", 1)
        var words: [UnsafeMutablePointer<CChar>?] = CommandLine.arguments.map { strdup($0) } + [nil]
        execv("/proc/self/exe", &words)
        words.forEach { free($0) }  // it could not be started: slower, but no worse
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
