import Annotations
import Base
import Testing

@testable import Evaluation

@Suite struct DetectionAnalysisTests {
    private func label(_ id: Int, _ box: Frame, _ label: Int, isIgnored: Bool = false, isCrowd: Bool = false) -> TrueBox
    {
        TrueBox(id: id, label: label, frame: box, isIgnored: isIgnored, isCrowd: isCrowd)
    }

    private func found(_ box: Frame, _ label: Int, _ score: Double) -> ScoredBox {
        ScoredBox(frame: box, label: label, score: score)
    }

    /// One picture with one of each kind: labels of class 0 at x = 0, 100, 200, 300, 400, one of class 1 at 500, a crowd.
    private var scene: (image: TruthSet.Image, detections: [ScoredBox]) {
        let labels = [
            label(10, frame(0, 0, 10, 10), 0), label(11, frame(100, 0, 10, 10), 0), label(12, frame(200, 0, 10, 10), 0),
            label(13, frame(300, 0, 10, 10), 0), label(14, frame(400, 0, 10, 10), 0),
            label(15, frame(500, 0, 10, 10), 1),
            label(16, frame(600, 0, 100, 100), 0, isCrowd: true),
        ]
        let detections = [
            found(frame(0, 0, 10, 10), 0, 0.9),  // right
            found(frame(0, 0, 10, 8), 0, 0.8),  // IoU 0.8 with the label that the first found
            found(frame(100, 0, 10, 9), 1, 0.7),  // IoU 0.9, another class
            found(frame(200, 0, 10, 4), 0, 0.6),  // IoU 0.4
            found(frame(300, 0, 10, 2), 1, 0.5),  // IoU 0.2, another class
            found(frame(405, 0, 100, 100), 0, 0.4),  // IoU 0.05 at most
            found(frame(610, 10, 20, 20), 0, 0.35),  // in the crowd
            found(frame(620, 10, 20, 20), 0, 0.34),  // in the crowd
            found(frame(500, 0, 10, 10), 1, 0.2),  // below the floor
        ]
        return (.init(id: 7, fileName: "a.jpg", boxes: labels), detections)
    }

    @Test func eachKindByHand() {
        let (image, detections) = scene
        let judged = DetectionAnalysis().judge(image, detections.reversed())
        #expect(
            judged.detections.map(\.outcome) == [
                .right, .duplicate, .classError, .placeError, .classAndPlace, .background, .ignored, .ignored,
            ])
        #expect(judged.detections.map { $0.truth ?? -1 } == [0, 0, 1, 2, 3, -1, 6, 6])
        let overlaps = [1, 0.8, 0.9, 0.4, 0.2, judged.detections[5].overlap, 1, 1]
        #expect(zip(judged.detections, overlaps).allSatisfy { near($0.overlap, $1) })
        #expect(judged.detections[5].overlap > 0 && judged.detections[5].overlap < 0.1)
        #expect(judged.labels.map(\.outcome) == [.found, .mistaken, .mistaken, .mistaken, .missed, .missed, .ignored])
        #expect(judged.labels.map { $0.detection ?? -1 } == [0, 2, 3, 4, -1, -1, 7])
        #expect(judged.mistakes == 5 + 5)
        let all = DetectionAnalysis(scoreFloor: 0).judge(image, detections)
        #expect(all.labels[5].outcome == .found && all.detections.count == 9)
    }

    /// The matrix of that picture: the class error stands at (0, 1); what is near and not near enough is background.
    @Test func confusionByHand() {
        let (image, detections) = scene
        let judged = DetectionAnalysis().judge(image, detections)
        let matrix = ConfusionMatrix([judged, judged], classes: 2)
        #expect(matrix.side == 3)
        #expect(matrix.counts == [2, 2, 6, 0, 0, 2, 6, 2, 0])
        #expect(matrix[0, 1] == 2 && matrix[2, 0] == 6)
        #expect(matrix.json.canonical == "[[2,2,6],[0,0,2],[6,2,0]]")
    }

    /// A right detection takes its label before a better one of another class; two of another class do not share one.
    @Test func aLabelIsConfusedOnce() {
        let image = TruthSet.Image(id: 1, boxes: [label(1, frame(0, 0, 10, 10), 0), label(2, frame(50, 0, 10, 10), 0)])
        let judged = DetectionAnalysis().judge(
            image,
            [
                found(frame(0, 0, 10, 10), 1, 0.9), found(frame(0, 0, 10, 9), 0, 0.8),
                found(frame(50, 0, 10, 9), 1, 0.7), found(frame(50, 0, 10, 10), 1, 0.6),
            ])
        #expect(judged.detections.map(\.outcome) == [.classError, .right, .classError, .classError])
        #expect(ConfusionMatrix([judged], classes: 2).counts == [1, 1, 0, 0, 0, 0, 0, 2, 0])
    }

    /// What the counts must add up to, and that right is what COCO's matching calls right.
    @Test func countsAddUp() {
        for seed in 0..<40 {
            let random = RandomCase(UInt64(seed))
            let floor = [-1, 0.2][seed % 2]
            let details = EvaluationDetails(random.truth, random.detections, .init(scoreFloor: floor))
            let all = details.errors.all
            let objects = random.truth.images.reduce(0) { $0 + $1.boxes.count { !$0.isIgnored } }
            let metrics = COCOEvaluator.evaluate(
                random.truth, random.detections, .init(iouThresholds: [0.5], scoreFloor: floor))
            for (k, own) in metrics.perClass.enumerated() {
                let counts = details.errors.perClass[k]
                let found = counts.labels[.found] ?? 0
                #expect(found == counts.detections[.right] ?? 0)
                if own.objects > 0 { #expect(near(own.ar100, Double(found) / Double(own.objects))) }
                let row = (0...5).reduce(0) { $0 + details.confusion[k, $1] }
                let column = (0...5).reduce(0) { $0 + details.confusion[$1, k] }
                #expect(row == own.objects)
                #expect(
                    column == counts.detections.values.reduce(0, +) - (counts.detections[.ignored] ?? 0),
                    "seed \(seed) class \(k)")
            }
            #expect(all.labels.values.reduce(0, +) - (all.labels[.ignored] ?? 0) == objects)
            #expect(
                details.images.reduce(0) { $0 + $1.detections.count }
                    == random.detections.reduce(0) { $0 + $1.count { $0.score >= floor } })
        }
    }

    @Test func theJSONHasEverything() throws {
        let (image, detections) = scene
        let truth = TruthSet(classes: ClassTable(names: ["cat", "dog"], ids: [3, 8]), images: [image])
        let json = EvaluationDetails(truth, [detections]).json
        #expect(json["confusion"] == [[1, 1, 3], [0, 0, 1], [3, 1, 0]])
        #expect(json["errors"]?["all"]?["detections"]?["class_and_place"] == 1)
        #expect(json["errors"]?["per_class"]?["dog"]?["labels"]?["missed"] == 1)
        #expect(json["curves"]?["cat"]?["interpolated"]?.array?.count == 101)
        let first = try #require(json["images"]?.array?.first)
        #expect(first["file_name"] == "a.jpg" && first["mistakes"] == 10)
        let second = try #require(first["detections"]?.array?[2])
        #expect(second["category_id"] == 8 && second["outcome"] == "class" && second["annotation_id"] == 11)
        #expect(try JSON.parse(json.canonical)["score_floor"] == 0.25)
    }
}
