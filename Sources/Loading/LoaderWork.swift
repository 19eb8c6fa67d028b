import Annotations
import Augmentation
import Base
import Geometry
import Imaging

/// The part of a loader that its threads share. A unit of work is one slot of one batch; units are handed out in order,
/// no further ahead than there are buffers.
final class LoaderWork: Sendable {
    private struct State {
        var nextUnit: (batch: Int, slot: Int)
        /// Batches before this one are given back.
        var released: Int
        var items: [Int: [Item?]] = [:]
        var missing: [Int: Int] = [:]
        var failure: Failure?
        var closed = false
        var running = 0
        var quarantine = Quarantine()
    }

    private let sources: [Source]
    private let use: Loader.Use
    private let options: Loader.Options
    private let batches: Range<Int>
    private let addresses: [UInt]
    private let masks: [UInt]
    private let slot: Int
    private let state: Monitor<State>
    private let cache: PictureCache
    private let orders = Monitor<[Int: (epoch: Int, order: [Int])]>([:])

    init(
        _ sources: [Source], _ use: Loader.Use, _ options: Loader.Options, batches: Range<Int>, addresses: [UInt],
        masks: [UInt], slot: Int
    ) {
        self.sources = sources
        self.use = use
        self.options = options
        self.batches = batches
        self.addresses = addresses
        self.masks = masks
        self.slot = slot
        cache = PictureCache(capacity: options.cacheBytes, folder: options.cacheFolder)
        state = Monitor(State(nextUnit: (batches.lowerBound, 0), released: batches.lowerBound))
    }

    // MARK: The owner's side

    func wait(for batch: Int) throws(Failure) -> [Item] {
        let outcome: Result<[Item], Failure> = state.wait(until: { $0.failure != nil || $0.missing[batch] == 0 }) {
            state in
            if let failure = state.failure, state.missing[batch] != 0 { return .failure(failure) }
            return .success(state.items[batch, default: []].compactMap { $0 })
        }
        return try outcome.get()
    }

    func release(_ batch: Int) {
        state.withLock {
            $0.items[batch] = nil
            $0.missing[batch] = nil
            $0.released = batch + 1
        }
    }

    /// Stops the workers and waits until none touches a buffer.
    func close() {
        state.withLock { $0.closed = true }
        state.wait(until: { $0.running == 0 }) { _ in }
    }

    var quarantine: Quarantine { state.withLock { $0.quarantine } }

    // MARK: The workers' side

    func run() {
        while let (batch, slot) = takeUnit() {
            let outcome = Result { () throws(Failure) in try make(batch, slot) }
            state.withLock { state in
                state.running -= 1
                switch outcome {
                case .success(let item):
                    state.items[batch]?[slot] = item
                    state.missing[batch, default: 1] -= 1
                case .failure(let failure):
                    if state.failure == nil { state.failure = failure }
                }
            }
        }
    }

    private func takeUnit() -> (batch: Int, slot: Int)? {
        let ring = addresses.count
        return state.wait(until: {
            $0.closed || $0.failure != nil || $0.nextUnit.batch >= batches.upperBound
                || $0.nextUnit.batch < $0.released + ring
        }) { state in
            let unit = state.nextUnit
            if state.closed || state.failure != nil || unit.batch >= batches.upperBound { return nil }
            let size = self.size(of: unit.batch)
            if unit.slot == 0 {
                state.items[unit.batch] = [Item?](repeating: nil, count: size)
                state.missing[unit.batch] = size
            }
            state.nextUnit = unit.slot + 1 == size ? (unit.batch + 1, 0) : (unit.batch, unit.slot + 1)
            state.running += 1
            return unit
        }
    }

    private func size(of batch: Int) -> Int {
        switch use {
        case .training: options.batch
        case .evaluation: min(options.batch, sources[0].dataset.examples.count - batch * options.batch)
        }
    }

    /// Where one picture of a batch goes.
    private struct Place {
        var pixels: UnsafeMutableBufferPointer<Float>
        /// Nil where no masks are made.
        var labels: UnsafeMutableBufferPointer<UInt8>?

        func blank() {
            pixels.update(repeating: 0)
            labels?.update(repeating: LabelMap.ignored)
        }

        func deallocate() {
            pixels.deallocate()
            labels?.deallocate()
        }
    }

