import Base
import Testing

@testable import Annotations

@Suite struct PseudoClassesTests {
    private let classes = ClassTable(names: ["a", "b", "c", "d"], ids: [3, 8, 9, 11])

    private func header(_ count: Int) -> ClassStore.Header {
        .init(teacher: "t0", pool: "p0", count: count, classes: classes, floor: 0, decoding: ["size": 64])
    }

    /// A picture of a class with a probability in 255ths, the rest with the next class.
    private func seen(_ name: String, _ label: UInt16, _ weight: UInt8, cut: Float = 0.125) -> ClassRecord {
        let rest = UInt8(min(Int(weight), 255 - Int(weight)))
        return ClassRecord(
            fileName: name, sha256: Digest(of: name).description,
            outcome: .labelled(SoftClass(labels: [label, (label + 1) % 4], weights: [weight, rest], cut: cut)))
    }

    private func select(
        _ records: [ClassRecord], threshold: Float = 0.3, perClass: Int? = nil, labels: PseudoClasses.Labels = .soft,
        seed: UInt64 = 0
    ) throws -> PseudoClasses {
        try PseudoClasses.select(
            header: header(records.count), records: records, root: "/pool", threshold: threshold, perClass: perClass,
            labels: labels, seed: seed)
    }

    // MARK: The record

