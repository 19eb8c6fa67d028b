import Annotations
import Base
import FoundationEssentials
import Testing

@testable import Evaluation

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

/// Against pycocotools 2.0.11 on random cases in full precision (Tools/reference/coco_ap.py).
@Suite struct COCORandomCasesTests {
    @Test(arguments: 0..<8) func agreesWithPycocotools(index: Int) throws {
        let cases = try #require(try fixture("coco_ap.json")["cases"]?.array)
        #expect(cases.count == 8)
        let one = cases[index]
        func numbers(_ json: JSON?) throws -> [Double] { try #require(json?.array).map { $0.double ?? .nan } }
        func ids(_ json: JSON?) throws -> [Int] { try #require(json?.array).compactMap { $0.int } }
        func box(_ json: JSON) throws -> Frame {
            let v = try numbers(json)
            return Frame(x: v[0], y: v[1], width: v[2], height: v[3])
        }
        let categories = try ids(one["categories"])
        let images = try ids(one["images"])
        var truth = TruthSet(
            classes: ClassTable(names: categories.map { "c\($0)" }, ids: categories),
            images: images.map { .init(id: $0) })
        for row in try #require(one["annotations"]?.array) {
            let v = try #require(row.array)
            let (image, label) = (try #require(v[1].int), try #require(v[2].int))
            let place = try #require(images.firstIndex(of: image))
            truth.images[place].boxes.append(
                TrueBox(
                    id: try #require(v[0].int), label: try #require(truth.classes.index(ofID: label)),
                    frame: try box(v[3]), area: v[4].double, isCrowd: v[5] == 1))
        }
        var detections = images.map { _ in [ScoredBox]() }
        for row in try #require(one["detections"]?.array) {
            let v = try #require(row.array)
            let (image, label) = (try #require(v[0].int), try #require(v[1].int))
            let place = try #require(images.firstIndex(of: image))
            detections[place].append(
                ScoredBox(
                    frame: try box(v[2]), label: try #require(truth.classes.index(ofID: label)),
                    score: try #require(v[3].double)))
        }
        var settings = EvaluationSettings()
        if let iou = one["settings"]?["iou"] { settings.iouThresholds = try numbers(iou) }
        if let limits = one["settings"]?["max_detections"] { settings.maxDetections = try ids(limits) }
        if let areas = one["settings"]?["areas"]?.array {
            settings.areas = try areas.map { area in
                let v = try #require(area.array)
                let (low, high) = (try #require(v[1].double), try #require(v[2].double))
                return .init(try #require(v[0].string), low...high)
            }
        }
        let evaluator = COCOEvaluator(truth, detections, settings)
        let m = evaluator.finish()
        let expected = try #require(one["expected"])
        func same(_ got: [Double], _ key: String) throws {
            let wanted = try numbers(expected[key])
            #expect(got.count == wanted.count, "\(key)")
            for (a, b) in zip(got, wanted) { #expect(near(a, b, 1e-9), "\(key): \(a) instead of \(b)") }
        }
        #expect(near(m.ap, expected["ap"]?.double ?? .nan, 1e-9) && m.ap > 0)
        try same(m.areas.map(\.ap), "ap_area")
        try same(m.areas.map(\.ar), "ar_area")
        try same(m.recalls.map(\.ar), "ar")
        try same(m.perClass.map(\.ap), "ap_class")
        try same(
            settings.iouThresholds.indices.map { t in
                let defined = evaluator.precisionCurves(threshold: t).map(\.average).filter { !$0.isNaN }
                return defined.reduce(0, +) / Double(defined.count)
            }, "ap_at")
    }
}
