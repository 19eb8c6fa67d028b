import Annotations
import Base
import Geometry
import Imaging
import Testing

@testable import Evaluation

@Suite struct PictureRecordsTests {
    private func set(_ pictures: Int, seed: UInt64) -> (TruthSet, [[ScoredBox]]) {
        var random = Random(seed: seed, purpose: .test)
        func frame() -> Frame {
            Frame(
                x: Double(random.below(60)), y: Double(random.below(60)), width: 5 + Double(random.below(40)),
                height: 5 + Double(random.below(40)))
        }
        var images: [TruthSet.Image] = []
        var detections: [[ScoredBox]] = []
        for i in 0..<pictures {
            var boxes: [TrueBox] = []
            var found: [ScoredBox] = []
            for j in 0..<random.below(5) {
                let crowd = random.below(8) == 0
                boxes.append(TrueBox(id: 100 * i + j, label: random.below(3), frame: frame(), isCrowd: crowd))
            }
            for box in boxes where random.below(3) > 0 {
                var near = box.frame
                near.x += Double(random.below(7)) - 3
                near.width += Double(random.below(5)) - 2
                found.append(ScoredBox(frame: near, label: box.label, score: random.uniform()))
            }
            for _ in 0..<random.below(6) {
                found.append(ScoredBox(frame: frame(), label: random.below(3), score: random.uniform()))
            }
            images.append(TruthSet.Image(id: 1000 - 7 * i, boxes: boxes))
            detections.append(found)
        }
        return (TruthSet(classes: ClassTable(names: ["a", "b", "c"]), images: images), detections)
    }

    /// Each picture once gives COCO's AP; pictures several times or not at all give the AP of the set that has them so.
    @Test(arguments: [1, 2, 3, 4] as [UInt64]) func anyMultisetOfPictures(seed: UInt64) throws {
        let (truth, detections) = set(12, seed: seed)
        let evaluator = COCOEvaluator(truth, detections)
        let records = PictureRecords.boxes(evaluator.records())
        #expect(abs(records.metric - evaluator.finish().ap) < 1e-12)
        let again = try PictureRecords(try JSON.parse(records.json.canonical), path: "r")
        #expect(again == records)
        for draw in 0..<20 {
            let counts = PictureResampling(pictures: 12)[draw]
            #expect(counts.reduce(0, +) == 12)
            var images: [TruthSet.Image] = []
            var found: [[ScoredBox]] = []
            for (picture, count) in counts.enumerated() {
                for _ in 0..<count {
                    images.append(TruthSet.Image(id: images.count + 1, boxes: truth.images[picture].boxes))
                    found.append(detections[picture])
                }
            }
            let other = TruthSet(classes: truth.classes, images: images)
            #expect(abs(records.metric(counts) - COCOEvaluator.evaluate(other, found).ap) < 1e-9)
        }
        // The draws are the same whoever makes them, and by however many threads.
        let draws = PictureResampling(pictures: 12, count: 50)
        #expect(draws.metrics(records, threads: 1) == draws.metrics(again, threads: 3))
    }

    @Test func masks() throws {
        var random = Random(seed: 6, purpose: .test)
        func map() -> LabelMap {
            LabelMap(width: 8, height: 8, labels: (0..<64).map { _ in [0, 1, 2, 255][random.below(4)] })
        }
        var whole = PixelConfusion(classes: 3)
        var records = PixelRecords(classes: 3)
        var parts: [PixelConfusion] = []
        for _ in 0..<5 {
            var part = PixelConfusion(classes: 3)
            part.add(truth: map(), prediction: map())
            parts.append(part)
            records.add(part)
            whole += part
        }
        let all = PictureRecords.pixels(records)
        let names = ["a", "b", "c"]
        #expect(abs(all.metric - SegmentationMetrics(whole, names: names).meanIoU) < 1e-12)
        var some = PixelConfusion(classes: 3)
        for (part, count) in zip(parts, [2, 0, 1, 0, 2]) { for _ in 0..<count { some += part } }
        #expect(abs(all.metric([2, 0, 1, 0, 2]) - SegmentationMetrics(some, names: names).meanIoU) < 1e-12)
        #expect(try PictureRecords(try JSON.parse(all.json.canonical), path: "r") == all)
        #expect(all.metric([0, 0, 0, 0, 0]).isNaN)
    }

