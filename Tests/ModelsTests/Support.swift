import Base
import Geometry
import Layers
import Models
import Testing
import Torch

// What the tests of this room share: fixtures, fills by formula, random boxes.

/// A fixture of this folder, made by a script under Tools/reference.
func fixture(_ name: String) throws -> JSON {
    try Files.readJSON(Files.join(Files.folder(#filePath), "Fixtures/\(name)"))
}

extension JSON {
    subscript(_ index: Int) -> JSON { array?[index] ?? .null }
    var doubles: [Double] { array?.compactMap(\.double) ?? [] }
    var ints: [Int] { array?.compactMap(\.int) ?? [] }
    var rows: [[Double]] { array?.map(\.doubles) ?? [] }
    func number(_ key: String) throws -> Double { try #require(self[key]?.double) }
}

extension Box {
    init(_ row: [Double]) { self.init(x1: Float(row[0]), y1: Float(row[1]), x2: Float(row[2]), y2: Float(row[3])) }
    var array: [Float] { [x1, y1, x2, y2] }
}

/// |a - b| <= tolerance * max(1, |b|)
func near(_ a: Double, _ b: Double, _ tolerance: Double) -> Bool { abs(a - b) <= tolerance * max(1, abs(b)) }
func near(_ a: Float, _ b: Double, _ tolerance: Double) -> Bool { near(Double(a), b, tolerance) }

/// scale * sin(step * i), the fixtures' fill.
func wave(_ count: Int, step: Double, scale: Double, plus: Double = 0) -> [Float] {
    (0..<count).map { Float(scale * sine(step * Double($0)) + plus) }
}

/// The fixtures' other fill: a number in [-0.5, 0.5) for element i of tensor n.
func u(_ n: Int, _ i: Int) -> Double {
    Double((2_654_435_761 * UInt64(i + 1_000_003 * n)) & 0xFFFF_FFFF) / 4_294_967_296 - 0.5
}

/// Fills all tensors of a store by the formula of Tools/reference/resnet.py, numbered from 1 by the names in byte
/// order.
func fillByFormula(_ store: ParameterStore) {
    let sorted = store.entries.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    for (rank, entry) in sorted.enumerated() {
        let shape = entry.tensor.shape
        let (scale, shift): (Double, Double) =
            if shape.count == 4 {
                ((24 / Double(shape[1] * shape[2] * shape[3])).squareRoot(), 0)
            } else if entry.name.hasSuffix(".running_var") {
                (0.5, 1)
            } else if entry.name.hasSuffix(".weight") {
                (0.4, 0.7)
            } else {
                (0.2, 0)
            }
        let values = [Float](unsafeUninitializedCapacity: entry.tensor.count) { buffer, count in
            count = buffer.count
            for i in 0..<count { buffer[i] = Float(shift + scale * u(rank + 1, i)) }
        }
        values.withUnsafeBytes { entry.tensor.load(bytes: $0) }
    }
}

/// `count` values of a picture by the formula, `[1, 3, h, w]`.
func formulaPicture(height: Int, width: Int) -> Tensor {
    Tensor((0..<3 * height * width).map { Float(2 * u(0, $0)) }, shape: [1, 3, height, width]).channelsLast()
}

/// Checks shape, samples and the weighted mean of a tensor against the fixture's account of it.
func expectAccount(_ tensor: Tensor, _ account: JSON, _ what: String, tolerance: Double) throws {
    #expect(tensor.shape == account["shape"]?.ints, "\(what)")
    let values = tensor.floats
    let at = try #require(account["at"]).doubles
    for (j, expected) in at.enumerated() {
        let value = values[j * values.count / at.count]
        #expect(near(value, expected, tolerance), "\(what): sample \(j) is \(value), expected \(expected)")
    }
    let weighted = values.enumerated().reduce(0.0) { $0 + Double($1.element) * cosine(0.01 * Double($1.offset)) }
    let expected = try account.number("weighted")
    #expect(near(weighted / Double(values.count), expected, tolerance), "\(what): weighted mean")
}

/// Boxes of all sizes, some of them beyond the canvas.
func randomBoxes(_ count: Int, _ canvas: Size, _ random: inout Random) -> [Box] {
    (0..<count).map { _ in
        let w = 2 * power2(random.uniform(0, 6))
        let h = 2 * power2(random.uniform(0, 6))
        let x = random.uniform(-8, Double(canvas.width) - 4)
        let y = random.uniform(-8, Double(canvas.height) - 4)
        return Box(x1: Float(x), y1: Float(y), x2: Float(x + w), y2: Float(y + h))
    }
}
