import Augmentation
import Base
import Geometry
import Imaging
import Testing

@Suite struct OperatorTests {
    private let size = Size(width: 500, height: 400)

    /// What RandAugment of one operator draws, over many pictures.
    private func draws(
        _ operator: Operator, magnitude: Double, _ constants: OperatorConstants = .autoAugment, boxes: [Box] = [],
        count: Int = 400
    ) -> [Augmentation.Operation] {
        let set = RandAugment(
            name: "one", draws: 1, magnitude: magnitude, operators: [`operator`], constants: constants)
        let policy = Policy(name: "one", operators: .random(set), flip: 0, jitter: 1...1)
        return (0..<count).flatMap { i -> [Augmentation.Operation] in
            var random = Random(seed: 6, purpose: .augmentation, epoch: 0, index: i)
            return policy.plan(for: size, boxes: boxes, target: size, random: &random).operations
        }
    }

    /// Arguments at magnitudes 10, 15 and lower, from paper.md 2.4.
    @Test func magnitudesAreThoseOfTheOriginal() {
        func only(_ operator: Operator, _ magnitude: Double, _ expected: Augmentation.Operation...) {
            let drawn = Set(draws(`operator`, magnitude: magnitude))
            #expect(drawn.map(\.description).sorted() == expected.map(\.description).sorted())
        }
        only(.posterize, 10, .posterize(bits: 4))
        only(.posterize, 15, .posterize(bits: 6))
        only(.posterize, 2, .posterize(bits: 0))
        only(.posterize, 28, .posterize(bits: 8))
        only(.solarize, 10, .solarize(threshold: 256))
        only(.solarize, 4, .solarize(threshold: 102))
        only(.solarizeAdd, 10, .solarizeAdd(110))
        only(.solarizeAdd, 15, .solarizeAdd(165))
        only(.color, 10, .color(1.9))
        only(.contrast, 15, .contrast(2.8))
        only(.brightness, 5, .brightness(1))
        only(.sharpness, 0, .sharpness(0.1))
        only(.rotate, 10, .rotate(30), .rotate(-30))
        only(.rotate, 15, .rotate(45), .rotate(-45))
        only(.shearX, 10, .shearX(0.3), .shearX(-0.3))
        only(.shearY, 15, .shearY(0.45), .shearY(-0.45))
        only(.translateX, 4, .translateX(100), .translateX(-100))
        only(.translateY, 10, .translateY(250), .translateY(-250))
        only(.equalize, 3, .equalize)
        only(.autoContrast, 3, .autoContrast)
        only(.invert, 3, .invert)
        #expect(Set(draws(.translateX, magnitude: 10, .randAugment)) == [.translateX(100), .translateX(-100)])
    }

