import Annotations
import Augmentation
import Base
import Evaluation
import Geometry
import Layers
import Loading
import Models
import Torch

/// What was seen in one picture, or why it could not be read.
public struct PictureResult: Sendable {
    /// Index into the dataset.
    public var index: Int
    /// Of the upright picture; zero where it was refused.
    public var size: Size
    /// Best first, boxes in pixels of the original; empty where it was refused.
    public var detections: [Detection]
    /// Why the picture could not be read.
    public var refusal: String?
    /// In what its file is damaged although every row was there.
    public var notes: [String] = []
}

extension Quarantine {
    /// Adds what was wrong with a dataset's pictures.
    public mutating func add(_ results: [PictureResult], of dataset: Dataset) {
        for result in results where result.refusal != nil || !result.notes.isEmpty {
            let path = dataset.path(of: dataset.examples[result.index])
            note(path, result.notes)
            if let refusal = result.refusal { refuse(path, refusal) }
        }
    }
}

extension Detector {
    /// How a detector runs over a dataset.
    public struct InferenceOptions: InferenceChoices {
        /// Pictures in a forward pass. Another number may change the last bits of results.
        public var batch = 8
        /// Threads that decode pictures.
        public var workers = 1
        /// Of convolutions; nil is fp32.
        public var precision: DType?
        /// Detections at or below it are dropped; nil: the model's own floor.
        public var scoreFloor: Float?
        /// What overlapping boxes do to each other; nil: the model's own rule.
        public var suppression: Suppression?
        /// Skip pictures that cannot be read instead of failing.
        public var skipsRefused = false

        /// What of it changes answers.
        public var keys: [String: JSON] { suppression.map { ["suppression": .string($0.description)] } ?? [:] }

        /// The defaults, in that precision.
        public init(precision: DType? = nil) { self.precision = precision }
    }

    /// Runs over a dataset in order, batch by batch; boxes are in pixels of the original pictures.
    ///
    /// A batch always has its full shape, and the last is filled up with blank pictures, so that a picture's result
    /// depends on its place alone and a resumed run gives the same bits.
    ///
    /// - Parameters:
    ///   - first: the batch to begin with.
    ///   - body: gets each batch's results; false ends the run.
    public func forEachBatch(
        _ dataset: Dataset, _ options: InferenceOptions, from first: Int = 0,
        _ body: ([PictureResult]) throws(Failure) -> Bool
    ) throws(Failure) {
        var loaderOptions = Loader.Options(canvas: canvas, batch: options.batch, workers: options.workers)
        loaderOptions.pinned = parameters.device != .cpu
        loaderOptions.cacheBytes = 0
        let batches = Loader.batches(of: dataset.examples.count, by: options.batch)
        let loader = Loader(
            [Source(dataset, policy: .none)], .evaluation(skipsRefused: options.skipsRefused), loaderOptions,
            batches: min(first, batches.upperBound)..<batches.upperBound)
        var decoding = spec.decoding
        if let floor = options.scoreFloor { decoding.scoreFloor = floor }
        if let suppression = options.suppression { decoding.suppression = suppression }
        while let batch = try loader.nextBatch() {
            let results = try Torch.catching { () throws(Failure) in
                detect(batch, decoding, precision: options.precision)
            }
            if try !body(results) { return }
        }
    }

    /// The detections of all pictures, aligned with `dataset.examples`; boxes are in pixels of the originals.
    ///
    /// - Parameter quarantine: gets what was wrong with the pictures.
    /// - Throws: as `forEachBatch`.
    public func detections(
        _ dataset: Dataset, _ options: InferenceOptions, quarantine: (Quarantine) -> Void = { _ in }
    ) throws(Failure) -> [[Detection]] {
        var all: [[Detection]] = []
        var wrong = Quarantine()
        try forEachBatch(dataset, options) { results throws(Failure) in
            all += results.map(\.detections)
            wrong.add(results, of: dataset)
            return true
        }
        quarantine(wrong)
        return all
    }

    private func detect(_ batch: Batch, _ decoding: DecodingSpec, precision: DType?) -> [PictureResult] {
        let output = withoutGradients {
            withAutocast(precision, on: parameters.device) {
                model(batch.images.to(parameters.device, nonBlocking: true), .inference)
            }
        }
        let logits = output.logits.floats
        let codes = output.codes.floats
        let (anchors, spec, items) = (anchors, spec, batch.items)
        let channels = spec.classChannels
        var results = [PictureResult?](repeating: nil, count: items.count)
        results.withUnsafeMutableBufferPointer { slots in
            nonisolated(unsafe) let slots = slots  // one slot a picture
            parallelFor(items.count) { i in
                let item = items[i]
                if let refusal = item.refusal {
                    slots[i] = PictureResult(
                        index: item.index, size: Size(width: 0, height: 0), detections: [], refusal: refusal)
                    return
                }
                let found = logits.withUnsafeBufferPointer { logits in
                    codes.withUnsafeBufferPointer { codes in
                        decoding(
                            logits: .init(
                                rebasing: logits[i * anchors.count * channels..<(i + 1) * anchors.count * channels]),
                            codes: .init(rebasing: codes[i * anchors.count * 4..<(i + 1) * anchors.count * 4]),
                            anchors: anchors, classes: spec.classes, channelOffset: channels - spec.classes)
                    }
                }
                let detections = found.compactMap { found -> Detection? in
                    let box = item.plan.original(found.box)
                    return box.isEmpty ? nil : Detection(box: box, label: found.label, score: found.score)
                }
                slots[i] = PictureResult(
                    index: item.index, size: item.plan.source, detections: detections, refusal: nil, notes: item.notes)
            }
        }
        return results.compactMap { $0 }
    }

    /// COCO's numbers (`DetectionMetrics`), picture by picture; `folder` gets `predictions.json` (COCO results).
    public func score(
        _ set: Dataset, _ options: InferenceOptions, into folder: String?
    ) throws(Failure) -> TaskScore {
        var evaluator = COCOEvaluator(TruthSet(set))
        var quarantine = Quarantine()
        var detections: [[Detection]] = []
        try forEachBatch(set, options) { results throws(Failure) in
            try Signals.heed("the same command measures again")
            for result in results {
                evaluator.add(image: result.index, detections: result.detections.map { ScoredBox($0) })
                if folder != nil { detections.append(result.detections) }
            }
            quarantine.add(results, of: set)
            return true
        }
        if let folder { try COCOResults.write(detections, of: set, to: Files.join(folder, "predictions.json")) }
        let metrics = evaluator.finish()
        return TaskScore(
            json: metrics.json, table: metrics.table,
            columns: ["AP": .number(metrics.ap), "AP50": .number(metrics.ap50), "AP75": .number(metrics.ap75)],
            value: metrics.ap.isNaN ? 0 : metrics.ap, quarantine: quarantine,
            records: folder == nil ? nil : .boxes(evaluator.records()))
    }
}
