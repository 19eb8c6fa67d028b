import Base

/// What a COCO file holds beside what is read of it: `info`, `licenses`, `keypoints`, keys of one's own. A mended copy
/// has it as it was.
struct COCORest: Sendable {
    /// The member `info`, or what stands for it.
    var info: JSON = ["description": "written by pupil"]
    /// The other members of the file, but for its three lists, in its order, as JSON text.
    var members: [(key: String, text: String)] = []
    /// Members of images and of annotations by id, of categories by name. An id that two items have leads to nothing:
    /// nobody can tell which of them is meant. Of two categories of a name, which become one, the first counts.
    private var pictures: [Int: [String: JSON]] = [:]
    private var labels: [Int: [String: JSON]] = [:]
    private var classes: [String: [String: JSON]] = [:]

    /// Nothing.
    init() {}

    /// What the file of a set holds beside it.
    /// - Throws: as reading the file does.
    init(_ path: String, of set: Dataset) throws(Failure) {
        var options = COCOReading.Options()
        options.keepsRest = true
        self = try COCODocument.read(path, as: .annotations, options).rest
        // Mending gives new ids, which may be those of annotations that were left out while reading.
        let known = Set(set.examples.lazy.flatMap(\.annotations).map(\.id))
        labels = labels.filter { known.contains($0.key) }
    }

    /// Adds what is not read of an item.
    mutating func add(_ item: Item) {
        guard case .object(let all) = item.json else { return }
        let name = all["name"]?.string
        // What is meant for one that is read has been told as a fault, and would be again.
        let read = Self.read(item.kind)
        let rest = all.filter { key, _ in !read.contains(key) && !read.contains(Item.folded(key)) }
        // A dictionary that lost its members keeps their room, and there may be a million.
        let members = rest.isEmpty ? [:] : rest
        switch item.kind {
        case .image: if let id = try? item.id("id") { Self.put(members, id, into: &pictures) }
        case .annotation: if let id = try? item.id("id") { Self.put(members, id, into: &labels) }
        case .category: if let name { classes[name] = classes[name] ?? members }
        case .detection: break
        }
    }

    /// Adds what is not read of further items.
    mutating func add(itemsOf other: COCORest) {
        for (id, members) in other.pictures { Self.put(members, id, into: &pictures) }
        for (id, members) in other.labels { Self.put(members, id, into: &labels) }
        classes.merge(other.classes) { first, _ in first }
    }

    /// As JSON text behind other members, such as `,"license":3`; nothing where there is none.
    func text(ofPicture id: Int) -> String { Self.text(pictures[id]) }
    /// As JSON text behind other members.
    func text(ofClass name: String) -> String { Self.text(classes[name]) }
    /// As JSON text behind other members.
    func text(of label: Annotation) -> String {
        guard var members = labels[label.id] else { return "" }
        // Of a region to be left alone `ignore` is written by what is known of it.
        if label.treatment == .ignore { members["ignore"] = nil }
        return Self.text(members)
    }

    /// The members that are read, or written by what was.
    private static func read(_ kind: Item.Kind) -> Set<String> {
        switch kind {
        case .image: ["id", "file_name", "width", "height"]
        case .annotation, .detection:
            ["id", "image_id", "category_id", "bbox", "area", "iscrowd", "score", "treatment", "segmentation"]
        case .category: ["id", "name"]
        }
    }

    private static func put<Key: Hashable>(
        _ members: [String: JSON], _ key: Key, into all: inout [Key: [String: JSON]]
    ) {
        if all.updateValue(members, forKey: key) != nil { all[key] = [:] }
    }

    private static func text(_ members: [String: JSON]?) -> String {
        guard let members, !members.isEmpty else { return "" }
        return "," + String(JSON.object(members).canonical.dropFirst().dropLast())
    }
}
