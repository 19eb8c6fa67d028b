extension String {
    /// With scalars exchanged one by one. (`replacing` looks for whole characters, and one that is to be exchanged may be
    /// part of another: behind U+0600 a "<" is none.)
    public func replacingScalars(_ replacement: (Unicode.Scalar) -> String?) -> String {
        var text = ""
        text.reserveCapacity(utf8.count)
        for scalar in unicodeScalars {
            if let other = replacement(scalar) { text += other } else { text.unicodeScalars.append(scalar) }
        }
        return text
    }

    /// As HTML, between tags or within quotes; as XML, too, where XML has a way to write all of it.
    public var asHTML: String {
        replacingScalars { $0 == "&" ? "&amp;" : $0 == "<" ? "&lt;" : $0 == ">" ? "&gt;" : $0 == "\"" ? "&quot;" : nil }
    }

    /// As a field of a comma-separated file (RFC 4180): quoted where it has to be.
    public var asCSVField: String {
        utf8.contains { $0 == 0x2C || $0 == 0x22 || $0 == 0x0A || $0 == 0x0D }
            ? "\"" + replacingScalars { $0 == "\"" ? "\"\"" : nil } + "\"" : self
    }
}
