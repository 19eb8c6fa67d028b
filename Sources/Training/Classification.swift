import Annotations
import Augmentation
import Base
import Evaluation
import Geometry
import Layers
import Loading
import Models
import Torch

/// A classifier as a whole: network, classes and canvas. What supervised pre-training makes, on the backbone of any model
/// of the zoo.
public final class Classifier: TaskModel {
    /// Pictures get classes.
    public static let task = TaskName.classification
    /// 1: the first.
    public static let format = 1

    /// Of the model whose backbone it has.
    public let name: String
    /// What the channels of its output mean.
    public let classes: ClassTable
    /// The size of the pictures it is given, in pixels, 32 a side at least.
    public let canvas: Size
    /// Its every choice.
    public let spec: ClassifierSpec
    /// Its weights and statistics by name.
    public let parameters: ParameterStore
    /// The network over `parameters`.
    public let model: ClassificationNet

    /// A classifier with random weights.
    ///
    /// - Throws: a `Failure` with `.usage` where the name is unknown or its backbone has no classifier, the canvas has
    ///   under 32 pixels a side, or a change does not fit the network.
    public init(
        name: String, classes: ClassTable, canvas: Size, changes: NetworkChanges, seed: UInt64, device: Device
    ) throws(Failure) {
        try requireSides(canvas)
        self.name = name
        self.classes = classes
        self.canvas = canvas
        var spec = try Zoo.classifier(name, classes: classes.count)
        spec.backbone = try changes.changed(spec.backbone)
        spec.dropout = changes.dropout
        self.spec = spec
        parameters = changes.store(spec.backbone, seed: seed, device: device)
        model = ClassificationNet(parameters.root, spec)
    }

    /// ResNet or EfficientNet.
    public var backbone: BackboneSpec { spec.backbone }

    /// Softmax cross-entropy.
    public func objective(_ loss: LossOptions) -> any Objective { ClassificationObjective(self, loss) }
}

/// A classifier and its loss: softmax cross-entropy, the mean over the pictures of a stream.
public final class ClassificationObjective: Objective {
    /// What is trained.
    public let classifier: Classifier
    private let loss: LossOptions

    /// The objective of a classifier.
    public init(_ classifier: Classifier, _ loss: LossOptions = LossOptions()) {
        self.classifier = classifier
        self.loss = loss
    }

    /// The classifier's.
    public var parameters: ParameterStore { classifier.parameters }

    /// The cross-entropy (`ce`) of each group; `positives` counts pictures.
    public func losses(_ inputs: Inputs, groups: [Range<Int>], precision: DType?, noise: Noise) -> [StreamLoss] {
        let logits = withAutocast(precision, on: inputs.images.device) {
            classifier.model(inputs.images, .training(noise))
        }
        return groups.map { group in
            classificationLoss(
                logits.narrowed(0, start: group.lowerBound, length: group.count), inputs.items[group], loss)
        }
    }
}

/// Softmax cross-entropy of logits `[N, K]`, fp32, against the targets of `N` pictures: classes, or a teacher's
/// distributions. With smoothing s a class t becomes (1 - s) t + s / K; a teacher's distribution stays as it is, as in
/// Noisy Student's code (docs/paper.md 5).
///
/// - Precondition: each picture has a target.
func classificationLoss(_ logits: Tensor, _ items: ArraySlice<Item>, _ options: LossOptions) -> StreamLoss {
    let logits = logits.to(.float32)
    let targets = items.map { item -> PictureClass in
        // A blank picture stands for what a real one would cost, when memory is measured.
        item.target ?? .hard(0)
    }
    let isSoft = targets.contains { if case .soft = $0 { true } else { false } }
    let target: Tensor
    if isSoft {
        let classes = logits.size(1)
        let values = targets.flatMap { target -> [Float] in
            switch target {
            case .soft(let soft): return soft.distribution(classes: classes)
            case .hard(let label):
                let spread = options.smoothing / Double(classes)
                var one = [Float](repeating: Float(spread), count: classes)
                one[label] = Float(1 - options.smoothing + spread)
                return one
            }
        }
        target = Tensor(values, shape: [targets.count, classes], device: logits.device)
    } else {
        target = Tensor(targets.map { Int64($0.label) }, device: logits.device)
    }
    let loss = logits.crossEntropy(target, smoothing: isSoft ? 0 : options.smoothing)
    return StreamLoss(total: loss, parts: [("ce", loss)], positives: targets.count)
}

