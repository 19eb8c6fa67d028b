import Base
import Testing

@Suite struct PreconditionsTests {
    /// The standard library's own says nothing in a release build.
    @Test func theMessageIsToldInReleaseBuilds() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let shapes = [[2, 3], [4]]
            precondition(shapes.count == 1, "the shapes are \(shapes)")
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("the shapes are [[2, 3], [4]]"))
        let failure = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            preconditionFailure("nothing of the kind")
        }
        let words = String(decoding: failure?.standardErrorContent ?? [], as: UTF8.self)
        #expect(words.contains("nothing of the kind"))
    }

    @Test func nothingIsWorkedOutWhereTheConditionHolds() {
        var asked = 0
        func message() -> String {
            asked += 1
            return ""
        }
        precondition(asked == 0, message())
        #expect(asked == 0)
    }
}
