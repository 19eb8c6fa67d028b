import Annotations
import Base
import Geometry
import Testing

@testable import Evaluation

extension DetectionMetrics {
    /// The numbers of the area of that name.
    subscript(name: String) -> AreaMetrics {
        areas.first { $0.name == name } ?? AreaMetrics(name: name, ap: .nan, ar: .nan)
    }

    /// Recall with so many detections.
    func recall(_ detections: Int) -> Double { recalls.first { $0.detections == detections }?.ar ?? .nan }
}

@Suite struct COCOEvaluatorTests {
    private func set(_ images: [[Annotation]], classes: [String] = ["a"]) -> Dataset {
        Dataset(
            root: ".", classes: ClassTable(names: classes),
            examples: images.enumerated().map {
                Example(id: $0 + 1, fileName: "\($0).jpg", size: Size(width: 400, height: 400), annotations: $1)
            })
    }

    private func box(_ x: Float, _ y: Float, _ width: Float, _ height: Float) -> Box {
        Box(x1: x, y1: y, x2: x + width, y2: y + height)
    }

    private func label(_ id: Int, _ box: Box, _ label: Int = 0, crowd: Bool = false, area: Double? = nil) -> Annotation
    {
        Annotation(
            id: id, box: box, label: label, area: area, treatment: crowd ? .ignore : .object, isCrowd: crowd)
    }

