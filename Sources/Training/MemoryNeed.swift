import Augmentation
import Base
import Geometry
import Layers
import Loading
import Torch

/// The memory a run of the loop needs, in bytes of operators' tensors: weights, gradients, the optimiser's averages, and
/// what each picture of a pass keeps for the way back.
public struct MemoryNeed: Hashable, Sendable {
    /// With a pass of no picture.
    public var fixed: Int
    /// A picture of a pass.
    public var perImage: Int

    /// A need that is known already.
    public init(fixed: Int, perImage: Int) {
        self.fixed = fixed
        self.perImage = perImage
    }

    /// What is not measured: gradients of activations on the way back, scratch memory of convolutions, batches made
    /// ahead, the program.
    static let margin = (share: 1.25, bytes: 300 << 20)

    /// What is needed for a pass of so many pictures, the margin in it.
    public func bytes(images: Int) -> Int {
        Int(Double(fixed + images * perImage) * Self.margin.share) + Self.margin.bytes
    }

    /// Measured: the way forward with one blank picture and with two, through a model that is made for it and thrown
    /// away; a gradient a weight is added. All that the way back needs is held at the end of the way forward, so this
    /// is linear in pictures, as the peak of a small step, which lies in the optimiser, is not. It is as linear in
    /// pixels, so a large canvas is measured by a small one and does not itself take what may not be there.
    ///
    /// - Parameter objective: makes the model for a canvas; nothing else may use it.
    /// - Throws: a `Failure` with `.device` where not even these fit.
    public static func measured(
        canvas: Size, optimizer: OptimizerSpec, precision: DType?,
        objective: (_ canvas: Size) throws(Failure) -> any Objective
    ) throws(Failure) -> MemoryNeed {
        let probe = Size(width: min(canvas.width, probeSide), height: min(canvas.height, probeSide))
        var peaks: [Int] = []
        var weights = 0
        for count in [1, 2] {
            var failure: Failure?
            peaks.append(
                Torch.peakBytes {
                    do throws(Failure) {
                        try Torch.catching { () throws(Failure) in
                            let objective = try objective(probe)
                            weights = 4 * objective.parameters.parameterCount
                            let optimizer = Optimizer(optimizer, objective.parameters)
                            withExtendedLifetime((optimizer, forward(objective, count, probe, precision))) {}
                        }
                    } catch { failure = error }
                })
            if let failure { throw failure }
        }
        let perImage = max(0, peaks[1] - peaks[0])
        let larger = Double(canvas.width * canvas.height) / Double(probe.width * probe.height)
        return MemoryNeed(
            fixed: max(0, peaks[0] - perImage) + weights, perImage: Int((Double(perImage) * larger).rounded()))
    }

    /// A multiple of the largest stride, 128.
    private static let probeSide = 256

    private static func forward(
        _ objective: any Objective, _ count: Int, _ canvas: Size, _ precision: DType?
    ) -> [StreamLoss] {
        let images = Tensor.empty([count, 3, canvas.height, canvas.width], channelsLast: true)
        images.fill(0)
        return objective.losses(
            images: images.to(objective.parameters.device, nonBlocking: false),
            items: [Item](repeating: Item(blank: canvas), count: count), groups: [0..<count], precision: precision)
    }
}
