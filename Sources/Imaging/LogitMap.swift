import Base
import CImage
import Geometry

/// Class log-odds that a network gave for a picture, or for a part or a scaled version of it: `[height, width, K]`.
public struct LogitMap: Sendable {
    /// Places in a row.
    public let width: Int
    /// Rows.
    public let height: Int
    /// Row by row, the classes of a place side by side.
    public let values: [Float]
    /// From pixels of the picture to places, both in half-open frames; scales and moves, and may mirror.
    public let map: AffineMap

    /// - Precondition: a value for each place and class; the map keeps axes.
    public init(width: Int, height: Int, classes: Int, values: [Float], map: AffineMap) {
        precondition(
            width > 0 && height > 0 && values.count == width * height * classes && map.isAxisAligned,
            "\(values.count) log-odds are not \(width)x\(height) places of \(classes) classes")
        self.width = width
        self.height = height
        self.values = values
        self.map = map
    }
}

extension LabelMap {
    /// The most probable class of each pixel of a picture: the mean over the maps of the softmax of their bilinear
    /// samples. Made in bands of rows, so that beside the result it takes no memory that grows with the picture.
    ///
    /// - Returns: labels 0..<K and, where it is asked for, the mean probability of the label in whole 256ths, 255 at most:
    ///   a value v says v/256 <= p < (v + 1)/256.
    public static func mostProbable(
        _ maps: [LogitMap], classes: Int, size: Size, wantsConfidence: Bool
    ) -> (labels: LabelMap, confidence: LabelMap?) {
        precondition((1...255).contains(classes) && !maps.isEmpty, "\(maps.count) maps of \(classes) classes")
        let count = size.width * size.height
        var labels = [UInt8](repeating: 0, count: count)
        var confidence = [UInt8](repeating: 0, count: wantsConfidence ? count : 0)
        labels.withUnsafeMutableBufferPointer { labels in
            confidence.withUnsafeMutableBufferPointer { confidence in
                withLogits(maps) { maps in
                    // Bands write their own rows.
                    nonisolated(unsafe) let (out, sure) = (labels.baseAddress, confidence.baseAddress)
                    nonisolated(unsafe) let from = maps
                    let (rows, mapCount) = (16, Int32(maps.count))
                    parallelFor((size.height + rows - 1) / rows) { band in
                        let first = band * rows
                        guard let out, let from = from.baseAddress else { return }
                        let done = pupil_label_rows(
                            from, mapCount, Int32(classes), Int32(size.width), Int32(first),
                            Int32(min(size.height, first + rows)), out + first * size.width,
                            wantsConfidence ? sure.map { $0 + first * size.width } : nil)
                        precondition(done != 0, "out of memory for a band of \(size.width) pixels")
                    }
                }
            }
        }
        return (
            LabelMap(width: size.width, height: size.height, labels: labels),
            wantsConfidence ? LabelMap(width: size.width, height: size.height, labels: confidence) : nil
        )
    }

    private static func withLogits(_ maps: [LogitMap], _ body: (UnsafeBufferPointer<pupil_logits>) -> Void) {
        func add(_ index: Int, _ forC: [pupil_logits]) {
            if index == maps.count { return forC.withUnsafeBufferPointer(body) }
            let map = maps[index]
            map.values.withUnsafeBufferPointer { values in
                guard let base = values.baseAddress else { return }
                add(
                    index + 1,
                    forC + [
                        pupil_logits(
                            logits: base, width: Int32(map.width), height: Int32(map.height), ax: map.map.a,
                            tx: map.map.tx, ay: map.map.d, ty: map.map.ty)
                    ])
            }
        }
        add(0, [])
    }
}
