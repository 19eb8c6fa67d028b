import Base
import Testing

/// `pupil models`, `embed` and `export` as a user runs them.
@Suite(.serialized, .enabled(if: Program.isBuilt)) struct NetworkVerbsTests {
    @Test func modelsAreCountedAndShown() throws {
        try Program.withFolder { folder in
            let all = try Program.run(["models", "--json"], in: folder)
            #expect(all.code == 0, "\(all.errors)")
            let rows = try JSON.parse(all.output)["models"]?.array ?? []
            let b7 = try #require(rows.first { $0["name"]?.string == "retinanet-b7-640" })
            #expect(b7["parameters"]?.int == 72_050_727 && b7["size"]?.int == 640)
            #expect(b7["levels"]?["p7"]?.array?.compactMap(\.int) == [1, 256, 5, 5])
            let shown = try Program.run(["models", "--show", "pico", "--classes", "3", "--size", "96"], in: folder)
            #expect(shown.code == 0 && shown.output.contains("depthwise") == false)
            #expect(shown.output.contains("1x32x48x48") && shown.output.contains("pico, 3 classes, 96 pixels"))
            let layers = try JSON.parse(try Program.run(["models", "--show", "pico", "--json"], in: folder).output)
            let macs = (layers["layers"]?.array ?? []).reduce(0) { $0 + ($1["macs"]?.int ?? 0) }
            #expect(macs > 0 && macs == layers["macs"]?.int)
            let wrong = try Program.run(["models", "--show", "picco"], in: folder)
            #expect(wrong.code == 2 && wrong.errors.contains("did you mean pico?"))
        }
    }

    /// A detector's features of pictures and of the same numbers from a file; its weights out and in again.
    @Test func embedExportAndBegin() throws {
        try Program.withFolder { folder in
            func run(_ words: String) throws -> Program.Outcome {
                try Program.run(words.split(separator: " ").map(String.init), in: folder)
            }
            #expect(try run("draw --images 12 --size 64 --seed 3 --out s").code == 0)
            let sets = "--train s/annotations/instances_train.json --val s/annotations/instances_val.json"
            let trained = try run("train \(sets) --model pico --size 64 --batch 2 --steps 2 --threads 1 --out r")
            #expect(trained.code == 0, "\(trained.errors)")
            let weights = "r/weights/last.safetensors"

            let pooled = try run(
                "embed --weights \(weights) --images s/images --size 64 --threads 1 --out f.safetensors --json")
            #expect(pooled.code == 0, "\(pooled.errors)")
            #expect(try JSON.parse(pooled.output)["shape"]?.array?.compactMap(\.int) == [12, 256])
            let map = try run(
                "embed --weights \(weights) --images s/images --size 64 --level p4 --threads 1 --out m.safetensors --json"
            )
            #expect(try JSON.parse(map.output)["shape"]?.array?.compactMap(\.int) == [12, 64, 4, 4])
            for (words, code, says) in [
                ("embed --weights \(weights) --images s/images --level p9 --out x", Int32(2), "did you mean p"),
                ("embed --weights \(weights) --out x", 2, "either --images or --input"),
                ("embed --weights \(weights) --input \(weights) --size 64 --out x", 2, "--size goes with --images"),
                ("embed --weights \(weights) --images s/images --out nowhere/x", 2, "there is no folder nowhere"),
                ("embed --weights \(weights) --input \(weights) --out x", 3, "no tensor \"images\""),
                ("embed --weights \(weights) --model nano --images s/images --out x", 3, "does not fit this model"),
                ("embed --weights s/annotations/instances_train.json --model pico --images s/images --out x", 3, ""),
                ("embed --weights gone.pth --model pico --images s/images --out x", 3, "gone.pth"),
                ("embed --weights \(weights) --images gone --out x", 3, "there is no file or folder gone"),
            ] {
                let outcome = try run(words)
                #expect(outcome.code == code && outcome.errors.contains(says), "\(words): \(outcome.errors)")
            }

            // The whole network out and in; its backbone as the start of a detector of other classes.
            #expect(try run("export --weights \(weights) --out all.safetensors").code == 0)
            let again = try run(
                "embed --weights all.safetensors --images s/images --size 64 --threads 1 --out g.safetensors")
            #expect(again.code == 0, "\(again.errors)")
            #expect(try Files.read(folder + "/f.safetensors") == Files.read(folder + "/g.safetensors"))
            #expect(try run("export --weights \(weights) --part backbone --out body.safetensors").code == 0)
            let begun = try run(
                "train \(sets) --model pico --size 64 --batch 2 --steps 1 --threads 1 --init body.safetensors --out b")
            #expect(begun.code == 0 && begun.errors.contains("resnet backbone"), "\(begun.errors)")
            let other = try run(
                "train \(sets) --model nano --size 64 --batch 2 --steps 1 --threads 1 --init body.safetensors --out c")
            #expect(other.code == 3 && other.errors.contains("missing: backbone.body.layer1.1.conv1.weight"))
        }
    }
}
