import Annotations
import Base
import Journal
import Loading
import Recipes
import SelfTraining
import Training

/// The part of `pupil val` that scores a classifier on a folder of class folders.
enum ValClasses {
    static let keys = [
        PretrainKeys.evaluationCrop("classes"),
        Key(
            "class-names", .path, group: "classes",
            help: "The names of a classifier's classes that was trained with them, as for pretrain supervised."),
    ]

    /// Nil where the weights are no classifier's.
    static func run(_ settings: Settings) throws(Failure) -> ExitCode? {
        let task = try settings.optionalString("weights").map { path throws(Failure) in try TaskName(ofWeights: path) }
        if task == .contrastive {
            throw .usage("an encoder without classes has no score; `pupil probe` measures its features")
        }
        guard let weights = settings.optionalString("weights"), task == .classification else {
            for key in keys where settings.departs(key.name) {
                throw .usage("\(key.flag) goes with the --weights of a classifier")
            }
            return nil
        }
        guard let folder = settings.optionalString("gt") else {
            throw .usage("a classifier is measured on --gt FOLDER, which has a folder of pictures for each class")
        }
        let foreign =
            ValMasks.keys + ValSettings.keys + CommonKeys.suppression + [
                CommonKeys.detectionLines, CommonKeys.detectionClasses, CommonKeys.classes, CommonKeys.vocPixels,
            ]
        if let name = (foreign.map(\.name) + ["dt", "images"]).first(where: { settings.departs($0) }) {
            throw .usage("--\(name.map { $0 == "_" ? "-" : String($0) }.joined()) does not go with a classifier")
        }
        if settings.value("out") != nil { try RunFolder.requireFit(settings) }
        var options = Classifier.InferenceOptions(precision: nil)
        options.crop = try settings.evaluationCrop()
        if settings.bool("dry-run") {
            settings.printPlan()
            return .done
        }
        let device = try settings.useMachine()
        let classifier = try Classifier(weights: weights, device: device)
        let set = try Dataset.imageFolder(
            folder, part: settings.string("part"), names: settings.optionalString("class-names"),
            classes: classifier.classes)
        for note in set.notes { Console.standardError.line("\(set.source): \(note)") }
        options.precision = Settings.precision(settings.string("precision"), device)
        options.workers = settings.workers(device)
        let out = settings.optionalString("out")
        let lock = try out.map { _ throws(Failure) in try RunFolder.claim(settings) }
        defer { withExtendedLifetime(lock) {} }
        let score = try classifier.score(set, options, into: out)
        for line in score.quarantine.lines(fate: "") { Console.standardError.line(line) }
        if let out { try Files.write(score.json.pretty, to: Files.join(out, "metrics.json")) }
        print(settings.bool("json") ? score.json.canonical : Console.harmless(score.table))
        return .done
    }
}
