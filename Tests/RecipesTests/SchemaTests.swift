import Base
import Glibc
import Testing

@testable import Recipes

let schema = Schema(
    verb: "train", summary: "Trains a detector on a labelled set.", positional: ["weights", "files"],
    keys: [
        Key(
            "train", .path, required: true, group: "Data", affectsResult: false, help: "COCO JSON of the labelled set."),
        Key("train-images", .path, required: true, group: "Data", affectsResult: false, help: "Its folder of images."),
        Key(
            "unlabelled", .list(of: .path), default: [], group: "Data", affectsResult: false,
            help: "Folders of unlabelled images, of any depth."),
        Key("labels", .string, group: "Data", help: "A share such as 10%, or a file of image names."),
        Key(
            "model", .choice(["nano", "small", "base"]), default: "nano", group: "Model", help: "The detector's size."),
        Key("size", .positiveInteger, default: 256, group: "Model", help: "Side of the square input in pixels."),
        Key("optimizer.lr", .positiveNumber, default: 0.08, group: "Training", help: "Peak learning rate."),
        Key("optimizer.momentum", .fraction, default: 0.9, group: "Training", help: "Momentum."),
        Key("scales", .list(of: .number(0.1...2)), default: [0.8, 1.2], group: "Training", help: "Jitter."),
        Key(
            "micro", .positiveInteger, group: "Training", affectsResult: false,
            help: "Images at once; found by a probe."),
        Key("control", .bool, default: true, group: "Training", help: "Trains the control arm as well."),
        Key("seed", .count, default: 0, help: "Of all random draws."),
        Key("weights", .path, affectsResult: false, help: "Where to start."),
        Key("files", .list(of: .path), affectsResult: false, help: "More files."),
    ])

let needed = ["--train", "a.json", "--train-images", "a"]

func parse(_ words: String...) throws(Failure) -> Settings { try schema.parse(needed + words) }

func parseFault(_ words: [String]) -> String {
    do throws(Failure) {
        _ = try schema.parse(words)
        return "no failure"
    } catch {
        #expect(error.code == .usage)
        return error.message
    }
}

@Suite struct SchemaTests {
    @Test func threeSpellingsMeanTheSame() throws {
        for words in [
            ["--size", "320", "--optimizer.lr", "0.1"], ["--size=320", "--optimizer.lr=0.1"],
            ["size=320", "optimizer.lr=1e-1"],
        ] {
            let settings = try schema.parse(needed + words)
            #expect(settings.int("size") == 320)
            #expect(settings.double("optimizer.lr") == 0.1)
            #expect(settings.isGiven("size") && !settings.isGiven("model"))
        }
        let under = try schema.parse(["train=a.json", "train_images=a=b"])
        #expect(under.string("train-images") == "a=b" && under.string("train_images") == "a=b")
    }

    @Test func defaultsAndAbsentValues() throws {
        let settings = try parse()
        #expect(settings.string("model") == "nano" && settings.double("optimizer.momentum") == 0.9)
        #expect(settings.optionalInt("micro") == nil && settings.optionalString("labels") == nil)
        #expect(settings.strings("unlabelled").isEmpty && settings.doubles("scales") == [0.8, 1.2])
        #expect(settings.setting("micro", 4).int("micro") == 4)
    }