    /// Both signs as often, and cutouts evenly over the picture, 80 pixels wide unless cut by its edge.
    @Test func signsAndPlacesAreEven() {
        let turns = draws(.rotate, magnitude: 10, count: 4000)
        #expect(abs(turns.count { $0 == .rotate(30) } - 2000) < 130)
        var centres = [Int](repeating: 0, count: 4)
        var whole = 0
        for operation in draws(.cutout, magnitude: 10, .randAugment, count: 4000) {
            guard case .cutout(let rect) = operation else {
                Issue.record("\(operation)")
                continue
            }
            #expect(rect.clipped(to: size) == rect && rect.width <= 80 && rect.height <= 80)
            if rect.width == 80, rect.height == 80 { whole += 1 }
            centres[(rect.x + rect.width / 2 < 250 ? 0 : 1) + (rect.y + rect.height / 2 < 200 ? 0 : 2)] += 1
        }
        for quarter in centres { #expect(abs(quarter - 1000) < 120) }
        // (500 - 80) / 500 * (400 - 80) / 400, of whole pixels.
        #expect(abs(Double(whole) / 4000 - 0.672) < 0.03)
    }

    /// Inside boxes: each box by itself with a third of the probability, one sign for all, constants of their own.
    @Test func boxesAreActedOnOneByOne() {
        let boxes = [
            Box(x1: 10, y1: 20, x2: 110, y2: 90), Box(x1: 300, y1: 100, x2: 480.5, y2: 300.2),
            Box(x1: 200, y1: 300, x2: 260, y2: 390),
        ]
        let set = AutoAugment(name: "one", policies: [[.init(.translateYInBoxes, 0.6, 5)]])
        let policy = Policy(name: "one", operators: .auto(set), flip: 0, jitter: 1...1)
        var acted = 0, first: [PixelRect: Int] = [:]
        let n = 6000
        for i in 0..<n {
            var random = Random(seed: 8, purpose: .augmentation, epoch: 0, index: i)
            let plan = policy.plan(for: size, boxes: boxes, target: size, random: &random)
            acted += plan.operations.count
            var signs: Set<Bool> = []
            for operation in plan.operations {
                guard case .inside(let rect, .translateY(let pixels)) = operation, abs(pixels) == 60 else {
                    Issue.record("\(operation)")
                    continue
                }
                signs.insert(pixels > 0)
                #expect(
                    [
                        PixelRect(x: 10, y: 20, width: 100, height: 70),
                        PixelRect(x: 300, y: 100, width: 181, height: 201),
                        PixelRect(x: 200, y: 300, width: 60, height: 90),
                    ].contains(rect))
                if plan.operations.count == 3, operation == plan.operations[0] { first[rect, default: 0] += 1 }
            }
            #expect(signs.count <= 1)
            // Boxes stay where they are.
            #expect(plan.operations.allSatisfy { $0.map(in: size) == nil })
        }
        #expect(abs(Double(acted) / Double(3 * n) - 0.2) < 0.013)
        #expect(first.count == 3)  // any of them may come first
        #expect(draws(.rotateInBoxes, magnitude: 10).isEmpty)
        // The part of a box that is covered: at magnitude 4 0.3 of each side, about a point of it.
        let cover = draws(.boxCutout, magnitude: 4, boxes: [boxes[0]])
        #expect(cover.count == 400)
        for operation in cover {
            guard case .cutout(let rect) = operation else { continue }
            // Int(0.15 * 100) and Int(0.15 * 70) to each side.
            #expect(rect.width <= 30 && rect.height <= 20)
            let x = rect.x + rect.width / 2, y = rect.y + rect.height / 2
            #expect((0...125).contains(x) && (10...100).contains(y))
        }
        #expect(draws(.boxCutout, magnitude: 4).isEmpty)
    }

