import Annotations
import Augmentation
import Base
import Evaluation
import Geometry
import Imaging
import Layers
import Loading
import Models
import Torch

/// The classes of a picture's pixels, or why it could not be read.
public struct MaskResult: Sendable {
    /// Index into the dataset.
    public var index: Int
    /// In the size of the upright picture, 0..<K; nil where it was refused.
    public var labels: LabelMap?
    /// The probability of each label in whole 256ths, where it was asked for.
    public var confidence: LabelMap?
    /// Why the picture could not be read.
    public var refusal: String?
    /// In what its file is damaged although every row was there.
    public var notes: [String] = []
}

extension Segmenter {
    /// How a segmenter runs over a dataset.
    public struct InferenceOptions: InferenceChoices {
        /// Of convolutions; nil is fp32.
        public var precision: DType?
        /// Threads that decode pictures.
        public var workers = 1
        /// Skip pictures that cannot be read instead of failing.
        public var skipsRefused = false
        /// The sizes in which a picture is seen, 1 being fitted into the canvas; probabilities are averaged.
        public var scales = [1.0]
        /// Each also in the mirror.
        public var flips = false
        /// What is larger than the canvas is seen through windows of its size that overlap by a third, so that memory does
        /// not grow with the scale; else in one pass.
        public var slides = false
        /// Whether the probability of each label is told.
        public var wantsConfidence = false

        /// One view in the model's own size.
        public init(precision: DType? = nil) { self.precision = precision }

        /// The paper's for pseudo-labels: six scales (docs/paper.md 1).
        public static let labellingScales = [0.5, 0.75, 1, 1.25, 1.5, 1.75]

        /// What of it changes answers.
        public var keys: [String: JSON] {
            var keys: [String: JSON] = [:]
            if scales != [1] { keys["scales"] = .array(scales.map { .double($0) }) }
            if flips { keys["flip"] = true }
            if slides { keys["slide"] = true }
            return keys
        }

        /// Pictures that are looked at together: as many as make about eight of the canvas.
        public var batch: Int {
            let area = scales.reduce(0) { $0 + $1 * $1 } * (flips ? 2 : 1)
            return max(1, Int(8 / area))
        }
    }

    /// Bytes of a decoded picture that is not held together with others.
    private static let large = 48 << 20

    /// Runs over a dataset in order; masks are in the size of the upright pictures.
    ///
    /// Memory is bounded by a batch of canvases, its log-odds and a picture: bands of rows are made of these one by one.
    ///
    /// - Parameters:
    ///   - first: the batch (`InferenceOptions.batch` pictures) to begin with.
    ///   - body: gets each batch's results; false ends the run.
    public func forEachBatch(
        _ dataset: Dataset, _ options: InferenceOptions, from first: Int = 0,
        _ body: ([MaskResult]) throws(Failure) -> Bool
    ) throws(Failure) {
        let canvas = canvas
        let largest = options.scales.max() ?? 1
        let count = dataset.examples.count
        let reader = PictureReader(
            dataset, min(count, first * options.batch)..<count, workers: options.workers,
            ahead: options.batch + options.workers
        ) { Plan.fit($0, target: canvas, scale: largest) }
        let views = Views(self, options)
        var at = first * options.batch
        while at < count {
            var results: [MaskResult] = []
            // Pictures that wait to be seen together, by their places among the results.
            var waiting: [(place: Int, decoded: Decoded)] = []
            func see() throws(Failure) {
                let maps = try Torch.catching { () throws(Failure) in views.logits(waiting.map(\.decoded)) }
                for (picture, maps) in zip(waiting, maps) {
                    (results[picture.place].labels, results[picture.place].confidence) = LabelMap.mostProbable(
                        maps, classes: classes.count, size: picture.decoded.size,
                        wantsConfidence: options.wantsConfidence)
                }
                waiting = []
            }
            while results.count < options.batch, let (index, picture) = reader.next() {
                var result = MaskResult(index: index)
                switch picture {
                case .success(let decoded):
                    result.notes = decoded.notes
                    // A large one is seen by itself, so that no more than one waits.
                    if decoded.image.pixels.count > Self.large, !waiting.isEmpty { try see() }
                    waiting.append((results.count, decoded))
                case .failure(let failure):
                    guard options.skipsRefused else { throw failure }
                    result.refusal = try Quarantine.reason(failure, of: dataset.examples[index], in: dataset)
                }
                results.append(result)
                if waiting.last.map({ $0.decoded.image.pixels.count > Self.large }) ?? false { try see() }
            }
            try see()
            at += results.count
            if try !body(results) { return }
        }
    }

