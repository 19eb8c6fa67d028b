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

    /// Before anything runs: a student of 8 + 8 cannot be taken one picture at a time, nor a batch of 8 by threes.
    @Test(arguments: [1, 3]) func whatCannotBeSharedIsUsage(micro: Int) throws {
        let failure = #expect(throws: Failure.self) {
            _ = try MemoryFit.micro([fit([8]), fit([8, 8])], asked: micro, available: room(for: 100))
        }
        #expect(failure?.code == .usage && failure?.message.hasPrefix("micro: ") == true)
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
        let failure = #expect(throws: Failure.self) {
            _ = try MemoryFit.micro(fits, asked: nil, available: 1 << 20)
        }
        #expect(failure?.message.contains("pico at 64 px") == true)
    }
}
