import Annotations
import Base
import Layers
import Torch
import Training

/// A training that is to fit into memory: which recipe, and how many pictures of each stream a step takes.
public struct MemoryFit: Sendable {
    let recipe: DetectorRecipe
    let streams: [Int]
    let need: MemoryNeed

    /// Measures a step of the recipe's model (`MemoryNeed.measured`).
    ///
    /// - Throws: what making the model throws; `.device` where not even two pictures fit.
    public init(_ recipe: DetectorRecipe, streams: [Int], classes: ClassTable, device: Device) throws(Failure) {
        self.recipe = recipe
        self.streams = streams
        need = try MemoryNeed.measured(
            canvas: recipe.canvas, optimizer: recipe.optimizerSpec, precision: recipe.precision
        ) { canvas throws(Failure) in
            DetectionObjective(
                try Detector(
                    name: recipe.model, classes: classes, canvas: canvas, seed: recipe.seed, device: device))
        }
    }

    init(recipe: DetectorRecipe, streams: [Int], need: MemoryNeed) {
        self.recipe = recipe
        self.streams = streams
        self.need = need
    }

    private var batch: Int { streams.reduce(0, +) }

    /// Whether `micro` shares out the batch and each stream.
    private func isShared(by micro: Int) -> Bool {
        batch % micro == 0 && streams.allSatisfy { $0 % (batch / micro) == 0 }
    }

    private func fits(_ micro: Int, in available: Int) -> Bool { need.bytes(images: micro) <= available }

    /// The pictures a pass for all of these trainings: nil, the whole batch, where each fits into memory; else the most
    /// that do.
    ///
    /// - Parameter asked: the user's own number, which is only checked.
    /// - Throws: a `Failure` with `.device` where nothing fits or what was asked for does not.
    public static func micro(_ fits: [MemoryFit], asked: Int?, available: Int) throws(Failure) -> Int? {
        func fit(_ micro: Int?) -> Bool { fits.allSatisfy { $0.fits(micro ?? $0.batch, in: available) } }
        if fit(asked) { return asked }
        let most = fits.map(\.batch).min() ?? 1
        let smaller = (1...most).reversed().first { micro in fits.allSatisfy { $0.isShared(by: micro) } && fit(micro) }
        if asked == nil, let smaller { return smaller }
        guard
            let worst = fits.max(by: {
                $0.need.bytes(images: asked ?? $0.batch) < $1.need.bytes(images: asked ?? $1.batch)
            })
        else { return nil }
        let pass = asked ?? 1
        throw Failure(
            .device,
            "out of memory before it began: a pass of \(pass) picture(s) through \(worst.recipe.model) at "
                + "\(worst.recipe.size) px takes about \(gigabytes(worst.need.bytes(images: pass))), and "
                + "\(gigabytes(available)) are free; "
                + (smaller.map { "--micro \($0) would fit" } ?? "a smaller --size or --model is needed"))
    }

    private static func gigabytes(_ bytes: Int) -> String {
        let tenths = Int((Double(bytes) / 0x1p30 * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) GiB"
    }
}
