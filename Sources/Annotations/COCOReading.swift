import Base
import CJSON
import Geometry
import Glibc

/// The reading of one COCO file: windows of whole items, cut by one thread at a time, parsed by several, joined in the
/// order of the file.
struct COCOReading {
    struct Options: Sendable {
        /// Bytes of a window.
        var window = 1 << 20
        var threads = availableProcessors()
        /// Every item takes the slow way. What comes out is the same; for tests.
        var looksAtEach = false
        /// What is not read is kept, too, for a mended copy; then every item takes the slow way.
        var keepsRest = false
    }

    private(set) var root = CJSON_ROOT_UNKNOWN
    /// Names of the root object's members, and whether each is a list.
    private(set) var members: [String: Bool] = [:]
    private(set) var document = COCODocument()

    init(_ path: String, _ content: COCODocument.Content, _ options: Options) throws(Failure) {
        let descriptor = try Files.opened(path)
        defer { close(descriptor) }
        if Files.isFolder(path) { throw .data("\(path) is a folder; a file was expected") }
        posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL)

        let windows = try Windows(descriptor, options.window)
        let pieces = Monitor([Piece]())
        parallelFor(options.threads, threads: options.threads) { _ in
            guard let worker = Worker(content, options) else { return windows.stop(CJSON_NO_MEMORY) }
            while windows.next(&worker.window) {
                let (status, piece) = worker.parse()
                if status != CJSON_DONE { windows.stop(status) }
                pieces.withLock { $0.append(piece) }
            }
        }
        let outcome = windows.outcome
        root = cjson_cutter_root(windows.cutter)
        switch outcome.status {
        case CJSON_DONE: break
        case CJSON_UNREADABLE:
            errno = outcome.error
            throw Files.fault("read", path)
        case CJSON_TOO_LARGE: throw .data("\(path): one item of a list is larger than 1 GiB")
        case CJSON_NO_MEMORY: throw Failure(.device, "\(path): there is not enough memory to read it")
        default:
            try JSON.check(path)  // says what the fault is, and where
            if root != CJSON_ROOT_UNKNOWN { throw .data("\(path): was changed while it was read") }
        }
        var names: [String] = []
        for i in 0..<cjson_member_count(windows.cutter) {
            names.append(String(cString: cjson_member_name(windows.cutter, i)))
            members[names[i]] = cjson_member_is_list(windows.cutter, i) != 0
        }
        var texts = [[String]](repeating: [], count: names.count)
        for piece in pieces.withLock({ $0.sorted { $0.number < $1.number } }) {
            document.rest.add(itemsOf: piece.rest)
            if let other = piece.other { texts[other.member].append(other.text) }
            document.pictures += piece.pictures
            document.categories += piece.categories
            document.segmented += piece.segmented
            document.faults += piece.faults
            if !piece.labels.isEmpty { document.labels.append(piece.labels) }
        }
        guard options.keepsRest else { return }
        for (name, parts) in zip(names, texts) where !["images", "annotations", "categories"].contains(name) {
            // Of a list the windows hold the items, of another value all of it.
            let text = members[name] == true ? "[" + parts.joined(separator: ",") + "]" : parts.joined()
            if name == "info" {
                document.rest.info = try JSON.parse(text, file: path)
            } else {
                document.rest.members.append((name, text))
            }
        }
    }
}

/// The windows of a file, which threads take in turn.
private final class Windows: @unchecked Sendable {
    // @unchecked: the cutter is used under the lock, and by its owner when the threads are done.
    let cutter: OpaquePointer
    private let state = Monitor((status: CJSON_WINDOW, error: Int32(0)))

    init(_ descriptor: Int32, _ target: Int) throws(Failure) {
        guard let cutter = cjson_cutter_new(descriptor, target) else { throw Failure(.device, "out of memory") }
        self.cutter = cutter
    }

    deinit { cjson_cutter_free(cutter) }

    /// False where there is none: at the end, or where something is wrong.
    func next(_ window: inout cjson_window) -> Bool {
        state.withLock { state in
            guard state.status == CJSON_WINDOW else { return false }
            state.status = cjson_next(cutter, &window)
            state.error = errno
            return state.status == CJSON_WINDOW
        }
    }

    /// No thread gets a further window. A fault that was found first stays, but for the end of the file.
    func stop(_ status: cjson_status) {
        state.withLock { if $0.status == CJSON_WINDOW || $0.status == CJSON_DONE { $0.status = status } }
    }

    var outcome: (status: cjson_status, error: Int32) { state.withLock { $0 } }
}

/// What a window holds.
private struct Piece: Sendable {
    var number: Int64
    var pictures: [COCODocument.Picture] = []
    var categories: [COCODocument.Category] = []
    var labels: [COCODocument.Label] = []
    var segmented: [COCODocument.Segmented] = []
    var faults: [ItemFault] = []
    var rest = COCORest()
    /// Items that are of none of the lists that are read, and the member of the root object that they are of.
    var other: (member: Int, text: String)?
}

/// Parses windows, one after another.
private final class Worker {
    var window = cjson_window()
    private let parser: OpaquePointer
    private let content: COCODocument.Content
    private let looksAtEach: Bool
    private let keepsRest: Bool

