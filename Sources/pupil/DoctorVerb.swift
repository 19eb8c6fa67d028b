import Base
import Glibc
import Journal
import Recipes
import Torch

/// `pupil doctor`: what was found on this machine, and what is missing and why.
enum DoctorVerb {
    static let schema = Schema(
        verb: "doctor", summary: "What this machine has: libtorch, threads, instruction sets, bf16, CUDA and why not.",
        keys: [CommonKeys.json])

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        let settings = try schema.parse(arguments)
        Torch.threads = availableProcessors()
        let width = Torch.parallelWidth
        let features = ["avx2", "avx512_f", "avx512_bf16", "amx_bf16"]
        let present = features.filter { Torch.processorHas($0) }
        let isPinned = Torch.version.hasPrefix(Torch.pinnedVersion)
        let facts: [(String, String, JSON)] = [
            ("pupil", Pupil.version, .string(Pupil.version)),
            (
                "libtorch",
                Torch.version
                    + (isPinned ? "" : " (made for \(Torch.pinnedVersion); newer ones are taken as they come)"),
                .string(Torch.version)
            ),
            ("found in", Torch.folder, .string(Torch.folder)),
            ("processors", "\(availableProcessors())", .int(availableProcessors())),
            (
                "threads",
                "\(Torch.threads), of which \(width) ran in a loop of our own"
                    + (width == Torch.threads ? "" : ": OpenMP is not working"), .int(Torch.threads)
            ),
            (
                "instruction set",
                "libtorch uses \(Torch.instructionSet); the processor has \(present.joined(separator: ", "))",
                .string(Torch.instructionSet)
            ),
            (
                "AMX",
                Torch.hidesAMXTiles
                    ? "shown without the shape of its tiles (a virtual machine's fault): not used"
                    : Torch.processorHas("amx_bf16") ? "used" : "none",
                .bool(Torch.processorHas("amx_bf16") && !Torch.hidesAMXTiles)
            ),
            (
                "bf16", Torch.processorHasBF16 ? "native: used by default" : "not native: float32 by default",
                .bool(Torch.processorHasBF16)
            ),
            ("CUDA", Torch.cudaStatus, .string(Torch.cudaStatus)),
            ("CUDA devices", "\(Torch.cudaDeviceCount)", .int(Torch.cudaDeviceCount)),
            ("memory", memoryText, availableMemory().map { .int($0) } ?? .null),
        ]
        if settings.bool("json") {
            var object = Dictionary(
                uniqueKeysWithValues: facts.map { ($0.0.replacing(" ", with: "_").lowercased(), $0.2) })
            object["features"] = .array(present.map { .string($0) })
            object["parallel_width"] = .int(width)
            print(JSON.object(object).canonical)
        } else {
            let wide = facts.map(\.0.count).max() ?? 0
            for (name, text, _) in facts {
                print(name + String(repeating: " ", count: wide - name.count) + "  " + text)
            }
        }
        if !Torch.version.hasPrefix("2.") { return .environment }
        return .done
    }

    private static var memoryText: String {
        availableMemory().map { TextTable.fixed(Double($0) / 0x1p30, 1) + " GiB available" } ?? "not known"
    }
}
