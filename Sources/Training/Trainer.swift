import Annotations
import Augmentation
import Base
import Checkpoints
import Geometry
import Journal
import Layers
import Loading
import Torch

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
    /// - Throws: a `Failure` with `.usage` where a pass cannot be as small as `micro`.
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
        optimizer = Optimizer(plan.optimizer, objective.parameters, rate: plan.rate)
        mixer = LossMixer(plan.mix, device: device)
        average = plan.averageDecay > 0 ? WeightAverage(objective.parameters, decay: plan.averageDecay) : nil
    }

    /// Trains to the last step. Afterwards the model holds the final weights (the averages, where there are any).
    ///
    /// - Parameter evaluate: called every `evaluateEvery` steps and after the last, with the weights that would be
    ///   saved; `improved` is called when its value is the best so far. Where it throws `.interrupted` or
    ///   `.terminated`, the step is saved, and the next sitting begins with its evaluation.
    /// - Throws: `.diverged` at a loss that is not finite, with a report in `state/`; `.interrupted` or `.terminated`
    ///   after a signal, with the state saved; what the data or the device throw.
    public func run(
        evaluate: ((_ step: Int) throws(Failure) -> Evaluation?)? = nil,
        improved: ((_ step: Int) throws(Failure) -> Void)? = nil
    ) throws(Failure) {
        try Files.makeFolder(statePath(""))
        let (start, isJudged) = try resume()
        let metrics = try MetricsLog(path: Files.join(folder, "metrics.jsonl"), resumingAt: start)
        let events = try TensorBoardEvents(folder: Files.join(folder, "tensorboard"), resumingAt: start)
        var results: ResultsTable?
        let progress = ProgressLine(label: label, total: plan.steps, start: start)
        let loader = makeLoader(from: start)
        var machine = BusyMachine(threads: device == .cpu ? Torch.threads : 1)
        var lastSave = monotonicSeconds()
        var began = monotonicSeconds()
        func keepTime() {
            seconds += monotonicSeconds() - began
            began = monotonicSeconds()
        }

        func keep(_ done: Int, isJudged: Bool = true) throws(Failure) {
            keepTime()
            quarantine.add(loader.quarantine)
            // What a checkpoint counts on is on the disk before it is.
            try metrics.sync()
            try results?.sync()
            try save(step: done, isJudged: isJudged)
            lastSave = monotonicSeconds()
        }
        func stopped(_ signal: ExitCode, _ done: Int) -> Failure {
            progress.finish()
            return Failure(
                signal,
                "stopped by a signal after step \(done) of \(plan.steps); the state is saved, the same command goes on")
        }
        // A signal in an evaluation, which may be long, costs no step: the next sitting begins with the evaluation.
        func judge(_ done: Int) throws(Failure) {
            guard let evaluate else { return }
            keepTime()
            let given: Evaluation?
            do throws(Failure) {
                given = try withFinalWeights { () throws(Failure) in try evaluate(done) }
            } catch {
                guard [.interrupted, .terminated].contains(error.code) else { throw error }
                began = monotonicSeconds()
                try keep(done, isJudged: false)
                throw stopped(error.code, done)
            }
            began = monotonicSeconds()  // evaluations are not training time
            guard let evaluation = given else { return }
            if results == nil {
                results = try ResultsTable(
                    path: Files.join(folder, "results.csv"), columns: evaluation.columns.keys.sorted(),
                    // What is made up for may have its row, of a sitting that was killed behind it.
                    resumingAt: isJudged ? start : start - 1)
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

        if !isJudged {
            try judge(start)
            try keep(start)
        }
        for step in start..<max(start, plan.steps) {
            let waitedBefore = loader.secondsWaited
            let outcome = try Torch.catching { () throws(Failure) in try self.step(step, loader) }
            let done = step + 1
            let waited = loader.secondsWaited - waitedBefore
            secondsWaited += waited
            if let warning = machine.warning() { Console.standardError.line("\(label): \(warning)") }
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
            // The next step would find out what the last one left; after the last there is none.
            if done == plan.steps { try requireFiniteWeights(done) }
            if isEvaluated || done == plan.steps { try judge(done) }
            let signal = Signals.interruption
            let isDue =
                monotonicSeconds() - lastSave >= plan.checkpointSeconds
                || plan.checkpointSteps > 0 && done % plan.checkpointSteps == 0
            if signal != nil || isDue || done == plan.steps { try keep(done) }
            if let signal, done < plan.steps { throw stopped(signal, done) }
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

    /// Canvases in a pass.
    private var canvases: Int {
        plan.streams.reduce(0) { $0 + $1.images / accumulation * $1.variation.views }
    }

    /// The canvases of each stream in a pass.
    private var groups: [Range<Int>] {
        var groups: [Range<Int>] = []
        for stream in plan.streams {
            let from = groups.last?.upperBound ?? 0
            groups.append(from..<from + stream.images / accumulation * stream.variation.views)
        }
        return groups
    }

    private func noise(_ step: Int, _ pass: Int) -> Noise {
        Noise(seed: plan.seed, step: step, first: pass * canvases)
    }

    private func step(_ step: Int, _ loader: Loader) throws(Failure) -> Outcome {
        var record = StepRecord()
        if accumulation > 1, let objective = objective as? any ContrastingObjective {
            try contrast(objective, step, loader, &record)
        } else {
            try accumulate(step, loader, &record)
        }
        record.readings.append(("grad_norm", 1, nil, optimizer.clipGradients(to: plan.clip)))
        // The step's only wait for the device.
        let (readings, items) = (record.readings, record.items)
        var sums = record.sums
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

    /// Leaves the gradients of a step: the mean of its passes'.
    private func accumulate(_ step: Int, _ loader: Loader, _ record: inout StepRecord) throws(Failure) {
        let share = 1 / Double(accumulation)
        for pass in 0..<accumulation {
            let batch = try nextBatch(of: loader, step, &record)
            // The loader gets a batch's memory back before the next pass of a step, so that its copy must be done by then.
            let mayCopyLater = accumulation == 1
            let images = batch.images.to(device, nonBlocking: mayCopyLater)
            let labels = batch.masks?.to(device, nonBlocking: mayCopyLater)
            let losses = objective.losses(
                Inputs(images: images, masks: batch.masks, labels: labels, items: batch.items), groups: groups,
                precision: plan.precision, noise: noise(step, pass))
            let total = mixer(losses.map(\.total), share: share)
            (accumulation == 1 ? total : total * share).backward()
            record.add(total, losses, plan.streams, share: share, pass: pass)
        }
    }

    /// Leaves the gradients of a step whose loss is of all its passes together, without holding more than one pass's
    /// activations: all embeddings first, the loss's gradient for them, and then each pass once more with that as what
    /// comes from above (Gao et al. 2021, "gradient caching"). It is the gradient of one graph over all passes; batch norms
    /// see a pass at a time in both.
    private func contrast(
        _ objective: any ContrastingObjective, _ step: Int, _ loader: Loader, _ record: inout StepRecord
    ) throws(Failure) {
        precondition(plan.streams.count == 1, "a contrastive loss is of one stream")
        var pictures: [Tensor] = []
        for _ in 0..<accumulation {
            let images = try nextBatch(of: loader, step, &record).images
            // The loader takes a batch's memory back, so that a copy is kept: in the precision of convolutions, of which
            // the first brings it there anyhow.
            let kept = device == .cpu ? images : images.to(device, nonBlocking: false)
            switch plan.precision {
            case .some(let dtype) where dtype != .float32: pictures.append(kept.to(dtype))
            default: pictures.append(device == .cpu ? kept.clone() : kept)
            }
        }
        func embeddings(_ pass: Int) -> Tensor {
            objective.embeddings(pictures[pass], precision: plan.precision, noise: noise(step, pass)).to(.float32)
        }
        // Statistics of norms move once a pass, the second time.
        let statistics = objective.parameters.entries.filter { $0.role == .statistic }.map(\.tensor)
        let before = withoutGradients { statistics.map { $0.detached().clone() } }
        let first = withoutGradients { (0..<accumulation).map { embeddings($0) } }
        withoutGradients { for (tensor, value) in zip(statistics, before) { tensor.detached().assign(value) } }

        let half = canvases / 2
        let leaves = first.map { embedding in
            let leaf = embedding.detached().clone()
            leaf.requiresGradient = true
            return leaf
        }
        let loss = objective.loss(
            Tensor.concatenated(leaves.map { $0.narrowed(0, start: 0, length: half) }, 0),
            Tensor.concatenated(leaves.map { $0.narrowed(0, start: half, length: half) }, 0))
        let total = mixer([loss.total])
        total.backward()
        record.add(total, [loss], plan.streams, share: 1, pass: nil)
        for (pass, leaf) in leaves.enumerated() {
            guard let gradient = leaf.gradient else { continue }
            (embeddings(pass) * gradient).sum().backward()
        }
    }

    private func nextBatch(
        of loader: Loader, _ step: Int, _ record: inout StepRecord
    ) throws(Failure) -> Batch {
        guard let batch = try loader.nextBatch() else { preconditionFailure("the loader ended before step \(step)") }
        record.items.append(batch.items)
        return batch
    }

    /// What a step leaves beside its gradients.
    private struct StepRecord {
        var readings: [Reading] = []
        var sums: [String: Double] = [:]
        /// Of each pass.
        var items: [[Item]] = []

        mutating func add(_ total: Tensor, _ losses: [StreamLoss], _ streams: [Stream], share: Double, pass: Int?) {
            readings.append(("loss", share, pass, total.detached()))
            for (stream, loss) in zip(streams, losses) {
                readings += loss.parts.map { ("\(stream.name)/\($0.name)", share, pass, $0.loss.detached()) }
                sums["\(stream.name)/positives", default: 0] += Double(loss.positives)
            }
        }
    }

    /// - Throws: `.diverged` where what would be saved has numbers that are not finite.
    private func requireFiniteWeights(_ step: Int) throws(Failure) {
        let own = objective.parameters.entries.map { (name: $0.name, tensor: $0.tensor) } + (average?.tensors ?? [])
        // Zero where all are finite, else not a number.
        let sums = try Torch.catching {
            withoutGradients { Tensor.stacked(own.map { ($0.tensor.detached().to(.float32) * 0).sum() }) }
        }
        guard let bad = zip(own, sums.floats).first(where: { !$1.isFinite })?.0 else { return }
        throw Failure(
            .diverged,
            "the weights are not finite after step \(step), the last (\(bad.name)). A smaller learning rate (lr=) or clipping "
                + "(clip=) helps most often")
    }

    /// Writes what is known of a batch whose loss is not finite, and says where.
    private func diverged(
        _ step: Int, pass: Int, _ items: [Item], _ values: [String: Double], _ loss: Double
    ) -> Failure {
        func shown(_ x: Double) -> String { x.isNaN ? "nan" : "\(x)" }
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
            "step": .int(step + 1), "pass": .int(pass), "loss": .string(shown(loss)),
            "lr": .number(plan.schedule.rate(step)),
            "values": .object(values.mapValues { .string(shown($0)) }), "pictures": .array(pictures),
        ]
        var place = "the report is in \(path)"
        do throws(Failure) { try Files.write(report.pretty, to: path) } catch {
            place = "no report could be written: \(error)"
        }
        return Failure(
            .diverged,
            "the loss is not finite at step \(step + 1) (\(shown(loss))); \(place). A smaller learning rate (lr=) or clipping (clip=) helps most often"
        )
    }

    // MARK: - State

    private func statePath(_ name: String) -> String { Files.join(Files.join(folder, "state"), name) }

    private var tensors: [(name: String, tensor: Tensor)] {
        objective.parameters.entries.map { (name: "model." + $0.name, tensor: $0.tensor) }
            + optimizer.tensors.map { (name: "optimizer." + $0.name, tensor: $0.tensor) }
            + (average?.tensors ?? []) + mixer.tensors
    }

    private func save(step: Int, isJudged: Bool) throws(Failure) {
        let state: JSON = [
            "format": 1, "identity": .string(identity), "step": .int(step), "seconds": .number(seconds),
            "data_wait_seconds": .number(secondsWaited),
            "best": best.map { ["value": .number($0.value), "step": .int($0.step)] } ?? .null,
            "quarantine": quarantine.json, "judged": .bool(isJudged), "threads": .int(Torch.threads),
        ]
        try TensorFile.write(tensors, metadata: ["pupil": state.canonical], to: statePath("checkpoint.safetensors"))
    }

    /// The step to begin with, and whether the weights that it begins with were evaluated, where they were to be.
    private func resume() throws(Failure) -> (step: Int, isJudged: Bool) {
        let path = statePath("checkpoint.safetensors")
        guard Files.exists(path) else { return (0, true) }
        let file = try SafetensorsFile(path)
        let state = try JSON.parse(file.metadata["pupil"] ?? "{}", file: path)
        guard state["identity"]?.string == identity, let step = state["step"]?.int else {
            throw .usage("\(path) is the state of another run; choose another --out or remove it")
        }
        try TensorFile.load(tensors, from: file)
        if device == .cpu, let threads = state["threads"]?.int, threads != Torch.threads {
            Console.standardError.line(
                "\(label): \(threads) threads before, \(Torch.threads) now (--threads): the last bits will not be those of "
                    + "\(threads) all along")
        }
        seconds = state["seconds"]?.double ?? 0
        secondsWaited = state["data_wait_seconds"]?.double ?? 0
        quarantine = Quarantine(state["quarantine"])
        if let value = state["best"]?["value"]?.double, let at = state["best"]?["step"]?.int { best = (value, at) }
        return (step, state["judged"]?.bool ?? true)
    }

    private func withFinalWeights<R>(_ body: () throws(Failure) -> R) throws(Failure) -> R {
        guard let average else { return try body() }
        return try average.applied(body)
    }

    private func makeLoader(from start: Int) -> Loader {
        var options = Loader.Options(canvas: plan.canvas, batch: canvases, workers: plan.workers)
        options.cacheBytes = plan.cacheBytes
        options.cacheFolder = plan.cacheFolder
        options.pinned = device != .cpu
        options.maskStride = plan.maskStride
        let sampler = Sampler(
            counts: plan.streams.map { $0.dataset.examples.count },
            shares: plan.streams.map { $0.images / accumulation }, views: plan.streams.map(\.variation.views),
            // Two views of one picture must not be held apart as if they were of two.
            distinct: plan.streams.map { $0.variation.views > 1 ? $0.images : nil })
        return Loader(
            plan.streams.map { Source($0.dataset, $0.variation) }, .training(sampler, seed: plan.seed), options,
            batches: start * accumulation..<plan.steps * accumulation)
    }
}