    @Test func recordsComeBackAsTheyWere() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        var random = Random(seed: 5, purpose: .test)
        var records = (0..<40).map { i in
            let probabilities = (0..<4).map { _ in Float(random.uniform()) }
            let sum = probabilities.reduce(0, +)
            return ClassRecord(
                fileName: "sub \"dir\"/\(i)é.jpg", sha256: Digest(of: "\(i)").description,
                outcome: .labelled(SoftClass(probabilities.map { $0 / sum }, count: 1 + random.below(4))))
        }
        records[7] = ClassRecord(fileName: "x.jpg", sha256: "", outcome: .refused("rows missing:\nédge"))
        for record in records { #expect(ClassRecord(line: Array(record.line.utf8), classCount: 4) == record) }
        #expect(
            seen("a.jpg", 2, 200).line
                == "{\"file\":\"a.jpg\",\"sha256\":\"\(Digest(of: "a.jpg"))\",\"labels\":[2,3],\"weights\":[200,55],\"cut\":0.125}"
        )
        // Through a store that was cut off in the middle of a record.
        let path = scratch.path + "/store.jsonl"
        let names = records.map(\.fileName)
        do {
            let store = try ClassStore.open(path, header: header(40), names: names)
            try store.append(Array(records[..<20]))
        }
        let bytes = try Files.read(path)
        try Files.write(bytes.dropLast(9), to: path)
        do {
            let store = try ClassStore.open(path, header: header(40), names: names)
            #expect(store.completed == 19)
            try store.append(Array(records[19...]))
        }
        #expect(try ClassStore.read(path).records == records)
    }

    @Test(arguments: [
        "\"labels\":[4],\"weights\":[9],\"cut\":0", "\"labels\":[-1],\"weights\":[9],\"cut\":0",
        "\"labels\":[1.5],\"weights\":[9],\"cut\":0", "\"labels\":[\"1\"],\"weights\":[9],\"cut\":0",
        "\"labels\":[1,1],\"weights\":[9,8],\"cut\":0", "\"labels\":[1,2],\"weights\":[9],\"cut\":0",
        "\"labels\":[1],\"weights\":[9,8],\"cut\":0", "\"labels\":[],\"weights\":[],\"cut\":0",
        "\"labels\":[1],\"weights\":[256],\"cut\":0", "\"labels\":[1],\"weights\":[-1],\"cut\":0",
        "\"labels\":[1],\"weights\":[null],\"cut\":0", "\"labels\":[1,2],\"weights\":[8,9],\"cut\":0",
        "\"labels\":[1],\"weights\":[9]", "\"labels\":[1],\"weights\":[9],\"cut\":1.01",
        "\"labels\":[1],\"weights\":[9],\"cut\":-0.1", "\"labels\":[1],\"weights\":[9],\"cut\":null",
        "\"weights\":[9],\"cut\":0", "\"labels\":1,\"weights\":9,\"cut\":0", "\"refused\":1",
        "\"labels\":[70000],\"weights\":[9],\"cut\":0", "\"labels\":[1],\"weights\":[9],\"cut\":0,",
    ])
    func brokenRecords(members: String) {
        let head = "{\"file\":\"a\",\"sha256\":\"\","
        #expect(ClassRecord(line: Array((head + members + "}").utf8), classCount: 4) == nil)
        let good = head + "\"labels\":[3,0],\"weights\":[9,9],\"cut\":1}"
        #expect(ClassRecord(line: Array(good.utf8), classCount: 4) != nil)
        for length in 0..<good.utf8.count {
            #expect(ClassRecord(line: good.utf8.prefix(length), classCount: 4) == nil)
        }
        #expect(ClassRecord(line: Array(good.utf8), classCount: 3) == nil)
    }

    // MARK: The choice

    /// By hand: a has three sure pictures, b two, c one that is not sure, d none.
    @Test func byHand() throws {
        let records = [
            seen("1.jpg", 0, 250), seen("2.jpg", 1, 77),
            ClassRecord(fileName: "3.jpg", sha256: "", outcome: .refused("a TIFF")),
            seen("4.jpg", 0, 255, cut: 0), seen("5.jpg", 2, 76), seen("6.jpg", 1, 200, cut: 0.25),
            seen("7.jpg", 0, 100),
        ]
        let all = try select(records)
        let set = all.dataset
        #expect(set.root == "/pool" && set.classes == classes)
        #expect(set.examples.prefix(5).map(\.fileName) == ["1.jpg", "2.jpg", "4.jpg", "6.jpg", "7.jpg"])
        #expect(set.examples.prefix(5).map(\.id) == [1, 2, 4, 6, 7])
        #expect(set.examples.count == 6 && set.examples[5].id == 8)
        #expect(["2.jpg", "6.jpg"].contains(set.examples[5].fileName))
        #expect(set.classCounts == [3, 3, 0, 0])
        #expect(set.examples[3].target == .soft(SoftClass(labels: [1, 2], weights: [200, 55], cut: 0.25)))
        #expect(try select(records, labels: .hard).dataset.examples.map(\.target).prefix(2) == [.hard(0), .hard(1)])
        let s = all.summary
        #expect(s.images == 6 && s.refused == 1 && s.belowThreshold == 1 && s.kept == 5)
        #expect(s.unique == 5 && s.copies == 1 && s.perClass == 3)
        #expect(s.keptPerClass == [3, 2, 0, 0] && s.uniquePerClass == [3, 2, 0, 0])
        #expect(s.meanCut == 0.125)
        #expect(s.histogram[19] == 2 && s.histogram[6] == 1 && s.histogram[5] == 1 && s.histogram[7] == 1)
        #expect(s.histogram[15] == 1 && s.histogram.reduce(0, +) == 6)
        let json = s.json
        #expect(
            json["kept_per_class"] == ["a": 3, "b": 2, "c": 0, "d": 0]
                && json["unique_per_class"] == json["kept_per_class"])
        #expect(
            json["threshold"] == 0.3 && json["labels"] == "soft" && json["per_class"] == 3 && json["mean_cut"] == 0.125)
        #expect(json["images"] == 6 && json["refused"] == 1 && json["below_threshold"] == 1 && json["kept"] == 5)
        #expect(json["unique"] == 5 && json["copies"] == 1 && json["confidence_histogram"]?.array?.count == 20)
        #expect(try s.check() == "2 of 4 classes have no pseudo-labelled picture: c, d")

        // Two a class: of a the surest two, of b both once.
        let two = try select(records, perClass: 2)
        #expect(two.dataset.examples.map(\.fileName) == ["1.jpg", "2.jpg", "4.jpg", "6.jpg"])
        #expect(two.summary.uniquePerClass == [2, 2, 0, 0] && two.summary.copies == 0)
        // Seven: a 2, 2 and 3 times, b 3 and 4 times.
        let seven = try select(records, perClass: 7)
        #expect(seven.dataset.classCounts == [7, 7, 0, 0] && seven.summary.unique == 5 && seven.summary.copies == 9)
    }

    /// What is at the threshold before it is rounded to a weight is kept, for every threshold that people write.
    @Test func theThresholdIsRoundedAsProbabilitiesAre() throws {
        for hundredths in 1...100 {
            let threshold = Float(hundredths) / 100
            let at = SoftClass([threshold, 1 - threshold], count: 1)
            guard at.labels == [0] else { continue }
            let below = SoftClass([threshold - 0.004, 1 - threshold + 0.004], count: 2)
            let records = [at, below].map { ClassRecord(fileName: "x", sha256: "", outcome: .labelled($0)) }
            let kept = try select(records, threshold: threshold)
            #expect(kept.dataset.examples.contains { $0.id == 1 }, "\(threshold)")
            if below.labels[0] == 0 { #expect(!kept.dataset.examples.contains { $0.id == 2 }, "\(threshold)") }
        }
    }

    /// Against the rules one by one, on random stores.
    @Test func theRulesHold() throws {
        var random = Random(seed: 1, purpose: .test)
        for trial in 0..<300 {
            let count = 1 + random.below(60)
            let skew = random.uniform(0, 3)
            let records = (0..<count).map { i in
                if random.chance(0.05) { return ClassRecord(fileName: "\(i)", sha256: "", outcome: .refused("torn")) }
                let label = min(3, Int(Double(random.below(4)) * random.uniform(0, 1 + skew) / 2))
                return seen("\(i)", UInt16(label), UInt8(30 + 15 * random.below(15)))
            }
            let threshold = Float([0, 0.3, 0.6, 0.95][random.below(4)])
            let perClass = random.chance(0.5) ? nil : 1 + random.below(40)
            let made = try select(records, threshold: threshold, perClass: perClass, seed: UInt64(trial))

            var sure: [Int: [(name: String, weight: Int)]] = [:]
            for record in records {
                guard case .labelled(let soft) = record.outcome,
                    Double(soft.weights[0]) >= (Double(threshold) * 255).rounded()
                else { continue }
                sure[Int(soft.labels[0]), default: []].append((record.fileName, Int(soft.weights[0])))
            }
            let target = perClass ?? sure.values.map(\.count).max() ?? 0
            var times: [String: Int] = [:]
            for example in made.dataset.examples { times[example.fileName, default: 0] += 1 }
            for (label, pictures) in sure {
                #expect(made.dataset.classCounts[label] == target)
                let counts = pictures.map { times[$0.name] ?? 0 }
                if pictures.count >= target {
                    #expect(counts.allSatisfy { $0 <= 1 })
                    let weights = pictures.map(\.weight).sorted(by: >)
                    let taken = pictures.filter { times[$0.name] != nil }.map(\.weight).sorted(by: >)
                    #expect(taken == Array(weights.prefix(target)))
                } else {
                    let low = target / pictures.count
                    #expect(counts.allSatisfy { $0 == low || $0 == low + 1 })
                }
            }
            #expect(made.dataset.examples.count == target * sure.count)
            #expect(
                made.summary.unique == times.count
                    && made.summary.unique + made.summary.copies == made.dataset.examples.count)
            let ids = made.dataset.examples.map(\.id)
            #expect(Set(ids).count == ids.count && ids == ids.sorted())
            for example in made.dataset.examples {
                let at = Int(example.fileName) ?? -1
                guard case .labelled(let soft) = records[at].outcome else {
                    Issue.record("a refused picture")
                    return
                }
                #expect(example.target == .soft(soft))
                if example.id <= count { #expect(example.id == at + 1) }
            }
            let again = try select(records, threshold: threshold, perClass: perClass, seed: UInt64(trial))
            #expect(again.dataset.examples.map(\.fileName) == made.dataset.examples.map(\.fileName))
            #expect(again.summary == made.summary)
        }
    }

    /// Which of equally sure pictures are taken, and which are repeated once more, the seed says; over seeds all alike.
    @Test func chanceIsFair() throws {
        let records = (0..<8).map { seen("\($0)", 0, 255) } + (0..<3).map { seen("b\($0)", 1, UInt8(200 + $0)) }
        var taken = [Int](repeating: 0, count: 8)
        var more = [Int](repeating: 0, count: 3)
        for seed in 0..<600 {
            let examples = try select(records, perClass: 4, seed: UInt64(seed)).dataset.examples
            for example in examples { if let i = Int(example.fileName) { taken[i] += 1 } }
            for i in 0..<3 { more[i] += examples.count { $0.fileName == "b\(i)" } - 1 }
        }
        #expect(taken.reduce(0, +) == 2400 && taken.allSatisfy { abs($0 - 300) < 60 }, "\(taken)")
        #expect(more.reduce(0, +) == 600 && more.allSatisfy { abs($0 - 200) < 60 }, "\(more)")
    }

    @Test func anAmountForAllIsBounded() throws {
        #expect(PseudoClasses.mostPerClass == 130_000)
        let records = (0..<130_001).map { _ in seen("x", 0, 255) } + [seen("y", 1, 255)]
        let made = try select(records)
        #expect(made.summary.perClass == 130_000 && made.dataset.classCounts == [130_000, 130_000, 0, 0])
        #expect(made.summary.keptPerClass == [130_001, 1, 0, 0] && made.summary.uniquePerClass == [130_000, 1, 0, 0])
    }

    @Test func nothingKeptIsAnError() throws {
        let none = try select([seen("1", 0, 76), seen("2", 1, 51)])
        #expect(none.dataset.examples.isEmpty && none.summary.meanCut.isNaN && none.summary.json["mean_cut"] == .null)
        #expect(
            message { _ = try none.summary.check() }
                == """
                no pseudo-labels to train on: none of 2 pictures has a class with a probability of 0.3 or more (the highest is 0.298); a lower --threshold, with another --out, keeps more and trains no teacher anew
                  0.00        0\u{20}
                  0.05        0\u{20}
                  0.10        0\u{20}
                  0.15        0\u{20}
                  0.20        1 ########################################
                  0.25        1 ########################################
                > 0.30        0\u{20}

                """ + (7..<20).map { "  0.\($0 < 2 ? "0" : "")\($0 * 5)        0 " }.joined(separator: "\n"))
        let refused = try select([ClassRecord(fileName: "1", sha256: "", outcome: .refused("a TIFF"))])
        #expect(message { _ = try refused.summary.check() }.contains("the teacher could look at no picture"))
        for threshold in [-0.1, 1.1, Float.nan] {
            #expect(
                message { _ = try select([], threshold: threshold) }
                    == "threshold \(threshold): expected a probability from 0 to 1")
        }
        #expect(message { _ = try select([], perClass: 0) } == "per-class 0: expected 1 picture or more")
    }
}
