import Base
import Geometry
import Imaging
import Testing

@testable import Evaluation

/// Against `Tools/reference/segmentation.py`, which counts pixel by pixel in plain Python.
@Suite struct SegmentationMetricsTests {
    private static func cases() throws -> [JSON] {
        let path = Files.join(Files.folder(#filePath), "Fixtures/segmentation.json")
        let json = try Files.readJSON(path)
        return try #require(json["cases"]?.array)
    }

    private static func map(_ picture: JSON, _ key: String) throws -> LabelMap {
        let numbers = picture[key]?.array?.compactMap(\.int)
        let labels = try #require(numbers)
        return LabelMap(
            width: try #require(picture["width"]?.int), height: try #require(picture["height"]?.int),
            labels: labels.map { UInt8($0) })
    }

    /// Equal to the last digit; NaN where the reference has null.
    private static func equal(_ value: Double, _ json: JSON?, _ tolerance: Double = 0) -> Bool {
        guard let wanted = json?.double else { return value.isNaN && json == .null }
        return abs(value - wanted) <= tolerance
    }

    @Test func confusionAndItsNumbers() throws {
        let cases = try Self.cases()
        #expect(cases.count >= 10)
        for item in cases {
            let name = item["name"]?.string ?? ""
            let classes = try #require(item["classes"]?.int)
            var confusion = PixelConfusion(classes: classes)
            var halves = PixelConfusion(classes: classes)
            for (i, picture) in try #require(item["pictures"]?.array).enumerated() {
                let (truth, prediction) = (try Self.map(picture, "truth"), try Self.map(picture, "prediction"))
                confusion.add(truth: truth, prediction: prediction)
                var one = PixelConfusion(classes: classes)
                one.add(truth: truth, prediction: prediction)
                if i % 2 == 0 {
                    halves += one
                } else {
                    halves = {
                        one += halves; return one
                    }()
                }
            }
            #expect(confusion == halves, "\(name)")
            let rows = try #require(item["confusion"]?.array).map { $0.array?.compactMap(\.int) ?? [] }
            #expect(confusion.counts == rows.flatMap { $0 }, "\(name)")
            let metrics = SegmentationMetrics(confusion, names: (0..<classes).map(String.init))
            for (c, wanted) in zip(metrics.perClass, try #require(item["per_class"]?.array)) {
                #expect(Self.equal(c.iou, wanted), "\(name): class \(c.name)")
            }
            #expect(Self.equal(metrics.meanIoU, item["mIoU"], 1e-15), "\(name)")
            #expect(Self.equal(metrics.pixelAccuracy, item["pixel_accuracy"]), "\(name)")
            #expect(Self.equal(metrics.meanAccuracy, item["mean_accuracy"], 1e-15), "\(name)")
            #expect(Self.equal(metrics.frequencyWeightedIoU, item["frequency_weighted"], 1e-15), "\(name)")
            #expect(metrics.json["per_class"]?["0"] == JSON.number(metrics.perClass[0].iou), "\(name)")
        }
    }

    @Test func boundaries() throws {
        for item in try Self.cases() {
            let name = item["name"]?.string ?? ""
            let classes = try #require(item["classes"]?.int)
            let tolerance = try #require(item["tolerance"]?.double)
            var score = BoundaryScore(classes: classes, tolerance: tolerance)
            var merged = BoundaryScore(classes: classes, tolerance: tolerance)
            for picture in try #require(item["pictures"]?.array) {
                let (truth, prediction) = (try Self.map(picture, "truth"), try Self.map(picture, "prediction"))
                score.add(truth: truth, prediction: prediction)
                merged.add(
                    BoundaryScore.scores(truth, prediction, classes: classes, tolerance: tolerance))
            }
            for (k, wanted) in try #require(item["boundary"]?["per_class"]?.array).enumerated() {
                #expect(Self.equal(score.perClass[k], wanted, 1e-12), "\(name): class \(k)")
                #expect(Self.equal(merged.perClass[k], wanted, 1e-12), "\(name): class \(k)")
            }
            #expect(Self.equal(score.mean, item["boundary"]?["mean"], 1e-12), "\(name)")
        }
    }
}
