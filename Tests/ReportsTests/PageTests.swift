import Annotations
import Base
import Evaluation
import Imaging
import Testing

@testable import Reports

@Suite struct PageTests {
    private func box(_ label: Int, _ score: Double) -> ScoredBox {
        ScoredBox(frame: Frame(x: 1, y: 2, width: 30.04, height: 40), label: label, score: score)
    }

    /// Everything that was typed by somebody is text in the page, never markup, in tables and in the data.
    @Test func whatIsTypedIsText() throws {
        let cell = StudyCell(start: "<b>&\"x", augment: "S1", labels: "10%", labelled: 3, steps: 5)
        var results = StudyResults(metric: "AP", classes: ["</script><i>"], reportedSet: "test", cells: [cell])
        results.arms.append(
            StudyArm(
                cell: cell, method: .supervised, seed: 0, metric: 0.25, perClass: [0.25], images: 10, seconds: 1,
                records: .pixels(PixelRecords(classes: 1))))
        results.warnings = ["a < b"]
        results.title = "T <1>"
        var page = ReportPage(StudyReport(results))
        page.gallery = Gallery(
            pictures: [.init(path: "/a/pool/p q.jpg", teacher: .boxes([box(0, 0.91234567)]), student: nil)], pool: 9,
            threshold: 0.5)
        page.learning = [ChartLine(name: "supervised", x: [1, 2], y: [0.5, .nan])]
        let html = page.html(in: "/a/runs/x")
        #expect(html.contains("<title>T &lt;1&gt;</title>") && html.contains("&lt;b&gt;&amp;&quot;x"))
        #expect(html.contains("warning: a &lt; b") && !html.contains("<i>") && !html.contains("<b>"))
        #expect(html.contains("1 of the 9 pictures"))
        // A "<" is one behind a scalar that takes it into its own character, too.
        results.classes = ["\u{600}</script><i>"]
        results.warnings = ["\u{600}<b>"]
        let joined = ReportPage(StudyReport(results)).html(in: "/a/runs/x")
        #expect(!joined.utf8.elementsEqual(html.utf8))
        for tag in ["<i>", "<b>", "\u{600}</script>"] {
            #expect(!Array(joined.utf8).contains(Array(tag.utf8)), "\(tag)")
        }
        // Nothing is fetched: the one script is beside the page.
        #expect(
            html.ranges(of: "src=").count == 1 && !html.contains("http://www.w3.org/1999") && !html.contains("https:"))
        page.hasCharts = false
        #expect(!page.html(in: "/a").contains("src="))
        let start = try #require(html.firstRange(of: "id=\"data\">")).upperBound
        let end = try #require(html[start...].firstRange(of: "</script>")).lowerBound
        let data = try JSON.parse(String(html[start..<end]))
        #expect(data["classes"]?.array?[0].string == "</script><i>")
        let picture = data["gallery"]?["pictures"]?.array?[0]
        #expect(picture?["src"]?.string == "../../pool/p%20q.jpg" && picture?["name"]?.string == "p q.jpg")
        #expect(picture?["teacher"]?.canonical == "[[1,2,30,40,0,0.9123]]")
        #expect(picture?["student"] == .null && data["unit"]?.string == "boxes")
        #expect(data["learning"]?.array?[0]["y"]?.canonical == "[0.5,null]")
    }

    /// Whose the closer look is, and of how many pictures where it is not of all, stands at each of its charts.
    @Test func ofWhichPicturesTheCloserLookIs() {
        var page = ReportPage(
            StudyReport(StudyResults(metric: "mIoU", classes: ["sky"], reportedSet: "test", cells: [])))
        page.detailsOf = "seed 0, on test"
        #expect(page.html(in: "/a").ranges(of: " Of seed 0, on test.").count == 4)
        page.detailsPictures = (100, 500)
        #expect(page.html(in: "/a").ranges(of: " Of seed 0, on test, by 100 of its 500 pictures.").count == 4)
    }

    @Test func waysToPictures() {
        #expect(relativeURL(of: "/a/b/c.jpg", from: "/a/b") == "c.jpg")
        #expect(relativeURL(of: "/a/b/c.jpg", from: "/x/y/z") == "../../../a/b/c.jpg")
        #expect(relativeURL(of: "/a/ä?#.jpg", from: "/a") == "%c3%a4%3f%23.jpg")
    }

    /// The surest, the least sure, and some at random; all where they are few; the same ones each time.
    @Test func whichPicturesAreShown() {
        #expect(Gallery.choice([0.9, -1, -1], count: 3) == [0, 1, 2])
        let many = (0..<300).map { i in
            Gallery.sureness(i < 100 ? [0.1, 0.5 + Double(i) / 250] : i < 200 ? [0.3] : [], threshold: 0.5)
        }
        #expect(many[50] == 0.7 && many[150] == -1 && many[250] == -1)
        let chosen = Gallery.choice(many, count: 30)
        #expect(chosen.count == 30 && chosen == chosen.sorted() && Set(chosen).count == 30)
        #expect(Set(chosen).isSuperset(of: 90..<100) && Set(chosen).isSuperset(of: 0..<10))
        #expect(chosen.contains { $0 >= 100 })
        #expect(Gallery.choice(many, count: 30) == chosen)
    }

    /// Two pictures by hand: a box found at 0.8, one at 0.3 that is nothing, an object that nobody finds.
    @Test func anArmLookedAtClosely() {
        let frame = Frame(x: 0, y: 0, width: 10, height: 10)
        let truth = TruthSet(
            classes: ClassTable(names: ["a", "b"]),
            images: [
                .init(id: 1, boxes: [TrueBox(id: 1, label: 0, frame: frame)]),
                .init(id: 2, boxes: [TrueBox(id: 2, label: 1, frame: frame)]),
            ])
        let details = ArmDetails(
            name: "student", truth,
            [
                [ScoredBox(frame: frame, label: 0, score: 0.8)],
                [ScoredBox(frame: Frame(x: 50, y: 50, width: 5, height: 5), label: 0, score: 0.3)],
            ])
        #expect(
            details.curves[0].precision == [1, 0.5].map { $0 / (1 + 0x1p-52) }
                || details.curves[0].scores == [0.8, 0.3])
        #expect(details.confusion == [[1, 0, 0], [0, 0, 1], [0, 0, 0]])
        #expect(details.calibration.map(\.count) == [1, 1])
        #expect(details.calibration.map(\.right) == [0, 1] && details.calibration.map(\.score) == [0.3, 0.8])
    }

    /// Six pixels by hand, one of them without a label: two classes, three levels of probability.
    @Test func anArmOfPixelsLookedAtClosely() {
        func map(_ labels: [UInt8]) -> LabelMap { LabelMap(width: 3, height: 2, labels: labels) }
        var pixels = PixelDetails(classes: 2)
        pixels.add(
            truth: map([0, 0, 1, 1, 1, 255]), prediction: map([0, 1, 1, 1, 0, 0]),
            confidence: map([250, 130, 250, 130, 70, 255]))
        let details = ArmDetails(name: "student", pixels, classes: ["a", "b"])
        #expect(details.confusion == [[1, 1], [1, 2]])
        let (a, b) = (details.curves[0], details.curves[1])
        #expect(a.scores == [250.5 / 256, 70.5 / 256] && a.precision == [1, 0.5] && a.recall == [0.5, 0.5])
        #expect(
            b.scores == [250.5 / 256, 130.5 / 256] && b.precision == [1, 2.0 / 3] && b.recall == [1.0 / 3, 2.0 / 3])
        #expect(details.calibration.map(\.count) == [1, 2, 2])
        #expect(details.calibration.map(\.right) == [0, 0.5, 1])
    }

    /// A page carries the class and the probability of every second pixel here, as red and green.
    @Test func masksForThePage() throws {
        let labels = LabelMap(width: 8, height: 4, labels: (0..<32).map { UInt8($0 % 8) })
        let sure = LabelMap(width: 8, height: 4, labels: (0..<32).map { UInt8(200 + $0 / 8) })
        let mask = SmallMask(labels: labels, confidence: sure, longest: 4)
        let image = try ImageFile.decode(bytes: mask.png, name: "mask").image
        #expect(image.width == 4 && image.height == 2)
        #expect((0..<4).map { image.pixels[$0 * 3] } == [1, 3, 5, 7])
        #expect([image.pixels[1], image.pixels[4 * 3 + 1]] == [201, 203])
        #expect(mask.address.hasPrefix("data:image/png;base64,iVBORw0KGgo"))
        var page = ReportPage(
            StudyReport(StudyResults(metric: "mIoU", classes: ["sky", "car"], reportedSet: "test", cells: [])))
        page.gallery = Gallery(
            pictures: [.init(path: "/a/p.jpg", teacher: .pixels(mask), student: nil)], pool: 1, threshold: 0.5)
        let html = page.html(in: "/a")
        #expect(html.contains("\"mask_colors\":[[0,0,0],[128,0,0]]") && html.contains("\"unit\":\"pixels\""))
        #expect(html.contains("Pixels from the slider's probability") && html.contains("half or more"))
    }
}