    /// mIoU and its relatives (`SegmentationMetrics`); `folder` gets `masks/NAME.png`.
    public func score(
        _ set: Dataset, _ options: InferenceOptions, into folder: String?
    ) throws(Failure) -> TaskScore {
        var confusion = PixelConfusion(classes: classes.count)
        var records = PixelRecords(classes: classes.count)
        var quarantine = Quarantine()
        let names = maskNames(set.examples.map(\.fileName))
        try forEachBatch(set, options) { results throws(Failure) in
            try Signals.heed("the same command measures again")
            for result in results {
                let example = set.examples[result.index]
                quarantine.add(result, of: set)
                guard let labels = result.labels else {
                    records.add(PixelConfusion(classes: classes.count))
                    continue
                }
                let truth = try set.labelMap(of: example)
                guard truth.size == labels.size else {
                    throw .data(
                        "\(example.mask?.path ?? ""): has \(truth.width)x\(truth.height) pixels, its picture "
                            + "\(labels.width)x\(labels.height)")
                }
                var picture = PixelConfusion(classes: classes.count)
                picture.add(truth: truth, prediction: labels)
                confusion += picture
                records.add(picture)
                if let folder {
                    let path = Files.join(Files.join(folder, "masks"), names[result.index])
                    try Files.makeFolder(Files.folder(path))
                    try Files.writeUnsynced(labels.png(), to: path)
                }
            }
            return true
        }
        let metrics = SegmentationMetrics(confusion, names: classes.names)
        return TaskScore(
            json: metrics.json, table: metrics.table,
            columns: [
                "mIoU": .number(metrics.meanIoU), "pixel_accuracy": .number(metrics.pixelAccuracy),
                "mean_accuracy": .number(metrics.meanAccuracy),
            ],
            value: metrics.meanIoU.isNaN ? 0 : metrics.meanIoU, quarantine: quarantine, records: .pixels(records))
    }
}

extension Quarantine {
    /// Adds what was wrong with a picture.
    public mutating func add(_ result: MaskResult, of dataset: Dataset) {
        let path = dataset.path(of: dataset.examples[result.index])
        note(path, result.notes)
        if let refusal = result.refusal { refuse(path, refusal) }
    }
}

/// The views of pictures that a network gets, and what it says of them.
private final class Views {
    private let segmenter: Segmenter
    private let options: Segmenter.InferenceOptions
    /// Made once for a size of canvas.
    private var buffers: [Size: Tensor] = [:]

    init(_ segmenter: Segmenter, _ options: Segmenter.InferenceOptions) {
        self.segmenter = segmenter
        self.options = options
    }

    /// One picture in one size, perhaps mirrored, through one or several windows.
    private struct View {
        var picture: Int
        /// Of the whole; its canvas is that of each window.
        var plan: Plan
        /// Upper left corners of windows in the resized picture.
        var windows: [(x: Int, y: Int)]
    }

    /// The log-odds of each picture, a map for each of its views.
    func logits(_ pictures: [Decoded]) -> [[LogitMap]] {
        var maps = [[LogitMap]](repeating: [], count: pictures.count)
        for scale in options.scales {
            for flipped in options.flips ? [false, true] : [false] {
                let views = pictures.indices.map { view(of: $0, pictures[$0].size, scale, flipped) }
                for (view, map) in zip(views, logits(of: views, pictures)) { maps[view.picture].append(map) }
            }
        }
        return maps
    }

    private func view(of picture: Int, _ size: Size, _ scale: Double, _ flipped: Bool) -> View {
        let canvas = segmenter.canvas
        let resized = Plan.fit(size, target: canvas, scale: scale)
        func whole(_ side: Int) -> Int { (Int((scale * Double(side)).rounded(.up)) + 31) / 32 * 32 }
        let isLarger = resized.width > canvas.width || resized.height > canvas.height
        let target =
            options.slides && isLarger ? canvas : Size(width: whole(canvas.width), height: whole(canvas.height))
        let plan = Plan(source: size, target: target, flipped: flipped, resized: resized)
        let xs = Self.offsets(resized.width, target.width)
        let windows = Self.offsets(resized.height, target.height).flatMap { y in xs.map { x in (x, y) } }
        return View(picture: picture, plan: plan, windows: windows)
    }

