import Base

/// The names of mask files for pictures: theirs with the ending .png, so that masks are found by name; where two pictures
/// differ in their ending alone, .png is put behind it. Relative in any case, and no two alike.
public func maskNames(_ pictures: [String]) -> [String] {
    let relative = pictures.map { String($0.drop { $0 == "/" }) }
    var count: [String: Int] = [:]
    for name in relative { count[stem(name), default: 0] += 1 }
    // "a.jpg.jpg" has the stem of a picture's whole name.
    let whole = Set(relative)
    return relative.map { name in (count[stem(name)] == 1 && !whole.contains(stem(name)) ? stem(name) : name) + ".png" }
}