    @Test func boolsHaveTheirForms() throws {
        for words in [["--no-control"], ["--control=false"], ["control=false"], ["--control", "false"]] {
            #expect(try schema.parse(needed + words).bool("control") == false)
        }
        for words in [["--control"], ["--control=true"], ["control=True"], ["--control", "--seed", "3"]] {
            #expect(try schema.parse(needed + words).bool("control"))
        }
        #expect(
            parseFault(needed + ["--control", "--no-control"]).contains("--control is given twice: true and false"))
        #expect(parseFault(needed + ["control=maybe"]) == "--control is \"maybe\"; expected true or false")
    }

    @Test func listsRepeatOrTakeSeveralWords() throws {
        for words in [
            ["--unlabelled", "A", "--unlabelled", "B"], ["--unlabelled", "A", "B", "--seed", "1"],
            ["unlabelled=A", "unlabelled=B"], ["--unlabelled", "A", "B", "seed=1"],
            ["--unlabelled=A", "--unlabelled=B"],
        ] {
            #expect(try schema.parse(needed + words).strings("unlabelled") == ["A", "B"])
        }
        #expect(try parse("scales=0.5,1,1.5").doubles("scales") == [0.5, 1, 1.5])
        #expect(try parse("scales=[]").doubles("scales").isEmpty)
        #expect(try parse("--unlabelled", "a,b", "x=1").strings("unlabelled") == ["a,b", "x=1"])
        #expect(parseFault(needed + ["--unlabelled", "--seed", "1"]).contains("--unlabelled has no value"))
        #expect(parseFault(needed + ["scales=0.5,9"]) == "--scales is \"9\"; expected a number from 0.1 to 2")
    }

    @Test func bareWordsFillPositionals() throws {
        let settings = try parse("w.safetensors", "a.jpg", "b.jpg")
        #expect(settings.string("weights") == "w.safetensors" && settings.strings("files") == ["a.jpg", "b.jpg"])
        #expect(try parse("--unlabelled", "A", "--", "w", "--odd", "-x").strings("files") == ["--odd", "-x"])
        #expect(try parse("./a=b.pt").string("weights") == "./a=b.pt")
        let plain = Schema(verb: "val", summary: "s", keys: [Key("gt", .path, help: "h")])
        #expect(throws: Failure.self) { try plain.parse(["gt"]) }
    }

    @Test(arguments: [
        (["--sise", "3"], "pupil train has no setting --sise; did you mean --size?"),
        (["sise=3"], "pupil train has no setting \"sise\"; did you mean --size?"),
        (["--lr", "3"], "pupil train has no setting --lr; did you mean --optimizer.lr?"),
        (["--optimizer=3"], "did you mean --optimizer.lr, --optimizer.momentum?"),
        (["--imgsz", "3"], "pupil train has no setting --imgsz; here it is --size"),
        (["--img-size=3"], "pupil train has no setting \"img-size\"; here it is --size"),
        // A name that is known elsewhere, of a setting that this verb has not.
        (["--batch-size", "3"], "pupil train has no setting --batch-size; `pupil train --help` lists all settings"),
        (["--zzzzzzz"], "pupil train has no setting --zzzzzzz; `pupil train --help` lists all settings"),
        (["--no-size"], "pupil train has no setting --no-size"),
        (["-s", "3"], "-s: there are no one-letter settings"),
        (["--size", "ten"], "--size is \"ten\"; expected an integer from 1 to 1000000000"),
        (["--size", "0"], "--size is \"0\"; expected an integer from 1 to 1000000000"),
        (
            ["--size", "9223372036854775807"],
            "--size is \"9223372036854775807\"; expected an integer from 1 to 1000000000"
        ),
        (["--size", "1.5"], "--size is \"1.5\"; expected an integer from 1 to 1000000000"),
        (["--size", "-3"], "--size is \"-3\""),
        (["--optimizer.lr", "0"], "--optimizer.lr is \"0\"; expected a number above 0"),
        (["--optimizer.lr", "nan"], "--optimizer.lr is \"nan\""),
        (["--optimizer.lr", "inf"], "--optimizer.lr is \"inf\""),
        (["optimizer.momentum=1.1"], "--optimizer.momentum is \"1.1\"; expected a number from 0 to 1"),
        (["--model", "nanno"], "--model is \"nanno\"; expected one of nano, small, base; did you mean nano?"),
        (["--size", "1", "--size", "2"], "--size is given twice: 1 and 2; it takes one value"),
        (["--size", "1", "size=1"], "--size is given twice"),
        (["--size"], "--size has no value; expected an integer from 1 to 1000000000"),
        (["--size", "--seed", "1"], "--size has no value"),
    ]) func faultsNameTheKeyAndTheExpectation(words: [String], part: String) {
        let message = parseFault(needed + words)
        #expect(message.contains(part), "\(message)")
    }

    @Test func allMissingSettingsAreNamed() {
        #expect(parseFault(["--seed", "1"]).hasPrefix("pupil train needs --train PATH, --train-images PATH;"))
    }

    @Test func wholeNumbersMayBeWrittenWithAnExponent() throws {
        #expect(try parse("--size", "1e3").int("size") == 1000)
    }

    @Test func homeIsExpandedInPaths() throws {
        let home = String(cString: try #require(getenv("HOME")))
        #expect(try parse("weights=~/w").string("weights") == home + "/w")
        #expect(try parse("labels=~/w").string("labels") == "~/w")
    }

    @Test func helpIsAnOutcomeOfItsOwn() {
        for words in [["-h"], ["--help"], ["--sise", "--help"]] {
            #expect(throws: Failure(.done, schema.helpText)) { try schema.parse(words) }
        }
    }

    @Test func helpIsAlignedAndHasDefaults() {
        let text = schema.helpText
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.allSatisfy { $0.count <= 100 })
        #expect(lines[0] == "pupil train: Trains a detector on a labelled set.")
        #expect(lines[2].hasPrefix("usage: pupil train [WEIGHTS] [FILES...] --train PATH --train-images PATH"))
        #expect(lines.contains("  --model nano|small|base     The detector's size. (default nano)"))
        #expect(lines.contains("  --[no-]control              Trains the control arm as well. (default true)"))
        #expect(lines.contains("  --train PATH                COCO JSON of the labelled set. (required)"))
        #expect(lines.contains("Data") && lines.contains("Settings"))
        let long = Schema(
            verb: "v", summary: "s",
            keys: [
                Key(
                    "a-very-long-name-of-a-setting", .choice(["first", "second", "third", "fourth", "fifth"]),
                    help: String(repeating: "word ", count: 40))
            ])
        let wrapped = long.helpText.split(separator: "\n")
        #expect(wrapped.allSatisfy { $0.count <= 100 })
        #expect(wrapped.contains { $0.hasPrefix(String(repeating: " ", count: 30) + "word") })
        #expect(long.helpText.contains("first, second, third, fourth, fifth."))
    }
}
