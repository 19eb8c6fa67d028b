import Base
import Geometry
import Models
import Testing

@Suite struct AnchorsTests {
    @Test func anchorsEqualTheReference() throws {
        for entry in try #require(try fixture("retinanet.json")["anchors"]?.array) {
            let size = Size(width: try #require(entry["width"]?.int), height: try #require(entry["height"]?.int))
            let anchors = Anchors(AnchorSpec(), canvas: size)
            #expect(anchors.count == entry["count"]?.int)
            #expect(anchors.grids.map { $0.rows * $0.columns * anchors.perCell } == entry["per_level"]?.ints)
            for row in try #require(entry["at"]).rows {
                for (value, expected) in zip(anchors[Int(row[0])].array, row[1...]) {
                    #expect(near(value, expected, 1e-6), "\(size): anchor \(row[0])")
                }
            }
            let sums = [anchors.x1, anchors.y1, anchors.x2, anchors.y2].map { $0.reduce(0.0) { $0 + Double($1) } }
            for (sum, expected) in zip(sums, try #require(entry["sum"]).doubles) { #expect(near(sum, expected, 1e-6)) }
        }
    }

    /// docs/paper.md 3.1: 76,725 anchors at 640 pixels, sides of P3 32, 40.3 and 50.8, of P7 512, 645.1 and 812.7.
    @Test func numbersOfThePaper() {
        let anchors = Anchors(AnchorSpec(), canvas: Size(width: 640, height: 640))
        #expect(anchors.count == 76_725)
        #expect(Anchors(AnchorSpec(), canvas: Size(width: 1280, height: 1280)).count == 306_900)
        #expect([0, 3, 6].map { (anchors[$0].width * 10).rounded() / 10 } == [32, 40.3, 50.8])
        #expect([9, 6, 3].map { (anchors[anchors.count - $0].width * 10).rounded() / 10 } == [512, 645.1, 812.7])
        #expect(anchors[1].width / anchors[1].height == 2)  // ratio 2 is wide
        #expect(anchors[2].height / anchors[2].width == 2)
    }

    @Test func otherSpecs() {
        var spec = AnchorSpec()
        spec.levels = 4...5
        spec.scale = 3
        spec.octaves = 1
        spec.ratios = [1]
        let anchors = Anchors(spec, canvas: Size(width: 32, height: 16))
        #expect(
            (0..<anchors.count).map { anchors[$0].array } == [
                [-16, -16, 32, 32], [0, -16, 48, 32], [-32, -32, 64, 64],
            ])
    }
}

@Suite struct BoxCodeTests {
    @Test func decodingEqualsTheReference() throws {
        let reference = try #require(try fixture("retinanet.json")["decode"])
        let anchors = Anchors(AnchorSpec(), canvas: Size(width: 160, height: 128))
        for (quirk, key) in [(false, "boxes"), (true, "boxes_tpu_plus_one")] {
            let boxes = try #require(reference[key]).rows
            for ((anchor, code), expected) in zip(
                zip(try #require(reference["anchors"]).ints, try #require(reference["codes_dxdydwdh"]).rows), boxes)
            {
                let c = code.map { Float($0) }
                let box = BoxCode.decode(c[0], c[1], c[2], c[3], anchor: anchors[anchor], sizesPlusOne: quirk)
                for (value, wanted) in zip(box.array, expected) {
                    #expect(near(value, wanted, 2e-6), "\(key) \(anchor)")
                }
            }
        }
        #expect(near(BoxCode.limit, try fixture("retinanet.json").number("cap"), 1e-7))
    }

    @Test func decodingUndoesEncoding() {
        var random = Random(seed: 1, purpose: .test)
        let canvas = Size(width: 200, height: 120)
        let anchors = randomBoxes(400, canvas, &random)
        for (box, anchor) in zip(randomBoxes(400, canvas, &random), anchors) {
            let c = BoxCode.encode(box, anchor: anchor)
            if max(c.2, c.3) > BoxCode.limit { continue }
            let back = BoxCode.decode(c.0, c.1, c.2, c.3, anchor: anchor)
            for (a, b) in zip(back.array, box.array) { #expect(abs(a - b) < 1e-3, "\(box) by \(anchor)") }
        }
    }

    /// Zero codes give the anchor; with the quirk, too, since what is added is taken off again at the far side.
    @Test func theQuirkMovesTheCentreByHalfAPixel() {
        let anchor = Box(x1: 10, y1: 20, x2: 30, y2: 60)
        #expect(BoxCode.decode(0, 0, 0, 0, anchor: anchor, sizesPlusOne: true) == anchor)
        // dx 1 moves by the width, which is one larger.
        #expect(BoxCode.decode(1, 0, 0, 0, anchor: anchor).x1 == 30)
        #expect(BoxCode.decode(1, 0, 0, 0, anchor: anchor, sizesPlusOne: true).x1 == 31)
    }
}
