import Annotations
import Augmentation
import Base
import Checkpoints
import Geometry
import Journal
import Layers
import Loading
import Torch

/// A run of the loop as a value: what is fed, how the losses join, how weights move.
public struct TrainingPlan: Sendable {
    /// What each batch is made of, in this order.
    public var streams: [Stream]
    /// How the losses of the streams become one.
    public var mix: LossMix
    /// Steps of the optimiser.
    public var steps: Int
    /// Pictures in one forward pass; divides the batch, which is the sum over the streams.
    public var micro: Int
    /// The update rule.
    public var optimizer: OptimizerSpec
    /// The learning rate of each step.
    public var schedule: Schedule
    /// The greatest norm of all gradients together; 0: not clipped.
    public var clip: Double
    /// Weight averaging; 0: none. With it the averages are what is saved.
    public var averageDecay: Double
    /// Of convolutions; nil is fp32. Losses and weights are fp32 in any case.
    public var precision: DType?
    /// Of the order of pictures and their augmentation; the weights have begun already.
    public var seed: UInt64
    /// The size of the pictures in a batch, in pixels.
    public var canvas: Size
    /// Pixels of the canvas a side for each label of a mask; nil: no masks are made.
    public var maskStride: Int?

    // What follows does not change results.
    /// Threads that decode and render.
    public var workers = 1
    /// Memory for decoded pictures.
    public var cacheBytes = 1 << 30
    /// A folder for decoded pictures; nil: none.
    public var cacheFolder: String?
    /// Seconds between saved states.
    public var checkpointSeconds = 60.0
    /// Also after so many steps; 0: by time alone.
    public var checkpointSteps = 0
    /// Steps between lines of `metrics.jsonl`.
    public var logEvery = 10
    /// Steps between evaluations on the way; 0: none.
    public var evaluateEvery = 0

    /// Pictures a step, over all streams.
    public var batch: Int { streams.reduce(0) { $0 + $1.images } }

    /// The forward passes of a step.
    ///
    /// - Parameters:
    ///   - images: pictures a step, of each stream.
    ///   - micro: pictures in one pass.
    /// - Throws: a `Failure` with `.usage` where `micro` does not divide the batch, or its passes a stream.
    public static func passes(_ images: [Int], micro: Int) throws(Failure) -> Int {
        let batch = images.reduce(0, +)
        guard micro > 0, batch % micro == 0 else {
            throw .usage("micro: \(micro) does not divide the batch of \(batch)")
        }
        let passes = batch / micro
        for images in images where images % passes != 0 {
            throw .usage("micro: \(images) pictures of a stream cannot be shared by \(passes) passes of \(micro)")
        }
        return passes
    }

    /// A plan; without `micro` the whole batch is one forward pass.
    public init(
        streams: [Stream], mix: LossMix, steps: Int, micro: Int? = nil, optimizer: OptimizerSpec, schedule: Schedule,
        clip: Double, averageDecay: Double = 0, precision: DType?, seed: UInt64, canvas: Size
    ) {
        self.streams = streams
        self.mix = mix
        self.steps = steps
        self.optimizer = optimizer
        self.schedule = schedule
        self.clip = clip
        self.averageDecay = averageDecay
        self.precision = precision
        self.seed = seed
        self.canvas = canvas
        self.micro = micro ?? streams.reduce(0) { $0 + $1.images }
    }
}

/// The loop. A folder holds its state; the same plan with the same folder goes on where it stopped and ends with the
/// same bytes as if it had never stopped.
///
/// The folder: `state/checkpoint.safetensors`, `metrics.jsonl`, `results.csv`, `tensorboard/`.
public final class Trainer {
    private let objective: any Objective
    private let plan: TrainingPlan
    private let folder: String
    private let identity: String
    private let label: String
    private let optimizer: Optimizer
    private let mixer: LossMixer
    private let average: WeightAverage?
    private let device: Device
    private let accumulation: Int

