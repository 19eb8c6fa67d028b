/// What the first bytes of a file say it is.
enum FileKind: Equatable {
    case safetensors
    case zip
    case pickle
    /// None of ours; a guess where there is one, such as "it looks like HDF5".
    case other(guess: String?)

    init(_ bytes: UnsafeRawBufferPointer) {
        func begins(_ text: String, at start: Int = 0) -> Bool {
            bytes.count >= start && bytes[start...].starts(with: text.utf8)
        }
        // Before the others: a header of 640 bytes makes a safetensors file begin as a pickle does.
        if bytes.count > 8, bytes[8] == UInt8(ascii: "{"),
            UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self)) <= SafetensorsHeader.longest
        {
            self = .safetensors
        } else if begins("PK\u{3}\u{4}") || begins("PK\u{5}\u{6}") {
            self = .zip
        } else if bytes.count >= 2, bytes[0] == 0x80, (2...5).contains(bytes[1]) {
            self = .pickle
        } else if bytes.starts(with: [0x89, 0x48, 0x44, 0x46]) {
            self = .other(guess: "it looks like HDF5")
        } else if begins("version https://git-lfs") {
            self = .other(guess: "it is a Git LFS pointer: fetch the file itself")
        } else if begins("<") {
            self = .other(guess: "it looks like a web page")
        } else if bytes.starts(with: [0x93] + Array("NUMPY".utf8)) {
            self = .other(guess: "it looks like a numpy array")
        } else if bytes.starts(with: [0x1f, 0x8b]) {
            self = .other(guess: "it is compressed by gzip: unpack it first")
        } else if begins("ustar", at: 257) {
            self = .other(guess: "it looks like a tar archive: unpack it first")
        } else if begins("model_checkpoint_path:")
            || bytes.count >= 8
                && bytes[(bytes.count - 8)...].elementsEqual([0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb])
        {
            self = .other(guess: "it looks like part of a TensorFlow checkpoint")
        } else if bytes.isEmpty {
            self = .other(guess: "it is empty")
        } else {
            self = .other(guess: nil)
        }
    }

    /// What a file that was to be safetensors looks like, for the end of a message.
    var insteadOfSafetensors: String {
        switch self {
        case .zip: " (it looks like a zip archive, as torch.save writes)"
        case .pickle: " (it looks like a Python pickle, as old torch.save wrote)"
        case .other(let guess?) where guess != "it is empty": " (\(guess))"
        case .safetensors, .other: ""
        }
    }
}
