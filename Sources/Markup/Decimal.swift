/// The number that a word of a text file stands for, or nil where it is none: digits with or without sign, point and
/// exponent, `nan` and `inf` in any case (so that a reader can say that a number is not finite).
///
/// The result is the nearest double. Independent of the locale.
/// - Parameter comma: whether a comma stands for the point, too, as spreadsheets of some countries write.
public func decimalNumber(_ word: ArraySlice<UInt8>, comma: Bool = false) -> Double? {
    var at = word.startIndex
    let end = word.endIndex
    func digit(_ i: Int) -> UInt64? { i < end && word[i] &- 0x30 < 10 ? UInt64(word[i] &- 0x30) : nil }
    var negative = false
    if at < end, word[at] == 0x2D || word[at] == 0x2B {
        negative = word[at] == 0x2D
        at += 1
    }
    var mantissa: UInt64 = 0
    var digits = 0
    var exponent = 0
    var isExact = true  // the mantissa holds every digit
    func take(_ value: UInt64, afterPoint: Bool) {
        digits += 1
        if mantissa < 100_000_000_000_000_000 {
            mantissa = mantissa * 10 + value
            if afterPoint { exponent -= 1 }
        } else {
            isExact = false
        }
    }
    while let value = digit(at) {
        take(value, afterPoint: false)
        at += 1
    }
    if at < end, word[at] == 0x2E || (comma && word[at] == 0x2C) {
        at += 1
        while let value = digit(at) {
            take(value, afterPoint: true)
            at += 1
        }
    }
    if digits == 0 { return special(word) }
    if at < end, word[at] | 0x20 == 0x65 {
        at += 1
        var sign = 1
        if at < end, word[at] == 0x2D || word[at] == 0x2B {
            sign = word[at] == 0x2D ? -1 : 1
            at += 1
        }
        guard digit(at) != nil else { return nil }
        var power = 0
        while let value = digit(at) {
            power = min(power * 10 + Int(value), 100_000)
            at += 1
        }
        exponent += sign * power
    }
    guard at == end else { return nil }
    // Both are exact doubles, so one rounding is made, the division's: the nearest double (Clinger 1990).
    if isExact, mantissa <= 1 << 53, abs(exponent) <= 22 {
        let value = exponent < 0 ? Double(mantissa) / powers[-exponent] : Double(mantissa) * powers[exponent]
        return negative ? -value : value
    }
    return Double(String(decoding: word.map { $0 == 0x2C ? 0x2E : $0 }, as: UTF8.self))
}

private let powers: [Double] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
]

private func special(_ word: ArraySlice<UInt8>) -> Double? {
    switch String(decoding: word, as: UTF8.self).lowercased() {
    case "nan", "+nan", "-nan": .nan
    case "inf", "+inf", "infinity", "+infinity": .infinity
    case "-inf", "-infinity": -.infinity
    default: nil
    }
}
