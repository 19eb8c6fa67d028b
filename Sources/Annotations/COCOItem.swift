import Base
import Geometry

/// What is wrong with one item of a COCO file, before it is known which pictures there are.
struct ItemFault: Error, Sendable {
    var rule: Rule
    var kind: Item.Kind
    /// In its list, from 0.
    var index: Int
    /// The item's own id.
    var id: Int?
    /// An annotation's or a detection's picture.
    var picture: Int?
    /// A picture's name.
    var fileName: String?
    var message: String

    /// Where the item stands: "image b.jpg: annotation id 7", with the place in the list where an id is missing.
    /// - Parameter nameOf: the file name of a picture by its id, where it is known.
    func place(in file: String, nameOf: (Int) -> String?) -> Place {
        let listed = "\(kind.rawValue) \(index + 1) of the list"
        let named = kind == .detection ? listed : id.map { "\(kind.rawValue) id \($0)" } ?? listed
        guard kind == .image else {
            return Place(file: file, image: picture.map { nameOf($0) ?? "id \($0)" }, item: named)
        }
        guard let image = fileName ?? id.map({ "id \($0)" }) else { return Place(file: file, item: listed) }
        return Place(file: file, image: image)
    }
}

/// One item of a list in a COCO file: the one place where its members are read with all that can be wrong with them.
/// The fast path of `COCODocument` gives every item here in which it meets anything unexpected.
struct Item {
    enum Kind: String, Sendable { case image, annotation, category, detection }

    let kind: Kind
    let index: Int
    let json: JSON

    /// A fault that names the item.
    func fault(_ message: String, _ rule: Rule = .itemMalformed) -> ItemFault {
        ItemFault(
            rule: rule, kind: kind, index: index, id: json["id"]?.int, picture: json["image_id"]?.int,
            fileName: fileName(rule), message: message)
    }

    /// A picture's name as other findings have it, or as it is written where that is what is wrong.
    private func fileName(_ rule: Rule) -> String? {
        guard kind == .image, let name = json["file_name"]?.string else { return nil }
        return rule == .imageNameOutside ? name : nameInside(name) ?? name
    }

    /// A whole number; a string of digits counts as one (some exporters quote their ids), other strings do not.
    func id(_ key: String) throws(ItemFault) -> Int {
        let value = try member(key)
        if let id = value.int { return id }
        if let text = value.string {
            if let id = Int(text) { return id }
            throw fault(
                "\"\(key)\" is \(shown(value)); ids that are names are not supported, expected a whole number")
        }
        throw fault("\"\(key)\" is \(shown(value)); expected a whole number")
    }

    /// A member that must be there.
    private func member(_ key: String) throws(ItemFault) -> JSON {
        guard let members = json.object else { throw fault("must be an object, and is \(shown(json))") }
        guard let value = members[key] else {
            throw fault("has no \"\(key)\"\(itHas(key, members.keys.sorted()))")
        }
        return value
    }

    /// A member that need not be there, or is null. One of another spelling is not overlooked.
    private func optional(_ key: String) throws(ItemFault) -> JSON? {
        if let value = json[key] { return value == .null ? nil : value }
        if let near = resembling(key) { throw fault("has \"\(near)\"; did you mean \(key)?") }
        return nil
    }

    /// The name of a member that is `key` in another spelling.
    private func resembling(_ key: String) -> String? {
        json.object?.keys.sorted().first { Self.folded($0) == key }
    }

    /// A member's name without what spellings differ in.
    static func folded(_ name: String) -> String {
        name.filter { $0 != "_" && $0 != "-" && $0 != " " }.lowercased()
    }

    private func shown(_ value: JSON) -> String {
        let text = value.canonical
        return text.count > 60 ? text.prefix(57) + "..." : text
    }

    /// A value without which it is still known what the item is: nil where it is wrong, and the fault is noted.
    private func secondary<Value>(
        _ faults: inout [ItemFault], _ read: () throws(ItemFault) -> Value?
    ) -> Value? {
        do throws(ItemFault) { return try read() } catch {
            var fault = error
            fault.rule = .valueMalformed
            faults.append(fault)
            return nil
        }
    }

    // MARK: - The items

    /// - Parameter faults: gets those of values that can be done without; the item then lacks them.
    func picture(_ faults: inout [ItemFault]) throws(ItemFault) -> COCODocument.Picture {
        let id = try id("id")
        let value = try member("file_name")
        guard let text = value.string else { throw fault("\"file_name\" is \(shown(value)); expected a string") }
        if Files.isAbsolute(text) || Files.parts(text).contains("..") {
            throw fault(
                "\"file_name\" is \(shown(value)); it must stay inside the folder of images (no leading / and no ..)",
                .imageNameOutside)
        }
        guard let name = nameInside(text) else {
            throw fault("\"file_name\" is \(shown(value)): no file's name, or with a control character")
        }
        let size = secondary(&faults) { () throws(ItemFault) -> Size? in
            if json["width"] ?? .null == .null, json["height"] ?? .null == .null { return nil }
            let width = try self.id("width")
            let height = try self.id("height")
            guard width > 0, height > 0, width <= 1 << 20, height <= 1 << 20 else {
                throw fault("the size is \(width)x\(height) pixels")
            }
            return Size(width: width, height: height)
        }
        return COCODocument.Picture(id: id, fileName: name, size: size)
    }