    /// Over 100,000 plans: how often each operator of S4 comes, and how many of two draws are nothing.
    @Test func s4DrawsAsStated() {
        var counts: [String: Int] = [:]
        var empty = 0, two = 0
        let n = 100_000
        for i in 0..<n {
            var random = Random(seed: 2, purpose: .augmentation, epoch: 1, index: i)
            let plan = Policy.s4.plan(for: size, target: Size(width: 320, height: 320), random: &random)
            empty += plan.operations.isEmpty ? 1 : 0
            two += plan.operations.count == 2 ? 1 : 0
            for operation in plan.operations {
                counts["\(operation)".split(separator: " ")[0].description, default: 0] += 1
            }
        }
        #expect(counts.count == 16, "\(counts)")
        // Two draws of seventeen things a picture.
        let expected = 2 * Double(n) / 17
        for (name, count) in counts { #expect(abs(Double(count) - expected) < 4.5 * expected.squareRoot(), "\(name)") }
        #expect(abs(Double(empty) / Double(n) - 1 / 289) < 0.0008)
        #expect(abs(Double(two) / Double(n) - 256 / 289) < 0.004)
    }

    /// Over 100,000 plans: v0's five sub-policies and the probabilities of their steps.
    @Test func s2DrawsAsStated() {
        var counts: [String: Int] = [:]
        let n = 100_000
        let boxes = [Box(x1: 100, y1: 100, x2: 200, y2: 200)]
        for i in 0..<n {
            var random = Random(seed: 5, purpose: .augmentation, epoch: 1, index: i)
            let plan = Policy.s2.plan(for: size, boxes: boxes, target: size, random: &random)
            for operation in plan.operations {
                let words = "\(operation)".split(separator: " ")
                counts[words[0] + (words.contains("in") ? " in box" : ""), default: 0] += 1
            }
        }
        func near(_ name: String, _ share: Double) {
            let expected = share * Double(n) / 5
            let deviation = (expected * (1 - share / 5)).squareRoot()
            #expect(abs(Double(counts[name] ?? 0) - expected) < 4.5 * deviation, "\(name): \(counts[name] ?? 0)")
        }
        near("translate-x", 0.6)
        near("equalize", 0.8)
        near("cutout", 0.8)
        near("shear-x", 0.4)
        near("shear-y", 1)
        near("rotate", 0.6)
        near("color", 1)
        near("translate-y in box", (0.2 + 0.6) / 3)
        #expect(counts["sharpness"] == nil && counts.count == 8)
    }

    /// The tables, against a list that a script took out of the description of the original's (paper.md 2.3 and 2.7).
    @Test func theTablesAreThoseOfThePaper() throws {
        var expected: [String: [String]] = [:]
        var name = ""
        let lines = try Files.readText(Files.join(Files.folder(#filePath), "Fixtures/autoaugment.txt"))
        for line in lines.split(separator: "\n") {
            if line.first == " " {
                expected[name, default: []].append(String(line.dropFirst(2)))
            } else {
                name = String(line)
            }
        }
        #expect(expected.count == AutoAugment.all.count)
        for set in AutoAugment.all {
            func short(_ x: Double) -> String { x == x.rounded() ? "\(Int(x))" : "\(x)" }
            let rows = set.policies.map { steps in
                steps.map { "\($0.operator.rawValue) \(short($0.probability)) \(short($0.magnitude))" }
                    .joined(separator: ", ")
            }
            // The list of v1 is of what it has beside v0.
            let before = set.name == "autoaugment-v1" ? expected["autoaugment-v0"] ?? [] : []
            #expect(rows == before + (expected[set.name] ?? []), "\(set.name)")
            #expect(
                set.constants == OperatorConstants(cutout: 100, translate: 250) || set.name == "autoaugment-imagenet")
        }
    }

    /// The variants of RandAugment (paper.md 2.5), number by number.
    @Test func theVariantsAreThoseOfThePaper() {
        func numbers(_ set: RandAugment) -> [Double] {
            [
                Double(set.draws), set.magnitude, Double(Set(set.operators).count), set.drawsNothing ? 1 : 0,
                set.constants.cutout, set.constants.translate, set.constants.cutoutInBoxes,
                set.constants.translateInBoxes, set.constants.boxCutout,
            ]
        }
        #expect(numbers(.detection) == [2, 10, 16, 1, 40, 100, 50, 120, 0.75])
        #expect(numbers(.efficientDet) == [1, 15, 10, 0, 100, 250, 50, 120, 0.75])
        #expect(numbers(.classification) == [2, 10, 16, 0, 40, 100, 50, 120, 0.75])
        #expect(numbers(.paper) == [1, 5, 13, 1, 40, 100, 50, 120, 0.75])
        #expect(RandAugment.all.allSatisfy { $0.operators.count == Set($0.operators).count })
    }

    /// How far one operator can move a picture: the greatest translation that may be drawn, not the constant.
    @Test func reachIsWhatCanBeDrawn() {
        #expect(Policy.Operators.none.reach == 0)
        #expect(Policy.s2.operators.reach == 100)  // v0's one TranslateX has magnitude 4 of 250
        #expect(Policy.s4.operators.reach == 100)
        #expect(Policy.Operators.random(.efficientDet).reach == 375)
        var set = RandAugment.detection
        set.magnitude = 4
        set.constants.translate = 130
        #expect(Policy.Operators.random(set).reach == 52)
        set.operators = [.rotate, .color]
        #expect(Policy.Operators.random(set).reach == 0)
    }

    @Test func namesAreFound() throws {
        #expect(try Operator.named("Rotate_BBox") == .rotate)
        #expect(try Operator.named("shearx") == .shearX)
        #expect(try Operator.named("TranslateY_Only_BBoxes") == .translateYInBoxes)
        #expect(throws: Failure.self) { try Operator.named("Shear") }
        for name in Policy.Operators.names { #expect(Policy.Operators.named(name)?.name == name) }
        #expect(Policy.Operators.named("autoaugment") == nil)
        for rendering in Rendering.all { #expect(Rendering.named(rendering.description) == rendering) }
    }

    /// The name is not part of what makes a policy; everything else is.
    @Test func policiesAreToldApartByTheirContent() {
        var all = Policy.all
        var other = Policy.s4
        other.rendering = .reference(contrastQuirk: true)
        all.append(other)
        if case .random(var set) = Policy.s4.operators {
            set.constants.cutout = 41
            all.append(Policy(name: "S4", operators: .random(set), flip: 0.5, jitter: 0.5...2))
        }
        #expect(Set(all.map(\.json)).count == all.count && all.count == 7)
        #expect(Policy(name: "mine", flip: 0.5, jitter: 0.8...1.2).json == Policy.s1.json)
    }
}
