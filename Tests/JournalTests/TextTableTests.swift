import Testing

@testable import Journal

@Suite struct ConsoleTests {
    /// What a file's name would do to a terminal is shown, not done.
    @Test func controlCharactersAreShown() {
        #expect(Console.harmless("os\u{1B}[31m\u{7}\tx\ny é 文") == "os\\u{1b}[31m\\u{7}\tx\ny é 文")
        #expect(Console.harmless("plain") == "plain")
        #expect(Console.harmless("a\u{202E}gpj.exe") == "a\\u{202e}gpj.exe")
        var table = TextTable(["a\u{1B}[2J"])
        table.add(["b\nc"])
        #expect(table.text == "a\\u{1b}[2J\n----------\nb\\u{a}c\n")
    }
}

@Suite struct TextTableTests {
    @Test func columnsAreAlignedAndNumbersStandRight() {
        var table = TextTable(["arm", "AP", "classes", "note"])
        table.add(["teacher", "23.8", "3", "-"])
        table.add(["控制", "-", "12", "x 1"])
        table.add(["student", "105.0", "7", ""])
        #expect(
            table.text == """
                arm         AP  classes  note
                -------  -----  -------  ----
                teacher   23.8        3  -
                控制         -       12  x 1
                student  105.0        7

                """)
    }

    @Test func numbersHaveTheirDigits() {
        #expect(TextTable.points(0.4231) == "42.3" && TextTable.points(nil) == "-" && TextTable.points(1) == "100.0")
        #expect(TextTable.fixed(-0.04, 1) == "0.0" && TextTable.fixed(-1.96, 1) == "-2.0")
        #expect(
            TextTable.fixed(.nan, 2) == "-" && TextTable.fixed(3.14159, 0) == "3" && TextTable.fixed(0.999, 2) == "1.00"
        )
        #expect(TextTable.fixed(2.005, 3) == "2.005")
    }

    @Test func widthsCountColumns() {
        #expect(TextWidth.of("abc") == 3 && TextWidth.of("中文") == 4 && TextWidth.of("e\u{301}") == 1)
        #expect(TextWidth.prefix("中文ab", 3) == "中" && TextWidth.prefix("abc", 9) == "abc")
    }
}
