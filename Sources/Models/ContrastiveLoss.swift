import Base
import Layers
import Torch

/// NT-Xent, SimCLR's loss (Chen et al. 2020; docs/pretraining.md): of the embeddings of two views of N pictures, each has to
/// tell its partner from the other 2N - 2.
public enum ContrastiveLoss {
    /// The sum of the two directions' means, shape [], fp32.
    ///
    /// - Parameters:
    ///   - a, b: `[N, D]`, row i of both of picture i; they need not be normalised.
    ///   - temperature: what similarities are divided by; the paper's is 0.1.
    public static func ntXent(_ a: Tensor, _ b: Tensor, temperature: Double) -> Tensor {
        precondition(a.shape == b.shape && a.shape.count == 2, "views of \(a.shape) and \(b.shape)")
        func normalized(_ x: Tensor) -> Tensor {
            let x = x.to(.float32)
            return x * x.square().sum([1], keep: true).clamped(1e-12, Double(Float.greatestFiniteMagnitude)).rsqrt()
        }
        let (a, b) = (normalized(a), normalized(b))
        let count = a.size(0)
        let places = Tensor.arange(count, device: a.device)
        let own = places.unsqueezed(0).equal(places.unsqueezed(1))
        func similarity(_ x: Tensor, _ y: Tensor) -> Tensor { x.matmul(y.transposed(0, 1)) * (1 / temperature) }
        // Nothing is its own partner.
        func others(_ x: Tensor) -> Tensor { similarity(x, x).filled(where: own, -1e9) }
        let across = similarity(a, b)
        let forth = Tensor.concatenated([across, others(a)], 1).crossEntropy(places)
        let back = Tensor.concatenated([across.transposed(0, 1), others(b)], 1).crossEntropy(places)
        return forth + back
    }
}
