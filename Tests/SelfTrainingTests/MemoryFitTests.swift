import Annotations
import Base
import Testing
import Torch
import Training

@testable import SelfTraining

@Suite struct MemoryFitTests {
    /// 1 GiB a picture, and the margin.
    private func fit(_ streams: [Int]) -> MemoryFit {
        MemoryFit(
            recipe: .quick(), streams: streams, need: MemoryNeed(fixed: 0, perImage: 1 << 30))
    }

    private func room(for images: Int) -> Int {
        MemoryNeed(fixed: 0, perImage: 1 << 30).bytes(images: images, of: images)
    }

    /// A contrastive step of 8 in passes holds all 8 canvases, half a GiB each here, from the first pass to the last.
    @Test func whatWaitsBetweenPassesCounts() throws {
        let waiting = MemoryFit(
            recipe: .quick(), streams: [8], need: MemoryNeed(fixed: 0, perImage: 1 << 30, perWaiting: 1 << 29))
        #expect(try MemoryFit.micro([waiting], asked: nil, available: room(for: 8)) == nil)
        #expect(try MemoryFit.micro([waiting], asked: nil, available: room(for: 7)) == 2)
        #expect(try MemoryFit.micro([fit([8])], asked: nil, available: room(for: 7)) == 4)
    }

    @Test func theWholeBatchWhereItFits() throws {
        #expect(try MemoryFit.micro([fit([8]), fit([8, 8])], asked: nil, available: room(for: 16)) == nil)
    }

    /// The teacher's batch of 8 and the student's of 8 + 8 share one number; each stream is divided evenly.
    @Test func theMostThatFitsEverywhere() throws {
        let fits = [fit([8]), fit([8, 8])]
        #expect(try MemoryFit.micro(fits, asked: nil, available: room(for: 15)) == 8)
        #expect(try MemoryFit.micro(fits, asked: nil, available: room(for: 7)) == 4)
        #expect(try MemoryFit.micro(fits, asked: nil, available: room(for: 2)) == 2)
        // One picture a pass cannot be half human and half pseudo.
        let failure = #expect(throws: Failure.self) {
            _ = try MemoryFit.micro(fits, asked: nil, available: room(for: 1))
        }
        #expect(failure?.code == .device && failure?.message.contains("smaller --size") == true)
        #expect(failure?.message.contains("a pass of 2 pictures") == true, "\(failure?.message ?? "")")
        #expect(try MemoryFit.micro([fit([6])], asked: nil, available: room(for: 5)) == 3)
    }

    @Test func whatIsAskedForIsOnlyChecked() throws {
        #expect(try MemoryFit.micro([fit([8])], asked: 2, available: room(for: 8)) == 2)
        let failure = #expect(throws: Failure.self) {
            _ = try MemoryFit.micro([fit([8])], asked: 8, available: room(for: 5))
        }
        #expect(failure?.code == .device && failure?.message.contains("--micro 4 would fit") == true)
    }

    /// Before anything runs: a student of 8 + 8 cannot be taken one picture at a time.
    @Test func whatCannotBeSharedIsUsage() throws {
        let failure = #expect(throws: Failure.self) {
            _ = try MemoryFit.micro([fit([8]), fit([8, 8])], asked: 1, available: room(for: 100))
        }
        #expect(
            failure?.message
                == "micro: a step of 8 + 8 pictures has passes of at least 2, which share each part evenly; 1 is fewer")
        #expect(failure?.code == .usage)
    }

    /// A teacher of 8, a student of 8 + 8 and one with 8 more of classes have no size of pass in common but a limit.
    @Test func threeStreamsAreDividedAsTwoAre() throws {
        let fits = [fit([8]), fit([8, 8]), fit([8, 8, 8])]
        #expect(try MemoryFit.micro(fits, asked: nil, available: room(for: 24)) == nil)
        #expect(try MemoryFit.micro(fits, asked: nil, available: room(for: 23)) == 16)
        #expect(try MemoryFit.micro(fits, asked: nil, available: room(for: 10)) == 8)
        #expect(try MemoryFit.micro(fits, asked: nil, available: room(for: 5)) == 4)
        #expect(try MemoryFit.micro(fits, asked: 7, available: room(for: 6)) == 7)
        let passes = try [[8], [8, 8], [8, 8, 8], [6, 4]].map { (streams: [Int]) throws(Failure) in
            try TrainingPlan.passes(streams, micro: 7)
        }
        #expect(passes == [2, 4, 4, 2])
    }

    @Test func realModelsAreMeasured() throws {
        var averaged = TrainingRecipe.quick()
        averaged.averageDecay = 0.9
        let classes = ClassTable(names: ["a"])
        let fits = try MemoryFit.measured(
            [(.quick(), [2]), (.quick(), [2, 2])], of: Detector.self, classes: classes, device: .cpu)
        let more = try MemoryFit.measured([(averaged, [2])], of: Detector.self, classes: classes, device: .cpu)
        #expect(fits[0].need == fits[1].need && fits[0].need.perImage > 64 * 64 * 3 * 4)
        #expect(more[0].need.fixed - fits[0].need.fixed > 1_300_000 * 4)
        // Trainings of one run may differ in size, as those of noisy students do.
        let sizes = try MemoryFit.measured(
            [256, 512].map { size in
                var recipe = TrainingRecipe.quick()
                recipe.size = size
                return (recipe, [2])
            }, of: Detector.self, classes: classes, device: .cpu)
        #expect(abs(Double(sizes[1].need.perImage) / Double(sizes[0].need.perImage) - 4) < 0.2)
        let failure = #expect(throws: Failure.self) {
            _ = try MemoryFit.micro(fits, asked: nil, available: 1 << 20)
        }
        #expect(failure?.message.contains("pico at 64 px") == true)
    }
}
