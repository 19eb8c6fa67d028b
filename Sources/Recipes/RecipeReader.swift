import Base
import Markup

/// A recipe file, its nested mappings flattened to dotted names and its values checked by the schema's keys.
struct RecipeReader {
    let schema: Schema
    let file: String
    private var values: [String: JSON] = [:]

    init(schema: Schema, file: String) {
        self.schema = schema
        self.file = file
    }

    /// The values by stored name.
    /// - Throws: `.usage` with file, line and column.
    func read() throws(Failure) -> [String: JSON] {
        let root = try YAML.parse(try Files.readText(file), file: file)
        guard case .mapping(let members) = root.content else {
            throw .usage("\(file):\(root.line):\(root.column): a recipe is a mapping of settings, `key: value`")
        }
        var reader = self
        try reader.flatten(members, prefix: "")
        return reader.values
    }

    private mutating func flatten(
        _ members: [(name: YAMLName, value: YAMLNode)], prefix: String
    ) throws(Failure) {
        for (name, node) in members {
            let path = prefix + name.text
            let place = "\(file):\(name.line):\(name.column): "
            if let key = schema.key(path) {
                guard let value = try value(of: node, for: key) else { continue }
                if values.updateValue(value, forKey: key.name) != nil {
                    throw .usage("\(place)\(path) is given twice, once with - and once with _ or a dot")
                }
            } else if case .mapping(let inner) = node.content,
                schema.keys.contains(where: { $0.name.hasPrefix(Key.stored(path) + ".") })
            {
                try flatten(inner, prefix: path + ".")
            } else {
                throw .usage("\(place)pupil \(schema.verb) has no setting \"\(path)\"\(schema.suggestion(for: path))")
            }
        }
    }

    /// The value of a node, or nil where it says `null` for a key that may be absent.
    private func value(of node: YAMLNode, for key: Key) throws(Failure) -> JSON? {
        let place = "\(file):\(node.line):\(node.column): "
        if case .list(let kind) = key.kind, case .list(let items) = node.content {
            var values: [JSON] = []
            for item in items {
                guard let value = Self.scalar(item, as: kind) else {
                    throw .wrongValue(key, YAML.flow(item.json), place: "\(file):\(item.line):\(item.column): ")
                }
                values.append(value)
            }
            return .array(values)
        }
        if case .scalar(let text, plain: true) = node.content, YAML.resolve(text) == .null {
            if key.defaultValue == nil && !key.required { return nil }
            throw .wrongValue(key, text.isEmpty ? "null" : text, place: place)
        }
        guard let value = Self.scalar(node, as: key.kind) else {
            throw .wrongValue(key, node.json.string ?? YAML.flow(node.json), place: place)
        }
        return value
    }

    /// A scalar by its kind; quoted text is text, so `"12"` is no integer.
    private static func scalar(_ node: YAMLNode, as kind: Key.Kind) -> JSON? {
        guard case .scalar(let text, let plain) = node.content else { return nil }
        if plain { return kind.read(text) }
        switch kind {
        case .string, .path, .choice, .list(.string), .list(.path), .list(.choice): return kind.read(text)
        default: return nil
        }
    }
}
