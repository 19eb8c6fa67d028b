import Annotations
import Base
import Geometry
import Glibc
import Imaging
import Testing

@testable import Scenes

@Suite struct ScenesTests {
    /// A shape's box and area are computed; here they are counted, pixel by pixel, on a fine raster.
    @Test(arguments: Kind.allCases)
    func boxesAreTight(_ kind: Kind) {
        var random = Random(seed: 4, purpose: .test, index: kind.rawValue)
        for _ in 0..<10 {
            let shape = Shape(
                kind, x: 300 + random.uniform(), y: 300 + random.uniform(), size: random.uniform(200, 400),
                aspect: random.uniform(0.7, 1.4), angle: random.uniform(0, 7), detail: random.uniform())
            var x1 = 600, x2 = 0, y1 = 600, y2 = 0, count = 0, misplaced = 0
            shape.forEachPixel(width: 600, height: 600, margin: 20) { i, x, y, distance in
                misplaced += i == y * 600 + x ? 0 : 1
                if distance < 0 {
                    count += 1
                    x1 = min(x1, x)
                    x2 = max(x2, x + 1)
                    y1 = min(y1, y)
                    y2 = max(y2, y + 1)
                }
            }
            #expect(misplaced == 0)
            let box = shape.box
            // Sharp corners can end in less than a pixel's width a little before their tip.
            let worst =
                [abs(box.x1 - Float(x1)), abs(box.x2 - Float(x2)), abs(box.y1 - Float(y1)), abs(box.y2 - Float(y2))]
                .max() ?? 99
            #expect(worst < 4, "\(kind) \(box) \(x1) \(y1) \(x2) \(y2)")
            #expect(abs(Double(count) / shape.area - 1) < 0.01)
        }
    }

    @Test func aSceneIsAFunctionOfSeedAndIndex() {
        let a = Scenes.draw(index: 3, seed: 11)
        let b = Scenes.draw(index: 3, seed: 11)
        #expect(a.image == b.image && a.annotations == b.annotations)
        #expect(Scenes.draw(index: 4, seed: 11).image != a.image)
        #expect(Scenes.draw(index: 3, seed: 12).image != a.image)
    }

    /// Numbers in the documentation rest on these very scenes: when this changes, raise the format in
    /// `SceneFiles.swift` and measure again.
    @Test func scenesStayWhatTheyAre() {
        let digests = (0..<3).map { Digest(of: Scenes.draw(index: $0, seed: 1).image.pixels).hex(6) }
        #expect(digests == ["34036e39cf34", "3290c85770ad", "409dbdedfc8c"])
    }

    @Test func annotationsFitThePicture() {
        let style = SceneStyle(size: Size(width: 200, height: 120), objects: 2...7, noise: 0)
        var perClass = [Int](repeating: 0, count: Scenes.classes.count)
        var objects = 0
        for index in 0..<150 {
            let (image, annotations, _) = Scenes.draw(index: index, seed: 1, style: style)
            #expect(image.size == style.size)
            #expect((1...7).contains(annotations.count))
            #expect(annotations.map(\.id) == Array(1...annotations.count))
            for annotation in annotations {
                perClass[annotation.label] += 1
                objects += 1
                let box = annotation.box
                #expect(box == box.clipped(to: style.size) && box.width >= 4 && box.height >= 4)
                #expect(max(box.width, box.height) <= 0.45 * 120 * 1.45)
            }
        }
        for count in perClass { #expect(abs(Double(count) / Double(objects) - 1 / 6.0) < 0.06) }
    }

    /// The picture differs inside the boxes from the ground: an object can be seen. (Its contrast is at least the
    /// style's.)
    @Test func objectsAreVisible() {
        let style = SceneStyle(objects: 1...1, contrast: 0.3, noise: 0, blur: 0)
        var strong = 0
        for index in 0..<60 {
            let (image, annotations, _) = Scenes.draw(index: index, seed: 2, style: style)
            guard let box = annotations.first?.box else { continue }
            // The spread of brightness along the box's outline-crossing middle row.
            let y = Int((box.y1 + box.y2) / 2)
            let row = (0..<image.width).map { x in
                (0..<3).reduce(0) { $0 + Int(image.pixels[(y * image.width + x) * 3 + $1]) }
            }
            let inside = row[max(0, Int(box.x1))..<min(160, Int(box.x2))]
            if (inside.max() ?? 0) - (inside.min() ?? 0) > 20 || (row.max() ?? 0) - (row.min() ?? 0) > 40 {
                strong += 1
            }
        }
        #expect(strong > 50)
    }

    /// What the mask says of a shape lies in its box, and fills it as a shape fills its box.
    @Test func masksLieInTheirBoxes() {
        let style = SceneStyle(objects: 1...1, hidden: 0.2)
        for index in 0..<60 {
            let (image, annotations, mask) = Scenes.draw(index: index, seed: 4, style: style)
            #expect(mask.size == image.size)
            guard let only = annotations.first else {
                #expect(mask.labels.allSatisfy { $0 == 0 })
                continue
            }
            var inside = 0
            for (i, label) in mask.labels.enumerated() where label != 0 {
                #expect(Int(label) == only.label + 1)
                let (x, y) = (Float(i % mask.width) + 0.5, Float(i / mask.width) + 0.5)
                #expect(x > only.box.x1 && x < only.box.x2 && y > only.box.y1 && y < only.box.y2)
                inside += 1
            }
            // A ring is thin, a square turned by half a radian fills most.
            #expect(Float(inside) > only.box.area * 0.1 && Float(inside) < only.box.area * 1.01)
        }
    }

    /// With one shape over another, the mask shows the one on top: the box of a hidden part may hold another's label.
    @Test func masksShowWhatIsOnTop() {
        let scenes = (0..<40).map { Scenes.draw(index: $0, seed: 9, style: SceneStyle(objects: 4...5)) }
        #expect(scenes.contains { scene in Set(scene.mask.labels).count >= 4 })
        for scene in scenes {
            let seen = Set(scene.mask.labels).subtracting([0])
            #expect(seen.isSubset(of: Set(scene.annotations.map { UInt8($0.label + 1) })))
        }
    }

    @Test func isFast() {
        let start = monotonicSeconds()
        for index in 0..<40 { _ = Scenes.draw(index: index, seed: 5).image.jpeg(quality: 80) }
        let rate = 40 / (monotonicSeconds() - start)
        print("drawn and encoded: \(rate.rounded()) scenes a second on one core")
        #expect(rate > 20)
    }

    /// For eyes: PUPIL_LOOK=FOLDER gets scenes.png, 24 scenes, and boxes on them in scenes-boxes.png.
    @Test(.enabled(if: getenv("PUPIL_LOOK") != nil))
    func look() throws {
        let folder = String(cString: getenv("PUPIL_LOOK"))
        let scenes = (0..<24).map { Scenes.draw(index: $0, seed: 1) }
        try Files.write(
            Image.contactSheet(scenes.map(\.image), columns: 6).png(), to: Files.join(folder, "scenes.png"))
        let named = scenes.map { scene in
            var image = scene.image.resized(to: Size(width: 240, height: 240))
            for a in scene.annotations {
                let box = AffineMap.scale(1.5, 1.5)(a.box)
                image.draw(box: box, label: Scenes.classes.names[a.label], color: .forClass(a.label), thickness: 1)
            }
            return image
        }
        try Files.write(Image.contactSheet(named, columns: 6).png(), to: Files.join(folder, "scenes-boxes.png"))
    }
}
