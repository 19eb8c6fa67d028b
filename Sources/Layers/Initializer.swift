import Base
import Glibc
import Torch

/// How a tensor begins. `fan_in` and `fan_out` are those of a kernel `[out, in, h, w]` or `[out, in]`.
public enum Initializer: Hashable, Sendable {
    /// The same number everywhere.
    case constant(Float)
    /// N(0, std).
    case normal(std: Float)
    /// N(0, sqrt(2 / fan_out)): He et al. 2015, torchvision's choice for ResNet's convolutions.
    case heFanOut
    /// U(-b, b) with b = sqrt(6 / (fan_in + fan_out)): Glorot and Bengio 2010, TensorFlow's default.
    case glorot
    /// U(-b, b) with b = 1 / sqrt(fan_in): torch's default for linear layers and convolutions.
    case linear
    /// U(-bound, bound).
    case uniform(bound: Float)

    /// The values, row-major: a function of the seed, the tensor's name and the shape.
    func values(_ shape: [Int], seed: UInt64, name: String) -> [Float] {
        let count = shape.reduce(1, *)
        let area = shape.dropFirst(2).reduce(1, *)
        let fanIn = Double(shape.count > 1 ? shape[1] * area : count)
        let fanOut = Double(shape.isEmpty ? 1 : shape[0] * area)
        let place = Digest(of: name).bytes.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        var random = Random(seed: seed ^ place, purpose: .weights)
        switch self {
        case .constant(let value): return [Float](repeating: value, count: count)
        case .normal(let std): return normal(count, Double(std), &random)
        case .heFanOut: return normal(count, (2 / fanOut).squareRoot(), &random)
        case .glorot: return uniform(count, (6 / (fanIn + fanOut)).squareRoot(), &random)
        case .linear: return uniform(count, 1 / fanIn.squareRoot(), &random)
        case .uniform(let bound): return uniform(count, Double(bound), &random)
        }
    }

    private func uniform(_ count: Int, _ bound: Double, _ random: inout Random) -> [Float] {
        [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            for i in 0..<count { buffer[i] = Float(random.uniform(-bound, bound)) }
            initialized = count
        }
    }

    /// Box and Muller 1958, two at a time.
    private func normal(_ count: Int, _ std: Double, _ random: inout Random) -> [Float] {
        [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            var i = 0
            while i < count {
                let radius = std * (-2 * log(1 - random.uniform())).squareRoot()
                let angle = 2 * Double.pi * random.uniform()
                buffer[i] = Float(radius * cos(angle))
                if i + 1 < count { buffer[i + 1] = Float(radius * sin(angle)) }
                i += 2
            }
            initialized = count
        }
    }
}
