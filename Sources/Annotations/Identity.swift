import Base
import Geometry

extension Dataset {
    /// The digest of what the set holds, by which stages that read it are named: classes, and of each picture in order
    /// its relative name, size in bytes, time of change and labels. Pictures are not read. Where the set lies and how
    /// its file is spelled do not count, so a split, a pseudo-labelled set and a copy in memory have identities by the
    /// same rule. That a picture is not there counts, too.
    /// - Throws: `.invalidData` where a mask is not there.
    public var identity: Digest {
        get throws(Failure) {
            var bytes = Array("pupil dataset 1".utf8)
            var hasher = Hasher256()
            bytes.append(number: classes.count)
            for (name, id) in zip(classes.names, classes.ids) {
                bytes.append(text: name)
                bytes.append(number: id)
            }
            if let maskCoding { bytes.append(text: maskCoding.description) }
            for example in examples {
                let stamp = try? Files.stamp(path(of: example))
                bytes.append(text: example.fileName)
                bytes.append(number: stamp?.size ?? -1)
                bytes.append(number: stamp?.modified ?? 0)
                bytes.append(number: example.id)
                bytes.append(number: example.annotations.count)
                for label in example.annotations { label.append(to: &bytes) }
                if let mask = example.mask { try mask.append(to: &bytes) }
                if let target = example.target { target.append(to: &bytes) }
                if bytes.count > 1 << 16 {
                    bytes.withUnsafeBytes { hasher.update($0) }
                    bytes.removeAll(keepingCapacity: true)
                }
            }
            bytes.withUnsafeBytes { hasher.update($0) }
            return hasher.finish()
        }
    }
}

extension Annotation {
    fileprivate func append(to bytes: inout [UInt8]) {
        for side in [box.x1, box.y1, box.x2, box.y2, provenance?.score ?? -1] {
            bytes.append(number: Int(side.bitPattern))
        }
        bytes.append(number: id)
        bytes.append(number: label)
        bytes.append(number: Int(bitPattern: UInt(area.bitPattern)))
        bytes.append(treatment.rawValue)
        bytes.append(isCrowd ? 1 : 0)
    }
}

extension PictureClass {
    fileprivate func append(to bytes: inout [UInt8]) {
        switch self {
        case .hard(let label): bytes.append(number: label)
        case .soft(let soft):
            bytes.append(number: -soft.labels.count)
            for label in soft.labels { bytes.append(number: Int(label)) }
            bytes.append(contentsOf: soft.weights)
        }
    }
}

extension MaskFile {
    /// Its folder does not count, as that of pictures does not.
    fileprivate func append(to bytes: inout [UInt8]) throws(Failure) {
        let stamp = try Files.stamp(path)
        bytes.append(text: Files.name(path))
        bytes.append(number: stamp.size)
        bytes.append(number: stamp.modified)
        for (segment, label) in segments.sorted(by: { $0.key < $1.key }) {
            bytes.append(number: Int(segment))
            bytes.append(label)
        }
    }
}

extension [UInt8] {
    /// Little-endian, 8 bytes.
    fileprivate mutating func append(number: Int) {
        for shift in stride(from: 0, to: 64, by: 8) { append(UInt8(truncatingIfNeeded: number >> shift)) }
    }

    /// The length first, so that no two lists of names have the same bytes.
    fileprivate mutating func append(text: String) {
        append(number: text.utf8.count)
        append(contentsOf: text.utf8)
    }
}
