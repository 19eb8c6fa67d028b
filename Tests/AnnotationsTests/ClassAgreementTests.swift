import Base
import Geometry
import Testing

@testable import Annotations

@Suite struct ClassAgreementTests {
    private func set(_ names: [String], ids: [Int]? = nil) -> Dataset {
        Dataset(root: ".", classes: ClassTable(names: names, ids: ids), examples: [])
    }

    /// Two files that write ids must write the same; gaps are fine.
    @Test func writtenIDsMustAgree() throws {
        var a = set(["cat", "dog"], ids: [1, 18])
        var b = set(["cat", "dog"], ids: [0, 1])
        a.hasWrittenIDs = true
        try a.requireSameClasses(as: b, naming: "a.json", "b.json")
        b.hasWrittenIDs = true
        #expect(
            message { try a.requireSameClasses(as: b, naming: "a.json", "b.json") }
                == "the category ids of a.json and b.json differ: \"cat\" is 1 in the one and 0 in the other")
        b.classes.ids = a.classes.ids
        try a.requireSameClasses(as: b, naming: "a.json", "b.json")
    }

    @Test func idsMayDifferNamesMayNot() throws {
        try set(["cat", "dog"]).requireSameClasses(as: set(["cat", "dog"], ids: [3, 9]), naming: "t.json", "v.json")
        let said = message {
            try set(["traffic_light", "dog", "bus"]).requireSameClasses(
                as: set(["traffic light", "dog"]), naming: "t.json", "v.json")
        }
        for word in ["t.json", "v.json", "\"bus\"", "\"traffic_light\" (near \"traffic light\")", "only v.json has"] {
            #expect(said.contains(word), "\(said)")
        }
    }

    @Test func anotherOrderIsSaid() {
        let said = message { try set(["a", "b"]).requireSameClasses(as: set(["b", "a"]), naming: "t", "v") }
        #expect(said.contains("order") && said.contains("class 1 is \"a\""))
    }

    @Test func labelsMoveToAnotherTable() throws {
        var mine = set(["a", "b", "c"])
        let box = Box(x1: 0, y1: 0, x2: 1, y2: 1)
        mine.classes.names[1] = "bird"
        mine.examples = [
            Example(
                id: 1, fileName: "x", size: nil,
                annotations: [Annotation(id: 1, box: box, label: 0), Annotation(id: 2, box: box, label: 1)])
        ]
        let moved = try mine.relabelled(by: ClassTable(names: ["bird", "z", "a"]), naming: "m.json")
        #expect(moved.examples[0].annotations.map(\.label) == [2, 0])
        let said = message { _ = try mine.relabelled(by: ClassTable(names: ["a", "birds"]), naming: "m.json") }
        #expect(said.contains("m.json") && said.contains("bird; did you mean birds?"))
    }
}
