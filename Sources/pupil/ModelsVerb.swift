import Base
import Journal
import Layers
import Models
import Recipes

/// `pupil models`: the zoo.
enum ModelsVerb {
    static let schema = Schema(
        verb: "models", summary: "The models by name, with their sizes.",
        keys: [
            Key("classes", .positiveInteger, default: 80, group: "model", help: "Classes to count parameters for."),
            CommonKeys.json,
        ])

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        let settings = try schema.parse(arguments)
        var table = TextTable(["model", "parameters", "size", "what it is"])
        var rows: [JSON] = []
        for model in Zoo.models {
            let store = ParameterStore(seed: 0)
            _ = RetinaNet(store.root, model.spec(settings.int("classes")))
            table.add([
                model.name, TextTable.fixed(Double(store.parameterCount) / 1e6, 1) + " M", "\(model.size)",
                model.summary,
            ])
            rows.append([
                "name": .string(model.name), "parameters": .int(store.parameterCount), "size": .int(model.size),
                "summary": .string(model.summary),
            ])
        }
        print(settings.bool("json") ? JSON.array(rows).canonical + "\n" : table.text, terminator: "")
        return .done
    }
}
