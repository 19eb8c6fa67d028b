import Base
import Testing

@testable import Markup

func yaml(_ text: String) throws(Failure) -> JSON { try YAML.parse(text, file: "r.yaml").json }

func fault(_ text: String) -> String {
    do throws(Failure) {
        _ = try YAML.parse(text, file: "r.yaml")
        return "no failure"
    } catch {
        #expect(error.code == .usage)
        return error.message
    }
}

@Suite struct YAMLTests {
    @Test func readsBlocksFlowsAndComments() throws {
        let text = """
            # a recipe
            model: nano   # small
            optimizer:
              name: sgd
              lr: 0.08
              betas: [0.9, 0.999]
            unlabelled:
              - a/b
              - "c d"
            empty: {}
            note: |
              two
              lines
            """
        #expect(
            try yaml(text) == [
                "model": "nano", "optimizer": ["name": "sgd", "lr": 0.08, "betas": [0.9, 0.999]],
                "unlabelled": ["a/b", "c d"], "empty": [:], "note": "two\nlines",
            ])
    }

    /// The core schema's own examples (YAML 1.2.2, section 10.3) and the words that 1.1 took for something else.
    @Test(
        arguments: [
            ("null", JSON.null), ("~", .null), ("", .null), ("true", true), ("True", true), ("FALSE", false),
            ("0", 0), ("0o7", 7), ("0x3A", 58), ("-19", -19), ("+12", 12), ("0.", 0.0), ("-0.0", -0.0), (".5", 0.5),
            ("+12e03", 12000.0), ("-2E+05", -200_000.0), ("1e-05", 1e-05), ("012", 12),
            ("yes", "yes"), ("no", "no"), ("on", "on"), ("off", "off"), ("y", "y"), ("1_000", "1_000"),
            ("1:30", "1:30"),
            ("2001-01-01", "2001-01-01"), (".inf", ".inf"), (".nan", ".nan"), ("0b1", "0b1"), ("1e", "1e"), (".", "."),
            ("-", "-"), ("0x", "0x"), ("0x-1", "0x-1"), ("1.2.3", "1.2.3"), ("10%", "10%"),
        ] as [(String, JSON)]) func scalarsFollowTheCoreSchema(text: String, value: JSON) throws
    {
        #expect(YAML.resolve(text) ?? .string(text) == value)
        if !text.isEmpty && text != "-" { #expect(try yaml("k: \(text)") == ["k": value]) }
        #expect(try yaml("k: \"\(text)\"") == ["k": .string(text)])
    }

    @Test func integersTooLargeBecomeNumbers() throws {
        #expect(try yaml("9223372036854775807") == 9_223_372_036_854_775_807)
        #expect(try yaml("9223372036854775808") == .double(9_223_372_036_854_775_808))
    }

    @Test func anEmptyFileIsAnEmptyRecipe() throws {
        #expect(try yaml("") == [:])
        #expect(try yaml("# nothing\n") == [:])
        #expect(try yaml("\u{FEFF}a: 1") == ["a": 1])
    }

    @Test(arguments: [
        ("a: 1\nb: 2\na: 3\n", "r.yaml:3:1: the key \"a\" stands in line 1 already"),
        ("a: &x 1\nb: *x\n", "r.yaml:1:4: anchors"),
        ("b: *x\n", "r.yaml:1:4: *x is an alias"),
        ("a: !!python/object:os.system x\n", "r.yaml:1:4: tags"),
        ("a: 1\n---\nb: 1\n", "r.yaml:2:1: a second document"),
        ("? [a]\n: 1\n", "r.yaml:1:3: a key must be a word"),
        ("a: [1, 2\nb: 3\n", "r.yaml:2:"),
        ("a:\n\t- 1\n", "r.yaml:2:1: "),
        ("a: \"x\n", "r.yaml:2:1: "),
        ("a: \u{1}\n", "r.yaml:1:"),
    ]) func faultsAreAtTheirPlace(text: String, message: String) {
        #expect(fault(text).hasPrefix(message), "\(fault(text))")
    }

    @Test func deepAndHugeFilesAreRefused() {
        #expect(fault(String(repeating: "[", count: 70) + String(repeating: "]", count: 70)).contains("64 levels"))
        #expect(fault(String(repeating: "#", count: 5 << 20)).contains("at most 4 MB"))
    }

    @Test func whatIsWrittenReadsBack() throws {
        var random = Random(seed: 1, purpose: .test)
        let alphabet: [Unicode.Scalar] = Array(
            "aZ09 _-./:#,[]{}&*!|>'\"%@`\\\n\t\r=~?<é中\u{7F}\u{85}\u{2028}\u{FEFF}\u{1}😀".unicodeScalars)
        let words = [
            "yes", "null", "1", "1e5", "0x1", "~", "", " ", "- a", "a: b", "./x", "../y", "1:30", ".5", "true",
        ]
        for i in 0..<3000 {
            var text = ""
            if i < words.count {
                text = words[i]
            } else {
                for _ in 0..<random.below(8) { text.unicodeScalars.append(alphabet[random.below(alphabet.count)]) }
            }
            let line = "k: \(YAML.flow([.string(text), .double(random.uniform(-1e9, 1e9)), 3]))\n"
            let back = try yaml(line)["k"]?.array
            #expect(back?.count == 3 && back?[0] == .string(text), "\(line)")
        }
        for number in [1e-5, 0.0001, 1.0, .leastNonzeroMagnitude, 1.7976931348623157e308, -0.1, 123456789.125, 1e16] {
            #expect(try yaml(YAML.flow(.double(number))).double == number)
            #expect(YAML.flow(.double(number)).contains("."))  // YAML 1.1 asks for the point
        }
    }

    /// Damaged recipes load or throw with a place; nothing else happens.
    @Test func damagedTextNeverCrashes() throws {
        let whole = Array("a: 1\nb:\n  c: [x, \"y\", {z: 0.5}]\n  - d\ne: |\n  two\n  lines\nf: 'it''s'\n".utf8)
        var random = Random(seed: 2, purpose: .test)
        var loaded = 0
        for _ in 0..<5000 {
            var bytes = whole
            for _ in 0...random.below(6) {
                let at = random.below(bytes.count)
                switch random.below(3) {
                case 0: bytes[at] = UInt8(random.below(256))
                case 1:
                    bytes.insert(
                        contentsOf: Array("[]{}:-&*!|>'\"\n\t ,?".utf8).shuffled(using: &random)[0..<2], at: at)
                default: bytes.remove(at: at)
                }
            }
            do throws(Failure) {
                _ = try YAML.parse(String(decoding: bytes, as: UTF8.self), file: "r.yaml").json
                loaded += 1
            } catch {
                #expect(error.code == .usage && error.message.hasPrefix("r.yaml:"))
            }
        }
        #expect(loaded > 10 && loaded < 4990)
    }
}
