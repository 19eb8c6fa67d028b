import Annotations
import Augmentation
import Base
import Geometry
import Imaging
import Torch

/// Pictures and how they are varied. In a batch each source has its own share.
public struct Source: Sendable {
    /// Where the pictures and their labels come from.
    public var dataset: Dataset
    /// How a picture comes onto a canvas.
    public var variation: Variation

    /// A source; in training its dataset must not be empty.
    public init(_ dataset: Dataset, _ variation: Variation) {
        self.dataset = dataset
        self.variation = variation
    }

    /// A source of whole pictures: of detection and segmentation.
    public init(_ dataset: Dataset, policy: Policy) { self.init(dataset, .fitted(policy)) }
}

/// What became of one picture of a batch.
public struct Item: Sendable {
    /// Which of the loader's sources.
    public var source: Int
    /// Index into the source's examples.
    public var index: Int
    /// How the picture came to lie on the canvas, and the way back to its own pixels.
    public var plan: Plan
    /// The class of the picture, where its set has classes of pictures.
    public var target: PictureClass?
    /// The picture's labels with boxes in pixels of the canvas; those of which nothing is left are gone.
    public var annotations: [Annotation]
    /// Why the picture could not be read; its slot is then blank. Never so in training, where another takes its place.
    public var refusal: String?
    /// In what the picture's file is damaged although every row was there.
    public var notes: [String] = []
}

extension Item {
    /// A slot of that size which shows nothing.
    public init(blank canvas: Size, source: Int = 0, index: Int = 0, refusal: String? = nil) {
        self.init(
            source: source, index: index, plan: .evaluation(for: canvas, target: canvas), annotations: [],
            refusal: refusal)
    }
}

/// A batch. Its pixels are reused: they are valid until the loader is asked for the next one.
public final class Batch {
    /// `[N, 3, H, W]` fp32, normalised, channels-last, in the processor's memory.
    public let images: Tensor
    /// `[N, H / s, W / s]` u8, where masks were asked for at a stride of s: the label of each block's centre, 255 where
    /// nothing is known.
    public let masks: Tensor?
    /// `[N]`, one a slot. The last batch of an evaluation may have fewer than the tensor has slots.
    public let items: [Item]

    init(images: Tensor, masks: Tensor?, items: [Item]) {
        self.images = images
        self.masks = masks
        self.items = items
    }
}

/// Makes batches ahead of their use, in worker threads that decode and render straight into the batch.
///
/// What is in batch n depends on n alone: not on the number of workers, nor on what was loaded before.
public final class Loader {
    /// What the batches are for, which decides what is in them.
    public enum Use: Sendable {
        /// Shuffled passes, varied by each source's policy; a picture that cannot be read gives its place to the next
        /// of the pass, and is noted.
        case training(Sampler, seed: UInt64)
        /// In the dataset's order, fitted into the canvas; `skipsRefused` blanks what cannot be read, else that is an
        /// error.
        case evaluation(skipsRefused: Bool)

        var isTraining: Bool { if case .training = self { true } else { false } }
    }

    /// How batches are made. Canvas, batch, normalisation and resampling decide what is in them, the rest how fast they
    /// come.
    public struct Options: Sendable {
        /// The size of every picture in a batch, in pixels.
        public var canvas: Size
        /// Canvases in a batch, N: pictures, where each has one view.
        public var batch: Int
        /// Threads that decode and render.
        public var workers: Int
        /// Batches made ahead.
        public var prefetch = 3
        /// Decoded pictures are kept up to so many bytes, large ones reduced as far as their use allows.
        public var cacheBytes = 1 << 30
        /// Decoded pictures are kept in this folder, which exists; nil keeps none on disk.
        public var cacheFolder: String?
        /// What becomes of 8-bit values.
        public var normalization = Normalization.imageNet
        /// How pictures are brought to another size.
        public var resampling = Resampling.antialiased
        /// Pixels of the canvas a side for each label of `Batch.masks`; nil: none are made.
        public var maskStride: Int?
        /// Page-locked memory, from which a CUDA device copies while it computes.
        public var pinned = false

        /// Options with the defaults that suit a training run.
        public init(canvas: Size, batch: Int, workers: Int) {
            self.canvas = canvas
            self.batch = batch
            self.workers = workers
        }
    }

    private let work: LoaderWork
    private let buffers: [Tensor]
    private let masks: [Tensor]
    private let batches: Range<Int>
    private var next: Int
    private var held: Int?
    private var failure: Failure?
    /// Seconds the caller has waited for batches.
    public private(set) var secondsWaited = 0.0

    /// A loader whose workers begin at once. An evaluation takes one source.
    ///
    /// - Parameter batches: the numbers of the batches to be made; in training the steps (or their micro-batches).
    public init(_ sources: [Source], _ use: Use, _ options: Options, batches: Range<Int>) {
        let ring = options.prefetch + 1
        let slot = options.canvas.width * options.canvas.height * 3
        buffers = (0..<ring).map { _ in
            Tensor.empty(
                [options.batch, 3, options.canvas.height, options.canvas.width], channelsLast: true,
                pinned: options.pinned)
        }
        let addresses = buffers.map { buffer in
            buffer.withMutableElements(of: Float.self) { UInt(bitPattern: $0.baseAddress) }
        }
        masks =
            options.maskStride.map { stride in
                (0..<ring).map { _ in
                    Tensor.empty(
                        [options.batch, options.canvas.height / stride, options.canvas.width / stride], .uint8,
                        pinned: options.pinned)
                }
            } ?? []
        let maskAddresses = masks.map { mask in
            mask.withMutableElements(of: UInt8.self) { UInt(bitPattern: $0.baseAddress) }
        }
        self.batches = batches
        next = batches.lowerBound
        work = LoaderWork(
            sources, use, options, batches: batches, addresses: addresses, masks: maskAddresses, slot: slot)
        let work = work
        for _ in 0..<max(1, options.workers) { startThread { work.run() } }
    }

    deinit { work.close() }  // the buffers go once no worker writes into them

    /// The numbers of the batches of an evaluation over `count` pictures.
    public static func batches(of count: Int, by batch: Int) -> Range<Int> { 0..<(count + batch - 1) / batch }

    /// The next batch, or nil after the last.
    ///
    /// - Throws: the first failure a worker met.
    public func nextBatch() throws(Failure) -> Batch? {
        if let held { work.release(held) }
        held = nil
        guard next < batches.upperBound else { return nil }
        let start = monotonicSeconds()
        let items: [Item]
        if let failure { throw failure }
        do throws(Failure) { items = try work.wait(for: next) } catch {
            // Another worker may still finish this batch; who was told of a failure gets no more.
            failure = error
            throw error
        }
        secondsWaited += monotonicSeconds() - start
        held = next
        let place = (next - batches.lowerBound) % buffers.count
        next += 1
        return Batch(images: buffers[place], masks: masks.isEmpty ? nil : masks[place], items: items)
    }

    /// The pictures that could not be read so far, and those that are damaged.
    public var quarantine: Quarantine { work.quarantine }
}