    /// By hand: of class a picture 0 has an object, found at both thresholds. Surer is a wrong box in picture 1, and
    /// one in 3 that never counts; less sure a wrong one in 2. Picture 4 has an object of b that nobody finds, 5 a box of
    /// c, which is nowhere, 6 nothing. So AP is 1/2 of a, 0 of b, and what is in 2, 3, 5 and 6 changes neither.
    @Test func picturesThatCanChangeTheMetric() {
        let boxes = BoxRecords(
            pictures: 7, thresholds: 2,
            classes: [
                .init(
                    objects: [1], objectPictures: [0], pictures: [3, 1, 0, 2], hits: [0, 0, 3, 0],
                    ignored: [3, 0, 0, 0]
                ),
                .init(objects: [1], objectPictures: [4], pictures: [], hits: [], ignored: []),
                .init(objects: [], objectPictures: [], pictures: [5], hits: [0], ignored: [0]),
            ])
        let records = PictureRecords.boxes(boxes)
        #expect(abs(records.metric - 0.25) < 1e-12 && records.telling == [0, 1, 4])
        for picture in 0..<7 {
            var counts = [Int](repeating: 1, count: 7)
            counts[picture] = 0
            #expect((records.metric(counts) != records.metric) == records.telling.contains(picture), "\(picture)")
        }
        // Of masks: what has no labelled pixel.
        var pixels = PixelRecords(classes: 2)
        pixels.add(counted([255, 255], [0, 1]))
        pixels.add(counted([0, 255], [1, 1]))
        #expect(PictureRecords.pixels(pixels).telling == [1])
    }

    /// A picture of one row, counted.
    private func counted(_ truth: [UInt8], _ prediction: [UInt8]) -> PixelConfusion {
        func map(_ labels: [UInt8]) -> LabelMap { LabelMap(width: labels.count, height: 1, labels: labels) }
        var counts = PixelConfusion(classes: 2)
        counts.add(truth: map(truth), prediction: map(prediction))
        return counts
    }

    /// Class 1 is nowhere, and predicted in one of two pictures. Both: 3/4 and 0; the other one twice: 1, of one class;
    /// that one twice: 1/2 and 0.
    @Test func aClassThatIsOnlyPredicted() {
        let pictures = [counted([0, 0], [0, 0]), counted([0, 0], [0, 1])]
        var records = PixelRecords(classes: 2)
        for picture in pictures { records.add(picture) }
        for (counts, expected) in [([1, 1], 0.375), ([2, 0], 1.0), ([0, 2], 0.25)] {
            var whole = PixelConfusion(classes: 2)
            for (picture, count) in zip(pictures, counts) { for _ in 0..<count { whole += picture } }
            #expect(PictureRecords.pixels(records).metric(counts) == expected)
            #expect(SegmentationMetrics(whole, names: ["a", "b"]).meanIoU == expected)
        }
    }

    @Test func whatAreNoRecordsSaysSo() throws {
        let (truth, detections) = set(3, seed: 1)
        let good = PictureRecords.boxes(COCOEvaluator(truth, detections).records()).json
        for text in [
            "{}", "[]", #"{"kind":"boxes","pictures":3,"thresholds":10,"classes":[{}]}"#,
            #"{"kind":"pixels","pictures":3,"classes":2,"hits":[1],"truth":[1],"predicted":[1]}"#,
            good.canonical.replacing("\"pictures\":3", with: "\"pictures\":1"),
            good.canonical.replacing("\"thresholds\":10", with: "\"thresholds\":1"),
        ] {
            let failure = #expect(throws: Failure.self) { try PictureRecords(try JSON.parse(text), path: "r.json") }
            #expect(failure?.code == .invalidData && failure?.message.contains("r.json") == true)
        }
    }
}