    func category() throws(ItemFault) -> COCODocument.Category {
        let id = try id("id")
        let name = try member("name")
        guard let text = name.string else { throw fault("\"name\" is \(shown(name)); expected a string") }
        if text.isEmpty { throw fault("\"name\" is empty") }
        return COCODocument.Category(id: id, name: text)
    }

    /// An annotation of a panoptic file.
    func segmented() throws(ItemFault) -> COCODocument.Segmented {
        let name = try member("file_name")
        guard let fileName = name.string.flatMap(nameInside) else {
            throw fault("\"file_name\" is \(shown(name)); expected the name of a PNG file")
        }
        let list = try member("segments_info")
        guard let items = list.array else { throw fault("\"segments_info\" is \(shown(list)); expected a list") }
        var segments: [COCODocument.Segment] = []
        for json in items {
            let part = Item(kind: kind, index: index, json: json)
            do throws(ItemFault) {
                segments.append(.init(id: try part.id("id"), category: try part.id("category_id")))
            } catch { throw fault("segments_info: " + error.message) }
        }
        return COCODocument.Segmented(picture: try id("image_id"), fileName: fileName, segments: segments)
    }

    /// - Parameter faults: as of `picture`. A label without an id has one of its place; one of which nobody can tell whether
    ///   it is a crowd is ignored, as a crowd is.
    func label(_ faults: inout [ItemFault]) throws(ItemFault) -> COCODocument.Label {
        var label = COCODocument.Label(
            id: LabelID.ofPlace(index), picture: try id("image_id"), category: try id("category_id"), frame: try frame()
        )
        if let id = secondary(&faults, { () throws(ItemFault) in try id("id") }) { label.id = id }
        label.area = secondary(&faults) { () throws(ItemFault) -> Double? in
            guard let area = try optional("area") else { return nil }
            guard let number = area.double, number >= 0 else {
                throw fault("\"area\" is \(shown(area)); expected a number, 0 or more")
            }
            return number
        }
        let isCrowd = isCrowd(&faults)
        label.isCrowd = isCrowd ?? false
        if isCrowd ?? true { label.treatment = .ignore }
        if let treatment = try optional("treatment") {
            switch treatment.string {
            case "ignore": label.treatment = .ignore
            case "object" where !label.isCrowd: break
            default: throw fault("\"treatment\" must be \"object\" or \"ignore\" (a crowd is always ignored)")
            }
        }
        label.score = secondary(&faults) { () throws(ItemFault) -> Double? in
            guard let score = try optional("score") else { return nil }
            guard let number = score.double else { throw fault("\"score\" is \(shown(score)); expected a number") }
            return number
        }
        return label
    }

    /// Nil where nobody can tell. What is meant by another spelling of the name or the value is a fault, and taken.
    private func isCrowd(_ faults: inout [ItemFault]) -> Bool? {
        let spelling = resembling("iscrowd") ?? "iscrowd"
        let value = json["iscrowd"] ?? json[spelling] ?? .null
        if json["iscrowd"] == nil, spelling != "iscrowd" {
            faults.append(fault("has \"\(spelling)\"; did you mean iscrowd?", .valueMalformed))
        }
        switch value {
        case .null, .int(0), .bool(false), .double(0): return false
        case .int(1), .bool(true), .double(1): return true
        default: break
        }
        let said = value.string?.lowercased()
        let meant: Bool? = said == "0" || said == "false" ? false : said == "1" || said == "true" ? true : nil
        faults.append(
            fault(
                "\"iscrowd\" is \(shown(value)); expected 0 or 1"
                    + (meant == nil ? " (without it the label can but be ignored)" : ""), .valueMalformed))
        return meant
    }

    func detection() throws(ItemFault) -> COCODocument.Label {
        var label = COCODocument.Label(
            id: index, picture: try id("image_id"), category: try id("category_id"), frame: try frame())
        let score = try member("score")
        guard let number = score.double else { throw fault("\"score\" is \(shown(score)); expected a number") }
        label.score = number
        return label
    }

    private func frame() throws(ItemFault) -> Frame {
        let bbox = try member("bbox")
        guard let numbers = bbox.array, numbers.count == 4, let x = numbers[0].double, let y = numbers[1].double,
            let width = numbers[2].double, let height = numbers[3].double
        else { throw fault("\"bbox\" is \(shown(bbox)); expected four numbers [x, y, width, height]") }
        return Frame(x: x, y: y, width: width, height: height)
    }
}
