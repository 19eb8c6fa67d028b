import Base

/// How much of a set keeps its labels: `--labels 10%` or `--labels 40`.
public enum LabelShare: Hashable, Sendable, CustomStringConvertible {
    /// Of the pictures, over 0 to 100; rounded down to whole pictures, at least one.
    case percent(Double)
    /// Pictures.
    case count(Int)

    /// The share that a word of the command line means.
    /// - Throws: `.usage` where it is neither a percentage nor a count.
    public static func parse(_ text: String) throws(Failure) -> LabelShare {
        if text.hasSuffix("%"), let percent = Double(text.dropLast()), percent > 0, percent <= 100 {
            return .percent(percent)
        }
        if let count = Int(text), count > 0 { return .count(count) }
        var hint = ""
        if let share = Double(text), share > 0, share < 1 { hint = "; did you mean \(decimal(share * 100))%?" }
        throw .usage(
            "labels \"\(text)\": expected a percentage of the pictures such as 10%, or a count such as 40\(hint)")
    }

    /// "10%" or "40", as `parse` reads it.
    public var description: String {
        switch self {
        case .percent(let percent): decimal(percent) + "%"
        case .count(let count): String(count)
        }
    }

    /// The pictures of `total` that keep their labels, at least 1.
    /// - Throws: `.usage` where a count is more than there are.
    public func pictures(of total: Int) throws(Failure) -> Int {
        switch self {
        case .percent(let percent): return max(1, Int((Double(total) * percent / 100 + 1e-9).rounded(.down)))
        case .count(let count):
            if count > total { throw .usage("labels \(count): the set has only \(total) pictures") }
            return count
        }
    }
}

/// Which pictures of a set keep their labels.
///
/// A seed orders the names of the set; a split is the beginning of that order. So the splits of one seed are nested,
/// and neither the order of pictures in their file nor their ids change a split.
public struct Split: Hashable, Sendable {
    /// The fold: each seed is another draw.
    public var seed: UInt64
    /// How much was asked for.
    public var share: LabelShare
    /// File names, in the order drawn.
    public var labelled: [String]
    /// Pictures of the whole set; nil in a plain list of names, which does not say.
    public var total: Int?

    /// A split of a dataset.
    /// - Throws: `.usage` where the share is more than the set.
    public init(of dataset: Dataset, _ share: LabelShare, seed: UInt64) throws(Failure) {
        let names = dataset.examples.map(\.fileName).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        precondition(!names.isEmpty, "a split of an empty set")
        var random = Random(seed: seed, purpose: .split)
        let order = random.permutation(names.count)
        self.seed = seed
        self.share = share
        labelled = order.prefix(try share.pictures(of: names.count)).map { names[$0] }
        total = names.count
    }

    private init(seed: UInt64, share: LabelShare, labelled: [String], total: Int?) {
        self.seed = seed
        self.share = share
        self.labelled = labelled
        self.total = total
    }

    /// "0@10" for fold 0 at 10 %, as semi-supervised sets are commonly named; "0@40images" for a count.
    public var name: String {
        switch share {
        case .percent(let percent): "\(seed)@\(decimal(percent))"
        case .count(let count): "\(seed)@\(count)images"
        }
    }

    /// The share of the pictures, over 0 to 1; nil where the whole is not known.
    public var fraction: Double? { total.map { Double(labelled.count) / Double($0) } }

    /// The SHA-256 of seed, share, total and names.
    public var digest: Digest { Digest(of: json.canonical) }

    private var json: JSON {
        [
            "seed": .string(String(seed)), "labels": .string(share.description),
            "total": total.map { .int($0) } ?? .null,
            "labelled": .array(labelled.map { .string($0) }),
        ]
    }

    /// Writes `<folder>/<name>.json` with the digest. Returns its path.
    /// - Throws: `.environment` where it cannot be written.
    @discardableResult
    public func write(into folder: String) throws(Failure) -> String {
        let path = Files.join(folder, name + ".json")
        guard case .object(var members) = json else { preconditionFailure("a split is an object") }
        members["sha256"] = .string(digest.description)
        try Files.write(JSON.object(members).pretty, to: path)
        return path
    }

