import Torch

/// What a pass through a model is made of: layer by layer its output, its parameters and its multiply-adds.
///
/// Meant for a pass on the `meta` device, where tensors have shapes and no elements, so that even the largest model is
/// counted in a moment.
public final class Census {
    /// A call of a layer.
    public struct Row {
        /// The layer's place in the tree of names.
        public let path: String
        /// What it is: `conv 3x3/2`.
        public let kind: String
        /// The shape of its output.
        public let output: [Int]
        /// Multiply-adds: convolutions and linear layers, as papers count.
        public let macs: Int
        /// Trained numbers in it, counted at each call.
        public let parameters: Int
    }

    /// The calls in order.
    public private(set) var rows: [Row] = []

    /// Where layers report to; nil: nowhere. The thread that owns the model sets and reads it.
    nonisolated(unsafe) static var current: Census?

    func note(_ path: String, _ kind: String, _ output: Tensor, macs: Int = 0, parameters: Int = 0) {
        rows.append(Row(path: path, kind: kind, output: output.shape, macs: macs, parameters: parameters))
    }

    /// The census of what `body` does.
    public static func of(_ body: () -> Void) -> Census {
        let census = Census()
        let before = current
        current = census
        defer { current = before }
        withoutGradients(body)
        return census
    }

    /// All multiply-adds.
    public var macs: Int { rows.reduce(0) { $0 + $1.macs } }
}
