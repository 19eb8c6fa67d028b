import Base

/// The names of mask files for pictures: theirs with the ending .png, so that masks are found by name; where two pictures
/// differ in their ending alone, .png is put behind it. Relative in any case.
public func maskNames(_ pictures: [String]) -> [String] {
    var count: [String: Int] = [:]
    for name in pictures { count[stem(name), default: 0] += 1 }
    return pictures.map { name in
        let relative = name.drop { $0 == "/" }
        return (count[stem(name)] == 1 ? stem(String(relative)) : String(relative)) + ".png"
    }
}
