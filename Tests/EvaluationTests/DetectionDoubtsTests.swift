import Annotations
import Base
import Evaluation
import Testing

@Suite struct DetectionDoubtsTests {
    private let truth: TruthSet = {
        var random = Random(seed: 3, purpose: .test, index: 0)
        let classes = ClassTable(names: ["a", "b", "c"])
        let images = (0..<8).map { i -> TruthSet.Image in
            var image = TruthSet.Image(id: i + 1, fileName: "\(i).jpg")
            for k in 0..<3 {
                let frame = Frame(
                    x: 100 + random.uniform(0, 300), y: 100 + random.uniform(0, 200), width: random.uniform(30, 90),
                    height: random.uniform(30, 90))
                image.boxes.append(TrueBox(id: 3 * i + k + 1, label: k, frame: frame))
            }
            return image
        }
        return TruthSet(classes: classes, images: images)
    }()

    private func doubts(_ change: (TrueBox) -> (Frame, Int)) -> [String] {
        truth.doubts(
            about: truth.images.map { image in
                image.boxes.enumerated().map { k, box in
                    let (frame, label) = change(box)
                    return ScoredBox(frame: frame, label: label, score: 0.9 - 0.1 * Double(k))
                }
            })
    }

    @Test func whatIsRightRaisesNone() {
        #expect(doubts { ($0.frame, $0.label) }.isEmpty)
        // Poor detections are no doubt: beside their labels, or of a class too few.
        #expect(
            doubts { box in
                (
                    Frame(
                        x: box.frame.x + box.frame.width, y: box.frame.y, width: box.frame.width,
                        height: box.frame.height), box.label
                )
            }.isEmpty)
        #expect(doubts { ($0.frame, $0.label == 2 ? 0 : $0.label) }.isEmpty)
    }

    @Test func cornersFractionsAndOtherClassesAreNamed() {
        let corners = doubts { box in
            let f = box.frame
            return (Frame(x: f.x, y: f.y, width: f.x + f.width, height: f.y + f.height), box.label)
        }
        #expect(corners.count == 1 && corners[0].hasPrefix("24 of the 24 best boxes fit a label as corners"))
        let fractions = doubts { box in
            let f = box.frame
            return (Frame(x: f.x / 640, y: f.y / 480, width: f.width / 640, height: f.height / 480), box.label)
        }
        #expect(
            fractions == ["all boxes lie between 0 and 1: fractions of their pictures, where pixels were expected?"])
        let classes = doubts { ($0.frame, ($0.label + 1) % 3) }
        #expect(
            classes.count == 1 && classes[0].hasPrefix("24 of the 24 best boxes fit a label of another class and 0 "))
    }
}
