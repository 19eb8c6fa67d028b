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
            // The recipes of a run differ in model and steps alone.
            if let like = fits.first(where: { $0.recipe.model == recipe.model }) {
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

    private func bytes(_ micro: Int) -> Int { need.bytes(images: micro, of: batch) }

    private func fits(_ micro: Int, in available: Int) -> Bool { bytes(micro) <= available }

    /// The pictures a pass for all of these trainings: nil, the whole batch, where each fits into memory; else the most
    /// that do.
    ///
    /// - Parameters:
    ///   - asked: the user's own number, which is only checked.
    ///   - available: bytes.
    /// - Throws: a `Failure` with `.device` where nothing fits or what was asked for does not, with `.usage` where what
    ///   was asked for does not divide a batch.
    public static func micro(_ fits: [MemoryFit], asked: Int?, available: Int) throws(Failure) -> Int? {
        if let asked { for fit in fits { _ = try TrainingPlan.passes(fit.streams, micro: asked) } }
        if fits.allSatisfy({ $0.fits(asked ?? $0.batch, in: available) }) { return asked }
        let most = fits.map(\.batch).min() ?? 1
        let shared = (1...most).filter { micro in
            fits.allSatisfy { (try? TrainingPlan.passes($0.streams, micro: micro)) != nil }
        }
        let smaller = shared.last { micro in fits.allSatisfy { $0.fits(micro, in: available) } }
        if asked == nil, let smaller { return smaller }
        let pass = asked ?? shared.first ?? most
        guard let worst = fits.max(by: { $0.bytes(pass) < $1.bytes(pass) }) else {
            return nil
        }
        throw Failure(
            .device,
            "out of memory before it began: a pass of \(pass) pictures through \(worst.recipe.model) at "
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
