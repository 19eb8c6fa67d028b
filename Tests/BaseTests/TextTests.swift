import Testing

@testable import Base

/// U+0301 combines with what stands before it, U+0600 with what follows: who reads bytes sees what stands there.
@Suite struct TextTests {
    @Test func htmlByScalars() {
        #expect("a <b> & \"c\" 'd'".asHTML == "a &lt;b&gt; &amp; &quot;c&quot; 'd'")
        #expect("\u{600}<\u{301}b>\u{301}&\u{301}\"\u{301}".asHTML.utf8.allSatisfy { !Array("<>\"".utf8).contains($0) })
    }

    @Test func csvByScalars() {
        #expect("plain é".asCSVField == "plain é" && "".asCSVField == "")
        #expect("a,\u{301}".asCSVField == "\"a,\u{301}\"" && "\r\n".asCSVField == "\"\r\n\"")
        #expect(Array("\u{600}\"\u{301}".asCSVField.utf8) == Array("\"\u{600}\"\"\u{301}\"".utf8))
    }
}
