import Base
import Geometry

/// Where something was found.
public struct Place: Hashable, Sendable, CustomStringConvertible {
    /// The annotation file, or the folder of a set that has none.
    public var file: String
    /// The line in it, from 1; nil where the format has no lines.
    public var line: Int?
    /// The picture: its file name, or "id 3" where the name is not known.
    public var image: String?
    /// The annotation's id, or "detection 7 of the list" and the like where it has none.
    public var item: String?

    /// A place.
    public init(file: String, line: Int? = nil, image: String? = nil, item: String? = nil) {
        self.file = file
        self.line = line
        self.image = image
        self.item = item
    }

    /// "FILE:LINE: image IMAGE: ITEM", without what is nil.
    public var description: String {
        var text = file
        if let line { text += ":\(line)" }
        if let image { text += ": image \(image)" }
        if let item { text += ": \(item)" }
        return text
    }
}

/// One thing that a rule found.
public struct Finding: Hashable, Sendable, CustomStringConvertible {
    /// The rule it belongs to.
    public var rule: Rule
    /// Where.
    public var place: Place
    /// What is wrong there and what was expected; begins in lower case or with a name, has no full stop at its end.
    public var message: String

    /// A finding.
    public init(_ rule: Rule, _ place: Place, _ message: String) {
        self.rule = rule
        self.place = place
        self.message = message
    }

    /// "PLACE: MESSAGE".
    public var description: String { "\(place): \(message)" }
}

/// What was found in data, by those who read it. A reader leaves out what has an error, or puts it right, and reads on, so that all of a
/// file's faults are seen at once; `requireNoErrors` is for those who cannot go on with less than all.
public struct Findings: Sendable {
    /// All findings, in the order found; of a rule with more than `limit` the first ones.
    public private(set) var list: [Finding] = []
    /// Findings of each rule, also those beyond the limit.
    public private(set) var counts: [Rule: Int] = [:]
    /// Why leaving out what has an error would leave wrong labels behind, a sentence each.
    public private(set) var obstacles: [String] = []
    /// What went with the items that were left out, a sentence each.
    public private(set) var losses: [String] = []
    /// The pictures that lost labels because something was left out, those beyond the limit too.
    public private(set) var bereft: Set<String> = []
    /// Boxes that stick out by more than a tenth of their picture: what no rounding does.
    public private(set) var boxesFarOut = 0
    private let limit: Int

    /// Nothing found yet.
    /// - Parameter limit: findings of one rule that are kept; the others are counted.
    public init(limit: Int = 10_000) { self.limit = limit }

    /// Adds one. The message is made only where it is kept.
    public mutating func add(_ rule: Rule, _ place: @autoclosure () -> Place, _ message: @autoclosure () -> String) {
        let count = counts[rule, default: 0] + 1
        counts[rule] = count
        if count <= limit { list.append(Finding(rule, place(), message())) }
        if rule.mending == .leftOut, let image = place().image { bereft.insert(image) }
    }

    /// Notes that a picture lost labels.
    mutating func noteLoss(of picture: String) { bereft.insert(picture) }

    /// The same under another rule.
    public func renamed(_ rules: Set<Rule>, to rule: Rule) -> Findings {
        var result = self
        result.list = list.map { rules.contains($0.rule) ? Finding(rule, $0.place, $0.message) : $0 }
        for old in rules {
            if let count = result.counts.removeValue(forKey: old) { result.counts[rule, default: 0] += count }
        }
        return result
    }

    /// Notes why the rest must not be taken for whole.
    public mutating func addObstacle(_ reason: String) { obstacles.append(reason) }

    /// Notes what went with an item that was left out.
    mutating func addLoss(_ what: String, of pictures: Set<String>) {
        losses.append(what)
        bereft.formUnion(pictures)
    }

    /// Counts a box where it sticks out far.
    mutating func note(_ box: Box, in size: Size) {
        let (width, height) = (Float(size.width), Float(size.height))
        if box.x1 < -0.1 * width || box.y1 < -0.1 * height || box.x2 > 1.1 * width || box.y2 > 1.1 * height {
            boxesFarOut += 1
        }
    }

    /// Adds those of another reading, with its own limit and this one's.
    public mutating func add(_ others: Findings) {
        var kept = counts
        for finding in others.list {
            let count = kept[finding.rule, default: 0] + 1
            kept[finding.rule] = count
            if count <= limit { list.append(finding) }
        }
        counts.merge(others.counts) { $0 + $1 }
        obstacles += others.obstacles
        losses += others.losses
        bereft.formUnion(others.bereft)
        boxesFarOut += others.boxesFarOut
    }

    /// Findings of a severity, those beyond the limit too.
    public func count(_ severity: Rule.Severity) -> Int {
        counts.reduce(0) { $0 + ($1.key.severity == severity ? $1.value : 0) }
    }

    /// - Parameter isForCheck: whether `pupil check` reads what they are of, which it does not of class folders.
    /// - Throws: `.invalidData` with the first error and how many there are in all.
    public func requireNoErrors(isForCheck: Bool = true) throws(Failure) {
        guard let first = list.first(where: { $0.rule.severity == .error }) else { return }
        let more = count(.error) - 1
        throw .data(
            "\(first)" + (more > 0 ? " (and \(more) more\(isForCheck ? "; `pupil check --json` lists them" : ""))" : "")
        )
    }
}
