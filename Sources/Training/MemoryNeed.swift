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
    /// A picture of a step of several passes: what of it waits for the last one.
    public var perWaiting: Int

    /// A need that is known already.
    public init(fixed: Int, perImage: Int, perWaiting: Int = 0) {
        self.fixed = fixed
        self.perImage = perImage
        self.perWaiting = perWaiting
    }

    /// What is not measured: gradients of activations on the way back, scratch memory of convolutions, batches made
    /// ahead, the program.
    static let margin = (share: 1.25, bytes: 300 << 20)

    /// What is needed for a pass of so many pictures, the margin in it.
    /// - Parameter batch: pictures of the step that the pass is of.
    public func bytes(images: Int, of batch: Int) -> Int {
        let waiting = images < batch ? batch * perWaiting : 0
        return Int(Double(fixed + images * perImage + waiting) * Self.margin.share) + Self.margin.bytes
    }

    /// Measured on a model that is made for it and thrown away: what it takes to make it, and the way forward with one
    /// blank picture and with two. At the end of the way forward all is held that the way back needs, so its peak grows
    /// evenly with pictures and with pixels (that of a small step, which lies in the optimiser, does not). So a large
    /// canvas is measured by a small one, and the measuring does not take memory that may not be there.
    ///
    /// - Parameters:
    ///   - canvas: the size of the pictures to be trained on, in pixels.
    ///   - optimizer: its averages are kept beside the weights.
    ///   - isAveraged: whether the weights' averages are kept, too.
    ///   - precision: of convolutions; nil is fp32.
    ///   - maskStride: of the masks that the objective learns from; nil: from none.
    ///   - objective: makes the model for a canvas; nothing else may use it.
    /// - Throws: a `Failure` with `.device` where not even these fit.
    public static func measured(
        canvas: Size, optimizer: OptimizerSpec, isAveraged: Bool = false, precision: DType?,
        maskStride: Int? = nil, objective: (_ canvas: Size) throws(Failure) -> any Objective
    ) throws(Failure) -> MemoryNeed {
        let probe = Size(width: min(canvas.width, probeSide), height: min(canvas.height, probeSide))
        var made: (objective: any Objective, optimizer: Optimizer)?
        let resting = try peak { () throws(Failure) in
            let model = try objective(probe)
            made = (model, Optimizer(optimizer, model.parameters))
        }
        guard let made else { preconditionFailure("a model without a failure") }
        var held: [Int] = []
        for count in [1, 2] {
            held.append(
                try peak { () throws(Failure) in
                    _ = blankLosses(made.objective, count, probe, precision, maskStride)
                })
        }
        let perImage = max(0, held[1] - held[0])
        let larger = Double(canvas.width * canvas.height) / Double(probe.width * probe.height)
        let weights = 4 * made.objective.parameters.parameterCount
        // A contrastive step holds all of its canvases until their last pass.
        let element = precision == .bfloat16 ? 2 : 4
        let canvases = made.objective is any ContrastingObjective ? made.objective.views : 0
        return MemoryNeed(
            fixed: resting + weights * (isAveraged ? 2 : 1) + max(0, held[0] - perImage),
            perImage: Int((Double(perImage) * larger).rounded()),
            perWaiting: canvases * canvas.width * canvas.height * 3 * element)
    }

    private static func peak(_ body: () throws(Failure) -> Void) throws(Failure) -> Int {
        var failure: Failure?
        let peak = Torch.peakBytes {
            do throws(Failure) { try Torch.catching(body) } catch { failure = error }
        }
        if let failure { throw failure }
        return peak
    }

    /// A multiple of the largest stride, 128.
    private static let probeSide = 256
}

/// The losses of a forward pass over blank pictures.
private func blankLosses(
    _ objective: any Objective, _ count: Int, _ canvas: Size, _ precision: DType?, _ maskStride: Int?
) -> [StreamLoss] {
    let count = count * objective.views
    let images = Tensor.empty([count, 3, canvas.height, canvas.width], channelsLast: true)
    images.fill(0)
    var masks: Tensor?
    if let stride = maskStride {
        masks = Tensor.zeros([count, canvas.height / stride, canvas.width / stride], .uint8)
    }
    return objective.losses(
        Inputs(
            images: images.to(objective.parameters.device, nonBlocking: false), masks: masks,
            items: [Item](repeating: Item(blank: canvas), count: count)),
        groups: [0..<count], precision: precision, noise: Noise(seed: 0, step: 0))
}

/// How fast a training goes on this machine.
public enum TrainingRate {
    /// Pictures a second, forwards and backwards, on a model that is made for it and thrown away: of blank pictures, so
    /// without the time to read and vary real ones, which is hidden behind it where the machine is well fed.
    ///
    /// - Parameters:
    ///   - images: pictures in a pass.
    ///   - seconds: about how long it is measured, after a pass that does not count.
    /// - Throws: what making the model throws; `.device` where a pass does not fit into memory.
    public static func measured(
        images: Int, canvas: Size, precision: DType?, maskStride: Int? = nil, seconds: Double = 1.5,
        objective: any Objective
    ) throws(Failure) -> Double {
        var passes = 0
        var began = monotonicSeconds()
        try Torch.catching {
            repeat {
                blankLosses(objective, images, canvas, precision, maskStride)[0].total.backward()
                // The first one makes room, and asks for the fastest kernels.
                if passes == 0 { began = monotonicSeconds() }
                passes += 1
            } while passes < 3 || monotonicSeconds() - began < seconds
        }
        return Double((passes - 1) * images) / max(1e-9, monotonicSeconds() - began)
    }
}
