/// The name in `names` that `word` most likely meant, or nil where none is near. Case and `-`/`_` do not count; the
/// distance is Damerau-Levenshtein, at most a third of the word's length (at least 1).
public func nearestName(to word: String, in names: some Sequence<String>) -> String? {
    func fold(_ s: String) -> [Character] { s.lowercased().map { $0 == "_" ? "-" : $0 } }
    let wanted = fold(word)
    var best: (name: String, distance: Int)?
    for name in names {
        let distance = editDistance(wanted, fold(name))
        if distance < best?.distance ?? .max { best = (name, distance) }
    }
    guard let best, best.distance <= max(1, wanted.count / 3) else { return nil }
    return best.name
}

/// " (did you mean X?)", or nothing: the end of a message about an unknown name.
public func didYouMean(_ word: String, _ names: some Sequence<String>) -> String {
    nearestName(to: word, in: names).map { "; did you mean \($0)?" } ?? ""
}

/// "; it has X", or nothing: the end of a message about a name that is needed and not there, where X may be meant for it.
public func itHas(_ word: String, _ names: some Sequence<String>) -> String {
    nearestName(to: word, in: names).map { "; it has \"\($0)\"" } ?? ""
}

private func editDistance(_ a: [Character], _ b: [Character]) -> Int {
    if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
    var beforeLast = [Int](repeating: 0, count: b.count + 1)
    var last = Array(0...b.count)
    for i in 1...a.count {
        var row = [i] + [Int](repeating: 0, count: b.count)
        for j in 1...b.count {
            row[j] = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1))
            if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] { row[j] = min(row[j], beforeLast[j - 2] + 1) }
        }
        (beforeLast, last) = (last, row)
    }
    return last[b.count]
}
