import Annotations
import Base
import Evaluation
import FoundationEssentials
import Testing

private let dataFolder = ProcessInfo.processInfo.environment["PUPIL_TEST_DATA"]

/// Against pycocotools 2.0.11 on the public reference files, where they are at hand.
@Suite(.enabled(if: dataFolder != nil)) struct COCOReferenceTests {
    @Test(arguments: ["cocoapi_fakebbox100", "sampled", "fce_small", "voc100", "toyexample_ids_from_1"])
    func agreesWithPycocotools(name: String) throws {
        let folder = try #require(dataFolder) + "/coco_eval"
        let expected = try #require(try Files.readJSON(folder + "/expected.json")[name])
        let truth = try TruthSet.coco(folder + "/" + (try #require(expected["gt"]?.string)))
        let detections = try COCOResults.scored(folder + "/" + (try #require(expected["dt"]?.string)), truth)
        let metrics = COCOEvaluator.evaluate(truth, detections)
        let json = metrics.json
        for (key, value) in try #require(expected["stats"]?.object) {
            let wanted = try #require(value.double)
            if wanted < 0 {
                #expect(json[key] == .null, "\(key)")
            } else {
                // The reference has six decimals, so half of the last is all that rounding can do.
                #expect(abs((json[key]?.double ?? .nan) - wanted) < 5.001e-7, "\(key)")
            }
        }
        for (className, value) in try #require(expected["per_category_AP_AP50"]?.object) {
            let numbers = try #require(value.array)
            for (key, number) in zip(["AP", "AP50"], numbers) {
                let wanted = try #require(number.double)
                let got = json["per_class"]?[className]?[key]?.double
                #expect(wanted < 0 ? got == nil : abs((got ?? .nan) - wanted) < 5.001e-7, "\(className) \(key)")
            }
        }
    }

    /// pycocotools takes a match to annotation id 0 for none; here the two copies of the file give the same.
    @Test func annotationIdZeroIsAnOrdinaryMatch() throws {
        let folder = try #require(dataFolder) + "/coco_eval/toyexample"
        let metrics = try ["gts_coco_format/toy_example_coco.JSON", "gts_coco_ids_from_1.json"].map { file in
            let truth = try TruthSet.coco(folder + "/" + file)
            return COCOEvaluator.evaluate(
                truth, try COCOResults.scored(folder + "/dets_coco_results.json", truth)
            ).json
        }
        #expect(metrics[0] == metrics[1])
    }
}
