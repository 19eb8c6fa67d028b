/// The words of each line of a text file, split at spaces and tabs: what files of numbers are read by. Bytes are not
/// checked to be text; a byte-order mark is passed over, empty lines are left out.
public func wordsOfLines(_ bytes: [UInt8]) -> [(line: Int, words: [ArraySlice<UInt8>])] {
    var lines: [(line: Int, words: [ArraySlice<UInt8>])] = []
    var at = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    var line = 1
    var words: [ArraySlice<UInt8>] = []
    while at < bytes.count {
        switch bytes[at] {
        case 0x0A:
            if !words.isEmpty { lines.append((line, words)) }
            words.removeAll(keepingCapacity: true)
            line += 1
            at += 1
        case 0x20, 0x09, 0x0D: at += 1
        default:
            let start = at
            while at < bytes.count, bytes[at] > 0x20 { at += 1 }
            if at == start { at += 1 }  // a control character is a word of its own
            words.append(bytes[start..<at])
        }
    }
    if !words.isEmpty { lines.append((line, words)) }
    return lines
}
