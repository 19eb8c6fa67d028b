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

/// The same with its bits mixed; Tools/reference/resnet.py says when.
func mixedU(_ n: Int, _ i: Int) -> Double {
    var x = (2_654_435_761 * UInt64(i + 1_000_003 * n)) & 0xFFFF_FFFF
    x ^= x >> 15
    x = (x * 2_246_822_519) & 0xFFFF_FFFF
    x ^= x >> 13
    return Double(x) / 4_294_967_296 - 0.5
}

/// Fills all tensors of a store by the formula of Tools/reference/resnet.py, numbered from 1 by the names in byte
/// order. The fixture names the gains: `gain` multiplies convolutions, `gateGain` those of squeeze-and-excitation.
func fillByFormula(
    _ store: ParameterStore, gain: Double = 1, gateGain: Double = 1, u: (Int, Int) -> Double = u
) {
    let sorted = store.entries.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    for (rank, entry) in sorted.enumerated() {
        let shape = entry.tensor.shape
        let (scale, shift): (Double, Double) =
            if shape.count == 4 {
                (
                    (entry.name.contains(".se.") ? gateGain : gain)
                        * (24 / Double(shape[1] * shape[2] * shape[3])).squareRoot(), 0
                )
            } else if shape.count == 2 {
                ((12 / Double(shape[1])).squareRoot(), 0)
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

/// Pictures by the formula, `[count, 3, h, w]`.
func formulaPicture(count: Int = 1, height: Int, width: Int, u: (Int, Int) -> Double = u) -> Tensor {
    Tensor((0..<count * 3 * height * width).map { Float(2 * u(0, $0)) }, shape: [count, 3, height, width])
        .channelsLast()
}

/// Checks names, shapes and the number of parameters of all tensors against the fixture's list.
func expectListing(_ store: ParameterStore, _ reference: JSON) throws {
    let sorted = store.entries.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    let listing = sorted.map { "\($0.name) \($0.tensor.shape.map(String.init).joined(separator: "x"))" }
    if let expected = reference["listing"]?.array?.compactMap(\.string) {
        #expect(Set(listing).symmetricDifference(expected).isEmpty)
    }
    #expect(listing.count == reference["tensors"]?.int)
    #expect(store.parameterCount == reference["parameters"]?.int)
    #expect(Digest(of: listing.map { $0 + "\n" }.joined()).description == reference["listing_sha256"]?.string)
}

/// The sum over outputs of the mean of each element times cos(0.01 i): the loss of the fixtures' training passes.
func scalar(_ outputs: [Tensor]) -> Tensor {
    let means = outputs.map { y in
        (y.reshaped([-1]) * Tensor((0..<y.count).map { Float(cosine(0.01 * Double($0))) })).mean()
    }
    return Tensor.stacked(means).sum()
}

/// Checks every gradient against the fixture's account of it; a parameter without one there has none but rounding.
///
/// - Parameters:
///   - elements: how far those that are told may be off, in units of their tensor's greatest.
///   - norms: how far norms and weighted means of tensors may be off, as a part of the norm.
func expectGradients(
    _ store: ParameterStore, _ reference: JSON, _ what: String, elements: Double, norms: Double
) throws {
    guard case .object(let accounts)? = reference["gradients"] else { throw Failure.data("\(what): no gradients") }
    let greatest = accounts.values.reduce(0.0) { max($0, $1["max"]?.double ?? 0) }
    for entry in store.trained {
        let what = "\(what): gradient of \(entry.name)"
        let gradient = try #require(entry.tensor.gradient, "\(what)")
        if let account = accounts[entry.name] {
            try expectAccount(gradient, account, what, tolerance: elements)
            let values = gradient.floats.map(Double.init)
            let norm = values.reduce(0.0) { $0 + $1 * $1 }.squareRoot()
            let allowed = norms * (try account.number("norm"))
            #expect(abs(norm - (try account.number("norm"))) < allowed, "\(what): norm is \(norm)")
            let mean = values.enumerated().reduce(0.0) { $0 + $1.element * cosine(0.01 * Double($1.offset)) }
            let off = abs(mean / Double(values.count) - (try account.number("weighted")))
            #expect(off < allowed / Double(values.count).squareRoot(), "\(what): weighted mean")
        } else {
            #expect(gradient.abs().max().item < 1e-5 * greatest, "\(what): there should be none")
        }
    }
    #expect(Set(accounts.keys).isSubset(of: store.trained.map(\.name)))
}

/// Checks shape, samples and the weighted mean of a tensor against the fixture's account of it. Where the account tells
/// the greatest magnitude, `max`, differences are measured in it, and where it tells the place, it has to be there.
func expectAccount(_ tensor: Tensor, _ account: JSON, _ what: String, tolerance: Double) throws {
    #expect(tensor.shape == account["shape"]?.ints, "\(what)")
    let values = tensor.floats
    let at = try #require(account["at"]).doubles
    let unit = account["max"]?.double
    func near(_ a: Double, _ b: Double) -> Bool { abs(a - b) <= tolerance * (unit ?? max(1, abs(b))) }
    for (j, expected) in at.enumerated() {
        let value = values[j * values.count / at.count]
        #expect(near(Double(value), expected), "\(what): sample \(j) is \(value), expected \(expected)")
    }
    if let peak = account["peak"]?.int {
        let value = values[peak]
        #expect(near(Double(abs(value)), unit ?? .nan), "\(what): greatest is \(value)")
    }
    let weighted = values.enumerated().reduce(0.0) { $0 + Double($1.element) * cosine(0.01 * Double($1.offset)) }
    let expected = try account.number("weighted")
    #expect(near(weighted / Double(values.count), expected), "\(what): weighted mean")
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
