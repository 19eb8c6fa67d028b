import Base
import Journal
import Layers
import Models
import Recipes
import Torch

/// `pupil models`: the zoo.
enum ModelsVerb {
    static let schema = Schema(
        verb: "models", summary: "The networks by name, with their sizes; one of them layer by layer.",
        keys: [
            Key("show", .string, group: "model", help: "A model to print layer by layer, with shapes."),
            Key(
                "classes", .positiveInteger, group: "model",
                help:
                    "Classes to count with. Default: the paper's, 91 outputs for boxes, 21 for pixels, 1000 for pictures."
            ),
            Key("size", .integer(32...8192), group: "model", help: "Side of the pictures. Default: the model's own."),
            CommonKeys.json,
        ])

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        let settings = try schema.parse(arguments)
        let shown = try settings.optionalString("show").map { name throws(Failure) in try Zoo.model(name) }
        let models = shown.map { [$0] } ?? Zoo.models
        let counts = models.map {
            ModelCount($0, classes: settings.optionalInt("classes"), size: settings.optionalInt("size"))
        }
        if settings.bool("json") {
            let rows = counts.map { $0.json(withLayers: shown != nil) }
            print((shown == nil ? ["models": .array(rows)] : rows[0]).canonical)
        } else if shown != nil {
            print(counts[0].layers, terminator: "")
        } else {
            var table = TextTable([
                "model", "parameters", "multiply-adds", "size", "levels", "checkpoints", "what it is",
            ])
            for count in counts {
                table.add([
                    count.model.name, ModelCount.millions(count.parameters), ModelCount.billions(count.macs),
                    "\(count.size)", count.levelNames, count.model.family, count.model.summary,
                ])
            }
            print(table.text, terminator: "")
        }
        return .done
    }
}

/// A model of the zoo, counted on pictures without pixels.
struct ModelCount {
    let model: Zoo.Model
    let classes: Int
    let size: Int
    let parameters: Int
    private let levels: [(name: String, shape: [Int])]
    private let census: Census

    init(_ model: Zoo.Model, classes: Int?, size: Int?) {
        self.model = model
        self.classes = classes ?? model.classes
        self.size = size ?? model.size
        let store = ParameterStore(seed: 0, device: .meta)
        let network = Network(store.root, model.spec(self.classes))
        let picture = Tensor.empty([1, 3, self.size, self.size], device: .meta, channelsLast: true)
        census = Census.of { _ = network.forward(picture, .inference) }
        levels = withoutGradients {
            network.features(picture, .inference).sorted { $0.key < $1.key }.map { ($0.key, $0.value.shape) }
        }
        parameters = store.parameterCount
    }

    var macs: Int { census.macs }

    /// What `pupil embed` can be asked for, beside `pooled`: `c2-c5 p3-p7`.
    var levelNames: String {
        ["c", "p"].compactMap { letter in
            let names = levels.map(\.name).filter { $0.hasPrefix(letter) && $0 != "pooled" }
            guard let first = names.first, let last = names.last else { return nil }
            return "\(first)-\(last)"
        }.joined(separator: " ")
    }

    func json(withLayers: Bool) -> JSON {
        var object: [String: JSON] = [
            "name": .string(model.name), "parameters": .int(parameters), "macs": .int(macs), "size": .int(size),
            "classes": .int(classes), "checkpoints": .string(model.family), "summary": .string(model.summary),
            "levels": .object(Dictionary(uniqueKeysWithValues: levels.map { ($0.name, Self.json($0.shape)) })),
        ]
        if withLayers {
            object["layers"] = .array(
                census.rows.map {
                    [
                        "path": .string($0.path), "kind": .string($0.kind), "output": Self.json($0.output),
                        "parameters": .int($0.parameters), "macs": .int($0.macs),
                    ]
                })
        }
        return .object(object)
    }

    /// Every call of a layer, indented as the names are nested.
    var layers: String {
        var table = TextTable(["layer", "kind", "output", "parameters", "multiply-adds"])
        var before: [Substring] = []
        for row in census.rows {
            let parts = row.path.split(separator: ".")
            var depth = 0
            while depth < min(parts.count, before.count) - 1, parts[depth] == before[depth] { depth += 1 }
            for d in depth..<max(depth, parts.count - 1) {
                table.add([String(repeating: "  ", count: d) + parts[d], "", "", "", ""])
            }
            table.add([
                String(repeating: "  ", count: parts.count - 1) + (parts.last ?? ""), row.kind,
                row.output.map(String.init).joined(separator: "x"), Self.grouped(row.parameters),
                row.macs == 0 ? "" : TextTable.fixed(Double(row.macs) / 1e6, 2) + " M",
            ])
            before = parts
        }
        return table.text
            + "\n\(model.name), \(classes) classes, \(size) pixels: \(Self.grouped(parameters)) parameters, \(Self.billions(macs)) multiply-adds\n"
            + levels.map { "\($0.name): \($0.shape.map(String.init).joined(separator: "x"))\n" }.joined()
    }

    private static func json(_ shape: [Int]) -> JSON { .array(shape.map { .int($0) }) }

    static func millions(_ n: Int) -> String { TextTable.fixed(Double(n) / 1e6, 2) + " M" }
    static func billions(_ n: Int) -> String { TextTable.fixed(Double(n) / 1e9, 2) + " G" }

    private static func grouped(_ n: Int) -> String {
        var text = String(n)
        var i = text.count - 3
        while i > 0 {
            text.insert(",", at: text.index(text.startIndex, offsetBy: i))
            i -= 3
        }
        return text
    }
}