    init?(_ content: COCODocument.Content, _ options: COCOReading.Options) {
        guard let parser = cjson_parser_new() else { return nil }
        self.parser = parser
        self.content = content
        looksAtEach = options.looksAtEach || options.keepsRest
        keepsRest = options.keepsRest
    }

    deinit {
        cjson_parser_free(parser)
        cjson_window_free(&window)
    }

    /// The items of the window, and CJSON_DONE where it is JSON.
    func parse() -> (cjson_status, Piece) {
        var piece = Piece(number: window.number)
        var count = 0
        let kind = self.kind
        let status = cjson_parse(parser, &window, kind ?? CJSON_CHECK, looksAtEach ? 1 : 0, &count)
        guard status == CJSON_DONE else { return (status, piece) }
        if keepsRest, kind == nil, window.member >= 0 {
            // Without the brackets that a window has around its items.
            let text = UnsafeBufferPointer<UInt8>(start: window.bytes + 1, count: window.length - 2)
            piece.other = (Int(window.member), String(decoding: text, as: UTF8.self))
        }
        do throws(Failure) {
            if kind == CJSON_PICTURES {
                piece.pictures.reserveCapacity(count)
                for (i, record) in UnsafeBufferPointer(start: cjson_pictures(parser), count: count).enumerated() {
                    if record.odd != 0 {
                        try look(record.item, at: i, &piece)
                    } else {
                        let name = String(decoding: bytes(record.name), as: UTF8.self)
                        let size = record.width < 0 ? nil : Size(width: Int(record.width), height: Int(record.height))
                        piece.pictures.append(.init(id: Int(record.id), fileName: name, size: size))
                    }
                }
            } else {
                if kind == CJSON_LABELS || kind == CJSON_DETECTIONS { piece.labels.reserveCapacity(count) }
                for (i, record) in UnsafeBufferPointer(start: cjson_labels(parser), count: count).enumerated() {
                    if record.odd != 0 {
                        try look(record.item, at: i, &piece, record.segmentation)
                    } else {
                        piece.labels.append(label(record, at: i))
                    }
                }
            }
        } catch {
            return (CJSON_FAULT, piece)
        }
        return (CJSON_DONE, piece)
    }

    /// What the items are read as; nil where they are only checked.
    private var kind: cjson_kind? {
        switch (content, cjson_role(UInt32(window.role))) {
        case (.annotations, CJSON_IMAGES), (.panoptic, CJSON_IMAGES): CJSON_PICTURES
        case (.panoptic, CJSON_ANNOTATIONS), (.panoptic, CJSON_CATEGORIES): CJSON_ODD
        case (.annotations, CJSON_ANNOTATIONS): CJSON_LABELS
        case (.annotations, CJSON_CATEGORIES): CJSON_ODD
        case (.results, CJSON_ENTRIES): CJSON_DETECTIONS
        default: nil
        }
    }

    private func bytes(_ span: cjson_span) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: window.bytes + Int(span.start), count: Int(span.length))
    }

    private func place(_ span: cjson_span) -> FileSpan? {
        span.length == 0 ? nil : FileSpan(offset: Int(window.offset) + Int(span.start), length: Int(span.length))
    }

    private func label(_ record: cjson_label, at place: Int) -> COCODocument.Label {
        var label = COCODocument.Label(
            id: Int(record.id), picture: Int(record.image), category: Int(record.category),
            frame: .init(x: record.x, y: record.y, width: record.width, height: record.height),
            score: record.score.isNaN ? nil : record.score, segmentation: self.place(record.segmentation))
        if content == .results {
            label.id = Int(window.first) + place
        } else {
            if record.area >= 0 { label.area = record.area }
            label.isCrowd = record.is_crowd != 0
            label.treatment = record.is_ignored != 0 ? .ignore : .object
        }
        return label
    }

    /// The slow way of an item: by the house's own parser, which knows what to say.
    /// - Throws: where the item is no JSON.
    private func look(
        _ span: cjson_span, at place: Int, _ piece: inout Piece, _ segmentation: cjson_span = cjson_span()
    ) throws(Failure) {
        let json = try JSON.parse(part: bytes(span), depth: 2, file: "")
        func item(_ kind: Item.Kind) -> Item { Item(kind: kind, index: Int(window.first) + place, json: json) }
        // Of values that the item can do without.
        var faults: [ItemFault] = []
        do throws(ItemFault) {
            switch kind {
            case CJSON_PICTURES:
                piece.pictures.append(try item(.image).picture(&faults))
                if keepsRest { piece.rest.add(item(.image)) }
            case CJSON_ODD where window.role == CJSON_ANNOTATIONS.rawValue:
                piece.segmented.append(try item(.annotation).segmented())
            case CJSON_ODD:
                piece.categories.append(try item(.category).category())
                if keepsRest { piece.rest.add(item(.category)) }
            case CJSON_LABELS, CJSON_DETECTIONS:
                if keepsRest { piece.rest.add(item(.annotation)) }
                var label =
                    kind == CJSON_LABELS ? try item(.annotation).label(&faults) : try item(.detection).detection()
                label.segmentation = self.place(segmentation)
                piece.labels.append(label)
            default: break
            }
            piece.faults += faults
        } catch {
            piece.faults.append(error)
        }
    }
}
