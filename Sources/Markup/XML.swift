import CXML

/// An element of an XML document with what is in it.
public struct XMLElement: Sendable {
    /// The tag's name, with its prefix where it has one.
    public let name: String
    /// In the order of the file; names are distinct.
    public internal(set) var attributes: [(name: String, value: String)] = []
    /// The element's own text without spaces at its ends; that of its children is theirs.
    public internal(set) var text = ""
    /// In the order of the file.
    public internal(set) var children: [XMLElement] = []
    /// Where the element begins, from 1.
    public let line: Int

    /// The first child of a name.
    public func first(_ name: String) -> XMLElement? { children.first { $0.name == name } }

    /// The value of an attribute.
    public subscript(_ attribute: String) -> String? { attributes.first { $0.name == attribute }?.value }
}

/// Reading XML as a tree, by expat. A document type declaration is refused, and with it every entity of a file's own;
/// so are more than 64 levels. UTF-8, UTF-16 and Latin-1 are read, as the declaration or a byte-order mark says.
public enum XML {
    private static let deepest = 64

    /// The root element.
    /// - Throws: a fault with line and column.
    public static func parse(_ bytes: [UInt8]) throws(MarkupFault) -> XMLElement {
        try bytes.withUnsafeBufferPointer { buffer throws(MarkupFault) in
            guard let base = buffer.baseAddress, !buffer.isEmpty else {
                throw MarkupFault(line: 1, "the file is empty")
            }
            guard let parser = pupil_xml_new(base, buffer.count, deepest) else {
                fatalError("no memory for an XML parser")
            }
            defer { pupil_xml_free(parser) }
            return try tree(parser)
        }
    }

    private static func tree(_ parser: OpaquePointer) throws(MarkupFault) -> XMLElement {
        var event = pupil_xml_event()
        // The elements that are open, the root first.
        var open: [XMLElement] = []
        var root: XMLElement?
        while true {
            pupil_xml_next(parser, &event)
            switch pupil_xml_kind(UInt32(event.kind)) {
            case PUPIL_XML_ELEMENT:
                open.append(XMLElement(name: text(event.text, event.length), line: event.line))
            case PUPIL_XML_ATTRIBUTE:
                open[open.count - 1].attributes.append(
                    (text(event.text, event.length), text(event.value, event.value_length)))
            case PUPIL_XML_TEXT: open[open.count - 1].text += text(event.text, event.length)
            case PUPIL_XML_ELEMENT_END:
                var done = open.removeLast()
                done.text = trimmed(done.text)
                if open.isEmpty { root = done } else { open[open.count - 1].children.append(done) }
            case PUPIL_XML_END_OF_FILE:
                guard let root else { throw MarkupFault(line: event.line, "has no element") }
                return root
            default:
                throw MarkupFault(line: event.line, column: event.column, text(event.text, event.length))
            }
        }
    }

    private static func text(_ start: UnsafePointer<CChar>?, _ length: Int) -> String {
        String(decoding: UnsafeRawBufferPointer(start: start, count: length), as: UTF8.self)
    }

    private static func trimmed(_ text: String) -> String {
        let isSpace: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
        let utf8 = text.utf8
        guard let first = utf8.first, let last = utf8.last, isSpace(first) || isSpace(last) else { return text }
        let start = utf8.firstIndex { !isSpace($0) } ?? utf8.endIndex
        let end = utf8.lastIndex { !isSpace($0) }.map { utf8.index(after: $0) } ?? start
        return String(text[start..<max(start, end)])
    }
}