/// An objective with classification of other pictures on its backbone (Zoph et al. 2020, section 5; docs/pretraining.md): the
/// last stream of a step is classified, the others are what the main objective learns from. All pictures go through the
/// backbone together. The classifier is not saved with the model.
public final class JointObjective: Objective {
    /// The first part of the names of what is not saved.
    static let scope = "joint"

    private let main: any BackboneObjective
    private let head: ClassificationHead
    private let loss: LossOptions

    /// - Throws: `.usage` where the backbone has no classifier.
    init(_ main: any BackboneObjective, _ backbone: BackboneSpec, _ loss: LossOptions, classes: Int) throws(Failure) {
        guard backbone.levels == 2...5 else { throw .usage("joint: a SpineNet has no classifier") }
        self.main = main
        self.loss = loss
        head = ClassificationHead(
            main.parameters.root / Self.scope, ClassifierSpec(backbone: backbone, classes: classes))
    }

    /// The main objective's, with the classifier's.
    public var parameters: ParameterStore { main.parameters }

    /// The main objective's losses, and the cross-entropy of the last group.
    public func losses(_ inputs: Inputs, groups: [Range<Int>], precision: DType?, noise: Noise) -> [StreamLoss] {
        // Memory is measured with one group, of pictures for the main objective.
        guard groups.count > 1, let last = groups.last else {
            return main.losses(inputs, groups: groups, precision: precision, noise: noise)
        }
        let mode = Mode.training(noise)
        let device = inputs.images.device
        let maps = withAutocast(precision, on: device) { main.maps(inputs.images, mode) }
        func part(_ tensor: Tensor, _ range: Range<Int>) -> Tensor {
            tensor.narrowed(0, start: range.lowerBound, length: range.count)
        }
        let first = 0..<last.lowerBound
        let own = Inputs(
            images: part(inputs.images, first), masks: inputs.masks.map { part($0, first) },
            labels: inputs.labels.map { part($0, first) }, items: Array(inputs.items[first]))
        let losses = main.losses(
            maps: maps.map { part($0, first) }, own, groups: Array(groups.dropLast()), precision: precision,
            noise: noise)
        let logits = withAutocast(precision, on: device) {
            head.logits(head.pooled(maps.map { part($0, last) }, mode), mode)
        }
        return losses + [classificationLoss(logits, inputs.items[last], loss)]
    }
}

// MARK: - Inference

/// What was seen in one picture, or why it could not be read.
public struct ClassResult: Sendable {
    /// Index into the dataset.
    public var index: Int
    /// Of each class, `[K]`; empty where it was refused.
    public var probabilities: [Float]
    /// Why the picture could not be read.
    public var refusal: String?
    /// In what its file is damaged although every row was there.
    public var notes: [String] = []
}

extension Classifier {
    /// How a classifier runs over a dataset.
    public struct InferenceOptions: InferenceChoices {
        /// Pictures in a forward pass. Another number may change the last bits of results.
        public var batch = 16
        /// Threads that decode pictures.
        public var workers = 1
        /// Of convolutions; nil is fp32.
        public var precision: DType?
        /// Skip pictures that cannot be read instead of failing.
        public var skipsRefused = false
        /// What of a picture is seen.
        public var crop = EvaluationCrop.share(0.875)