    /// Seconds of the loop so far, over all sittings, and those of them it waited for data.
    public private(set) var seconds = 0.0
    /// Seconds of the loop in which it waited for data.
    public private(set) var secondsWaited = 0.0
    /// The value of `evaluate` that was best on the way, and its step.
    public private(set) var best: (value: Double, step: Int)?
    /// Training pictures that could not be read, and damaged ones, over all sittings.
    public private(set) var quarantine = Quarantine()

    /// What an evaluation on the way gives: columns of `results.csv`, and the value by which the best is chosen.
    public struct Evaluation {
        /// The columns of a row of `results.csv`, by name.
        public var columns: [String: JSON]
        /// What is compared, greater being better.
        public var value: Double

        /// The outcome of one evaluation.
        public init(columns: [String: JSON], value: Double) {
            self.columns = columns
            self.value = value
        }
    }

    /// - Parameters:
    ///   - identity: names the run; a checkpoint of another one is refused.
    ///   - label: for the progress line.
    /// - Throws: a `Failure` with `.usage` where `micro` does not divide the batch and its streams.
    public init(
        _ objective: any Objective, _ plan: TrainingPlan, folder: String, identity: String, label: String
    ) throws(Failure) {
        accumulation = try TrainingPlan.passes(plan.streams.map(\.images), micro: plan.micro)
        self.objective = objective
        self.plan = plan
        self.folder = folder
        self.identity = identity
        self.label = label
        device = objective.parameters.device
        optimizer = Optimizer(plan.optimizer, objective.parameters)
        mixer = LossMixer(plan.mix, device: device)
        average = plan.averageDecay > 0 ? WeightAverage(objective.parameters, decay: plan.averageDecay) : nil
    }

    /// Trains to the last step. Afterwards the model holds the final weights (the averages, where there are any).
    ///
    /// - Parameter evaluate: called every `evaluateEvery` steps and after the last, with the weights that would be
    ///   saved; `improved` is called when its value is the best so far.
    /// - Throws: `.diverged` at a loss that is not finite, with a report in `state/`; `.interrupted` or `.terminated`
    ///   after a signal, with the state saved; what the data or the device throw.
    public func run(
        evaluate: ((_ step: Int) throws(Failure) -> Evaluation?)? = nil,
        improved: ((_ step: Int) throws(Failure) -> Void)? = nil
    ) throws(Failure) {
        try Files.makeFolder(statePath(""))
        let start = try resume()
        let metrics = try MetricsLog(path: Files.join(folder, "metrics.jsonl"), resumingAt: start)
        let events = try TensorBoardEvents(folder: Files.join(folder, "tensorboard"), resumingAt: start)
        var results: ResultsTable?
        let progress = ProgressLine(label: label, total: plan.steps, start: start)
        let loader = makeLoader(from: start)
        var lastSave = monotonicSeconds()
        var began = monotonicSeconds()
        func keepTime() {
            seconds += monotonicSeconds() - began
            began = monotonicSeconds()
        }

        for step in start..<max(start, plan.steps) {
            let waitedBefore = loader.secondsWaited
            let outcome = try Torch.catching { () throws(Failure) in try self.step(step, loader) }
            let done = step + 1
            let waited = loader.secondsWaited - waitedBefore
            secondsWaited += waited
            progress.advance(to: done, items: plan.batch, loss: outcome.loss, waited: waited)
            if done % plan.logEvery == 0 || done == plan.steps {
                keepTime()
                var line = outcome.values.mapValues { JSON.number($0) }
                line["lr"] = .number(plan.schedule.rate(step))
                line["images"] = .int(done * plan.batch)
                line["time_seconds"] = .number(seconds)
                line["data_wait_seconds"] = .number(secondsWaited)
                try metrics.append(step: done, line)
                try events.append(step: done, outcome.values.merging(["lr": plan.schedule.rate(step)]) { $1 })
            }
            let isEvaluated = plan.evaluateEvery > 0 && done % plan.evaluateEvery == 0 && done < plan.steps
            if let evaluate, isEvaluated || done == plan.steps {
                keepTime()
                let evaluation = try withFinalWeights { () throws(Failure) in try evaluate(done) }
                began = monotonicSeconds()  // evaluations are not training time
                if let evaluation {
                    if results == nil {
                        results = try ResultsTable(
                            path: Files.join(folder, "results.csv"), columns: evaluation.columns.keys.sorted(),
                            resumingAt: start)
                    }
                    try results?.append(step: done, evaluation.columns)
                    try events.append(step: done, evaluation.columns.compactMapValues(\.double))
                    if evaluation.value > best?.value ?? -.infinity {
                        best = (evaluation.value, done)
                        if let improved {
                            _ = try withFinalWeights { () throws(Failure) -> Bool in
                                try improved(done); return true
                            }
                        }
                    }
                }
            }
            let signal = Signals.interruption
            let isDue =
                monotonicSeconds() - lastSave >= plan.checkpointSeconds
                || plan.checkpointSteps > 0 && done % plan.checkpointSteps == 0
            if signal != nil || isDue || done == plan.steps {
                keepTime()
                quarantine.add(loader.quarantine)
                // What a checkpoint counts on is on the disk before it is.
                try metrics.sync()
                try results?.sync()
                try save(step: done)
                lastSave = monotonicSeconds()
            }
            if let signal, done < plan.steps {
                progress.finish()
                throw Failure(
                    signal,
                    "stopped by a signal after step \(done) of \(plan.steps); the state is saved, the same command goes on"
                )
            }
        }
        progress.finish()
        quarantine.add(loader.quarantine)
        if let average { average.install() }
    }

