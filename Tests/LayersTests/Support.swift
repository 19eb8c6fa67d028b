import Base
import Layers
import Testing
import Torch

/// A fixture of this folder, made by a script under Tools/reference.
func fixture(_ name: String) throws -> JSON {
    try Files.readJSON(Files.join(Files.folder(#filePath), "Fixtures/\(name)"))
}

extension JSON {
    var doubles: [Double] { array?.compactMap(\.double) ?? [] }
    func number(_ key: String) throws -> Double { try #require(self[key]?.double) }
}

extension Tensor {
    /// Replaces the elements, row-major.
    func set(_ values: [Float]) { values.withUnsafeBytes { load(bytes: $0) } }
    /// Makes the gradient what is given, through the graph.
    func setGradient(_ values: [Float]) { (self * Tensor(values, shape: shape)).sum().backward() }
}

func expectNear(_ a: [Float], _ b: [Double], _ tolerance: Double, _ what: String) {
    #expect(a.count == b.count, "\(what)")
    for (i, (x, y)) in zip(a, b).enumerated() {
        #expect(abs(Double(x) - y) <= tolerance * max(1, abs(y)), "\(what): element \(i) is \(x), expected \(y)")
    }
}
