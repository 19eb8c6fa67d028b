import Annotations
import Base

@testable import Evaluation

func fixture(_ name: String) throws -> JSON {
    try Files.readJSON(Files.join(Files.folder(#filePath), "Fixtures/\(name)"))
}

func near(_ a: Double, _ b: Double, _ tolerance: Double = 1e-12) -> Bool {
    a.isNaN || b.isNaN ? a.isNaN && b.isNaN : abs(a - b) < tolerance
}

func frame(_ x: Double, _ y: Double, _ width: Double, _ height: Double) -> Frame {
    Frame(x: x, y: y, width: width, height: height)
}

/// A set with labels and detections of all kinds.
struct RandomCase {
    var truth: TruthSet
    var detections: [[ScoredBox]]

    /// Boxes on a grid of 4 pixels, so that overlaps and areas lie on thresholds and borders; few scores, so that many
    /// are equal; crowds, ignored regions, empty pictures, a class without labels and one without detections.
    init(_ seed: UInt64, images: Int = 12) {
        var random = Random(seed: seed, purpose: .test)
        let ids = Array((1...images * 3).shuffled(using: &random).prefix(images))
        truth = TruthSet(
            classes: ClassTable(names: ["a", "b", "c", "no label", "no detection"]), images: ids.map { .init(id: $0) })
        detections = []
        var count = 0
        for image in truth.images.indices {
            var found: [ScoredBox] = []
            func grid(_ low: Int, _ high: Int) -> Double { Double(4 * (low + random.below(high - low + 1))) }
            if random.chance(0.8) {
                for _ in 0..<random.below(7) {
                    let isOnBorder = random.chance(0.3)
                    let box =
                        isOnBorder
                        ? frame(grid(0, 20), grid(0, 20), random.chance(0.5) ? 32 : 96, random.chance(0.5) ? 32 : 96)
                        : frame(grid(0, 20), grid(0, 20), grid(2, 30), grid(2, 30))
                    let label = [0, 0, 1, 2, 4][random.below(5)]
                    truth.images[image].boxes.append(
                        TrueBox(
                            id: count, label: label, frame: box, area: random.chance(0.5) ? nil : box.area / 2,
                            isIgnored: random.chance(0.15), isCrowd: random.chance(0.1)))
                    count += 1
                    if label == 4 { continue }
                    for _ in 0..<random.below(4) {
                        let moved = frame(
                            box.x + grid(-1, 1), box.y + grid(-1, 1), max(4, box.width + grid(-1, 1)),
                            box.height * [1, 1, 0.5, 0.75][random.below(4)])
                        found.append(ScoredBox(frame: moved, label: label, score: Double(random.below(8)) / 8))
                    }
                }
            }
            for _ in 0..<random.below(5) {
                found.append(
                    ScoredBox(
                        frame: frame(grid(0, 30), grid(0, 30), grid(1, 40), grid(1, 40)), label: random.below(4),
                        score: Double(random.below(8)) / 16 - 0.1))
            }
            found.shuffle(using: &random)
            detections.append(found)
        }
    }
}
