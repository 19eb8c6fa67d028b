import Annotations
import Base
import Evaluation
import Geometry
import Imaging
import Reports
import SelfTraining
import Torch
import Training

// What a page shows of a fold closer than its numbers, by task.

extension Detector {
    static func closerLook(
        _ fold: Fold, _ reported: Dataset, threshold: Double, precision: DType?, resources: Resources
    ) throws(Failure) -> (details: [ArmDetails], gallery: Gallery?, pictures: Int) {
        let truth = TruthSet(reported)
        var details: [ArmDetails] = []
        for arm in ArmName.allCases {
            guard let done = fold.arms[arm], let method = StudyMethod(arm: arm.rawValue) else { continue }
            details.append(
                ArmDetails(
                    name: method.rawValue, truth,
                    try COCOResults.scored(done.evaluation.file("predictions.json"), truth)))
        }
        guard let (scored, pool) = fold.labelling else { return (details, nil, reported.examples.count) }
        var sureness: [Double] = []
        var reader = try PredictionStore.reader(scored.file("store.jsonl"))
        while let record = try reader.next() {
            sureness.append(Gallery.sureness(record.boxes.map(\.score), threshold: threshold))
        }
        let chosen = Gallery.choice(sureness)
        // Read twice, so that of a large pool only the boxes that are shown are held.
        var boxes: [Int: [ScoredBox]] = [:]
        let places = Set(chosen)
        reader = try PredictionStore.reader(scored.file("store.jsonl"))
        while let record = try reader.next() {
            let place = reader.count - 1
            if places.contains(place) { boxes[place] = record.boxes.filter { $0.score >= 0.1 } }
        }
        var students = [Gallery.Sight?](repeating: nil, count: chosen.count)
        if let student = fold.arms[.student] {
            let detector = try Detector(weights: student.stage.weightsFile, device: resources.device)
            var options = InferenceOptions(precision: precision)
            options.workers = resources.workers
            options.skipsRefused = true
            try detector.forEachBatch(pool.picked(chosen), options) { results throws(Failure) in
                try Signals.heed("the same command makes the page")
                for result in results {
                    let seen = result.detections.filter { $0.score >= 0.1 }
                    students[result.index] = .boxes(seen.map { ScoredBox($0) })
                }
                return true
            }
        }
        var pictures: [Gallery.Picture] = []
        for (place, seen) in zip(chosen, students) {
            // What is not there was refused, and cannot be shown.
            guard let path = try? Files.absolute(pool.path(of: pool.examples[place])) else { continue }
            pictures.append(Gallery.Picture(path: path, teacher: .boxes(boxes[place] ?? []), student: seen))
        }
        let gallery = Gallery(pictures: pictures, pool: pool.examples.count, threshold: threshold)
        return (details, gallery, reported.examples.count)
    }
}

extension Segmenter {
    /// As many pictures of the reported set are looked at again: the evaluation keeps masks, and not how sure they are.
    private static let lookedAt = 100

    static func closerLook(
        _ fold: Fold, _ reported: Dataset, threshold: Double, precision: DType?, resources: Resources
    ) throws(Failure) -> (details: [ArmDetails], gallery: Gallery?, pictures: Int) {
        var options = InferenceOptions(precision: precision)
        options.workers = resources.workers
        options.skipsRefused = true
        options.wantsConfidence = true
        let count = reported.examples.count
        let some = reported.picked(
            count <= lookedAt ? Array(0..<count) : (0..<lookedAt).map { $0 * count / lookedAt })
        let names = reported.classes.names
        var details: [ArmDetails] = []
        for arm in ArmName.allCases {
            guard let done = fold.arms[arm], let method = StudyMethod(arm: arm.rawValue) else { continue }
            let segmenter = try Segmenter(weights: done.stage.weightsFile, device: resources.device)
            var pixels = PixelDetails(classes: names.count)
            try segmenter.forEachBatch(some, options) { results throws(Failure) in
                try Signals.heed("the same command makes the page")
                for result in results {
                    guard let labels = result.labels, let confidence = result.confidence else { continue }
                    let truth = try some.labelMap(of: some.examples[result.index])
                    pixels.add(truth: truth, prediction: labels, confidence: confidence)
                }
                return true
            }
            details.append(ArmDetails(name: method.rawValue, pixels, classes: names))
        }
        guard let (scored, pool) = fold.labelling else { return (details, nil, some.examples.count) }
        let records = try MaskStore.read(scored.file("store.jsonl")).records
        // Sure is a picture of which much is kept.
        let bin = Int((threshold * 20).rounded())
        let chosen = Gallery.choice(
            records.map { record -> Double in
                guard case .labelled(let size, _, let histogram) = record.outcome else { return -1 }
                let kept = histogram.dropFirst(bin).reduce(0, +)
                return kept == 0 ? -1 : Double(kept) / Double(max(1, size.width * size.height))
            }
        ).filter { if case .labelled = records[$0].outcome { true } else { false } }
        var students = [Gallery.Sight?](repeating: nil, count: chosen.count)
        if let student = fold.arms[.student] {
            let segmenter = try Segmenter(weights: student.stage.weightsFile, device: resources.device)
            try segmenter.forEachBatch(pool.picked(chosen), options) { results throws(Failure) in
                try Signals.heed("the same command makes the page")
                for result in results {
                    guard let labels = result.labels, let confidence = result.confidence else { continue }
                    students[result.index] = .pixels(SmallMask(labels: labels, confidence: confidence))
                }
                return true
            }
        }
        var pictures: [Gallery.Picture] = []
        for (place, seen) in zip(chosen, students) {
            guard case .labelled(_, let name, _) = records[place].outcome else { continue }
            let teacher = SmallMask(
                labels: try ImageFile.labels(scored.file("masks/" + name)),
                confidence: try ImageFile.labels(scored.file("confidence/" + name)))
            pictures.append(
                Gallery.Picture(
                    path: try Files.absolute(pool.path(of: pool.examples[place])), teacher: .pixels(teacher),
                    student: seen))
        }
        let gallery = Gallery(pictures: pictures, pool: pool.examples.count, threshold: threshold)
        return (details, gallery, some.examples.count)
    }
}

extension PredictionRecord {
    /// All that was detected; nothing in a picture that was refused.
    fileprivate var boxes: [ScoredBox] {
        guard case .scored(_, let detections) = outcome else { return [] }
        return detections.map { ScoredBox($0) }
    }
}

extension Dataset {
    /// The examples at these places, in this order.
    fileprivate func picked(_ places: [Int]) -> Dataset {
        var set = self
        set.examples = places.map { examples[$0] }
        return set
    }
}
