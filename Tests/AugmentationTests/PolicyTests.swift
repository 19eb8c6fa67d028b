import Augmentation
import Base
import Geometry
import Imaging
import Testing

@Suite struct PolicyTests {
    /// No plan that is drawn brings a picture to more than what decoding was asked to leave.
    @Test func noPlanIsLargerThanTheLargest() {
        var random = Random(seed: 12, purpose: .test)
        var met = 0
        for _ in 0..<3000 {
            let source = Size(width: 1 + random.below(3000), height: 1 + random.below(3000))
            let target = Size(width: 32 * (1 + random.below(20)), height: 32 * (1 + random.below(20)))
            let largest = Policy.s1.largest(for: source, target: target)
            let plan = Policy.s1.plan(for: source, target: target, random: &random)
            #expect(plan.resized.width <= largest.width && plan.resized.height <= largest.height)
            met += plan.resized.width > largest.width * 9 / 10 ? 1 : 0
        }
        #expect(met > 100)
        #expect(
            Policy.none.largest(for: Size(width: 640, height: 480), target: Size(width: 256, height: 256)).width == 256)
    }

    @Test func namesAreFoundOrExplained() throws {
        #expect(try Policy.named("s1") == .s1 && Policy.named("NONE") == .none)
        #expect(Policy.s1 == Policy(name: "S1", flip: 0.5, jitter: 0.8...1.2))
        func message(_ name: String) -> String {
            do throws(Failure) {
                _ = try Policy.named(name)
                return ""
            } catch { return error.code == .usage ? error.message : "" }
        }
        #expect(
            message("nome")
                == "there is no augmentation policy \"nome\"; expected none, S1, S2, S3 or S4; did you mean none?")
        let expected = [
            Policy(name: "S2", operators: .auto(.v0), flip: 0.5, jitter: 0.8...1.2),
            Policy(name: "S3", operators: .auto(.v0), flip: 0.5, jitter: 0.5...2),
            Policy(name: "S4", operators: .random(.detection), flip: 0.5, jitter: 0.5...2),
        ]
        for policy in expected { #expect(try Policy.named(policy.name.lowercased()) == policy) }
    }

    /// The draws of S1: the flip's share, the scale's range and evenness, offsets over their whole range.
    @Test func drawsAreDistributedAsStated() {
        let source = Size(width: 400, height: 400), target = Size(width: 200, height: 200)
        var flips = 0, bins = [Int](repeating: 0, count: 8), shifts = [Int](repeating: 0, count: 4), larger = 0
        let n = 20_000
        for i in 0..<n {
            var random = Random(seed: 1, purpose: .augmentation, epoch: 0, index: i)
            let plan = Policy.s1.plan(for: source, target: target, random: &random)
            #expect((160...240).contains(plan.resized.width) && plan.resized.width == plan.resized.height)
            flips += plan.flipped ? 1 : 0
            bins[min(7, (plan.resized.width - 160) / 10)] += 1
            let excess = plan.resized.width - 200
            if excess > 0 {
                #expect(plan.offsetX < excess && plan.offsetY < excess)
                #expect(plan.covered == target)
            } else {
                #expect(plan.offsetX == 0 && plan.offsetY == 0 && plan.covered == plan.resized)
            }
            if excess >= 20 {
                larger += 1
                shifts[plan.offsetX * 2 / excess + 2 * (plan.offsetY * 2 / excess)] += 1
            }
        }
        #expect(abs(Double(flips) - Double(n) / 2) < 4 * (Double(n) / 4).squareRoot())
        for bin in bins { #expect(abs(Double(bin) - Double(n) / 8) < 350) }
        for quarter in shifts { #expect(abs(Double(quarter) / Double(larger) - 0.25) < 0.03) }
    }

    @Test func positionIsState() {
        let image = Image(width: 90, height: 70, pixels: (0..<90 * 70 * 3).map { UInt8($0 * 31 % 251) })
        func render(_ index: Int, _ epoch: Int) -> [Float] {
            var random = Random(seed: 9, purpose: .augmentation, epoch: epoch, index: index)
            let plan = Policy.s1.plan(for: image.size, target: Size(width: 64, height: 64), random: &random)
            var slot = [Float](repeating: .nan, count: 64 * 64 * 3)
            slot.withUnsafeMutableBufferPointer { plan.render(image, into: $0) }
            return slot
        }
        #expect(render(3, 0) == render(3, 0))
        #expect(render(3, 0) != render(4, 0) && render(3, 0) != render(3, 1))
    }

    /// Nothing is drawn or lost under `none`, and every policy takes the same count of numbers.
    @Test func noneIsTheEvaluationPlan() {
        var a = Random(seed: 2, purpose: .test), b = a
        let source = Size(width: 123, height: 77), target = Size(width: 64, height: 96)
        #expect(
            Policy.none.plan(for: source, target: target, random: &a)
                == Plan.evaluation(for: source, target: target))
        _ = Policy.s1.plan(for: source, target: target, random: &b)
        #expect(a.next() == b.next())
    }
}