    // MARK: - One step

    private struct Outcome {
        var loss: Double
        var values: [String: Double]
    }

    /// A number of a step that is still on the device: its name, its weight in the step, and the pass it is of, if one.
    private typealias Reading = (name: String, weight: Double, pass: Int?, tensor: Tensor)

    private func step(_ step: Int, _ loader: Loader) throws(Failure) -> Outcome {
        var readings: [Reading] = []
        var sums: [String: Double] = [:]
        var items: [[Item]] = []
        let share = 1 / Double(accumulation)
        for pass in 0..<accumulation {
            guard let batch = try loader.nextBatch() else {
                preconditionFailure("the loader ended before step \(step)")
            }
            items.append(batch.items)
            // The loader gets a batch's memory back before the next pass of a step, so that its copy must be done by then.
            let mayCopyLater = accumulation == 1
            let images = batch.images.to(device, nonBlocking: mayCopyLater)
            let labels = batch.masks?.to(device, nonBlocking: mayCopyLater)
            var groups: [Range<Int>] = []
            for stream in plan.streams {
                let from = groups.last?.upperBound ?? 0
                groups.append(from..<from + stream.images / accumulation)
            }
            let losses = objective.losses(
                Inputs(images: images, masks: batch.masks, labels: labels, items: batch.items), groups: groups,
                precision: plan.precision, noise: Noise(seed: plan.seed, step: step, first: pass * plan.micro))
            let total = mixer(losses.map(\.total), share: share)
            (accumulation == 1 ? total : total * share).backward()
            readings.append(("loss", share, pass, total.detached()))
            for (stream, loss) in zip(plan.streams, losses) {
                readings += loss.parts.map { ("\(stream.name)/\($0.name)", share, pass, $0.loss.detached()) }
                sums["\(stream.name)/positives", default: 0] += Double(loss.positives)
            }
        }
        readings.append(("grad_norm", 1, nil, optimizer.clipGradients(to: plan.clip)))
        // The step's only wait for the device.
        let numbers = Tensor.stacked(readings.map(\.tensor) + mixer.tensors.map(\.tensor)).floats
        for (reading, number) in zip(readings, numbers) {
            sums[reading.name, default: 0] += reading.weight * Double(number)
        }
        if let (reading, number) = zip(readings, numbers).first(where: { !$1.isFinite }) {
            throw diverged(
                step, pass: reading.pass ?? accumulation - 1, reading.pass.map { items[$0] } ?? items.flatMap(\.self),
                sums,
                reading.pass == nil ? sums["loss"] ?? .nan : Double(number))
        }
        optimizer.step(lr: plan.schedule.rate(step))
        average?.update(step: step + 1)
        let averages = numbers.dropFirst(readings.count)
        if let human = averages.first, let pseudo = averages.last {
            sums["human_to_pseudo"] = Double(human) / Double(pseudo)
        }
        return Outcome(loss: sums["loss"] ?? .nan, values: sums)
    }

