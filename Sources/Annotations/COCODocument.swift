import Base
import Geometry

/// What a COCO annotation file says, item by item, before items are held against each other.
///
/// This is the seam of the format: only this file knows how the text is read (`Base.JSON`), and a faster reader has to
/// fill these records and give the same errors. `segmentation`, `keypoints`, `licenses` and other keys are not read.
struct COCODocument: Sendable {
    struct Picture: Sendable {
        var id: Int
        var fileName: String
        var size: Size?
    }

    struct Category: Sendable {
        var id: Int
        var name: String
    }

    struct Label: Sendable {
        var id: Int
        var picture: Int
        var category: Int
        /// x, y, width, height in pixels.
        var frame: (x: Double, y: Double, width: Double, height: Double)
        var area: Double?
        var isCrowd: Bool
        var treatment: Treatment
        var score: Double?
    }

    var pictures: [Picture]
    var categories: [Category]
    var labels: [Label]

    /// - Throws: `.invalidData` naming the file and the item where the text is no COCO annotation file.
    static func read(_ path: String) throws(Failure) -> COCODocument {
        let root = try Files.readJSON(path)
        guard root.object != nil else {
            let hint = root.array != nil ? "; a list of detections is a COCO results file, not an annotation file" : ""
            throw .data("\(path): expected an object with \"images\", \"annotations\" and \"categories\"\(hint)")
        }
        let pictures = try list(root, "images", path)
        let categories = try list(root, "categories", path)
        let labels = try list(root, "annotations", path)
        var document = COCODocument(pictures: [], categories: [], labels: [])
        document.pictures.reserveCapacity(pictures.count)
        document.labels.reserveCapacity(labels.count)
        for (i, json) in pictures.enumerated() { document.pictures.append(try picture(Item(path, "image", i, json))) }
        for (i, json) in categories.enumerated() {
            let item = Item(path, "category", i, json)
            document.categories.append(Category(id: try item.id("id"), name: try item.text("name")))
        }
        for (i, json) in labels.enumerated() { document.labels.append(try label(Item(path, "annotation", i, json))) }
        return document
    }

    private static func list(_ root: JSON, _ key: String, _ path: String) throws(Failure) -> [JSON] {
        guard let value = root[key] else {
            let names = root.object.map { Array($0.keys) } ?? []
            throw .data(
                "\(path): has no \"\(key)\"\(didYouMean(key, names)) (a COCO annotation file has \"images\", "
                    + "\"annotations\" and \"categories\"; unlabelled pictures need no file, only their folder)")
        }
        guard let items = value.array else { throw .data("\(path): \"\(key)\" must be a list") }
        return items
    }

    private static func picture(_ item: Item) throws(Failure) -> Picture {
        let id = try item.id("id")
        let name = try item.text("file_name")
        if name.hasPrefix("/") || name.split(separator: "/").contains("..") {
            throw item.fault(
                "\"file_name\" is \"\(name)\"; it must stay inside the folder of images (no leading / and no ..)")
        }
        if name.isEmpty || name.utf8.contains(where: { $0 < 0x20 }) {
            throw item.fault("\"file_name\" is empty or has a control character")
        }
        var size: Size?
        if item.json["width"] != nil || item.json["height"] != nil {
            let width = try item.id("width")
            let height = try item.id("height")
            guard width > 0, height > 0, width <= 1 << 20, height <= 1 << 20 else {
                throw item.fault("the size is \(width)x\(height) pixels")
            }
            size = Size(width: width, height: height)
        }
        return Picture(id: id, fileName: name, size: size)
    }

    private static func label(_ item: Item) throws(Failure) -> Label {
        let id = try item.id("id")
        let picture = try item.id("image_id")
        let category = try item.id("category_id")
        guard let bbox = item.json["bbox"] else { throw item.fault("has no \"bbox\"") }
        guard let numbers = bbox.array, numbers.count == 4, let x = numbers[0].double, let y = numbers[1].double,
            let width = numbers[2].double, let height = numbers[3].double
        else {
            throw item.fault("\"bbox\" is \(bbox.canonical.prefix(60)); expected four numbers [x, y, width, height]")
        }
        var area: Double?
        if let value = item.json["area"], value != .null {
            guard let number = value.double, number >= 0 else {
                throw item.fault("\"area\" must be a number, 0 or more")
            }
            area = number
        }
        var isCrowd = false
        if let value = item.json["iscrowd"], value != .null {
            switch value {
            case .int(0), .bool(false), .double(0): break
            case .int(1), .bool(true), .double(1): isCrowd = true
            default: throw item.fault("\"iscrowd\" is \(value.canonical.prefix(20)); expected 0 or 1")
            }
        }
        var treatment: Treatment = isCrowd ? .ignore : .object
        if let value = item.json["treatment"] {
            switch value.string {
            case "ignore": treatment = .ignore
            case "object" where !isCrowd: break
            default: throw item.fault("\"treatment\" must be \"object\" or \"ignore\" (a crowd is always ignored)")
            }
        }
        var score: Double?
        if let value = item.json["score"], value != .null {
            guard let number = value.double else { throw item.fault("\"score\" must be a number") }
            score = number
        }
        return Label(
            id: id, picture: picture, category: category, frame: (x, y, width, height), area: area, isCrowd: isCrowd,
            treatment: treatment, score: score)
    }
}

/// One item of a list in a COCO file, and how errors name it.
struct Item {
    let path: String
    let kind: String
    let index: Int
    let json: JSON

    init(_ path: String, _ kind: String, _ index: Int, _ json: JSON) {
        self.path = path
        self.kind = kind
        self.index = index
        self.json = json
    }

    /// "FILE: image id 3: annotation id 7: WHAT", with the place in the list where an id is missing.
    func fault(_ what: String) -> Failure {
        var name = "\(kind) \(index + 1) of the list"
        if let id = json["id"]?.int { name = "\(kind) id \(id)" }
        if let picture = json["image_id"]?.int { name = "image id \(picture): \(name)" }
        return .data("\(path): \(name): \(what)")
    }

    /// A whole number; a string of digits counts as one (some exporters quote their ids), other strings do not.
    func id(_ key: String) throws(Failure) -> Int {
        guard let value = json[key] else { throw missing(key) }
        if let id = value.int { return id }
        if let text = value.string {
            if let id = Int(text) { return id }
            throw fault("\"\(key)\" is \"\(text)\"; ids that are names are not supported, expected a whole number")
        }
        throw fault("\"\(key)\" is \(value.canonical.prefix(40)); expected a whole number")
    }

    func text(_ key: String) throws(Failure) -> String {
        guard let value = json[key] else { throw missing(key) }
        guard let text = value.string else { throw fault("\"\(key)\" must be a string") }
        return text
    }

    private func missing(_ key: String) -> Failure {
        guard let members = json.object else { return fault("must be an object") }
        return fault("has no \"\(key)\"\(didYouMean(key, members.keys.sorted()))")
    }
}
