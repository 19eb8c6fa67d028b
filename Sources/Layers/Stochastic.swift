import Torch

/// Stochastic depth (Huang et al. 2016): in training a whole branch is left out for some pictures, and divided by the
/// probability that it stays for the others.
public struct StochasticDepth: Sendable {
    /// The probability that the branch stays.
    public let survival: Double
    private let layer: Int

    /// - Parameter layer: the block's number in its network, whose draws are its own.
    public init(survival: Double, layer: Int) {
        self.survival = survival
        self.layer = layer
    }

    /// `[N, C, H, W]` times 0 or 1 / survival, picture by picture; as it is outside training.
    public func callAsFunction(_ branch: Tensor, _ mode: Mode) -> Tensor {
        guard let noise = mode.noise, survival < 1 else { return branch }
        let count = branch.size(0)
        let scales = noise.uniforms(count, layer: layer).map { Double($0) < survival ? Float(1 / survival) : 0 }
        let shape = [count] + Array(repeating: 1, count: branch.rank - 1)
        return branch * Tensor(scales, shape: shape, device: branch.device).to(branch.dtype)
    }
}

/// Dropout (Srivastava et al. 2014) of features `[N, C]`.
public struct Dropout: Sendable {
    /// The probability that a number becomes 0.
    public let rate: Double
    private let layer: Int

    /// - Parameter layer: its number in the network; beyond those of stochastic depth.
    public init(rate: Double, layer: Int = 1 << 16) {
        self.rate = rate
        self.layer = layer
    }

    /// Features times 0 or 1 / (1 - rate); as they are outside training.
    public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
        guard let noise = mode.noise, rate > 0 else { return x }
        let scales = noise.uniforms(x.size(0), each: x.size(1), layer: layer).map {
            Double($0) < rate ? Float(0) : Float(1 / (1 - rate))
        }
        return x * Tensor(scales, shape: x.shape, device: x.device).to(x.dtype)
    }
}