    private func place(_ batch: Int, _ slot: Int) -> Place {
        let ring = (batch - batches.lowerBound) % addresses.count
        func buffer<T>(_ address: UInt, _ count: Int, of type: T.Type) -> UnsafeMutableBufferPointer<T> {
            let start = UnsafeMutablePointer<T>(bitPattern: address + UInt(slot * count * MemoryLayout<T>.stride))
            guard let start else { preconditionFailure("a batch without memory") }
            return UnsafeMutableBufferPointer(start: start, count: count)
        }
        var labels: UnsafeMutableBufferPointer<UInt8>?
        if let stride = options.maskStride {
            let count = options.canvas.width / stride * (options.canvas.height / stride)
            labels = buffer(masks[ring], count, of: UInt8.self)
        }
        return Place(pixels: buffer(addresses[ring], self.slot, of: Float.self), labels: labels)
    }

    private func make(_ batch: Int, _ slot: Int) throws(Failure) -> Item {
        let place = place(batch, slot)
        switch use {
        case .training(let sampler, let seed):
            return try trainingItem(sampler.draws(step: batch)[slot], seed: seed, into: place)
        case .evaluation(let skipsRefused):
            let size = self.size(of: batch)
            if slot + 1 == size, size < options.batch {
                // The last batch keeps its full shape; its places without a picture hold nothing of an earlier one.
                for empty in size..<options.batch { self.place(batch, empty).blank() }
            }
            return try evaluationItem(batch * options.batch + slot, skipsRefused: skipsRefused, into: place)
        }
    }

    private func trainingItem(
        _ draw: Draw, seed: UInt64, into place: Place
    ) throws(Failure) -> Item {
        let source = sources[draw.source]
        let order = self.order(draw, seed: seed)
        var last: Failure?
        // The next of the pass takes the place of one that cannot be read: a pure function of the draw, too.
        for offset in 0..<min(order.count, 100) {
            let index = order[(draw.position + offset) % order.count]
            let path = Files.join(source.dataset.root, source.dataset.examples[index].fileName)
            do throws(Failure) {
                let image = try picture(draw.source, index, path, margin: Policy.decodingMargin) { [options] in
                    source.variation.largest(for: $0, target: options.canvas)
                }
                // The source goes into the high bits of the pass. Added to the seed it could meet another purpose's key.
                var random = Random(
                    seed: seed, purpose: .augmentation, epoch: draw.source << 24 | draw.epoch, index: draw.position)
                let boxes = source.variation.seesBoxes ? source.dataset.examples[index].objects.map(\.box) : []
                let plan = source.variation.plan(
                    for: image.size, boxes: boxes, target: options.canvas, view: draw.view, random: &random)
                let item = try item(draw.source, index, plan, image, into: place)
                if case .fitted(let policy) = source.variation, let mix = policy.cutMix, order.count > 1 {
                    try self.mix(mix, draw.source, policy, into: place, &random) {
                        order[(draw.position + offset + 1 + $0.below(order.count - 1)) % order.count]
                    }
                }
                return item
            } catch {
                try refuse(draw.source, index, error)
                last = error
            }
        }
        throw .data(
            "none of \(min(order.count, 100)) training pictures in a row can be read; the last: \(last?.message ?? "")")
    }

    /// CutMix: where chance says so, a rectangle of another picture of the pass, itself varied, over this one. One that cannot
    /// be read changes nothing.
    private func mix(
        _ mix: CutMix, _ source: Int, _ policy: Policy, into place: Place, _ random: inout Random,
        another: (inout Random) -> Int
    ) throws(Failure) {
        guard let labels = place.labels, let stride = options.maskStride,
            let rect = mix.rect(on: options.canvas, stride: stride, random: &random)
        else { return }
        let index = another(&random)
        let dataset = sources[source].dataset
        let path = dataset.path(of: dataset.examples[index])
        let other = Place(
            pixels: .allocate(capacity: place.pixels.count), labels: .allocate(capacity: labels.count))
        defer { other.deallocate() }
        do throws(Failure) {
            let image = try picture(source, index, path, margin: Policy.decodingMargin) { [options] in
                policy.largest(for: $0, target: options.canvas)
            }
            let plan = policy.plan(for: image.size, target: options.canvas, random: &random)
            _ = try item(source, index, plan, image, into: other)
        } catch {
            try refuse(source, index, error)
            return
        }
        CutMix.paste(
            rect, of: UnsafeBufferPointer(other.pixels), over: place.pixels, size: options.canvas, channels: 3)
        if let cut = other.labels {
            let size = Size(width: options.canvas.width / stride, height: options.canvas.height / stride)
            CutMix.paste(
                rect.divided(by: stride), of: UnsafeBufferPointer(cut), over: labels, size: size, channels: 1)
        }
    }