    /// A split that `write` wrote, or a plain list of file names, one a line.
    /// - Throws: `.invalidData` where the digest does not belong to the names, a key is missing or no name is listed.
    public static func read(_ path: String) throws(Failure) -> Split {
        let text = try Files.readText(path)
        guard text.first(where: { !$0.isWhitespace }) == "{" else {
            let names = text.split(whereSeparator: \.isNewline).map { String($0.trimmingSpaces) }.filter { !$0.isEmpty }
            if names.isEmpty { throw .data("\(path): lists no file names") }
            return Split(seed: 0, share: .count(names.count), labelled: names, total: nil)
        }
        let root = try JSON.parse(text, file: path)
        guard let seed = root["seed"]?.string.flatMap({ UInt64($0) }), let share = root["labels"]?.string,
            let total = root["total"]?.int, let names = root["labelled"]?.array, let digest = root["sha256"]?.string
        else { throw .data("\(path): is no split: expected the keys seed, labels, total, labelled and sha256") }
        let labelled = names.compactMap(\.string)
        guard !labelled.isEmpty, labelled.count == names.count else {
            throw .data("\(path): \"labelled\" must be a list of file names")
        }
        let split = Split(seed: seed, share: try LabelShare.parse(share), labelled: labelled, total: total)
        guard split.digest.description == digest else {
            throw .data(
                "\(path): was changed after it was written (its sha256 is of another list); "
                    + "a list made by hand is a text file with one name a line")
        }
        return split
    }
}

extension Substring {
    fileprivate var trimmingSpaces: Substring {
        var text = self
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}

extension Dataset {
    /// The part that keeps its labels and the rest *without* any, both in the order of this set.
    ///
    /// The rest is empty where the split takes everything; whether that will do is for the caller to say.
    /// - Throws: `.invalidData` where the split names a picture twice or one that the set does not have.
    public func split(_ split: Split) throws(Failure) -> (labelled: Dataset, rest: Dataset) {
        var chosen = Set(split.labelled)
        if chosen.count != split.labelled.count { throw .data("the split \(split.name) names a picture twice") }
        var labelled = self
        var rest = self
        labelled.examples = examples.filter { chosen.contains($0.fileName) }
        rest.examples = examples.filter { !chosen.contains($0.fileName) }
        rest = rest.withoutLabels
        labelled.notes = []
        rest.notes = []
        if labelled.examples.count != chosen.count {
            for example in labelled.examples { chosen.remove(example.fileName) }
            let unknown = split.labelled.filter { chosen.contains($0) }
            throw .data(
                "the split \(split.name) names \(unknown.count) pictures that \(source.isEmpty ? "the set" : source) does not "
                    + "have: \(firstFive(unknown))"
                    + (unknown.first.map { didYouMean($0, examples.map(\.fileName)) } ?? ""))
        }
        let missing = labelled.classesWithoutObject
        if !missing.isEmpty {
            labelled.notes.append(
                "no labelled picture of the split \(split.name) shows: \(missing.joined(separator: ", "))")
        }
        return (labelled, rest)
    }

    /// The set without a part of it, and that part, both with their labels and in the order of this set.
    ///
    /// - Parameters:
    ///   - share: of the pictures, 0 to 1, rounded down, but 50 at least; 0: nothing is held out.
    ///   - seed: another one holds out another part.
    /// - Throws: `.usage` where less than half of the set would be left.
    public func heldOut(_ share: Double, seed: UInt64) throws(Failure) -> (rest: Dataset, slice: Dataset?) {
        if share == 0 { return (self, nil) }
        let count = max(Self.leastHeldOut, Int((Double(examples.count) * share + 1e-9).rounded(.down)))
        guard 2 * count <= examples.count else {
            throw .usage(
                "hold-out: of \(examples.count) labelled pictures \(count) cannot be held out (at least "
                    + "\(Self.leastHeldOut), to say anything, and at most half)")
        }
        let names = examples.map(\.fileName).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        var random = Random(seed: seed, purpose: .split, epoch: 1)
        let chosen = Set(random.permutation(names.count).prefix(count).map { names[$0] })
        var (rest, slice) = (self, self)
        rest.examples = examples.filter { !chosen.contains($0.fileName) }
        slice.examples = examples.filter { chosen.contains($0.fileName) }
        return (rest, slice)
    }

    /// Pictures under which a held-out part says nothing.
    static let leastHeldOut = 50
}
