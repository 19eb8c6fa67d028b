import Annotations
import Base
import Journal
import Models
import Recipes
import SelfTraining
import Torch
import Training

/// What `--weights` and `--init` mean: a file, a run's folder, a network of the zoo.
extension Settings {
    /// The network of `CommonKeys.network`; says on standard error what was taken.
    func zooNetwork(_ device: Device) throws(Failure) -> ZooNetwork {
        let network = try ZooNetwork(
            name: optionalString("model"), weights: string("weights"), key: optionalString("weights-key"),
            allow: strings("weights-allow"), pixels: PixelScale(rawValue: string("weights-pixels")) ?? .imagenet,
            eps: optionalDouble("weights-eps"), device: device)
        for line in network.notes + (network.match.map { [$0.summary] } ?? []) { Console.standardError.line(line) }
        return network
    }

    /// What `--init`, or another such key, says. - Throws: where a file's tensors do not fit the model of the recipe.
    func start<Model: TaskModel>(
        _ key: String = "init", for recipe: TrainingRecipe, _ classes: ClassTable, _: Model.Type
    ) throws(Failure) -> Start {
        let word = string(key)
        if word == "random" { return .random }
        guard Files.exists(word) else {
            var words = ["random"]
            if key == "student-init" {
                words += ["teacher", "start"]
            } else if schema.verb == "study" {
                words += ["simclr", "classes"]
            }
            throw .data(
                "\(key): there is no file \(word)\(didYouMean(word, words)); expected \(words.joined(separator: ", ")), a weights "
                    + "file or a run's folder")
        }
        let reading = WeightsReading(
            key: optionalString("init-key"), allow: strings("init-allow"),
            pixels: PixelScale(rawValue: string("init-pixels")) ?? .imagenet, eps: optionalDouble("init-eps"))
        let start = Start.file(try Self.weights(of: word, named: key), reading)
        let summary = try start.check(for: recipe, classes: classes, Model.self)
        if let summary, bool("dry-run") { Console.standardError.line("\(key): \(summary)") }
        return start
    }

    /// With `weights` as a file, where a run's folder was named.
    func withWeightsFile() throws(Failure) -> Settings {
        guard let word = optionalString("weights"), Files.isFolder(word) else { return self }
        return setting("weights", .string(try Self.weights(of: word, named: "weights")))
    }

    /// A weights file, or that of a run's folder: the one whose numbers the run reports.
    static func weights(of word: String, named key: String) throws(Failure) -> String {
        guard Files.isFolder(word) else { return word }
        let chosen = holdsOut(word) ? ["best", "last"] : ["last"]
        // A run of train has its weights at hand; one of selftrain has those of its student.
        for folder in ["weights", "student/weights"] {
            for name in chosen {
                let file = Files.join(word, "\(folder)/\(name).safetensors")
                guard Files.exists(file) else { continue }
                if Files.exists(Files.join(word, "\(folder)/best.safetensors")) {
                    Console.standardError.line("\(key): \(word) has last and best weights; \(name) are taken (\(file))")
                }
                return file
            }
        }
        // Of several seeds, nobody knows which is meant.
        let arms = ["student", "control", "teacher"].flatMap { arm in
            ((try? Files.list(word)) ?? []).filter { $0.hasPrefix("seed_") }.map { "\($0)/\(arm)" }
        }.filter { Files.exists(Files.join(word, $0 + "/weights/last.safetensors")) }
        throw .data(
            "\(key): the folder \(word) holds no run with weights (weights/last.safetensors)"
                + (arms.first.map { "; it has one of several seeds, such as \(Files.join(word, $0))" } ?? ""))
    }

    /// Whether the run that a folder is of, or lies in (an arm of a seed of a study's cell), held labels out by which each
    /// arm's best weights were chosen.
    private static func holdsOut(_ folder: String) -> Bool {
        // By the names alone: arms are links to stages, above which no run lies.
        var folder = Files.normalised(Files.join((try? Files.absolute(".")) ?? "", folder))
        for _ in 0..<5 {
            let path = Files.join(folder, "args.yaml")
            if Files.exists(path) {
                let run = [SelfTrainVerb.schema, StudyVerb.schema].lazy.compactMap { schema in
                    try? schema.parse(["--recipe", path])
                }.first
                return (run?.double("hold-out") ?? 0) > 0
            }
            folder = Files.folder(folder)
        }
        return false
    }
}