    @Test func exactBoxesGiveOne() {
        let object = box(10, 10, 50, 50)
        let m = COCOEvaluator.evaluate(
            set([[label(1, object)]]), [[Detection(box: object, label: 0, score: 0.1)]])
        #expect(
            near(m.ap, 1) && near(m.ap50, 1) && near(m["medium"].ap, 1) && near(m.recall(1), 1)
                && near(m["medium"].ar, 1))
        #expect(m["small"].ap.isNaN && m["large"].ap.isNaN && m["small"].ar.isNaN)
    }

    /// Two objects, three detections: right, wrong, right. Precision is 1 up to recall 0.5 (51 of the 101 points), then
    /// 2/3 (50 points).
    @Test func precisionIsReadAt101Recalls() {
        let objects = [box(0, 0, 40, 40), box(100, 0, 40, 40)]
        let m = COCOEvaluator.evaluate(
            set([[label(1, objects[0]), label(2, objects[1])]]),
            [
                [
                    Detection(box: objects[1], label: 0, score: 0.5), Detection(box: objects[0], label: 0, score: 0.9),
                    Detection(box: box(200, 200, 40, 40), label: 0, score: 0.7),
                ]
            ])
        #expect(near(m.ap, (51 + 50 * 2.0 / 3) / 101))
        #expect(near(m.recall(1), 0.5) && near(m.recall(10), 1))
    }

    /// IoU 0.6 counts at the thresholds 0.5, 0.55 and 0.6: 3 of 10. On whole numbers 60/100 is exact.
    @Test func thresholdsAreInclusive() {
        let m = COCOEvaluator.evaluate(
            set([[label(1, box(0, 0, 10, 10))]]), [[Detection(box: box(0, 0, 10, 6), label: 0, score: 1)]])
        #expect(near(m.ap50, 1) && near(m.ap75, 0))
        #expect(near(m.ap, 0.3))
        #expect(EvaluationSettings.standardThresholds[2] == 0.6 && EvaluationSettings.standardThresholds[9] == 0.95)
        let half = COCOEvaluator.evaluate(
            set([[label(1, box(0, 0, 10, 10))]]), [[Detection(box: box(0, 0, 10, 5), label: 0, score: 1)]])
        #expect(near(half.ap50, 1) && near(half.ap, 0.1))
    }

    /// A second detection of one object is a mistake; of a crowd it is not, however many there are, and a detection far
    /// larger than it shares with the crowd is one.
    @Test func crowdsForgiveWhatLiesInThem() {
        let object = box(0, 0, 40, 40)
        let crowd = box(100, 100, 200, 200)
        let truth = set([[label(1, object), label(2, crowd, crowd: true)]])
        let found = Detection(box: object, label: 0, score: 0.5)
        func inside(_ score: Float) -> Detection { Detection(box: box(120, 120, 30, 30), label: 0, score: score) }
        #expect(near(COCOEvaluator.evaluate(truth, [[found, inside(0.9), inside(0.8)]]).ap, 1))
        let twice = Detection(box: object, label: 0, score: 0.9)
        #expect(near(COCOEvaluator.evaluate(truth, [[found, twice]]).ap, 1))  // the second comes at full recall
        let outside = Detection(box: box(60, 100, 79, 30), label: 0, score: 0.9)  // 39/79 of it is in the crowd
        #expect(near(COCOEvaluator.evaluate(truth, [[found, outside]]).ap, 0.5))
    }

    /// An object is taken before an ignored region, even one that fits better; a region that is no crowd forgives once.
    @Test func objectsComeBeforeIgnoredRegions() {
        let object = label(1, box(0, 0, 10, 10))
        let found = Detection(box: box(0, 0, 10, 8), label: 0, score: 0.9)
        let m = COCOEvaluator.evaluate(
            set([[label(2, box(0, 0, 100, 100), crowd: true), object]]), [[found]])
        #expect(near(m.ap50, 1) && near(m.recall(100), 0.7))
        var region = label(2, box(50, 50, 20, 20))
        region.treatment = .ignore
        func inside(_ score: Float) -> Detection { Detection(box: region.box, label: 0, score: score) }
        let exact = Detection(box: object.box, label: 0, score: 0.5)
        #expect(near(COCOEvaluator.evaluate(set([[region, object]]), [[inside(0.9), exact]]).ap, 1))
        #expect(near(COCOEvaluator.evaluate(set([[region, object]]), [[inside(0.9), inside(0.8), exact]]).ap, 0.5))
    }

    /// Areas are the file's for labels and the box's for detections; what is outside the range is neither found nor
    /// wrong.
    @Test func areasDecideWhatCounts() {
        let large = box(0, 0, 100, 100)
        let truth = set([[label(1, large, area: 500), label(2, box(200, 200, 50, 50))]])
        let m = COCOEvaluator.evaluate(
            truth,
            [[Detection(box: large, label: 0, score: 0.9), Detection(box: box(300, 0, 20, 20), label: 0, score: 0.95)]])
        #expect(near(m["small"].ap, 0.5))  // the small false one comes before the small true one
        #expect(near(m["medium"].ap, 0) && m["large"].ap.isNaN)
        #expect(near(m["small"].ar, 1) && near(m.recall(100), 0.5))
        #expect(near(m.ap, 51.0 / 101 * 0.5))
    }

    @Test func undefinedIsNull() {
        let m = COCOEvaluator.evaluate(set([[]], classes: ["a", "b"]), [[]])
        #expect(m.json["AP"] == .null && m.json["per_class"]?["b"]?["AP"] == .null)
        #expect(m.table.contains("-"))
        let none = COCOEvaluator.evaluate(set([[label(1, box(0, 0, 9, 9), 1)]], classes: ["a", "b"]), [[]])
        #expect(none.ap == 0 && none.perClass[0].ap.isNaN && none.perClass[1].ap == 0 && none.perClass[1].objects == 1)
        let keys: Set = [
            "AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl", "per_class",
        ]
        #expect(Set(none.json.object?.keys.map { $0 } ?? []) == keys)
    }

    /// Numbers by pycocotools 2.0.11: Tools/reference/coco_ap.py fills this set by the same formula.
    @Test func agreesWithPycocotoolsOnAFormula() {
        let (truth, detections) = formula()
        #expect(truth.examples.reduce(0) { $0 + $1.annotations.count } == 139)
        #expect(detections.reduce(0) { $0 + $1.count } == 276)
        let expected = [
            0.256337884739, 0.511793848446, 0.170633281855, 0.402545476605, 0.260585368332, 0.25262281551,
            0.24181372549,
            0.463725490196, 0.463725490196, 0.588839285714, 0.471339285714, 0.382941176471,
        ]
        let m = COCOEvaluator.evaluate(truth, detections)
        let got = [
            m.ap, m.ap50, m.ap75, m["small"].ap, m["medium"].ap, m["large"].ap, m.recall(1), m.recall(10),
            m.recall(100), m["small"].ar, m["medium"].ar,
            m["large"].ar,
        ]
        for (a, b) in zip(got, expected) { #expect(abs(a - b) < 1e-9) }
        let perClass = [0.2809229996386089, 0.11629602703860129, 0.3622749829131663, .nan, 0.26585752936399676]
        for (c, b) in zip(m.perClass, perClass) { #expect(b.isNaN ? c.ap.isNaN : abs(c.ap - b) < 1e-9) }
        #expect(m.perClass.map(\.name) == ["c1", "c2", "c3", "c5", "c9"])
        #expect(m.table.contains("25.6"))
    }

    @Test func threadsDoNotChangeTheResult() {
        let (truth, detections) = formula()
        let one = COCOEvaluator.evaluate(truth, detections, threads: 1)
        #expect(one.json == COCOEvaluator.evaluate(truth, detections, threads: 8).json)
    }

    private func formula() -> (Dataset, [[Detection]]) {
        var state = 12345
        func below(_ bound: Int) -> Int {
            state = (state * 1_103_515_245 + 12345) % (1 << 31)
            return (state >> 8) % bound
        }
        let ids = [1, 2, 3, 5, 9]
        var truth = Dataset(
            root: ".", classes: ClassTable(names: ids.map { "c\($0)" }, ids: ids), examples: [])
        var detections: [[Detection]] = []
        var count = 0
        for image in 0..<40 {
            var example = Example(id: 1000 - 7 * image, fileName: "\(image).jpg", size: nil)
            var found: [Detection] = []
            for _ in 0..<below(8) {
                let side = [12, 40, 110][below(3)]
                let b = [below(250), below(250), side + below(side), side + below(side)].map { Float($0) }
                let category = below(10) > 0 ? [0, 1, 2, 4][min(below(5), 3)] : 0
                let crowd = below(8) == 0
                let area = Double(b[2] * b[3]) * Double(4 + below(5)) / 8
                count += 1
                example.annotations.append(
                    label(count, box(b[0], b[1], b[2], b[3]), category, crowd: crowd, area: area))
                for _ in 0..<below(4) {
                    let jitter = max(1, side / 6)
                    let x = b[0] + Float(below(2 * jitter)) - Float(jitter) / 2
                    let y = b[1] + Float(below(2 * jitter)) - Float(jitter) / 2
                    let (w, h) = (b[2] + Float(below(jitter)), b[3] + Float(below(jitter)))
                    let guess = below(6) > 0 ? category : 1
                    found.append(Detection(box: box(x, y, w, h), label: guess, score: Float(below(32)) / 32))
                }
            }
            for _ in 0..<below(5) {
                let guess = [0, 1, 2, 4][below(4)]
                let b = [below(300), below(300), 5 + below(90), 5 + below(90)].map { Float($0) }
                found.append(Detection(box: box(b[0], b[1], b[2], b[3]), label: guess, score: Float(below(32)) / 64))
            }
            truth.examples.append(example)
            detections.append(found)
        }
        return (truth, detections)
    }
}