    /// Where windows of a size begin on a side: a multiple of 32, so that all see the same grid, two thirds of a window
    /// apart at most.
    private static func offsets(_ side: Int, _ window: Int) -> [Int] {
        let last = (max(0, side - window) + 31) / 32 * 32
        let step = max(32, window * 2 / 3 / 32 * 32)
        return Array(stride(from: 0, to: last, by: step)) + [last]
    }

    private func logits(of views: [View], _ pictures: [Decoded]) -> [LogitMap] {
        // Windows of one size of canvas go through the network together, as many as pictures in a batch.
        var pieces: [(view: Int, plan: Plan)] = []
        for (i, view) in views.enumerated() {
            for (x, y) in view.windows {
                pieces.append(
                    (
                        i,
                        Plan(
                            source: view.plan.source, target: view.plan.target, flipped: view.plan.flipped,
                            resized: view.plan.resized, offsetX: x, offsetY: y)
                    ))
            }
        }
        var gathered = views.map { Gathered($0.plan, windows: $0.windows.count, classes: segmenter.classes.count) }
        var at = 0
        while at < pieces.count {
            let target = pieces[at].plan.target
            let chunk = pieces[at...].prefix { $0.plan.target == target }.prefix(max(1, options.batch))
            let values = forward(chunk.map { ($0.plan, pictures[views[$0.view].picture]) }, target)
            for (piece, values) in zip(chunk, values) { gathered[piece.view].add(values, piece.plan) }
            at += chunk.count
        }
        return gathered.map(\.map)
    }

    /// `[h, w, K]` of each.
    private func forward(_ pieces: [(plan: Plan, picture: Decoded)], _ target: Size) -> [[Float]] {
        let device = segmenter.parameters.device
        let capacity = max(1, options.batch)
        let buffer =
            buffers[target]
            ?? Tensor.empty(
                [capacity, 3, target.height, target.width], channelsLast: true, pinned: device != .cpu)
        buffers[target] = buffer
        let slot = target.width * target.height * 3
        buffer.withMutableElements(of: Float.self) { elements in
            nonisolated(unsafe) let elements = elements  // each piece has its own slot
            parallelFor(pieces.count) { i in
                let (plan, picture) = pieces[i]
                plan.render(
                    picture.image, reduction: picture.reduction,
                    into: UnsafeMutableBufferPointer(rebasing: elements[i * slot..<(i + 1) * slot]))
            }
        }
        let output = withoutGradients {
            let images = buffer.narrowed(0, start: 0, length: pieces.count).to(device, nonBlocking: true)
            return withAutocast(options.precision, on: device) { segmenter.model(images, .inference) }
                .to(.float32).permuted([0, 2, 3, 1]).contiguous()
        }
        let values = output.floats
        let each = values.count / pieces.count
        return (0..<pieces.count).map { Array(values[$0 * each..<($0 + 1) * each]) }
    }

    /// The log-odds of a view: those of its window, or the mean over windows where several see a place.
    private struct Gathered {
        private let plan: Plan
        private let classes: Int
        private let width: Int
        private let height: Int
        private let isWhole: Bool
        private var sums: [Float] = []
        private var counts: [Float] = []

        init(_ plan: Plan, windows: Int, classes: Int) {
            self.plan = plan
            self.classes = classes
            isWhole = windows == 1
            let stride = Segmenter.stride
            let size = isWhole ? plan.target : plan.resized
            width = (size.width + stride - 1) / stride
            height = (size.height + stride - 1) / stride
            if !isWhole {
                sums = [Float](repeating: 0, count: width * height * classes)
                counts = [Float](repeating: 0, count: width * height)
            }
        }

        mutating func add(_ values: [Float], _ piece: Plan) {
            if isWhole {
                sums = values
                return
            }
            let stride = Segmenter.stride
            let columns = piece.target.width / stride
            let (x0, y0) = (piece.offsetX / stride, piece.offsetY / stride)
            let shown = min(columns, width - x0)
            for y in 0..<min(piece.target.height / stride, height - y0) {
                let from = y * columns * classes
                let to = (y0 + y) * width + x0
                for i in 0..<shown * classes { sums[to * classes + i] += values[from + i] }
                for i in 0..<shown { counts[to + i] += 1 }
            }
        }

        var map: LogitMap {
            var values = sums
            for (i, count) in counts.enumerated() where count > 1 {
                for k in 0..<classes { values[i * classes + k] /= count }
            }
            let scale = 1 / Double(Segmenter.stride)
            return LogitMap(
                width: width, height: height, classes: classes, values: values, map: plan.map.then(.scale(scale, scale))
            )
        }
    }
}
