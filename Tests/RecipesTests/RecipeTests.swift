import Base
import Glibc
import Testing

@testable import Recipes

final class RecipeFolder {
    let path = "/tmp/pupil-recipes-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"

    init() { mkdir(path, 0o755) }
    deinit { try? Files.remove(path) }

    func recipe(_ text: String) throws -> String {
        let file = path + "/r.yaml"
        try Files.write(text, to: file)
        return file
    }
}

@Suite struct RecipeTests {
    let folder = RecipeFolder()

    @Test func recipesFlattenAndTheCommandLineOverrides() throws {
        let file = try folder.recipe(
            """
            train: a.json
            train-images: images dir
            labels: 10%
            optimizer:
              lr: 1
            optimizer.momentum: 0.5
            unlabelled: [x, y]
            scales: 1
            micro: null
            control: false
            """)
        let settings = try schema.parse(["--recipe", file, "optimizer.lr=0.5", "--unlabelled", "z"])
        #expect(settings.string("train_images") == "images dir" && settings.string("labels") == "10%")
        #expect(settings.double("optimizer.lr") == 0.5 && settings.double("optimizer.momentum") == 0.5)
        #expect(settings.strings("unlabelled") == ["z"] && settings.doubles("scales") == [1])
        #expect(settings.optionalInt("micro") == nil && !settings.bool("control"))
        #expect(try schema.parse(["recipe=\(file)"]).double("optimizer.lr") == 1)
    }

    @Test(arguments: [
        ("size: ten\n", ":1:7: --size is \"ten\"; expected an integer from 1 to 1000000000"),
        ("size: \"10\"\n", ":1:7: --size is \"10\"; expected an integer"),
        ("a: 1\n", ":1:1: pupil train has no setting \"a\""),
        ("optimizer:\n  lrr: 1\n", ":2:3: pupil train has no setting \"optimizer.lrr\"; did you mean --optimizer.lr?"),
        ("optimizer: 1\n", ":1:1: pupil train has no setting \"optimizer\"; did you mean --optimizer.lr"),
        ("scales:\n  - 1\n  - 3\n", ":3:5: --scales is \"3\"; expected a number from 0.1 to 2"),
        ("size: [1]\n", ":1:7: --size is \"[1]\""),
        ("model: null\n", ":1:8: --model is \"null\"; expected one of nano"),
        ("train-images: a\ntrain_images: b\n", ":2:1: train_images is given twice"),
        ("- a\n", ":1:1: a recipe is a mapping"),
        ("recipe: x\n", ":1:1: pupil train has no setting \"recipe\""),
    ]) func faultsHaveTheirPlace(text: String, part: String) throws {
        let file = try folder.recipe(text)
        let message = parseFault(["--recipe", file])
        #expect(message.hasPrefix(file + part), "\(message)")
    }

    @Test func aMissingRecipeIsNamed() {
        #expect(throws: Failure.data("there is no file /nowhere/r.yaml")) {
            try schema.parse(["--recipe", "/nowhere/r.yaml"])
        }
    }

    @Test func argumentsReadBack() throws {
        let settings = try parse("--labels", "10", "optimizer.lr=1e-05", "--unlabelled", "a b", "yes", "--no-control")
            .setting("micro", 2)
        let text = settings.yaml
        #expect(
            text.contains("\n# Data\ntrain: a.json\ntrain_images: a\nunlabelled: [\"a b\", \"yes\"]\nlabels: \"10\"\n"))
        #expect(text.contains("optimizer.lr: 1.0e-05\n"))
        let back = try schema.parse(["--recipe", try folder.recipe(text)])
        #expect(back.yaml == text)
        #expect(Settings.differences(settings, back, onlyAffectingResult: false).isEmpty)
        #expect(back.identity == settings.identity)
    }

    @Test func differencesAreNamed() throws {
        let a = try parse("--size", "256", "--unlabelled", "A")
        let b = try parse("--size", "320", "--labels", "10%", "--unlabelled", "B")
        let differences = Settings.differences(a, b)
        #expect(differences.map(\.name) == ["labels", "size"])
        #expect(
            differences.map(\.description) == ["--labels: absent before, \"10%\" now", "--size: 256 before, 320 now"])
        #expect(Settings.differences(a, b, onlyAffectingResult: false).map(\.name) == ["unlabelled", "labels", "size"])
        #expect(Settings.differences(a, a).isEmpty)
        // One folder has many names.
        func paths(_ train: String, _ pool: String...) throws -> Settings {
            try schema.parse(["--train", train, "--train-images", "a", "--unlabelled"] + pool)
        }
        let c = try paths("here", "A", "B")
        #expect(try Settings.differences(c, paths("x/../here", "./A/", "B/."), onlyAffectingResult: false).isEmpty)
        for other in [try paths("../here", "A", "B"), try paths("here", "B", "A"), try paths("here", "A")] {
            #expect(Settings.differences(c, other, onlyAffectingResult: false).count == 1)
        }
    }

    @Test func identityHoldsWhatAffectsTheResult() throws {
        let a = try parse("--weights", "w", "--micro", "3")
        #expect(a.identity["weights"] == nil && a.identity["micro"] == nil && a.identity["labels"] == nil)
        #expect(a.identity["optimizer.lr"] == 0.08)
        #expect(try parse("optimizer.lr=1").identity.canonical == parse("optimizer.lr=1.0").identity.canonical)
    }
}

@Suite struct StageIdentityTests {
    /// printf '%s' '{"format":2,...}' | sha256sum
    @Test func theNameIsTheHashOfTheCanonicalRecord() {
        let stage = StageIdentity(kind: "train", format: 2, keys: ["lr": 0.5, "a": 1], inputs: ["x", "y"])
        #expect(stage.json.canonical == #"{"format":2,"inputs":["x","y"],"keys":{"a":1,"lr":0.5},"kind":"train"}"#)
        #expect(stage.name == "train-e7b428a1e7d8")
    }

    @Test func everyPartCounts() {
        let names = [
            StageIdentity(kind: "train", format: 1, keys: ["a": 1], inputs: ["x", "y"]),
            StageIdentity(kind: "label", format: 1, keys: ["a": 1], inputs: ["x", "y"]),
            StageIdentity(kind: "train", format: 2, keys: ["a": 1], inputs: ["x", "y"]),
            StageIdentity(kind: "train", format: 1, keys: ["a": 2], inputs: ["x", "y"]),
            StageIdentity(kind: "train", format: 1, keys: ["a": 1], inputs: ["y", "x"]),
        ].map(\.name)
        #expect(Set(names).count == 5)
    }
}
