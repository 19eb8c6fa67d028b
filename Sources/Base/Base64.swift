import FoundationEssentials

/// Bytes as text, RFC 4648.
public func base64(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }
