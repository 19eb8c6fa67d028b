import Annotations
import Base
import Layers
import Torch
import Training

/// A training that is to fit into memory: which recipe, and how many pictures of each stream a step takes.
public struct MemoryFit: Sendable {
    let recipe: TrainingRecipe
    let streams: [Int]
    let need: MemoryNeed

    /// Trainings with a step of each one's model measured (`MemoryNeed.measured`), like models once.
    ///
    /// - Throws: what making a model throws; `.device` where not even two pictures fit.
    public static func measured<Model: TaskModel>(
        _ trainings: [(recipe: TrainingRecipe, streams: [Int])], of type: Model.Type, classes: ClassTable,
        device: Device
    ) throws(Failure) -> [MemoryFit] {
        var fits: [MemoryFit] = []
        for (recipe, streams) in trainings {
            if let like = fits.first(where: { $0.recipe.needsAsMuch(as: recipe) }) {
                fits.append(MemoryFit(recipe: recipe, streams: streams, need: like.need))
                continue
            }
            let need = try MemoryNeed.measured(
                canvas: recipe.canvas, optimizer: recipe.optimizerSpec, isAveraged: recipe.averageDecay > 0,
                precision: recipe.precision, maskStride: recipe.labelStride
            ) { canvas throws(Failure) in
                try Model(
                    name: recipe.model, classes: classes, canvas: canvas, changes: recipe.changes, seed: recipe.seed,
                    device: device
                ).objective(recipe.loss)
            }
            fits.append(MemoryFit(recipe: recipe, streams: streams, need: need))
        }
        return fits
    }

    private var batch: Int { streams.reduce(0, +) }

    /// The pictures in each pass of a step, where no pass may have more than `micro`; nil: a pass cannot be so small.
    private func pass(_ micro: Int) -> Int? {
        (try? TrainingPlan.passes(streams, micro: micro)).map { batch / $0 }
    }

    private func bytes(_ micro: Int) -> Int { need.bytes(images: pass(micro) ?? micro, of: batch) }

    private func fits(_ micro: Int, in available: Int) -> Bool { bytes(micro) <= available }

    /// The most pictures a pass for all of these trainings: nil, the whole batch, where each fits into memory; else the
    /// greatest number with which each does.
    ///
    /// - Parameters:
    ///   - asked: the user's own number, which is only checked.
    ///   - available: bytes.
    /// - Throws: a `Failure` with `.device` where nothing fits or what was asked for does not, with `.usage` where no
    ///   pass can be as small as was asked for.
    public static func micro(_ fits: [MemoryFit], asked: Int?, available: Int) throws(Failure) -> Int? {
        if let asked { for fit in fits { _ = try TrainingPlan.passes(fit.streams, micro: asked) } }
        if fits.allSatisfy({ $0.fits(asked ?? $0.batch, in: available) }) { return asked }
        let most = fits.map(\.batch).max() ?? 1
        let possible = (1...most).filter { micro in fits.allSatisfy { $0.pass(micro) != nil } }
        // Of numbers that mean the same passes the one that some pass has.
        let smaller = possible.last { micro in fits.allSatisfy { $0.fits(micro, in: available) } }
            .flatMap { micro in fits.compactMap { $0.pass(micro) }.max() }
        if asked == nil, let smaller { return smaller }
        let pass = asked ?? possible.first ?? most
        guard let worst = fits.max(by: { $0.bytes(pass) < $1.bytes(pass) }) else {
            return nil
        }
        throw Failure(
            .device,
            "out of memory before it began: a pass of \(worst.pass(pass) ?? pass) pictures through \(worst.recipe.model) at "
                + "\(worst.recipe.size) px takes about \(gigabytes(worst.bytes(pass))), and "
                + "\(gigabytes(available)) are free; "
                + (smaller.map { "--micro \($0) would fit" } ?? "a smaller --size or --model is needed"))
    }

    /// Memory that a training on a device may take: what is free, without what decoded pictures will take of it.
    public static func available(on device: Device) -> Int? {
        guard let free = Torch.availableMemory(on: device) else { return nil }
        return device == .cpu ? free - Resources.cacheBytes(of: free) : free
    }

    private static func gigabytes(_ bytes: Int) -> String {
        let tenths = Int((Double(bytes) / 0x1p30 * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) GiB"
    }
}

extension TrainingRecipe {
    /// Whether a pass takes the same memory as one of another recipe: everything alike that a measurement depends on.
    fileprivate func needsAsMuch(as other: TrainingRecipe) -> Bool {
        model == other.model && canvas == other.canvas && changes == other.changes && optimizer == other.optimizer
            && (averageDecay > 0) == (other.averageDecay > 0) && precision == other.precision
            && labelStride == other.labelStride && loss == other.loss
    }
}