    private func evaluationItem(
        _ index: Int, skipsRefused: Bool, into place: Place
    ) throws(Failure) -> Item {
        let example = sources[0].dataset.examples[index]
        let path = Files.join(sources[0].dataset.root, example.fileName)
        do throws(Failure) {
            let variation = sources[0].variation
            let image = try picture(0, index, path, margin: 2) { [options] size in
                let plan = variation.evaluation(for: size, target: options.canvas)
                // Of the whole picture, of which the canvas shows a window.
                return Size(
                    width: (plan.resized.width * size.width + plan.window.width - 1) / plan.window.width,
                    height: (plan.resized.height * size.height + plan.window.height - 1) / plan.window.height)
            }
            let plan = variation.evaluation(for: image.size, target: options.canvas)
            return try item(0, index, plan, image, into: place)
        } catch {
            guard skipsRefused else { throw error }
            let reason = try refuse(0, index, error)
            place.blank()
            return Item(blank: options.canvas, index: index, refusal: reason)
        }
    }

    private func item(
        _ source: Int, _ index: Int, _ plan: Plan, _ image: Decoded, into place: Place
    ) throws(Failure) -> Item {
        let dataset = sources[source].dataset
        if let labels = place.labels, dataset.maskCoding == nil, dataset.examples[index].target != nil {
            // In joint training the classes of whole pictures stand beside masks.
            labels.update(repeating: LabelMap.ignored)
        } else if let labels = place.labels, let stride = options.maskStride {
            let mask = try dataset.labelMap(of: dataset.examples[index])
            guard mask.size == plan.source else {
                throw .data(
                    "\(dataset.examples[index].mask?.path ?? ""): has \(mask.width)x\(mask.height) pixels, its picture "
                        + "\(plan.source.width)x\(plan.source.height)")
            }
            _ = labels.update(from: plan.rendered(mask, stride: stride).labels)
        }
        plan.render(
            image.image, reduction: image.reduction, into: place.pixels, normalization: options.normalization,
            resampling: options.resampling)
        let example = dataset.examples[index]
        let annotations = example.annotations.compactMap { annotation in
            plan(annotation.box).map { box in
                var moved = annotation
                moved.box = box
                return moved
            }
        }
        return Item(
            source: source, index: index, plan: plan, target: example.target, annotations: annotations, refusal: nil,
            notes: image.notes)
    }

    /// The pass a draw belongs to; the last one of each source is kept.
    private func order(_ draw: Draw, seed: UInt64) -> [Int] {
        if let kept = orders.withLock({ $0[draw.source] }), kept.epoch == draw.epoch { return kept.order }
        let count = sources[draw.source].dataset.examples.count
        let order = Sampler.order(count, seed: seed, source: draw.source, epoch: draw.epoch)
        orders.withLock { $0[draw.source] = (draw.epoch, order) }
        return order
    }

    /// A picture in the size in which it was decoded for the greatest that it can be brought to. That is known before
    /// any plan is drawn, so that a batch does not depend on what the cache held.
    private func picture(
        _ source: Int, _ index: Int, _ path: String, margin: Double, largest: @escaping (Size) -> Size
    ) throws(Failure) -> Decoded {
        let variation = sources[source].variation
        // Filters that skip pixels are asked for by those who want just those pixels.
        let image = try cache.image(
            source: source, index: index, path: path, needed: options.resampling == .antialiased ? largest : nil,
            margin: margin,
            settings: "\(options.canvas.width)x\(options.canvas.height) \(use.isTraining ? variation.decoding : "once")"
        )
        if !image.notes.isEmpty { state.withLock { $0.quarantine.note(path, image.notes) } }
        return image
    }

    /// - Throws: what is not the picture's own failure.
    @discardableResult
    private func refuse(_ source: Int, _ index: Int, _ failure: Failure) throws(Failure) -> String {
        let dataset = sources[source].dataset
        let example = dataset.examples[index]
        let reason = try Quarantine.reason(failure, of: example, in: dataset)
        state.withLock { $0.quarantine.refuse(dataset.path(of: example), reason) }
        return reason
    }
}