        /// What of it changes answers.
        public var keys: [String: JSON] { ["crop": .string(crop.description)] }

        /// The defaults, in that precision.
        public init(precision: DType? = nil) { self.precision = precision }
    }

    /// Runs over a dataset in order, batch by batch. A batch always has its full shape, so that a picture's result depends
    /// on its place alone and a resumed run gives the same bits.
    ///
    /// - Parameters:
    ///   - first: the batch to begin with.
    ///   - body: gets each batch's results; false ends the run.
    public func forEachBatch(
        _ dataset: Dataset, _ options: InferenceOptions, from first: Int = 0,
        _ body: ([ClassResult]) throws(Failure) -> Bool
    ) throws(Failure) {
        var loaderOptions = Loader.Options(canvas: canvas, batch: options.batch, workers: options.workers)
        loaderOptions.pinned = parameters.device != .cpu
        loaderOptions.cacheBytes = 0
        let batches = Loader.batches(of: dataset.examples.count, by: options.batch)
        let loader = Loader(
            [Source(dataset, .cropped(CropPolicy(name: "evaluation", evaluation: options.crop)))],
            .evaluation(skipsRefused: options.skipsRefused), loaderOptions,
            batches: min(first, batches.upperBound)..<batches.upperBound)
        while let batch = try loader.nextBatch() {
            let values = try Torch.catching { () throws(Failure) in
                withoutGradients {
                    let logits = withAutocast(options.precision, on: parameters.device) {
                        model(batch.images.to(parameters.device, nonBlocking: true), .inference)
                    }
                    return logits.to(.float32).softmax(1).floats
                }
            }
            let results = batch.items.enumerated().map { i, item in
                ClassResult(
                    index: item.index,
                    probabilities: item.refusal == nil
                        ? Array(values[i * classes.count..<(i + 1) * classes.count]) : [],
                    refusal: item.refusal, notes: item.notes)
            }
            if try !body(results) { return }
        }
    }
}

extension Classifier {
    /// Top-1, top-5 and the classes' accuracies (`ClassificationMetrics`); `folder` gets `predictions.csv`: the file of each
    /// picture, its class, the most probable one and its probability.
    public func score(
        _ set: Dataset, _ options: InferenceOptions, into folder: String?
    ) throws(Failure) -> TaskScore {
        var pictures: [ClassifiedPicture] = []
        var quarantine = Quarantine()
        var lines = ["file,class,predicted,probability\n"]
        try forEachBatch(set, options) { results throws(Failure) in
            try Signals.heed("the same command measures again")
            for result in results {
                let example = set.examples[result.index]
                quarantine.note(set.path(of: example), result.notes)
                if let refusal = result.refusal {
                    quarantine.refuse(set.path(of: example), refusal)
                    continue
                }
                guard let label = example.target?.label else {
                    throw .data("\(set.path(of: example)) has no class, and cannot be scored")
                }
                let p = result.probabilities
                let ranked = p.indices.sorted { p[$0] != p[$1] ? p[$0] > p[$1] : $0 < $1 }
                pictures.append(ClassifiedPicture(label: label, ranked: Array(ranked.prefix(5))))
                if folder != nil {
                    let names = [example.fileName, classes.names[label], classes.names[ranked[0]]]
                    lines.append(names.map(\.asCSVField).joined(separator: ",") + ",\(p[ranked[0]])\n")
                }
            }
            return true
        }
        if let folder { try Files.write(lines.joined(), to: Files.join(folder, "predictions.csv")) }
        let metrics = ClassificationMetrics(pictures, names: classes.names)
        return TaskScore(
            json: metrics.json, table: metrics.table,
            columns: [
                "top1": .number(metrics.top1), "top5": .number(metrics.top5),
                "mean_class_accuracy": .number(metrics.meanClassAccuracy),
            ],
            value: metrics.top1.isNaN ? 0 : metrics.top1, quarantine: quarantine)
    }
}