    /// Writes what is known of a batch whose loss is not finite, and says where.
    private func diverged(
        _ step: Int, pass: Int, _ items: [Item], _ values: [String: Double], _ loss: Double
    ) -> Failure {
        let path = statePath("diverged_step_\(step + 1).json")
        let pictures = items.map { item -> JSON in
            let dataset = plan.streams[item.source].dataset
            return [
                "stream": .string(plan.streams[item.source].name),
                "file": .string(dataset.examples[item.index].fileName),
                "boxes": .array(
                    item.annotations.map { annotation in
                        let box = annotation.box
                        return .array(
                            [box.x1, box.y1, box.x2, box.y2].map { .number(Double($0)) } + [.int(annotation.label)])
                    }),
            ]
        }
        let report: JSON = [
            "step": .int(step + 1), "pass": .int(pass), "loss": .string("\(loss)"),
            "lr": .number(plan.schedule.rate(step)),
            "values": .object(values.mapValues { .string("\($0)") }), "pictures": .array(pictures),
        ]
        var place = "the report is in \(path)"
        do throws(Failure) { try Files.write(report.pretty, to: path) } catch {
            place = "no report could be written: \(error)"
        }
        return Failure(
            .diverged,
            "the loss is not finite at step \(step + 1) (\(loss)); \(place). A smaller learning rate (lr=) or clipping (clip=) helps most often"
        )
    }

    // MARK: - State

    private func statePath(_ name: String) -> String { Files.join(Files.join(folder, "state"), name) }

    private var tensors: [(name: String, tensor: Tensor)] {
        objective.parameters.entries.map { (name: "model." + $0.name, tensor: $0.tensor) }
            + optimizer.tensors.map { (name: "optimizer." + $0.name, tensor: $0.tensor) }
            + (average?.tensors ?? []) + mixer.tensors
    }

    private func save(step: Int) throws(Failure) {
        let state: JSON = [
            "format": 1, "identity": .string(identity), "step": .int(step), "seconds": .number(seconds),
            "data_wait_seconds": .number(secondsWaited),
            "best": best.map { ["value": .number($0.value), "step": .int($0.step)] } ?? .null,
            "quarantine": quarantine.json,
        ]
        try TensorFile.write(tensors, metadata: ["pupil": state.canonical], to: statePath("checkpoint.safetensors"))
    }

    /// The step to begin with.
    private func resume() throws(Failure) -> Int {
        let path = statePath("checkpoint.safetensors")
        guard Files.exists(path) else { return 0 }
        let file = try SafetensorsFile(path)
        let state = try JSON.parse(file.metadata["pupil"] ?? "{}", file: path)
        guard state["identity"]?.string == identity, let step = state["step"]?.int else {
            throw .usage("\(path) is the state of another run; choose another --out or remove it")
        }
        try TensorFile.load(tensors, from: file)
        seconds = state["seconds"]?.double ?? 0
        secondsWaited = state["data_wait_seconds"]?.double ?? 0
        quarantine = Quarantine(state["quarantine"])
        if let value = state["best"]?["value"]?.double, let at = state["best"]?["step"]?.int { best = (value, at) }
        return step
    }

    private func withFinalWeights<R>(_ body: () throws(Failure) -> R) throws(Failure) -> R {
        guard let average else { return try body() }
        return try average.applied(body)
    }

    private func makeLoader(from start: Int) -> Loader {
        var options = Loader.Options(canvas: plan.canvas, batch: plan.micro, workers: plan.workers)
        options.cacheBytes = plan.cacheBytes
        options.cacheFolder = plan.cacheFolder
        options.pinned = device != .cpu
        options.maskStride = plan.maskStride
        let sampler = Sampler(
            counts: plan.streams.map { $0.dataset.examples.count },
            shares: plan.streams.map { $0.images / accumulation })
        return Loader(
            plan.streams.map { Source($0.dataset, policy: $0.policy) }, .training(sampler, seed: plan.seed), options,
            batches: start * accumulation..<plan.steps * accumulation)
    }
}
